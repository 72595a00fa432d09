"""The exact map from one input size n >= 1 to a size inside a network, or to nothing where n is not legal.

Paths through windows, pads, transposes and resizes with rational scales are quasi-linear from some size on:
f(n + period) = f(n) + step. Below that stands a finite table. Window arithmetic is asked of `Window` alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from convwise.axis import Pads, Window
from convwise.errors import ArgumentError
from convwise.sizes.lift import lift
from convwise.sizes.pattern import TooComplex, Value, canonical, check_limit, common_period, stretched
from convwise.sizes.sets import SizeSet


@dataclass(frozen=True, slots=True)
class Applied:
    """The map came from `source` by a rule on integers: rule[v mod len] + rise floor(v / len)."""

    source: SizeMap
    rule: Sequence[Value]
    rise: int


@dataclass(frozen=True, slots=True)
class Paired:
    """The map came from two: kind "sum" (by `factors`), "min" or "max"."""

    kind: str
    one: SizeMap
    other: SizeMap
    factors: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class SizeMap:
    """n -> f(n), or nothing where n is not legal; equal maps are equal values.

    `head` is the table below `start`: (n, value) of the legal sizes there. From `start` on the value is
    base[n mod period] + step floor(n / period), and n is not legal where base has None. `origin` is how the map was
    made; it serves `expression` and is no part of its value. Made by `identity()` and `constant(c)` and then by methods:
    those named after layers (`through`, `transposed`, `padded`, `times` ...) demand sizes of at least 1 on both sides;
    the operators + - * // % are plain arithmetic on integers, for shape arithmetic, and know no such demand.

    >>> f = identity().through(Window(3, stride=2)).plus(-1)
    >>> str(f), f(64), f(4), f.legal.minimum
    ('floor((n - 3) / 2), n >= 5', 30, None, 5)
    """

    head: tuple[tuple[int, int], ...] = ()
    start: int = 1
    step: int = 1
    base: tuple[Value, ...] = (0,)
    origin: Applied | Paired | None = field(default=None, compare=False, repr=False)

    @property
    def period(self) -> int:
        return len(self.base)

    def __call__(self, n: int) -> int | None:
        """The size for input size `n`; None where n is not legal."""
        if n >= self.start:
            whole, rest = divmod(n, len(self.base))
            value = self.base[rest]
            return None if value is None else value + self.step * whole
        at = bisect_left(self.head, (n,))
        return self.head[at][1] if at < len(self.head) and self.head[at][0] == n else None

    @property
    def legal(self) -> SizeSet:
        """The input sizes that have a value."""
        residues = [rest for rest, value in enumerate(self.base) if value is not None]
        return SizeSet.from_start(self.start, self.period, residues, (n for n, _ in self.head))

    @property
    def value(self) -> int | None:
        """The one value of a constant map; None for any other map, and for one without legal sizes."""
        values = {value for _, value in self.head} | {value for value in self.base if value is not None}
        return next(iter(values)) if len(values) == 1 and not self.step else None

    def items(self, stop: int) -> Iterator[tuple[int, int]]:
        """(n, value) of every legal n below `stop`, in order."""
        yield from (pair for pair in self.head if pair[0] < stop)
        for n in range(self.start, stop):
            if (value := self(n)) is not None:
                yield n, value

    def through(self, window: Window) -> SizeMap:
        """Through a convolution or pooling window; not legal where it does not fit."""
        if window.stride <= _SMALL and self.period <= _SMALL and len(self.head) <= _SMALL:
            return _through(self, window)
        return self._lifted(_window_rule(window), 1, 1, 1)

    def transposed(self, window: Window, output_padding: int = 0) -> SizeMap:
        """Through the transpose of a window; raises ValueError where its pads depend on the size."""
        first = window.transposed(1, output_padding)
        rise = window.transposed(2, output_padding) - first
        return self._lifted((first - rise,), rise, 1, 1)

    def padded(self, pads: Pads, at_least: int = 1) -> SizeMap:
        """With pads added; negative ones crop. `at_least` is the data a padding mode needs (reflect: the wider pad + 1)."""
        return self._lifted((pads.total,), 1, max(at_least, 1, -min(pads.low, 0) - min(pads.high, 0)), 1)

    def plus(self, cells: int) -> SizeMap:
        """With so many cells added in all; negative: cropped."""
        return self.padded(Pads(0, cells))

    def times(self, scale: int | Fraction, *, ceil: bool = False) -> SizeMap:
        """Resized: floor(n scale), or its ceil. Scales are exact; a float must be made a Fraction by who knows what it means."""
        if isinstance(scale, float) or scale <= 0:
            raise ArgumentError(
                "CW606", f"the scale must be a positive integer or Fraction, not {scale!r}", received=scale
            )
        over, under = scale.numerator, scale.denominator
        check_limit(under, "a period of")
        more = under - 1 if ceil else 0
        return self._lifted([(rest * over + more) // under for rest in range(under)], over, 1, 1)

    def divided(self, factor: int) -> SizeMap:
        """Divided by a factor that must divide it: pixel unshuffle, space to depth."""
        return self._lifted([None if rest else 0 for rest in range(_counted(factor))], 1, 1, 1)

    def adaptive(self, size: int) -> SizeMap:
        """`size`, whatever it was: adaptive and global pooling, resizing to a given size."""
        return self._lifted((size,), 0, 1, 1)

    def at_least(self, least: int) -> SizeMap:
        """The same map, legal only where its value is at least `least`."""
        return self._lifted((0,), 1, least, None)

    def within(self, sizes: SizeSet) -> SizeMap:
        """The same map, legal only for the input sizes in `sizes`."""
        start = max(self.start, sizes.start or 1, *(size + 1 for size in sizes.exceptions[-1:]))
        period = common_period(self.period, sizes.modulus)
        step, allowed = self.step * (period // self.period), set(sizes.residues)
        base = stretched(self.base, self.step, period)
        kept = [value if rest % sizes.modulus in allowed else None for rest, value in enumerate(base)]
        head = {n: value for n in _below(sizes, start, self.start) if (value := self(n)) is not None}
        return _make(head | {n: v for n, v in self.head if n in sizes}, start, step, kept, self.origin)

    def __add__(self, other: SizeMap | int) -> SizeMap:
        return self._lifted((other,), 1) if isinstance(other, int) else combined(self, other, 1, 1)

    __radd__ = __add__

    def __sub__(self, other: SizeMap | int) -> SizeMap:
        return self._lifted((-other,), 1) if isinstance(other, int) else combined(self, other, 1, -1)

    def __rsub__(self, other: int) -> SizeMap:
        return self._lifted((other,), -1)

    def __neg__(self) -> SizeMap:
        return self._lifted((0,), -1)

    def __mul__(self, factor: int) -> SizeMap:
        return self._lifted((0,), factor)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> SizeMap:
        """floor(f / divisor), towards minus infinity."""
        return self._lifted((0,) * _counted(divisor), 1)

    def __mod__(self, divisor: int) -> SizeMap:
        return self._lifted(range(_counted(divisor)), 0)

    def ceil_divided(self, divisor: int) -> SizeMap:
        """ceil(f / divisor)."""
        return self._lifted([min(rest, 1) for rest in range(_counted(divisor))], 1)

    def truncated(self, divisor: int) -> SizeMap:
        """The quotient rounded towards zero: ONNX's integer `Div`."""
        down, up = self // divisor, self.ceil_divided(divisor)
        if self.at_least(0) == self:
            return down
        return maximum(down, constant(0)) + minimum(up, constant(0))

    def _lifted(
        self, rule: Sequence[Value], rise: int, least: int | None = None, least_out: int | None = None
    ) -> SizeMap:
        head, start, step, base = lift((self.head, self.start, self.step, self.base), rule, rise, least, least_out)
        same = rise == 1 and tuple(rule) == (0,)
        made = _make(head, start, step, base, self.origin if same else Applied(self, rule, rise))
        return self if made == self else made

    def __str__(self) -> str:
        from convwise.sizes.formula import expression  # formulas read maps

        formula, legal = expression(self), self.legal
        return f"{formula.text()}, {legal}" if legal else "no size"


def _make(
    head: dict[int, int], start: int, step: int, base: Sequence[Value], origin: Applied | Paired | None
) -> SizeMap:
    return SizeMap(*canonical(head, start, step, base), origin)


_SMALL = 512
"""Maps up to this period and table are remembered; the cache stays small that way."""

_IDENTITY = SizeMap()


def identity() -> SizeMap:
    """The input size itself."""
    return _IDENTITY


def constant(value: int) -> SizeMap:
    """`value`, whatever the input size."""
    return SizeMap((), 1, 0, (value,))


def combined(one: SizeMap, other: SizeMap, a: int, b: int) -> SizeMap:
    """The sum a one + b other, legal where both are."""
    period = common_period(one.period, other.period)
    first, second = stretched(one.base, one.step, period), stretched(other.base, other.step, period)
    base = [None if x is None or y is None else a * x + b * y for x, y in zip(first, second, strict=True)]
    step = a * one.step * (period // one.period) + b * other.step * (period // other.period)
    head = {n: a * x + b * y for n, x, y in shared_head(one, other)}
    return _make(head, max(one.start, other.start), step, base, Paired("sum", one, other, (a, b)))


def shared_head(one: SizeMap, other: SizeMap) -> Iterator[tuple[int, int, int]]:
    """(n, one(n), other(n)) of the sizes that are legal for both, below the start of the later one's regular part."""
    if one.start >= other.start:
        yield from ((n, x, y) for n, x in one.head if (y := other(n)) is not None)
    else:
        yield from ((n, x, y) for n, y in other.head if (x := one(n)) is not None)


def chosen(where: SizeSet, one: SizeMap, other: SizeMap, kind: str = "") -> SizeMap:
    """`one` for the input sizes in `where`, `other` for the rest; raises TooComplex where their slopes differ for good."""
    start = max(one.start, other.start, where.start or 1, *(size + 1 for size in where.exceptions[-1:]))
    check_limit(start - min(one.start, other.start), "single entries:")
    period = common_period(common_period(one.period, other.period), where.modulus)
    first, second = stretched(one.base, one.step, period), stretched(other.base, other.step, period)
    residues = set(where.residues)
    inside = [rest in residues for rest in range(where.modulus)] * (period // where.modulus)
    base = [x if here else y for x, y, here in zip(first, second, inside, strict=True)]
    steps = {
        source.step * (period // source.period)
        for source, side in ((one, True), (other, False))
        if any(value is not None and here is side for value, here in zip(base, inside, strict=True))
    }
    if len(steps) > 1:
        raise TooComplex(
            "CW308", "the size grows at different rates for different sizes, for good", received=sorted(steps)
        )
    head = {n: x for n, x in one.items(start) if n in where} | {n: y for n, y in other.items(start) if n not in where}
    origin = Paired(kind, one, other) if kind else None
    return _make(head, start, max(steps, default=0), base, origin)


def minimum(one: SizeMap, other: SizeMap) -> SizeMap:
    """The smaller of the two, legal where both are: the size of a centre crop to fit."""
    both = one.legal & other.legal
    return chosen((other - one).at_least(0).legal, one.within(both), other.within(both), "min")


def maximum(one: SizeMap, other: SizeMap) -> SizeMap:
    """The larger of the two, legal where both are."""
    both = one.legal & other.legal
    return chosen((one - other).at_least(0).legal, one.within(both), other.within(both), "max")


def broadcast(one: SizeMap, other: SizeMap) -> SizeMap:
    """The size of an elementwise op on the two, where they fit (the condition is `broadcastable`): the larger, but 0 beside 1 is 0."""
    if one == other:
        return one
    larger = maximum(one, other)
    empty = _where(one, 0) & _where(other, 1) | _where(one, 1) & _where(other, 0)
    return chosen(empty, minimum(one, other), larger) if empty else larger


def _where(one: SizeMap, value: int) -> SizeSet:
    return one.at_least(value).legal & ~one.at_least(value + 1).legal


def _below(sizes: SizeSet, stop: int, first: int) -> Iterator[int]:
    """The sizes from `first` on and below `stop`."""
    if sizes.start is not None:
        check_limit((stop - max(sizes.start, first)) // sizes.modulus * len(sizes.residues), "single entries:")
        yield from sizes.between(first - 1, stop)
    yield from (size for size in sizes.exceptions if first <= size < stop)


def _counted(divisor: int) -> int:
    if divisor < 1:
        raise ArgumentError("CW606", f"the divisor must be at least 1, not {divisor}", received=divisor)
    check_limit(divisor, "a period of")
    return divisor


def _window_rule(window: Window) -> tuple[int, ...]:
    """What the window makes of sizes 0 to stride - 1 when its rule from size 1 on is carried on; one stride more gives one more."""
    check_limit(window.stride, "a period of")
    return tuple(window.over(size).out - 1 for size in range(window.stride, 2 * window.stride))


@lru_cache(maxsize=256)
def _small_rule(window: Window) -> tuple[int, ...]:
    return _window_rule(window)


@lru_cache(maxsize=2048)
def _through(source: SizeMap, window: Window) -> SizeMap:
    return source._lifted(_small_rule(window), 1, 1, 1)
