"""Spelling ops as PyTorch's calls and changing the user's own call."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from torch_cases import random_case
from torch_text import parse_call

from convwise.axis import SAME_UPPER, Pads, Window
from convwise.dialects.base import Call, Unknown
from convwise.dialects.torch import read, respell, spell
from convwise.errors import ConvwiseError, Refusal
from convwise.ops import Conv, Crop, GlobalPool, Norm, Pointwise, Pool, Reshape, Resize


def test_reading_what_was_spelled_gives_the_same_ops():
    rng = Random(71)
    kinds = set()
    for _ in range(4000):
        case = random_case(rng)
        try:
            layer = read(case.call)
        except ConvwiseError:
            continue
        text = spell(layer.ops)
        assert repr(read(parse_call(text)).ops) == repr(layer.ops), f"{case.text} -> {text}"
        kinds.add(case.kind)
    assert len(kinds) > 100


@pytest.mark.parametrize(
    "text",
    [
        "nn.Conv2d(3, 16, 3, stride=2, padding=1)",
        "nn.Conv2d(4, 8, (3, 5), dilation=2, groups=2, bias=False, padding_mode='circular')",
        "nn.Conv1d(3, 16, 4, padding='same')",
        "nn.LazyConv2d(16, 3)",
        "nn.ConvTranspose2d(3, 16, 3, stride=2, padding=1, output_padding=1)",
        "nn.MaxPool2d(2)",
        "nn.MaxPool2d(3, stride=2, padding=1)",
        "nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)",
        "nn.AdaptiveAvgPool2d(1)",
        "nn.AdaptiveAvgPool2d((None, 7))",
        "nn.LPPool2d(2, 3)",
        "nn.ZeroPad2d((0, 1, 0, 1))",
        "nn.ReflectionPad1d(2)",
        "nn.ConstantPad2d(1, 3.5)",
        "nn.Upsample(scale_factor=2)",
        "nn.Upsample(size=(5, 6), mode='bilinear', align_corners=True)",
        "nn.PixelShuffle(3)",
        "nn.Flatten()",
        "nn.Flatten(0)",
        "nn.Unflatten(1, (4, 2))",
        "nn.Linear(400, 10)",
        "nn.Linear(400, 10, bias=False)",
        "nn.BatchNorm2d(16)",
        "nn.BatchNorm2d(16, eps=0.001)",
        "nn.LayerNorm((5, 10))",
        "nn.RMSNorm(8)",
        "nn.GroupNorm(4, 8)",
        "nn.ReLU()",
        "nn.LeakyReLU(0.2)",
        "nn.Hardtanh(max_val=2.0)",
        "nn.Softmax(dim=1)",
        "nn.Dropout(0.2)",
        "nn.Dropout()",
        "nn.GLU()",
        "nn.Identity()",
    ],
)
def test_the_shortest_natural_call(text):
    assert spell(read(parse_call(text)).ops) == text


def test_longer_calls_become_short():
    assert (
        spell(read(parse_call("nn.Conv2d(in_channels=3, out_channels=16, kernel_size=(3, 3), stride=(1, 1))")).ops)
        == "nn.Conv2d(3, 16, 3)"
    )
    assert spell(read(parse_call("nn.MaxPool2d((2, 2), (2, 2), 0, 1, False, False)")).ops) == "nn.MaxPool2d(2)"


def test_ops_of_another_framework():
    same = Conv((Window(3, padding=SAME_UPPER),) * 2, 3, 16)
    assert spell((same,)) == "nn.Conv2d(3, 16, 3, padding=1)"
    assert spell((Crop((Pads(1, 2), Pads(3, 4))),)) == "nn.ZeroPad2d((-3, -4, -1, -2))"
    assert spell((GlobalPool("average", 2, True),)) == "nn.AdaptiveAvgPool2d(1)"
    assert spell((GlobalPool("average", 2),)) == "x.mean((2, 3))"
    assert spell((Resize(scales=(Fraction(2), Fraction(2))),)) == "nn.Upsample(scale_factor=2)"
    assert spell((Reshape((7, 7, 32)),)) == "x.view(x.size(0), 7, 7, 32)"
    assert spell((same, Pointwise("relu"))) == "nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU())"
    assert spell((Pointwise("softmax", (("axis", -1),)),), True) == "nn.Softmax(dim=1)"


@pytest.mark.parametrize(
    ("op", "code", "says"),
    [
        (
            Conv((Window(3, 2, padding=SAME_UPPER),) * 2, 3, 16),
            "CW202",
            "padding='same' is not supported for strided convolutions",
        ),
        (Conv((Window(3, 2, padding=Pads(0, 1)),) * 2, 3, 16), "CW209", "put nn.ZeroPad2d((0, 1, 0, 1)) before it"),
        (Pool("max", (Window(3, 2, padding=Pads(0, 1)),)), "CW209", "nn.ConstantPad1d((0, 1), float('-inf'))"),
        (Conv((Window(3),) * 2, None, None, None, multiplier=2), "CW209", "groups=in_channels"),
        (Pool("max", (Window(3, padding=Pads(2, 2)),)), "CW209", "more than half of kernel_size=3"),
        (Norm("batch", 4, scale=False), "CW209", "no shift without a scale"),
        (Pointwise("sparsemax"), "CW209", "no layer for 'sparsemax'"),
        (Norm("layer", None, axes=(-1,)), "CW209", "needs the sizes of the axes"),
        (Resize(sizes=(4, 5), mode="lanczos5"), "CW209", "no resizing of mode"),
    ],
)
def test_what_cannot_be_said(op, code, says):
    with pytest.raises(Refusal) as caught:
        spell((op,))
    assert caught.value.code == code
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "changes", "result"),
    [
        ("nn.Conv2d(3,16,3,stride=2,padding=0)", {"padding": 1}, "nn.Conv2d(3, 16, 3, stride=2, padding=1)"),
        ("nn.Conv2d(3, 16, 3, stride=2, padding=0)", {"stride": 1}, "nn.Conv2d(3, 16, 3, padding=0)"),
        ("torch.nn.Conv2d(3, 16, 3, 2, 1)", {"padding": 0}, "torch.nn.Conv2d(3, 16, 3, 2)"),
        ("torch.nn.Conv2d(3, 16, 3, 2, 1, 2)", {"padding": 0}, "torch.nn.Conv2d(3, 16, 3, 2, 0, 2)"),
        (
            "Conv2d(in_channels=3, out_channels=16, kernel_size=(3, 3))",
            {"kernel_size": (5, 5)},
            "Conv2d(in_channels=3, out_channels=16, kernel_size=(5, 5))",
        ),
        (
            "nn.Conv2d(3, 0x10, 3)",
            {"bias": False, "dilation": (2, 1)},
            "nn.Conv2d(3, 0x10, 3, bias=False, dilation=(2, 1))",
        ),
        ("nn.MaxPool2d(3, stride=2)", {"stride": None}, "nn.MaxPool2d(3)"),
        ("nn.Linear(1050, 10)", {"in_features": 1568}, "nn.Linear(1568, 10)"),
    ],
)
def test_respell_keeps_the_users_style(text, changes, result):
    assert respell(read(parse_call(text)), changes) == result


def test_respell_without_the_text():
    layer = read(Call("Conv2d", (Unknown("in_ch"), 16, 3), (("stride", 2),)))
    assert respell(layer, {"padding": 1}) == "nn.Conv2d(in_ch, 16, 3, stride=2, padding=1)"
    same = read(Call("MaxPool2d", (2,), (), "F.max_pool2d(x, 2)"))
    assert respell(same, {"kernel_size": 3}) == "nn.MaxPool2d(3)"


def test_respell_what_pytorch_refused():
    """A refused call has no layer, but its repair starts from the same words."""
    text = "nn.Conv2d(3, 16, 3, stride=2, padding='same')"
    legal = read(Call("Conv2d", (3, 16, 3), (("stride", 2), ("padding", 0)), text))
    assert respell(legal, {"padding": 1}) == "nn.Conv2d(3, 16, 3, stride=2, padding=1)"
