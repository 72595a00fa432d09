"""How far two outputs are apart, and where in the map."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.difference import Numbers
from convwise.ops import Layout

Array = NDArray[Any]

TOLERANCE = 1e-9
"""As a share of the largest output: float64 sums in another order stay far below, other windows far above."""
ROWS, COLUMNS = 9, 24
"""The picture's size at most."""


def compare(
    a: Array, b: Array, layout: Layout | None, *, tolerance: float = TOLERANCE, proved_by: str = "reference"
) -> Numbers:
    """Two outputs in one order of axes; `layout` says where the map's channels stand, None where it is no map."""
    if a.shape != b.shape:
        note = f"the outputs have the shapes {a.shape} and {b.shape}"
        return Numbers(None, None, None, "shape", note=note, proved_by=proved_by)
    if a.size == 0:
        return Numbers(0.0, 0.0, 0.0, "nowhere", note="the outputs are empty", proved_by=proved_by, equal=True)
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
    # Equal infinities and NaN in both are no difference; in one of them they are an infinite one.
    gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(gap), np.inf, gap))
    finite = np.abs(np.concatenate([a[np.isfinite(a)].ravel(), b[np.isfinite(b)].ravel()]))
    largest = float(finite.max()) if finite.size else 0.0
    worst = float(gap.max())
    limit = tolerance * max(largest, 1e-30)
    if worst <= limit:
        return Numbers(worst, worst / largest if largest else 0.0, largest, "nowhere", proved_by=proved_by, equal=True)
    where = "everywhere" if bool((gap > limit).all()) else "part"
    picture: tuple[str, ...] = ()
    if layout is not None and a.ndim >= 3:
        where, picture = _in_map(a, b, gap > limit, layout, limit)
    return Numbers(worst, worst / largest if largest else None, largest, where, picture, proved_by=proved_by)


def _in_map(a: Array, b: Array, wrong: Array, layout: Layout, limit: float) -> tuple[str, tuple[str, ...]]:
    batch_and_channels = (0, a.ndim - 1) if layout.channels_last else (0, 1)
    cells = np.asarray(wrong.any(axis=batch_and_channels))
    picture = _picture(cells)
    shift = _shift(a, b, layout, limit)
    if shift is not None:
        return f"shifted by {shift}", picture
    if cells.all():
        return "everywhere", picture
    inner = cells[tuple(slice(1, -1) for _ in cells.shape)]
    if inner.size and not inner.any():
        return "border", picture
    edges = [axis for axis in range(cells.ndim) if not np.delete(cells, [0, cells.shape[axis] - 1], axis).any()]
    return ("border" if edges else "part"), picture


def _shift(a: Array, b: Array, layout: Layout, limit: float) -> str | None:
    """Whether one output is the other moved by a cell; its border apart."""
    first = 1 if layout.channels_last else 2
    rank = a.ndim - 2
    for step in product((-1, 0, 1), repeat=rank):
        if not any(step):
            continue
        mine: list[slice] = [slice(None)] * a.ndim
        theirs: list[slice] = [slice(None)] * a.ndim
        for place, move in enumerate(step, first):
            size = a.shape[place]
            if size < 5:
                return None
            mine[place] = slice(1 + move, size - 1 + move)
            theirs[place] = slice(1, size - 1)
        with np.errstate(all="ignore"):
            gap = np.abs(a[tuple(mine)] - b[tuple(theirs)])
        if bool((gap <= limit).all()):
            moves = step[0] if len(set(step)) == 1 else step
            return f"{moves} cell{'s' if len(set(step)) > 1 else ''} of the output"
    return None


def _picture(cells: Array) -> tuple[str, ...]:
    """`#` where any cell under it differs; the first two axes of deeper maps are seen from the front."""
    flat: Array = (
        cells
        if cells.ndim == 2
        else cells.reshape(1, -1)
        if cells.ndim == 1
        else np.asarray(cells.any(axis=tuple(range(cells.ndim - 2))))
    )
    rows = _steps(flat.shape[0], ROWS)
    columns = _steps(flat.shape[1], COLUMNS)
    return tuple(
        "".join("#" if flat[top:bottom, left:right].any() else "." for left, right in columns) for top, bottom in rows
    )


def _steps(size: int, most: int) -> list[tuple[int, int]]:
    """The axis in at most `most` steps; the first and the last cell have steps of their own, so that a border shows."""
    if size <= most:
        return [(cell, cell + 1) for cell in range(size)]
    inner = most - 2
    cuts = [1 + (size - 2) * step // inner for step in range(inner + 1)]
    return [(0, 1), *pairwise(cuts), (size - 1, size)]
