"""Cells by their places: reading them, writing to them, and finding where they stand.

Each is a method of the same name too, and those that change a tensor have a form in place (`methods.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.elementwise import where
from convwise.torch.errors import ArgumentError
from convwise.torch.misfits import axis_of
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


def _cells(index: Any, size: int, dtypes: str = "int32 int64", beyond: str = "") -> NDArray[Any]:
    """The index, whose numbers name cells of an axis of that size.

    Raises:
        ArgumentError: CW605 for indices that are not whole numbers, or beyond the axis.
    """
    cells = plain(index)
    if cells.dtype.name not in dtypes:
        raise ArgumentError(
            "CW605",
            f"indices must be whole numbers from 0 to {size - 1}",
            received=cells.dtype.name,
            quote=f"Expected dtype {dtypes.replace(' ', '/')} for index",
            hint="pass index.long()",
        )
    if cells.size and not 0 <= cells.min() <= cells.max() < size:
        wrong = int(cells.max() if cells.max() >= size else cells.min())
        raise ArgumentError(
            "CW605",
            f"indices must be whole numbers from 0 to {size - 1}, and {wrong} is among them",
            received=(int(cells.min()), int(cells.max())),
            quote=beyond or f"index {wrong} is out of bounds for dimension",
            hint=f"an axis of {size} cells ends at {size - 1}",
        )
    return cells


def _places(array: NDArray[Any], dim: int, index: Any, within: bool = True) -> tuple[Any, ...]:
    """NumPy's index of the cells that `index` names along an axis; on the other axes it begins with the first cell.

    Raises:
        ArgumentError: CW605 for another number of axes, or other axes that are longer than the array's.
    """
    axis = axis_of(dim, array.ndim)
    cells = _cells(index, array.shape[axis] if array.ndim else 1, "int32 int64" if within else "int64")
    if max(cells.ndim, 1) != max(array.ndim, 1):
        raise ArgumentError(
            "CW605",
            f"the index has {cells.ndim} axes, the tensor {array.ndim}",
            received=cells.shape,
            quote="Index tensor must have the same number of dimensions as input tensor",
            hint="unsqueeze and expand the index",
        )
    others = [one for one in range(array.ndim) if one != axis]
    if cells.size and any(cells.shape[one] > array.shape[one] for one in others):
        raise ArgumentError(
            "CW605",
            f"an index of {cells.shape} is larger than the tensor of {array.shape}",
            received=cells.shape,
            quote=f"Size does not match at dimension {next(n for n in others if cells.shape[n] > array.shape[n])} expected index {list(cells.shape)} to be no larger than self {list(array.shape)} apart from dimension {axis}",
            hint=f"along axis {axis} alone it may be longer",
        )
    if not array.ndim:
        return ()
    places: list[Any] = list(np.ix_(*map(np.arange, cells.shape)))
    places[axis] = cells
    return tuple(places)


def gather(input: Any, dim: int, index: Any) -> Tensor:
    """The cells of an axis that `index` names, place by place.

    Raises:
        ArgumentError: CW605 for indices that are not whole numbers, beyond the axis, or of another form than the tensor.
    """
    array = plain(input)
    return fresh(array[_places(array, dim, index)].reshape(np.shape(index)))


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Tensor:
    """`gather`, with axes of one cell broadcast; without `dim`, out of all cells one after the other.

    Raises:
        ArgumentError: CW605 for indices beyond the axis.
    """
    array = plain(input)
    if dim is None:
        return fresh(array.reshape(-1)[_cells(indices, array.size, "int64").reshape(-1)])
    axis = axis_of(dim, array.ndim)
    return fresh(np.take_along_axis(array, _cells(indices, array.shape[axis], "int64"), axis))


def index_select(input: Any, dim: int, index: Any) -> Tensor:
    """The slices along an axis that a vector names.

    Raises:
        ArgumentError: CW605 for slices that are not there, or an index of more axes.
    """
    array = plain(input)
    axis = axis_of(dim, array.ndim)
    return fresh(np.take(array, _vector(index, array.shape[axis]), axis=axis))


def _vector(index: Any, size: int) -> NDArray[Any]:
    cells = _cells(index, size, beyond="INDICES element is out of DATA bounds")
    if cells.ndim > 1:
        quote = "Index is supposed to be a vector"
        raise ArgumentError(
            "CW605", f"an index of {cells.ndim} axes", received=cells.shape, quote=quote, hint="x[:, index] takes it"
        )
    return cells.reshape(-1)


def take(input: Any, index: Any) -> Tensor:
    """The cells of the tensor, counted row by row, that `index` names; negative ones count from the end."""
    return fresh(plain(input).reshape(-1)[plain(index)])


def masked_select(input: Any, mask: Any) -> Tensor:
    """The cells where the mask holds, one after the other; the two are broadcast."""
    array, chosen = np.broadcast_arrays(plain(input), plain(mask))
    return fresh(array[chosen])


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions that are not zero, a row each; with `as_tuple`, axis by axis."""
    return where(input) if as_tuple else argwhere(input)


def argwhere(input: Any) -> Tensor:
    return fresh(np.argwhere(plain(input)))


# Writing


def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None) -> Tensor:
    """A copy in which the cells that `index` names hold `src`, or one value. Where a cell is named twice, the later one counts.

    Raises:
        ArgumentError: CW605 for indices that do not fit, CW208 for `reduce`.
    """
    if reduce is not None:
        raise ArgumentError(
            "CW208", f"convwise does not scatter with reduce={reduce!r}", received=reduce, hint="scatter_add adds"
        )
    array = plain(input).copy()
    array[_places(array, dim, index, within=False)] = _beside(src if value is None else value, index, array)
    return as_tensor(array)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Tensor:
    """A copy to whose cells that `index` names `src` is added, as often as they are named.

    Raises:
        ArgumentError: CW605 for indices that do not fit.
    """
    array = plain(input).copy()
    np.add.at(array, _places(array, dim, index, within=False), _beside(src, index, array))
    return as_tensor(array)


def _beside(source: Any, index: Any, array: NDArray[Any]) -> NDArray[Any]:
    """The part of the source that lies beside the index, in the array's type.

    Raises:
        ArgumentError: CW605 for a source of another type, or a smaller one than the index.
    """
    if not isinstance(source, np.ndarray) or not np.ndim(source):
        return np.asarray(source).astype(array.dtype)
    found, shape = plain(source), np.shape(index)
    if found.dtype != array.dtype:
        quote = "scatter(): Expected self.dtype to be equal to src.dtype"
        raise ArgumentError(
            "CW605", f"{found.dtype} cells for a tensor of {array.dtype}", received=found.dtype.name, quote=quote
        )
    if found.ndim != len(shape) or any(one > own for one, own in zip(shape, found.shape, strict=True)):
        raise ArgumentError(
            "CW605",
            f"an index of {shape} names more cells than a source of {found.shape} has",
            received=shape,
            quote=f"expected index {list(shape)} to be no larger than src {list(found.shape)}",
        )
    return found[tuple(slice(size) for size in shape)]


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """A copy to whose slices along an axis those of `source` are added."""
    array = plain(input).copy()
    lying = np.moveaxis(array, dim, 0)
    np.add.at(lying, _vector(index, len(lying)), np.moveaxis(plain(source) * alpha, dim, 0))
    return as_tensor(array)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Tensor:
    """A copy whose slices along an axis are those of `source`."""
    array = plain(input).copy()
    lying = np.moveaxis(array, dim, 0)
    lying[_vector(index, len(lying))] = np.moveaxis(plain(source), dim, 0)
    return as_tensor(array)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Tensor:
    """A copy whose slices along an axis hold one value."""
    array = plain(input).copy()
    lying = np.moveaxis(array, dim, 0)
    lying[_vector(index, len(lying))] = value
    return as_tensor(array)


def masked_scatter(input: Any, mask: Any, source: Any) -> Tensor:
    """A copy in which the cells where the mask holds take those of `source`, one after the other."""
    array = plain(input).copy()
    chosen = np.broadcast_to(plain(mask), array.shape)
    array[chosen] = plain(source).reshape(-1)[: np.count_nonzero(chosen)]
    return as_tensor(array)


# Finding


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Each value once, in order; with where each cell's stands among them, and how often there is each."""
    found: Any = np.unique(plain(input), return_inverse=return_inverse, return_counts=return_counts, axis=dim)  # type: ignore[call-overload]
    if not return_inverse and not return_counts:
        return fresh(found)
    parts = list(found)
    if return_inverse:
        parts[1] = parts[1].reshape(np.shape(input) if dim is None else -1)
    return tuple(map(fresh, parts))


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often there is each number from 0 on."""
    return fresh(np.bincount(plain(input), None if weights is None else plain(weights), minlength))


def isin(elements: Any, test_elements: Any, *, invert: bool = False) -> Tensor:
    return fresh(np.isin(plain(elements), plain(test_elements), invert=invert))


def searchsorted(sorted_sequence: Any, input: Any, *, right: bool = False, side: str | None = None) -> Tensor:
    """Where each value would be put into a sorted vector.

    Raises:
        ArgumentError: CW208 for rows of their own.
    """
    if np.ndim(sorted_sequence) != 1:
        hint = "search row by row"
        raise ArgumentError("CW208", "sorted rows", received=np.shape(sorted_sequence), hint=hint)
    side = side or ("right" if right else "left")
    return fresh(np.asarray(np.searchsorted(plain(sorted_sequence), plain(input), side), np.int64))  # type: ignore[call-overload]


def bucketize(input: Any, boundaries: Any, *, right: bool = False) -> Tensor:
    """Between which of the sorted boundaries each value lies."""
    return searchsorted(boundaries, input, right=right)


IN_PLACE = (scatter, scatter_add, index_add, index_copy, index_fill, masked_scatter)
METHODS = (*IN_PLACE, gather, take_along_dim, index_select, take, masked_select, nonzero, argwhere, unique, bincount)
FUNCTIONS = (*METHODS, isin, searchsorted, bucketize)
