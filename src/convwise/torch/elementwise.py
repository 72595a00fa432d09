"""What changes each number by itself, alone or beside another tensor. Each is a method of the same name too, and most in place (`methods.py`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.promotion import meeting
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


def _unary(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    def apply(input: Any) -> Tensor:
        return as_tensor(function(as_tensor(input)))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"PyTorch's {name}, number by number."
    return apply


abs = _unary("abs", np.abs)
exp = _unary("exp", np.exp)
expm1 = _unary("expm1", np.expm1)
log = _unary("log", np.log)
log2 = _unary("log2", np.log2)
log10 = _unary("log10", np.log10)
log1p = _unary("log1p", np.log1p)
sqrt = _unary("sqrt", np.sqrt)
rsqrt = _unary("rsqrt", lambda x: 1 / np.sqrt(x))
square = _unary("square", np.square)
reciprocal = _unary("reciprocal", lambda x: 1 / x)
neg = _unary("neg", np.negative)
sign = _unary("sign", np.sign)
floor = _unary("floor", np.floor)
ceil = _unary("ceil", np.ceil)
trunc = _unary("trunc", np.trunc)
sin = _unary("sin", np.sin)
cos = _unary("cos", np.cos)
tan = _unary("tan", np.tan)
atan = _unary("atan", np.arctan)
isnan = _unary("isnan", np.isnan)
isinf = _unary("isinf", np.isinf)
isfinite = _unary("isfinite", np.isfinite)
logical_not = _unary("logical_not", np.logical_not)


def _binary(name: str, function: np.ufunc) -> Callable[[Any, Any], Tensor]:
    def apply(input: Any, other: Any) -> Tensor:
        return as_tensor(function(input if isinstance(input, Tensor) else as_tensor(input), other))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"PyTorch's {name}, number by number, the smaller shape broadcast."
    return apply


mul = _binary("mul", np.multiply)
pow = _binary("pow", np.power)
_larger, _smaller = _binary("maximum", np.maximum), _binary("minimum", np.minimum)
remainder = _binary("remainder", np.remainder)
fmod = _binary("fmod", np.fmod)
floor_divide = _binary("floor_divide", np.floor_divide)
atan2 = _binary("atan2", np.arctan2)
eq = _binary("eq", np.equal)
ne = _binary("ne", np.not_equal)
lt = _binary("lt", np.less)
le = _binary("le", np.less_equal)
gt = _binary("gt", np.greater)
ge = _binary("ge", np.greater_equal)
logical_and = _binary("logical_and", np.logical_and)
logical_or = _binary("logical_or", np.logical_or)


def _both(name: str, other: Any) -> None:
    if not isinstance(other, np.ndarray):
        raise ArgumentError(
            "CW605",
            f"{name} takes two tensors, and {type(other).__name__} is none",
            received=other,
            quote=f"{name}(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}",
            hint="write torch.clamp(x, min=0), or torch.tensor(0.0)",
        )


def maximum(input: Any, other: Any) -> Tensor:
    """The larger of each two numbers.

    Raises:
        ArgumentError: CW605 where `other` is no tensor.
    """
    _both("maximum", other)
    return _larger(input, other)


def minimum(input: Any, other: Any) -> Tensor:
    """The smaller of each two numbers.

    Raises:
        ArgumentError: CW605 where `other` is no tensor.
    """
    _both("minimum", other)
    return _smaller(input, other)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Input + alpha * other."""
    return as_tensor(as_tensor(input) + (other if alpha == 1 else alpha * as_tensor(other)))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Input - alpha * other."""
    return as_tensor(as_tensor(input) - (other if alpha == 1 else alpha * as_tensor(other)))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Input / other; with `rounding_mode` "floor" or "trunc", rounded.

    Raises:
        ArgumentError: CW606.
    """
    x = as_tensor(input)
    if rounding_mode == "floor":
        return as_tensor(x // other)
    if rounding_mode not in (None, "trunc"):
        raise ArgumentError(
            "CW606",
            f"no rounding mode {rounding_mode!r}",
            axis="rounding_mode",
            received=rounding_mode,
            quote=f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'",
        )
    found = as_tensor(x / other)
    if rounding_mode is None:
        return found
    return as_tensor(np.trunc(plain(found)).astype(plain(meeting([input, other])[0]).dtype))


def round(input: Any, decimals: int = 0, **more: Any) -> Tensor:
    """To whole numbers, or to so many decimals; halves go to the even neighbour."""
    return as_tensor(plain(input).round(decimals, **more))


def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """Between `min` and `max`, which may be tensors; `min` is taken first.

    Raises:
        ArgumentError: CW606 without either.
    """
    if min is None and max is None:
        raise ArgumentError(
            "CW606",
            "neither min nor max is given",
            quote="torch.clamp: At least one of 'min' or 'max' must not be None",
        )
    x = as_tensor(input)
    x = x if min is None else np.maximum(x, min)
    return as_tensor(x.clone() if max is None else np.minimum(x, max))


clip = clamp


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; without them, the positions axis by axis."""
    if input is None and other is None:
        return tuple(as_tensor(one) for one in np.nonzero(plain(condition)))
    return as_tensor(np.where(plain(condition), *meeting([input, other])))


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """`value` where the mask holds, in the input's own type."""
    array = plain(input)
    return fresh(np.where(plain(mask), np.asarray(value).astype(array.dtype), array))
