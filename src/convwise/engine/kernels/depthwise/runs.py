"""Channels last, fewer of them than fill vectors: a row of cells and their channels is one run of numbers, whose weights come
again with every cell.

A tap reads each channel as far from its output as the tap's cell lies, so that lanes are whatever numbers follow in the run.
Where windows step along a row, it is computed as if they did not, and what they step on is taken.
"""

from __future__ import annotations

import halide as hl

from convwise.engine.families.depthwise import USUAL
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, runs, whole
from convwise.engine.kernels.depthwise.taps import taps_of, usual_branches
from convwise.engine.tiles import RUN

GUARD, ROUND = hl.TailStrategy.GuardWithIf, hl.TailStrategy.RoundUp


def by_runs(isa: Isa) -> Program:
    shared = Shared(3)  # channels again and again, kx, ky
    extra = rows, wide, length = [whole(name) for name in ("rows", "wide", "length")]
    q, qi, qt, yi, yt, y, n, c, x = (hl.Var(name) for name in ("q", "qi", "qt", "yi", "yt", "y", "n", "c", "x"))
    biases, acc, full = (hl.Func(name) for name in ("biases", "acc", "full"))
    out = hl.Func(symbol("depthwise", "runs_nhwc", isa))
    lanes, (high, vectors) = isa.lanes, RUN
    channels, block, taps = shared.inp.dim(0).extent(), lanes * vectors, taps_of(shared, "taps")
    stage = runs(shared, wide, lanes)
    first = qt * block % channels
    biases[q] = shared.bias[q % channels]
    acc[qi, yi, qt, yt, n] = biases[first + qi]
    row = (yt * high + yi) * shared.stride_y + taps.y * shared.dilation_y
    cell = qt * block + qi + taps.x * shared.dilation_x * channels
    acc[qi, yi, qt, yt, n] += shared.weights[first + qi, taps.x, taps.y] * stage[cell, row, n]
    full[q, yi, yt, n] = shared.clamped(acc[q % block, yi, q / block, yt, n])
    out[c, x, y, n] = hl.undef(F32)
    width = out.output_buffer().dim(1).extent()
    single = shared.stride_x == 1
    taken = hl.RDom([(0, hl.select(single, channels * width, channels)), (0, hl.select(single, 1, width))], "taken")
    # Without steps the first loop goes on into the next cells.
    out[taken.x, taken.y, y, n] = full[taken.y * shared.stride_x * channels + taken.x, y % high, y / high, n]

    yo, yj, task = (hl.Var(name) for name in ("yo", "yj", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    store = out.update().split(y, yt, yi, high, GUARD).split(yt, yo, yj, rows, GUARD)
    store.reorder(taken.x, taken.y, yi, yj, yo, n).fuse(yo, n, task).parallel(task).vectorize(taken.x, lanes, GUARD)
    store.never_partition_all()
    for func in (stage, biases):
        func.compute_at(out, task)
    biases.bound_extent(q, channels + block)
    full.compute_at(out, yj).store_in(hl.MemoryType.Stack).bound(q, 0, length).bound(yi, 0, high)
    full.bound_extent(yt, 1).bound_extent(n, 1).split(q, qt, qi, block, ROUND).reorder(qi, yi, qt, yt, n)
    full.vectorize(qi, lanes).unroll(qi).unroll(yi).never_partition_all()
    acc.compute_at(full, qt).bound(qi, 0, block).bound(yi, 0, high).bound_extent(qt, 1).bound_extent(yt, 1)
    acc.bound_extent(n, 1).vectorize(qi, lanes).unroll(qi).unroll(yi)
    update = acc.update().reorder(qi, yi, taps.x, taps.y, qt, yt, n).vectorize(qi, lanes).unroll(qi).unroll(yi)
    update.never_partition_all()
    for branch, size, _ in usual_branches(shared, update, USUAL[:4]):
        branch.unroll(taps.x)
        if size == 3:  # of larger windows all taps would be much code: a tap is eight multiply-adds here
            branch.unroll(taps.y)
    out.output_buffer().dim(0).set_stride(1)
    return shared.program(out, extra)
