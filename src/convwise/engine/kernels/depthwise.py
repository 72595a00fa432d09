"""Depthwise convolution: one filter a channel.

Channels last: register tiles of `pixels` outputs of a row times `vectors` vectors of channels read the input where it lies;
tiles whose windows leave the input read with a mask. Channels first: each task copies the rows that a channel needs into a
stage with its padding, and the lanes are outputs of a row.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.depthwise import FIRST_TILE, Tile, last_tiles
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import Program, Shared, Variants, whole

GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {
        f"{tile.name}_nhwc": partial(_staged, isa, tile)
        if tile.staged
        else partial(_last, isa, tile.name, tile.pixels, tile.vectors, tile.lanes, tile.plain)
        for tile in last_tiles(isa)
    }
    return {
        **found,
        "nchw": partial(_first, isa, "nchw", plain=False),
        "plain_nchw": partial(_first, isa, "plain_nchw", plain=True),
    }


def _last(isa: Isa, name: str, pixels: int, vectors: int, lanes: int, plain: bool) -> Program:
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks = [whole(name) for name in ("rows", "blocks")]
    c, xi, xt, y, n = (hl.Var(name) for name in ("c", "xi", "xt", "y", "n"))
    acc = hl.Func("acc")
    w, inp = shared.weights, shared.inp
    left, top = cell(shared, xt * pixels, y, 0, 0)
    right, bottom = cell(shared, xt * pixels + pixels - 1, y, w.dim(1).extent() - 1, w.dim(2).extent() - 1)
    interior = (left >= 0) & (right < inp.dim(1).extent()) & (top >= 0) & (bottom < inp.dim(2).extent())
    inner, edge = (hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], name) for name in ("inner", "edge"))
    inner.where(interior)
    edge.where(~interior)
    acc[c, xi, xt, y, n] = shared.bias[c]
    column, row = cell(shared, xt * pixels + xi, y, inner.x, inner.y)
    acc[c, xi, xt, y, n] += w[c, inner.x, inner.y] * inp[c, column, row, n]
    column, row = cell(shared, xt * pixels + xi, y, edge.x, edge.y)
    acc[c, xi, xt, y, n] += w[c, edge.x, edge.y] * masked(shared, c, column, row, n)
    out = hl.Func(symbol("depthwise", f"{name}_nhwc", isa))
    funcs = _finish(shared, acc, out, pixels, plain)
    _schedule_last(shared, funcs, out, (pixels, vectors, lanes), (rows, blocks))
    dense = inp.dim(0).stride() == 1
    for number, taps in enumerate((inner, edge)):
        update = acc.update(number).reorder(c, xi, taps.x, taps.y, xt, y, n)
        update.vectorize(c, lanes).unroll(c).unroll(xi).never_partition_all()
        if plain and number == 0:
            for stride in (1, 2):
                cubic = (w.dim(1).extent() == 3) & (w.dim(2).extent() == 3) & (shared.dilation_x == 1)
                update.specialize(dense & cubic & (shared.stride_x == stride)).unroll(taps.x).unroll(taps.y)
        update.specialize(dense)
    return shared.program(out, extra)


def _staged(isa: Isa, shape: Tile) -> Program:
    shared = Shared(3)  # c, kx, ky
    extra = rows, blocks = [whole(name) for name in ("rows", "blocks")]
    pixels, lanes, w, inp = shape.pixels, shape.lanes, shared.weights, shared.inp
    c, x, xi, xt, y, n = (hl.Var(name) for name in ("c", "x", "xi", "xt", "y", "n"))
    stage, acc, out = hl.Func("stage"), hl.Func("acc"), hl.Func(symbol("depthwise", f"{shape.name}_nhwc", isa))
    column, row = x - shared.pad_x, y - shared.pad_y
    width, height = inp.dim(1).extent(), inp.dim(2).extent()
    across, down = (column >= 0) & (column < width), (row >= 0) & (row < height)
    near = inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    stage[c, x, y, n] = hl.select(hl.likely(across) & hl.likely(down), near, hl.f32(0))
    taps = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "taps")
    acc[c, xi, xt, y, n] = shared.bias[c]
    first = (xt * pixels + xi) * shared.stride_x + taps.x * shared.dilation_x
    acc[c, xi, xt, y, n] += w[c, taps.x, taps.y] * stage[c, first, y * shared.stride_y + taps.y * shared.dilation_y, n]
    funcs = _finish(shared, acc, out, pixels, shape.plain)
    _schedule_last(shared, funcs, out, (pixels, shape.vectors, lanes), (rows, blocks), staged=True)
    stage.compute_at(out, hl.Var("cj")).bound_extent(c, shape.block).bound_extent(n, 1)
    dense = inp.dim(0).stride() == 1
    stage.vectorize(c, lanes).unroll(c).specialize(dense)
    update = acc.update().reorder(c, xi, taps.x, taps.y, xt, y, n)
    update.vectorize(c, lanes).unroll(c).unroll(xi).never_partition_all()
    for stride in (1, 2):
        cubic = (w.dim(1).extent() == 3) & (w.dim(2).extent() == 3) & (shared.dilation_x == 1)
        update.specialize(cubic & (shared.stride_x == stride)).unroll(taps.x).unroll(taps.y)
    return shared.program(out, extra)


def cell(shared: Shared, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
    """The image coordinates that tap (kx, ky) of output (x, y) reads."""
    column = x * shared.stride_x + kx * shared.dilation_x - shared.pad_x
    return column, y * shared.stride_y + ky * shared.dilation_y - shared.pad_y


def masked(shared: Shared, c: Any, column: Any, row: Any, n: Any) -> Any:
    """The input at (column, row), 0 outside; `c` is inside by itself, so that channels stay dense."""
    width, height = shared.inp.dim(1).extent(), shared.inp.dim(2).extent()
    value = shared.inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    return hl.select((column >= 0) & (column < width) & (row >= 0) & (row < height), value, hl.f32(0))


def _finish(shared: Shared, acc: Any, out: Any, pixels: int, plain: bool) -> tuple[Any, ...]:
    """What follows the sums: a plain clamp straight from the registers, or any epilogue through a tile."""
    c, xi, xt, y, n = acc.args()
    x = hl.Var("x")
    if plain:
        value = hl.Expr(acc[c, x % pixels, x / pixels, y, n])
        value = hl.select(value < shared.low, shared.low, value)
        out[c, x, y, n] = hl.strict_float(hl.select(value > shared.high, shared.high, value))
        return (acc,)
    sums, tile = hl.Func("sums"), hl.Func("tile")
    sums[c, xi, xt, y, n] = acc[c, xi, xt, y, n]
    last = hl.max(shared.residual.dim(1).extent() - 1, 0)
    tile[c, xi, xt, y, n] = shared.finish(sums[c, xi, xt, y, n], c, hl.min(xt * pixels + xi, last), y, n)
    out[c, x, y, n] = tile[c, x % pixels, x / pixels, y, n]
    return acc, sums, tile


def _schedule_last(
    shared: Shared,
    funcs: tuple[Any, ...],
    out: Any,
    shape: tuple[int, int, int],
    sizes: tuple[Any, Any],
    *,
    staged: bool = False,
) -> None:
    """Tasks of `rows` rows and `blocks` blocks of channels; the last block and its neighbour overlap where they must."""
    (pixels, vectors, lanes), (rows, blocks) = shape, sizes
    block = lanes * vectors
    c, x, y, n = out.args()
    ci, cb, xi, xt, co, cj, yo, yi, task = (
        hl.Var(name) for name in ("ci", "cb", "xi", "xt", "co", "cj", "yo", "yi", "task")
    )
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, cb, ci, block, INWARDS).split(x, xt, xi, pixels, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(cb, co, cj, blocks, GUARD)
    order = (xt, yi, cj) if staged else (cj, xt, yi)
    out.reorder(ci, xi, *order, yo, n, co).vectorize(ci, lanes).unroll(ci).unroll(xi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yi, cj, task, ci)])
    for func in funcs:
        c, xi, xt, y, n = func.args()
        func.compute_at(out, order[0]).bound_extent(c, block).bound(xi, 0, pixels).bound_extent(xt, 1)
        func.vectorize(c, lanes).unroll(c)
        if func is not funcs[-1] or len(funcs) == 1:
            func.unroll(xi)
    if len(funcs) > 1:
        shared.specialize_epilogue(funcs[-1])
    for param in (out.output_buffer(), shared.residual):
        param.dim(0).set_stride(1)


def _first(isa: Isa, name: str, *, plain: bool) -> Program:
    shared = Shared(3)  # c, kx, ky
    extra = rows, planes, wide = [whole(name) for name in ("rows", "planes", "wide")]
    lanes, (high, vectors) = isa.lanes, FIRST_TILE
    c, x, y, n, xi, xt, yi, yt = (hl.Var(name) for name in ("c", "x", "y", "n", "xi", "xt", "yi", "yt"))
    stage, acc, sums, tile = (hl.Func(name) for name in ("stage", "acc", "sums", "tile"))
    out = hl.Func(symbol("depthwise", name, isa))
    w, inp = shared.weights, shared.inp
    width, height = inp.dim(1).extent(), inp.dim(2).extent()
    row = y - shared.pad_y
    copied = hl.RDom([(0, width)], "copied")
    copied.where((row >= 0) & (row < height) & (copied + shared.pad_x >= 0) & (copied + shared.pad_x < wide))
    stage[x, y, c, n] = hl.f32(0)
    stage[copied + shared.pad_x, y, c, n] = inp[c, copied, hl.clamp(row, 0, height - 1), n]
    taps = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "taps")
    block = lanes * vectors
    column = (xt * block + xi) * shared.stride_x + taps.x * shared.dilation_x
    acc[xi, yi, xt, yt, c, n] = shared.bias[c]
    acc[xi, yi, xt, yt, c, n] += (
        w[c, taps.x, taps.y] * stage[column, (yt * high + yi) * shared.stride_y + taps.y * shared.dilation_y, c, n]
    )
    if plain:
        out[c, x, y, n] = shared.clamped(acc[x % block, y % high, x / block, y / high, c, n])
        funcs: tuple[Any, ...] = (stage, acc, out)
    else:
        sums[xi, yi, xt, yt, c, n] = acc[xi, yi, xt, yt, c, n]
        ends = [hl.max(shared.residual.dim(axis).extent() - 1, 0) for axis in (1, 2)]
        place = [hl.min(at, end) for at, end in zip((xt * block + xi, yt * high + yi), ends, strict=True)]
        tile[xi, yi, xt, yt, c, n] = shared.finish(sums[xi, yi, xt, yt, c, n], c, place[0], place[1], n)
        out[c, x, y, n] = tile[x % block, y % high, x / block, y / high, c, n]
        funcs = (stage, acc, sums, tile, out)
    _schedule_first(shared, funcs, (copied, taps), (lanes, block, high), (rows, planes, wide))
    return shared.program(out, extra)


def _schedule_first(shared: Shared, funcs: Any, domains: Any, shape: tuple[int, int, int], sizes: Any) -> None:
    (stage, *tiles, out), (copied, taps), (lanes, block, high) = funcs, domains, shape
    rows, planes, wide = sizes
    acc, last = tiles[0], tiles[-1]
    c, x, y, n = out.args()
    xi, xt, yi, yt, yo, yj, co, cj, task = (
        hl.Var(name) for name in ("xi", "xt", "yi", "yt", "yo", "yj", "co", "cj", "task")
    )
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(x, xt, xi, block, GUARD).split(y, yt, yi, high, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(c, co, cj, planes, GUARD)
    out.reorder(xi, yi, xt, yj, cj, yo, co, n).vectorize(xi, lanes, GUARD)
    if last is acc:
        out.unroll(yi)
    out.fuse(yo, co, task).fuse(task, n, task).parallel(task).never_partition_all()
    sx, sy, sc, sn = stage.args()
    stage.compute_at(out, cj).bound_extent(sx, wide).bound_extent(sc, 1).bound_extent(sn, 1)
    stage.vectorize(sx, lanes, GUARD).never_partition_all()
    stage.update().reorder(copied, sy, sc, sn).never_partition_all()
    stage.update().specialize(shared.inp.dim(1).stride() == 1).vectorize(copied, lanes, GUARD)
    for func in tiles:
        xi, yi, xt, yt, c, n = func.args()
        func.compute_at(out, xt).bound(xi, 0, block).bound(yi, 0, high).bound_extent(xt, 1).bound_extent(yt, 1)
        func.bound_extent(c, 1).bound_extent(n, 1)
        func.vectorize(xi, lanes).unroll(xi)
        if func is acc or func is not last:
            func.unroll(yi)
    xi, yi, xt, yt, c, n = acc.args()
    update = acc.update().reorder(xi, yi, taps.x, taps.y, xt, yt, c, n)
    update.vectorize(xi, lanes).unroll(xi).unroll(yi).never_partition_all()
    w = shared.weights
    cubic = (w.dim(1).extent() == 3) & (w.dim(2).extent() == 3) & (shared.dilation_x == 1) & (shared.dilation_y == 1)
    for stride in (1, 2):
        across = shared.stride_x == stride
        if last is acc:
            update.specialize(cubic & across & (shared.stride_y == stride)).unroll(taps.x).unroll(taps.y)
        update.specialize(across)
    if last is not acc:
        shared.specialize_epilogue(last)
    for param in (out.output_buffer(), shared.residual):
        param.dim(0).set_stride(hl.Expr())
        param.dim(1).set_stride(1)
