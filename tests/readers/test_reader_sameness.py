"""Conditions on classes and attributes, functools.partial, and numbers from math: what constructors of real models decide by."""

from __future__ import annotations

import pytest
from readers.test_reader_branches import module, refused

from convwise.readers.models import read

NORM = """
import functools
import torch.nn as nn
class Block(nn.Module):
    def __init__(self, norm_layer=nn.BatchNorm2d):
        super().__init__()
        if type(norm_layer) == functools.partial:
            use_bias = norm_layer.func == nn.InstanceNorm2d
        else:
            use_bias = norm_layer == nn.InstanceNorm2d
        self.conv = nn.Conv2d(3, 8, 3, bias=use_bias)
        self.norm = norm_layer(8)
    def forward(self, x):
        return self.norm(self.conv(x))
model = Block({})
"""


@pytest.mark.parametrize(
    ("norm", "parameters"),
    [
        ("", 216 + 16),
        ("nn.InstanceNorm2d", 224),
        ("functools.partial(nn.InstanceNorm2d, affine=True)", 224 + 16),
        ("functools.partial(nn.BatchNorm2d, affine=False)", 216),
    ],
)
def test_a_bias_follows_from_the_norm_that_was_given(norm: str, parameters: int) -> None:
    """The official pix2pix and CycleGAN; the numbers are PyTorch's."""
    assert read(NORM.format(norm)).trace((1, 3, 9, 10)).totals.params == parameters


@pytest.mark.parametrize("held", ["self.ds = nn.Conv2d(8, 8, 2, padding=1)", "self.other = 3"])
def test_hasattr_and_getattr_look_at_what_the_constructor_put_there(held: str) -> None:
    first = f"self.conv = nn.Conv2d(3, 8, 3)\n        {held}"
    expected = (1, 8, 8, 9) if "ds" in held else (1, 8, 7, 8)
    for way in (
        "x = self.conv(x)\nreturn self.ds(x) if hasattr(self, 'ds') else x",
        "x = self.conv(x)\nif hasattr(self, 'ds'):\n    x = self.ds(x)\nreturn x",
        "return getattr(self, 'ds', nn.Identity())(self.conv(x))",
    ):
        assert read(module(way, first=first)).trace((1, 3, 9, 10)).rows[-1].output == expected, way


def test_an_expression_of_two_ways_is_in_doubt_where_nobody_knows_which_one_is_taken() -> None:
    """A layer of one of them was left out, and what came of it taken for a number."""
    error = refused(module("x = self.conv(x)\nreturn x + (self.conv(x) if FLAGS.deep else x)"))
    assert (error.code, "FLAGS.deep" in error.fact) == ("CW315", True)


@pytest.mark.parametrize(
    ("expression", "channels"),
    [
        ("int(math.sqrt(64))", 8),
        ("int(math.log(8, 2))", 3),
        ("int(math.log2(4)) * 2", 4),
        ("int(np.log2(32))", 5),
        ("np.prod([2, 3])", 6),
        ("math.gcd(12, 18)", 6),
        ("int(math.pi)", 3),
    ],
)
def test_numbers_are_computed_as_math_does(expression: str, channels: int) -> None:
    text = module("return self.conv(x)", first=f"self.conv = nn.Conv2d(3, {expression}, 3)")
    assert read(text).trace((1, 3, 9, 10)).rows[-1].output == (1, channels, 7, 8)


@pytest.mark.parametrize(
    "expression", ["int(math.sqrt(-1))", "int(math.exp(9999))", "math.gcd(1.5, 2)", "int(math.log(0))"]
)
def test_numbers_that_do_not_exist_are_not_in_the_text(expression: str) -> None:
    assert refused(module("return self.conv(x)", first=f"self.conv = nn.Conv2d(3, {expression}, 3)")).code == "CW314"


def test_partial_layers_stand_for_layers_of_either_framework() -> None:
    """Keras's own book makes its ResNet of a partial Conv2D."""
    keras = """
from functools import partial
import keras
Conv = partial(keras.layers.Conv2D, kernel_size=3, padding="same", use_bias=False)
model = keras.Sequential([keras.layers.Input((9, 10, 3)), Conv(8, strides=2), Conv(filters=4, kernel_size=1)])
"""
    traced = read(keras).trace()
    assert traced.rows[-1].output == (None, 5, 5, 4)
    assert traced.totals.params == 216 + 32
