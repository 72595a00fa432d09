"""The first windows of two layers over the same cells, drawn one above the other."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.answers.porting.units import span_of, start
from convwise.answers.wording import listed
from convwise.axis import Axis
from convwise.ops import spatial_names

LONGEST = 30
"""Windows of more cells are not drawn."""


def drawn(a: Sequence[Axis], b: Sequence[Axis], names: tuple[str, str]) -> tuple[str, ...]:
    """A picture for each axis on which they differ; axes that look alike share one."""
    pictures: dict[tuple[str, ...], list[str]] = {}
    pairs = list(zip(spatial_names(len(a)), a, b, strict=False))
    differing = [one for one in pairs if _rule(one[1]) != _rule(one[2])]
    for name, x, y in differing:
        if picture := _picture(x, y, names):
            pictures.setdefault(picture, []).append(name)
    if len(pictures) < 2 and len(differing) == len(pairs):
        return next(iter(pictures), ())
    return tuple(line for picture, axes in pictures.items() for line in (f"{listed(axes)}:", *picture))


def _rule(axis: Axis) -> tuple[int, int, int, int]:
    return axis.pad_low, axis.kernel, axis.stride, axis.dilation


def _picture(x: Axis, y: Axis, names: tuple[str, str]) -> tuple[str, ...]:
    left, right = min(start(x), start(y), 0), max(start(axis) + axis.stride + span_of(axis) for axis in (x, y))
    if right - left > LONGEST:
        return ()
    wide = max(len(name) for name in names)
    cells = " ".join("x" if 0 <= cell < x.size else "." for cell in range(left, right))
    lines = [f"{'':<{wide}}  {cells}   x data  . padding"]
    for name, axis in zip(names, (x, y), strict=True):
        for number in range(min(2, axis.out)):
            first = start(axis) + number * axis.stride
            body = ["k" if offset % axis.dilation == 0 else "-" for offset in range(span_of(axis))]
            row = " " * (2 * (first - left)) + "[" + " ".join(body) + "]"
            lines.append(
                f"{name if number == 0 else '':<{wide}} {row:<{2 * (right - left) + 3}} window {number}".rstrip()
            )
    return tuple(lines)
