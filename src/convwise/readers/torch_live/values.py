"""What the values of a traced forward are while it is read: tensors by number, sizes as terms, and what is not known.

In a term here, `SizeOf.input` is the number of a tensor of the whole forward; a node's own numbering is made when it is
written down (see building.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from convwise.ops import Shape
from convwise.ops.several import Arithmetic, Scale, SizeOf, Term
from convwise.ops.terms import value as value_of


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the forward, by its number."""

    number: int


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A value that is no tensor and that cannot be said: a computed float, a device."""

    text: str = "?"


@dataclass(frozen=True, slots=True)
class Real:
    """A size times a fraction, not rounded yet: what `int`, `math.ceil` and `math.floor` are given."""

    term: Term
    factor: Fraction


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two terms compared; which way it goes may depend on the input's sizes."""

    kind: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class AllOf:
    """Comparisons that must all hold; `negated`: not all of them."""

    parts: tuple[Comparison, ...]
    negated: bool = False


class NotFollowed(Exception):  # noqa: N818 (it says what happened to the call)
    """A call whose effect on shapes cannot be said; the text says why."""


COMPARE: dict[str, Callable[[int, int], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}
FOLDED: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "truediv": lambda left, right: left / right,
    "floordiv": lambda left, right: left // right,
    "mod": lambda left, right: left % right,
    "pow": lambda left, right: left**right,
}
TERM_KINDS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "floordiv": "floor_divide",
    "mod": "modulo",
    "min": "minimum",
    "max": "maximum",
}
LARGEST_POWER = 64
LARGEST_DIVISOR = 1 << 20
LARGEST_NUMBER = 1 << 64
LONGEST_TERM = 400
"""Parts of one computed size; those of real networks have some tens."""


def is_term(value: object) -> bool:
    """Whether the value is a size or arithmetic on sizes."""
    return (isinstance(value, int) and not isinstance(value, bool)) or isinstance(value, SizeOf | Scale | Arithmetic)


def is_terms(value: object) -> bool:
    """Whether the value is a list of sizes."""
    return isinstance(value, list | tuple) and all(is_term(part) for part in value)


def combine(kind: str, left: Any, right: Any) -> Any:
    """Arithmetic on numbers and sizes, folded where both are numbers; NotKnown where it leaves the whole numbers."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        if kind in ("truediv", "floordiv", "mod") and right == 0:
            raise NotFollowed("a division by zero")
        if kind == "pow" and (abs(right) > LARGEST_POWER or (left == 0 and right < 0)):
            return NotKnown("a power")
        return _folded(kind, left, right)
    if kind in ("truediv", "mul"):
        real = _real(kind, left, right)
        if real is not None:
            return real
    if not (is_term(left) and is_term(right)) or kind not in TERM_KINDS:
        return NotKnown(kind)
    if kind in ("floordiv", "mod") and right == 0:
        raise NotFollowed("a division by zero")
    if (kind in ("add", "sub") and right == 0) or (kind in ("mul", "floordiv") and right == 1):
        return left
    if (kind == "add" and left == 0) or (kind == "mul" and left == 1):
        return right
    if is_long(left, right):
        return NotKnown("a size that is computed in many steps")
    if kind == "sub" and left == right:
        return 0
    return Arithmetic(TERM_KINDS[kind], left, right)


def _folded(kind: str, left: float, right: float) -> Any:
    try:
        found = min(left, right) if kind == "min" else max(left, right) if kind == "max" else FOLDED[kind](left, right)
    except OverflowError:
        return NotKnown(kind)
    # A number that is squared again and again fills all memory.
    return NotKnown(kind) if isinstance(found, int) and abs(found) > LARGEST_NUMBER else found


def is_long(*terms: Term) -> bool:
    """Whether terms together have more parts than are followed: one that is added to itself again and again doubles each time."""
    pending = list(terms)
    for _ in range(LONGEST_TERM):
        if not pending:
            return False
        part = pending.pop()
        if isinstance(part, Scale):
            pending.append(part.term)
        elif isinstance(part, Arithmetic):
            pending += (part.left, part.right)
    return bool(pending)


def _real(kind: str, left: Any, right: Any) -> Real | None:
    """A size, or a real one, times or divided by a number, where that leaves the whole numbers."""
    if kind == "mul" and isinstance(left, int | float):
        left, right = right, left
    if not isinstance(right, int | float) or not math.isfinite(right) or right <= 0:
        return None
    factor = Fraction(right) if kind == "mul" else 1 / Fraction(right)
    if isinstance(left, Real):
        return Real(left.term, left.factor * factor)
    return Real(left, factor) if is_term(left) and (kind == "truediv" or isinstance(right, float)) else None


def floor_of(real: Real) -> Term:
    """The real size rounded down, as Python does it in floating point."""
    over, under = real.factor.numerator, real.factor.denominator
    if over == 1:
        return real.term if under == 1 else Arithmetic("floor_divide", real.term, under)
    return Scale(real.term, real.factor, exact=False)


def ceil_of(real: Real) -> Term:
    """The real size rounded up; raises NotFollowed where its factor is no fraction of two small numbers."""
    over, under = real.factor.numerator, real.factor.denominator
    if under > LARGEST_DIVISOR:
        raise NotFollowed("a size times an inexact number is rounded up")
    return Arithmetic("ceil_divide", Arithmetic("multiply", real.term, over) if over != 1 else real.term, under)


def compare(kind: str, left: Any, right: Any) -> Any:
    """A truth where it does not depend on the input's sizes, else a Comparison."""
    if is_terms(left) and is_terms(right) and isinstance(left, list | tuple):
        return _compare_lists(kind, left, right)
    if is_term(left) and is_term(right):
        if isinstance(left, int) and isinstance(right, int):
            return COMPARE[kind](left, right)
        return kind in ("eq", "le", "ge") if left == right else Comparison(kind, left, right)
    if any(isinstance(side, NotKnown | Real | SizeOf | Scale | Arithmetic | Tensor) for side in (left, right)):
        return NotKnown(kind)
    try:
        return COMPARE[kind](left, right)
    except TypeError:
        return NotKnown(kind)


def _compare_lists(kind: str, left: Sequence[Term], right: Sequence[Term]) -> Any:
    if kind not in ("eq", "ne"):
        return NotKnown(kind)
    if len(left) != len(right):
        return kind == "ne"
    parts = [compare("eq", one, other) for one, other in zip(left, right, strict=True)]
    if False in parts:
        return kind == "ne"
    open_ = tuple(part for part in parts if isinstance(part, Comparison))
    return AllOf(open_, kind == "ne") if open_ else kind == "eq"


def truth(value: Any, shapes: Sequence[Shape | None]) -> bool | None:
    """Which way a comparison goes for these shapes of all tensors; None where that is not known."""
    if isinstance(value, Comparison):
        left, right = number(value.left, shapes), number(value.right, shapes)
        return None if left is None or right is None else COMPARE[value.kind](left, right)
    if isinstance(value, AllOf):
        found = [truth(part, shapes) for part in value.parts]
        if False in found:
            return value.negated
        return None if None in found else not value.negated
    if isinstance(value, SizeOf | Scale | Arithmetic):
        size = number(value, shapes)
        return None if size is None else size != 0
    if isinstance(value, NotKnown | Real | Tensor):
        return None
    return bool(value)


def number(term: Term, shapes: Sequence[Shape | None]) -> int | None:
    """The term's value for these shapes of all tensors; None where a shape is not known."""
    if any(shapes[part.input] is None for part in sizes_in(term)):
        return None
    return value_of(term, tuple(() if shape is None else shape for shape in shapes))


def sizes_in(term: Term) -> Iterator[SizeOf]:
    """Every size that a term asks for."""
    pending = [term]
    while pending:
        part = pending.pop()
        if isinstance(part, SizeOf):
            yield part
        elif isinstance(part, Scale):
            pending.append(part.term)
        elif isinstance(part, Arithmetic):
            pending += (part.left, part.right)


def renumbered(term: Term, numbers: dict[int, int]) -> Term:
    """The term with its tensors numbered as `numbers` says; a tensor not there yet gets the next number."""
    if isinstance(term, SizeOf):
        return SizeOf(numbers.setdefault(term.input, len(numbers)), term.axis)
    if isinstance(term, Scale):
        return Scale(renumbered(term.term, numbers), term.factor, term.exact)
    if isinstance(term, Arithmetic):
        return Arithmetic(term.kind, renumbered(term.left, numbers), renumbered(term.right, numbers))
    return term


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, slice):
        yield from tensors_in((value.start, value.stop, value.step))
