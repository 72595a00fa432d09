"""Maximum and average pooling, any kernel, stride, dilation and padding.

Channels last, the lanes are channels and the input is read where it lies; channels first, they are outputs of a row, over a
stage of the rows that a plane needs. The average divides by the cells that count, which are counted tap by tap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.pool import AT_ONCE, HIGH, PIXELS, ROWS, lanes_of
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import INFINITY, Program, Variants, loose, padded, schedule_padded, whole

GUARD, INWARDS = hl.TailStrategy.GuardWithIf, hl.TailStrategy.ShiftInwards
USUAL = ((2, 2), (3, 2), (3, 1))
"""Kernel sides and strides of the pools of most networks."""
NAMES = ("pad_x", "pad_y", "stride_x", "stride_y", "dilation_x", "dilation_y", "kernel_x", "kernel_y")
COUNTS = ("divisor", "first_x", "stop_x", "first_y", "stop_y")


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {}
    for kind in ("max", "average"):
        for name, lanes in lanes_of(isa).items():
            found[f"{kind}_{name}_nhwc"] = partial(_last, isa, kind, name, lanes)
        found[f"{kind}_staged_nhwc"] = partial(_staged, isa, kind)
        found[f"{kind}_nchw"] = partial(_first, isa, kind)
        found[f"{kind}_whole_nhwc"] = partial(_whole_last, isa, kind)
        found[f"{kind}_whole_nchw"] = partial(_whole_first, isa, kind)
    return found


@dataclass(frozen=True)
class Pool:
    """The arguments of a pooling program, and what it makes of a cell and of the end."""

    kind: str
    inp: hl.ImageParam = field(default_factory=lambda: loose("inp", 4))
    sizes: dict[str, Any] = field(default_factory=lambda: {name: whole(name) for name in (*NAMES, *COUNTS)})

    def __getitem__(self, name: str) -> Any:
        return self.sizes[name]

    @property
    def empty(self) -> Any:
        """Its compiler must not know the 0, or rows would be filled by calls of memset, which take longer than short rows."""
        return hl.f32(-INFINITY) if self.kind == "max" else hl.cast(hl.Float(32), hl.min(self["kernel_x"], 0))

    def taps(self, name: str) -> Any:
        return hl.RDom([(0, self["kernel_x"]), (0, self["kernel_y"])], name)

    def cell(self, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
        """The image coordinates that tap (kx, ky) of output (x, y) reads."""
        column = x * self["stride_x"] + kx * self["dilation_x"] - self["pad_x"]
        return column, y * self["stride_y"] + ky * self["dilation_y"] - self["pad_y"]

    def start(self) -> Any:
        """Of no cells yet: the largest, and the largest bits without the sign, which tell a NaN; or the sum."""
        return hl.Tuple([self.empty, hl.u32(0)]) if self.kind == "max" else self.empty

    def join(self, before: Any, value: Any) -> Any:
        """`before` with one cell more."""
        value = value if isinstance(value, hl.Expr) else hl.Expr(value)
        if self.kind == "average":
            return hl.Expr(before) + value
        # Comparisons may take a NaN for anything, so it is kept apart and told by its bits.
        bits = hl.reinterpret(hl.UInt(32), value) & hl.u32(0x7FFFFFFF)
        return self._larger(before, (value, bits))

    def merge(self, one: Any, other: Any) -> Any:
        """Two of what `join` makes, which are places of functions."""
        return hl.Expr(one) + hl.Expr(other) if self.kind == "average" else self._larger(one, other)

    def _larger(self, one: Any, other: Any) -> Any:
        larger = hl.strict_float(hl.select(other[0] > one[0], other[0], one[0]))
        return hl.Tuple([larger, hl.max(one[1], other[1])])

    def counts(self, axis: str) -> Any:
        """How many taps of an output read a cell that counts, along one axis."""
        at = hl.Var("at")
        count = hl.Func(f"count_{axis}")
        r = hl.RDom([(0, self[f"kernel_{axis}"])], f"r{axis}")
        place = at * self[f"stride_{axis}"] + r * self[f"dilation_{axis}"] - self[f"pad_{axis}"]
        count[at] = 0
        count[at] += hl.select((place >= self[f"first_{axis}"]) & (place < self[f"stop_{axis}"]), 1, 0)
        return count.compute_root()

    def finish(self, value: Any, x: Any, y: Any) -> Any:
        if self.kind == "max":
            return hl.select(value[1] > hl.u32(0x7F800000), hl.reinterpret(hl.Float(32), value[1]), value[0])
        counted = hl.max(self.counts("x")[x] * self.counts("y")[y], 1)
        return hl.Expr(value) / hl.cast(hl.Float(32), hl.select(self["divisor"] > 0, self["divisor"], counted))

    def unroll_usual(self, update: Any, taps: Any, dense: Any = None) -> None:
        """The usual kernels have branches of their own, where every tap is an instruction."""
        for size, stride in USUAL:
            usual = (self["kernel_x"] == size) & (self["kernel_y"] == size)
            usual &= (self["stride_x"] == stride) & (self["stride_y"] == stride)
            usual &= (self["dilation_x"] == 1) & (self["dilation_y"] == 1)
            update.specialize(usual if dense is None else usual & dense).unroll(taps.x).unroll(taps.y)

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
    acc[place] = pool.start()
    column, row = pool.cell(xt * PIXELS + xi, yt * HIGH + yi, inner.x, inner.y)
    acc[place] = pool.join(acc[place], pool.inp[c, column, row, n])
    column, row = pool.cell(xt * PIXELS + xi, yt * HIGH + yi, edge.x, edge.y)
    edge.where(~interior & (column >= 0) & (column < width))
    edge.where((row >= 0) & (row < height))
    acc[place] = pool.join(acc[place], pool.inp[c, column, row, n])
    out[c, x, y, n] = pool.finish(acc[c, x % PIXELS, y % HIGH, x / PIXELS, y / HIGH, n], x, y)

    _schedule_last(pool, acc, out, lanes, (rows, blocks), staged=False)
    for number, taps in enumerate((inner, edge)):
        update = acc.update(number).reorder(c, xi, yi, taps.x, taps.y, xt, yt, n)
        update.vectorize(c).unroll(xi).unroll(yi).never_partition_all()
        dense = pool.inp.dim(0).stride() == 1
        if number == 0 and lanes == isa.lanes:
            pool.unroll_usual(update, taps, dense)
        update.specialize(dense)
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
    acc[place] = pool.start()
    acc[place] = pool.join(acc[place], stage[c, column, row, n])
    out[c, x, y, n] = pool.finish(acc[c, x % PIXELS, y % HIGH, x / PIXELS, y / HIGH, n], x, y)
    _schedule_last(pool, acc, out, isa.lanes, (rows, blocks), staged=True)
    schedule_padded(stage, copies, wide, out, isa.lanes, pool.inp.dim(0).stride() == 1)
    update = acc.update().reorder(c, xi, yi, taps.x, taps.y, xt, yt, n)
    pool.unroll_usual(update.vectorize(c).unroll(xi).unroll(yi).never_partition_all(), taps)
    return pool.program(out, extra)


def _schedule_last(pool: Pool, acc: Any, out: Any, lanes: int, sizes: tuple[Any, Any], *, staged: bool) -> None:
    rows, blocks = sizes
    c, x, y, n = out.args()
    names = ("ci", "cb", "co", "cj", "xi", "xt", "yi", "yt", "yo", "yj", "task")
    ci, cb, co, cj, xi, xt, yi, yt, yo, yj, task = (hl.Var(each) for each in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, cb, ci, lanes, INWARDS).split(x, xt, xi, PIXELS, GUARD).split(y, yt, yi, HIGH, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(cb, co, cj, blocks, GUARD)
    order = (xt, yj, cj) if staged else (cj, xt, yj)
    out.reorder(ci, xi, yi, *order, yo, n, co).vectorize(ci).unroll(xi).unroll(yi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yj, cj, task)])
    c, xi, yi, xt, yt, n = acc.args()
    acc.compute_at(out, order[0]).bound_extent(c, lanes).bound(xi, 0, PIXELS).bound(yi, 0, HIGH)
    acc.bound_extent(xt, 1).bound_extent(yt, 1).bound_extent(n, 1).vectorize(c).unroll(xi).unroll(yi)
    out.output_buffer().dim(0).set_stride(1)


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
    acc[xi, yi, xt, yt, c, n] = pool.start()
    acc[xi, yi, xt, yt, c, n] = pool.join(acc[xi, yi, xt, yt, c, n], stage[column, line, c, n])
    sums[xi, yi, xt, yt, c, n] = acc[xi, yi, xt, yt, c, n]
    out[c, x, y, n] = pool.finish(sums[x % isa.lanes, y % ROWS, x / isa.lanes, y / ROWS, c, n], x, y)
    _schedule_first(pool, (stage, acc, sums, out), (copied, taps), isa.lanes, extra)
    return pool.program(out, extra)


def _schedule_first(pool: Pool, funcs: Any, domains: Any, lanes: int, sizes: Any) -> None:
    (stage, acc, sums, out), (copied, taps), (rows, planes, wide) = funcs, domains, sizes
    c, x, y, n = out.args()
    names = ("xi", "xt", "yi", "yt", "yo", "yj", "co", "cj", "task")
    xi, xt, yi, yt, yo, yj, co, cj, task = (hl.Var(each) for each in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(x, xt, xi, lanes, GUARD).split(y, yt, yi, ROWS, GUARD)
    out.split(yt, yo, yj, rows, GUARD).split(c, co, cj, planes, GUARD)
    out.reorder(xi, yi, xt, yj, cj, yo, co, n).vectorize(xi)
    out.fuse(yo, co, task).fuse(task, n, task).parallel(task).never_partition_all()
    sx, sy, sc, sn = stage.args()
    stage.compute_at(out, cj).store_in(hl.MemoryType.Stack)
    stage.bound_extent(sx, wide / lanes * lanes).bound_extent(sc, 1).bound_extent(sn, 1)
    stage.vectorize(sx, lanes).never_partition_all()
    stage.update().reorder(copied, sy, sc, sn).never_partition([hl.VarOrRVar(var) for var in (sy, sc, sn)])
    stage.update().specialize(pool.inp.dim(1).stride() == 1).vectorize(copied, lanes, GUARD)
    for func in (acc, sums):
        xi, yi, xt, yt, c, n = func.args()
        func.compute_at(out, xt).bound(xi, 0, lanes).bound(yi, 0, ROWS).bound_extent(xt, 1).bound_extent(yt, 1)
        func.bound_extent(c, 1).bound_extent(n, 1).vectorize(xi).unroll(yi)
    xi, yi, xt, yt, c, n = acc.args()
    update = acc.update().reorder(xi, yi, taps.x, taps.y, xt, yt, c, n).vectorize(xi).unroll(yi).never_partition_all()
    pool.unroll_usual(update, taps)
    for stride in (1, 2):
        update.specialize(pool["stride_x"] == stride)
    out.output_buffer().dim(0).set_stride(hl.Expr())
    out.output_buffer().dim(1).set_stride(1)


def _whole_last(isa: Isa, kind: str) -> Program:
    """One window over all: a row of cells at a time for all channels, so that memory is walked in its order."""
    pool = Pool(kind)
    extra = (channels,) = [whole("channels")]
    c, x, y, n, ci, cb, cj, co, task = (hl.Var(each) for each in ("c", "x", "y", "n", "ci", "cb", "cj", "co", "task"))
    row, sums, out = hl.Func("row"), hl.Func("sums"), hl.Func(symbol("pool", f"{kind}_whole_nhwc", isa))
    wide = pool["kernel_x"]
    many = hl.RDom([(0, AT_ONCE), (0, wide / AT_ONCE)], "many")
    rest, rows = hl.RDom([(0, wide % AT_ONCE)], "rest"), hl.RDom([(0, pool["kernel_y"])], "rows")
    row[c, y, n] = pool.start()
    row[c, y, n] = pool.join(row[c, y, n], pool.inp[c, many.y * AT_ONCE + many.x, y, n])
    row[c, y, n] = pool.join(row[c, y, n], pool.inp[c, wide / AT_ONCE * AT_ONCE + rest.x, y, n])
    sums[c, n] = pool.start()
    sums[c, n] = pool.merge(sums[c, n], row[c, rows.x, n])
    out[c, x, y, n] = pool.finish(sums[c, n], x, y)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, co, cj, channels, GUARD).reorder(cj, x, y, co, n).vectorize(cj, isa.lanes, GUARD)
    out.fuse(co, n, task).parallel(task)
    sums.compute_at(out, task).store_in(hl.MemoryType.Stack).bound_extent(n, 1).vectorize(c, isa.lanes, GUARD)
    sums.update().reorder(c, rows.x, n).vectorize(c, isa.lanes, GUARD)
    row.compute_at(sums, rows.x).store_in(hl.MemoryType.Stack).bound_extent(y, 1).bound_extent(n, 1)
    row.vectorize(c, isa.lanes, GUARD)
    for number, cells in enumerate((many, rest)):
        update = row.update(number).split(c, cb, ci, isa.lanes, GUARD)
        update.reorder(*((ci, cells.x, cb, cells.y) if number == 0 else (ci, cells.x, cb)), y, n).vectorize(ci)
        if number == 0:
            update.unroll(cells.x)
        update.specialize(pool.inp.dim(0).stride() == 1)
    out.output_buffer().dim(0).set_stride(1)
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
    rest = hl.RDom([(0, wide % lanes), (0, high)], "rest")
    sums[i, u, c, n] = pool.start()
    sums[i, u, c, n] = pool.join(sums[i, u, c, n], pool.inp[c, (many.x * AT_ONCE + u) * lanes + i, many.y, n])
    place = wide / (AT_ONCE * lanes) * (AT_ONCE * lanes) + some.x * lanes + i
    sums[i, 0, c, n] = pool.join(sums[i, 0, c, n], pool.inp[c, place, some.y, n])
    sums[rest.x, 0, c, n] = pool.join(sums[rest.x, 0, c, n], pool.inp[c, wide / lanes * lanes + rest.x, rest.y, n])
    pairs, total = hl.Func("pairs"), hl.Func("total")
    pairs[i, u, c, n] = pool.merge(sums[i, u, c, n], sums[i, u + 2, c, n])
    total[i, c, n] = pool.merge(pairs[i, 0, c, n], pairs[i, 1, c, n])
    funcs, width = [total], lanes
    while width > 1:
        width //= 2
        half = hl.Func(f"of{width}")
        half[i, c, n] = pool.merge(funcs[-1][i, c, n], funcs[-1][i + width, c, n])
        funcs.append(half)
    out[c, x, y, n] = pool.finish(funcs[-1][0, c, n], x, y)
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
    sums.update(2).unscheduled()
    out.output_buffer().dim(0).set_stride(hl.Expr())
    return pool.program(out, extra)
