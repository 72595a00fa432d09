"""`torch.linalg`: norms, inverses, determinants and solutions of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch import products, reducing
from convwise.torch.tensor import Tensor, fresh, plain

__all__ = ["cross", "det", "inv", "matrix_norm", "norm", "solve", "svdvals", "vector_norm"]

cross, inv = products.cross, products.inverse


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The length of all numbers, or of vectors along an axis; with `ord` and a pair of axes, a norm of matrices."""
    axes = np.ndim(A) if dim is None else np.size(dim)
    if ord is not None and axes == 2:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim)
    return reducing.norm(A, 2 if ord is None else ord, dim, keepdim)


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    return reducing.norm(x, ord, dim, keepdim)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Tensor:
    return fresh(np.linalg.norm(plain(A), ord, tuple(dim), keepdim))


def det(A: Any) -> Tensor:
    return fresh(np.linalg.det(plain(A)))


def solve(A: Any, B: Any) -> Tensor:
    """X with A @ X = B."""
    a, b = plain(A), plain(B)
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and a.shape[:-1] == b.shape)
    return fresh(np.linalg.solve(a, b[..., None])[..., 0] if vector else np.linalg.solve(a, b))


def svdvals(A: Any) -> Tensor:
    """The singular values, the largest first."""
    return fresh(np.linalg.svd(plain(A), compute_uv=False))
