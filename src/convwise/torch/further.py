"""More of what changes each number by itself. Each is a method of the same name too (`methods.py`)."""

from __future__ import annotations

from math import erf as _erf_of_one
from typing import Any

import numpy as np

from convwise.torch.elementwise import _binary, _unary, abs, add, clamp, div, mul, neg, pow
from convwise.torch.errors import ArgumentError
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain

acos = _unary("acos", np.arccos)
asin = _unary("asin", np.arcsin)
sinh = _unary("sinh", np.sinh)
cosh = _unary("cosh", np.cosh)
asinh = _unary("asinh", np.arcsinh)
acosh = _unary("acosh", np.arccosh)
atanh = _unary("atanh", np.arctanh)
exp2 = _unary("exp2", np.exp2)
sgn = _unary("sgn", np.sign)
signbit = _unary("signbit", np.signbit)
frac = _unary("frac", lambda x: x - np.trunc(x))
rad2deg = _unary("rad2deg", np.rad2deg)
deg2rad = _unary("deg2rad", np.deg2rad)
bitwise_not = _unary("bitwise_not", np.invert)
positive = _unary("positive", np.positive)
logaddexp = _binary("logaddexp", np.logaddexp)
hypot = _binary("hypot", np.hypot)
logical_xor = _binary("logical_xor", np.logical_xor)
bitwise_and = _binary("bitwise_and", np.bitwise_and)
bitwise_or = _binary("bitwise_or", np.bitwise_or)
bitwise_xor = _binary("bitwise_xor", np.bitwise_xor)
ERF = np.frompyfunc(_erf_of_one, 1, 1)


def erf(input: Any) -> Tensor:
    """The error function, in float64 and rounded."""
    array = plain(input)
    return fresh(np.asarray(ERF(array), np.float64).astype(array.dtype if array.dtype.kind == "f" else np.float32))


def clamp_min(input: Any, min: Any) -> Tensor:
    return clamp(input, min=min)


def clamp_max(input: Any, max: Any) -> Tensor:
    return clamp(input, max=max)


def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """The point that lies `weight` of the way from `input` to `end`."""
    return as_tensor(as_tensor(input) + weight * (as_tensor(end) - input))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """Input + value * tensor1 * tensor2."""
    return as_tensor(as_tensor(input) + value * as_tensor(tensor1) * tensor2)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """Input + value * tensor1 / tensor2."""
    return as_tensor(as_tensor(input) + value * as_tensor(tensor1) / tensor2)


def logit(input: Any, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), of numbers held at least `eps` away from 0 and 1."""
    x = as_tensor(input) if eps is None else clamp(input, eps, 1 - eps)
    return as_tensor(np.log(x / (1 - x)))


def nan_to_num(input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """NaN as `nan`, infinities as the largest numbers there are, or what is said."""
    return fresh(np.nan_to_num(plain(input), True, nan, posinf, neginf))


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    return fresh(np.isclose(plain(input), plain(other), rtol, atol, equal_nan))


def float_power(input: Any, exponent: Any) -> Tensor:
    """The power, computed in float64."""
    return pow(plain(input).astype(np.float64), exponent)


def absolute(input: Any) -> Tensor:
    return abs(input)


def negative(input: Any) -> Tensor:
    return neg(input)


def true_divide(input: Any, other: Any) -> Tensor:
    return div(input, other)


def arctan2(input: Any, other: Any) -> Tensor:
    return as_tensor(np.arctan2(as_tensor(input), other))


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Other - alpha * input."""
    return add(neg(mul(input, alpha)), other)


def arctan(input: Any) -> Tensor:
    return as_tensor(np.arctan(as_tensor(input)))


def bfloat16(self: Tensor) -> Tensor:
    """Refuse.

    Raises:
        ArgumentError: CW606.
    """
    raise no_bfloat16()


def no_bfloat16() -> ArgumentError:
    """NumPy has no bfloat16, and rounding to it would be a guess of where PyTorch rounds."""
    return ArgumentError(
        "CW606",
        "NumPy has no numbers of bfloat16",
        axis="dtype",
        received="bfloat16",
        hint="use torch.float32, which holds every bfloat16 exactly, or torch.float16",
    )


IN_PLACE = (
    acos, asin, sinh, cosh, exp2, sgn, frac, erf, clamp_min, clamp_max, lerp, addcmul, addcdiv, logit, nan_to_num,
    logical_xor, bitwise_and, bitwise_or, bitwise_xor, bitwise_not, absolute, negative, true_divide, hypot,
)  # fmt: skip
METHODS = (
    *IN_PLACE, asinh, acosh, atanh, signbit, rad2deg, deg2rad, positive, logaddexp, isclose, float_power, arctan2,
    arctan,
)  # fmt: skip
OWN_METHODS = (bfloat16,)
FUNCTIONS = (*METHODS, rsub)
