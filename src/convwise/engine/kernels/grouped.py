"""Convolution in many small groups, all in one call.

Where a group has as many inputs as outputs and divides a vector, the lanes are *input* channels: for each of `size` rotations
an accumulator holds what the lane's channel adds to the output that lies so many channels behind it, and the rotations are
shuffled into place once at the end; a stage holds the vector's channels with their padding. Where a group's inputs are just one
vector, the lanes are its outputs, and what a tile reads is laid side by side once more. Channels first, the lanes are outputs of a
row, and the tile holds all channels of a group, whose planes a stage holds with their padding. Any other grouping copies what it
reads into a stage that is spread out by output channels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.grouped import ANY_PIXELS, filled, planes, rotations
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, Variants, padded, schedule_padded, whole

SPREAD = "convwise_spread"
"""The stage of groups that are no vectors, in `spreading.c`."""
GUARD, INWARDS, ROUND = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards, hl.TailStrategy.RoundUp


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {
        f"{size}of{size}_nhwc": partial(_rotating, isa, size, pixels) for size, pixels in rotations(isa)
    }
    found |= {f"{across}x{down}_nhwc": partial(_filled, isa, (across, down)) for across, down in filled(isa)}
    found |= {f"{size}planes_nchw": partial(_planes, isa, size, high) for size, high in planes(isa)}
    return {**found, **{f"any_{layout}": partial(_any, isa, layout) for layout in ("nhwc", "nchw")}}


def _rotating(isa: Isa, size: int, pixels: int) -> Program:
    shared = Shared(4)  # channel, rotation, kx, ky
    extra = rows, blocks, wide = [whole(name) for name in ("rows", "blocks", "wide")]
    j, g, r, xi, xt, c, x, y, n = (hl.Var(name) for name in ("j", "g", "r", "xi", "xt", "c", "x", "y", "n"))
    acc, sums = hl.Func("acc"), hl.Func("sums")
    out = hl.Func(symbol("grouped", f"{size}of{size}_nhwc", isa))
    w, channel = shared.weights, g * size + j
    stage, copies = padded(shared.inp, (shared.pad_x, shared.pad_y), wide, shared.zero)
    taps = hl.RDom([(0, w.dim(2).extent()), (0, w.dim(3).extent())], "taps")
    column = (xt * pixels + xi) * shared.stride_x + taps.x * shared.dilation_x
    row = y * shared.stride_y + taps.y * shared.dilation_y
    acc[j, g, r, xi, xt, y, n] = hl.f32(0)
    acc[j, g, r, xi, xt, y, n] += w[channel, r, taps.x, taps.y] * stage[channel, column, row, n]
    total = shared.bias[channel]
    for rotation in range(size):
        total += acc[(j + size - rotation) % size, g, rotation, xi, xt, y, n]
    sums[j, g, xi, xt, y, n] = shared.clamped(total)
    out[c, x, y, n] = sums[c % size, c / size, x % pixels, x / pixels, y, n]
    _schedule_rotating((acc, sums, out), taps, (isa.lanes, size, pixels), (rows, blocks))
    schedule_padded(stage, copies, wide, out, isa.lanes, shared.inp.dim(0).stride() == 1)
    return shared.program(out, extra)


def _schedule_rotating(funcs: Any, taps: Any, shape: tuple[int, int, int], sizes: Any) -> None:
    (acc, sums, out), (lanes, size, pixels), (rows, blocks) = funcs, shape, sizes
    each = lanes // size
    c, x, y, n = out.args()
    names = ("j", "g", "gi", "gb", "co", "cj", "xi", "xt", "yo", "yi", "task")
    j, g, gi, gb, co, cj, xi, xt, yo, yi, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, g, j, size, ROUND).split(g, gb, gi, each, INWARDS).split(x, xt, xi, pixels, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(gb, co, cj, blocks, GUARD)
    out.reorder(j, gi, xi, xt, yi, cj, yo, n, co).vectorize(j).vectorize(gi).unroll(xi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yi, cj, task)])
    for func in (acc, sums):
        j, g, *_ = func.args()
        func.compute_at(out, xt).bound(j, 0, size).bound_extent(g, each)
        func.vectorize(j).vectorize(g)
    j, g, xi, xt, y, n = sums.args()
    sums.bound(xi, 0, pixels).bound_extent(xt, 1).unroll(xi)
    j, g, r, xi, xt, y, n = acc.args()
    acc.bound(r, 0, size).bound(xi, 0, pixels).bound_extent(xt, 1).unroll(r).unroll(xi)
    update = acc.update().reorder(j, g, r, xi, taps.x, taps.y, xt, y, n)
    update.vectorize(j).vectorize(g).unroll(r).unroll(xi).never_partition_all()
    out.output_buffer().dim(0).set_stride(1)


def _filled(isa: Isa, tile: tuple[int, int]) -> Program:
    shared = Shared(5)  # k in vector, c in group, kx, ky, vector
    extra = rows, blocks, wide, each = [whole(name) for name in ("rows", "blocks", "wide", "each")]
    lanes, (across, down), w = isa.lanes, tile, shared.weights
    names = ("ki", "kb", "c", "kx", "ky", "xi", "xt", "yi", "yt", "k", "x", "y", "n")
    ki, kb, c, kx, ky, xi, xt, yi, yt, k, x, y, n = (hl.Var(name) for name in names)
    laid, acc, out = hl.Func("laid"), hl.Func("acc"), hl.Func(symbol("grouped", f"{across}x{down}_nhwc", isa))
    stage, copies = padded(shared.inp, (shared.pad_x, shared.pad_y), wide, shared.zero)
    column = (xt * across + xi) * shared.stride_x + kx * shared.dilation_x
    row = (yt * down + yi) * shared.stride_y + ky * shared.dilation_y
    taps = hl.RDom([(0, lanes), (0, w.dim(2).extent()), (0, w.dim(3).extent())], "taps")
    place = xi, yi, xt, yt, kb, n
    laid[c, kx, ky, *place] = stage[kb / each * lanes + c, column, row, n]
    acc[ki, *place] = shared.bias[kb * lanes + ki]
    acc[ki, *place] += w[ki, taps.x, taps.y, taps.z, kb] * laid[taps.x, taps.y, taps.z, *place]
    out[k, x, y, n] = shared.clamped(acc[k % lanes, x % across, y % down, x / across, y / down, k / lanes, n])
    _schedule_filled((laid, acc, out), taps, (lanes, across, down), (rows, blocks))
    schedule_padded(stage, copies, wide, out, lanes, shared.inp.dim(0).stride() == 1)
    w.dim(0).set_extent(lanes)
    w.dim(1).set_extent(lanes).set_stride(lanes)
    w.dim(2).set_stride(lanes**2)
    return shared.program(out, extra)


def _schedule_filled(funcs: Any, taps: Any, shape: tuple[int, int, int], sizes: Any) -> None:
    (laid, acc, out), (lanes, across, down), (rows, blocks) = funcs, shape, sizes
    k, x, y, n = out.args()
    names = ("ki", "kb", "ko", "cj", "xi", "xt", "yi", "yt", "yo", "yj", "task")
    ki, kb, ko, cj, xi, xt, yi, yt, yo, yj, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(k, kb, ki, lanes, ROUND).split(x, xt, xi, across, GUARD).split(y, yt, yi, down, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(kb, ko, cj, blocks, GUARD)
    out.reorder(ki, xi, yi, xt, yj, cj, yo, n, ko).vectorize(ki).unroll(xi).unroll(yi)
    out.fuse(yo, n, task).fuse(task, ko, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task)])
    out.output_buffer().dim(0).set_stride(1)
    update = acc.update().reorder(ki, xi, yi, taps.x, taps.y, taps.z, *acc.args()[3:])
    update.vectorize(ki).unroll(xi).unroll(yi).unroll(taps.x).never_partition_all()
    acc.compute_at(out, xt)
    # All of a tile's cells at places that are known: reading one costs a multiply-add no instruction of its own then.
    laid.compute_at(acc, taps.y).hoist_storage(out, task).store_in(hl.MemoryType.Heap).never_partition_all()
    for func in (laid, acc):
        lane, *others = func.args()
        for var in others:
            func.bound_extent(var, {"xi": across, "yi": down}.get(var.name(), 1))
        func.bound(lane, 0, lanes).bound(xi, 0, across).bound(yi, 0, down).vectorize(lane).unroll(xi).unroll(yi)


def _any(isa: Isa, layout: str) -> Program:
    shared = Shared(5)  # k in block, c, kx, ky, block
    extra = rows, blocks, each = [whole(name) for name in ("rows", "blocks", "each")]
    lanes, pixels = isa.lanes, ANY_PIXELS
    ki, c, xi, xt, kb, k, x, y, n = (hl.Var(name) for name in ("ki", "c", "xi", "xt", "kb", "k", "x", "y", "n"))
    stage, acc, sums, tile = (hl.Func(name) for name in ("stage", "acc", "sums", "tile"))
    out = hl.Func(symbol("grouped", f"any_{layout}", isa))
    w = shared.weights
    inner, wide, high = (w.dim(axis).extent() for axis in (1, 2, 3))
    asked = [hl.ExternFuncArgument(one) for one in (shared.inp, shared.pad_x, shared.pad_y, each)]
    stage.define_extern(SPREAD, asked, F32, [ki, c, x, y, kb, n], hl.NameMangling.C)
    taps = hl.RDom([(0, inner), (0, wide), (0, high)], "taps")
    acc[ki, xi, xt, kb, y, n] = shared.bias[kb * lanes + ki]
    acc[ki, xi, xt, kb, y, n] += (
        w[ki, taps.x, taps.y, taps.z, kb]
        * stage[
            ki,
            taps.x,
            (xt * pixels + xi) * shared.stride_x + taps.y * shared.dilation_x,
            y * shared.stride_y + taps.z * shared.dilation_y,
            kb,
            n,
        ]
    )
    sums[ki, xi, xt, kb, y, n] = acc[ki, xi, xt, kb, y, n]
    tile[ki, xi, xt, kb, y, n] = shared.clamped(sums[ki, xi, xt, kb, y, n])
    out[k, x, y, n] = tile[k % lanes, x % pixels, x / pixels, k / lanes, y, n]
    _schedule_any((stage, acc, sums, tile, out), taps, (lanes, pixels), layout, (rows, blocks))
    w.dim(0).set_extent(lanes)
    return shared.program(out, extra)


def _schedule_any(funcs: Any, taps: Any, shape: tuple[int, int], layout: str, sizes: Any) -> None:
    (stage, acc, sums, tile, out), (lanes, pixels), (rows, blocks) = funcs, shape, sizes
    k, x, y, n = out.args()
    names = ("ki", "kb", "ko", "kj", "xi", "xt", "yo", "yi", "task")
    ki, kb, ko, kj, xi, xt, yo, yi, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(k, kb, ki, lanes, GUARD).split(x, xt, xi, pixels, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(kb, ko, kj, blocks, GUARD)
    last = layout == "nhwc"
    lane, other = (ki, xi) if last else (xi, ki)
    out.reorder(lane, other, xt, yi, kj, yo, n, ko)
    if last:
        out.vectorize(lane)
    out.fuse(yo, n, task).fuse(task, ko, task).parallel(task).never_partition_all()
    ki, _, _, _, kb, sn = stage.args()
    stage.compute_at(out, kj).bound(ki, 0, lanes).bound_extent(kb, 1).bound_extent(sn, 1)
    for func in (acc, sums, tile):
        ki, xi, xt, kb, y, n = func.args()
        func.compute_at(out, xt).bound(ki, 0, lanes).bound(xi, 0, pixels).bound_extent(xt, 1).bound_extent(kb, 1)
        func.vectorize(ki)
        if func is not tile:
            func.unroll(xi)
    ki, xi, xt, kb, y, n = acc.args()
    update = acc.update().reorder(ki, xi, taps.x, taps.y, taps.z, xt, kb, y, n)
    update.vectorize(ki).unroll(xi).never_partition_all()
    out.output_buffer().dim(0).set_stride(1 if last else hl.Expr())
    out.output_buffer().dim(1).set_stride(hl.Expr() if last else 1)


def _planes(isa: Isa, size: int, high: int) -> Program:
    shared = Shared(5)  # k in block, c in group, kx, ky, block
    extra = *_, wide, each = [whole(name) for name in ("rows", "groups", "wide", "each")]
    names = ("c", "x", "y", "n", "xi", "yi", "k", "xt", "yt", "kb")
    c, x, y, n, xi, yi, k, xt, yt, kb = (hl.Var(name) for name in names)
    stage, acc, sums, tile = (hl.Func(name) for name in ("stage", "acc", "sums", "tile"))
    out = hl.Func(symbol("grouped", f"{size}planes_nchw", isa))
    w, inp, lanes = shared.weights, shared.inp, isa.lanes
    width, height, inner = inp.dim(1).extent(), inp.dim(2).extent(), w.dim(1).extent()
    row, left = y - shared.pad_y, hl.max(shared.pad_x, 0)
    copied = hl.RDom([(0, hl.clamp(wide - left, 0, width - left + shared.pad_x))], "copied")
    copied.where((row >= 0) & (row < height))
    stage[x, y, c, n] = shared.zero
    stage[copied + left, y, c, n] = inp[c, copied + left - shared.pad_x, hl.clamp(row, 0, height - 1), n]
    taps = hl.RDom([(0, inner), (0, w.dim(2).extent()), (0, w.dim(3).extent())], "taps")
    column = (xt * lanes + xi) * shared.stride_x + taps.y * shared.dilation_x
    line = (yt * high + yi) * shared.stride_y + taps.z * shared.dilation_y
    place = xi, yi, k, xt, yt, kb, n
    acc[place] = shared.bias[kb * size + k]
    acc[place] += w[k, taps.x, taps.y, taps.z, kb] * stage[column, line, kb / each * inner + taps.x, n]
    sums[place] = acc[place]
    tile[place] = shared.clamped(sums[place])
    out[c, x, y, n] = tile[x % lanes, y % high, c % size, x / lanes, y / high, c / size, n]
    _schedule_planes(shared, (stage, acc, sums, tile, out), (copied, taps), (lanes, size, high), extra)
    return shared.program(out, extra)


def _schedule_planes(shared: Shared, funcs: Any, domains: Any, shape: tuple[int, int, int], sizes: Any) -> None:
    (stage, acc, sums, tile, out), (copied, taps), (lanes, size, high) = funcs, domains, shape
    (rows, groups, wide, each), w = sizes, shared.weights
    c, x, y, n = out.args()
    names = ("xi", "xt", "yi", "yt", "yo", "yj", "k", "kb", "kj", "g", "go", "gj", "task")
    xi, xt, yi, yt, yo, yj, k, kb, kj, g, go, gj, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, kb, k, size, ROUND).split(kb, g, kj, each, ROUND)
    out.split(x, xt, xi, lanes, GUARD).split(y, yt, yi, high, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(g, go, gj, groups, GUARD)
    out.reorder(xi, yi, k, xt, yj, kj, gj, yo, go, n).vectorize(xi)
    out.fuse(yo, go, task).fuse(task, n, task).parallel(task).never_partition_all()
    sx, sy, sc, sn = stage.args()
    stage.compute_at(out, gj).store_in(hl.MemoryType.Stack).bound_extent(sx, wide / lanes * lanes)
    stage.bound_extent(sc, w.dim(1).extent()).bound_extent(sn, 1).vectorize(sx, lanes).never_partition_all()
    stage.update().reorder(copied, sy, sc, sn).never_partition([hl.VarOrRVar(var) for var in (sy, sc, sn)])
    stage.update().specialize(shared.inp.dim(1).stride() == 1).vectorize(copied, lanes, GUARD)
    for func in (acc, sums, tile):
        xi, yi, k, xt, yt, kb, n = func.args()
        func.compute_at(out, xt).bound(xi, 0, lanes).bound(yi, 0, high).bound(k, 0, size)
        func.bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(kb, 1).bound_extent(n, 1).vectorize(xi)
        if func is not tile:
            func.unroll(yi).unroll(k)
    xi, yi, k, xt, yt, kb, n = acc.args()
    update = acc.update().reorder(xi, k, yi, taps.y, taps.z, taps.x, xt, yt, kb, n)
    update.vectorize(xi).unroll(k).unroll(yi).never_partition_all()
    usual = (w.dim(2).extent() == 3) & (w.dim(3).extent() == 3) & (shared.dilation_x == 1) & (shared.dilation_y == 1)
    for stride in (1, 2):
        across = shared.stride_x == stride
        update.specialize(usual & across & (shared.stride_y == stride)).unroll(taps.y).unroll(taps.z)
        update.specialize(across)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)
