"""Maximum and average pooling, any kernel, stride, dilation and padding.

Channels last, the lanes are channels and the input is read where it lies; channels first, they are outputs of a row, over a
stage of the rows that a plane needs. The average divides by the cells that count, which are counted tap by tap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.pool import PIXELS, ROWS, lanes_of
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import INFINITY, Program, Variants, loose, whole

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
        found[f"{kind}_nchw"] = partial(_first, isa, kind)
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
        return hl.f32(-INFINITY if self.kind == "max" else 0.0)

    def taps(self, name: str) -> Any:
        return hl.RDom([(0, self["kernel_x"]), (0, self["kernel_y"])], name)

    def cell(self, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
        """The image coordinates that tap (kx, ky) of output (x, y) reads."""
        column = x * self["stride_x"] + kx * self["dilation_x"] - self["pad_x"]
        return column, y * self["stride_y"] + ky * self["dilation_y"] - self["pad_y"]

    def join(self, before: Any, value: Any) -> Any:
        """The larger one, a NaN before everything; or the sum."""
        before, value = hl.Expr(before), value if isinstance(value, hl.Expr) else hl.Expr(value)
        if self.kind == "average":
            return before + value
        # A NaN is told by its bits: Halide's no-NaN arithmetic takes every comparison that finds one for false.
        bits = hl.reinterpret(hl.UInt(32), before) & hl.u32(0x7FFFFFFF)
        larger = hl.strict_float(hl.select(before > value, before, value))
        return hl.select(bits > hl.u32(0x7F800000), before, larger)

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
            return value
        counted = hl.max(self.counts("x")[x] * self.counts("y")[y], 1)
        return value / hl.cast(hl.Float(32), hl.select(self["divisor"] > 0, self["divisor"], counted))

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


def _masked(pool: Pool, c: Any, column: Any, row: Any, n: Any) -> Any:
    width, height = pool.inp.dim(1).extent(), pool.inp.dim(2).extent()
    value = pool.inp[c, hl.clamp(column, 0, width - 1), hl.clamp(row, 0, height - 1), n]
    return hl.select((column >= 0) & (column < width) & (row >= 0) & (row < height), value, pool.empty)


def _last(isa: Isa, kind: str, name: str, lanes: int) -> Program:
    pool = Pool(kind)
    extra = rows, blocks = [whole(each) for each in ("rows", "blocks")]
    c, xi, xt, x, y, n = (hl.Var(each) for each in ("c", "xi", "xt", "x", "y", "n"))
    acc, out = hl.Func("acc"), hl.Func(symbol("pool", f"{kind}_{name}_nhwc", isa))
    left, top = pool.cell(xt * PIXELS, y, 0, 0)
    right, bottom = pool.cell(xt * PIXELS + PIXELS - 1, y, pool["kernel_x"] - 1, pool["kernel_y"] - 1)
    interior = (left >= 0) & (right < pool.inp.dim(1).extent()) & (top >= 0) & (bottom < pool.inp.dim(2).extent())
    inner, edge = pool.taps("inner"), pool.taps("edge")
    inner.where(interior)
    edge.where(~interior)
    acc[c, xi, xt, y, n] = pool.empty
    column, row = pool.cell(xt * PIXELS + xi, y, inner.x, inner.y)
    acc[c, xi, xt, y, n] = pool.join(acc[c, xi, xt, y, n], pool.inp[c, column, row, n])
    place = pool.cell(xt * PIXELS + xi, y, edge.x, edge.y)
    acc[c, xi, xt, y, n] = pool.join(acc[c, xi, xt, y, n], _masked(pool, c, *place, n))
    out[c, x, y, n] = pool.finish(acc[c, x % PIXELS, x / PIXELS, y, n], x, y)

    ci, cb, co, cj, yo, yi, task = (hl.Var(each) for each in ("ci", "cb", "co", "cj", "yo", "yi", "task"))
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(c, cb, ci, lanes, INWARDS).split(x, xt, xi, PIXELS, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(cb, co, cj, blocks, GUARD)
    out.reorder(ci, xi, xt, cj, yi, yo, n, co).vectorize(ci).unroll(xi)
    out.fuse(yo, n, task).fuse(task, co, task).parallel(task)
    out.never_partition([hl.VarOrRVar(var) for var in (yi, cj, task)])
    acc.compute_at(out, xt).bound_extent(c, lanes).bound(xi, 0, PIXELS).bound_extent(xt, 1).vectorize(c).unroll(xi)
    for number, taps in enumerate((inner, edge)):
        update = acc.update(number).reorder(c, xi, taps.x, taps.y, xt, y, n)
        update.vectorize(c).unroll(xi).never_partition_all()
        dense = pool.inp.dim(0).stride() == 1
        if number == 0 and lanes == isa.lanes:
            pool.unroll_usual(update, taps, dense)
        update.specialize(dense)
    out.output_buffer().dim(0).set_stride(1)
    return pool.program(out, extra)


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
    acc[xi, yi, xt, yt, c, n] = pool.empty
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
