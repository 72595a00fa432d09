"""`tf.random`: seeded tensors; `set_seed` seeds layers' weights too."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.keras import random
from convwise.keras.state import STREAM
from convwise.keras.tensor import Tensor


def set_seed(seed: int) -> None:
    """The same seed gives the same numbers, not TensorFlow's own."""
    STREAM.seed(seed)


def normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = np.float32,
    seed: int | None = None,
    name: Any = None,
) -> Tensor:
    return random.normal(shape, mean, stddev, dtype, seed)


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = np.float32,
    seed: int | None = None,
    name: Any = None,
) -> Tensor:
    return random.truncated_normal(shape, mean, stddev, dtype, seed)


def uniform(
    shape: Any,
    minval: float = 0,
    maxval: Any = None,
    dtype: Any = np.float32,
    seed: int | None = None,
    name: Any = None,
) -> Tensor:
    """Numbers from `minval`, included, to `maxval`, excluded; 1 where it is not given."""
    return random.uniform(shape, minval, 1 if maxval is None else maxval, dtype, seed)
