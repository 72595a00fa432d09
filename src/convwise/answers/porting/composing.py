"""How emitted code is laid out, and what an average in it is multiplied by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from convwise.answers.porting.stages import Stage
from convwise.answers.porting.ways import divisors, over
from convwise.axis import Pads
from convwise.ops import Pool, Shape

WIDEST = 96
"""Columns of a line of emitted code, where it has a comment."""


def call_text(stage: Stage, function: Callable[[str], str], prefix: str = "") -> str:
    """A stage as an expression: the call, or the function made a layer."""
    return f"{prefix}{stage.text}" if stage.layer is not None else function(stage.text)


def listing(opening: str, calls: Sequence[str], closing: str, comments: Sequence[str]) -> str:
    """`layer = ` one call, or a list of them, a line each, comments behind."""
    if len(calls) == 1 and opening.endswith("("):
        return "\n".join(commented(f"layer = {calls[0]}", comments[0])) + "\n"
    lines = [line for call, comment in zip(calls, comments, strict=True) for line in commented(f"    {call},", comment)]
    return "\n".join([f"layer = {opening}", *lines, f"{closing}\n"])


def commented(line: str, comment: str) -> list[str]:
    """A line of code with its comment behind it, or above where the two are too long together."""
    if not comment:
        return [line]
    told = f"{line}  # {comment}"
    if len(told) <= WIDEST:
        return [told]
    indent = line[: len(line) - len(line.lstrip())]
    return [f"{indent}# {comment}", line]


def average_factors(op: Pool, sizes: Shape) -> tuple[tuple[Pads, ...], list[list[float] | None]] | None:
    """For an average pool: the zeros to lay around, and by what the plain average of every window is multiplied on each axis (None: by 1).

    A divisor is a product over the axes, and so is the factor.
    """
    if any(size is None for size in sizes) or any(window.dilation > 1 for window in op.windows):
        return None
    axes = over(op.windows, tuple(size or 0 for size in sizes))
    pads = tuple(Pads(axis.pad_low, axis.pad_high + axis.overhang) for axis in axes)
    factors: list[list[float] | None] = []
    for number, axis in enumerate(axes):
        if op.divisor is not None:
            taps = 1
            for window in op.windows:
                taps *= window.kernel
            factors.append([taps / op.divisor] * axis.out if number == 0 else None)
            continue
        counts = divisors(op, axis)
        factors.append(None if set(counts) == {axis.kernel} else [axis.kernel / max(count, 1) for count in counts])
    return pads, factors
