"""Transposed convolution, any kernel, stride, dilation and padding.

For an output row and a kernel column, a register tile holds what some cells of an input row add to it, summed over the
channels and those kernel rows that meet the row; the tiles are then added to the row where the stride puts them. Nothing is
multiplied in vain, and no padding is read.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.transposed import tile_of
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import Program, Shared, Variants, whole

GUARD = hl.TailStrategy.GuardWithIf


def variants(isa: Isa) -> Variants:
    return {layout: partial(_build, isa, layout) for layout in ("nhwc", "nchw")}


def _build(isa: Isa, layout: str) -> Program:
    shared = Shared(5)  # k in block, c, ky, kx, block
    extra = rows, blocks = [whole(name) for name in ("rows", "blocks")]
    pixels, vectors = tile_of(isa)
    block = isa.lanes * vectors
    names = ("ki", "kb", "k", "x", "y", "n", "xi", "xt", "kx")
    ki, kb, k, x, y, n, xi, xt, kx = (hl.Var(name) for name in names)
    acc, sums, line, tile = (hl.Func(name) for name in ("acc", "sums", "line", "tile"))
    out = hl.Func(symbol("transposed", layout, isa))
    w, inp = shared.weights, shared.inp
    width, height = inp.dim(1).extent(), inp.dim(2).extent()
    taps = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "taps")
    reached = y + shared.pad_y - taps.y * shared.dilation_y
    row = reached / shared.stride_y
    taps.where((reached % shared.stride_y == 0) & (row >= 0) & (row < height))
    acc[ki, xi, xt, kx, kb, y, n] = hl.f32(0)
    acc[ki, xi, xt, kx, kb, y, n] += (
        w[ki, taps.x, taps.y, kx, kb]
        * inp[taps.x, hl.min(xt * pixels + xi, width - 1), hl.clamp(row, 0, height - 1), n]
    )
    sums[ki, xi, xt, kx, kb, y, n] = acc[ki, xi, xt, kx, kb, y, n]
    cells = hl.RDom([(0, pixels), (0, (width + pixels - 1) / pixels), (0, w.dim(3).extent())], "cells")
    cell = cells.y * pixels + cells.x
    place = cell * shared.stride_x + cells.z * shared.dilation_x - shared.pad_x
    wide = shared.residual.dim(1).extent()
    cells.where((cell < width) & (place >= 0) & (place < wide))
    line[ki, x, kb, y, n] = shared.bias[kb * block + ki]
    at = hl.clamp(place, 0, wide - 1)
    line[ki, at, kb, y, n] += sums[ki, cells.x, cells.y, cells.z, kb, y, n]
    tile[ki, x, kb, y, n] = shared.clamped(line[ki, x, kb, y, n])
    out[k, x, y, n] = tile[k % block, x, k / block, y, n]
    _schedule(shared, (acc, sums, line, tile, out), (taps, cells), (isa.lanes, block, pixels), layout, (rows, blocks))
    return shared.program(out, extra)


def _schedule(shared: Shared, funcs: Any, domains: Any, shape: tuple[int, int, int], layout: str, sizes: Any) -> None:
    (acc, sums, line, tile, out), (taps, cells), (lanes, block, pixels), (rows, blocks) = funcs, domains, shape, sizes
    k, x, y, n = out.args()
    ki, kb, ko, kj, yo, yi, task = (hl.Var(name) for name in ("ki", "kb", "ko", "kj", "yo", "yi", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(k, kb, ki, block, GUARD).split(kb, ko, kj, blocks, GUARD).split(y, yo, yi, rows, GUARD)
    last = layout == "nhwc"
    lane, other = (ki, x) if last else (x, ki)
    out.reorder(lane, other, kj, yi, yo, n, ko).vectorize(lane, lanes, GUARD)
    out.fuse(yo, n, task).fuse(task, ko, task).parallel(task).never_partition_all()
    wide = shared.residual.dim(1).extent()
    for func in (line, tile):
        ki, x, kb, y, n = func.args()
        func.compute_at(out, kj).bound(ki, 0, block).bound(x, 0, wide).bound_extent(kb, 1).bound_extent(y, 1)
        func.vectorize(ki, lanes).unroll(ki).never_partition_all()
    update = line.update().reorder(line.args()[0], cells.x, cells.z, cells.y)
    update.vectorize(line.args()[0], lanes).unroll(line.args()[0]).never_partition_all()
    for func in (acc, sums):
        ki, xi, xt, kx, kb, y, n = func.args()
        func.compute_at(line, cells.z).bound(ki, 0, block).bound(xi, 0, pixels)
        for each in (xt, kx, kb, y, n):
            func.bound_extent(each, 1)
        func.vectorize(ki, lanes).unroll(ki).unroll(xi)
    ki, xi, xt, kx, kb, y, n = acc.args()
    update = acc.update().reorder(ki, xi, taps.x, taps.y, xt, kx, kb, y, n)
    update.vectorize(ki, lanes).unroll(ki).unroll(xi).never_partition_all()
    shared.weights.dim(0).set_extent(block)
    out.output_buffer().dim(0).set_stride(1 if last else hl.Expr())
    out.output_buffer().dim(1).set_stride(hl.Expr() if last else 1)
