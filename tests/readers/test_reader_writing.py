"""Assignments into parts of an array: what is read afterwards depends on what was written, which must fill the cells."""

from __future__ import annotations

import pytest
from readers.test_reader_branches import module, refused

import convwise as cw
from convwise.readers.models import read

FIRST = "self.conv = nn.Conv2d(3, 8, 3, padding=1)"


def test_an_image_written_into_a_larger_one_has_the_larger_size() -> None:
    """PyTorch takes 9 x 10 and what is spread over it; it refuses 9 x 11."""
    net = read(
        module("y = torch.zeros(x.size(0), 3, 12, 14)\ny[:, :, 1:10, 2:12] = x\nreturn self.conv(y)", first=FIRST)
    )
    assert net.trace((1, 3, 9, 10)).rows[-1].output == (1, 8, 12, 14)
    assert [finding.code for finding in net.check((1, 3, 9, 11))] != []
    legal = net.legal_sizes()
    assert ([n for n in range(1, 40) if n in legal["height"]], [n for n in range(1, 40) if n in legal["width"]]) == (
        [1, 9],
        [1, 10],
    )


def test_sizes_that_follow_from_the_input_are_filled_whatever_they_are() -> None:
    text = (
        "n, c, h, w = x.shape\ny = torch.zeros(n, c, h + 2, w + 4)\ny[:, :, 1:h + 1, 2:w + 2] = x\nreturn self.conv(y)"
    )
    net = read(module(text, first=FIRST))
    assert net.trace((1, 3, 9, 10)).rows[-1].output == (1, 8, 11, 14)
    assert str(net.legal_sizes()["height"]) == "every n"


@pytest.mark.parametrize("statement", ["x[:, 0] = 0", "x[:, :, 2:4] = 0.5", "x[:, :, 0, 0] *= 2"])
def test_numbers_written_into_an_array_change_no_size(statement: str) -> None:
    net = read(module(f"x = self.conv(x)\n{statement}\nreturn x", first=FIRST))
    assert net.trace((1, 3, 9, 10)).rows[-1].output == (1, 8, 9, 10)


def test_what_cannot_be_followed_leaves_the_array_in_doubt() -> None:
    error = refused(
        module("y = torch.zeros(1, 3, 9, 10)\ny[:, idx.x, FLAGS] = x[:, FLAGS]\nreturn self.conv(y)", first=FIRST)
    )
    assert error.code in ("CW314", "CW315")


def test_a_chain_does_not_go_past_an_array_that_was_written_into() -> None:
    """`why` explained the convolution on the input, which it never reads: such code is answered by its network."""
    told = cw.explain(
        module("y = torch.zeros(1, 3, 12, 14)\ny[:, :, 1:10, 2:12] = x\nreturn self.conv(y)", first=FIRST),
        (1, 3, 9, 10),
    )
    assert told.steps[-1].input == (1, 3, 12, 14)
    assert told.output == (1, 8, 12, 14)
