"""What an error message says in numbers, in whichever framework's words: the trace by which its layer is found in a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from convwise.ops import Shape

What = Literal["dense", "conv", "built", "window", "padding", "join", "reshape", "norm", "entry", "named", "loss"]


@dataclass(frozen=True, slots=True)
class Clue:
    """The numbers of one message; what it does not tell is None or empty.

    `shapes` are the shapes of the tensors that reached the layer, None for a size that is not told. `have` is the size that reached
    it and `need` the one it takes. `weight` are the channels and `span` the windows of a layer. `rows` are the rows of a dense layer. `axis` is where two sizes differ, or the one that is meant, `along`
    the axis that is joined along, `parts` are the two sizes, each with the number of its input. `name` is the layer as the message names it.
    `gives` are the sizes that a pool makes, which only a pool tells.
    """

    what: What
    name: str = ""
    shapes: tuple[Shape, ...] = ()
    have: int | None = None
    need: int | None = None
    out: int | None = None
    rows: int | None = None
    groups: int | None = None
    kernel: tuple[int, ...] = ()
    span: tuple[int, ...] = ()
    padded: tuple[int, ...] = ()
    stride: int | None = None
    axis: int | None = None
    along: int | None = None
    parts: tuple[tuple[int | None, int], ...] = ()
    target: tuple[int, ...] = ()
    transposed: bool = False
    gives: tuple[int, ...] = ()


def numbers(text: str) -> tuple[int, ...]:
    """All whole numbers of a text.

    >>> numbers("[16, 3, 3, 5]")
    (16, 3, 3, 5)
    """
    return tuple(int(number) for number in re.findall(r"\d{1,12}", text))


def signed(text: str) -> tuple[int, ...]:
    """All whole numbers of a text, with their signs.

    >>> signed("(-2 x 5)")
    (-2, 5)
    """
    return tuple(int(number) for number in re.findall(r"-?\d{1,12}", text))


def shape(text: str) -> Shape:
    """A printed shape; `None`, `?` and -1 are sizes that are not told.

    >>> shape("(None, 28, 28, 3)")
    (None, 28, 28, 3)
    """
    return tuple(int(size) if size.isdigit() else None for size in re.findall(r"None|\?|-\d{1,12}|\d{1,12}", text))
