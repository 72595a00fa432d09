"""Depthwise convolution: one filter a channel.

Channels last: register tiles of `pixels` by `rows` outputs and one vector of channels, either from a stage, into which a task
copies one vector of channels of the rows it needs with their padding, or where the input lies, where tiles whose windows leave
the input look at every tap; 3x3 from registers, which hold all that a small tile reads. Channels first: the stage holds one
channel, and the lanes are outputs of a row; small planes are turned, and then computed as channels last are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import halide as hl

from convwise.engine.families.depthwise import FIRST_TILE, NEAR, USUAL, Tile, flat_tiles, last_tiles
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, Variants, padded, schedule_padded, whole
from convwise.engine.kernels.turning import schedule_turned, turned

GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards
LARGEST_WHOLE = 5
"""Kernels of this side at most are instructions from the first tap to the last."""


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {
        f"{tile.name}_nhwc": partial(_near if tile.near else _tall if tile.rows > 1 else _single, isa, tile)
        for tile in last_tiles(isa)
    }
    return {
        **found,
        **{f"{tile.name}_nchw": partial(_flat, isa, tile) for tile in flat_tiles(isa)},
        "rows_nchw": partial(_rows, isa),
        "plain_nchw": partial(_first, isa, "plain_nchw"),
    }


def _single(isa: Isa, shape: Tile) -> Program:
    """One row of outputs a tile, and no stage: what serves few channels and strides too long to copy."""
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks, _ = [whole(name) for name in ("rows", "blocks", "wide")]
    pixels, lanes = shape.pixels, shape.lanes
    c, xi, yi, xt, yt, n = (hl.Var(name) for name in ("c", "xi", "yi", "xt", "yt", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("depthwise", f"{shape.name}_nhwc", isa))
    w, inp = shared.weights, shared.inp
    interior = _interior(shared, shape, xt, yt)
    inner, edge = (_taps(shared, name) for name in ("inner", "edge"))
    inner.where(interior)
    edge.where(~interior)
    acc[c, xi, yi, xt, yt, n] = shared.bias[c]
    column, row = cell(shared, xt * pixels + xi, yt + yi, inner.x, inner.y)
    acc[c, xi, yi, xt, yt, n] += w[c, inner.x, inner.y] * inp[c, column, row, n]
    column, row = cell(shared, xt * pixels + xi, yt + yi, edge.x, edge.y)
    acc[c, xi, yi, xt, yt, n] += w[c, edge.x, edge.y] * masked(shared, c, column, row, n)
    _clamp(shared, acc, out, shape)
    _schedule_last(shared, (acc,), out, shape, (rows, blocks))
    dense = inp.dim(0).stride() == 1
    for number, taps in enumerate((inner, edge)):
        _schedule_taps(acc.update(number), acc, taps, lanes).specialize(dense)
    return shared.program(out, extra)


def _tall(isa: Isa, shape: Tile) -> Program:
    """Two rows of outputs a tile, which share the rows of the input between their windows."""
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks, wide = [whole(name) for name in ("rows", "blocks", "wide")]
    c, xi, yi, xt, yt, n = (hl.Var(name) for name in ("c", "xi", "yi", "xt", "yt", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("depthwise", f"{shape.name}_nhwc", isa))
    w, inp = shared.weights, shared.inp
    x, y = xt * shape.pixels + xi, yt * shape.rows + yi
    dense = inp.dim(0).stride() == 1
    acc[c, xi, yi, xt, yt, n] = shared.bias[c]
    if shape.staged:
        stage, copies = padded(shared.inp, (shared.pad_x, shared.pad_y), wide, shared.zero)
        taps = _taps(shared, "taps")
        column = x * shared.stride_x + taps.x * shared.dilation_x
        row = y * shared.stride_y + taps.y * shared.dilation_y
        acc[c, xi, yi, xt, yt, n] += w[c, taps.x, taps.y] * stage[c, column, row, n]
        domains = [taps]
    else:
        interior = _interior(shared, shape, xt, yt)
        inner, edge = (_taps(shared, name) for name in ("inner", "edge"))
        inner.where(interior)
        column, row = cell(shared, x, y, inner.x, inner.y)
        acc[c, xi, yi, xt, yt, n] += w[c, inner.x, inner.y] * inp[c, column, row, n]
        # Taps on padding are left out, so this is for finite weights only.
        column, row = cell(shared, x, y, edge.x, edge.y)
        edge.where(~interior & (column >= 0) & (column < inp.dim(1).extent()))
        edge.where((row >= 0) & (row < inp.dim(2).extent()))
        acc[c, xi, yi, xt, yt, n] += w[c, edge.x, edge.y] * inp[c, column, row, n]
        domains = [inner, edge]
    _clamp(shared, acc, out, shape)
    _schedule_last(shared, (acc,), out, shape, (rows, blocks))
    if shape.staged:
        schedule_padded(stage, copies, wide, out, shape.lanes, dense)
    for number, domain in enumerate(domains):
        update = _schedule_taps(acc.update(number), acc, domain, shape.lanes)
        if shape.staged:
            for branch, size, _ in _usual(shared, update, domain, USUAL):
                branch.unroll(domain.x)
                if size <= LARGEST_WHOLE:
                    branch.unroll(domain.y)
        else:
            update.specialize(dense)
    return shared.program(out, extra)


def _near(isa: Isa, shape: Tile) -> Program:
    """Small kernels on dense channels, where the input lies: a tile's part of it is held in registers, where it may come from
    memory while other tiles are computed. At the border it comes from the nearest cells inside, with their bits cleared.
    """
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks, _ = [whole(name) for name in ("rows", "blocks", "wide")]
    c, x, y, n = (hl.Var(name) for name in ("c", "x", "y", "n"))
    out = hl.Func(symbol("depthwise", f"{shape.name}_nhwc", isa))
    found, value = [], hl.f32(0)
    for size, stride in NEAR:
        acc = _near_sums(shared, shape, size, stride)
        tile = hl.Expr(acc[c, x % shape.pixels, y % shape.rows, x / shape.pixels, y / shape.rows, n])
        asked = (shared.weights.dim(1).extent() == size) & (shared.stride_x == stride)
        value = hl.select(asked, tile, value)
        found.append((asked, acc))
    out[c, x, y, n] = shared.clamped(value)
    _schedule_last(shared, tuple(acc for _, acc in found), out, shape, (rows, blocks))
    for asked, _ in found:
        out.specialize(asked)
    out.specialize_fail("no such kernel")
    shared.inp.dim(0).set_stride(1)
    return shared.program(out, extra)


def _near_sums(shared: Shared, shape: Tile, size: int, stride: int) -> Any:
    place = c, xi, yi, xt, yt, n = [hl.Var(name) for name in ("c", "xi", "yi", "xt", "yt", "n")]
    acc, near, cells = (hl.Func(f"{name}_{size}{stride}") for name in ("acc", "near", "cells"))
    w, left = shared.weights, xt * shape.pixels * stride - shared.pad_x
    top = yt * shape.rows * stride - shared.pad_y
    wide, high = (shape.pixels - 1) * stride + size, (shape.rows - 1) * stride + size
    # Below 0 where one of them is; written so that Halide does not ask for which tiles, and then not know where they start.
    beyond = left | top | (shared.inp.dim(1).extent() - left - wide) | (shared.inp.dim(2).extent() - top - high)
    near[place] = shared.inp[c, left + xi, top + yi, n]
    cells[place] = cleared(shared, c, left + xi, top + yi, n)
    acc[place] = hl.undef(F32)
    for number, (func, holds) in enumerate(((near, beyond >= 0), (cells, beyond < 0))):
        once, sums = hl.RDom([(0, 1)], f"once_{size}{stride}_{number}"), shared.bias[c]
        once.where(holds)
        for ky, kx in product(range(size), range(size)):
            sums = sums + w[c, kx, ky] * func[c, xi * stride + kx, yi * stride + ky, xt, yt, n]
        acc[place] = sums + 0 * once.x
        acc.update(number).reorder(c, xi, yi, once.x, xt, yt, n).vectorize(c).unroll(xi).unroll(yi)
        func.compute_at(acc, once.x).bound_extent(c, shape.lanes).vectorize(c).unroll(xi)
        func.bound(xi, 0, wide).bound(yi, 0, high).bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(n, 1)
        if func is near or stride == 1:
            func.store_in(hl.MemoryType.Register).unroll(yi)
        else:
            # Masks of all cells would be more than the registers hold. Larger than `near`, or both would share a place in memory.
            func.bound_storage(xi, wide + 1)
    return acc


def cleared(shared: Shared, c: Any, column: Any, row: Any, n: Any) -> Any:
    """As `masked`, by a mask of bits: a load that is masked itself waits for the one before."""
    width, height = shared.inp.dim(1).extent(), shared.inp.dim(2).extent()
    value = shared.inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    ones, none = hl.cast(hl.UInt(32), 0xFFFFFFFF), hl.cast(hl.UInt(32), 0)
    bits = hl.select((column >= 0) & (column < width), ones, none)
    bits &= hl.select((row >= 0) & (row < height), ones, none)
    return hl.reinterpret(F32, hl.reinterpret(hl.UInt(32), value) & bits)


def _taps(shared: Shared, name: str) -> Any:
    return hl.RDom([(0, shared.weights.dim(1).extent()), (0, shared.weights.dim(2).extent())], name)


def _interior(shared: Shared, shape: Tile, xt: Any, yt: Any) -> Any:
    """Whether all windows of a tile lie inside the input."""
    w, inp = shared.weights, shared.inp
    left, top = cell(shared, xt * shape.pixels, yt * shape.rows, 0, 0)
    last = (xt + 1) * shape.pixels - 1, (yt + 1) * shape.rows - 1
    right, bottom = cell(shared, *last, w.dim(1).extent() - 1, w.dim(2).extent() - 1)
    return (left >= 0) & (right < inp.dim(1).extent()) & (top >= 0) & (bottom < inp.dim(2).extent())


def _schedule_taps(update: Any, acc: Any, taps: Any, lanes: int) -> Any:
    c, xi, yi, xt, yt, n = acc.args()
    update.reorder(c, xi, yi, taps.x, taps.y, xt, yt, n)
    return update.vectorize(c, lanes).unroll(xi).unroll(yi).never_partition_all()


def _usual(shared: Shared, update: Any, taps: Any, usual: Sequence[tuple[int, int]]) -> Iterator[tuple[Any, int, int]]:
    """Branches for the usual kernels, whose taps are known then, each with its kernel's side and stride."""
    w = shared.weights
    for size, stride in usual:
        asked = (w.dim(1).extent() == size) & (w.dim(2).extent() == size)
        asked &= (shared.dilation_x == 1) & (shared.dilation_y == 1)
        asked &= (shared.stride_x == stride) & (shared.stride_y == stride)
        yield update.specialize(asked), size, stride


def cell(shared: Shared, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
    """The image coordinates that tap (kx, ky) of output (x, y) reads."""
    column = x * shared.stride_x + kx * shared.dilation_x - shared.pad_x
    return column, y * shared.stride_y + ky * shared.dilation_y - shared.pad_y


def masked(shared: Shared, c: Any, column: Any, row: Any, n: Any) -> Any:
    """The input at (column, row), 0 outside; `c` is inside by itself, so that channels stay dense."""
    width, height = shared.inp.dim(1).extent(), shared.inp.dim(2).extent()
    value = shared.inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    return hl.select((column >= 0) & (column < width) & (row >= 0) & (row < height), value, hl.f32(0))


def _clamp(shared: Shared, acc: Any, out: Any, shape: Tile) -> None:
    """What follows the sums, straight from the registers."""
    c, x, y, n, pixels, high = hl.Var("c"), hl.Var("x"), hl.Var("y"), hl.Var("n"), shape.pixels, shape.rows
    out[c, x, y, n] = shared.clamped(hl.Expr(acc[c, x % pixels, y % high, x / pixels, y / high, n]))


def _schedule_last(shared: Shared, funcs: tuple[Any, ...], out: Any, shape: Tile, sizes: tuple[Any, Any]) -> None:
    """Tasks of `rows` tiles in height and `blocks` of channels, the channels outside; the last block and its neighbour
    overlap where they must.
    """
    rows, blocks = sizes
    c, x, y, n = out.args()
    names = ("ci", "cb", "xi", "xt", "yi", "yt", "co", "cj", "yo", "yj", "task")
    ci, cb, xi, xt, yi, yt, co, cj, yo, yj, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, cb, ci, shape.lanes, INWARDS).split(x, xt, xi, shape.pixels, GUARD)
    out.split(y, yt, yi, shape.rows, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(cb, co, cj, blocks, GUARD)
    # Without a stage the input is walked in the order in which it lies, or every cache line would be fetched more than once.
    order = (xt, yj, cj) if shape.staged else (cj, xt, yj)
    out.reorder(ci, xi, yi, *order, yo, n, co).vectorize(ci, shape.lanes).unroll(xi).unroll(yi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task, *([xt] if shape.near else []))])
    for func in funcs:
        c, xi, yi, xt, yt, n = func.args()
        func.compute_at(out, order[0]).bound_extent(c, shape.lanes).bound(xi, 0, shape.pixels)
        func.bound(yi, 0, shape.rows).bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(n, 1)
        func.vectorize(c, shape.lanes).unroll(xi).unroll(yi)
    out.output_buffer().dim(0).set_stride(1)


def _flat(isa: Isa, shape: Tile) -> Program:
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
    taps = _taps(shared, "taps")
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
    for branch, size, _ in _usual(shared, update.never_partition_all(), taps, USUAL):
        branch.unroll(taps.x)
        if size <= LARGEST_WHOLE:
            branch.unroll(taps.y)


def _rows(isa: Isa) -> Program:
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


def _first(isa: Isa, name: str) -> Program:
    shared = Shared(3)  # c, kx, ky
    extra = rows, planes, wide = [whole(name) for name in ("rows", "planes", "wide")]
    lanes, (high, vectors) = isa.lanes, FIRST_TILE
    c, x, y, n, xi, xt, yi, yt = (hl.Var(name) for name in ("c", "x", "y", "n", "xi", "xt", "yi", "yt"))
    stage, acc, out = hl.Func("stage"), hl.Func("acc"), hl.Func(symbol("depthwise", name, isa))
    w = shared.weights
    copied = _copy_plane(shared, stage, wide)
    taps = _taps(shared, "taps")
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
    for branch, size, stride in _usual(shared, update, taps, USUAL[1:]):
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
