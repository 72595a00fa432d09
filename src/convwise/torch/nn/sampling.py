"""`F.grid_sample` and `F.affine_grid`: a map read at places between its cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.runtime.resampling import keys_cubic
from convwise.torch.errors import ArgumentError
from convwise.torch.tensor import Tensor, fresh, plain

Array = NDArray[Any]
Taps = list[tuple[Array, Array]]
"""Along one axis: the cells that are read, and the weight of each."""


def _among(name: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ArgumentError(
            "CW207",
            f"no {name} {value!r}",
            axis=name,
            received=value,
            quote=f"expected {name} to be",
            hint=", ".join(known),
        )


def _reflected(places: Array, low: float, high: float) -> Array:
    """Places beyond `low` and `high` turned back at them, as often as needed."""
    if high <= low:
        return np.zeros_like(places)
    span = high - low
    away = np.abs(places - low)
    rest = np.fmod(away, span)
    odd = np.floor(away / span) % 2 == 1
    return np.where(odd, span - rest, rest) + low


def _padded(places: Array, size: int, padding_mode: str, align_corners: bool) -> Array:
    """Where places outside of the axis are read; with zeros they stay outside."""
    if padding_mode == "zeros":
        return np.where(np.isfinite(places), places, -100.0).astype(places.dtype)
    if padding_mode == "reflection":
        places = _reflected(places, 0, size - 1) if align_corners else _reflected(places, -0.5, size - 0.5)
    held: Array = np.clip(np.nan_to_num(places), 0, size - 1)
    return held


def _taps(places: Array, size: int, mode: str, padding_mode: str, align_corners: bool) -> Taps:
    low = np.floor(places)
    if mode == "bicubic":
        share = places - low
        found = []
        for step in range(-1, 3):
            cells = _padded(low + step, size, padding_mode, align_corners)
            found.append((cells, keys_cubic(share - step, -0.75)))
        return found
    places = _padded(places, size, padding_mode, align_corners)
    if mode == "nearest":
        return [(np.rint(places), np.ones_like(places))]
    low = np.floor(places)
    return [(low, low + 1 - places), (low + 1, places - low)]


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The map (batch, channels, *sizes) read at the places of the grid (batch, *out, axes), whose numbers run from -1 to 1, x first.

    Raises:
        ArgumentError: CW605 for shapes that do not go together, CW207 for a mode that is not known.
    """
    array, places = plain(input), plain(grid)
    rank = array.ndim - 2
    _among("mode", mode, ("bilinear", "nearest", "bicubic") if rank == 2 else ("bilinear", "nearest"))
    _among("padding_mode", padding_mode, ("zeros", "border", "reflection"))
    _check(array, places, rank)
    sizes, axes = array.shape[2:], []
    for axis, size in enumerate(sizes):
        given = places[..., rank - 1 - axis]
        at = (given + 1) / 2 * (size - 1) if align_corners else ((given + 1) * size - 1) / 2
        axes.append(_taps(at.astype(array.dtype), size, mode, padding_mode, bool(align_corners)))
    lying = np.moveaxis(array, 1, -1)
    batch = np.arange(len(array)).reshape(-1, *[1] * rank)
    total = np.zeros((*places.shape[:-1], array.shape[1]), array.dtype)
    for taps in product(*axes):
        weight, cells, inside = np.ones(places.shape[:-1], array.dtype), [], np.ones(places.shape[:-1], bool)
        for (at, share), size in zip(taps, sizes, strict=True):
            weight = weight * share
            inside &= (at >= 0) & (at < size)
            cells.append(np.clip(at, 0, size - 1).astype(np.intp))
        total += lying[(batch, *cells)] * np.where(inside, weight, 0)[..., None].astype(array.dtype)
    return fresh(np.moveaxis(total, -1, 1))


def _check(array: Array, places: Array, rank: int) -> None:
    fact = quote = ""
    if rank not in (2, 3) or places.ndim != array.ndim:
        fact = f"a map of {array.ndim} axes and a grid of {places.ndim}"
        quote = "expected 4D or 5D input and grid with same number of dimensions"
    elif len(places) != len(array):
        fact = f"{len(array)} maps and {len(places)} grids"
        quote = "expected grid and input to have same batch size"
    elif places.shape[-1] != rank:
        fact = f"places of {places.shape[-1]} numbers on a map of {rank} axes"
        quote = f"expected grid to have size {rank} in last dimension"
    elif places.dtype != array.dtype:
        fact = f"a map of {array.dtype} and a grid of {places.dtype}"
        quote = "expected input and grid to have same dtype"
    elif not array.size:
        fact, quote = "an empty map has no cell to read", "expected input to have non-empty spatial dimensions"
    if fact:
        received = (array.shape, places.shape)
        hint = "give (N, C, H, W) and (N, Ho, Wo, 2) of one type"
        raise ArgumentError("CW605", fact, layer="PyTorch F.grid_sample", received=received, quote=quote, hint=hint)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Tensor:
    """The grid for `grid_sample` that turns and moves a map of `size` by matrices (batch, axes, axes + 1).

    Raises:
        ArgumentError: CW605 for matrices that do not fit the size.
    """
    matrices, sizes = plain(theta), tuple(int(one) for one in size)
    rank = len(sizes) - 2
    if rank not in (2, 3) or matrices.shape != (sizes[0], rank, rank + 1):
        raise ArgumentError(
            "CW605",
            f"matrices of {matrices.shape} for a size of {sizes}",
            layer="PyTorch F.affine_grid",
            received=matrices.shape,
            quote=f"Expected a batch of {'2D' if rank < 3 else '3D'} affine matrices of shape",
            hint=f"give ({sizes[0]}, {rank}, {rank + 1})" if rank in (2, 3) else "give a size of 4 or 5 axes",
        )
    steps = []
    for count in sizes[2:]:
        whole = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        steps.append(whole if align_corners else whole * ((count - 1) / count))
    grids = np.meshgrid(*steps, indexing="ij")
    places = np.stack([*reversed(grids), np.ones(sizes[2:])], -1).astype(matrices.dtype)
    return fresh(np.einsum("...j,nij->n...i", places, matrices))
