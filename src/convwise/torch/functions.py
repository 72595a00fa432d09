"""Functions of `torch` that are no methods: what a value is, whether two are alike, and limits of number types."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.dtypes import float32
from convwise.torch.tensor import Tensor, plain


def numel(input: Any) -> int:
    return int(np.size(input))


def is_tensor(obj: Any) -> bool:
    return isinstance(obj, Tensor)


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return bool(np.allclose(plain(input), plain(other), rtol, atol, equal_nan))


def equal(input: Any, other: Any) -> bool:
    """Whether shapes and all elements are the same."""
    return bool(np.array_equal(plain(input), plain(other)))


def finfo(type: Any = float32) -> Any:
    """The limits of a float type: `finfo(torch.float32).eps`, `.max`, `.min`, `.tiny`."""
    return np.finfo(type)


def iinfo(type: Any) -> Any:
    """The limits of a type of whole numbers."""
    return np.iinfo(type)


def get_default_dtype() -> Any:
    return float32
