"""Methods of a tensor that turn, stretch and repeat it."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.misfits import axis_of
from convwise.torch.tensor import Tensor, as_tensor, plain, sizes_given


def permute(self: Tensor, *dims: Any) -> Tensor:
    """The axes in another order.

    Raises:
        ArgumentError: CW605 where one is missing or named twice.
    """
    order = tuple(self._axis(one) for one in sizes_given(dims))
    if len(order) != self.ndim or len(set(order)) != len(order):
        quote = "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions"
        raise ArgumentError(
            "CW605",
            f"{order} does not name each of {self.ndim} axes once",
            received=order,
            quote=quote if len(order) != self.ndim else "permute(): duplicate dims are not allowed.",
            hint=f"name 0 to {self.ndim - 1}, each once",
        )
    return as_tensor(plain(self).transpose(order))


def t(self: Tensor) -> Tensor:
    """The matrix with rows and columns swapped.

    Raises:
        ArgumentError: CW605 for more than two axes.
    """
    if self.ndim > 2:
        quote = f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D"
        hint = "write x.transpose(-2, -1)"
        raise ArgumentError("CW605", f"{self.ndim} axes", received=tuple(self.shape), quote=quote, hint=hint)
    return as_tensor(plain(self).T)


def unsqueeze(self: Tensor, dim: Any) -> Tensor:
    return as_tensor(np.expand_dims(plain(self), axis_of(dim, self.ndim + 1)))


def expand(self: Tensor, *sizes: Any) -> Tensor:
    target = sizes_given(sizes)
    own = (1,) * (len(target) - self.ndim) + tuple(self.shape)
    if len(target) < self.ndim:
        raise ArgumentError(
            "CW605",
            f"a tensor of {self.ndim} axes does not expand to {len(target)}",
            received=target,
            quote="must be greater or equal to the number of dimensions in the tensor",
        )
    wanted = tuple(old if new == -1 else new for new, old in zip(target, own, strict=True))
    for place, (new, old) in enumerate(zip(wanted, own, strict=True)):
        if old not in (1, new):
            raise ArgumentError(
                "CW605",
                f"axis {place} has {old} cells, which do not expand to {new}",
                received=target,
                quote=f"The expanded size of the tensor ({new}) must match the existing size ({old}) at non-singleton dimension {place}.",
                hint="only an axis of 1 cell expands",
            )
    return as_tensor(np.broadcast_to(plain(self), wanted))


def repeat(self: Tensor, *sizes: Any, axis: Any = None, repeats: Any = None) -> Tensor:
    """PyTorch's: the whole tensor `sizes` times along its axes; with `axis=`, NumPy's."""
    if axis is not None or repeats is not None:
        return as_tensor(plain(self).repeat(sizes[0] if sizes else repeats, axis))
    times = sizes_given(sizes)
    if len(times) < self.ndim:
        raise ArgumentError(
            "CW605",
            f"{len(times)} numbers for {self.ndim} axes",
            received=times,
            quote="Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
            hint=f"write x.repeat({', '.join(map(str, (*[1] * (self.ndim - len(times)), *times)))})",
        )
    return as_tensor(np.tile(plain(self), times))


def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """The tensor itself with a new axis of one cell."""
    np.ndarray.shape.__set__(self, plain(unsqueeze(self, dim)).shape)  # type: ignore[attr-defined]
    return self


def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """The tensor itself without axes of one cell."""
    np.ndarray.shape.__set__(self, plain(self.squeeze(dim)).shape)  # type: ignore[attr-defined]
    return self


OWN = (permute, t, unsqueeze, unsqueeze_, squeeze_, expand, repeat)
