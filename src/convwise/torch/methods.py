"""Functions that are methods of a tensor too, and their forms that write into the tensor, whose names end in `_`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convwise.torch import arranging, creation, elementwise, products, reducing
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
    arranging.repeat_interleave, arranging.tile, arranging.movedim, arranging.narrow, arranging.gather,
    arranging.index_select, arranging.tril, arranging.triu, arranging.broadcast_to,
    products.matmul, products.mm, products.bmm, products.outer, products.dot,
)  # fmt: skip

IN_PLACE: tuple[Callable[..., Tensor], ...] = (
    elementwise.abs, elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log2, elementwise.log10,
    elementwise.log1p, elementwise.sqrt, elementwise.rsqrt, elementwise.square, elementwise.reciprocal,
    elementwise.neg, elementwise.sign, elementwise.floor, elementwise.ceil, elementwise.trunc, elementwise.sin,
    elementwise.cos, elementwise.tan, elementwise.atan, elementwise.add, elementwise.sub, elementwise.mul,
    elementwise.div, elementwise.pow, elementwise.remainder, elementwise.fmod, elementwise.floor_divide,
    elementwise.round, elementwise.clamp, elementwise.masked_fill, Tensor.relu, Tensor.sigmoid, Tensor.tanh,
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
    return self.expand(*plain(other).shape)


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


def masked_select(self: Tensor, mask: Any) -> Tensor:
    return as_tensor(plain(self)[plain(mask)])


OWN = (
    expand_as, view_as, where, new_zeros, new_ones, new_full, new_tensor, type_as, is_contiguous, element_size, is_floating_point, masked_select,
)  # fmt: skip

for _function in (*SAME, *OWN, *map(in_place, IN_PLACE)):
    setattr(Tensor, _function.__name__, _function)
Tensor.reshape_as = view_as  # type: ignore[attr-defined]
Tensor.new_empty = new_zeros  # type: ignore[attr-defined]
Tensor.subtract, Tensor.multiply, Tensor.divide = elementwise.sub, elementwise.mul, elementwise.div  # type: ignore[attr-defined]
