"""Conditions that couple height and width, met again and again: as few boxes as say them, and the sizes that the layers take."""

from __future__ import annotations

from itertools import product

import pytest

import convwise as cw
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
