"""One size inside a network, as a function of the input's sizes: a number, or a product of exact maps of single axes.

A product arises where axes are put together (Flatten: channels x height x width). `None` is a size that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, prod

from convwise.sizes import SizeMap, SizeSet, TooComplex, expression

Key = int
"""Which axis of which input: a place in `Symbolic.keys`."""


@dataclass(frozen=True, slots=True)
class Product:
    """coefficient x the values of `factors`, each a map of one input axis. The whole is an integer for every legal size."""

    coefficient: Fraction
    factors: tuple[tuple[Key, SizeMap], ...]


Dim = int | Product | None
Dims = tuple[Dim, ...]

ONE = Fraction(1)


def of(key: Key, f: SizeMap) -> Dim:
    """The map as a size; a number where it never changes."""
    fixed = f.value
    return fixed if fixed is not None else Product(ONE, ((key, f),))


def single(dim: Dim) -> tuple[Key, SizeMap] | None:
    """(axis, map) of a size that follows from one axis alone."""
    if isinstance(dim, Product) and len(dim.factors) == 1 and dim.coefficient == 1:
        return dim.factors[0]
    return None


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes.

    >>> product((2, 3)), product((2, None))
    (6, None)
    """
    coefficient, factors = ONE, list[tuple[Key, SizeMap]]()
    for dim in dims:
        if dim is None:
            return None
        if isinstance(dim, int):
            coefficient *= dim
        else:
            coefficient *= dim.coefficient
            factors += dim.factors
    return _made(coefficient, factors)


def _made(coefficient: Fraction, factors: list[tuple[Key, SizeMap]]) -> Dim:
    if not coefficient:
        return 0
    if not factors:
        return int(coefficient) if coefficient.denominator == 1 else None
    if len(factors) == 1:
        key, f = factors[0]
        # A quotient comes here only after its division has been asked to come out even.
        g = f * coefficient.numerator if coefficient.numerator != 1 else f
        return of(key, g // coefficient.denominator if coefficient.denominator != 1 else g)
    return Product(coefficient, tuple(sorted(factors, key=lambda pair: pair[0])))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One size divided by another, with common factors cancelled: coefficient x over / under."""

    coefficient: Fraction
    over: tuple[tuple[Key, SizeMap], ...]
    under: tuple[tuple[Key, SizeMap], ...]

    def whole(self) -> Dim:
        """The quotient, known to come out even; None where a map is left below the line."""
        return None if self.under else _made(self.coefficient, list(self.over))


def _primitive(dim: Product) -> tuple[Fraction, tuple[tuple[Key, SizeMap], ...]]:
    """The same product with what divides all values of a map taken out of it, so that 7 ceil(n / 28) shows its ceil(n / 28)."""
    coefficient, factors = dim.coefficient, list[tuple[Key, SizeMap]]()
    for key, f in dim.factors:
        content = gcd(f.step, *(value for _, value in f.head), *(value for value in f.base if value is not None))
        coefficient *= max(content, 1)
        factors.append((key, f // content if content > 1 else f))
    return coefficient, tuple(factors)


def ratio(one: Dim, other: Dim) -> Ratio | None:
    """The first divided by the second; None where one of them is not known or the divisor is 0."""
    if one is None or other is None or other == 0:
        return None
    a, over = (Fraction(one), ()) if isinstance(one, int) else _primitive(one)
    b, under = (Fraction(other), ()) if isinstance(other, int) else _primitive(other)
    above, below = list(over), list(under)
    for factor in over:
        if factor in below:
            below.remove(factor)
            above.remove(factor)
    return Ratio(a / b, tuple(above), tuple(below))


def at(dim: Dim, sizes: Mapping[Key, int]) -> int | None:
    """The number for these sizes of the input's axes; None where it is not known or a size is not legal."""
    if dim is None or isinstance(dim, int):
        return dim
    values = [f(sizes[key]) for key, f in dim.factors]
    if None in values:
        return None
    return int(dim.coefficient * prod(value for value in values if value is not None))


def text(dim: Dim, names: Mapping[Key, str], legal: Mapping[Key, SizeSet] | None = None) -> str:
    """The size in words: `floor((H - 1) / 2) + 1`; with `legal`, the simplest that is exact on those sizes."""
    if dim is None:
        return "?"
    if isinstance(dim, int):
        return str(dim)
    parts = []
    for key, f in dim.factors:
        try:
            words = expression(f, legal[key] if legal and legal[key] else None).text(names[key])
        except TooComplex:
            words = expression(f).text(names[key])
        parts.append(f"({words})" if len(dim.factors) > 1 and " " in words else words)
    if dim.coefficient != 1:
        parts.insert(0, str(dim.coefficient))
    return " x ".join(parts)
