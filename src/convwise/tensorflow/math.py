"""`tf.math`: arithmetic and reductions by TensorFlow's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.keras.tensor import Tensor, as_tensor


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.mean(np.asarray(input_tensor), axis=_axes(axis), keepdims=keepdims))


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.sum(np.asarray(input_tensor), axis=_axes(axis), keepdims=keepdims))


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.max(np.asarray(input_tensor), axis=_axes(axis), keepdims=keepdims))


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
    return as_tensor(np.min(np.asarray(input_tensor), axis=_axes(axis), keepdims=keepdims))


def add(x: Any, y: Any) -> Tensor:
    return as_tensor(np.add(np.asarray(x), np.asarray(y)))


def subtract(x: Any, y: Any) -> Tensor:
    return as_tensor(np.subtract(np.asarray(x), np.asarray(y)))


def multiply(x: Any, y: Any) -> Tensor:
    return as_tensor(np.multiply(np.asarray(x), np.asarray(y)))


def abs(x: Any) -> Tensor:
    return as_tensor(np.abs(np.asarray(x)))


def sqrt(x: Any) -> Tensor:
    return as_tensor(np.sqrt(np.asarray(x)))


def square(x: Any) -> Tensor:
    return as_tensor(np.square(np.asarray(x)))
