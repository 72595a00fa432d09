"""What a tensor is counted down to: sums, means, extremes, orders. Each is a method of the same name too (`methods.py`).

`dim` and `keepdim` are PyTorch's; `axis`, `keepdims` and `ddof` NumPy's, so that `np.mean(x, axis=1)` works on tensors.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convwise.torch.errors import ArgumentError
from convwise.torch.misfits import axis_of
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


class Extremes(NamedTuple):
    """What `x.max(dim)` gives."""

    values: Tensor
    indices: Tensor


def _axes(array: NDArray[Any], dim: Any, axis: Any = None) -> Any:
    """The axes from the front; None for all, which PyTorch means by an empty list too.

    Raises:
        ArgumentError: CW605 for an axis that is not there, or is named twice.
    """
    dim = axis if dim is None else dim
    if dim is None or not isinstance(dim, list | tuple):
        return None if dim is None or (array.ndim == 0 and dim in (0, -1)) else axis_of(dim, array.ndim)
    found = tuple(axis_of(one, array.ndim) for one in dim)
    for one in found:
        if found.count(one) > 1:
            quote = f"dim {one} appears multiple times in the list of dims"
            raise ArgumentError("CW605", f"axis {one} is named twice", received=dim, quote=quote)
    return (found if array.ndim else None) or None


def _kept(keepdim: Any, keepdims: Any = False) -> bool:
    """Whether counted axes stay, with one cell: a second number after `dim` is no second axis.

    Raises:
        ArgumentError: CW605 for anything but True and False.
    """
    if not isinstance(keepdim, bool | np.bool_):
        raise ArgumentError(
            "CW605",
            f"keepdim is True or False, not {keepdim!r}",
            axis="keepdim",
            received=keepdim,
            quote=f"must be bool, not {type(keepdim).__name__}",
            hint="several axes are given as one: x.sum((1, 2))",
        )
    return bool(keepdim or keepdims)


def _whole(array: NDArray[Any], dtype: Any) -> Any:
    """Whole numbers are added up in int64."""
    return np.int64 if dtype is None and array.dtype.kind in "biu" else dtype


def sum(
    input: Any,
    dim: Any = None,
    keepdim: Any = False,
    *,
    axis: Any = None,
    keepdims: Any = False,
    dtype: Any = None,
    **more: Any,
) -> Tensor:
    array = plain(input)
    return fresh(
        array.sum(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), dtype=_whole(array, dtype), **more)
    )


def prod(
    input: Any,
    dim: Any = None,
    keepdim: Any = False,
    *,
    axis: Any = None,
    keepdims: Any = False,
    dtype: Any = None,
    **more: Any,
) -> Tensor:
    array = plain(input)
    return fresh(
        array.prod(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), dtype=_whole(array, dtype), **more)
    )


def cumsum(input: Any, dim: Any = None, dtype: Any = None, *, axis: Any = None, **more: Any) -> Tensor:
    array = plain(input)
    return fresh(array.cumsum(axis=_axes(array, dim, axis), dtype=_whole(array, dtype), **more))


def mean(
    input: Any,
    dim: Any = None,
    keepdim: Any = False,
    *,
    axis: Any = None,
    keepdims: Any = False,
    dtype: Any = None,
    **more: Any,
) -> Tensor:
    """The mean of floats; `np.mean` takes whole numbers too.

    Raises:
        ArgumentError: CW605 for whole numbers.
    """
    array = plain(input)
    if array.dtype.kind in "biu" and dtype is None and axis is None and "out" not in more:
        raise ArgumentError(
            "CW605",
            f"the mean of {array.dtype} is no {array.dtype}",
            received=array.dtype.name,
            quote="mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype.",
            hint="x.float().mean()",
        )
    return fresh(array.mean(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), dtype=dtype, **more))


def _freedom(array: NDArray[Any], unbiased: Any, correction: Any, axis: Any, ddof: Any) -> Any:
    """PyTorch divides by n - 1, or n - correction; NumPy's functions and `ddof=` by n - ddof.

    Raises:
        ArgumentError: CW605 for whole numbers.
    """
    if array.dtype.kind in "biu" and axis is None and ddof is None:
        quote = "std and var only support floating point and complex dtypes"
        fact = f"the deviation of {array.dtype} is no {array.dtype}"
        raise ArgumentError("CW605", fact, received=array.dtype.name, quote=quote, hint="x.float() first")
    if correction is not None:
        return correction
    return int(bool(unbiased)) if ddof is None and axis is None else ddof or 0


def std(
    input: Any,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: Any = False,
    *,
    correction: Any = None,
    axis: Any = None,
    ddof: Any = None,
    keepdims: Any = False,
    **more: Any,
) -> Tensor:
    """The root of `var`."""
    array = plain(input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim  # `x.std(False)` names no axis
    less = _freedom(array, unbiased, correction, axis, ddof)
    with np.errstate(all="ignore"):
        return fresh(array.std(axis=_axes(array, dim, axis), ddof=less, keepdims=_kept(keepdim, keepdims), **more))


def var(
    input: Any,
    dim: Any = None,
    unbiased: Any = True,
    keepdim: Any = False,
    *,
    correction: Any = None,
    axis: Any = None,
    ddof: Any = None,
    keepdims: Any = False,
    **more: Any,
) -> Tensor:
    """The sum of squared deviations over n - 1; `np.var` and `ddof=` are NumPy's."""
    array = plain(input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim  # `x.var(False)` names no axis
    less = _freedom(array, unbiased, correction, axis, ddof)
    with np.errstate(all="ignore"):
        return fresh(array.var(axis=_axes(array, dim, axis), ddof=less, keepdims=_kept(keepdim, keepdims), **more))


def any(
    input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, keepdims: Any = False, **more: Any
) -> Tensor:
    array = plain(input)
    return fresh(array.any(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), **more))


def all(
    input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, keepdims: Any = False, **more: Any
) -> Tensor:
    array = plain(input)
    return fresh(array.all(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), **more))


def _extreme(input: Any, dim: Any, keepdim: Any, which: str) -> Tensor:
    array = plain(input)
    axes = _axes(array, dim)
    if not array.size and (
        axes is None or 0 in [array.shape[one] for one in (axes if isinstance(axes, tuple) else (axes,))]
    ):
        fact = (
            f"an array of {array.shape} has no largest number"
            if which == "max"
            else f"an array of {array.shape} has no smallest number"
        )
        raise ArgumentError("CW605", fact, received=array.shape, quote=f"{which}(): Expected reduction dim")
    return fresh((array.max if which == "max" else array.min)(axis=axes, keepdims=_kept(keepdim)))


def amax(input: Any, dim: Any = None, keepdim: Any = False) -> Tensor:
    return _extreme(input, dim, keepdim, "max")


def amin(input: Any, dim: Any = None, keepdim: Any = False) -> Tensor:
    return _extreme(input, dim, keepdim, "min")


def max(input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, **more: Any) -> Any:
    """The largest element; with `dim`, values and indices; beside a second tensor, the larger of each two; with `axis=`, NumPy's."""
    if isinstance(dim, np.ndarray):
        return np.maximum(as_tensor(input), dim)
    if dim is None:
        return fresh(plain(input).max(axis=axis, **more)) if axis is not None or more else amax(input)
    return Extremes(amax(input, dim, keepdim), argmax(input, dim, keepdim))


def min(input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, **more: Any) -> Any:
    """The smallest element; with `dim`, values and indices; beside a second tensor, the smaller of each two; with `axis=`, NumPy's."""
    if isinstance(dim, np.ndarray):
        return np.minimum(as_tensor(input), dim)
    if dim is None:
        return fresh(plain(input).min(axis=axis, **more)) if axis is not None or more else amin(input)
    return Extremes(amin(input, dim, keepdim), argmin(input, dim, keepdim))


def argmax(
    input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, keepdims: Any = False, **more: Any
) -> Tensor:
    array = plain(input)
    return fresh(array.argmax(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), **more))


def argmin(
    input: Any, dim: Any = None, keepdim: Any = False, *, axis: Any = None, keepdims: Any = False, **more: Any
) -> Tensor:
    array = plain(input)
    return fresh(array.argmin(axis=_axes(array, dim, axis), keepdims=_kept(keepdim, keepdims), **more))


def _order(array: NDArray[Any], dim: int, descending: Any) -> NDArray[np.intp]:
    """The places in order, equal ones as they stand."""
    if not descending:
        return np.argsort(array, axis=dim, kind="stable")
    back = np.argsort(np.flip(array, dim), axis=dim, kind="stable")
    return np.flip(array.shape[dim] - 1 - back, dim)


def sort(
    input: Any, dim: Any = -1, descending: Any = False, stable: Any = False, *, axis: Any = None, **more: Any
) -> Any:
    """Sorted values and where they stood; with `axis=`, NumPy's sort in place."""
    array = plain(input)
    if axis is not None or more:
        return array.sort(axis=dim if axis is None else axis, **more)
    if array.ndim == 0:
        return Extremes(fresh(array.copy()), fresh(np.zeros((), np.int64)))
    order = _order(array, dim, descending)
    return Extremes(fresh(np.take_along_axis(array, order, dim)), fresh(order))


def argsort(
    input: Any, dim: Any = -1, descending: Any = False, stable: Any = False, *, axis: Any = None, **more: Any
) -> Tensor:
    array = plain(input)
    if axis is not None or more:
        return fresh(array.argsort(axis=dim if axis is None else axis, **more))
    return fresh(_order(array, dim, descending))


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extremes:
    """The k largest, or smallest, along an axis, and where they stand.

    Raises:
        ArgumentError: CW605 for more than there are.
    """
    array = plain(input)
    if not 0 <= k <= array.shape[dim]:
        raise ArgumentError(
            "CW605",
            f"{k} of {array.shape[dim]} cells",
            received=k,
            quote="selected index k out of range",
            hint=f"ask for at most {array.shape[dim]}",
        )
    order = np.take(_order(array, dim, largest), np.arange(k), axis=dim)
    return Extremes(fresh(np.take_along_axis(array, order, dim)), fresh(order))


def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: Any = False) -> Tensor:
    """The p-norm of all the numbers, or of those along `dim`.

    Raises:
        ArgumentError: CW208 for the nuclear norm, CW605 for whole numbers.
    """
    array = np.abs(plain(input))
    if p == "nuc" or array.dtype.kind != "f":
        code, what = ("CW208", "the nuclear norm") if p == "nuc" else ("CW605", f"the norm of {array.dtype}")
        raise ArgumentError(code, f"convwise does not compute {what}", received=p, hint="use p=2 on x.float()")
    power, axes = 2.0 if p in ("fro", None) else float(p), _axes(array, dim)
    if power in (inf, -inf):
        return fresh((array.max if power > 0 else array.min)(axis=axes, keepdims=_kept(keepdim)))
    if power == 0:
        return fresh((array != 0).sum(axis=axes, keepdims=keepdim).astype(array.dtype))
    return fresh((array**power).sum(axis=axes, keepdims=keepdim) ** array.dtype.type(1 / power))


def logsumexp(input: Any, dim: Any, keepdim: Any = False) -> Tensor:
    """log(sum(exp(x))), with the largest taken out first."""
    array = plain(input)
    axes = _axes(array, dim)
    top = array.max(axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(array.dtype)
    with np.errstate(all="ignore"):
        found = np.log(np.exp(array - top).sum(axis=axes, keepdims=True)) + top
    return fresh(found if keepdim else found.squeeze(axes))


def count_nonzero(input: Any, dim: Any = None) -> Tensor:
    return fresh(np.asarray(np.count_nonzero(plain(input), axis=_axes(plain(input), dim)), np.int64))
