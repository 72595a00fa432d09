"""Channels last, 3x3, where the input lies: what a small tile reads is held in registers."""

from __future__ import annotations

from itertools import product
from typing import Any

import halide as hl

from convwise.engine.families.depthwise import NEAR, Tile
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, whole
from convwise.engine.kernels.depthwise.last import schedule_last


def near(isa: Isa, shape: Tile) -> Program:
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
    schedule_last(tuple(acc for _, acc in found), out, shape, (rows, blocks))
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
    """As `Shared.border`, by a mask of bits: a load that is masked itself waits for the one before."""
    width, height = shared.inp.dim(1).extent(), shared.inp.dim(2).extent()
    value = shared.inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    ones, none = hl.cast(hl.UInt(32), 0xFFFFFFFF), hl.cast(hl.UInt(32), 0)
    bits = hl.select((column >= 0) & (column < width), ones, none)
    bits &= hl.select((row >= 0) & (row < height), ones, none)
    return hl.reinterpret(F32, hl.reinterpret(hl.UInt(32), value) & bits)
