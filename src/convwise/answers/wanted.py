"""What a wanted size asks of the input: the sizes that give it, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.answers.explanation import AxisFacts, Fact, show
from convwise.answers.vocabulary import argument, enlarging, picking
from convwise.answers.wording import listed
from convwise.axis import Window
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError
from convwise.ops import Conv, ConvTranspose, Pool


def for_axes(want: tuple[int, ...] | None, rank: int) -> tuple[int, ...] | None:
    """The wanted size of every axis: one number holds for all of them.

    Raises:
        ArgumentError: CW604 where there are several, and not one an axis.
    """
    if want is None or not rank or len(want) == rank:
        return want
    if len(want) == 1:
        return want * rank
    raise ArgumentError(
        "CW604",
        f"{len(want)} wanted sizes for {rank} ax{'i' if rank == 1 else 'e'}s",
        received=show(want),
        hint="give one a spatial axis, such as 32x32, or one for all",
    )


def want_row(layer: Layer, axes: Sequence[AxisFacts], want: tuple[int, ...] | None) -> Fact | None:
    """`for 14 x 14: an input of 27 or 28`: which inputs this layer, as it is, maps to the wanted size."""
    op = layer.window_op
    if want is None or not isinstance(op, Conv | ConvTranspose | Pool) or len(axes) != len(want):
        return None
    if all(axis.out == size for axis, size in zip(axes, want, strict=True)):
        return None
    told: dict[str, list[str]] = {}
    for number, (axis, size) in enumerate(zip(axes, want, strict=True)):
        if isinstance(op, ConvTranspose):
            extra = op.output_padding[number] if op.output_padding else 0
            text = _transposed(op.windows[number], extra, size, axis.any_size)
        else:
            text = _between(op.windows[number].preimage(size), size)
        told.setdefault(text, []).append(axis.name)
    lines = tuple(told) if len(told) == 1 else tuple(f"{listed(names)}: {text}" for text, names in told.items())
    return Fact("as it stands", lines)


def _between(found: tuple[int, int] | None, size: int) -> str:
    if found is None:
        return f"no input gives {size}"
    low, high = found
    sizes = f"{low}" if low == high else f"{low} or {high}" if high == low + 1 else f"{low} to {high}"
    return f"an input of {sizes} gives {size}"


def _transposed(window: Window, extra: int, size: int, rule: str) -> str:
    cells = window.over(max(size - extra, 0)).out
    for near in (cells, cells + 1):
        if near >= 1 and window.transposed(near, extra) == size:
            return f"an input of {near} gives {size}"
    return f"no input gives {size}: it is never {rule}"


def out_of_reach(layer: Layer, sizes: tuple[int, ...] | None, want: tuple[int, ...] | None) -> str:
    """What to say where no small change gives the wanted size; empty where that is not plain."""
    op = layer.window_op
    if want is None or sizes is None or not isinstance(op, Conv | ConvTranspose | Pool):
        return ""
    if not isinstance(op, ConvTranspose) and any(size > have for size, have in zip(want, sizes, strict=True)):
        what = "a pool" if isinstance(op, Pool) else "a convolution"
        return f"{what} does not enlarge: {enlarging(layer)} does"
    words = [word for word in ("kernel", "stride", "padding") if argument(layer, word)]
    last = picking(layer) if isinstance(op, ConvTranspose) else "dilation" if argument(layer, "dilation") else ""
    words += [last] if last else []
    return f"no small change of {listed(words, 'or')} gives that"


def verdict(outs: tuple[int, ...] | None, want: tuple[int, ...] | None) -> str:
    """`one less than 14 x 14`: how the output stands to what was wanted."""
    if want is None or outs is None:
        return ""
    if len(want) != len(outs):
        return ""
    if want == outs:
        return "as wanted"
    differences = {have - need for have, need in zip(outs, want, strict=True)}
    if len(differences) == 1:
        difference = differences.pop()
        count = {1: "one", 2: "two", 3: "three"}.get(abs(difference), str(abs(difference)))
        return f"{count} {'more' if difference > 0 else 'less'} than {show(want)}"
    return f"not {show(want)}"
