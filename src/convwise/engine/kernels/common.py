"""What the programs of all families share: their arguments, zero-padded reads, and what follows the sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import halide as hl

from convwise.engine.isa import Isa

CLAMP, SILU, HARD_SWISH = 0, 1, 2
F32, I32 = hl.Float(32), hl.Int(32)
INFINITY = float("inf")

Variants = Mapping[str, Callable[[], "Program"]]


@dataclass(frozen=True)
class Program:
    """One pipeline, and its arguments in the order of the call; the output comes last by itself."""

    out: hl.Func
    arguments: tuple[Any, ...]

    def write(self, path: str, isa: Isa) -> None:
        """Write an object file that exports the name of `out`, and that name with `_argv`."""
        flags = "no_asserts-no_bounds_query-no_runtime"
        # Halide tells names apart by a short hash, so that even a new one may get a number behind a `$`.
        name = self.out.name().partition("$")[0]
        self.out.compile_to_object(path, list(self.arguments), name, hl.Target(f"{isa.target}-{flags}"))


def loose(name: str, rank: int) -> hl.ImageParam:
    """An array argument whose innermost stride may be anything."""
    param = hl.ImageParam(F32, rank, name)
    param.dim(0).set_stride(hl.Expr())
    for axis in range(rank):
        param.dim(axis).set_min(0)
    return param


def whole(name: str) -> hl.Param:
    return hl.Param(I32, name)


@dataclass(frozen=True)
class Shared:
    """The arguments of every program that looks like a convolution; `rank` is that of its packed weights."""

    rank: int
    inp: hl.ImageParam = field(default_factory=lambda: loose("inp", 4))
    bias: hl.ImageParam = field(default_factory=lambda: hl.ImageParam(F32, 1, "bias"))
    residual: hl.ImageParam = field(default_factory=lambda: loose("residual", 4))
    pad_x: hl.Param = field(default_factory=lambda: whole("pad_x"))
    pad_y: hl.Param = field(default_factory=lambda: whole("pad_y"))
    stride_x: hl.Param = field(default_factory=lambda: whole("stride_x"))
    stride_y: hl.Param = field(default_factory=lambda: whole("stride_y"))
    dilation_x: hl.Param = field(default_factory=lambda: whole("dilation_x"))
    dilation_y: hl.Param = field(default_factory=lambda: whole("dilation_y"))
    act: hl.Param = field(default_factory=lambda: whole("act"))
    low: hl.Param = field(default_factory=lambda: hl.Param(F32, "low"))
    high: hl.Param = field(default_factory=lambda: hl.Param(F32, "high"))
    has_residual: hl.Param = field(default_factory=lambda: whole("has_residual"))
    weights: hl.ImageParam = field(init=False)

    def __post_init__(self) -> None:
        weights = hl.ImageParam(F32, self.rank, "weights")
        for axis in range(self.rank):
            weights.dim(axis).set_min(0)
        self.bias.dim(0).set_min(0)
        object.__setattr__(self, "weights", weights)

    def border(self, c: Any, x: Any, y: Any, n: Any) -> Any:
        """The input at image coordinates (c, x, y), 0 outside; the address read is always inside.

        `c` is inside by itself, so that channels stay dense.
        """
        width, height = self.inp.dim(1).extent(), self.inp.dim(2).extent()
        value = self.inp[c, hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1), n]
        return hl.select((x >= 0) & (x < width) & (y >= 0) & (y < height), value, hl.f32(0))

    @property
    def zero(self) -> Any:
        """0 that the compiler cannot know: rows of a known one are filled by calls of memset, which take longer than short rows."""
        return hl.cast(F32, hl.min(self.weights.dim(0).extent(), 0))

    def finish(self, value: Any, k: Any, x: Any, y: Any, n: Any, *, whole: Any) -> Any:
        """A sum with its bias on top of the residual, clamped.

        Where (k, x) may lie beyond the output, the residual is read at the nearest place inside, unless `whole` says that no
        tile does.
        """
        ends = [self.residual.dim(axis).extent() - 1 for axis in (0, 1)]
        k, x = (
            hl.select(whole, place, hl.clamp(place, 0, hl.max(end, 0))) for place, end in zip((k, x), ends, strict=True)
        )
        return self.clamped(hl.select(self.has_residual != 0, value + self.residual[k, x, y, n], value))

    def activate(self, value: Any) -> Any:
        """The activation of a sum with its bias and residual; a NaN stays one.

        Strict, because Halide would else write the clamps as minimum and maximum, which lose a NaN.
        """
        clamped = hl.select(value < self.low, self.low, value)
        clamped = hl.select(clamped > self.high, self.high, clamped)
        # A sixth of 6 is 1 exactly; a division takes longer than all the rest.
        gate = value + 3.0
        gate = hl.select(gate < 0.0, 0.0, gate)
        gate = hl.select(gate > 6.0, 6.0, gate)
        # Halide's exp saturates, IEEE's overflows: -inf must meet an infinite divisor.
        power = hl.select(value < hl.f32(-88.7), hl.f32(INFINITY), hl.exp(-value))
        silu = value / (1.0 + power)
        return hl.strict_float(
            hl.select(self.act == CLAMP, clamped, self.act == SILU, silu, value * (gate * hl.f32(1 / 6)))
        )

    def clamped(self, value: Any) -> Any:
        """Nothing but a clamp, for programs that are called for no other form."""
        value = hl.select(value < self.low, self.low, value)
        return hl.strict_float(hl.select(value > self.high, self.high, value))

    def specialize_epilogue(self, func: Any, clamped: Callable[[Any], object] = lambda branch: None) -> None:
        """One branch a tile, with the residual or without, instead of all forms a vector; to be called when the schedule of
        `func` is complete. `clamped` schedules those of the usual activations further: what they gain is not worth its code in
        all branches.
        """
        for residual in (self.has_residual == 0, self.has_residual != 0):
            for act in (CLAMP, SILU, HARD_SWISH):
                branch = func.specialize(residual & (self.act == act))
                if act == CLAMP:
                    clamped(branch)
        func.specialize_fail("a form of activation that is not known")

    def program(self, out: hl.Func, extra: Sequence[hl.Param] = ()) -> Program:
        fixed = (self.inp, self.weights, self.bias, self.residual, self.pad_x, self.pad_y, self.stride_x, self.stride_y)
        rest = (self.dilation_x, self.dilation_y, self.act, self.low, self.high, self.has_residual)
        return Program(out, (*fixed, *rest, *extra))


def padded(
    inp: Any, pads: tuple[Any, Any], wide: Any, fill: Any, read: Callable[..., Any] | None = None
) -> tuple[hl.Func, tuple[hl.RDom, ...]]:
    """A copy of a channels-last input with its padding, `wide` columns, made by loops that look at no single cell: those
    over the cells, over rows of padding, and over what is left and right of a row. `read` gives its cell (c, x, y, n)
    where it lies otherwise.
    """
    c, x, y, n = (hl.Var(name) for name in ("c", "x", "y", "n"))
    stage, width, height, left = hl.Func("stage"), inp.dim(1).extent(), inp.dim(2).extent(), hl.max(pads[0], 0)
    read = read or (lambda *place: inp[place])
    first = left - pads[0]  # cells that a negative padding crops
    count = hl.clamp(wide - left, 0, width - first)
    row = y - pads[1]
    inside = (row >= 0) & (row < height)
    copied, blank = hl.RDom([(0, count)], "copied"), hl.RDom([(0, wide)], "blank")
    before = hl.RDom([(0, hl.min(left, wide))], "before")
    behind = hl.RDom([(0, hl.max(wide - left - count, 0))], "behind")
    blank.where(~inside)
    for domain in (copied, before, behind):
        domain.where(inside)
    stage[c, x, y, n] = hl.undef(F32)
    stage[c, copied.x + left, y, n] = read(c, copied.x + first, hl.clamp(row, 0, height - 1), n)
    stage[c, blank.x, y, n] = fill
    stage[c, before.x, y, n] = fill
    stage[c, behind.x + left + count, y, n] = fill
    return stage, (copied, blank, before, behind)


def schedule_padded(
    stage: hl.Func, copies: Sequence[hl.RDom], wide: Any, out: hl.Func, lanes: int, dense: Any = None
) -> None:
    """One vector of channels, for every turn of the loop `cj` of `out`; `dense` says whether channels lie side by side where that is not known."""
    c, x, y, n = stage.args()
    stage.compute_at(out, hl.Var("cj")).store_in(hl.MemoryType.Stack)
    stage.bound_extent(c, lanes).bound_extent(x, wide).bound_extent(n, 1).vectorize(c, lanes).never_partition_all()
    for number, domain in enumerate(copies):
        update = stage.update(number).reorder(c, domain.x, y, n).vectorize(c, lanes).never_partition_all()
        if number == 0 and dense is not None:
            update.specialize(dense)


def cell(shared: Shared, x: Any, y: Any, kx: Any, ky: Any) -> tuple[Any, Any]:
    """The image coordinates that tap (kx, ky) of output (x, y) reads."""
    column = x * shared.stride_x + kx * shared.dilation_x - shared.pad_x
    return column, y * shared.stride_y + ky * shared.dilation_y - shared.pad_y


def runs(shared: Shared, wide: Any, lanes: int) -> Any:
    """A copy of a channels-last input with its padding, made by loops as those of `padded`: rows of cells and their channels as
    runs of `wide` numbers.
    """
    inp, guard = shared.inp, hl.TailStrategy.GuardWithIf
    channels, width, height = (inp.dim(axis).extent() for axis in range(3))
    q, y, n = hl.Var("q"), hl.Var("y"), hl.Var("n")
    stage, row, start = hl.Func("stage"), y - shared.pad_y, shared.pad_x * channels
    inside, line = (row >= 0) & (row < height), hl.clamp(row, 0, height - 1)
    left = hl.max(start, 0)
    first = left - start
    count = hl.clamp(wide - left, 0, width * channels - first)
    dense = (inp.dim(0).stride() == 1) & (inp.dim(1).stride() == channels)
    run, cells = hl.RDom([(0, count)], "run"), hl.RDom([(0, width), (0, channels)], "cells")
    run.where(inside & dense)
    cells.where(
        inside & ~dense & (cells.x + shared.pad_x >= 0) & ((cells.x + shared.pad_x) * channels + cells.y < wide)
    )
    blank, before = hl.RDom([(0, wide)], "blank"), hl.RDom([(0, hl.min(left, wide))], "before")
    behind = hl.RDom([(0, hl.max(wide - left - count, 0))], "behind")
    blank.where(~inside)
    before.where(inside)
    behind.where(inside)
    stage[q, y, n] = hl.undef(F32)
    # Where cells lie densely, their channels go on into the next cell.
    stage[run + left, y, n] = inp[run + first, 0, line, n]
    stage[(cells.x + shared.pad_x) * channels + cells.y, y, n] = inp[cells.y, cells.x, line, n]
    stage[blank, y, n] = shared.zero
    stage[before, y, n] = shared.zero
    stage[behind + left + count, y, n] = shared.zero
    stage.bound_extent(q, wide).bound_extent(n, 1)
    # Halide does not see that where the last of them begins is the same for all of its numbers.
    stage.update(4).allow_race_conditions()
    for number, domain in ((0, run), (2, blank), (3, before), (4, behind)):
        stage.update(number).vectorize(domain.x, lanes, guard).never_partition([hl.VarOrRVar(var) for var in (y, n)])
    stage.update(0).specialize(inp.dim(0).stride() == 1)
    stage.update(1).never_partition_all()
    return stage
