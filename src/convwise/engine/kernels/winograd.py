"""Winograd convolution for windows that step by one: F(4 x 4, 3 x 3), F(3 x 3, 3 x 3) and F(3 x 3, 4 x 4).

A larger window is cut into parts of 3 x 3 (4 x 4) taps, filled up with zeros: each is a window of its own over the input
shifted by its place, and the products of all parts add up, so that (channel, part) is one longer axis of input channels.

A window with gaps reads, for every phase of a dilation, an image of its own: that of every so many-th row and column. They
count as images of the batch.

The output is cut into tiles of m x m, and these into rectangles of `wide` x `tall` tiles of `images` images. For each
rectangle: its input is transformed (vectors over channels), then for each of the (m + 2)**2 frequencies a matrix product
over the channels, then the results are transformed back, a row of tiles at a time, into `strip`, and from there stored.

Ragged edges: the input is staged with zeros around it, whole tiles are computed, and only the store is guarded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels import products, thin
from convwise.engine.kernels.common import F32, Program, Shared, Variants, whole
from convwise.engine.kernels.phases import Phases
from convwise.engine.kernels.turning import schedule_turned, turned
from convwise.engine.transforms import Transform, transform
from convwise.engine.winograd_tiles import SIZES, SPREAD, THIN, built, named

GUARD = hl.TailStrategy.GuardWithIf
ROUND = hl.TailStrategy.RoundUp
TOGETHER = 4
"""Chunks of channels that are copied together: what lies side by side in the input is read at once."""


def variants(isa: Isa) -> Variants:
    return {
        named(size, schedule, layout): partial(build, isa, size, schedule, layout)
        for size, schedule, layout in built(isa)
    }


@dataclass(frozen=True)
class Sizes:
    """Run-time numbers: tiles across, tiles down and images of a rectangle; tiles of a register tile; vectors of a group of
    output channels, a register tile taking two of them, or one where the group's number is odd; parts of the window, and how many of them lie side by side;
    by how many rows the input is asked for before it is read.
    """

    wide: Any
    tall: Any
    images: Any
    pixels: Any
    vectors: Any
    parts: Any
    abreast: Any
    ahead: Any
    phases: Phases

    @property
    def tiles(self) -> Any:
        """Of a rectangle, whole register tiles."""
        return (self.wide * self.tall * self.images + self.pixels - 1) / self.pixels * self.pixels


@dataclass(frozen=True)
class Funcs:
    """The stages in the order of the data, and the reduction domains of those that have one; `few` of thin products alone."""

    line: Any
    columns: tuple[Any, ...]
    stage: Any
    down: Any
    across: Any
    spectrum: Any
    few: thin.Sums | None
    products: Any
    back: Any
    image: Any
    strip: Any
    pixels: tuple[Any, ...]
    aside: Any
    done: Any
    out: Any
    pieces: Any
    cells: Any
    tiles: Any
    back_tiles: Any
    stored: Any
    added: Any


def build(isa: Isa, size: str, schedule: str, layout: str) -> Program:
    few = schedule == "thin"
    # k in vector, c in chunk, chunk and part, frequency, vector; few: k in vector, tap, c in chunk, chunk and part, vector
    shared = Shared(5)
    extra = {name: whole(name) for name in ("wide", "tall", "images", "pixels", "vectors", "parts", "abreast", "ahead")}
    phases = Phases.of(shared, layout.endswith("gaps"), extra["images"])
    sizes, used = Sizes(**extra, phases=phases), transform(*SIZES[size])
    if few:
        sizes, used = replace(sizes, pixels=THIN), used.monic
    name = symbol("winograd", named(size, schedule, layout), isa)
    funcs = _algorithm(shared, name, isa, used, sizes, layout, few)
    _schedule_output(shared, funcs, isa, schedule, layout, sizes)
    _schedule_spectrum(shared, funcs, isa, schedule, sizes, used)
    _schedule_products(shared, funcs, isa, sizes, used)
    _schedule_back(funcs, isa)
    return shared.program(funcs.out, list(extra.values()))


def _combine(row: Sequence[Fraction], terms: Sequence[Any]) -> Any:
    total = None
    for factor, term in zip(row, terms, strict=True):
        if factor == 0:
            continue
        if total is None:
            total = term if factor == 1 else hl.f32(float(factor)) * term
        elif abs(factor) == 1:
            total = total + term if factor == 1 else total - term
        else:
            total = total + hl.f32(float(factor)) * term
    return total


def _vars(*names: str) -> list[Any]:
    return [hl.Var(name) for name in names]


def _algorithm(shared: Shared, name: str, isa: Isa, used: Transform, sizes: Sizes, layout: str, few: bool) -> Funcs:
    names = (
        "line",
        "stage",
        "down",
        "across",
        "spectrum",
        "products",
        "back",
        "image",
        "strip",
        "aside",
        "done",
    )
    f = {key: hl.Func(key) for key in names}
    columns, pieces, cells = _copy_input(shared, f, isa, used, sizes)
    tiles = _transform_input(f, used, sizes)
    sums = thin.multiply(shared, f["spectrum"], f["products"], isa, used) if few else None
    if not few:
        k, i, j, t, *rect = _vars("k", "i", "j", "t", "rx", "ry", "rn")
        numbers = (shared.inp.dim(0).extent(), sizes.parts, sizes.pixels, sizes.vectors)
        products.call(f["products"], isa, (k, i, j, t, *rect), f["spectrum"], shared.weights, numbers)
    back = _transform_back(f, used, sizes)
    out, pixels, stored, added = _store(shared, f, isa, name, used, sizes, layout)
    domains = {
        "pieces": pieces,
        "cells": cells,
        "tiles": tiles,
        "few": sums,
        "back_tiles": back,
        "stored": stored,
        "added": added,
    }
    return Funcs(**f, columns=columns, pixels=pixels, out=out, **domains)


def _copy_input(shared: Shared, f: dict[str, Any], isa: Isa, used: Transform, sizes: Sizes) -> tuple[Any, ...]:
    """stage: the rectangle's input in image order."""
    ci, co, x, y, n, *rect = _vars("ci", "co", "x", "y", "n", "rx", "ry", "rn")
    (rx, ry, _), m = rect, used.outputs
    width, height = (shared.inp.dim(axis).extent() for axis in (1, 2))
    channel = co / sizes.parts * isa.lanes + ci
    image = sizes.phases.image(shared, n, rect)
    part = co % sizes.parts
    row = image.row(ry * sizes.tall * m + y + part / sizes.abreast * used.taps) - shared.pad_y
    first = rx * sizes.wide * m + part % sizes.abreast * used.taps
    # Where rows lie densely they are copied as rows, zeros left outside the image, and the stage turns them.
    line, stage = f["line"], f["stage"]
    across = sizes.wide * m + used.products - m
    exists = (row >= 0) & (row < height) & (channel < shared.inp.dim(0).extent())

    def read(x: Any) -> Any:
        return shared.inp[channel, image.column(x) - shared.pad_x, row, image.batch]

    line[[x, ci, y, n, co, *rect]] = hl.f32(0)
    # The phase's cells inside the image, from low on, in whole vectors, the last one drawn back to the end of the row, or
    # a masked one where the row is shorter.
    ends = [image.columns(edge + shared.pad_x) for edge in (0, width)]
    low = hl.max(first, ends[0])
    count = hl.min(first + across, ends[1]) - low
    d = hl.RDom([(0, isa.lanes), (0, (across + isa.lanes - 1) / isa.lanes)], "d")
    d.where(exists & (count >= isa.lanes))
    begin = low + hl.min(d.y * isa.lanes, count - isa.lanes)
    place = hl.unsafe_promise_clamped(begin - first, 0, across - isa.lanes) + d.x
    line[[place, ci, y, n, co, *rect]] = read(begin + d.x)
    e = hl.RDom([(0, isa.lanes)], "e")
    e.where(exists & (count < isa.lanes) & (e.x < count))
    line[[hl.unsafe_promise_clamped(low - first + e.x, 0, across - 1), ci, y, n, co, *rect]] = read(low + e.x)
    s = hl.RDom([(0, across)], "s")
    s.where(exists & (first + s.x >= low) & (first + s.x < low + count))
    by_rows, by_chunks = _by_rows(shared), _by_chunks(shared, isa)
    inside = (first + x >= low) & (first + x < low + count) & (row >= 0) & (row < height)
    column = hl.clamp(image.column(first + x) - shared.pad_x, 0, width - 1)
    near = shared.inp[channel, column, hl.clamp(row, 0, height - 1), image.batch]
    # Zeros by a mask of bits: a load that is masked itself waits for the one before.
    bits = hl.select(inside, hl.cast(hl.UInt(32), 0xFFFFFFFF), hl.cast(hl.UInt(32), 0))
    whole_chunk = hl.reinterpret(F32, hl.reinterpret(hl.UInt(32), near) & bits)
    square, place, piece = hl.Func("square_in"), *_vars("place", "piece")
    square[[place, piece, y, n, co, *rect]] = line[
        [piece * isa.lanes + place % isa.lanes, place / isa.lanes, y, n, co, *rect]
    ]
    columns = (square, *turned(square, isa.lanes))
    column = columns[-1][[x % isa.lanes * isa.lanes + ci, x / isa.lanes, y, n, co, *rect]]
    stage[[ci, x, y, n, co, *rect]] = hl.select(by_rows, column, by_chunks, whole_chunk, hl.f32(0))
    # What is left: channels that do not fill their chunk, and unusual strides.
    stage[[ci, s.x, y, n, co, *rect]] = hl.select(
        by_rows | by_chunks, stage[[ci, s.x, y, n, co, *rect]], read(first + s.x)
    )
    return columns, (d, e), s


def _transform_input(f: dict[str, Any], used: Transform, sizes: Sizes) -> Any:
    """spectrum[c in chunk, tile, chunk, frequency]."""
    ci, co, t, i, j, n, tx, ty, *rect = _vars("ci", "co", "t", "i", "j", "n", "tx", "ty", "rx", "ry", "rn")
    m, size, stage = used.outputs, used.products, f["stage"]
    along = [tx, ty, n, co, *rect]
    f["down"][[ci, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.data):
        terms = [stage[[ci, tx * m + j, ty * m + p, n, co, *rect]] for p in range(size)]
        f["down"][[ci, a, j, *along]] = _combine(row, terms)
    f["across"][[ci, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.data):
        f["across"][[ci, i, a, *along]] = _combine(row, [f["down"][[ci, i, p, *along]] for p in range(size)])
    v = hl.RDom([(0, size), (0, size), (0, sizes.wide), (0, sizes.tall), (0, sizes.images)], "v")
    f["spectrum"][[ci, t, co, i, j, *rect]] = hl.undef(F32)
    flat = (v[4] * sizes.tall + v[3]) * sizes.wide + v[2]
    f["spectrum"][[ci, flat, co, v[0], v[1], *rect]] = f["across"][[ci, v[0], v[1], v[2], v[3], v[4], co, *rect]]
    return v


def _by_rows(shared: Shared) -> Any:
    """Whether rows are copied as vectors: where channels do not lie densely. Rows with gaps are gathered."""
    return shared.inp.dim(0).stride() != 1


def _by_chunks(shared: Shared, isa: Isa) -> Any:
    return (shared.inp.dim(0).stride() == 1) & (shared.inp.dim(0).extent() % isa.lanes == 0)


def _transform_back(f: dict[str, Any], used: Transform, sizes: Sizes) -> Any:
    """strip[k, x, y in tile, row of tiles, image]."""
    k, x, y, i, j, tx, ty, n = _vars("k", "x", "y", "i", "j", "tx", "ty", "n")
    rect = _vars("rx", "ry", "rn")
    m, size = used.outputs, used.products
    along, flat = [tx, ty, n, *rect], (n * sizes.tall + ty) * sizes.wide + tx
    f["back"][[k, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.output):
        f["back"][[k, a, j, *along]] = _combine(row, [f["products"][[k, p, j, flat, *rect]] for p in range(size)])
    f["image"][[k, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.output):
        f["image"][[k, i, a, *along]] = _combine(row, [f["back"][[k, i, p, *along]] for p in range(size)])
    q = hl.RDom([(0, m), (0, m), (0, sizes.wide)], "q")
    f["strip"][[k, x, y, ty, n, *rect]] = hl.undef(F32)
    f["strip"][[k, q.z * m + q.x, q.y, ty, n, *rect]] = f["image"][[k, q.y, q.x, q.z, ty, n, *rect]]
    return q


def _store(
    shared: Shared, f: dict[str, Any], isa: Isa, name: str, used: Transform, sizes: Sizes, layout: str
) -> tuple[Any, ...]:
    k, x, y, n, ty = _vars("k", "x", "y", "n", "ty")
    rect = _vars("rx", "ry", "rn")
    m, out = used.outputs, hl.Func(name)
    out[k, x, y, n] = hl.undef(F32)
    buffer = out.output_buffer()
    width, height, images = (buffer.dim(axis).extent() for axis in (1, 2, 3))
    phases, images = sizes.phases, images * sizes.phases.count

    def parts(length: Any, part: Any) -> tuple[int, Any]:
        return 0, (length + part - 1) / part

    strips = (0, sizes.wide * m), (0, m), (0, sizes.tall), (0, sizes.images)
    wide, tall = parts(width, phases.across)[1], parts(height, phases.down)[1]
    rectangles = parts(wide, sizes.wide * m), parts(tall, sizes.tall * m), parts(images, sizes.images)
    o = hl.RDom([*strips, *rectangles], "o")
    column, row = o[4] * (sizes.wide * m) + o[0], (o[5] * sizes.tall + o[2]) * m + o[1]
    image = phases.image(shared, o[3], (o[4], o[5], o[6]))
    o.where(column < image.columns(width))
    o.where(row < image.rows(height))
    o.where(o[6] * sizes.images + o[3] < images)
    # Where rows lie densely, squares of lanes x lanes are turned: w is the place in a vector of the row, x that vector's number.
    w = hl.Var("w")
    across = x if layout != "nchw" else x * isa.lanes + w
    strip = f["strip"]
    square, spot, kv = hl.Func("square_out"), *_vars("spot", "kv")
    square[[spot, kv, x, y, ty, n, *rect]] = strip[
        [kv * isa.lanes + spot % isa.lanes, x * isa.lanes + spot / isa.lanes, y, ty, n, *rect]
    ]
    pixels = (square, *turned(square, isa.lanes))
    pixel = pixels[-1][[k % isa.lanes * isa.lanes + w, k / isa.lanes, x, y, ty, n, *rect]]
    source = strip[[k, x, y, ty, n, *rect]] if layout != "nchw" else pixel
    # The residual is copied where it exists; what lies beside it is never stored.
    e = hl.RDom([(0, sizes.wide * m)], "e")
    beside, below = rect[0] * (sizes.wide * m) + e.x, (rect[1] * sizes.tall + ty) * m + y
    one = phases.image(shared, n, rect)
    e.where((shared.has_residual != 0) & (k < shared.residual.dim(0).extent()))
    e.where((beside < one.columns(width)) & (below < one.rows(height)) & (rect[2] * sizes.images + n < images))
    f["aside"][[k, x, y, ty, n, *rect]] = hl.undef(F32)
    f["aside"][[k, e.x, y, ty, n, *rect]] = shared.residual[k, one.column(beside), one.row(below), one.batch]
    value = source + shared.bias[k]
    value = hl.select(shared.has_residual != 0, value + f["aside"][[k, across, y, ty, n, *rect]], value)
    f["done"][[w, k, x, y, ty, n, *rect]] = shared.activate(value)
    vector = (0, o[0]) if layout != "nchw" else (o[0] % isa.lanes, o[0] / isa.lanes)
    out[k, image.column(column), image.row(row), image.batch] = f["done"][
        [vector[0], k, vector[1], *(o[axis] for axis in range(1, 7))]
    ]
    return out, pixels, o, e


def _schedule_output(shared: Shared, f: Funcs, isa: Isa, schedule: str, layout: str, sizes: Sizes) -> None:
    """Rectangles, groups of blocks of output channels, rows of tiles; a row of pixels is stored at a time."""
    # With gaps between them pixels are stored one by one in both layouts.
    by_pixels, update, o = layout != "nchw", f.out.update(), [f.stored[axis] for axis in range(7)]
    k = f.out.args()[0]
    group, kv, kl = _vars("group", "kv", "kl")
    plane, rect, xo, xi = (hl.RVar(name) for name in ("plane", "rect", "xo", "xi"))
    update.allow_race_conditions()
    update.split(k, kv, kl, isa.lanes, GUARD).split(kv, group, kv, sizes.vectors, GUARD)
    if by_pixels:
        update.reorder(kl, kv, *o[:4], group, *o[4:]).vectorize(kl)
    else:
        update.split(o[0], xo, xi, isa.lanes, GUARD).reorder(xi, xo, kl, kv, *o[1:4], group, *o[4:]).vectorize(xi)
    update.fuse(o[4], o[5], plane).fuse(plane, o[6], rect)
    update.parallel(rect if schedule == "rows" else group)
    update.never_partition_all()
    for axis in range(4):
        f.out.output_buffer().dim(axis).set_min(0)
    for param in (f.out.output_buffer(), shared.residual):
        param.dim(0).set_stride(1 if layout.startswith("nhwc") else hl.Expr())
        param.dim(1).set_stride(1 if layout.startswith("nchw") else hl.Expr())

    f.spectrum.compute_at(f.out, rect)
    f.products.compute_at(f.out, group)
    f.strip.compute_at(f.out, o[2]).hoist_storage(f.out, group)
    dw, dk = f.done.args()[:2]
    f.done.never_partition_all()
    if by_pixels:
        f.done.compute_at(f.out, o[1]).hoist_storage(f.out, group).vectorize(dk, isa.lanes, ROUND)
    else:
        f.done.compute_at(f.out, kv).hoist_storage(f.out, group).bound(dw, 0, isa.lanes).vectorize(dw)
        f.done.align_bounds(dk, isa.lanes).bound_storage(dk, isa.lanes)
        schedule_turned(f.pixels, f.done, f.done.args()[2], isa.lanes)
    # A turned square stays in registers where all its vectors are written one by one.
    unrolled = partial(hl.Stage.unroll, var=dk, factor=isa.lanes, tail=ROUND)
    shared.specialize_epilogue(f.done, clamped=(lambda branch: None) if by_pixels else unrolled)
    ak = f.aside.args()[0]
    f.aside.align_bounds(ak, isa.lanes)
    rest = f.aside.update().never_partition_all()
    if by_pixels:
        f.aside.compute_at(f.out, o[1]).hoist_storage(f.out, group)
        rest.reorder(ak, f.added.x).vectorize(ak, isa.lanes, GUARD)
    else:
        f.aside.compute_at(f.out, kv).hoist_storage(f.out, group).reorder_storage(
            *f.aside.args()[1:2], ak, *f.aside.args()[2:]
        )
        f.aside.bound_storage(ak, isa.lanes)
        rest.vectorize(f.added.x, isa.lanes, GUARD)


def _schedule_spectrum(shared: Shared, f: Funcs, isa: Isa, schedule: str, sizes: Sizes, used: Transform) -> None:
    """A chunk of channels at a time: its image fits the first cache while all its tiles are transformed."""
    ci, t, co, i, j = f.spectrum.args()[:5]
    v = [f.tiles[axis] for axis in range(5)]
    f.spectrum.bound(ci, 0, isa.lanes).bound(t, 0, sizes.tiles)
    f.spectrum.bound(i, 0, used.products).bound(j, 0, used.products)
    update = f.spectrum.update()
    at = co
    if schedule != "rows":
        update.reorder(ci, *v, co).parallel(co)
    else:
        at, cj = hl.Var("cg"), hl.Var("cj")
        update.split(co, at, cj, TOGETHER, GUARD).reorder(ci, *v, cj, at)
    update.vectorize(ci).unroll(v[0]).unroll(v[1]).never_partition_all()
    for func, axis in ((f.down, f.down.args()[2]), (f.across, f.across.args()[1])):
        func.compute_at(f.spectrum, v[2]).bound_extent(ci, isa.lanes)
        for number in range(func.num_update_definitions()):
            func.update(number).vectorize(ci).unroll(axis)
    stage, line = f.stage, f.line
    sci, sx, sy = stage.args()[:3]
    xo, xi = _vars("xo", "xi")
    # What a rectangle reads is told, not found out: the bounds of all copies' ends would be long.
    wide, tall = (count * used.outputs + used.products - used.outputs for count in (sizes.wide, sizes.tall))
    filled = (wide + isa.lanes - 1) / isa.lanes * isa.lanes
    stage.compute_at(f.spectrum, at).bound(sci, 0, isa.lanes).bound(sx, 0, wide).bound(sy, 0, tall)
    stage.bound_storage(sx, filled)
    rows = stage.specialize(_by_rows(shared)).split(sx, xo, xi, isa.lanes, ROUND).reorder(sci, xi, xo, sy)
    rows.vectorize(sci).unroll(xi)
    schedule_turned(f.columns, stage, xo, isa.lanes)
    sn, sco = stage.args()[3:5]
    # A prefetch never faults.
    near = hl.PrefetchBoundStrategy.NonFaulting
    chunks = stage.specialize(_by_chunks(shared, isa) & (sizes.parts == 1)).reorder(sci, sco, sx, sy, sn).vectorize(sci)
    if not sizes.phases.gaps:
        chunks.prefetch(image=shared.inp, at=sco, **{"from": sy}, offset=sizes.ahead, strategy=near)
    # Which part a chunk is of is told by a division, and what to ask for by comparisons: not in the innermost loop.
    parted = stage.specialize(_by_chunks(shared, isa)).vectorize(sci)
    if not sizes.phases.gaps:
        parted.prefetch(image=shared.inp, at=sy, **{"from": sy}, offset=sizes.ahead, strategy=near)
    rest = stage.update()
    rest.specialize(_by_rows(shared) | _by_chunks(shared, isa))
    rest.specialize(shared.inp.dim(0).stride() == 1).reorder(sci, f.cells.x).vectorize(sci)
    rest.never_partition_all()
    lx = line.args()[0]
    line.bound(lx, 0, filled)
    line.compute_at(stage, sy).hoist_storage(f.spectrum, at).vectorize(lx, isa.lanes, ROUND)
    whole = line.update(0).allow_race_conditions().vectorize(f.pieces[0].x)
    short = line.update(1).never_partition_all()
    if not sizes.phases.gaps:
        whole.specialize(shared.inp.dim(1).stride() == 1)
        short.allow_race_conditions().specialize(shared.inp.dim(1).stride() == 1).vectorize(f.pieces[1].x)


def _schedule_products(shared: Shared, f: Funcs, isa: Isa, sizes: Sizes, used: Transform) -> None:
    k, i, j, t = f.products.args()[:4]
    f.products.align_bounds(k, isa.lanes).bound_extent(k, sizes.vectors * isa.lanes)
    f.products.bound(t, 0, sizes.tiles).bound(i, 0, used.products).bound(j, 0, used.products)
    chunk, t = f.spectrum.args()[2], f.spectrum.args()[1]
    # Frequencies do not lie a power of two apart: their stores would fall on few places of the cache.
    f.spectrum.bound_storage(t, sizes.tiles + hl.select(sizes.tiles % SPREAD == 0, 1, 0))
    if f.few is not None:
        thin.schedule(shared, f.few, f.spectrum, f.products, isa, used, sizes.tiles)
        return
    chunks = shared.weights.dim(2).extent()
    f.spectrum.bound(chunk, 0, chunks).bound_storage(chunk, chunks | 1)
    # One rectangle, which the call of a program does not tell.
    for func, first in ((f.spectrum, 5), (f.products, 4)):
        for axis in func.args()[first:]:
            func.bound_extent(axis, 1)


def _schedule_back(f: Funcs, isa: Isa) -> None:
    k = f.strip.args()[0]
    kv = hl.Var("kv")
    q = f.back_tiles
    f.strip.align_bounds(k, isa.lanes)
    update = f.strip.update().split(k, kv, k, isa.lanes).reorder(k, q.x, q.y, kv, q.z)
    update.vectorize(k).unroll(q.x).unroll(q.y).never_partition_all()
    for func, axis in ((f.back, f.back.args()[2]), (f.image, f.image.args()[1])):
        func.compute_at(f.strip, kv)
        lane = func.args()[0]
        for number in range(func.num_update_definitions()):
            func.update(number).vectorize(lane, isa.lanes).unroll(axis)
