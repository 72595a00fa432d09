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

    def write(self, path: str, isa: Isa, *, flags: str = "no_asserts-no_bounds_query-no_runtime") -> None:
        """Write an object file that exports the name of `out`, and that name with `_argv`."""
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

    def edge(self, c: Any, x: Any, y: Any, n: Any) -> Any:
        """The input at image coordinates (c, x, y), 0 outside; the address read is always inside."""
        width, height, channels = (self.inp.dim(axis).extent() for axis in (1, 2, 0))
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (c < channels)
        value = self.inp[hl.clamp(c, 0, channels - 1), hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1), n]
        return hl.select(inside, value, hl.f32(0))

    def border(self, c: Any, x: Any, y: Any, n: Any) -> Any:
        """As `edge`, for channels that are inside by themselves: so they stay dense."""
        width, height = self.inp.dim(1).extent(), self.inp.dim(2).extent()
        value = self.inp[c, hl.clamp(x, 0, width - 1), hl.clamp(y, 0, height - 1), n]
        return hl.select((x >= 0) & (x < width) & (y >= 0) & (y < height), value, hl.f32(0))

    def finish(self, value: Any, k: Any, x: Any, y: Any, n: Any, *, whole: Any = None) -> Any:
        """The residual and the activation on top of a sum with its bias; a NaN stays one.

        Strict, because Halide would else write the clamps as minimum and maximum, which lose a NaN. Where (k, x) may lie
        beyond the output, the residual is read at the nearest place inside, unless `whole` says that no tile does.
        """
        if whole is not None:
            ends = [self.residual.dim(axis).extent() - 1 for axis in (0, 1)]
            k, x = (
                hl.select(whole, place, hl.clamp(place, 0, hl.max(end, 0)))
                for place, end in zip((k, x), ends, strict=True)
            )
        return self.activate(hl.select(self.has_residual != 0, value + self.residual[k, x, y, n], value))

    def activate(self, value: Any) -> Any:
        """The activation alone."""
        clamped = hl.select(value < self.low, self.low, value)
        clamped = hl.select(clamped > self.high, self.high, clamped)
        gate = value + 3.0
        gate = hl.select(gate < 0.0, 0.0, gate)
        gate = hl.select(gate > 6.0, 6.0, gate)
        # Halide's exp saturates, IEEE's overflows: -inf must meet an infinite divisor.
        power = hl.select(value < hl.f32(-88.7), hl.f32(INFINITY), hl.exp(-value))
        silu = value / (1.0 + power)
        return hl.strict_float(
            hl.select(self.act == CLAMP, clamped, self.act == SILU, silu, value * gate / hl.f32(6.0))
        )

    def clamped(self, value: Any) -> Any:
        """Nothing but the clamp of `finish`, for programs that are called for no other form and without a residual."""
        value = hl.select(value < self.low, self.low, value)
        return hl.strict_float(hl.select(value > self.high, self.high, value))

    def specialize_epilogue(self, func: Any, whole: Any = True) -> None:
        """One branch a tile instead of all forms a vector; to be called when the schedule of `func` is complete.

        Residuals have branches of their own where `whole` holds; with None they have none.
        """
        residuals = [self.has_residual == 0] + ([] if whole is None else [(self.has_residual != 0) & whole])
        for residual in residuals:
            for act in (CLAMP, SILU, HARD_SWISH):
                func.specialize(residual & (self.act == act))

    def program(self, out: hl.Func, extra: Sequence[hl.Param] = ()) -> Program:
        fixed = (self.inp, self.weights, self.bias, self.residual, self.pad_x, self.pad_y, self.stride_x, self.stride_y)
        rest = (self.dilation_x, self.dilation_y, self.act, self.low, self.high, self.has_residual)
        return Program(out, (*fixed, *rest, *extra))


@dataclass(frozen=True)
class Turned:
    """Squares of lanes x lanes numbers, turned: `last[lane * lanes + row, *rest]` is the source's `rows(row, lane, *rest)`.

    With 16 lanes in four rounds, each of which interleaves pairs of vectors: 64 shuffles, where one interleaving of all
    sixteen vectors becomes 170.
    """

    rounds: tuple[Any, ...]
    ways: int
    lanes: int

    @property
    def last(self) -> Any:
        return self.rounds[-1]

    def compute_at(self, consumer: Any, var: Any, hoisted: Any = None) -> None:
        """Schedule all rounds for one square in each iteration of `var`; storage at `hoisted`, if that is given."""
        whole, part, lane, way = (hl.Var(name) for name in ("whole", "part", "lane", "way"))
        for func in self.rounds:
            place = func.args()[0]
            func.compute_at(consumer, var).bound(place, 0, self.lanes**2)
            if hoisted is not None:
                func.hoist_storage(consumer, hoisted)
            func.split(place, whole, part, self.lanes * self.ways).split(part, lane, way, self.ways)
            func.reorder(lane, way, whole).vectorize(lane).unroll(way).unroll(whole).never_partition_all()


def turned(name: str, rows: Callable[..., Any], lanes: int, rest: Sequence[Any]) -> Turned:
    """The Funcs that turn squares of `rows(row, lane, *rest)`."""
    ways = 2 if lanes == 16 else lanes
    place, apart = hl.Var("place"), lanes // ways
    rounds: list[Any] = []
    while ways ** len(rounds) < lanes:
        func = hl.Func(f"{name}{len(rounds)}")
        part = place % (lanes * ways)
        row, lane = part % ways * apart + place / (lanes * ways), part / ways
        func[[place, *rest]] = rounds[-1][[row * lanes + lane, *rest]] if rounds else rows(row, lane, *rest)
        rounds.append(func)
    return Turned(tuple(rounds), ways, lanes)
