"""`keras.ops`: making and rearranging tensors by Keras's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.errors import ArgumentError
from convwise.keras.tensor import Tensor, as_tensor, made_of


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape as a tuple of sizes.

    Raises:
        ArgumentError: CW601.
    """
    given = shape if isinstance(shape, list | tuple | np.ndarray) else (shape,)
    for size in given:
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 0:
            raise ArgumentError(
                "CW601", "a shape is a tuple of integers of at least 0", received=shape, hint="write (1, 64, 64, 3)"
            )
    return tuple(int(size) for size in given)


def convert_to_tensor(x: Any, dtype: Any = None) -> Tensor:
    """The value as a tensor: Python's floats become float32, its integers int32; NumPy arrays keep their type."""
    return as_tensor(np.array(made_of(x, dtype)))


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    return np.asarray(x).view(np.ndarray)


def zeros(shape: Any, dtype: Any = np.float32) -> Tensor:
    return as_tensor(np.zeros(sizes(shape), dtype))


def ones(shape: Any, dtype: Any = np.float32) -> Tensor:
    return as_tensor(np.ones(sizes(shape), dtype))


def shape(x: Any) -> tuple[int, ...]:
    return np.shape(x)


def reshape(x: Any, newshape: Any) -> Tensor:
    """The same elements in another shape; one size may be -1.

    Raises:
        ArgumentError: CW605 where they do not fit.
    """
    array = np.asarray(x)
    try:
        return as_tensor(array.reshape(tuple(int(size) for size in newshape)))
    except ValueError:
        fact = f"{array.size} elements do not fit into {tuple(newshape)}"
        raise ArgumentError("CW605", fact, received=array.shape) from None


def transpose(x: Any, axes: Any = None) -> Tensor:
    return as_tensor(np.transpose(np.asarray(x), axes))


def expand_dims(x: Any, axis: Any) -> Tensor:
    return as_tensor(np.expand_dims(np.asarray(x), axis))


def squeeze(x: Any, axis: Any = None) -> Tensor:
    return as_tensor(np.squeeze(np.asarray(x), axis))


def concatenate(xs: Any, axis: int = -1) -> Tensor:
    return as_tensor(np.concatenate([np.asarray(x) for x in xs], axis))


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.mean(np.asarray(x), axis=axis, keepdims=keepdims))


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.sum(np.asarray(x), axis=axis, keepdims=keepdims))


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.max(np.asarray(x), axis=axis, keepdims=keepdims))
