"""`tf.linalg`: products and norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.keras.tensor import Tensor, as_tensor, made_of
from convwise.tensorflow.functions import eye, matmul

__all__ = ["eye", "matmul", "norm"]


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The length of the whole tensor, or along the axes named; `ord` is 1, 2 or infinity, too."""
    array = made_of(tensor)
    over = tuple(axis) if isinstance(axis, list) else axis
    if over is None:
        array, shape = array.reshape(-1), (1,) * array.ndim
        found = np.linalg.norm(array, None if ord == "euclidean" else ord)
        return as_tensor(np.asarray(found, array.dtype).reshape(shape if keepdims else ()))
    return as_tensor(np.linalg.norm(array, None if ord == "euclidean" else ord, over, keepdims))
