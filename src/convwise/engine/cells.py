"""Ops that move cells without weights: padding, cropping, resizing, shuffling, rearranging; and poolings over cell ranges.

Arrays are (batch, channels, *spatial), but for `rearrange`, which takes the framework's own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convwise.axis import Pads, share
from convwise.engine.arrays import Array, at, need_floats
from convwise.errors import ArgumentError, ShapeError
from convwise.ops import AdaptivePool, Flatten, GlobalPool, Permute, PixelShuffle, Reshape, Resize, Unflatten

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Array, pads: Sequence[Pads], mode: str, value: float = 0) -> Array:
    """Cells added around the spatial axes, or cut off where a pad is negative.

    The border is mirrored (`reflect`: without the last cell itself) or repeated from all of the data, also where the other end is cut off;
    `circular` wraps around what is left after cutting.
    """
    if mode not in ("constant", "zeros", *NUMPY_MODES):
        raise ArgumentError(
            "CW606",
            f"no padding mode {mode!r}",
            received=mode,
            hint=f"the modes are constant, {', '.join(NUMPY_MODES)}",
        )
    if mode in ("constant", "zeros"):
        if x.dtype.kind != "f" and value != (int(value) if np.isfinite(value) else None):
            need_floats(f"padding with {value}", x.dtype)
        cut = crop(x, [Pads(max(-p.low, 0), max(-p.high, 0)) for p in pads])
        added = [(max(p.low, 0), max(p.high, 0)) for p in pads]
        return np.pad(cut, [(0, 0), (0, 0), *added], constant_values=value)
    for place, p in enumerate(pads, start=2):
        order, widths = np.arange(x.shape[place]), (max(p.low, 0), max(p.high, 0))
        if mode == "circular":
            order = np.pad(_cut(order, p), widths, mode="wrap")
        else:
            order = _cut(np.pad(order, widths, mode=NUMPY_MODES[mode]), p)  # type: ignore[call-overload]
        x = np.take(x, order, axis=place)
    return x


def _cut(order: Array, p: Pads) -> Array:
    """Without what negative pads cut off."""
    return order[max(-p.low, 0) : len(order) - max(-p.high, 0)]


def crop(x: Array, cuts: Sequence[Pads]) -> Array:
    """A view without the first `low` and the last `high` cells of each spatial axis."""
    inside = (slice(cut.low, size - cut.high) for cut, size in zip(cuts, x.shape[2:], strict=True))
    result: Array = x[at(..., *inside)]
    return result


def global_pool(x: Array, op: GlobalPool) -> Array:
    """The maximum or the average over the whole map, channel by channel."""
    axes = tuple(range(2, x.ndim))
    if op.kind == "max":
        result: Array = x.max(axis=axes, keepdims=op.keep_dims)
    else:
        result = x.sum(axis=axes, keepdims=op.keep_dims) / np.asarray(prod(x.shape[2:]), x.dtype)
    return result


def shares(size: int, out: int) -> list[slice]:
    """What each of `out` adaptive windows reads."""
    return [slice(cells.start, cells.stop) for cells in (share(i, size, out) for i in range(out))]


def adaptive_pool(x: Array, op: AdaptivePool, outs: Sequence[int]) -> Array:
    """The maximum or the average of each share of the cells."""
    result = np.empty((*x.shape[:2], *outs), x.dtype)
    parts = [list(enumerate(shares(size, out))) for size, out in zip(x.shape[2:], outs, strict=True)]
    for chosen in product(*parts):
        window = x[at(..., *(cells for _, cells in chosen))].reshape(*x.shape[:2], -1)
        value = window.max(axis=-1) if op.kind == "max" else window.sum(axis=-1) / window.shape[-1]
        result[at(..., *(i for i, _ in chosen))] = value
    return result


def resize(x: Array, op: Resize, outs: Sequence[int]) -> Array:
    """Resampling, one axis after the other.

    nearest reads cell floor(i / scale): with an op that counts `exact` in exact numbers (Keras repeats cells), else in
    the data's own float type as PyTorch does, which can land one cell lower. linear takes half-pixel centres held inside the data, or
    with `align_corners` lays the first and last centres on each other. area averages shares of the cells.

    Raises:
        ArgumentError: CW208 for a mode that is not in this release.
    """
    if op.mode == "area":
        return adaptive_pool(x, AdaptivePool("average", tuple(outs)), outs)
    if op.mode not in ("nearest", "nearest-exact", "linear"):
        raise ArgumentError(
            "CW208",
            f"resizing with mode {op.mode!r} does not run in this release",
            received=op.mode,
            hint="the engine runs nearest, nearest-exact, linear and area; its sizes are known all the same",
        )
    for number, out in enumerate(outs):
        size = x.shape[2 + number]
        step = size / out if op.scales is None else float(1 / op.scales[number])
        if op.mode == "linear":
            x = _linear(x, 2 + number, out, step, op.align_corners)
            continue
        if op.mode == "nearest" and op.exact and op.scales is not None:
            order = np.array([min(int(i / op.scales[number]), size - 1) for i in range(out)], np.intp)
        else:
            real: type[np.floating[Any]] = np.float64 if x.dtype == np.float64 else np.float32
            half: Any = real(0.5 if op.mode == "nearest-exact" else 0.0)
            # PyTorch floors with floorf, which rounds a double first.
            order = np.floor(((np.arange(out, dtype=real) + half) * real(step)).astype(np.float32)).astype(np.intp)
        x = np.take(x, np.minimum(order, size - 1), axis=2 + number)
    return x


def _linear(x: Array, place: int, out: int, step: float, align_corners: bool) -> Array:
    size = x.shape[place]
    if align_corners:
        centres = np.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        centres = np.maximum((np.arange(out) + 0.5) * step - 0.5, 0.0)
    low = np.minimum(np.floor(centres).astype(np.intp), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = (centres - low).astype(x.dtype).reshape(-1, *(1 for _ in x.shape[place + 1 :]))
    result: Array = np.take(x, low, axis=place) * (1 - share) + np.take(x, high, axis=place) * share
    return result


def pixel_shuffle(x: Array, op: PixelShuffle) -> Array:
    """Channel c r^2 + i r + j becomes pixel (i, j) of channel c's r x r squares; with `inverse`, back.

    With `pixels_first` the channels of the deep map come as (i, j, c), not as (c, i, j).
    """
    batch, channels, *sizes = x.shape
    rank, factors = op.rank, (op.factor,) * op.rank
    if op.pixels_first:
        cells = prod(factors)
        if op.inverse:
            deep = pixel_shuffle(x, replace(op, pixels_first=False))
            return deep.reshape(batch, channels, cells, *deep.shape[2:]).swapaxes(1, 2).reshape(deep.shape)
        turned = x.reshape(batch, cells, channels // cells, *sizes).swapaxes(1, 2).reshape(x.shape)
        return pixel_shuffle(turned, replace(op, pixels_first=False))
    if op.inverse:
        small = [size // op.factor for size in sizes]
        split = x.reshape(batch, channels, *(n for size in small for n in (size, op.factor)))
        moved = split.transpose(0, 1, *range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2))
        return moved.reshape(batch, channels * prod(factors), *small)
    split = x.reshape(batch, channels // prod(factors), *factors, *sizes)
    moved = split.transpose(0, 1, *(place for i in range(rank) for place in (2 + rank + i, 2 + i)))
    return moved.reshape(batch, channels // prod(factors), *(size * op.factor for size in sizes))


def channel_shuffle(x: Array, groups: int, channels_last: bool) -> Array:
    """Channels dealt out: channel g * each + i becomes i * groups + g. Channels first, they are axis 1 with or without a batch (PyTorch)."""
    place = x.ndim - 1 if channels_last else 1
    if x.ndim < 2:
        raise ShapeError(
            "CW101",
            f"{x.ndim} axes where at least 2 are needed",
            received=x.shape,
            hint="batch, channels and spatial sizes",
        )
    if x.shape[place] % groups:
        raise ShapeError(
            "CW105",
            f"{x.shape[place]} channels do not divide into {groups} groups",
            axis="channels",
            received=x.shape[place],
        )
    split = x.reshape(*x.shape[:place], groups, -1, *x.shape[place + 1 :])
    return split.swapaxes(place, place + 1).reshape(x.shape)


def rearrange(x: Array, op: Flatten | Reshape | Unflatten | Permute, output: tuple[int, ...]) -> Array:
    """Flatten, reshape, unflatten and permute, on the array in the framework's own order."""
    if isinstance(op, Permute):
        return x.transpose(op.order)
    if isinstance(op, Flatten) and op.channels_to_last and x.ndim > 1:
        x = np.moveaxis(x, 1, -1)
    return x.reshape(output)
