"""Seeded random numbers, one stream per framework's name; NumPy's own global state is never touched."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# A normal variable cut off at two standard deviations has this standard deviation itself.
TRUNCATED_STDDEV = 0.87962566103423978


class Stream:
    """A generator made on first need, from fresh entropy or from the seed that was set."""

    def __init__(self) -> None:
        self._generator: np.random.Generator | None = None

    def seed(self, seed: int | None) -> None:
        """Start again from `seed`; the same seed gives the same numbers."""
        self._generator = np.random.default_rng(None if seed is None else abs(int(seed)))

    @property
    def generator(self) -> np.random.Generator:
        if self._generator is None:
            self._generator = np.random.default_rng()
        return self._generator


def uniform(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float, dtype: DTypeLike
) -> NDArray[Any]:
    """Numbers of low <= x < high."""
    return rng.uniform(low, high, shape).astype(dtype)


def normal(
    rng: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: DTypeLike
) -> NDArray[Any]:
    return rng.normal(mean, stddev, shape).astype(dtype)


def truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], mean: float, stddev: float, dtype: DTypeLike
) -> NDArray[Any]:
    """Normal numbers; those further than two standard deviations from the mean are drawn again."""
    values = rng.standard_normal(shape)
    outside = np.abs(values) > 2.0
    while np.any(outside):
        values[outside] = rng.standard_normal(int(np.count_nonzero(outside)))
        outside = np.abs(values) > 2.0
    return (mean + stddev * values).astype(dtype)
