"""`return_indices=True`: where in its map each maximum stands, counted as PyTorch counts, row by row over the data without padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise import engine
from convwise.engine.cells import shares
from convwise.ops import AdaptivePool, Pool, Unfold

Array = NDArray[Any]


def places(array: Array, op: Pool | AdaptivePool, outs: Sequence[int]) -> Array:
    """The place of the maximum of every window of (..., *spatial); the first of several, and the last NaN, as in PyTorch."""
    sizes = array.shape[array.ndim - op.rank :]
    cells = _taps(op, sizes, outs)
    there = cells >= 0
    values = array.reshape(*array.shape[: array.ndim - op.rank], prod(sizes))[..., np.where(there, cells, 0)]
    nan = np.isnan(values) & there
    lowest = -np.inf if array.dtype.kind == "f" else np.iinfo(array.dtype).min
    highest = np.where(there, values, lowest).max(axis=-2, keepdims=True)
    first = np.argmax((values == highest) & there, axis=-2)
    last_nan = len(cells) - 1 - np.argmax(nan[..., ::-1, :], axis=-2)
    tap = np.where(nan.any(axis=-2), last_nan, first)
    result: Array = cells[tap, np.arange(cells.shape[1])].reshape(*array.shape[: array.ndim - op.rank], *outs)
    return result


def _taps(op: Pool | AdaptivePool, sizes: Sequence[int], outs: Sequence[int]) -> Array:
    """(taps, windows): the place that each tap of each window reads; -1 where it reads none."""
    if isinstance(op, Pool):
        # Places count from 1 here, so that the zeros around them are told.
        counted = np.arange(1, prod(sizes) + 1).reshape(1, 1, *sizes)
        columns: Array = engine.run(Unfold(op.windows), counted)[0]
        return columns - 1
    grid = np.arange(prod(sizes)).reshape(sizes)
    windows = [shares(size, out) for size, out in zip(sizes, outs, strict=True)]
    read = [
        grid[np.ix_(*(np.arange(size)[w[i]] for size, w, i in zip(sizes, windows, at, strict=True)))].ravel()
        for at in np.ndindex(*outs)
    ]
    found = np.full((max(map(len, read)), len(read)), -1)
    for number, cells in enumerate(read):
        found[: len(cells), number] = cells
    return found
