"""Channels first, 3x3 of stride 2, where the input lies: what a tile reads of each row is parted into its even and odd cells in
registers, while other rows come from memory.

A tile at a side of the plane reads on into the rows before and behind, which lie there, and clears those cells; one that has no such
rows copies what it reads, with its padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import halide as hl

from convwise.engine.families.depthwise import STEPS, near_rows
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, whole

GUARD, BITS = hl.TailStrategy.GuardWithIf, hl.UInt(32)
SIZE, STRIDE = STEPS


@dataclass(frozen=True)
class Tile:
    """One vector of outputs of some rows: where its input begins, and how much of it a tile reads. The last tile of a row ends with it."""

    shared: Shared
    lanes: int
    rows: int
    left: Any
    top: Any

    @property
    def wide(self) -> int:
        return (self.lanes - 1) * STRIDE + SIZE

    @property
    def tall(self) -> int:
        return (self.rows - 1) * STRIDE + SIZE

    @property
    def size(self) -> tuple[Any, Any]:
        """Width and height of the input."""
        return self.shared.inp.dim(1).extent(), self.shared.inp.dim(2).extent()

    @property
    def branches(self) -> tuple[Any, Any, Any]:
        """Inside the input; at its upper or lower end; and at its sides alone."""
        width, height = self.size
        below = height - self.top - self.tall
        # Below 0 where one of them is.
        beyond = self.left | self.top | (width - self.left - self.wide) | below
        ends = (self.top <= 0) | (below <= 0)
        return beyond >= 0, (beyond < 0) & ends, (beyond < 0) & ~ends


def near_planes(isa: Isa) -> Program:
    shared, planes = Shared(3), whole("planes")  # c, kx, ky
    lanes, rows = isa.lanes, near_rows(isa)
    c, x, y, n, co, cj, task = (hl.Var(name) for name in ("c", "x", "y", "n", "co", "cj", "task"))
    out = hl.Func(symbol("depthwise", "near_nchw", isa))
    out[c, x, y, n] = hl.undef(F32)
    width, height = (out.output_buffer().dim(axis).extent() for axis in (1, 2))
    tiles = hl.RDom([(0, lanes), (0, rows), (0, (width + lanes - 1) / lanes), (0, (height + rows - 1) / rows)], "tiles")
    xi, yi, xt, yt = (tiles[axis] for axis in range(4))
    tiles.where(yt * rows + yi < height)
    acc = _sums(shared, lanes, rows, width)
    # The width is at least a vector's.
    out[c, hl.min(xt * lanes, width - lanes) + xi, yt * rows + yi, n] = shared.clamped(acc[xi, yi, xt, yt, c, n])
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    for param in (out.output_buffer(), shared.inp):
        param.dim(1).set_stride(1)
    # The last tiles of a row overlap, and write the same.
    update = out.update().allow_race_conditions().split(c, co, cj, planes, GUARD)
    update.reorder(xi, yi, xt, yt, cj, co, n).vectorize(xi).unroll(yi)
    update.fuse(co, n, task).parallel(task).never_partition_all()
    _in_registers(acc.compute_at(out, xt), lanes, rows)
    return shared.program(out, (planes,))


def _sums(shared: Shared, lanes: int, rows: int, out_width: Any) -> Any:
    place = xi, yi, xt, yt, c, n = [hl.Var(name) for name in ("xi", "yi", "xt", "yt", "c", "n")]
    acc, near, copied, side = (hl.Func(name) for name in ("acc", "near", "copied", "side"))
    tap, width = hl.Var("tap"), shared.inp.dim(1).extent()
    left = hl.min(xt * lanes, out_width - lanes) * STRIDE - shared.pad_x
    tile = Tile(shared, lanes, rows, left, yt * rows * STRIDE - shared.pad_y)
    column, row = left + xi * STRIDE + tap, tile.top + yi
    near[xi, tap, yi, xt, yt, c, n] = shared.inp[c, column, row, n]
    # By a mask of bits: a load that is masked itself waits for the one before.
    bits = hl.select((column >= 0) & (column < width), hl.cast(BITS, 0xFFFFFFFF), hl.cast(BITS, 0))
    side[xi, tap, yi, xt, yt, c, n] = hl.reinterpret(F32, hl.reinterpret(BITS, shared.inp[c, column, row, n]) & bits)
    _copy(copied, tile, place)
    acc[place] = hl.undef(F32)
    for number, holds in enumerate(tile.branches):
        once, sums = hl.RDom([(0, 1)], f"once_{number}"), shared.bias[c]
        once.where(holds)
        for ky, kx in product(range(SIZE), range(SIZE)):
            line = yi * STRIDE + ky
            beside = copied[xi * STRIDE + kx, line, xt, yt, c, n]
            cell = beside if number == 1 else (side if number else near)[xi, kx, line, xt, yt, c, n]
            sums = sums + shared.weights[c, kx, ky] * cell
        acc[place] = sums + 0 * once.x
        acc.update(number).reorder(xi, yi, once.x, xt, yt, c, n).vectorize(xi).unroll(yi)
        if number != 1:
            func = (side if number else near).compute_at(acc, once.x).store_in(hl.MemoryType.Register)
            _in_registers(func.bound(tap, 0, SIZE).unroll(tap), lanes, tile.tall)
        else:
            copied.compute_at(acc, once.x).bound(copied.args()[1], 0, tile.tall)
            for var in copied.args()[2:]:
                copied.bound_extent(var, 1)
    return acc


def _copy(copied: Any, tile: Tile, place: list[Any]) -> None:
    """copied[x, y of what the tile reads]: rows of whole vectors, the last one drawn back to where row or tile ends."""
    _, y, xt, yt, c, n = place
    x, lanes, inp, (width, height) = hl.Var("x"), tile.lanes, tile.shared.inp, tile.size
    vectors, row = -(-tile.wide // lanes), tile.top + y
    first = hl.max(tile.left, 0)
    count = hl.min(tile.left + tile.wide, width) - first
    zero, cells = (hl.RDom([(0, lanes), (0, vectors)], name) for name in ("zero", "cells"))
    cells.where((row >= 0) & (row < height) & (cells.y * lanes < count))
    begin = first + hl.min(cells.y * lanes, count - lanes)
    into = hl.unsafe_promise_clamped(begin - tile.left, 0, (vectors - 1) * lanes) + cells.x
    copied[x, y, xt, yt, c, n] = hl.undef(F32)
    copied[zero.y * lanes + zero.x, y, xt, yt, c, n] = tile.shared.zero
    copied[into, y, xt, yt, c, n] = inp[c, begin + cells.x, hl.clamp(row, 0, height - 1), n]
    copied.bound(x, 0, vectors * lanes)
    for number, domain in enumerate((zero, cells)):
        # No two numbers of a vector share a place, which Halide does not see.
        update = copied.update(number).allow_race_conditions().never_partition_all()
        update.reorder(domain.x, domain.y, y).vectorize(domain.x)


def _in_registers(func: Any, lanes: int, rows: int) -> None:
    """Of a tile: a vector along x, and rows of it."""
    names = {var.name(): var for var in func.args()}
    func.bound(names["xi"], 0, lanes).vectorize(names["xi"]).bound(names["yi"], 0, rows).unroll(names["yi"])
    for name in ("xt", "yt", "c", "n"):
        func.bound_extent(names[name], 1)
