"""Functions of tensors that stand in `torch` itself; each gives what the method of the same name gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convwise.torch.tensor import Tensor, as_tensor, plain


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else as_tensor(value)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return _tensor(input).flatten(start_dim, end_dim)


def reshape(input: Any, shape: Sequence[int]) -> Tensor:
    return _tensor(input).reshape(tuple(shape))


def permute(input: Any, dims: Sequence[int]) -> Tensor:
    return _tensor(input).permute(tuple(dims))


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    return _tensor(input).transpose(dim0, dim1)


def unsqueeze(input: Any, dim: int) -> Tensor:
    return _tensor(input).unsqueeze(dim)


def squeeze(input: Any, dim: Any = None) -> Tensor:
    return _tensor(input).squeeze(dim)


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    return as_tensor(np.concatenate([plain(one) for one in tensors], axis=dim))


concat = cat


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    return as_tensor(np.stack([plain(one) for one in tensors], axis=dim))


def sum(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    return _tensor(input).sum(dim, keepdim)


def mean(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    return _tensor(input).mean(dim, keepdim)


def std(input: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Tensor:
    return _tensor(input).std(dim, unbiased, keepdim)


def var(input: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False) -> Tensor:
    return _tensor(input).var(dim, unbiased, keepdim)


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _pick(input, dim, keepdim, np.maximum) if isinstance(dim, np.ndarray) else _tensor(input).max(dim, keepdim)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return _pick(input, dim, keepdim, np.minimum) if isinstance(dim, np.ndarray) else _tensor(input).min(dim, keepdim)


def _pick(input: Any, other: Any, _: bool, function: np.ufunc) -> Tensor:
    return as_tensor(function(plain(input), plain(other)))


def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    return _tensor(input).argmax(dim, keepdim)


def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    return _tensor(input).argmin(dim, keepdim)


def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    return _tensor(input).clamp(min, max)


def abs(input: Any) -> Tensor:
    return _tensor(input).abs()


def exp(input: Any) -> Tensor:
    return _tensor(input).exp()


def sqrt(input: Any) -> Tensor:
    return _tensor(input).sqrt()


def matmul(input: Any, other: Any) -> Tensor:
    return _tensor(input).matmul(other)


def numel(input: Any) -> int:
    return int(np.size(input))


def is_tensor(obj: Any) -> bool:
    return isinstance(obj, Tensor)


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08) -> bool:
    return bool(np.allclose(plain(input), plain(other), rtol, atol))


def equal(input: Any, other: Any) -> bool:
    """Whether shapes and all elements are the same."""
    return bool(np.array_equal(plain(input), plain(other)))
