"""More of cutting, joining and turning: the named cases of `cat`, `flip` and `permute`, diagonals, windows along an axis."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convwise.torch.arranging import cat, flip, stack
from convwise.torch.errors import ArgumentError
from convwise.torch.misfits import axis_of
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


def _at_least(tensors: Any, function: Any) -> list[Tensor]:
    return [as_tensor(function(plain(one))) for one in tensors]


def hstack(tensors: Any) -> Tensor:
    """Joined along axis 1; vectors along their only one."""
    given = _at_least(tensors, np.atleast_1d)
    return cat(given, 0 if given and given[0].ndim == 1 else 1)


def vstack(tensors: Any) -> Tensor:
    return cat(_at_least(tensors, np.atleast_2d))


def dstack(tensors: Any) -> Tensor:
    return cat(_at_least(tensors, np.atleast_3d), 2)


def column_stack(tensors: Any) -> Tensor:
    """Joined along axis 1, vectors as columns."""
    return cat([plain(one).reshape(np.size(one), 1) if np.ndim(one) < 2 else one for one in tensors], 1)


def atleast_1d(*tensors: Any) -> Any:
    found = tuple(_at_least(tensors, np.atleast_1d))
    return found[0] if len(found) == 1 else found


def atleast_2d(*tensors: Any) -> Any:
    found = tuple(_at_least(tensors, np.atleast_2d))
    return found[0] if len(found) == 1 else found


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    return tuple(map(as_tensor, np.broadcast_arrays(*map(plain, tensors))))


def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """So many pieces as equal as can be, the longer ones first; or cut at these cells."""
    array = plain(input)
    cuts = indices_or_sections if isinstance(indices_or_sections, int) else list(indices_or_sections)
    return tuple(map(as_tensor, np.array_split(array, cuts, axis_of(dim, array.ndim))))


def select(input: Any, dim: int, index: int) -> Tensor:
    """The slice `index` of an axis, sharing its memory.

    Raises:
        ArgumentError: CW605 where it is not there.
    """
    array = plain(input)
    axis = axis_of(dim, array.ndim)
    size = array.shape[axis]
    if not -size <= index < size:
        quote = f"select(): index {index} out of range for tensor of size {list(array.shape)} at dimension {axis}"
        raise ArgumentError("CW605", f"there is no cell {index} among {size}", received=index, quote=quote)
    return as_tensor(np.moveaxis(array, axis, 0)[index, ...])


def unflatten(input: Any, dim: int, sizes: Any) -> Tensor:
    """One axis as several; one size may be -1.

    Raises:
        ArgumentError: CW605 where they do not fit.
    """
    array = plain(input)
    axis = axis_of(dim, array.ndim)
    known = prod(size for size in sizes if size != -1)
    if (known != array.shape[axis]) if -1 not in sizes else (not known or array.shape[axis] % known):
        quote = f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {axis} ({array.shape[axis]}) in the input tensor"
        raise ArgumentError("CW605", f"{tuple(sizes)} is not {array.shape[axis]}", received=tuple(sizes), quote=quote)
    return as_tensor(array).reshape(*array.shape[:axis], *sizes, *array.shape[axis + 1 :])


def ravel(input: Any) -> Tensor:
    return as_tensor(input).flatten()


def swapaxes(input: Any, axis0: int, axis1: int) -> Tensor:
    return as_tensor(input).transpose(axis0, axis1)


def swapdims(input: Any, dim0: int, dim1: int) -> Tensor:
    return as_tensor(input).transpose(dim0, dim1)


def moveaxis(input: Any, source: Any, destination: Any) -> Tensor:
    return as_tensor(np.moveaxis(plain(input), source, destination))


def fliplr(input: Any) -> Tensor:
    return flip(input, 1)


def flipud(input: Any) -> Tensor:
    return flip(input, 0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned by k quarters from the first of the two axes towards the second."""
    return fresh(np.rot90(plain(input), k, tuple(dims)).copy())


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The cells whose two places differ by `offset`, as a last axis."""
    return as_tensor(np.diagonal(plain(input), offset, dim1, dim2))


def diag(input: Any, diagonal: int = 0) -> Tensor:
    """The matrix with that diagonal, or the diagonal of a matrix."""
    return fresh(np.diag(plain(input), diagonal))


def diag_embed(input: Any) -> Tensor:
    """Each row as the diagonal of a matrix of its own."""
    array = plain(input)
    return fresh(array[..., None] * np.eye(array.shape[-1], dtype=array.dtype))


def trace(input: Any) -> Tensor:
    """The sum of a matrix's diagonal.

    Raises:
        ArgumentError: CW605 for anything but a matrix.
    """
    if np.ndim(input) != 2:
        quote = f"trace: expected a matrix, but got tensor with dim {np.ndim(input)}"
        raise ArgumentError("CW605", f"{np.ndim(input)} axes are no matrix", received=np.shape(input), quote=quote)
    return fresh(np.trace(plain(input)))


def unfold(input: Any, dimension: int, size: int, step: int) -> Tensor:
    """The windows along an axis, sharing memory; what stands in a window is a last axis.

    Raises:
        ArgumentError: CW605 for a window that does not fit.
    """
    array = plain(input)
    axis = axis_of(dimension, array.ndim)
    if not 0 < size <= array.shape[axis] or step < 1:
        quote = f"maximum size for tensor at dimension {axis} is {array.shape[axis]} but size is {size}"
        fact = f"windows of {size} cells, {step} apart, on {array.shape[axis]}"
        raise ArgumentError("CW605", fact, received=(size, step), quote=quote)
    windows = np.lib.stride_tricks.sliding_window_view(array, size, axis, writeable=array.flags.writeable)
    return as_tensor(windows[(slice(None),) * axis + (slice(None, None, step),)])


def diff(input: Any, n: int = 1, dim: int = -1) -> Tensor:
    """Each cell of an axis without the one before it, n times."""
    return fresh(np.diff(plain(input), n, dim))


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of the vectors' numbers, a row each."""
    grids = np.meshgrid(*map(plain, tensors), indexing="ij")
    return stack([grid.reshape(-1) for grid in grids], 1) if len(grids) > 1 else fresh(grids[0])


def tril_indices(row: int, col: int, offset: int = 0, **_: Any) -> Tensor:
    return fresh(np.array(np.tril_indices(row, offset, col), np.int64))


def triu_indices(row: int, col: int, offset: int = 0, **_: Any) -> Tensor:
    return fresh(np.array(np.triu_indices(row, offset, col), np.int64))


METHODS = (
    tensor_split, select, unflatten, ravel, swapaxes, swapdims, moveaxis, fliplr, flipud, rot90, diagonal, diag,
    diag_embed, trace, diff,
)  # fmt: skip
OWN_METHODS = (unfold,)
FUNCTIONS = (
    *METHODS, hstack, vstack, dstack, column_stack, atleast_1d, atleast_2d, broadcast_tensors, cartesian_prod,
    tril_indices, triu_indices,
)  # fmt: skip
