"""What layers give back: a NumPy array that also answers to the few words of a TensorFlow tensor."""

# mypy: disable-error-code="override, misc"
# The shape prints as TensorFlow's, which is more than NumPy's stubs promise.
from __future__ import annotations

from math import prod
from typing import Any

import numpy as np


class TensorShape(tuple[int, ...]):
    """A shape that prints as TensorFlow's does and is a plain tuple otherwise.

    >>> shape = TensorShape((1, 31, 31, 32))
    >>> print(shape), shape.as_list(), shape == (1, 31, 31, 32)
    (1, 31, 31, 32)
    (None, [1, 31, 31, 32], True)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def ndims(self) -> int:
        return len(self)

    def as_list(self) -> list[int]:
        return list(self)

    def num_elements(self) -> int:
        return prod(self)


class Tensor(np.ndarray[Any, Any]):
    """A NumPy array with `.numpy()`, and a shape that prints as TensorFlow's; everything else is NumPy's."""

    @property
    def shape(self) -> TensorShape:
        return TensorShape(super().shape)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The plain NumPy array behind it, without a copy."""
        return self.view(np.ndarray)

    def get_shape(self) -> TensorShape:
        return self.shape


def as_tensor(array: Any, dtype: Any = None) -> Tensor:
    """The array as a `Tensor`, without a copy where that is possible."""
    return np.asarray(array, dtype=dtype).view(Tensor)
