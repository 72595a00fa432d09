"""Two branches of which one was made smaller by a stride and the other was not, as in a residual block without its shortcut."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.answers.explanation import Fix, show
from convwise.axis import Window
from convwise.ops import Layout, Shape

STRIDES = (2, 3, 4)
"""The strides that are thought of."""


def stride_between(larger: Sequence[int | None], smaller: Sequence[int | None]) -> int | None:
    """The stride with which windows of one cell make the smaller sizes of the larger ones.

    >>> stride_between((112, 113), (56, 57)), stride_between((64,), (56,))
    (2, None)
    """
    pairs = list(zip(larger, smaller, strict=True))
    if not pairs or any(n is None or m is None or m < 2 for n, m in pairs):
        return None
    fits = (
        stride for stride in STRIDES if all(Window(1, stride=stride).out(n) == m for n, m in pairs if n is not None)
    )
    return next(fits, None)


def shortcut(dialect: str, layout: Layout, one: Shape, other: Shape) -> Fix | None:
    """The 1x1 convolution that gives the larger of two tensors the sides and the channels of the other; None where no stride does."""
    if len(one) != len(other) or len(one) - layout.batched - 1 not in (1, 2, 3) or dialect not in ("torch", "keras"):
        return None
    (_, have, sides), (_, need, others) = layout.split(one), layout.split(other)
    for large, small, shape, whole, channels, made in (
        (sides, others, one, other, have, need),
        (others, sides, other, one, need, have),
    ):
        stride = stride_between(large, small)
        if stride is not None and channels is not None and made is not None:
            rank = len(large)
            torch = f"nn.Conv{rank}d({channels}, {made}, 1, stride={stride})"
            code = torch if dialect == "torch" else f"layers.Conv{rank}D({made}, 1, strides={stride})"
            return Fix(code, whole, "", f"on the branch of {show(shape)}")
    return None
