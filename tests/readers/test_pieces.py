"""chunk on an axis of open size: small sizes give fewer pieces, as torch 2.13 cuts them."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.answers.network.fields_several import follow_fields
from convwise.answers.network.flowing import run
from convwise.answers.network.symbolic import follow
from convwise.answers.network.symbolic_pieces import piece_of
from convwise.errors import ShapeError
from convwise.ops.several import Chunk, Split
from convwise.sizes import identity

NET = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 1)

    def forward(self, x):
        {forward}
"""


def net(forward: str) -> cw.Network:
    return cw.read(NET.format(forward=forward.replace("; ", "\n        ")), input_shape=(1, 3, 16, 16))


def cut(size: int, parts: int) -> list[int]:
    """The pieces that chunk gives."""
    piece = -(-size // parts)
    return [min(piece, size - start) for start in range(0, size, piece)]


@pytest.mark.parametrize("parts", range(1, 8))
def test_a_piece_is_there_or_not_as_the_map_says(parts: int) -> None:
    for number in range(-parts - 1, parts + 1):
        after = piece_of(Chunk(0, parts, number), identity())
        for size in range(1, 60):
            pieces = cut(size, parts)
            expected = pieces[number] if -len(pieces) <= number < len(pieces) else None
            assert after(size) == expected
            if expected is not None:
                assert Chunk(0, parts, number).flows(((size,),)) == ((expected,),)


@pytest.mark.parametrize(
    ("forward", "height", "shapes"),
    [
        ("return self.c(x.chunk(3, dim=2)[-1])", "every n", {16: 4, 1: 1, 2: 1, 4: 2, 7: 1}),
        ("p = self.c(x).chunk(4, dim=2); return p[-2]", "n >= 2", {16: 4, 1: None, 2: 1, 7: 2}),
        ("return torch.chunk(x, 3, dim=2)[2]", "n >= 5, and 3", {16: 4, 1: None, 3: 1, 4: None}),
        ("a, b = torch.chunk(self.c(x), 2, dim=2); return torch.cat([a, b], 2)", "n >= 2", {16: 16, 1: None, 2: 2}),
        ("a, _, b = self.c(x).chunk(3, 2); return a", "n >= 5, and 3", {16: 6, 4: None, 5: 2}),
    ],
)
def test_pieces_by_number_and_taken_apart(forward: str, height: str, shapes: dict[int, int | None]) -> None:
    network = net(forward)
    legal = network.legal_sizes()
    assert str(legal["height"]) == height
    assert legal.exact
    for size, expected in shapes.items():
        if expected is None:
            with pytest.raises(ShapeError, match="asked for"):
                network.trace((1, 3, size, 16))
        else:
            (out,) = network.trace((1, 3, size, 16)).outputs.values()
            assert out is not None
            assert out[2] == expected


@pytest.mark.parametrize(
    "forward",
    [
        "return torch.cat([self.c(p) for p in x.chunk(3, dim=2)], 2)",
        "return torch.cat(self.c(x).chunk(3, dim=2), 2)",
        "o = list(x.chunk(3, dim=2)); return self.c(o[0])",
        "return self.c(x).chunk(3, dim=2)",
    ],
)
def test_going_through_all_pieces_is_not_exact(forward: str) -> None:
    network = net(forward)
    assert not network.legal_sizes().exact
    assert [note.code for note in network.notes] == ["CW422"]
    shapes = [shape[2] for shape in network.trace((1, 3, 16, 16)).outputs.values() if shape is not None]
    assert shapes in ([16], [6], [6, 6, 4])


def test_channels_are_cut_as_before() -> None:
    network = net("a, b = self.c(x).chunk(2, dim=1); return a + b")
    assert str(network.legal_sizes()) == "height: every n\nwidth: every n"
    assert network.legal_sizes().exact


def test_a_piece_sees_what_lies_before_it() -> None:
    network = net("return self.c(x.chunk(3, dim=2)[-1])")
    fields = follow_fields(run(network, (1, 3, 16, 16)), follow(network).keys).tensors[network.outputs[0]]
    plain = follow_fields(run(network, (1, 3, 16, 16)), follow(network).keys).tensors[network.nodes[0].inputs[0]]
    assert fields.axes[2] is not None
    assert fields.axes[2] != plain.axes[2]
    assert fields.axes[3] == plain.axes[3]


def test_pieces_of_onnx_that_are_empty_are_refused() -> None:
    """onnxruntime: `Split size 2 exceeds the remaining size` of 6 cells in 4 pieces."""
    assert Split(0, None, 4).flows(((7,),)) == ((2,), (2,), (2,), (1,))
    with pytest.raises(ShapeError, match="4 pieces are asked for, and a size of 6 in pieces of 2 makes 3"):
        Split(0, None, 4).flows(((6,),))
