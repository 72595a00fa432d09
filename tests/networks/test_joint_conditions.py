"""Conditions that couple height and width, met again and again: as few boxes as say them, and the sizes that the layers take."""

from __future__ import annotations

from itertools import product

import pytest

import convwise as cw
from convwise.errors import ShapeError
from convwise.sizes import JointSet, SizeSet

BLOCK = "nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8)"
HALVED = "nn.Conv2d(8, 8, 3, stride=2, padding=(1, 0)), nn.InstanceNorm2d(8)"
BARE = "nn.Conv2d(8, 8, (2, 3)), nn.InstanceNorm2d(8)"
NETS = {
    "mirrored blocks": (BLOCK, 18, "height: n >= 2\nwidth: n >= 2"),
    "halved": (
        HALVED,
        3,
        "height: every n\nwidth: n >= 15\ntogether: height x width in {n >= 9} x {n >= 15} or {every n} x {n >= 23}",
    ),
    "no padding": (
        BARE,
        4,
        "height: n >= 5\nwidth: n >= 9\ntogether: height x width in {n >= 6} x {n >= 9} or {n >= 5} x {n >= 10}",
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_normalising_more_than_one_value_is_said_once(name: str) -> None:
    layers, times, text = NETS[name]
    network = cw.read(f"nn.Sequential({', '.join([layers] * times)})")
    legal = network.legal_sizes()
    assert str(legal) == text
    assert legal.exact
    for sizes in product(range(1, 26), range(1, 26)):
        errors = [one for one in network.check((1, 8, *sizes)) if one.level == "error"]
        assert legal.takes(sizes) is not bool(errors), (sizes, errors)


def test_a_condition_that_others_imply_gives_no_reason() -> None:
    legal = cw.read(f"nn.Sequential({BLOCK}, {BLOCK})").legal_sizes()
    assert [str(reason) for reason in legal["height"].reasons] == ["0: reflect padding needs n >= 2"]


def test_boxes_that_lie_in_others_go() -> None:
    names, every = ("height", "width"), SizeSet.every()
    either = JointSet(names, ((SizeSet.from_start(2), every), (every, SizeSet.from_start(3))))
    assert (either & either).boxes == either.boxes
    wider = JointSet(names, ((SizeSet.from_start(2), every), (every, SizeSet.from_start(2))))
    both = either & wider
    assert len(both.boxes) == 2
    for sizes in product(range(1, 6), range(1, 6)):
        assert (sizes in both) is (sizes in either and sizes in wider)


HEAD = """
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.InstanceNorm1d(2)

    def forward(self, x):
        x = self.conv(x)
"""
FUNCTIONS = {
    "instance": "F.instance_norm(x)",
    "with an affine part": "F.instance_norm(x, weight=torch.ones(8), bias=torch.zeros(8))",
    "group": "F.group_norm(x, 8)",
    "group without a shift": "F.group_norm(x, 8, torch.ones(8))",
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_that_normalise_ask_what_the_layers_ask(name: str) -> None:
    network = cw.read(HEAD + f"        return {FUNCTIONS[name]}\n")
    legal = network.legal_sizes()
    for sizes in product(range(1, 8), range(1, 8)):
        errors = [one.code for one in network.check((1, 3, *sizes)) if one.level == "error"]
        assert legal.takes(sizes) is not bool(errors), (sizes, errors)
    with pytest.raises(ShapeError, match="has no spread to normalise by") as caught:
        network.trace((1, 3, 3, 4))
    assert "Expected more than 1" in caught.value.quote


def test_a_function_whose_groups_do_not_divide_stays_an_error() -> None:
    network = cw.read(HEAD + "        return F.group_norm(x, 3)\n")
    assert [one.code for one in network.check((1, 3, 9, 10)) if one.level == "error"] == ["CW105"]


def test_several_values_by_the_channels_alone_ask_nothing_of_the_size() -> None:
    legal = cw.read(HEAD + "        return self.norm(x.reshape(x.shape[0], 2, -1))\n").legal_sizes()
    assert legal.joint is None
    assert legal.takes((3, 4))


def test_values_that_several_places_share_are_not_counted_for_sure() -> None:
    """Of height times width four go to each place, so that one axis alone does not tell how many values there are."""
    network = cw.read(HEAD + "        return self.norm(F.adaptive_avg_pool2d(x, (None, None)).reshape(64, 2, -1))\n")
    assert not network.legal_sizes().exact
