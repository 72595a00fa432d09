"""The number type of what several tensors and numbers make together, by PyTorch's rules.

Tensors with axes decide; a tensor without axes, and then a plain number, counts only where it is of a higher category: a float beside whole
numbers. A number of Python or NumPy is a float32 then, whatever its own digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
_OF_NUMBERS = {"b": np.bool_, "u": np.int64, "i": np.int64, "f": np.float32, "c": np.complex64}


def category(dtype: np.dtype[Any]) -> int:
    """0 for bool, 1 for whole numbers, 2 for floats, 3 for complex numbers."""
    return _CATEGORY[dtype.kind]


def wider(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """The type that holds both; whole numbers never widen a float, as they do in NumPy.

    >>> wider(np.dtype(np.float16), np.dtype(np.int64))
    dtype('float16')
    """
    if category(one) == category(other):
        return np.result_type(one, other)
    return one if category(one) > category(other) else other


def common(values: Sequence[Any]) -> np.dtype[Any] | None:
    """The type of what the values make; None where one of them is no number.

    >>> common([np.ones(2, np.float32), np.float64(2)]), common([np.ones(2, np.int64), 0.5])
    (dtype('float32'), dtype('float32'))
    """
    ranks: list[np.dtype[Any] | None] = [None, None, None]
    for value in values:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if array.dtype.kind not in _CATEGORY:
            return None
        number = not isinstance(value, np.ndarray) and array.ndim == 0
        rank = 2 if number else int(array.ndim == 0)
        dtype = np.dtype(_OF_NUMBERS[array.dtype.kind]) if number else array.dtype
        before = ranks[rank]
        ranks[rank] = dtype if before is None else wider(before, dtype)
    found: np.dtype[Any] | None = None
    for one in ranks:
        if found is None or (one is not None and category(one) > category(found)):
            found = one
    return found


def meeting(values: Sequence[Any]) -> tuple[Any, ...]:
    """The values as plain arrays of their common type, or as they are where one is no number."""
    dtype = common(values)
    if dtype is None:
        return tuple(np.asarray(value) for value in values)
    return tuple(np.asarray(value).astype(dtype, copy=False).view(np.ndarray) for value in values)
