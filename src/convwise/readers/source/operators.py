"""Arithmetic on small literals. Operands are checked before anything is computed, so that no number can grow large."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from math import isfinite
from typing import Any

MOST_BITS = 64
LONGEST_TEXT = 2_000


class TooLargeError(Exception):
    """A number of more than 64 bits, or not finite; never leaves the reader."""


class NotKnownError(Exception):
    """An operation that is not looked into; never leaves the reader."""


_PLAIN: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.RShift: operator.rshift,
}

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


def number(value: object) -> bool:
    return isinstance(value, int | float)


def binary(kind: type[ast.operator], left: Any, right: Any, most: int) -> Any:
    """`left kind right` for numbers, strings and sequences of at most `most` items.

    Raises:
        TooLargeError: the result would not fit.
        NotKnownError: nothing that is computed here.
    """
    if number(left) and number(right):
        return _arithmetic(kind, left, right)
    if kind is ast.Add and type(left) is type(right) and isinstance(left, tuple | list | str):
        _limit(len(left) + len(right), LONGEST_TEXT if isinstance(left, str) else most)
        return left + right
    if kind is ast.Mod and isinstance(left, str):
        return _formatted(left, right if isinstance(right, tuple) else (right,))
    if kind is ast.Mult and isinstance(left, int):
        left, right = right, left
    if kind is ast.Mult and isinstance(left, tuple | list | str) and isinstance(right, int):
        _limit(len(left) * max(0, right), LONGEST_TEXT if isinstance(left, str) else most)
        return left * right
    raise NotKnownError


def _formatted(text: str, values: tuple[Any, ...]) -> str:
    """`"conv%d" % 3`: only %d, %i and %s of short values."""
    parts = re.split("%[dis]", text)
    if len(parts) != len(values) + 1 or any("%" in part for part in parts):
        raise NotKnownError
    words = [_word(value) for value in values]
    joined = "".join(part for pair in zip(parts, [*words, ""], strict=True) for part in pair)
    _limit(len(joined), LONGEST_TEXT)
    return joined


def filled(text: str, values: list[Any]) -> str:
    """`"conv{}".format(3)`: only plain braces."""
    return _formatted(text.replace("{}", "%s"), tuple(values)) if "%" not in text else text


def _word(value: Any) -> str:
    if isinstance(value, str) or (isinstance(value, int) and value.bit_length() <= MOST_BITS):
        return str(value)
    raise NotKnownError


def _arithmetic(kind: type[ast.operator], left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        if max(left.bit_length(), right.bit_length()) > MOST_BITS:
            raise TooLargeError
        if kind is ast.Pow and right >= 0 and left.bit_length() * right > MOST_BITS + right:
            raise TooLargeError
        if kind is ast.LShift and (right < 0 or left.bit_length() + right > MOST_BITS):
            raise TooLargeError
    try:
        if kind is ast.Pow:
            result = left**right
        elif kind is ast.LShift:
            result = left << right
        elif kind in _PLAIN:
            result = _PLAIN[kind](left, right)
        else:
            raise NotKnownError
    except (ZeroDivisionError, TypeError, ValueError):
        raise NotKnownError from None
    except OverflowError:
        raise TooLargeError from None
    return _small(result)


def _small(result: Any) -> Any:
    if isinstance(result, complex):
        raise NotKnownError
    if isinstance(result, int) and result.bit_length() > MOST_BITS:
        raise TooLargeError
    if isinstance(result, float) and not isfinite(result):
        raise TooLargeError
    return result


def _limit(length: int, most: int) -> None:
    if length > most:
        raise TooLargeError


def unary(kind: type[ast.unaryop], value: Any) -> Any:
    if kind is ast.Not:
        return not value
    if isinstance(value, int | float):
        if kind is ast.USub:
            return -value
        if kind is ast.UAdd:
            return +value
        if kind is ast.Invert and isinstance(value, int):
            return ~value
    raise NotKnownError


def compare(kind: type[ast.cmpop], left: Any, right: Any) -> Any:
    try:
        if kind in (ast.In, ast.NotIn) and isinstance(right, tuple | list | dict | str):
            return (left in right) is (kind is ast.In)
        if kind in _COMPARISONS:
            return bool(_COMPARISONS[kind](left, right))
    except TypeError:
        pass
    raise NotKnownError
