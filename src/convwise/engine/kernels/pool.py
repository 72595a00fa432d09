"""Maximum and average pooling, any kernel, stride, dilation and padding.

Channels last, the lanes are channels and the input is read where it lies; channels first, they are outputs of a row, over a
stage of the rows that a plane needs. The usual kernels and windows over all have programs of their own. The average divides by
the cells that count, which are counted tap by tap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import halide as hl

from convwise.engine.families.pool import AT_ONCE, HIGH, PIXELS, ROWS, USUAL, USUAL_PIXELS, lanes_of, together_of
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import INFINITY, Program, Variants, loose, padded, schedule_padded, whole

F32, U32 = hl.Float(32), hl.UInt(32)
GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards
NAMES = ("pad_x", "pad_y", "stride_x", "stride_y", "dilation_x", "dilation_y", "kernel_x", "kernel_y")
COUNTS = ("divisor", "first_x", "stop_x", "first_y", "stop_y")


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {}
    for kind in ("max", "average"):
        for name, lanes in lanes_of(isa).items():
            found[f"{kind}_{name}_nhwc"] = partial(_last, isa, kind, name, lanes)
        found[f"{kind}_usual_nhwc"] = partial(_usual, isa, kind)
        found[f"{kind}_usual_nchw"] = partial(_usual_first, isa, kind)
        found[f"{kind}_staged_nhwc"] = partial(_staged, isa, kind)
        found[f"{kind}_nchw"] = partial(_first, isa, kind)
        found[f"{kind}_whole_nhwc"] = partial(_whole_last, isa, kind)
        found[f"{kind}_whole_nchw"] = partial(_whole_first, isa, kind)
    return found


def _expr(value: Any) -> Any:
    return value if isinstance(value, hl.Expr) else hl.Expr(value)


@dataclass(frozen=True)
class Pool:
    """The arguments of a pooling program, and what it makes of a cell and of the end."""

    kind: str
    inp: hl.ImageParam = field(default_factory=lambda: loose("inp", 4))
    sizes: dict[str, Any] = field(default_factory=lambda: {name: whole(name) for name in (*NAMES, *COUNTS)})

    def __getitem__(self, name: str) -> Any:
        return self.sizes[name]

    @property
    def lowest(self) -> Any:
        """What changes no maximum, or no sum."""
        return hl.f32(-INFINITY if self.kind == "max" else 0)

    @property
    def empty(self) -> Any:
        """Its compiler must not know the 0, or rows would be filled by calls of memset, which take longer than short rows."""
        return hl.f32(-INFINITY) if self.kind == "max" else hl.cast(F32, hl.min(self["kernel_x"], 0))

    def taps(self, name: str) -> Any:
        return hl.RDom([(0, self["kernel_x"]), (0, self["kernel_y"])], name)

    def cell(self, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
        """The image coordinates that tap (kx, ky) of output (x, y) reads."""
        column = x * self["stride_x"] + kx * self["dilation_x"] - self["pad_x"]
        return column, y * self["stride_y"] + ky * self["dilation_y"] - self["pad_y"]

    def counts(self, axis: str) -> Any:
        """How many taps of an output read a cell that counts, along one axis."""
        at = hl.Var("at")
        count = hl.Func(f"count_{axis}")
        r = hl.RDom([(0, self[f"kernel_{axis}"])], f"r{axis}")
        place = at * self[f"stride_{axis}"] + r * self[f"dilation_{axis}"] - self[f"pad_{axis}"]
        count[at] = 0
        count[at] += hl.select((place >= self[f"first_{axis}"]) & (place < self[f"stop_{axis}"]), 1, 0)
        return count.compute_root()

    def mean(self, value: Any, x: Any, y: Any) -> Any:
        """Of a sum; a maximum is done."""
        if self.kind == "max":
            return _expr(value)
        counted = hl.max(self.counts("x")[x] * self.counts("y")[y], 1)
        return _expr(value) / hl.cast(F32, hl.select(self["divisor"] > 0, self["divisor"], counted))

    def over(self, value: Any) -> Any:
        """Of the one window over all, whose divisor is given."""
        return _expr(value) if self.kind == "max" else _expr(value) / hl.cast(F32, self["divisor"])

    def is_usual(self, size: int, stride: int) -> Any:
        usual = (self["kernel_x"] == size) & (self["kernel_y"] == size)
        usual &= (self["stride_x"] == stride) & (self["stride_y"] == stride)
        return usual & (self["dilation_x"] == 1) & (self["dilation_y"] == 1)

    def unroll_usual(self, update: Any, taps: Any) -> None:
        """The usual kernels have branches of their own, where every tap is an instruction."""
        for size, stride in USUAL:
            update.specialize(self.is_usual(size, stride)).unroll(taps.x).unroll(taps.y)

    def nearest(self, c: Any, x: Any, y: Any, n: Any) -> Any:
        """The cell at (x, y); outside, one at the border, which is no cell of a sum."""
        return self.near_row(c, hl.clamp(x, 0, self.inp.dim(1).extent() - 1), y, n)

    def near_row(self, c: Any, x: Any, y: Any, n: Any) -> Any:
        """As `nearest`, for columns that are inside by themselves."""
        return self.inside(self.inp[c, x, hl.clamp(y, 0, self.inp.dim(2).extent() - 1), n], "y", y)

    def inside(self, value: Any, axis: str, place: Any) -> Any:
        """A value that a sum takes only from inside the data. By a mask of bits: a masked load waits for the one before."""
        size = self.inp.dim(1 if axis == "x" else 2).extent()
        return self.kept(value, (place >= 0) & (place < size))

    def kept(self, value: Any, holds: Any) -> Any:
        """A value that a sum takes where `holds`, and a maximum everywhere."""
        if self.kind == "max":
            return _expr(value)
        bits = hl.select(holds, hl.cast(U32, 0xFFFFFFFF), hl.cast(U32, 0))
        return hl.reinterpret(F32, hl.reinterpret(U32, _expr(value)) & bits)

    def both(self, one: Any, other: Any) -> Any:
        """The larger of two cells, a NaN if one is, or their sum."""
        one, other = _expr(one), _expr(other)
        if self.kind == "average":
            return one + other
        # Of a number and a NaN each comparison gives its second, so that the bits of both results are a NaN's.
        larger = [hl.strict_float(hl.select(a > b, a, b)) for a, b in ((one, other), (other, one))]
        return hl.reinterpret(F32, hl.reinterpret(U32, larger[0]) | hl.reinterpret(U32, larger[1]))

    def program(self, out: Any, extra: list[Any]) -> Program:
        fixed = [self[name] for name in NAMES]
        return Program(out, (self.inp, *fixed, *extra, *(self[name] for name in COUNTS)))


def _last(isa: Isa, kind: str, name: str, lanes: int) -> Program:
    pool = Pool(kind)
    extra = rows, blocks = [whole(each) for each in ("rows", "blocks")]
    c, xi, xt, x, y, n = (hl.Var(each) for each in ("c", "xi", "xt", "x", "y", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("pool", f"{kind}_{name}_nhwc", isa))
    yi, yt = hl.Var("yi"), hl.Var("yt")
    width, height = pool.inp.dim(1).extent(), pool.inp.dim(2).extent()
    left, top = pool.cell(xt * PIXELS, yt * HIGH, 0, 0)
    right, bottom = pool.cell((xt + 1) * PIXELS - 1, (yt + 1) * HIGH - 1, pool["kernel_x"] - 1, pool["kernel_y"] - 1)
    interior = (left >= 0) & (right < width) & (top >= 0) & (bottom < height)
    inner, edge = pool.taps("inner"), pool.taps("edge")
    inner.where(interior)
    place = c, xi, yi, xt, yt, n
    acc[place] = pool.lowest
    column, row = pool.cell(xt * PIXELS + xi, yt * HIGH + yi, inner.x, inner.y)
    acc[place] = pool.both(acc[place], pool.inp[c, column, row, n])
    column, row = pool.cell(xt * PIXELS + xi, yt * HIGH + yi, edge.x, edge.y)
    edge.where(~interior & (column >= 0) & (column < width))
    edge.where((row >= 0) & (row < height))
    acc[place] = pool.both(acc[place], pool.inp[c, column, row, n])
    out[c, x, y, n] = pool.mean(acc[c, x % PIXELS, y % HIGH, x / PIXELS, y / HIGH, n], x, y)
    _schedule_last(out, lanes, (rows, blocks), ("cj", "xt", "yj"))
    _schedule_tile(acc, out, "cj", {"c": lanes, "xi": PIXELS, "yi": HIGH})
    dense = pool.inp.dim(0).stride() == 1
    for number, taps in enumerate((inner, edge)):
        update = acc.update(number).reorder(c, xi, yi, taps.x, taps.y, xt, yt, n)
        update.vectorize(c).unroll(xi).unroll(yi).never_partition_all()
        update.specialize(dense)
    return pool.program(out, extra)


def _usual(isa: Isa, kind: str) -> Program:
    """The usual kernels on dense channels, where every window has data: of each column, then of the columns' results.

    Cells outside are read at the nearest inside, which for a maximum belongs to the window; a sum clears their bits.
    """
    pool = Pool(kind)
    extra = rows, blocks = [whole(each) for each in ("rows", "blocks")]
    c, i, j, xt, yt, x, y, n = (hl.Var(each) for each in ("c", "i", "j", "xt", "yt", "x", "y", "n"))
    out = hl.Func(symbol("pool", f"{kind}_usual_nhwc", isa))
    found, value = [], hl.f32(0)
    for size, stride in USUAL:
        down, across = hl.Func(f"down_{size}{stride}"), hl.Func(f"across_{size}{stride}")
        column, row = xt * USUAL_PIXELS * stride + j - pool["pad_x"], (yt * HIGH + i) * stride - pool["pad_y"]
        cells = [pool.nearest(c, column, row + tap, n) for tap in range(size)]
        down[c, i, j, xt, yt, n] = pool.inside(reduce(pool.both, cells), "x", column)
        columns = [down[c, i, j * stride + tap, xt, yt, n] for tap in range(size)]
        across[c, i, j, xt, yt, n] = reduce(pool.both, columns)
        tile = hl.Expr(across[c, y % HIGH, x % USUAL_PIXELS, x / USUAL_PIXELS, y / HIGH, n])
        value = hl.select(pool.is_usual(size, stride), tile, value)
        found += [(down, (USUAL_PIXELS - 1) * stride + size), (across, USUAL_PIXELS)]
    out[c, x, y, n] = pool.mean(value, x, y)
    _schedule_last(out, isa.lanes, (rows, blocks), ("cj", "xt", "yj"), USUAL_PIXELS)
    for func, wide in found:
        _schedule_tile(func, out, "cj", {"c": isa.lanes, "i": HIGH, "j": wide})
    for size, stride in USUAL:
        out.specialize(pool.is_usual(size, stride))
    out.specialize_fail("no usual kernel")
    pool.inp.dim(0).set_stride(1)
    return pool.program(out, extra)


def _staged(isa: Isa, kind: str) -> Program:
    """As `_last`, from a copy of one vector of channels with its padding: no tile has an edge."""
    pool = Pool(kind)
    extra = rows, blocks, wide = [whole(each) for each in ("rows", "blocks", "wide")]
    names = ("c", "xi", "yi", "xt", "yt", "x", "y", "n")
    c, xi, yi, xt, yt, x, y, n = (hl.Var(each) for each in names)
    acc, out = hl.Func("acc"), hl.Func(symbol("pool", f"{kind}_staged_nhwc", isa))
    stage, copies = padded(pool.inp, (pool["pad_x"], pool["pad_y"]), wide, pool.empty)
    taps, place = pool.taps("taps"), (c, xi, yi, xt, yt, n)
    column = (xt * PIXELS + xi) * pool["stride_x"] + taps.x * pool["dilation_x"]
    row = (yt * HIGH + yi) * pool["stride_y"] + taps.y * pool["dilation_y"]
    acc[place] = pool.lowest
    acc[place] = pool.both(acc[place], stage[c, column, row, n])
    out[c, x, y, n] = pool.mean(acc[c, x % PIXELS, y % HIGH, x / PIXELS, y / HIGH, n], x, y)
    _schedule_last(out, isa.lanes, (rows, blocks), ("xt", "yj", "cj"))
    _schedule_tile(acc, out, "xt", {"c": isa.lanes, "xi": PIXELS, "yi": HIGH})
    schedule_padded(stage, copies, wide, out, isa.lanes, pool.inp.dim(0).stride() == 1)
    update = acc.update().reorder(c, xi, yi, taps.x, taps.y, xt, yt, n)
    update.vectorize(c).unroll(xi).unroll(yi).never_partition_all()
    return pool.program(out, extra)


def _schedule_last(out: Any, lanes: int, sizes: tuple[Any, Any], order: Sequence[str], pixels: int = PIXELS) -> None:
    """Loops over the blocks of channels, the tiles of a row and the rows of a task, in this `order`, the innermost first."""
    rows, blocks = sizes
    c, x, y, n = out.args()
    names = ("ci", "cb", "co", "cj", "xi", "xt", "yi", "yt", "yo", "yj", "task")
    ci, cb, co, cj, xi, xt, yi, yt, yo, yj, task = (hl.Var(each) for each in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, cb, ci, lanes, INWARDS).split(x, xt, xi, pixels, GUARD).split(y, yt, yi, HIGH, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(cb, co, cj, blocks, GUARD)
    out.reorder(ci, xi, yi, *map(hl.Var, order), yo, n, co).vectorize(ci).unroll(xi).unroll(yi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task)])
    out.output_buffer().dim(0).set_stride(1)


def _schedule_tile(func: Any, out: Any, at: str, sizes: dict[str, int]) -> None:
    """What is held in registers for one turn of the loop `at` of `out`; `sizes` are those of its axes, 1 where there is none."""
    first, *axes = func.args()
    func.compute_at(out, hl.Var(at)).bound_extent(first, sizes[first.name()]).vectorize(first)
    for axis in axes:
        if axis.name() in sizes:
            func.bound(axis, 0, sizes[axis.name()]).unroll(axis)
        else:
            func.bound_extent(axis, 1)


def _first(isa: Isa, kind: str) -> Program:
    pool = Pool(kind)
    extra = _, _, wide = [whole(each) for each in ("rows", "planes", "wide")]
    names = ("c", "x", "y", "n", "xi", "xt", "yi", "yt")
    c, x, y, n, xi, xt, yi, yt = (hl.Var(each) for each in names)
    stage, acc, sums = (hl.Func(each) for each in ("stage", "acc", "sums"))
    out = hl.Func(symbol("pool", f"{kind}_nchw", isa))
    width, height = pool.inp.dim(1).extent(), pool.inp.dim(2).extent()
    row, left = y - pool["pad_y"], hl.max(pool["pad_x"], 0)
    copied = hl.RDom([(0, hl.clamp(wide - left, 0, width - left + pool["pad_x"]))], "copied")
    copied.where((row >= 0) & (row < height))
    stage[x, y, c, n] = pool.empty
    place = copied + left - pool["pad_x"]
    stage[copied + left, y, c, n] = pool.inp[c, place, hl.clamp(row, 0, height - 1), n]
    taps = pool.taps("taps")
    column = (xt * isa.lanes + xi) * pool["stride_x"] + taps.x * pool["dilation_x"]
    line = (yt * ROWS + yi) * pool["stride_y"] + taps.y * pool["dilation_y"]
    acc[xi, yi, xt, yt, c, n] = pool.lowest
    acc[xi, yi, xt, yt, c, n] = pool.both(acc[xi, yi, xt, yt, c, n], stage[column, line, c, n])
    sums[xi, yi, xt, yt, c, n] = acc[xi, yi, xt, yt, c, n]
    out[c, x, y, n] = pool.mean(sums[x % isa.lanes, y % ROWS, x / isa.lanes, y / ROWS, c, n], x, y)
    _schedule_first(pool, (stage, acc, sums, out), (copied, taps), isa.lanes, extra)
    return pool.program(out, extra)


def _schedule_first(pool: Pool, funcs: Any, domains: Any, lanes: int, sizes: Any) -> None:
    (stage, acc, sums, out), (copied, taps), (rows, planes, wide) = funcs, domains, sizes
    _schedule_rows(out, lanes, (rows, planes))
    out.never_partition_all()
    sx, sy, sc, sn = stage.args()
    stage.compute_at(out, hl.Var("cj")).store_in(hl.MemoryType.Stack)
    stage.bound_extent(sx, wide / lanes * lanes).bound_extent(sc, 1).bound_extent(sn, 1)
    stage.vectorize(sx, lanes).never_partition_all()
    stage.update().reorder(copied, sy, sc, sn).never_partition([hl.VarOrRVar(var) for var in (sy, sc, sn)])
    stage.update().specialize(pool.inp.dim(1).stride() == 1).vectorize(copied, lanes, GUARD)
    for func in (acc, sums):
        xi, yi, xt, yt, c, n = func.args()
        func.compute_at(out, hl.Var("xt")).bound(xi, 0, lanes).bound(yi, 0, ROWS).vectorize(xi).unroll(yi)
        func.bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(c, 1).bound_extent(n, 1)
    xi, yi, xt, yt, c, n = acc.args()
    update = acc.update().reorder(xi, yi, taps.x, taps.y, xt, yt, c, n).vectorize(xi).unroll(yi).never_partition_all()
    pool.unroll_usual(update, taps)
    for stride in (1, 2):
        update.specialize(pool["stride_x"] == stride)


def _usual_first(isa: Isa, kind: str) -> Program:
    """The usual kernels on dense rows of at least a vector: of each column of a row of windows into a line with its padding, by
    whole vectors of which the last is drawn back to the end of the row; then of the columns' results.
    """
    pool = Pool(kind)
    extra = rows, planes, wide = [whole(each) for each in ("rows", "planes", "wide")]
    c, x, y, n, xi, xt, yi, yt = (hl.Var(each) for each in ("c", "x", "y", "n", "xi", "xt", "yi", "yt"))
    out, lanes = hl.Func(symbol("pool", f"{kind}_usual_nchw", isa)), isa.lanes
    width, left = pool.inp.dim(1).extent(), hl.max(pool["pad_x"], 0)
    first = left - pool["pad_x"]
    count = hl.clamp(wide - left, lanes, width - first)
    value, found = hl.f32(0), []
    for size, stride in USUAL:
        line, across = hl.Func(f"line_{size}{stride}"), hl.Func(f"across_{size}{stride}")
        ends = hl.RDom([(0, lanes), (0, 2)], f"ends_{size}{stride}")
        some = hl.RDom([(0, lanes), (0, (count + lanes - 1) / lanes)], f"some_{size}{stride}")
        begin, row = hl.min(some.y * lanes, count - lanes), y * stride - pool["pad_y"]
        cells = [pool.near_row(c, first + begin + some.x, row + tap, n) for tap in range(size)]
        line[x, y, c, n] = hl.undef(F32)
        line[ends.x + ends.y * hl.min(left + count, wide - lanes), y, c, n] = pool.empty
        line[left + begin + some.x, y, c, n] = reduce(pool.both, cells)
        columns = [line[(xt * lanes + xi) * stride + tap, yt * ROWS + yi, c, n] for tap in range(size)]
        across[xi, yi, xt, yt, c, n] = reduce(pool.both, columns)
        tile = hl.Expr(across[x % lanes, y % ROWS, x / lanes, y / ROWS, c, n])
        value = hl.select(pool.is_usual(size, stride), tile, value)
        found.append((line, across, ends, some))
    out[c, x, y, n] = pool.mean(value, x, y)
    _schedule_rows(out, lanes, (rows, planes))
    for line, across, ends, some in found:
        _schedule_tile(across, out, "xt", {"xi": lanes, "yi": ROWS})
        lx, ly, lc, ln = line.args()
        line.compute_at(out, hl.Var("yj")).store_in(hl.MemoryType.Stack).bound_extent(lx, wide / lanes * lanes)
        line.bound_extent(lc, 1).bound_extent(ln, 1)
        line.update(0).allow_race_conditions().reorder(ends.x, ends.y, ly, lc, ln).vectorize(ends.x).unroll(ends.y)
        line.update(1).allow_race_conditions().reorder(some.x, some.y, ly, lc, ln).vectorize(some.x)
    for size, stride in USUAL:
        out.specialize(pool.is_usual(size, stride))
    out.specialize_fail("no usual kernel")
    pool.inp.dim(0).set_stride(hl.Expr())
    pool.inp.dim(1).set_stride(1)
    return pool.program(out, extra)


def _schedule_rows(out: Any, lanes: int, sizes: tuple[Any, Any]) -> None:
    """Channels first: loops over the tiles of a row, those of a task's rows, and its planes."""
    c, x, y, n = out.args()
    rows, planes = sizes
    names = ("xi", "xt", "yi", "yt", "yo", "yj", "co", "cj", "task")
    xi, xt, yi, yt, yo, yj, co, cj, task = (hl.Var(each) for each in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(x, xt, xi, lanes, GUARD).split(y, yt, yi, ROWS, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(c, co, cj, planes, GUARD)
    out.reorder(xi, yi, xt, yj, cj, yo, co, n).vectorize(xi).unroll(yi)
    out.fuse(yo, co, task).fuse(task, n, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task)])
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)


def _whole_last(isa: Isa, kind: str) -> Program:
    """One window over all: some vectors of channels at a time, in registers, along some rows of the image."""
    pool = Pool(kind)
    extra = together, groups, lines = [whole(each) for each in ("together", "groups", "lines")]
    c, x, y, n, part = (hl.Var(each) for each in ("c", "x", "y", "n", "part"))
    row, sums, parts, total = (hl.Func(each) for each in ("row", "sums", "parts", "total"))
    out, high = hl.Func(symbol("pool", f"{kind}_whole_nhwc", isa)), pool["kernel_y"]
    cells, rows = hl.RDom([(0, pool["kernel_x"])], "cells"), hl.RDom([(0, lines)], "rows")
    rows.where(part * lines + rows.x < high)
    row[c, y, n] = pool.lowest
    row[c, y, n] = pool.both(row[c, y, n], pool.inp[c, cells.x, y, n])
    sums[c, part, n] = pool.lowest
    sums[c, part, n] = pool.both(sums[c, part, n], row[c, part * lines + rows.x, n])
    parts[c, part, n] = sums[c, part, n]
    others = hl.RDom([(1, (high + lines - 1) / lines - 1)], "others")
    total[c, n] = parts[c, 0, n]
    total[c, n] = pool.both(total[c, n], parts[c, others.x, n])
    out[c, x, y, n] = pool.over(total[c, n])
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    ci, cb, co, cj, task = (hl.Var(each) for each in ("ci", "cb", "co", "cj", "task"))
    out.split(c, co, ci, isa.lanes, INWARDS).vectorize(ci)
    total.compute_at(out, co).vectorize(c).update().vectorize(c)
    parts.compute_root()
    for vectors in together_of(isa):
        some = parts.specialize(together == vectors)
        some.split(c, cb, ci, vectors * isa.lanes, INWARDS).split(cb, co, cj, groups, GUARD).reorder(
            ci, cj, co, part, n
        )
        some.vectorize(ci, isa.lanes).unroll(ci)
        some.fuse(co, part, task).fuse(task, n, task).parallel(task)
    parts.specialize_fail("no such number of vectors")
    sums.compute_at(parts, cj).vectorize(c, isa.lanes).unroll(c)
    sums.update().reorder(c, rows.x).vectorize(c, isa.lanes).unroll(c).never_partition_all()
    row.compute_at(sums, rows.x).vectorize(c, isa.lanes).unroll(c)
    row.update().reorder(c, cells.x).vectorize(c, isa.lanes).unroll(c)
    for param in (out.output_buffer(), pool.inp):
        param.dim(0).set_stride(1)
    return pool.program(out, extra)


def _whole_first(isa: Isa, kind: str) -> Program:
    """One window over all of a plane: the lanes are cells of a row, and are joined at the end."""
    pool = Pool(kind)
    extra = (planes,) = [whole("planes")]
    lanes, wide, high = isa.lanes, pool["kernel_x"], pool["kernel_y"]
    i, u, c, x, y, n, co, cj, task = (hl.Var(each) for each in ("i", "u", "c", "x", "y", "n", "co", "cj", "task"))
    sums, out = hl.Func("sums"), hl.Func(symbol("pool", f"{kind}_whole_nchw", isa))
    many = hl.RDom([(0, wide / (AT_ONCE * lanes)), (0, high)], "many")
    some = hl.RDom([(0, wide % (AT_ONCE * lanes) / lanes), (0, high)], "some")
    rest, end = hl.RDom([(0, wide % lanes), (0, high)], "rest"), hl.RDom([(0, high)], "end")
    rest.where(wide < lanes)
    end.where((wide >= lanes) & (wide % lanes > 0))
    sums[i, u, c, n] = pool.lowest
    sums[i, u, c, n] = pool.both(sums[i, u, c, n], pool.inp[c, (many.x * AT_ONCE + u) * lanes + i, many.y, n])
    place = wide / (AT_ONCE * lanes) * (AT_ONCE * lanes) + some.x * lanes + i
    sums[i, 0, c, n] = pool.both(sums[i, 0, c, n], pool.inp[c, place, some.y, n])
    last = pool.inp[c, wide - lanes + i, end.x, n]
    sums[i, 0, c, n] = pool.both(sums[i, 0, c, n], pool.kept(last, i >= lanes - wide % lanes))
    sums[rest.x, 0, c, n] = pool.both(sums[rest.x, 0, c, n], pool.inp[c, rest.x, rest.y, n])
    pairs, total = hl.Func("pairs"), hl.Func("total")
    pairs[i, u, c, n] = pool.both(sums[i, u, c, n], sums[i, u + 2, c, n])
    total[i, c, n] = pool.both(pairs[i, 0, c, n], pairs[i, 1, c, n])
    funcs, width = [total], lanes
    while width > 1:
        width //= 2
        half = hl.Func(f"of{width}")
        half[i, c, n] = pool.both(funcs[-1][i, c, n], funcs[-1][i + width, c, n])
        funcs.append(half)
    out[c, x, y, n] = pool.over(funcs[-1][0, c, n])
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, co, cj, planes, GUARD).reorder(x, y, cj, co, n).fuse(co, n, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (cj, task)])
    for number, func in enumerate(funcs):
        func.compute_at(out, cj).bound_extent(c, 1).bound_extent(n, 1).bound(i, 0, lanes >> number)
        func.vectorize(i)
    pairs.compute_at(out, cj).bound(i, 0, lanes).bound(u, 0, 2).vectorize(i).unroll(u)
    sums.compute_at(out, cj).bound(i, 0, lanes).bound(u, 0, AT_ONCE).bound_extent(c, 1).bound_extent(n, 1)
    sums.vectorize(i).unroll(u)
    dense = pool.inp.dim(1).stride() == 1
    sums.update(0).reorder(i, u, many.x, many.y, c, n).vectorize(i).unroll(u).specialize(dense)
    sums.update(1).reorder(i, some.x, some.y, c, n).vectorize(i).specialize(dense)
    sums.update(2).reorder(i, end.x, c, n).vectorize(i).specialize(dense)
    sums.update(3).unscheduled()
    out.output_buffer().dim(0).set_stride(hl.Expr())
    return pool.program(out, extra)
