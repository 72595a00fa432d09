"""Complex tensors: made of their parts, and seen as their parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.tensor import Tensor, as_tensor, fresh, plain

complex64, complex128 = np.dtype(np.complex64), np.dtype(np.complex128)


def _of_precision(real: Any) -> np.dtype[Any]:
    return complex128 if plain(real).dtype == np.float64 else complex64


def complex(real: Any, imag: Any) -> Tensor:
    return fresh((plain(real) + 1j * plain(imag)).astype(_of_precision(real)))


def polar(abs: Any, angle: Any) -> Tensor:
    """The numbers of these lengths and angles."""
    return complex(plain(abs) * np.cos(plain(angle)), plain(abs) * np.sin(plain(angle)))


def view_as_real(input: Any) -> Tensor:
    """Real and imaginary parts as a last axis of two cells."""
    array = plain(input)
    return fresh(np.stack([array.real, array.imag], -1))


def view_as_complex(input: Any) -> Tensor:
    """The last axis of two cells as real and imaginary parts."""
    array = plain(input)
    return complex(array[..., 0], array[..., 1])


def real(input: Any) -> Tensor:
    return as_tensor(plain(input).real)


def imag(input: Any) -> Tensor:
    return as_tensor(plain(input).imag)


def angle(input: Any) -> Tensor:
    """The angle of each number; of a negative real one it is pi."""
    return fresh(np.angle(plain(input)))


METHODS = (angle,)
FUNCTIONS = (*METHODS, complex, polar, view_as_real, view_as_complex, real, imag)
