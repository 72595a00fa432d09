"""Winograd's way out: the products of a rectangle of tiles and a group of output channels, transformed back and stored.

A row of tiles at a time, into `strip`, and from there. Whole tiles are computed, and only the store is guarded. Channels are
counted from the group's first one: a vector of them then begins at a known place, and turned squares stay in registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Shared, Variants, whole
from convwise.engine.kernels.turning import schedule_turned, turned
from convwise.engine.kernels.winograd.rectangle import Rectangle
from convwise.engine.kernels.winograd.stages import combine, transform_of, variables
from convwise.engine.transforms import Transform
from convwise.engine.winograd_tiles import built

GUARD = hl.TailStrategy.GuardWithIf
ROUND = hl.TailStrategy.RoundUp
FAMILY = "output"


def variants(isa: Isa) -> Variants:
    return {stage_of(*each): partial(build, isa, stage_of(*each), each[2]) for each in built(isa)}


def stage_of(size: str, schedule: str, layout: str) -> str:
    """The variant that a whole program calls.

    >>> stage_of("f4x3", "thin", "nhwc"), stage_of("f3x3", "deep", "nchw_gaps")
    ('f4x3_monic_nhwc', 'f3x3_nchw_gaps')
    """
    return f"{size}{'_monic' * (schedule == 'thin')}_{layout}"


@dataclass(frozen=True)
class Funcs:
    """The stages in the order of the data, and the reduction domains of those that have one."""

    back: Any
    image: Any
    strip: Any
    pixels: tuple[Any, ...]
    aside: Any
    done: Any
    out: Any
    tiles: Any
    stored: Any
    added: Any


def build(isa: Isa, stage: str, layout: str) -> Program:
    shared, rectangle, used = Shared(1), Rectangle.of(layout.endswith("_gaps")), transform_of(stage)
    # k, frequency down, frequency across, tile
    products, group = hl.ImageParam(F32, 4, "products"), whole("group")
    for axis in range(4):
        products.dim(axis).set_min(0)
    back, image, strip, tiles = _transform_back(products, rectangle, used)
    name = symbol(FAMILY, stage, isa)
    funcs = _store(shared, group, rectangle, isa, (back, image, strip, tiles), name, used, layout)
    _schedule_output(shared, funcs, isa, layout)
    _schedule_residual(funcs, isa, layout)
    _schedule_back(funcs, isa)
    numbers = (shared.act, shared.low, shared.high, shared.has_residual)
    return Program(funcs.out, (products, group, shared.bias, shared.residual, *numbers, *rectangle.arguments))


def _transform_back(products: Any, rectangle: Rectangle, used: Transform) -> tuple[Any, ...]:
    """strip[k, x, y in tile, row of tiles, image]."""
    k, x, y, i, j, px, tx, ty, n = variables("k", "x", "y", "i", "j", "px", "tx", "ty", "n")
    m, size = used.outputs, used.products
    back, image, strip = (hl.Func(name) for name in ("back", "image", "strip"))
    along, flat = [px, tx, ty, n], rectangle.tile(px, tx, ty, n)
    back[[k, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.output):
        back[[k, a, j, *along]] = combine(row, [products[k, p, j, flat] for p in range(size)])
    image[[k, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.output):
        image[[k, i, a, *along]] = combine(row, [back[[k, i, p, *along]] for p in range(size)])
    q = hl.RDom([(0, m), (0, m), (0, rectangle.phases), (0, rectangle.wide)], "q")
    strip[k, x, y, ty, n] = hl.undef(F32)
    strip[k, (q.w * m + q.x) * rectangle.phases + q.z, q.y, ty, n] = image[k, q.y, q.x, q.z, q.w, ty, n]
    return back, image, strip, q


def _store(
    shared: Shared,
    group: Any,
    rectangle: Rectangle,
    isa: Isa,
    before: tuple[Any, ...],
    name: str,
    used: Transform,
    layout: str,
) -> Funcs:
    k, x, y, n, ty = variables("k", "x", "y", "n", "ty")
    back, transformed, strip, tiles = before
    aside, done = hl.Func("aside"), hl.Func("done")
    m, out = used.outputs, hl.Func(name)
    out[k, x, y, n] = hl.undef(F32)
    width, height, batch = (out.output_buffer().dim(axis).extent() for axis in (1, 2, 3))
    wide = rectangle.wide * m * rectangle.phases
    left, above = rectangle.x * wide, rectangle.y * rectangle.tall
    images = rectangle.images_of(batch)
    o = hl.RDom([(0, wide), (0, m), (0, rectangle.tall), (0, rectangle.images)], "o")
    column, row = left + o[0], (above + o[2]) * m + o[1]
    image = rectangle.image(o[3], batch)
    o.where(column < width)
    o.where(row < image.rows(height))
    o.where(rectangle.n * rectangle.images + o[3] < images)
    # Where rows lie densely, squares of lanes x lanes are turned: w is the place in a vector of the row, x that vector's number.
    w = hl.Var("w")
    turns = layout.startswith("nchw")
    across = x * isa.lanes + w if turns else x
    square, spot, kv = hl.Func("square_out"), *variables("spot", "kv")
    # What only fills a square is the last pixel again.
    near = hl.min(x * isa.lanes + spot / isa.lanes, wide - 1)
    square[spot, kv, x, y, ty, n] = strip[kv * isa.lanes + spot % isa.lanes, near, y, ty, n]
    pixels = (square, *turned(square, isa.lanes))
    pixel = pixels[-1][k % isa.lanes * isa.lanes + w, k / isa.lanes, x, y, ty, n]
    source = pixel if turns else strip[k, x, y, ty, n]
    # The residual is copied where it exists; what lies beside it is never stored.
    e = hl.RDom([(0, wide)], "e")
    beside, below = left + e.x, (above + ty) * m + y
    one = rectangle.image(n, batch)
    e.where((shared.has_residual != 0) & (group + k < shared.residual.dim(0).extent()))
    e.where((beside < width) & (below < one.rows(height)) & (rectangle.n * rectangle.images + n < images))
    aside[k, x, y, ty, n] = hl.undef(F32)
    aside[k, e.x, y, ty, n] = shared.residual[group + k, beside, one.row(below), one.batch]
    value = source + shared.bias[group + k]
    value = hl.select(shared.has_residual != 0, value + aside[k, across, y, ty, n], value)
    done[w, k, x, y, ty, n] = shared.activate(value)
    vector = (o[0] % isa.lanes, o[0] / isa.lanes) if turns else (0, o[0])
    out[k, column, image.row(row), image.batch] = done[vector[0], k, vector[1], o[1], o[2], o[3]]
    return Funcs(back, transformed, strip, pixels, aside, done, out, tiles, o, e)


def _schedule_output(shared: Shared, f: Funcs, isa: Isa, layout: str) -> None:
    """Images, rows of tiles; a row of pixels is stored at a time."""
    update, o, k = f.out.update(), [f.stored[axis] for axis in range(4)], f.out.args()[0]
    kv, kl = variables("kv", "kl")
    xo, xi = hl.RVar("xo"), hl.RVar("xi")
    update.allow_race_conditions()
    update.split(k, kv, kl, isa.lanes, GUARD)
    if layout.startswith("nhwc"):
        update.reorder(kl, kv, *o).vectorize(kl)
    else:
        update.split(o[0], xo, xi, isa.lanes, GUARD).reorder(xi, xo, kl, kv, *o[1:]).vectorize(xi)
    update.never_partition_all()
    for axis in range(4):
        f.out.output_buffer().dim(axis).set_min(0)
    for param in (f.out.output_buffer(), shared.residual):
        param.dim(0).set_stride(1 if layout.startswith("nhwc") else hl.Expr())
        param.dim(1).set_stride(1 if layout.startswith("nchw") else hl.Expr())
    # One row of tiles at a time, in the same place: bounds alone would keep room for all of them.
    for func, rows in ((f.strip, f.strip.args()[3:]), (f.aside, f.aside.args()[2:]), (f.done, f.done.args()[3:])):
        for axis in rows:
            func.bound_extent(axis, 1)
    f.strip.compute_at(f.out, o[2]).hoist_storage_root()
    dw, dk = f.done.args()[:2]
    f.done.never_partition_all()
    if layout.startswith("nhwc"):
        f.done.compute_at(f.out, o[1]).hoist_storage_root().vectorize(dk, isa.lanes, ROUND)
    else:
        f.done.compute_at(f.out, kv).hoist_storage_root().bound(dw, 0, isa.lanes).vectorize(dw)
        f.done.bound_extent(dk, isa.lanes)
        schedule_turned(f.pixels, f.done, f.done.args()[2], isa.lanes)
    # A turned square stays in registers where all its vectors are written one by one.
    unrolled = partial(hl.Stage.unroll, var=dk, factor=isa.lanes, tail=ROUND)
    shared.specialize_epilogue(f.done, clamped=(lambda branch: None) if layout.startswith("nhwc") else unrolled)


def _schedule_residual(f: Funcs, isa: Isa, layout: str) -> None:
    ak, ax, *others = f.aside.args()
    f.aside.align_bounds(ak, isa.lanes)
    rest = f.aside.update().never_partition_all()
    if layout.startswith("nhwc"):
        f.aside.compute_at(f.out, f.stored[1]).hoist_storage_root()
        rest.reorder(ak, f.added.x).vectorize(ak, isa.lanes, GUARD)
    else:
        f.aside.compute_at(f.out, hl.Var("kv")).hoist_storage_root().reorder_storage(ax, ak, *others)
        f.aside.bound_storage(ak, isa.lanes)
        rest.vectorize(f.added.x, isa.lanes, GUARD)


def _schedule_back(f: Funcs, isa: Isa) -> None:
    k, kv, q = f.strip.args()[0], hl.Var("kv"), [f.tiles[axis] for axis in range(4)]
    f.strip.align_bounds(k, isa.lanes)
    update = f.strip.update().split(k, kv, k, isa.lanes).reorder(k, q[0], q[1], kv, q[2], q[3])
    update.vectorize(k).unroll(q[0]).unroll(q[1]).never_partition_all()
    for func, axis in ((f.back, f.back.args()[2]), (f.image, f.image.args()[1])):
        func.compute_at(f.strip, kv)
        lane = func.args()[0]
        for number in range(func.num_update_definitions()):
            func.update(number).vectorize(lane, isa.lanes).unroll(axis)
