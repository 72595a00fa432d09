"""Squares of numbers turned in registers: where an array lies by rows and the vectors of a kernel are columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.kernels.common import F32, Shared


@dataclass(frozen=True)
class Square:
    """As many channels of planes as a vector has lanes, of as many cells of a row: as they lie, and the steps that turn them.

    `along` are the loops that read them: padding, whole vectors of cells, and those that reach past an end of a row.
    """

    cells: hl.Func
    steps: tuple[Any, ...]
    along: tuple[hl.RDom, ...]
    lanes: int

    @classmethod
    def of(cls, shared: Shared, lanes: int) -> Square:
        """Of the padded input; steps[-1](cell * lanes + channel, cells / lanes, channels / lanes, y, n)."""
        i, xo, co, y, n = (hl.Var(name) for name in ("i", "xo", "co", "y", "n"))
        cells, inp = hl.Func("cells"), shared.inp
        width, height, channels = inp.dim(1).extent(), inp.dim(2).extent(), inp.dim(0).extent()
        start, row = xo * lanes - shared.pad_x, y - shared.pad_y
        there = (row >= 0) & (row < height)
        full = there & (start >= 0) & (start + lanes <= width)
        none, every, some = (hl.RDom([(0, lanes), (0, lanes)], name) for name in ("none", "every", "some"))
        none.where(~full)
        every.where(full)
        some.where(there & ~full & (start + some.x >= 0) & (start + some.x < width))
        cells[i, xo, co, y, n] = hl.undef(F32)
        cells[none.y * lanes + none.x, xo, co, y, n] = hl.f32(0)
        for r in (every, some):
            # Channels that only fill the last square are those of its last one again; nobody reads them.
            c = hl.min(co * lanes + r.y, channels - 1)
            cells[r.y * lanes + r.x, xo, co, y, n] = inp[c, start + r.x, hl.clamp(row, 0, height - 1), n]
        return cls(cells, turned(cells, lanes), (none, every, some), lanes)

    def schedule(self, shared: Shared, at: tuple[hl.Func, hl.Var]) -> None:
        for func in (self.cells, *self.steps):
            i, xo, co, *_ = func.args()
            func.compute_at(*at).bound(i, 0, self.lanes**2).bound_extent(xo, 1).bound_extent(co, 1)
            if func is not self.cells:
                by_vectors(func, self.lanes)
        for number, r in enumerate(self.along):
            # No two numbers of a vector share a place, which Halide does not see.
            update = self.cells.update(number).allow_race_conditions().never_partition_all()
            update.reorder(r.x, r.y, *self.cells.args()[1:])
            (update.specialize(shared.inp.dim(1).stride() == 1) if number else update).vectorize(r.x)


def turned(square: hl.Func, lanes: int) -> tuple[Any, ...]:
    """The steps from a square of numbers, row after row, to its columns: each lays the second half between the first one's numbers.

    In binary the place of a number is its row and its column; a step moves the last digit to the front. Sixteen vectors take
    64 shuffles so, and 170 where they are all interleaved at once.
    """
    steps = [square]
    i, *rest = square.args()
    while 2 ** (len(steps) - 1) < lanes:
        step = hl.Func(f"{square.name()}_{len(steps)}")
        step[i, *rest] = steps[-1][i / 2 + i % 2 * (lanes * lanes // 2), *rest]
        steps.append(step)
    return tuple(steps[1:])


def flipped(sums: hl.Func, lanes: int, pixels: int) -> tuple[Any, ...]:
    """The steps from a tile's sums[k, x, ...], channels in the lanes, to rows of its `pixels`:
    steps[-1][k % lanes * lanes + x % lanes, x / lanes, k / lanes, ...]. Pixels that only fill the last vector are the last one again.
    """
    _, _, *rest = sums.args()
    i, xo, ko, flip = hl.Var("i"), hl.Var("xo"), hl.Var("ko"), hl.Func("flip")
    flip[[i, xo, ko, *rest]] = sums[[ko * lanes + i % lanes, hl.min(xo * lanes + i / lanes, pixels - 1), *rest]]
    return (flip, *turned(flip, lanes))


def schedule_flipped(flips: Sequence[Any], consumer: hl.Func, var: hl.Var, tile: tuple[int, int], lanes: int) -> None:
    """For each `tile` of (pixels, channels), one square after the other, so that its steps stay in registers."""
    (pixels, block), last = tile, flips[-1]
    last.compute_at(consumer, var)
    for flip in flips:
        i, xo, ko, xt, kb, *_ = flip.args()
        if flip is last:
            flip.bound(xo, 0, -(-pixels // lanes)).bound(ko, 0, block // lanes)
        else:
            flip.compute_at(last, xo).bound_extent(xo, 1).bound_extent(ko, 1)
        flip.bound(i, 0, lanes**2).bound_extent(xt, 1).bound_extent(kb, 1)
        by_vectors(flip, lanes, first=flip is flips[0])


def by_vectors(step: hl.Func, lanes: int, *, first: bool = False) -> None:
    """A square in registers: the `first` as it lies, its steps two vectors at a time, whose numbers lie between each other."""
    i = step.args()[0]
    if first:
        step.vectorize(i, lanes).unroll(i)
    else:
        pair = hl.Var("pair")
        step.split(i, i, pair, 2).reorder(pair, i).vectorize(i, lanes).unroll(pair).unroll(i)


def schedule_turned(steps: Sequence[Any], consumer: Any, var: Any, lanes: int) -> None:
    """One square and its steps for each iteration of `var`: they stay in registers."""
    for step in steps:
        i, *rest = step.args()
        step.compute_at(consumer, var).bound(i, 0, lanes**2).never_partition_all()
        for axis in rest:
            step.bound_extent(axis, 1)
        by_vectors(step, lanes, first=step is steps[0])
