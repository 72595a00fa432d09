"""Convolution of images of a few channels, such as the first layer of a network.

Cells and their channels are one run of numbers, along which a window's row is one run too: kx and c are a single loop, as
long as their product. Each task copies its rows into a stage of such runs, with zeros where there is padding. Where the
channels come first, the stage holds a row of each channel, and kx and c are two loops: over
vectors of pixels, where they lie side by side, or over vectors of output channels, whose tiles are turned into planes, as
many together as fill squares.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.first import Tile, tiles
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import Program, Shared, Variants, runs, whole
from convwise.engine.kernels.turning import flipped, schedule_turned

GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards


def variants(isa: Isa) -> Variants:
    return {
        tile.variant: partial(_planes if tile.planes else _turned if tile.turned else _build, isa, tile)
        for tile in tiles(isa)
    }


def _planes(isa: Isa, shape: Tile) -> Program:
    """Pixels in the lanes: what a tap reads of a row is every cell or every second one. Tiles at an end are shifted inwards."""
    shared = Shared(4)  # k, kx, c, ky
    extra = rows, wide = [whole(name) for name in ("rows", "wide")]
    k, x, y, n, kx, ky, c = (hl.Var(name) for name in ("k", "x", "y", "n", "kx", "ky", "c"))
    acc, cells, out = hl.Func("acc"), hl.Func("cells"), hl.Func(symbol("first", shape.variant, isa))
    w, stage = shared.weights, _rows(shared, wide, isa.lanes)
    taps = hl.RDom([(0, w.dim(axis).extent()) for axis in (1, 2, 3)], "taps")
    cells[x, y, n, kx, c, ky] = stage[x * shared.stride_x + kx, c, y * shared.stride_y + ky * shared.dilation_y, n]
    acc[x, k, y, n] = shared.bias[k]
    acc[x, k, y, n] += w[k, taps.x, taps.y, taps.z] * cells[x, y, n, taps.x, taps.y, taps.z]
    out[k, x, y, n] = shared.clamped(acc[x, k, y, n])

    xi, xt, ki, kb, yo, yi, task = (hl.Var(name) for name in ("xi", "xt", "ki", "kb", "yo", "yi", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)
    out.split(k, kb, ki, shape.block(isa), INWARDS).split(x, xt, xi, shape.pixels, INWARDS).split(
        y, yo, yi, rows, GUARD
    )
    out.reorder(xi, ki, xt, kb, yi, yo, n).fuse(yo, n, task).parallel(task)
    out.vectorize(xi, isa.lanes).unroll(xi).unroll(ki).never_partition_all()
    stage.compute_at(out, task)
    acc.compute_at(out, xt).bound_extent(x, shape.pixels).bound_extent(k, shape.block(isa))
    acc.vectorize(x, isa.lanes).unroll(x).unroll(k)
    update = acc.update().reorder(x, k, taps.x, taps.y, taps.z, y, n)
    update.vectorize(x, isa.lanes).unroll(x).unroll(k).never_partition_all()
    for step in (1, 2):
        update.specialize(shared.stride_x == step)
    cells.compute_at(acc, taps.x).bound_extent(x, shape.pixels).vectorize(x, isa.lanes).unroll(x)
    w.in_().compute_at(acc, k)
    return shared.program(out, extra)


def _turned(isa: Isa, shape: Tile) -> Program:
    """Output channels in the lanes: a cell is one number for all of them, wherever its plane lies. A strip of tiles, which fills
    squares, is turned into planes when it is done.
    """
    shared = Shared(4)  # k, kx, c, ky
    extra = rows, wide = [whole(name) for name in ("rows", "wide")]
    names = ("k", "x", "y", "n", "ki", "kv", "kb", "xi", "xv", "xt", "yo", "yi", "task")
    k, x, y, n, ki, kv, kb, xi, xv, xt, yo, yi, task = (hl.Var(name) for name in names)
    acc, strip, out = hl.Func("acc"), hl.Func("strip"), hl.Func(symbol("first", shape.variant, isa))
    w, stage, lanes = shared.weights, _rows(shared, wide, isa.lanes), isa.lanes
    pixels, block, long = shape.pixels, shape.block(isa), shape.strip(isa)
    taps = hl.RDom([(0, w.dim(axis).extent()) for axis in (1, 2, 3)], "taps")
    column = (xt * pixels + xi) * shared.stride_x + taps.x
    cell = stage[column, taps.y, y * shared.stride_y + taps.z * shared.dilation_y, n]
    acc[ki, xi, xt, kb, y, n] = shared.bias[kb * block + ki]
    acc[ki, xi, xt, kb, y, n] += w[kb * block + ki, taps.x, taps.y, taps.z] * cell
    at = xt * long + x
    strip[k, x, xt, y, n] = acc[k % block, at % pixels, at / pixels, k / block, y, n]
    flips = flipped(strip, lanes, long)
    out[k, x, y, n] = shared.clamped(
        flips[-1][k % lanes * lanes + x % long % lanes, x % long / lanes, k / lanes, x / long, y, n]
    )

    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)
    out.split(k, kb, ki, block, GUARD).split(ki, kv, ki, lanes)
    out.split(x, xt, x, long, GUARD).split(x, xv, xi, lanes, GUARD).split(y, yo, yi, rows, GUARD)
    out.reorder(xi, ki, kv, xv, xt, yi, kb, yo, n).fuse(yo, n, task).parallel(task).vectorize(xi).unroll(ki)
    out.never_partition_all()
    stage.compute_at(out, task)
    schedule_turned(flips, out, kv, lanes)
    strip.compute_at(out, xt).bound_extent(k, block).bound(x, 0, long).bound_extent(xt, 1)
    strip.split(x, xv, xi, pixels).reorder(k, xi, xv).vectorize(k, lanes).unroll(k).unroll(xi)
    acc.compute_at(strip, xv).bound(ki, 0, block).bound(xi, 0, pixels).bound_extent(xt, 1).bound_extent(kb, 1)
    acc.vectorize(ki, lanes).unroll(ki).unroll(xi)
    update = acc.update().reorder(ki, xi, taps.x, taps.y, taps.z, xt, kb, y, n)
    update.vectorize(ki, lanes).unroll(ki).unroll(xi).never_partition_all()
    for step in (1, 2, 4):
        update.specialize(shared.stride_x == step)
    row = w.in_()
    row.compute_at(acc, taps.x).vectorize(row.args()[0], lanes).unroll(row.args()[0])
    return shared.program(out, extra)


def _rows(shared: Shared, wide: Any, lanes: int) -> Any:
    """A row of `wide` cells of each channel, zeros where there is padding."""
    x, c, y, n = (hl.Var(name) for name in ("x", "c", "y", "n"))
    stage, inp = hl.Func("stage"), shared.inp
    width, height = inp.dim(1).extent(), inp.dim(2).extent()
    row = y - shared.pad_y
    there = (row >= 0) & (row < height)
    none, run = hl.RDom([(0, wide)], "none"), hl.RDom([(0, wide)], "run")
    first = none / lanes * lanes - shared.pad_x
    cell = run - shared.pad_x
    none.where(~(there & (first >= 0) & (first + lanes <= width)))
    run.where(there & (cell >= 0) & (cell < width))
    stage[x, c, y, n] = hl.undef(hl.Float(32))
    stage[none, c, y, n] = hl.f32(0)
    stage[run, c, y, n] = inp[c, cell, hl.clamp(row, 0, height - 1), n]
    stage.bound(x, 0, wide).bound_extent(n, 1)
    stage.update(0).vectorize(none, lanes, GUARD).never_partition_all()
    stage.update(1).never_partition_all().specialize(inp.dim(1).stride() == 1).vectorize(run, lanes, GUARD)
    return stage


def _build(isa: Isa, shape: Tile) -> Program:
    shared = Shared(3)  # k, kx and c, ky
    extra = rows, wide, blocks = [whole(name) for name in ("rows", "wide", "blocks")]
    k, xi, xt, x, y, n = (hl.Var(name) for name in ("k", "xi", "xt", "x", "y", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("first", shape.variant, isa))
    w, channels, pixels = shared.weights, shared.inp.dim(0).extent(), shape.pixels
    stage = runs(shared, wide, isa.lanes)
    taps = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "taps")
    acc[k, xi, xt, y, n] = shared.bias[k]
    acc[k, xi, xt, y, n] += (
        w[k, taps.x, taps.y]
        * stage[
            (xt * pixels + xi) * shared.stride_x * channels + taps.x,
            y * shared.stride_y + taps.y * shared.dilation_y,
            n,
        ]
    )
    out[k, x, y, n] = shared.clamped(hl.Expr(acc[k, x % pixels, x / pixels, y, n]))
    _schedule((stage, acc, out), taps, shape, isa.lanes, (rows, blocks))
    return shared.program(out, extra)


def _schedule(funcs: Any, taps: Any, shape: Tile, lanes: int, task: tuple[Any, Any]) -> None:
    """Rows of a task, and blocks of channels that are finished pixel by pixel: fewer than all where their weights must come from
    afar, so that a task reads them once.
    """
    (stage, acc, out), (rows, blocks) = funcs, task
    block = lanes * shape.vectors
    k, x, y, n = out.args()
    names = ("ki", "kb", "ko", "xi", "xt", "yo", "yi", "task")
    ki, kb, ko, xi, xt, yo, yi, tasks = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(k, kb, ki, block, GUARD if shape.ragged else INWARDS).split(x, xt, xi, shape.pixels, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(kb, ko, kb, blocks, GUARD)
    channels_last = shape.layout == "NHWC"
    lane, other = (ki, xi) if channels_last else (xi, ki)
    out.reorder(lane, other, kb, xt, yi, ko, yo, n).fuse(yo, n, tasks).parallel(tasks)
    if shape.ragged:
        out.vectorize(lane, lanes if channels_last else shape.pixels, GUARD)
        out.never_partition_all()
    else:
        out.vectorize(ki, lanes).unroll(ki).unroll(xi).never_partition(
            [hl.VarOrRVar(var) for var in (yi, kb, ko, tasks)]
        )
    stage.compute_at(out, tasks)
    k, xi, xt, y, n = acc.args()
    acc.compute_at(out, kb).bound_extent(k, block).bound(xi, 0, shape.pixels).bound_extent(xt, 1)
    acc.vectorize(k, lanes).unroll(k).unroll(xi)
    update = acc.update().reorder(k, xi, taps.x, taps.y, xt, y, n)
    update.vectorize(k, lanes).unroll(k).unroll(xi).never_partition_all()
    out.output_buffer().dim(0).set_stride(1 if channels_last else hl.Expr())
    out.output_buffer().dim(1).set_stride(hl.Expr() if channels_last else 1)
