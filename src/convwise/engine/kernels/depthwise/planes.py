"""Channels first: the stage holds one channel, and the lanes are outputs of a row; small planes are turned, and then computed as
channels last are.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import halide as hl

from convwise.engine.families.depthwise import FIRST_TILE, USUAL, Tile
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, padded, schedule_padded, whole
from convwise.engine.kernels.depthwise.taps import LARGEST_WHOLE, taps_of, usual_branches
from convwise.engine.kernels.turning import schedule_turned, turned

GUARD = hl.TailStrategy.GuardWithIf


def flat(isa: Isa, shape: Tile) -> Program:
    """Channels first, and the lanes are channels all the same: for small planes whose rows follow each other. A plane is one
    row of cells, turned in squares of as many channels; so are the sums, when all of them are there.
    """
    shared = Shared(3)  # c, kx, ky
    extra = blocks, wide, across = [whole(name) for name in ("blocks", "wide", "across")]
    c, x, n, i, s, q = (hl.Var(name) for name in ("c", "x", "n", "i", "s", "q"))
    lanes, inp, name = isa.lanes, shared.inp, symbol("depthwise", f"{shape.name}_nchw", isa)
    flat, square, back, out = (hl.Func(each) for each in ("flat", "square", "back", name))
    width, size = inp.dim(1).extent(), inp.dim(1).extent() * inp.dim(2).extent()
    # The last square begins where it ends with the plane.
    square[i, s, q, n] = inp[
        hl.min(q * lanes + i / lanes, inp.dim(0).extent() - 1), hl.min(s * lanes, size - lanes) + i % lanes, 0, n
    ]
    squares = (square, *turned(square, lanes))
    some = hl.RDom([(0, lanes), (0, (size + lanes - 1) / lanes)], "some")
    flat[c, x, n] = hl.undef(F32)
    flat[c, hl.min(some.y * lanes, size - lanes) + some.x, n] = squares[-1][
        some.x * lanes + c % lanes, some.y, c / lanes, n
    ]
    stage, copies = padded(
        inp, (shared.pad_x, shared.pad_y), wide, shared.zero, lambda c, x, y, n: flat[c, y * width + x, n]
    )
    # The output is described in vectors, the residual as whole planes.
    cells = shared.residual.dim(1).extent()
    acc, done, tiles, taps = _flat_sums(shared, stage, shape, (across, cells / across))
    back[i, s, q, n] = done[q * lanes + i % lanes, s * lanes + i / lanes, n]
    backs = (back, *turned(back, lanes))
    r = hl.RDom([(0, lanes)], "r")
    r.where(s * lanes + r < cells)
    out[c, x, s, n] = hl.undef(F32)
    out[c, r, s, n] = backs[-1][c % lanes * lanes + r, s, c / lanes, n]

    ci, cb, co, cj, task = (hl.Var(each) for each in ("ci", "cb", "co", "cj", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_extent(lanes).set_stride(1)
    inp.dim(1).set_stride(1)
    store = out.update().split(c, cb, ci, lanes, GUARD).split(cb, co, cj, blocks, GUARD)
    store.reorder(r.x, ci, s, cj, n, co).fuse(n, co, task).parallel(task).vectorize(r.x).never_partition_all()
    schedule_turned(backs, out, s, lanes)
    schedule_turned(squares, flat, some.y, lanes)
    for step in (*squares, *backs):
        for var in step.args()[1:]:
            step.bound_extent(var, 1)
    for func in (flat, done):
        func.compute_at(out, cj).store_in(hl.MemoryType.Stack).bound_extent(func.args()[0], lanes)
        func.bound_extent(func.args()[2], 1)
    flat.update().reorder(c, some.x, some.y, n).vectorize(c, lanes).unroll(some.x).never_partition_all()
    done.update().reorder(done.args()[0], tiles.x, tiles.y, tiles.z, done.args()[2]).vectorize(done.args()[0], lanes)
    done.update().unroll(tiles.x).never_partition_all()
    schedule_padded(stage, copies, wide, out, lanes)
    _schedule_flat_sums(shared, acc, done, (tiles, taps), shape)
    return shared.program(out, extra)


def _flat_sums(shared: Shared, stage: Any, shape: Tile, sizes: tuple[Any, Any]) -> tuple[Any, ...]:
    """The sums of a plane, row after row, whole tiles: what reaches past a row lies where the next one comes later."""
    c, xi, xt, y, n, p = (hl.Var(name) for name in ("c", "xi", "xt", "y", "n", "p"))
    (across, down), pixels, acc, done = sizes, shape.pixels, hl.Func("acc"), hl.Func("done")
    taps = taps_of(shared, "taps")
    column = (xt * pixels + xi) * shared.stride_x + taps.x * shared.dilation_x
    acc[c, xi, xt, y, n] = shared.bias[c]
    acc[c, xi, xt, y, n] += (
        shared.weights[c, taps.x, taps.y] * stage[c, column, y * shared.stride_y + taps.y * shared.dilation_y, n]
    )
    tiles = hl.RDom([(0, pixels), (0, (across + pixels - 1) / pixels), (0, down)], "tiles")
    done[c, p, n] = hl.undef(F32)
    done[c, tiles.z * across + tiles.y * pixels + tiles.x, n] = shared.clamped(acc[c, tiles.x, tiles.y, tiles.z, n])
    return acc, done, tiles, taps


def _schedule_flat_sums(shared: Shared, acc: Any, done: Any, domains: tuple[Any, Any], shape: Tile) -> None:
    (tiles, taps), (c, xi, xt, y, n) = domains, acc.args()
    acc.compute_at(done, tiles.y).bound_extent(c, shape.lanes).bound(xi, 0, shape.pixels).bound_extent(xt, 1)
    acc.bound_extent(y, 1).bound_extent(n, 1).vectorize(c, shape.lanes).unroll(xi)
    update = acc.update().reorder(c, xi, taps.x, taps.y, xt, y, n).vectorize(c, shape.lanes).unroll(xi)
    for branch, size, _ in usual_branches(shared, update.never_partition_all(), USUAL):
        branch.unroll(taps.x)
        if size <= LARGEST_WHOLE:
            branch.unroll(taps.y)


def by_rows(isa: Isa) -> Program:
    """Channels first, 3x3 of stride 1: what a tile reads of the stage is held in registers."""
    shared = Shared(3)  # c, kx, ky
    extra = rows, planes, wide = [whole(name) for name in ("rows", "planes", "wide")]
    lanes, (high, _) = isa.lanes, FIRST_TILE
    c, x, y, n, xi, xt, yi, yt, tap = (hl.Var(name) for name in ("c", "x", "y", "n", "xi", "xt", "yi", "yt", "tap"))
    stage, near, acc, out = (*map(hl.Func, ("stage", "near", "acc")), hl.Func(symbol("depthwise", "rows_nchw", isa)))
    copied = _copy_plane(shared, stage, wide)
    near[xi, tap, yi, xt, yt, c, n] = stage[xt * lanes + xi + tap, yt * high + yi, c, n]
    sums = shared.bias[c]
    for ky, kx in product(range(3), range(3)):
        sums = sums + shared.weights[c, kx, ky] * near[xi, kx, yi + ky, xt, yt, c, n]
    acc[xi, yi, xt, yt, c, n] = sums
    out[c, x, y, n] = shared.clamped(acc[x % lanes, y % high, x / lanes, y / high, c, n])
    xo, yo, yj, co, cj, task = (hl.Var(name) for name in ("xt", "yo", "yj", "co", "cj", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(x, xo, xi, lanes, GUARD).split(y, yt, yi, high, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(c, co, cj, planes, GUARD)
    out.reorder(xi, yi, xo, yj, cj, yo, co, n).vectorize(xi).unroll(yi)
    out.fuse(yo, co, task).fuse(task, n, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task)])
    _schedule_plane(shared, stage, copied, out, (wide, lanes))
    near.bound(tap, 0, 3).unroll(tap)
    for func, tall in ((near, high + 2), (acc, high)):
        func.compute_at(out, xo).bound(xi, 0, lanes).vectorize(xi).bound(yi, 0, tall).unroll(yi)
        func.bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(c, 1).bound_extent(n, 1)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)
    return shared.program(out, extra)


def _copy_plane(shared: Shared, stage: Any, wide: Any) -> Any:
    """Channels first, the rows of a plane with their padding."""
    x, y, c, n = (hl.Var(name) for name in ("x", "y", "c", "n"))
    width, height = shared.inp.dim(1).extent(), shared.inp.dim(2).extent()
    row, left = y - shared.pad_y, hl.max(shared.pad_x, 0)
    copied = hl.RDom([(0, hl.clamp(wide - left, 0, width - left + shared.pad_x))], "copied")
    copied.where((row >= 0) & (row < height))
    stage[x, y, c, n] = shared.zero
    stage[copied + left, y, c, n] = shared.inp[c, copied + left - shared.pad_x, hl.clamp(row, 0, height - 1), n]
    return copied


def _schedule_plane(shared: Shared, stage: Any, copied: Any, out: Any, sizes: tuple[Any, int]) -> None:
    (x, y, c, n), (wide, lanes) = stage.args(), sizes
    stage.compute_at(out, hl.Var("cj")).store_in(hl.MemoryType.Stack)
    stage.bound_extent(x, wide / lanes * lanes).bound_extent(c, 1).bound_extent(n, 1)
    stage.vectorize(x, lanes).never_partition_all()
    stage.update().reorder(copied, y, c, n).never_partition([hl.VarOrRVar(var) for var in (y, c, n)])
    stage.update().specialize(shared.inp.dim(1).stride() == 1).vectorize(copied, lanes, GUARD)


def plain(isa: Isa, name: str) -> Program:
    shared = Shared(3)  # c, kx, ky
    extra = rows, planes, wide = [whole(name) for name in ("rows", "planes", "wide")]
    lanes, (high, vectors) = isa.lanes, FIRST_TILE
    c, x, y, n, xi, xt, yi, yt = (hl.Var(name) for name in ("c", "x", "y", "n", "xi", "xt", "yi", "yt"))
    stage, acc, out = hl.Func("stage"), hl.Func("acc"), hl.Func(symbol("depthwise", name, isa))
    w = shared.weights
    copied = _copy_plane(shared, stage, wide)
    taps = taps_of(shared, "taps")
    block = lanes * vectors
    column = (xt * block + xi) * shared.stride_x + taps.x * shared.dilation_x
    acc[xi, yi, xt, yt, c, n] = shared.bias[c]
    acc[xi, yi, xt, yt, c, n] += (
        w[c, taps.x, taps.y] * stage[column, (yt * high + yi) * shared.stride_y + taps.y * shared.dilation_y, c, n]
    )
    out[c, x, y, n] = shared.clamped(acc[x % block, y % high, x / block, y / high, c, n])
    _schedule_first(shared, (stage, acc, out), (copied, taps), (lanes, block, high), (rows, planes, wide))
    return shared.program(out, extra)


def _schedule_first(shared: Shared, funcs: Any, domains: Any, shape: tuple[int, int, int], sizes: Any) -> None:
    (stage, acc, out), (copied, taps), (lanes, block, high) = funcs, domains, shape
    rows, planes, wide = sizes
    c, x, y, n = out.args()
    xi, xt, yi, yt, yo, yj, co, cj, task = (
        hl.Var(name) for name in ("xi", "xt", "yi", "yt", "yo", "yj", "co", "cj", "task")
    )
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(x, xt, xi, block, GUARD).split(y, yt, yi, high, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(c, co, cj, planes, GUARD)
    out.reorder(xi, yi, xt, yj, cj, yo, co, n).vectorize(xi, lanes, GUARD).unroll(yi)
    out.fuse(yo, co, task).fuse(task, n, task).parallel(task).never_partition_all()
    _schedule_plane(shared, stage, copied, out, (wide, lanes))
    xi, yi, xt, yt, c, n = acc.args()
    acc.compute_at(out, xt).bound(xi, 0, block).bound(yi, 0, high).bound_extent(xt, 1).bound_extent(yt, 1)
    acc.bound_extent(c, 1).bound_extent(n, 1).vectorize(xi, lanes).unroll(xi).unroll(yi)
    update = acc.update().reorder(xi, yi, taps.x, taps.y, xt, yt, c, n)
    update.vectorize(xi, lanes).unroll(xi).unroll(yi).never_partition_all()
    for branch, size, stride in usual_branches(shared, update, USUAL[1:]):
        if stride == 1:
            # What a column of taps reads is loaded once for all its rows: loads that begin anywhere take twice as long.
            branch.reorder(xi, yi, taps.y, taps.x, xt, yt, c, n)
        branch.unroll(taps.y)
        if size <= LARGEST_WHOLE:
            branch.unroll(taps.x)
    for stride in (1, 2):
        update.specialize(shared.stride_x == stride)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)
