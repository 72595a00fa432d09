"""Small tensors whose numbers are known while a graph is read: constants, and sizes of other tensors.

An item is a plain number, a `Term` (a size that stays free; its `SizeOf.input` is the number of a tensor of the graph), a
`Real` (such a size as a floating-point number), a `Single`, or None where it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from convwise.ops.shape import LARGEST
from convwise.ops.terms import KINDS, Arithmetic, Scale, SizeOf, Term

MOST_ITEMS = 4096
"""Longer tensors are data, not sizes."""

MOST_PARTS = 64
"""Parts of one size; longer formulas are not followed, so that a file cannot make them grow without end."""

EXACT = 1 << 10
"""Products of sizes with fractions over powers of two up to this one are exact in single precision."""


@dataclass(frozen=True, slots=True)
class Real:
    """term x factor as a floating-point number, not rounded yet."""

    term: Term
    factor: Fraction = Fraction(1)

    def floor(self) -> Term:
        """The whole number below."""
        return scaled(self.term, self.factor)


@dataclass(frozen=True, slots=True)
class Single:
    """Whether an axis has one cell, which exporters ask before they take it away."""

    size: SizeOf


Item = int | float | bool | str | SizeOf | Scale | Arithmetic | Real | Single | None
FREE = (SizeOf, Scale, Arithmetic)
PLAIN = (int, float, str)


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor of these sizes; `items` in row-major order. `whole`: integers, not floating-point numbers."""

    dims: tuple[int, ...]
    items: tuple[Item, ...]
    whole: bool = True

    @property
    def constant(self) -> bool:
        """Whether every item is a plain number."""
        for item in self.items:  # noqa: SIM110
            if not isinstance(item, PLAIN):
                return False
        return True

    def terms(self) -> tuple[Term, ...] | None:
        """The items as whole sizes; None where one is not known or no whole number."""
        found: list[Term] = []
        for item in self.items:
            if isinstance(item, bool | str | float | Real | Single) or item is None:
                return None
            found.append(item)
        return tuple(found)

    def ints(self) -> tuple[int, ...] | None:
        """The items as plain integers; None where one is not."""
        found = tuple(int(item) for item in self.items if isinstance(item, int))
        return found if len(found) == len(self.items) else None


def vector(items: tuple[Item, ...]) -> Known:
    return Known((len(items),), items)


def fits(dims: tuple[int, ...]) -> bool:
    return prod(dims) <= MOST_ITEMS


def parts(term: Term) -> int:
    """How many numbers and sizes a term is made of, counted up to `MOST_PARTS`."""
    waiting, count = [term], 0
    while waiting and count <= MOST_PARTS:
        one = waiting.pop()
        count += 1
        if isinstance(one, Arithmetic):
            waiting += [one.left, one.right]
        elif isinstance(one, Scale):
            waiting.append(one.term)
    return count


def combined(kind: str, left: Term, right: Term) -> Term | None:
    """Two sizes put together, in simplest form; None where that is not followed."""
    if isinstance(left, int) and isinstance(right, int):
        if right == 0 and kind.endswith(("divide", "modulo")):
            return None
        value = KINDS[kind](left, right)
        return value if abs(value) <= LARGEST else None
    if (kind, right) in (("add", 0), ("subtract", 0), ("multiply", 1)) or (right == 1 and kind.endswith("divide")):
        return left
    if (kind, left) in (("add", 0), ("multiply", 1)):
        return right
    if kind == "multiply" and 0 in (left, right):
        return 0
    if left == right and kind in ("minimum", "maximum", "subtract"):
        return 0 if kind == "subtract" else left
    if kind == "truncate_divide" and never_negative(left) and isinstance(right, int) and right > 0:
        kind = "floor_divide"
    return Arithmetic(kind, left, right) if parts(left) + parts(right) < MOST_PARTS else None


def scaled(term: Term, factor: Fraction) -> Term:
    """floor(term x factor), computed in single precision where that matters."""
    if factor == 1:
        return term
    exact = factor.denominator <= EXACT and factor.denominator & (factor.denominator - 1) == 0
    if exact and factor > 0:
        # A quotient, unlike the scale of a resize, may be 0 or less.
        above = combined("multiply", term, factor.numerator)
        below = None if above is None else combined("floor_divide", above, factor.denominator)
        if below is not None:
            return below
    scale = Scale(term, factor, exact, single=not exact)
    if isinstance(term, int):
        return scale.floor(term)
    return scale


def never_negative(term: Term) -> bool:
    """Whether a term is 0 or more whatever the sizes are."""
    waiting: list[Term] = [term]
    while waiting:
        one = waiting.pop()
        if isinstance(one, int):
            if one < 0:
                return False
        elif isinstance(one, Scale):
            if one.factor < 0:
                return False
            waiting.append(one.term)
        elif isinstance(one, Arithmetic):
            if one.kind in ("subtract", "modulo"):
                return False
            floors = [side for side in (one.left, one.right) if isinstance(side, int)]
            if one.kind != "maximum" or max(floors, default=-1) < 0:
                waiting += [one.left, one.right]
    return True
