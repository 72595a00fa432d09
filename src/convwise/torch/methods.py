"""Functions that are methods of a tensor too, and their forms that write into the tensor, whose names end in `_`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convwise.torch import (
    arranging,
    choosing,
    complexes,
    creation,
    elementwise,
    functions,
    further,
    joining,
    products,
    reducing,
    shaping,
    statistics,
)
from convwise.torch.errors import ArgumentError
from convwise.torch.promotion import category
from convwise.torch.tensor import Tensor, as_tensor, plain

_SPOKEN = ("Bool", "Long", "Float", "ComplexFloat")

SAME = (
    reducing.sum, reducing.prod, reducing.cumsum, reducing.mean, reducing.std, reducing.var, reducing.any,
    reducing.all, reducing.amax, reducing.amin, reducing.max, reducing.min, reducing.argmax, reducing.argmin,
    reducing.sort, reducing.argsort, reducing.topk, reducing.norm, reducing.logsumexp, reducing.count_nonzero,
    elementwise.abs, elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log2, elementwise.log10,
    elementwise.log1p, elementwise.sqrt, elementwise.rsqrt, elementwise.square, elementwise.reciprocal,
    elementwise.neg, elementwise.sign, elementwise.floor, elementwise.ceil, elementwise.trunc, elementwise.sin,
    elementwise.cos, elementwise.tan, elementwise.atan, elementwise.isnan, elementwise.isinf,
    elementwise.isfinite, elementwise.logical_not, elementwise.add, elementwise.sub, elementwise.mul,
    elementwise.div, elementwise.pow, elementwise.maximum, elementwise.minimum, elementwise.remainder,
    elementwise.fmod, elementwise.floor_divide, elementwise.atan2, elementwise.eq, elementwise.ne,
    elementwise.lt, elementwise.le, elementwise.gt, elementwise.ge, elementwise.logical_and,
    elementwise.logical_or, elementwise.round, elementwise.clamp, elementwise.masked_fill,
    arranging.split, arranging.chunk, arranging.unbind, arranging.flip, arranging.roll,
    arranging.repeat_interleave, arranging.tile, arranging.movedim, arranging.narrow, arranging.tril, arranging.triu, arranging.broadcast_to,
    products.matmul, products.mm, products.bmm, products.outer, products.dot, *products.METHODS,
    *choosing.METHODS, *joining.METHODS, *joining.OWN_METHODS, *further.METHODS, *further.OWN_METHODS, *statistics.METHODS,
    *complexes.METHODS,
)  # fmt: skip

IN_PLACE: tuple[Callable[..., Tensor], ...] = (
    elementwise.abs, elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log2, elementwise.log10,
    elementwise.log1p, elementwise.sqrt, elementwise.rsqrt, elementwise.square, elementwise.reciprocal,
    elementwise.neg, elementwise.sign, elementwise.floor, elementwise.ceil, elementwise.trunc, elementwise.sin,
    elementwise.cos, elementwise.tan, elementwise.atan, elementwise.add, elementwise.sub, elementwise.mul,
    elementwise.div, elementwise.pow, elementwise.remainder, elementwise.fmod, elementwise.floor_divide,
    elementwise.round, elementwise.clamp, elementwise.masked_fill, Tensor.relu, Tensor.sigmoid, Tensor.tanh,
    *choosing.IN_PLACE, *further.IN_PLACE,
)  # fmt: skip


def in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The method whose numbers are written into the tensor.

    Raises:
        ArgumentError: CW605 where the tensor's type cannot hold them.
    """

    def write(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        found = function(self, *args, **kwargs)
        check_held(plain(found).dtype, plain(self).dtype)
        return self.copy_(found)

    write.__name__ = write.__qualname__ = f"{function.__name__}_"
    write.__doc__ = f"`{function.__name__}`, written into the tensor."
    return write


def check_held(found: Any, own: Any) -> None:
    """Refuse to write floats into whole numbers.

    Raises:
        ArgumentError: CW605.
    """
    if category(found) > category(own):
        raise ArgumentError(
            "CW605",
            f"{found} numbers cannot be written into a tensor of {own}",
            received=found.name,
            quote=f"result type {_SPOKEN[category(found)]} can't be cast to the desired output type {_SPOKEN[category(own)]}",
            hint="make a new tensor: x = x + y, or x.float() first",
        )


def expand_as(self: Tensor, other: Any) -> Tensor:
    return as_tensor(self.expand(*plain(other).shape))


def view_as(self: Tensor, other: Any) -> Tensor:
    return self.reshape(*plain(other).shape)


def where(self: Tensor, condition: Any, other: Any) -> Any:
    """The tensor where the condition holds, else `other`."""
    return elementwise.where(condition, self, other)


def new_zeros(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return creation.zeros(*size, dtype=dtype or self.dtype, device=device)


def new_ones(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return creation.ones(*size, dtype=dtype or self.dtype, device=device)


def new_full(self: Tensor, size: Any, fill_value: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return creation.full(size, fill_value, dtype=dtype or self.dtype, device=device)


def new_tensor(self: Tensor, data: Any, dtype: Any = None, device: Any = None, **_: Any) -> Tensor:
    return creation.tensor(data, dtype=dtype or self.dtype, device=device)


def type_as(self: Tensor, other: Any) -> Tensor:
    return self.to(plain(other).dtype)


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    return bool(plain(self).flags.c_contiguous)


def element_size(self: Tensor) -> int:
    return plain(self).itemsize


def is_floating_point(self: Tensor) -> bool:
    return plain(self).dtype.kind == "f"


def stride(self: Tensor, dim: int | None = None) -> Any:
    """How many cells lie from one place of an axis to the next."""
    steps = tuple(step // plain(self).itemsize for step in plain(self).strides)
    return steps if dim is None else steps[dim]


def ndimension(self: Tensor) -> int:
    return self.ndim


def equal(self: Tensor, other: Any) -> bool:
    """Whether shapes and all numbers are the same."""
    return functions.equal(self, other)


def _typed(name: str) -> Callable[[Tensor], Tensor]:
    def change(self: Tensor) -> Tensor:
        return self.to(np.dtype(name))

    return change


OWN = (
    expand_as, view_as, where, new_zeros, new_ones, new_full, new_tensor, type_as, is_contiguous, element_size, is_floating_point,
    stride, ndimension, equal, *shaping.OWN,
)  # fmt: skip

for _function in (*SAME, *OWN, *map(in_place, IN_PLACE)):
    setattr(Tensor, _function.__name__, _function)
Tensor.reshape_as = view_as  # type: ignore[attr-defined]
Tensor.new_empty = new_zeros  # type: ignore[attr-defined]
Tensor.subtract, Tensor.multiply, Tensor.divide = elementwise.sub, elementwise.mul, elementwise.div  # type: ignore[attr-defined]

Tensor.byte, Tensor.char, Tensor.short = (_typed(one) for one in ("uint8", "int8", "int16"))  # type: ignore[attr-defined]
