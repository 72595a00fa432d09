"""Expressions of one size: what they are worth, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Protocol

from convwise.sizes.pattern import Value

LONGEST_TABLE = 64
"""Longer tables are said to be there, but not written out."""


class Expression(Protocol):
    """One number for each size n; `of` puts another expression in n's place."""

    def at(self, n: int) -> int: ...
    def text(self, name: str) -> str: ...
    def of(self, inner: Expression) -> Expression: ...
    def even(self) -> tuple[Expression, int] | None: ...


@dataclass(frozen=True, slots=True)
class Size:
    """n itself."""

    def at(self, n: int) -> int:
        return n

    def text(self, name: str) -> str:
        return name

    def of(self, inner: Expression) -> Expression:
        return inner

    def even(self) -> tuple[Expression, int] | None:
        return None


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of factor times expression, and a constant."""

    terms: tuple[tuple[int, Expression], ...]
    constant: int = 0

    def at(self, n: int) -> int:
        return sum(factor * term.at(n) for factor, term in self.terms) + self.constant

    def text(self, name: str) -> str:
        # A positive part comes first, so that no expression starts with a minus where it need not.
        parts = [(factor, _factored(abs(factor), term, name)) for factor, term in self.terms]
        if self.constant or not parts:
            parts.append((self.constant, str(abs(self.constant))))
        parts.sort(key=lambda part: part[0] < 0)
        words = [("- " if factor < 0 else "+ ") + text for factor, text in parts]
        text = " ".join(words)
        return "-" + text[2:] if parts[0][0] < 0 else text[2:]

    def of(self, inner: Expression) -> Expression:
        total: Expression = Sum((), self.constant)
        for factor, term in self.terms:
            total = summed(total, scaled(term.of(inner), factor))
        return total

    def even(self) -> tuple[Expression, int] | None:
        return next((found for _, term in self.terms if (found := term.even())), None)


@dataclass(frozen=True, slots=True)
class Quotient:
    """floor(inner / divisor); `is_even` where the division comes out even, so that no floor is written."""

    inner: Expression
    divisor: int
    is_even: bool = False

    def at(self, n: int) -> int:
        return self.inner.at(n) // self.divisor

    def text(self, name: str) -> str:
        text = f"{_bracketed(self.inner, name)} / {self.divisor}"
        return text if self.is_even else f"floor({text})"

    def of(self, inner: Expression) -> Expression:
        return Quotient(self.inner.of(inner), self.divisor, self.is_even)

    def even(self) -> tuple[Expression, int] | None:
        if not self.is_even:
            return self.inner.even()
        match self.inner:
            # A factor without a common divisor takes no part.
            case Sum(((factor, Size() as size),), 0) if gcd(factor, self.divisor) == 1:
                return size, self.divisor
        return self.inner, self.divisor


@dataclass(frozen=True, slots=True)
class Remainder:
    """inner mod divisor, from 0 to divisor - 1."""

    inner: Expression
    divisor: int

    def at(self, n: int) -> int:
        return self.inner.at(n) % self.divisor

    def text(self, name: str) -> str:
        text = self.inner.text(name)
        return f"({f'({text})' if isinstance(self.inner, Sum) else text} mod {self.divisor})"

    def of(self, inner: Expression) -> Expression:
        return Remainder(self.inner.of(inner), self.divisor)

    def even(self) -> tuple[Expression, int] | None:
        return self.inner.even()


@dataclass(frozen=True, slots=True)
class Extreme:
    """The "min" or the "max" of two."""

    kind: str
    one: Expression
    other: Expression

    def at(self, n: int) -> int:
        pair = (self.one.at(n), self.other.at(n))
        return min(pair) if self.kind == "min" else max(pair)

    def text(self, name: str) -> str:
        return f"{self.kind}({self.one.text(name)}, {self.other.text(name)})"

    def of(self, inner: Expression) -> Expression:
        return Extreme(self.kind, self.one.of(inner), self.other.of(inner))

    def even(self) -> tuple[Expression, int] | None:
        return self.one.even() or self.other.even()


@dataclass(frozen=True, slots=True)
class Table:
    """What no formula says: base[n mod period] + step floor(n / period) from `start` on, and the sizes in `head`."""

    step: int
    period: int
    base: Sequence[Value]
    start: int
    head: tuple[tuple[int, int], ...] = ()

    def at(self, n: int) -> int:
        value = self.base[n % self.period] if n >= self.start else None
        return dict(self.head)[n] if value is None else value + self.step * (n // self.period)

    def text(self, name: str) -> str:
        rests = {rest: value for rest, value in enumerate(self.base) if value is not None}
        cases = [f"{value} if {name} = {n}" for n, value in self.head]
        if len(rests) > LONGEST_TABLE:
            return (
                f"(one of {len(rests)} values by {name} mod {self.period}, + {self.step} floor({name} / {self.period}))"
            )
        if rests:
            table = ", ".join(f"{rest}: {value}" for rest, value in rests.items())
            regular = f"{{{table}}}[{name} mod {self.period}]"
            if self.step:
                regular = f"{'' if self.step == 1 else f'{self.step} '}floor({name} / {self.period}) + {regular}"
            cases.append(regular)
        return f"({', else '.join(cases)})" if len(cases) > 1 else cases[0] if cases else "nothing"

    def of(self, inner: Expression) -> Expression:
        raise TypeError("a table stands for n alone")

    def even(self) -> tuple[Expression, int] | None:
        return None


def summed(one: Expression, other: Expression) -> Expression:
    """The sum of both, with equal terms put together."""
    first, second = _as_sum(one), _as_sum(other)
    factors: dict[Expression, int] = {}
    for factor, term in (*first.terms, *second.terms):
        factors[term] = factors.get(term, 0) + factor
    return _simple(
        Sum(tuple((factor, term) for term, factor in factors.items() if factor), first.constant + second.constant)
    )


def scaled(inner: Expression, factor: int) -> Expression:
    total = _as_sum(inner)
    return _simple(Sum(tuple((factor * f, term) for f, term in total.terms if factor), factor * total.constant))


def shifted(inner: Expression, constant: int) -> Expression:
    total = _as_sum(inner)
    return _simple(Sum(total.terms, total.constant + constant))


def _as_sum(inner: Expression) -> Sum:
    return inner if isinstance(inner, Sum) else Sum(((1, inner),))


def _simple(total: Sum) -> Expression:
    if len(total.terms) == 1 and total.terms[0][0] == 1 and not total.constant:
        return total.terms[0][1]
    return total


def _bracketed(inner: Expression, name: str) -> str:
    text = inner.text(name)
    return f"({text})" if isinstance(inner, Sum) and (len(inner.terms) + bool(inner.constant)) > 1 else text


def _factored(factor: int, term: Expression, name: str) -> str:
    if factor == 1:
        return term.text(name)
    text = term.text(name)
    return f"{factor} ({text})" if isinstance(term, Quotient) and term.is_even else f"{factor} {text}"
