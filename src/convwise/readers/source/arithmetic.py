"""Functions of `math` and NumPy on plain numbers: what layer counts and channels are computed with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from convwise.readers.source import operators
from convwise.readers.source.names import split
from convwise.readers.source.values import MISSING, iterable

_ONE: dict[str, Callable[[Any], Any]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "sqrt": math.sqrt,
    "isqrt": math.isqrt,
    "exp": math.exp,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
}
_TWO: dict[str, Callable[[Any, Any], Any]] = {"log": math.log, "gcd": math.gcd, "pow": math.pow}
_CONSTANTS = {"pi": math.pi, "e": math.e}
LONGEST_PRODUCT = 64
"""Numbers that are multiplied with each other."""


def computed(path: str, arguments: list[Any]) -> Any:
    """What a function gives for numbers; MISSING for other functions, and for numbers that it does not take."""
    module, name = split(path)
    if path == "operator.mul":
        return _product(arguments)
    if module not in ("math", "numpy"):
        return MISSING
    if name == "prod" and len(arguments) == 1:
        return _product(iterable(arguments[0]))
    if not all(_small(part) for part in arguments) or (module == "numpy" and len(arguments) != 1):
        return MISSING
    function: Callable[..., Any] | None = _ONE.get(name) if len(arguments) == 1 else None
    if len(arguments) == 2:
        function = _TWO.get(name)
    if function is None:
        return MISSING
    try:
        found = function(*arguments)
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        return MISSING
    return found if _small(found) else MISSING


def constant(path: str) -> float | None:
    """`math.pi` and `np.pi`."""
    module, name = split(path)
    return _CONSTANTS.get(name) if module in ("math", "numpy") else None


def _product(parts: Any) -> Any:
    if parts is None or len(parts) > LONGEST_PRODUCT or not all(_small(part) for part in parts):
        return MISSING
    found = math.prod(parts)
    return found if _small(found) else MISSING


def _small(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and value.bit_length() <= operators.MOST_BITS
