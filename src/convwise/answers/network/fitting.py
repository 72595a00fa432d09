"""How to feed a network an image of a size that it does not take: what to pad or crop, and the crop that undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convwise.answers.network.dims import single
from convwise.answers.network.legal import LegalSizes, legal_of
from convwise.answers.network.symbolic import Symbolic, follow
from convwise.graph import Network
from convwise.sizes import SizeMap


@dataclass(frozen=True, slots=True)
class Fit:
    """One axis: the nearest legal sizes, the (before, after) cells to pad up to `above` or to crop down to `below`.

    `undo` are the cells to crop from the first output's axis after padding, None where they are no whole numbers, nothing
    would be left, or the output has no such axis. All are 0 where the size is legal.
    """

    axis: str
    size: int
    below: int | None
    above: int | None
    pad: tuple[int, int] | None
    crop: tuple[int, int] | None
    undo: tuple[int, int] | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "axis": self.axis,
            "size": self.size,
            "below": self.below,
            "above": self.above,
            "pad": None if self.pad is None else list(self.pad),
            "crop": None if self.crop is None else list(self.crop),
            "undo": None if self.undo is None else list(self.undo),
        }


def fits(network: Network, sizes: Sequence[int], input: str | None = None) -> tuple[Fit, ...]:
    """For each spatial axis how to get from `sizes` to sizes that the network takes.

    Raises:
        ArgumentError: CW606 where the network has no such input.
    """
    symbolic = follow(network)
    legal = legal_of(symbolic, input)
    found = []
    around = _together(legal, sizes)
    for (name, size), (below, above) in zip(zip(legal, sizes, strict=True), around, strict=True):
        f = _first_output(symbolic, legal.input, name)
        scale = Fraction(f.step, f.period) if f is not None and f.step else None
        pad = None if above is None else shares(above - size, scale)
        crop = None if below is None else ((size - below) // 2, size - below - (size - below) // 2)
        out = None if f is None or above is None else f(above)
        found.append(Fit(name, size, below, above, pad, crop, None if pad is None else _undone(pad, scale, out)))
    return tuple(found)


def _together(legal: LegalSizes, sizes: Sequence[int]) -> list[tuple[int | None, int | None]]:
    """The nearest sizes of each axis: all those below are legal together, and all those above are.

    Where there are neither, the nearest of all: some axes below, the others above.
    """
    if legal.joint is None:
        return [allowed.nearest(size) for allowed, size in zip(legal.sets, sizes, strict=True)]
    if legal.takes(sizes):
        return [(size, size) for size in sizes]
    corners = [[allowed.nearest(size) for allowed, size in zip(box, sizes, strict=True)] for box in legal.joint.boxes]
    below, above = (_closest([tuple(pair[side] for pair in corner) for corner in corners], sizes) for side in (0, 1))
    if None in below and None in above and (nearest := legal.nearest(sizes)) is not None:
        below = tuple(new if new <= old else None for new, old in zip(nearest, sizes, strict=True))
        above = tuple(new if new >= old else None for new, old in zip(nearest, sizes, strict=True))
    return list(zip(below, above, strict=True))


def _closest(points: Sequence[tuple[int | None, ...]], sizes: Sequence[int]) -> tuple[int | None, ...]:
    """The whole point with the smallest sum of distances; of equals the smaller."""
    whole = [tuple(size for size in point if size is not None) for point in points]
    full = [point for point in whole if len(point) == len(sizes)]
    nothing: tuple[int | None, ...] = (None,) * len(sizes)
    return min(
        full, key=lambda point: (sum(abs(a - b) for a, b in zip(point, sizes, strict=True)), point), default=nothing
    )


def shares(cells: int, scale: Fraction | None) -> tuple[int, int]:
    """The cells in two halves, the first a multiple of what one output cell steps over, where there is such a step."""
    step = 1 if scale is None else scale.denominator
    first = cells // 2 // step * step
    return first, cells - first


def _undone(pad: tuple[int, int], scale: Fraction | None, out: int | None) -> tuple[int, int] | None:
    """The cells of the output that stand for the padding; None where there are no such whole cells, or nothing else would be left."""
    if scale is None or out is None:
        return None
    before, after = pad[0] * scale, pad[1] * scale
    whole = before.denominator == after.denominator == 1 and before + after < out
    return (int(before), int(after)) if whole else None


def _first_output(symbolic: Symbolic, source: str, name: str) -> SizeMap | None:
    """The size of the first output along this axis; None where the output has no such axis."""
    output = symbolic.shapes.get(symbolic.network.outputs[0]) if symbolic.network.outputs else None
    for dim in output or ():
        axis = single(dim)
        if axis is not None and (symbolic.keys[axis[0]].source, symbolic.keys[axis[0]].name) == (source, name):
            return axis[1]
    return None
