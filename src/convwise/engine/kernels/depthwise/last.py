"""Channels last: register tiles of `pixels` by `rows` outputs and one vector of channels, either from a stage, into which a task
copies one vector of channels of the rows it needs with their padding, or where the input lies, where tiles whose windows leave
the input look at every tap.
"""

from __future__ import annotations

from typing import Any

import halide as hl

from convwise.engine.families.depthwise import USUAL, Tile
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import Program, Shared, cell, padded, schedule_padded, whole
from convwise.engine.kernels.depthwise.taps import LARGEST_WHOLE, taps_of, usual_branches

GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards


def single(isa: Isa, shape: Tile) -> Program:
    """One row of outputs a tile, and no stage: what serves few channels and strides too long to copy."""
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks, _ = [whole(name) for name in ("rows", "blocks", "wide")]
    pixels, lanes = shape.pixels, shape.lanes
    c, xi, yi, xt, yt, n = (hl.Var(name) for name in ("c", "xi", "yi", "xt", "yt", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("depthwise", f"{shape.name}_nhwc", isa))
    w, inp = shared.weights, shared.inp
    interior = _interior(shared, shape, xt, yt)
    inner, edge = (taps_of(shared, name) for name in ("inner", "edge"))
    inner.where(interior)
    edge.where(~interior)
    acc[c, xi, yi, xt, yt, n] = shared.bias[c]
    column, row = cell(shared, xt * pixels + xi, yt + yi, inner.x, inner.y)
    acc[c, xi, yi, xt, yt, n] += w[c, inner.x, inner.y] * inp[c, column, row, n]
    column, row = cell(shared, xt * pixels + xi, yt + yi, edge.x, edge.y)
    acc[c, xi, yi, xt, yt, n] += w[c, edge.x, edge.y] * shared.border(c, column, row, n)
    _clamp(shared, acc, out, shape)
    schedule_last((acc,), out, shape, (rows, blocks))
    dense = inp.dim(0).stride() == 1
    for number, taps in enumerate((inner, edge)):
        _schedule_taps(acc.update(number), acc, taps, lanes).specialize(dense)
    return shared.program(out, extra)


def tall(isa: Isa, shape: Tile) -> Program:
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
        pads = shared.pad_x, shared.pad_y
        stage, copies = padded(inp, pads, wide, shared.zero, lambda c, x, y, n: inp[c / shape.filters, x, y, n])
        taps = taps_of(shared, "taps")
        column = x * shared.stride_x + taps.x * shared.dilation_x
        row = y * shared.stride_y + taps.y * shared.dilation_y
        acc[c, xi, yi, xt, yt, n] += w[c, taps.x, taps.y] * stage[c, column, row, n]
        domains = [taps]
    else:
        interior = _interior(shared, shape, xt, yt)
        inner, edge = (taps_of(shared, name) for name in ("inner", "edge"))
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
    schedule_last((acc,), out, shape, (rows, blocks))
    if shape.staged:
        schedule_padded(stage, copies, wide, out, shape.lanes, dense)
    for number, domain in enumerate(domains):
        update = _schedule_taps(acc.update(number), acc, domain, shape.lanes)
        if shape.staged:
            for branch, size, _ in usual_branches(shared, update, USUAL):
                branch.unroll(domain.x)
                if size <= LARGEST_WHOLE:
                    branch.unroll(domain.y)
        else:
            update.specialize(dense)
    return shared.program(out, extra)


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


def _clamp(shared: Shared, acc: Any, out: Any, shape: Tile) -> None:
    """What follows the sums, straight from the registers."""
    c, x, y, n, pixels, high = hl.Var("c"), hl.Var("x"), hl.Var("y"), hl.Var("n"), shape.pixels, shape.rows
    out[c, x, y, n] = shared.clamped(hl.Expr(acc[c, x % pixels, y % high, x / pixels, y / high, n]))


def schedule_last(funcs: tuple[Any, ...], out: Any, shape: Tile, sizes: tuple[Any, Any]) -> None:
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
