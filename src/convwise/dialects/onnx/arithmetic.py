"""Arithmetic on single items of known tensors: plain numbers, free sizes and products of sizes with factors."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, isfinite, sqrt

from convwise.dialects.onnx.values import EXACT, FREE, Item, Known, Real, Single, combined, never_negative, scaled
from convwise.ops.shape import LARGEST
from convwise.ops.terms import SizeOf, Term, truncated

WHOLE_TYPES = {2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 12: 32, 13: 64}
"""Integer types of ONNX by number, with their bits."""

BOOL = 9
FLOATING = frozenset({"Sqrt", "Reciprocal", "Floor", "Ceil", "Round"})
Binary = Callable[[Item, Item, bool], Item]


def _plain(a: Item, b: Item, compute: Callable[[int | float, int | float], int | float]) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        try:
            found = compute(a, b)
        except (ArithmeticError, ValueError):
            return None
        return found if isinstance(found, float) or abs(found) <= LARGEST else None
    return None


def _term(item: Item) -> Term | None:
    """The item as a whole size."""
    if isinstance(item, FREE):
        return item
    return item if isinstance(item, int) and not isinstance(item, bool) else None


def _whole(kind: str, a: Item, b: Item) -> Item:
    left, right = _term(a), _term(b)
    return None if left is None or right is None else combined(kind, left, right)


def _fraction(item: Item) -> Fraction | None:
    return Fraction(item) if isinstance(item, int | float) and isfinite(item) else None


def _add(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _plain(a, b, lambda x, y: x + y)
    if whole:
        return _whole("add", a, b)
    return _real_whole(a, b, "add")


def _subtract(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _plain(a, b, lambda x, y: x - y)
    return _whole("subtract", a, b) if whole else _real_whole(a, b, "subtract")


def _exactly_whole(item: Item) -> Term | None:
    """The whole number that a floating-point item happens to be."""
    if isinstance(item, Real):
        whole = item.factor.denominator == 1
        return combined("multiply", item.term, item.factor.numerator) if whole else None
    return int(item) if isinstance(item, float) and item.is_integer() else None


def _real_whole(a: Item, b: Item, kind: str) -> Item:
    """Sums, minima and maxima of whole numbers that happen to be floating-point ones."""
    left, right = _exactly_whole(a), _exactly_whole(b)
    found = None if left is None or right is None else combined(kind, left, right)
    return None if found is None else Real(found)


def _multiply(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _plain(a, b, lambda x, y: x * y)
    if whole:
        return _whole("multiply", a, b)
    if isinstance(b, Real):
        a, b = b, a
    if not isinstance(a, Real):
        return None
    if isinstance(b, Real):
        found = combined("multiply", a.term, b.term) if a.factor == b.factor == 1 else None
        return None if found is None else Real(found)
    factor = _fraction(b)
    return None if factor is None else Real(a.term, a.factor * factor)


def _divide(a: Item, b: Item, whole: bool) -> Item:
    if whole:
        if isinstance(a, int) and isinstance(b, int):
            return truncated(a, b) if b else None
        return _whole("truncate_divide", a, b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return _plain(a, b, lambda x, y: x / y)
    if not isinstance(a, Real):
        return None
    divisor = _fraction(b)
    if divisor:
        return Real(a.term, a.factor / divisor)
    if isinstance(b, Real) and b == a:
        return 1.0
    return None


def _modulo(a: Item, b: Item, whole: bool) -> Item:
    return _whole("modulo", a, b) if whole else None


def _least(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return min(a, b)
    return _whole("minimum", a, b) if whole else _real_whole(a, b, "minimum")


def _most(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return max(a, b)
    return _whole("maximum", a, b) if whole else _real_whole(a, b, "maximum")


def _power(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float) and abs(a) < 1 << 20 and 0 <= b <= 3:
        return _plain(a, b, lambda x, y: x**y)
    return None


def _equal(a: Item, b: Item, whole: bool) -> Item:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b
    if a is None or b is None:
        return None
    if a == b:
        return True
    for one, other in ((a, b), (b, a)):
        # A size is never negative: exporters compare with -1 to keep sizes.
        if isinstance(one, FREE) and isinstance(other, int) and other < 0 and never_negative(one):
            return False
        if isinstance(one, SizeOf) and other == 1:
            return Single(one)
    return None


def _less(a: Item, b: Item, whole: bool) -> Item:
    return _plain(a, b, lambda x, y: x < y)


def _greater(a: Item, b: Item, whole: bool) -> Item:
    return _plain(a, b, lambda x, y: x > y)


def _less_equal(a: Item, b: Item, whole: bool) -> Item:
    return _plain(a, b, lambda x, y: x <= y)


def _greater_equal(a: Item, b: Item, whole: bool) -> Item:
    return _plain(a, b, lambda x, y: x >= y)


def _and(a: Item, b: Item, whole: bool) -> Item:
    if a is False or b is False:
        return False
    return True if a is True and b is True else None


def _or(a: Item, b: Item, whole: bool) -> Item:
    if a is True or b is True:
        return True
    return False if a is False and b is False else None


BINARY: dict[str, Binary] = {
    "Add": _add,
    "Sum": _add,
    "Sub": _subtract,
    "Mul": _multiply,
    "Div": _divide,
    "Mod": _modulo,
    "Min": _least,
    "Max": _most,
    "Pow": _power,
    "Equal": _equal,
    "Less": _less,
    "Greater": _greater,
    "LessOrEqual": _less_equal,
    "GreaterOrEqual": _greater_equal,
    "And": _and,
    "Or": _or,
}
"""Two items to one; the third argument says whether both are integers."""


def _floor(item: Item) -> Item:
    if isinstance(item, float):
        return float(floor(item)) if isfinite(item) else item
    return Real(item.floor()) if isinstance(item, Real) else item


def _ceil(item: Item) -> Item:
    if isinstance(item, float):
        return float(ceil(item)) if isfinite(item) else item
    if not isinstance(item, Real) or item.factor == 1:
        return item
    # Only products that are exact in single precision can be rounded up with certainty.
    if item.factor.denominator > EXACT or item.factor.denominator & (item.factor.denominator - 1):
        return None
    above = combined("multiply", item.term, item.factor.numerator)
    found = None if above is None else combined("ceil_divide", above, item.factor.denominator)
    return None if found is None else Real(found)


def _round(item: Item) -> Item:
    if isinstance(item, float):
        return float(round(item)) if isfinite(item) else item
    return item if not isinstance(item, Real) or item.factor.denominator == 1 else None


def _negative(item: Item) -> Item:
    if isinstance(item, int | float):
        return -item
    return _whole("subtract", 0, item) if isinstance(item, FREE) else None


def _absolute(item: Item) -> Item:
    if isinstance(item, int | float):
        return abs(item)
    return item if isinstance(item, FREE) and never_negative(item) else None


def _root(item: Item) -> Item:
    return sqrt(item) if isinstance(item, int | float) and item >= 0 else None


def _reciprocal(item: Item) -> Item:
    return 1 / item if isinstance(item, int | float) and item else None


def _not(item: Item) -> Item:
    return not item if isinstance(item, bool) else None


UNARY: dict[str, Callable[[Item], Item]] = {
    "Floor": _floor,
    "Ceil": _ceil,
    "Round": _round,
    "Neg": _negative,
    "Abs": _absolute,
    "Sqrt": _root,
    "Reciprocal": _reciprocal,
    "Not": _not,
}
"""One item to another."""


def cast(known: Known, to: int) -> Known:
    """The tensor as another type of numbers."""
    if to in WHOLE_TYPES:
        return Known(known.dims, tuple(_to_whole(item) for item in known.items))
    if to == BOOL:
        items = tuple(bool(item) if isinstance(item, int | float) else None for item in known.items)
        return Known(known.dims, items)
    return Known(known.dims, tuple(_to_real(item) for item in known.items), whole=False)


def _to_whole(item: Item) -> Item:
    if isinstance(item, bool | int | float):
        return int(item) if isfinite(item) and abs(item) <= LARGEST else None
    if isinstance(item, Real):
        if item.factor.denominator == 1:
            return _exactly_whole(item)
        # A cast truncates, which is the floor for what is never negative.
        return scaled(item.term, item.factor) if never_negative(item.term) and item.factor >= 0 else None
    return item if isinstance(item, FREE) else None


def _to_real(item: Item) -> Item:
    if isinstance(item, bool | int | float):
        return float(item)
    return Real(item) if isinstance(item, FREE) else item if isinstance(item, Real) else None
