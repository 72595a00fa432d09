"""Medians, quantiles, running sums and products, and pairs of moments. Each is a method of the same name too (`methods.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.errors import ArgumentError
from convwise.torch.misfits import axis_of
from convwise.torch.reducing import Extremes, amax, amin, mean, sort, std, sum, var
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle number, of an even count the lower one of two; with `dim`, values and where they stand."""
    count = np.size(input) if dim is None else np.shape(input)[dim]
    if dim is None and not count:
        return fresh(np.full((), np.nan, plain(input).dtype))
    if dim is None:
        return kthvalue(plain(input).reshape(-1), (count + 1) // 2, 0).values
    return kthvalue(input, (count + 1) // 2, dim, keepdim)


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Extremes:
    """The k-th smallest along an axis, and where it stands; a NaN is the median of those it is among."""
    ordered = sort(input, dim)
    axis = axis_of(dim, np.ndim(input))
    values, places = (np.take(plain(one), [k - 1], axis) for one in (ordered.values, ordered.indices))
    if plain(input).dtype.kind == "f":
        # NaN is sorted to the end, and PyTorch gives it wherever there is one.
        bad = np.isnan(plain(input))
        spoilt = bad.any(axis=axis, keepdims=True)
        values = np.where(spoilt, np.asarray(np.nan, values.dtype), values)
        places = np.where(spoilt, bad.argmax(axis=axis, keepdims=True), places)
    kept = (values, places) if keepdim else (values.squeeze(axis), places.squeeze(axis))
    return Extremes(fresh(kept[0]), fresh(kept[1]))


def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The value below which the share `q` of the numbers lies."""
    array = plain(input)
    shares = plain(q).astype(array.dtype)
    return fresh(np.quantile(array, shares, axis=dim, keepdims=keepdim, method=interpolation).astype(array.dtype))  # type: ignore[call-overload]


def std_mean(input: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, **more: Any) -> Any:
    """`std` and `mean` together."""
    return std(input, dim, unbiased, keepdim, **more), mean(input, dim, keepdim)


def var_mean(input: Any, dim: Any = None, unbiased: Any = True, keepdim: Any = False, **more: Any) -> Any:
    """`var` and `mean` together."""
    return var(input, dim, unbiased, keepdim, **more), mean(input, dim, keepdim)


def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The smallest and the largest together."""
    return amin(input, dim, keepdim), amax(input, dim, keepdim)


def cumprod(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """The products of the numbers of an axis up to each."""
    array = plain(input)
    kind = np.int64 if dtype is None and array.dtype.kind in "biu" else dtype
    return fresh(np.cumprod(array, axis_of(dim, array.ndim), dtype=kind))


def _running(input: Any, dim: int, ufunc: Any) -> Extremes:
    """The extreme up to each cell, and where it stands last."""
    array = plain(input)
    axis = axis_of(dim, array.ndim)
    values: NDArray[Any] = ufunc.accumulate(array, axis)
    shape = [1] * array.ndim
    shape[axis] = -1
    places = np.where(array == values, np.arange(array.shape[axis]).reshape(shape), 0)
    return Extremes(fresh(values), fresh(np.maximum.accumulate(places, axis)))


def cummax(input: Any, dim: int) -> Extremes:
    return _running(input, dim, np.maximum)


def cummin(input: Any, dim: int) -> Extremes:
    return _running(input, dim, np.minimum)


def nansum(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The sum of what is a number."""
    array = plain(input)
    return sum(np.where(np.isnan(array), array.dtype.type(0), array), dim, keepdim)


def nanmean(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The mean of what is a number."""
    array = plain(input)
    count = sum(~np.isnan(array), dim, keepdim)
    return as_tensor(nansum(input, dim, keepdim) / count)


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many numbers lie in each of `bins` equal parts from min to max, or of where the numbers lie."""
    array = plain(input)
    low, high = (min, max) if min != max else (float(array.min()), float(array.max()))
    return fresh(np.histogram(array, bins, (low, high))[0].astype(array.dtype))


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Tensor:
    """The distance of each row of the one from each row of the other.

    Raises:
        ArgumentError: CW208 for another distance than p=1 and p=2.
    """
    if p not in (1, 2):
        raise ArgumentError("CW208", f"convwise computes no distances of p={p}", received=p, hint="use p=2 or p=1")
    apart = np.abs(plain(x1)[..., :, None, :] - plain(x2)[..., None, :, :])
    return fresh(apart.sum(-1) if p == 1 else np.sqrt(np.square(apart).sum(-1)))


METHODS = (
    median, kthvalue, quantile, std_mean, var_mean, aminmax, cumprod, cummax, cummin, nansum, nanmean, histc,
)  # fmt: skip
FUNCTIONS = (*(one for one in METHODS), cdist)
