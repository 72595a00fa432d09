"""`keras.random`: seeded tensors; `keras.utils.set_random_seed` seeds them and layers' weights alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.keras.ops import sizes
from convwise.keras.state import generator
from convwise.keras.tensor import Tensor, as_tensor
from convwise.runtime import randomness


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = np.float32, seed: int | None = None
) -> Tensor:
    return as_tensor(randomness.normal(generator(seed), sizes(shape), mean, stddev, dtype))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = np.float32, seed: int | None = None
) -> Tensor:
    """Normal numbers within two standard deviations of the mean."""
    return as_tensor(randomness.truncated_normal(generator(seed), sizes(shape), mean, stddev, dtype))


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = np.float32, seed: int | None = None
) -> Tensor:
    """Numbers from `minval`, included, to `maxval`, excluded; whole ones for a whole `dtype`."""
    if np.dtype(dtype).kind in "iu":
        return as_tensor(generator(seed).integers(int(minval), int(maxval), sizes(shape)).astype(dtype))
    return as_tensor(randomness.uniform(generator(seed), sizes(shape), minval, maxval, dtype))
