"""einsum, topk and recurrences: sizes that meet must fit, and cells that are chosen must be there, as torch 2.13 and onnxruntime have it."""

from __future__ import annotations

import time

import pytest

import convwise as cw
from convwise.answers.network.fields_several import follow_fields
from convwise.answers.network.flowing import run
from convwise.answers.network.symbolic import follow
from convwise.ops import Shape
from convwise.ops.several import Recurrent

NET = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, {a}, 3, padding=1)
        self.b = nn.Conv2d(3, {b}, 3, padding={padding})

    def forward(self, x):
        return torch.einsum({equation!r}, self.a(x), self.b(x))
"""


def net(equation: str, a: int, b: int, padding: int = 1) -> cw.Network:
    return cw.read(NET.format(equation=equation, a=a, b=b, padding=padding), input_shape=(1, 3, 16, 16))


def test_sizes_of_a_letter_that_differ_are_refused() -> None:
    network = net("bchw,bchw->bhw", 8, 4)
    with pytest.raises(cw.ShapeError, match="c is 8 in one tensor and 4 in another, in bchw,bchw->bhw") as refused:
        network.trace((1, 3, 16, 16))
    assert refused.value.code == "CW109"
    words = "subscript c has size 4 for operand 1 which does not broadcast with previously seen size 8"
    assert words in refused.value.quote
    legal = network.legal_sizes()
    assert str(legal) == "height: no size\nwidth: no size"
    assert legal.exact


def test_a_size_of_one_is_broadcast() -> None:
    assert net("bchw,bchw->bhw", 8, 1).trace((1, 3, 16, 16)).outputs["einsum"] == (1, 16, 16)
    assert net("bchw,bcij->bhwij", 1, 2).trace((1, 3, 5, 4)).outputs["einsum"] == (1, 5, 4, 5, 4)


def test_sizes_of_the_input_that_meet_are_compared() -> None:
    # 16 cells meet 14, and only a size of 3 leaves one cell beside three.
    network = net("bchw,bchw->bhw", 8, 8, padding=0)
    assert str(network.legal_sizes()) == "height: n in {3}\nwidth: n in {3}"
    assert network.legal_sizes().exact
    assert network.trace((1, 3, 3, 3)).outputs["einsum"] == (1, 3, 3)


def test_a_letter_for_each_axis() -> None:
    with pytest.raises(cw.ShapeError, match="'bch' names 3 axes, and the tensor has 4"):
        net("bch,bchw->bhw", 8, 8).trace((1, 3, 16, 16))
    assert str(net("bch,bchw->bhw", 8, 8).legal_sizes()) == "height: no size\nwidth: no size"
    with pytest.raises(cw.ShapeError, match="i is 16 and 15 in one tensor"):
        net("bcii,bchw->bihw", 8, 8).trace((1, 3, 16, 15))


def test_an_axis_that_is_summed_over_is_seen_whole() -> None:
    network = net("bchw,bchk->bwk", 8, 8)
    fields = follow_fields(run(network, (1, 3, 16, 16)), follow(network).keys).tensors[network.outputs[0]]
    batch, left, right = fields.axes
    assert batch is None
    assert left is not None
    assert right is not None
    assert 0 in fields.whole


def test_a_divisor_shared_by_four_axes_is_told_soon() -> None:
    text = NET.replace("return torch.einsum({equation!r}, self.a(x), self.b(x))", "{forward}")
    forward = "y = self.a(x)\n        return torch.einsum('bchw,bcij->bhwij', y, y).reshape(-1, 1764)"
    network = cw.read(text.format(forward=forward, a=8, b=8, padding=1), input_shape=(1, 3, 14, 15))
    before = time.perf_counter()
    legal = network.legal_sizes()
    assert time.perf_counter() - before < 2
    assert len(str(legal)) < 500
    assert all(legal.takes((h, w)) == (h * h * w * w % 1764 == 0) for h in range(1, 90) for w in range(1, 90, 7))


CHOOSING = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 1)

    def forward(self, x):
        x = self.c(x)
        return {given}
"""


@pytest.mark.parametrize(
    ("given", "height", "words", "out"),
    [
        ("x.topk(5, dim=2)[0]", "n >= 5", "selected index k out of range", (1, 8, 5, 16)),
        ("x.kthvalue(7, 2)[0]", "n >= 7", "kthvalue(): selected number k out of range for dimension 2", (1, 8, 16)),
        ("torch.kthvalue(x, 3, 2, keepdim=True)[0]", "n >= 3", "selected number k out of range", (1, 8, 1, 16)),
        ("x.topk(min(5, x.shape[2]), dim=2)[0]", "every n", None, (1, 8, 5, 16)),
        ("x.mode()[0]", "every n", None, (1, 8, 16)),
        ("x.cummax(2)[0]", "every n", None, (1, 8, 16, 16)),
    ],
)
def test_cells_that_are_chosen_must_be_there(given: str, height: str, words: str | None, out: Shape) -> None:
    network = cw.read(CHOOSING.format(given=given), input_shape=(1, 3, 16, 16))
    assert list(network.trace((1, 3, 16, 16)).outputs.values()) == [out]
    legal = network.legal_sizes()
    assert str(legal["height"]) == height
    assert legal.exact
    if words is not None:
        with pytest.raises(cw.ShapeError, match="asked for, and axis 2 has 2") as refused:
            network.trace((1, 3, 2, 16))
        assert words in refused.value.quote


def test_cells_of_several_axes_are_not_claimed_to_be_there() -> None:
    network = cw.read(CHOOSING.format(given="x.flatten(1).topk(50, dim=-1)[0]"), input_shape=(1, 3, 16, 16))
    assert not network.legal_sizes().exact
    with pytest.raises(cw.ShapeError, match="cells 0 to 50 are asked for, and axis 1 has 32"):
        network.trace((1, 3, 2, 2))


def test_channels_that_are_not_there_are_refused_for_every_size() -> None:
    network = cw.read(CHOOSING.format(given="x.topk(9, dim=1)[0]"), input_shape=(1, 3, 16, 16))
    assert str(network.legal_sizes()) == "height: no size\nwidth: no size"


@pytest.mark.parametrize(
    ("shape", "shapes"),
    [((2, 7, 16), ((2, 7, 10), (4, 2, 5), (4, 2, 6))), ((7, 16), ((7, 10), (4, 5), (4, 6)))],
)
def test_a_recurrence_gives_its_sequence_and_then_its_states(shape: Shape, shapes: tuple[Shape, ...]) -> None:
    assert Recurrent(16, 10, (5, 6), 4, batch_first=True).flows((shape,)) == shapes


def test_a_recurrence_takes_its_features_alone() -> None:
    work = Recurrent(16, 5, (5, 5), 1)
    with pytest.raises(cw.ShapeError, match="it takes 16 features, and the last axis has 17") as refused:
        work.flows(((2, 7, 17),))
    assert refused.value.quote == "input.size(-1) must be equal to input_size. Expected 16, got 17"
    with pytest.raises(cw.ShapeError, match="takes 2 axes, or 3 with a batch, and the tensor has 4"):
        work.flows(((1, 2, 7, 16),))


@pytest.mark.parametrize(
    ("sizes", "height", "refused"),
    [
        ("[h // 2, h // 2]", "every even n", "elements do not fit into"),
        ("[h // 2, h - h // 2]", "every n", None),
        ("[h - 6, 6]", "n >= 6", "cells 0 to 6 are asked for, and axis 2 has 5"),
    ],
)
def test_computed_pieces_make_up_the_axis(sizes: str, height: str, refused: str | None) -> None:
    forward = f"(lambda h: x.split({sizes}, 2)[0])(x.shape[2])"
    network = cw.read(CHOOSING.format(given=forward), input_shape=(1, 3, 16, 16))
    assert str(network.legal_sizes()["height"]) == height
    assert network.legal_sizes().exact
    if refused is not None:
        with pytest.raises(cw.ShapeError, match=refused):
            network.trace((1, 3, 5, 16))


def test_narrow_counted_from_the_back_starts_inside() -> None:
    network = cw.read(CHOOSING.format(given="x.narrow(2, -3, 2)"), input_shape=(1, 3, 16, 16))
    assert str(network.legal_sizes()["height"]) == "n >= 3"
    assert network.legal_sizes().exact
    with pytest.raises(cw.ShapeError, match="cell -1 is the first that is asked for, and axis 2 has 2"):
        network.trace((1, 3, 2, 16))


def test_cells_that_a_tensor_chooses_are_not_claimed_to_be_there() -> None:
    given = "torch.gather(x, 3, torch.zeros(1, 8, 5, 7))"
    network = cw.read(CHOOSING.format(given=given), input_shape=(1, 3, 16, 16))
    way = "on the branch that was read (not exact)"
    assert str(network.legal_sizes()) == f"height: n >= 5 {way}\nwidth: every n {way}"
    with pytest.raises(cw.ShapeError, match="cells 0 to 5 are asked for, and axis 2 has 4"):
        network.trace((1, 3, 4, 7))
    assert [note.code for note in network.notes] == ["CW422"]
