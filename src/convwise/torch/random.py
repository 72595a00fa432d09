"""Seeded tensors; `manual_seed` seeds layers' weights too."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.runtime import randomness
from convwise.torch.creation import sizes
from convwise.torch.dtypes import float32
from convwise.torch.tensor import Tensor, as_tensor, check_device, plain

STREAM = randomness.Stream()


class Generator:
    """A stream of its own, as `torch.Generator`."""

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        self.stream = randomness.Stream()

    def manual_seed(self, seed: int) -> Generator:
        self.stream.seed(seed)
        return self


def manual_seed(seed: int) -> None:
    """The same seed gives the same numbers, not PyTorch's own."""
    STREAM.seed(seed)


def _stream(options: dict[str, Any]) -> np.random.Generator:
    check_device(options.get("device"))
    generator = options.get("generator")
    return STREAM.generator if generator is None else generator.stream.generator


def randn(*size: Any, dtype: Any = None, **options: Any) -> Tensor:
    """Normal numbers of mean 0 and variance 1."""
    return as_tensor(randomness.normal(_stream(options), sizes(size, options), 0.0, 1.0, dtype or float32))


def rand(*size: Any, dtype: Any = None, **options: Any) -> Tensor:
    """Numbers of 0 <= x < 1."""
    return as_tensor(randomness.uniform(_stream(options), sizes(size, options), 0.0, 1.0, dtype or float32))


def normal(mean: Any, std: Any = 1.0, size: Any = None, *, dtype: Any = None, **options: Any) -> Tensor:
    """Normal numbers of that mean and deviation, which may be tensors; without `size`, of their shape."""
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std)) if size is None else tuple(size)
    drawn = randn(*shape, dtype=dtype, **options)
    return as_tensor(drawn * std + mean)


def randint(low: int, high: Any = None, size: Any = None, *, dtype: Any = None, **options: Any) -> Tensor:
    """Whole numbers of low <= x < high; with two arguments low is 0."""
    if size is None:
        low, high, size = 0, low, high
    return as_tensor(_stream(options).integers(low, high, tuple(size)).astype(dtype or np.int64))


def randn_like(input: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    return randn(*np.shape(input), dtype=dtype or plain(input).dtype, **options)


def rand_like(input: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    return rand(*np.shape(input), dtype=dtype or plain(input).dtype, **options)


def randperm(n: int, *, dtype: Any = None, **options: Any) -> Tensor:
    return as_tensor(_stream(options).permutation(n).astype(dtype or np.int64))
