"""`torch.fft`: NumPy's transforms, in the precision of what goes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convwise.torch.tensor import Tensor, fresh, plain

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "ifft", "ifft2", "ifftn", "ifftshift", "irfft", "irfft2", "irfftn",
    "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

_SINGLE = {"complex128": np.complex64, "float64": np.float32}


def _in_precision(found: Any, given: Any) -> Tensor:
    """NumPy before 2.0 computes all transforms in double precision."""
    double = given.dtype.name in ("float64", "complex128")
    return fresh(found if double else found.astype(_SINGLE.get(found.dtype.name, found.dtype)))


def _along_one(function: Any) -> Callable[..., Tensor]:
    def transform(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
        return _in_precision(function(plain(input), n, dim, norm), plain(input))

    return transform


def _along_two(function: Any) -> Callable[..., Tensor]:
    def transform(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return _in_precision(function(plain(input), s, tuple(dim), norm), plain(input))

    return transform


def _along_all(function: Any) -> Callable[..., Tensor]:
    def transform(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
        return _in_precision(function(plain(input), s, dim, norm), plain(input))

    return transform


fft, ifft, rfft, irfft = map(_along_one, (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft))
fft2, ifft2, rfft2, irfft2 = map(_along_two, (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2))
fftn, ifftn, rfftn, irfftn = map(_along_all, (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn))


def fftshift(input: Any, dim: Any = None) -> Tensor:
    return fresh(np.fft.fftshift(plain(input), dim))


def ifftshift(input: Any, dim: Any = None) -> Tensor:
    return fresh(np.fft.ifftshift(plain(input), dim))


def fftfreq(n: int, d: float = 1.0) -> Tensor:
    return fresh(np.fft.fftfreq(n, d).astype(np.float32))


def rfftfreq(n: int, d: float = 1.0) -> Tensor:
    return fresh(np.fft.rfftfreq(n, d).astype(np.float32))
