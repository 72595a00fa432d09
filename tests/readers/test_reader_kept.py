"""Parameters, buffers and constant arrays in a text's arithmetic: their shapes are conditions, and parameters are counted.

The shapes and counts are those that PyTorch 2.13 gives for the same modules.
"""

from __future__ import annotations

import pytest
from readers.test_reader_branches import module

import convwise as cw
from convwise.errors import CodeError, ShapeError
from convwise.readers.models import read

PATCHES = """
import torch
import torch.nn as nn
class PatchEmbed(nn.Module):
    def __init__(self, img=32, patch=4, dim=64):
        super().__init__()
        self.proj = nn.Conv2d(3, dim, patch, stride=patch)
        self.pos = nn.Parameter(torch.zeros(1, (img // patch) ** 2, dim))
        self.head = nn.Linear(dim, 10)
    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        x = x + self.pos
        return self.head(x.mean(1))
"""


def test_a_position_embedding_limits_the_input_and_is_counted() -> None:
    network = read(PATCHES)
    assert network.trace((1, 3, 32, 32)).totals.params == 7_882
    legal = network.legal_sizes()
    assert legal.exact
    assert legal.takes((32, 32))
    assert legal.takes((4, 256))
    assert not legal.takes((64, 64))
    assert not legal.takes((32, 36))
    (wrong,) = [one for one in network.check((1, 3, 64, 64)) if one.level == "error"]
    assert wrong.code == "CW110"
    assert wrong.text.startswith("'add' (+) at line 12: add of sizes 64 and 256 on axis 1")


@pytest.mark.parametrize(
    ("made", "params"),
    [
        ("self.g = nn.Parameter(torch.ones(1, 16, 1, 1))", 240),
        ("self.g = nn.Parameter(0.1 * torch.randn(16, 1, 1), requires_grad=False)", 240),
        ("self.register_buffer('g', torch.zeros(16, 1, 1))", 224),
        ("self.register_parameter('g', nn.Parameter(torch.empty(16, 1, 1)))", 240),
        ("self.g = torch.ones(16, 1, 1)", 224),
    ],
)
def test_sixteen_gains_go_with_sixteen_channels_alone(made: str, params: int) -> None:
    text = module("return self.conv(x) * self.g", first=f"self.conv = nn.Conv2d(3, 8, 3); {made}")
    network = read(text)
    with pytest.raises(ShapeError, match="mul of sizes 8 and 16 on axis 1"):
        network.trace((1, 3, 16, 16))
    assert not network.legal_sizes()["height"]
    fitting = read(text.replace("16", "8"))
    assert fitting.trace((1, 3, 16, 16)).totals.params == params - 8 * (params > 224)
    assert str(fitting.legal_sizes()["height"]) == "n >= 3"
    assert fitting.legal_sizes().exact


def test_a_layer_scale_is_counted_once() -> None:
    first = "self.c = nn.Conv2d(8, 8, 3, padding=1); self.g = nn.Parameter(1e-6 * torch.ones(8, 1, 1))"
    once = read(module("return x + self.g * self.c(x)", first=first))
    twice = read(module("x = x + self.g * self.c(x)\nreturn x + self.g * self.c(x)", first=first))
    assert once.trace((1, 8, 16, 16)).totals.params == 592
    assert twice.trace((1, 8, 16, 16)).totals.params == 592


def test_one_gain_for_all_is_counted_and_limits_nothing() -> None:
    first = "self.c = nn.Conv2d(3, 8, 3); self.g = nn.Parameter(torch.tensor(1.0))"
    network = read(module("return self.g * self.c(x)", first=first))
    assert network.trace((1, 3, 16, 16)).totals.params == 225
    assert network.legal_sizes().exact


def test_a_class_token_goes_before_the_patches() -> None:
    first = "self.c = nn.Conv2d(3, 8, 4, stride=4); self.cls = nn.Parameter(torch.zeros(1, 1, 8)); self.pos = nn.Parameter(torch.zeros(1, 17, 8))"
    forward = "x = self.c(x).flatten(2).transpose(1, 2)\nx = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos\nreturn x[:, 0]"
    network = read(module(forward, first=first))
    assert network.trace((2, 3, 16, 16)).totals.params == 392 + 8 + 17 * 8
    with pytest.raises(ShapeError, match="add of sizes 17 and 33 on axis 1"):
        network.trace((1, 3, 32, 16))


def test_a_parameter_that_goes_into_a_layer_is_counted_beside_it() -> None:
    first = "self.q = nn.Parameter(torch.zeros(1, 5, 3)); self.l = nn.Linear(3, 6); self.conv = nn.Conv2d(3, 8, 3)"
    network = read(module("return self.conv(x), self.l(self.q)", first=first))
    assert network.trace((1, 3, 16, 16)).totals.params == 224 + 15 + 24


def test_an_array_whose_shape_the_text_does_not_give_is_asked_for() -> None:
    first = "self.conv = nn.Conv2d(3, 8, 3); self.g = nn.Parameter(gains())"
    with pytest.raises(CodeError, match=r"the text does not give the shape of nn\.Parameter\(gains\(\)\)") as caught:
        read(module("return self.conv(x) * self.g", first=first))
    assert caught.value.code == "CW314"


def test_what_may_be_an_array_is_taken_for_a_number_with_a_note_and_no_exact_sizes() -> None:
    network = read(module("return self.conv(x) * self.scale"))
    assert [(note.code, note.text) for note in network.notes] == [
        ("CW314", "self.scale is taken for a number: the text does not say what it is")
    ]
    legal = network.legal_sizes()
    assert not legal.exact
    assert str(legal).splitlines()[0] == "height: n >= 3 as the text was read (not exact)"
    counted = read(module("return self.conv(x) / math.sqrt(self.width)"))
    assert not counted.notes
    assert counted.legal_sizes().exact


def test_an_array_made_up_in_the_forward_is_no_input() -> None:
    network = read(module("return torch.index_select(self.conv(x), 1, torch.tensor([0, 2]))"))
    assert [one.name for one in network.sources] == ["x"]
    assert network.trace((1, 3, 16, 16)).rows[-1].output == (1, 2, 14, 14)
    shifted = read(module("return self.conv(x - torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 4, 1, 1))"))
    with pytest.raises(ShapeError, match="sub of sizes 3 and 4 on axis 1"):
        shifted.trace((1, 3, 16, 16))


def test_weights_of_keras_are_counted_too() -> None:
    text = """
import keras
class Gain(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(8, 3)
        self.gain = self.add_weight(shape=(8,))
    def call(self, x):
        return self.conv(x) * self.gain
"""
    assert cw.read(text, input_shape=(1, 16, 16, 3)).trace().totals.params == 224 + 8
