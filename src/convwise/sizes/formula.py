"""A map of sizes as an expression that people read, exact for every legal size.

One form covers almost every path: A floor((s n + b) / c) + d. It is fitted to the map's own values, not built up layer by
layer, so nested floors and ceils collapse wherever they can: ceil(ceil(n / a) / b) = ceil(n / (a b)). Where only some rests
are legal the fit has more freedom, and a division that always comes out even is written without floor. A map that this
form does not cover is written by how it was made, and as a table of rests where that says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd

from convwise.sizes.maps import Applied, Paired, SizeMap
from convwise.sizes.pattern import Value
from convwise.sizes.sets import SizeSet
from convwise.sizes.tree import Expression, Extreme, Quotient, Remainder, Size, Sum, Table, scaled, shifted, summed

DEPTH = 24
"""How far back a map is written by how it was made."""

PARTS = 48
"""From how many maps one expression is put together at most; what is left is written as a table."""


@dataclass(frozen=True, slots=True)
class Formula:
    """`tree` gives the size for every legal n; `divisible` is (expression, divisor) of the division that comes out even."""

    tree: Expression
    divisible: tuple[Expression, int] | None = None

    def text(self, name: str = "n") -> str:
        """The expression alone, such as `floor((H - 1) / 32) + 1`."""
        text = self.tree.text(name)
        return text[1:-1] if isinstance(self.tree, Remainder) else text

    def condition(self, name: str = "n") -> str:
        """`16 divides H`; nothing where there is no such condition."""
        return f"{self.divisible[1]} divides {self.divisible[0].text(name)}" if self.divisible else ""

    def full(self, name: str = "n") -> str:
        """`H / 16 when 16 divides H`."""
        condition = self.condition(name)
        return f"{self.text(name)} when {condition}" if condition else self.text(name)

    def __str__(self) -> str:
        return self.full()


def expression(f: SizeMap, legal: SizeSet | None = None) -> Formula:
    """The map's expression; with `legal`, the simplest one that is exact on those sizes.

    >>> from convwise.axis import Pads, Window
    >>> from convwise.sizes.maps import identity
    >>> halved = Window(3, stride=2, padding=Pads(1, 1))
    >>> f = identity().through(halved).through(halved)
    >>> expression(f).text("H"), expression(f, SizeSet.from_start(4, 4)).full("H")
    ('floor((H - 1) / 4) + 1', 'H / 4 when 4 divides H')
    """
    tree = _written(f if legal is None else f.within(legal), (f.step, f.period), DEPTH, iter(range(PARTS)))
    return Formula(tree, tree.even())


def _written(f: SizeMap, slope: tuple[int, int], depth: int, parts: Iterator[int]) -> Expression:
    """`slope` (rise, run) serves where the legal sizes are finite and so have none of their own."""
    regular = [(rest, value) for rest, value in enumerate(f.base) if value is not None]
    rise, run = (f.step, f.period) if regular else slope
    fitted = fit([*regular, *f.head], rise, run, f.step if regular else 0)
    if fitted is not None:
        return fitted
    origin = f.origin
    if origin is not None and depth and next(parts, None) is not None:
        if isinstance(origin, Applied):
            if (rule := _rule(origin.rule, origin.rise)) is not None:
                return rule.of(_again(origin.source, f, depth, parts))
        else:
            return _pair(origin, _again(origin.one, f, depth, parts), _again(origin.other, f, depth, parts))
    return Table(f.step, f.period, f.base, f.start, f.head)


def _again(source: SizeMap, f: SizeMap, depth: int, parts: Iterator[int]) -> Expression:
    """The map that `f` was made from, on the sizes that are legal for `f`."""
    return _written(source.within(f.legal), (source.step, source.period), depth - 1, parts)


def _pair(origin: Paired, one: Expression, other: Expression) -> Expression:
    if origin.kind == "sum":
        return summed(scaled(one, origin.factors[0]), scaled(other, origin.factors[1]))
    return Extreme(origin.kind, one, other)


def _rule(rule: Sequence[Value], rise: int) -> Expression | None:
    """The rule by itself, as an expression of the size that it is applied to."""
    points = [(rest, value) for rest, value in enumerate(rule) if value is not None]
    if rise == 0 and list(rule) == list(range(len(rule))):
        return Remainder(Size(), len(rule))
    return fit(points, rise, len(rule), rise)


def fit(points: Sequence[tuple[int, int]], rise: int, run: int, step: int) -> Expression | None:
    """A floor((s n + b) / c) + d through all `points`, with s A / c = rise / run; None where there is none.

    `step` is by how much values differ from one period to the next; 0 where the points are all there is.
    """
    if not points:
        return None
    first = points[0][1]
    if not step and all(value == first for _, value in points):
        return Sum((), first)
    common = gcd(step, *(value - first for _, value in points))
    small = [factor for factor in range(1, min(common, 64) + 1) if common % factor == 0]
    for factor in dict.fromkeys((*small, *(common // factor for factor in small))):
        offset = first % factor
        tree = _floor([(n, (value - offset) // factor) for n, value in points], rise, run * factor)
        if tree is not None:
            return shifted(scaled(tree, factor), offset)
    return None


def _floor(points: Sequence[tuple[int, int]], rise: int, run: int) -> Expression | None:
    """floor((s n + b) / c) + d with s / c = rise / run through all points."""
    common = gcd(rise, run)
    s, c = rise // common, run // common
    least = max(c * value - s * n for n, value in points)
    most = min(c * value - s * n for n, value in points) + c - 1
    if least > most:
        return None
    if c == 1:
        return shifted(scaled(Size(), s), least)
    rests = {s * n % c for n, _ in points}
    even = least + (-next(iter(rests)) - least) % c if len(rests) == 1 else None
    if even is not None and even <= most:
        inner, outer = _split(even, c)
        return shifted(Quotient(shifted(scaled(Size(), s), inner), c, is_even=True), outer)
    inner, outer = _split(min(max(0, least), most), c)
    return shifted(Quotient(shifted(scaled(Size(), s), inner), c), outer)


def _split(b: int, c: int) -> tuple[int, int]:
    """(inner, outer) with b = inner + c outer and a small inner: what is added before a division by c, and after it."""
    if b % c == 0:
        return 0, b // c
    if -2 * c <= b < 0:
        return b, 0
    inner = b % c
    if 2 * inner >= c:
        inner -= c
    return inner, (b - inner) // c
