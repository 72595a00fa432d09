"""Making and rearranging tensors, with TensorFlow's argument names and default types."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.errors import ArgumentError
from convwise.keras import ops
from convwise.keras.ops import sizes
from convwise.keras.tensor import Tensor, as_tensor


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """The value as a tensor: Python's floats become float32, its integers int32, as in TensorFlow; NumPy arrays keep their type."""
    array = np.asarray(value)
    if dtype is None and not isinstance(value, np.ndarray | np.generic):
        dtype = {"f": np.float32, "i": np.int32}.get(array.dtype.kind)
    array = np.array(array, dtype=dtype)
    return as_tensor(
        array
        if shape is None
        else np.broadcast_to(array, sizes(shape))
        if array.ndim == 0
        else array.reshape(sizes(shape))
    )


convert_to_tensor = constant


def zeros(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    return as_tensor(np.zeros(sizes(shape), dtype))


def ones(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    return as_tensor(np.ones(sizes(shape), dtype))


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.broadcast_to(constant(value), sizes(dims)).copy())


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = np.float32) -> Tensor:
    return as_tensor(np.eye(num_rows, num_columns, dtype=dtype))


def zeros_like(input: Any, dtype: Any = None) -> Tensor:
    return as_tensor(np.zeros_like(np.asarray(input), dtype=dtype))


def ones_like(input: Any, dtype: Any = None) -> Tensor:
    return as_tensor(np.ones_like(np.asarray(input), dtype=dtype))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Tensor:
    array = np.arange(start) if limit is None else np.arange(start, limit, delta)
    return constant(array.tolist(), dtype) if array.size else as_tensor(array, dtype or np.int32)


def shape(input: Any, out_type: Any = np.int32) -> Tensor:
    """The shape as a tensor of whole numbers."""
    return as_tensor(np.array(np.shape(input), dtype=out_type))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape; raises ArgumentError CW605 where they do not fit."""
    return ops.reshape(tensor, shape)


def expand_dims(input: Any, axis: int, name: str | None = None) -> Tensor:
    return as_tensor(np.expand_dims(np.asarray(input), axis))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    array = np.asarray(input)
    return as_tensor(np.squeeze(array, tuple(axis) if isinstance(axis, list) else axis))


def transpose(a: Any, perm: Any = None, name: str | None = None) -> Tensor:
    return as_tensor(np.transpose(np.asarray(a), perm))


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    return as_tensor(np.concatenate([np.asarray(value) for value in values], axis))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    return as_tensor(np.stack([np.asarray(value) for value in values], axis))


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.asarray(x).astype(dtype))


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0, name: str | None = None
) -> Tensor:
    """Cells added around every axis; `mode` is CONSTANT, REFLECT or SYMMETRIC."""
    array, kind = np.asarray(tensor), mode.lower()
    if kind not in ("constant", "reflect", "symmetric"):
        raise ArgumentError(
            "CW207", f"no padding mode {mode!r}", received=mode, hint="modes are CONSTANT, REFLECT, SYMMETRIC"
        )
    widths = [tuple(int(width) for width in pair) for pair in np.asarray(paddings)]
    if kind == "constant":
        return as_tensor(np.pad(array, widths, constant_values=constant_values))
    return as_tensor(np.pad(array, widths, mode="reflect" if kind == "reflect" else "symmetric"))


def argmax(input: Any, axis: int = 0, output_type: Any = np.int64) -> Tensor:
    return as_tensor(np.argmax(np.asarray(input), axis=axis).astype(output_type))
