"""Winograd's way in: the input of a rectangle of tiles, transformed, some vectors of input channels at a time.

A larger window is cut into parts of 3 x 3 (4 x 4) taps, filled up with zeros: each is a window of its own over the input
shifted by its place, and the products of all parts add up, so that (channel, part) is one longer axis of input channels.

The rectangle's input is staged in image order with zeros around it, so that whole tiles are transformed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, I32, Program, Variants, loose, whole
from convwise.engine.kernels.turning import schedule_turned, turned
from convwise.engine.kernels.winograd.rectangle import Rectangle
from convwise.engine.kernels.winograd.stages import combine, transform_of, variables
from convwise.engine.transforms import Transform
from convwise.engine.winograd_tiles import TOGETHER, built

GUARD = hl.TailStrategy.GuardWithIf
ROUND = hl.TailStrategy.RoundUp
FAMILY = "input"


def variants(isa: Isa) -> Variants:
    return {stage: partial(build, isa, stage) for stage in (stage_of(*each) for each in built(isa))}


def stage_of(size: str, schedule: str, layout: str) -> str:
    """The variant that a whole program calls.

    >>> stage_of("f4x3", "thin", "nhwc"), stage_of("f3x3", "deep", "nchw_gaps")
    ('f4x3_monic', 'f3x3_gaps')
    """
    return size + "_monic" * (schedule == "thin") + "_gaps" * layout.endswith("_gaps")


@dataclass(frozen=True)
class Given:
    """The arguments: the parts of the window, and how many of them lie side by side; by how many rows the input is asked for
    before it is read; where the numbers of each tile lie, which no loop has to work out so.
    """

    inp: hl.ImageParam
    pad_x: Any
    pad_y: Any
    parts: Any
    abreast: Any
    ahead: Any
    slots: hl.ImageParam
    rectangle: Rectangle

    @classmethod
    def of(cls, gaps: bool) -> Given:
        numbers = {name: whole(name) for name in ("pad_x", "pad_y", "parts", "abreast", "ahead")}
        slots = hl.ImageParam(I32, 1, "slots")
        slots.dim(0).set_min(0)
        return cls(inp=loose("inp", 4), **numbers, slots=slots, rectangle=Rectangle.of(gaps))

    @property
    def arguments(self) -> tuple[Any, ...]:
        numbers = (self.pad_x, self.pad_y, self.parts, self.abreast, self.ahead, self.slots)
        return self.inp, *numbers, *self.rectangle.arguments

    @property
    def by_rows(self) -> Any:
        """Whether rows are copied as vectors: where channels do not lie densely."""
        return self.inp.dim(0).stride() != 1

    def by_chunks(self, isa: Isa) -> Any:
        return (self.inp.dim(0).stride() == 1) & (self.inp.dim(0).extent() % isa.lanes == 0)


@dataclass(frozen=True)
class Funcs:
    """The stages in the order of the data, and the reduction domains of those that have one."""

    line: Any
    columns: tuple[Any, ...]
    stage: Any
    down: Any
    across: Any
    spectrum: Any
    pieces: Any
    cells: Any
    tiles: Any


def build(isa: Isa, stage: str) -> Program:
    given, used = Given.of(stage.endswith("_gaps")), transform_of(stage)
    spectrum = hl.Func(symbol(FAMILY, stage, isa))
    line, columns, copied, pieces, cells = _copy(given, isa, used)
    down, across, tiles = _transform(copied, spectrum, given, isa, used)
    funcs = Funcs(line, columns, copied, down, across, spectrum, pieces, cells, tiles)
    _schedule_spectrum(funcs, isa, used)
    _schedule_copy(given, funcs, isa, used)
    return Program(spectrum, given.arguments)


def _copy(given: Given, isa: Isa, used: Transform) -> tuple[Any, ...]:
    """stage: the rectangle's input in image order."""
    ci, co, x, y, n = variables("ci", "co", "x", "y", "n")
    rectangle, inp, phases = given.rectangle, given.inp, given.rectangle.phases
    tall, wide = rectangle.tall * used.outputs, rectangle.wide * used.outputs * phases
    width, height, batch = (inp.dim(axis).extent() for axis in (1, 2, 3))
    channel = co / given.parts * isa.lanes + ci
    image = rectangle.image(n, batch)
    part = co % given.parts
    row = image.row(rectangle.y * tall + y + part / given.abreast * used.taps) - given.pad_y
    first = rectangle.x * wide + part % given.abreast * (used.taps * phases)
    # Where rows lie densely they are copied as rows, zeros left outside the image, and the stage turns them.
    line, stage = hl.Func("line"), hl.Func("stage")
    across = wide + (used.products - used.outputs) * phases
    exists = (row >= 0) & (row < height) & (channel < inp.dim(0).extent())

    def read(x: Any) -> Any:
        return inp[channel, x - given.pad_x, row, image.batch]

    line[x, ci, y, n, co] = hl.f32(0)
    # The cells inside the image, from low on, in whole vectors, the last one drawn back to the end of the row; shorter rows
    # in two halves of a vector, and what is shorter still in a masked one, which takes longer than both.
    low = hl.max(first, given.pad_x)
    count = hl.min(first + across, width + given.pad_x) - low
    d = hl.RDom([(0, isa.lanes), (0, (across + isa.lanes - 1) / isa.lanes)], "d")
    d.where(exists & (count >= isa.lanes))
    begin = low + hl.min(d.y * isa.lanes, count - isa.lanes)
    place = hl.unsafe_promise_clamped(begin - first, 0, across - isa.lanes) + d.x
    line[place, ci, y, n, co] = read(begin + d.x)
    half = isa.lanes // 2
    h = hl.RDom([(0, half), (0, 2)], "h")
    h.where(exists & (count >= half) & (count < isa.lanes))
    begin = low + hl.min(h.y * half, count - half)
    line[hl.unsafe_promise_clamped(begin - first, 0, across - half) + h.x, ci, y, n, co] = read(begin + h.x)
    e = hl.RDom([(0, half)], "e")
    e.where(exists & (count < half) & (e.x < count))
    line[hl.unsafe_promise_clamped(low - first + e.x, 0, across - 1), ci, y, n, co] = read(low + e.x)
    s = hl.RDom([(0, across)], "s")
    s.where(exists & (first + s.x >= low) & (first + s.x < low + count))
    inside = (first + x >= low) & (first + x < low + count) & (row >= 0) & (row < height)
    column = hl.clamp(first + x - given.pad_x, 0, width - 1)
    near = inp[channel, column, hl.clamp(row, 0, height - 1), image.batch]
    # Zeros by a mask of bits: a load that is masked itself waits for the one before.
    bits = hl.select(inside, hl.cast(hl.UInt(32), 0xFFFFFFFF), hl.cast(hl.UInt(32), 0))
    whole_chunk = hl.reinterpret(F32, hl.reinterpret(hl.UInt(32), near) & bits)
    square, place, piece = hl.Func("square_in"), *variables("place", "piece")
    square[place, piece, y, n, co] = line[piece * isa.lanes + place % isa.lanes, place / isa.lanes, y, n, co]
    columns = (square, *turned(square, isa.lanes))
    column = columns[-1][x % isa.lanes * isa.lanes + ci, x / isa.lanes, y, n, co]
    by_rows, by_chunks = given.by_rows, given.by_chunks(isa)
    stage[ci, x, y, n, co] = hl.select(by_rows, column, by_chunks, whole_chunk, hl.f32(0))
    # What is left: channels that do not fill their chunk, and unusual strides.
    stage[ci, s.x, y, n, co] = hl.select(by_rows | by_chunks, stage[ci, s.x, y, n, co], read(first + s.x))
    return line, columns, stage, (d, h, e), s


def _transform(stage: Any, spectrum: Any, given: Given, isa: Isa, used: Transform) -> tuple[Any, Any, Any]:
    """spectrum[c in chunk of a tile's slot, chunk and part, frequency down, frequency across]."""
    ci, co, place, i, j, n, tx, ty, px = variables("ci", "co", "place", "i", "j", "n", "tx", "ty", "px")
    m, size, rectangle = used.outputs, used.products, given.rectangle
    along, down, across = [px, tx, ty, n, co], hl.Func("down"), hl.Func("across")
    down[[ci, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.data):
        terms = [stage[ci, (tx * m + j) * rectangle.phases + px, ty * m + p, n, co] for p in range(size)]
        down[[ci, a, j, *along]] = combine(row, terms)
    across[[ci, i, j, *along]] = hl.undef(F32)
    for a, row in enumerate(used.data):
        across[[ci, i, a, *along]] = combine(row, [down[[ci, i, p, *along]] for p in range(size)])
    tiles = [(0, count) for count in (rectangle.phases, rectangle.wide, rectangle.tall, rectangle.images)]
    v = hl.RDom([(0, isa.lanes), (0, size), (0, size), *tiles], "v")
    spectrum[place, co, i, j] = hl.undef(F32)
    last = spectrum.output_buffer().dim(0).extent() - isa.lanes
    tile = [v[axis] for axis in range(3, 7)]
    slot = hl.unsafe_promise_clamped(given.slots[rectangle.tile(*tile)], 0, last)
    spectrum[slot + v[0], co, v[1], v[2]] = across[[v[0], v[1], v[2], *tile, co]]
    return down, across, v


def _schedule_spectrum(f: Funcs, isa: Isa, used: Transform) -> None:
    """A chunk of channels at a time: its image fits the first cache while all its tiles are transformed."""
    _, co, *_ = f.spectrum.args()
    v = [f.tiles[axis] for axis in range(7)]
    out = f.spectrum.output_buffer()
    out.dim(0).set_min(0)
    for axis in (2, 3):
        out.dim(axis).set_bounds(0, used.products)
    at, cj = variables("cg", "cj")
    # No two numbers of a vector share a place, which Halide does not see.
    update = f.spectrum.update().allow_race_conditions()
    update.split(co, at, cj, TOGETHER, GUARD).reorder(*v, cj, at)
    update.vectorize(v[0]).unroll(v[1]).unroll(v[2]).never_partition_all()
    for func, axis in ((f.down, f.down.args()[2]), (f.across, f.across.args()[1])):
        func.compute_at(f.spectrum, v[3]).bound_extent(func.args()[0], isa.lanes)
        for number in range(func.num_update_definitions()):
            func.update(number).vectorize(func.args()[0]).unroll(axis)


def _schedule_copy(given: Given, f: Funcs, isa: Isa, used: Transform) -> None:
    stage, line, rectangle, at = f.stage, f.line, given.rectangle, hl.Var("cg")
    sci, sx, sy, sn, sco = stage.args()
    xo, xi = variables("xo", "xi")
    # What a rectangle reads is told, not found out: the bounds of all copies' ends would be long.
    wide, tall = (count * used.outputs + used.products - used.outputs for count in (rectangle.wide, rectangle.tall))
    wide *= rectangle.phases
    filled = (wide + isa.lanes - 1) / isa.lanes * isa.lanes
    stage.compute_at(f.spectrum, at).bound(sci, 0, isa.lanes).bound(sx, 0, wide).bound(sy, 0, tall)
    stage.bound_storage(sx, filled)
    rows = stage.specialize(given.by_rows).split(sx, xo, xi, isa.lanes, ROUND).reorder(sci, xi, xo, sy)
    rows.vectorize(sci).unroll(xi)
    schedule_turned(f.columns, stage, xo, isa.lanes)
    # A prefetch never faults.
    near = hl.PrefetchBoundStrategy.NonFaulting
    by_chunks = given.by_chunks(isa)
    chunks = stage.specialize(by_chunks & (given.parts == 1)).reorder(sci, sco, sx, sy, sn).vectorize(sci)
    if not rectangle.gaps:
        chunks.prefetch(image=given.inp, at=sco, **{"from": sy}, offset=given.ahead, strategy=near)
    # Which part a chunk is of is told by a division, and what to ask for by comparisons: not in the innermost loop.
    parted = stage.specialize(by_chunks).vectorize(sci)
    if not rectangle.gaps:
        parted.prefetch(image=given.inp, at=sy, **{"from": sy}, offset=given.ahead, strategy=near)
    rest = stage.update()
    rest.specialize(given.by_rows | by_chunks)
    rest.specialize(given.inp.dim(0).stride() == 1).reorder(sci, f.cells.x).vectorize(sci)
    rest.never_partition_all()
    lx = line.args()[0]
    line.bound(lx, 0, filled)
    line.compute_at(stage, sy).hoist_storage(f.spectrum, at).vectorize(lx, isa.lanes, ROUND)
    for number, piece in enumerate(f.pieces[:2]):
        line.update(number).allow_race_conditions().vectorize(piece.x).specialize(given.inp.dim(1).stride() == 1)
    short = line.update(2).never_partition_all()
    short.allow_race_conditions().specialize(given.inp.dim(1).stride() == 1).vectorize(f.pieces[2].x)
