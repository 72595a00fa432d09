"""Dense layers and normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from convwise.engine.arrays import Array
from convwise.errors import ArgumentError
from convwise.ops import Dense, Layout, Norm


def dense(x: Array, weight: Array, op: Dense, *, literal: bool) -> Array:
    """A matrix (out, in) on the last axis."""
    if not literal:
        product: Array = np.matmul(x.reshape(prod(x.shape[:-1]), x.shape[-1]), np.ascontiguousarray(weight).T).reshape(
            *x.shape[:-1], op.out_features
        )
        return product
    return np.stack([(x * row).sum(axis=-1) for row in weight], axis=-1)


def norm_axes(op: Norm, ndim: int, layout: Layout) -> tuple[int, ...]:
    """The axes that the features lie on."""
    if op.axes == "channels":
        return (ndim - 1 if layout.channels_last else int(layout.batched),)
    assert not isinstance(op.axes, str)
    return tuple(sorted(axis % ndim for axis in op.axes))


def norm(x: Array, op: Norm, weights: Mapping[str, Array], layout: Layout) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * scale + shift; the variance is the mean of squared deviations.

    What mean and variance are taken over: kind batch, the stored moments (without them, everything but the features);
    layer and rms, the features; instance, the map of each channel; group, each group of channels with its map.
    rms subtracts no mean; unit divides by the length, sqrt(max(sum of squares, epsilon)).
    """
    places = norm_axes(op, x.ndim, layout)
    weights = {name: _spread(name, value, x.shape, places) for name, value in weights.items()}
    if "mean" in weights:
        mean, variance = weights["mean"], weights["variance"]
    elif op.kind == "group":
        return _affine(_group(x, op, places[0], layout), weights)
    elif op.kind == "unit":
        squares = np.square(x).sum(axis=places, keepdims=True)
        return np.asarray(x / np.sqrt(np.maximum(squares, x.dtype.type(op.epsilon))))
    else:
        over = _over(op, x.ndim, places, layout)
        mean = np.zeros((), x.dtype) if op.kind == "rms" else x.mean(axis=over, keepdims=True)
        variance = np.square(x - mean).mean(axis=over, keepdims=True)
    return _affine((x - mean) / np.sqrt(variance + np.asarray(op.epsilon, x.dtype)), weights)


def _over(op: Norm, ndim: int, places: tuple[int, ...], layout: Layout) -> tuple[int, ...]:
    if op.kind in ("layer", "rms"):
        return places
    if op.kind not in ("batch", "instance"):
        raise ArgumentError(
            "CW208",
            f"normalisation of kind {op.kind!r} does not run in this release",
            received=op.kind,
            hint="the engine runs batch, layer, rms, unit, instance and group",
        )
    kept = {*places, 0} if op.kind == "instance" and layout.batched else set(places)
    return tuple(axis for axis in range(ndim) if axis not in kept)


def _group(x: Array, op: Norm, place: int, layout: Layout) -> Array:
    groups = op.groups or 1
    first = np.moveaxis(x, place, int(layout.batched))
    lead = first.shape[: int(layout.batched)]
    rows = first.reshape(*lead, groups, -1)
    mean = rows.mean(axis=-1, keepdims=True)
    variance = np.square(rows - mean).mean(axis=-1, keepdims=True)
    rows = (rows - mean) / np.sqrt(variance + np.asarray(op.epsilon, x.dtype))
    return np.moveaxis(rows.reshape(first.shape), int(layout.batched), place)


def _affine(x: Array, weights: Mapping[str, Array]) -> Array:
    if "scale" in weights:
        x = x * weights["scale"]
    return x + weights["shift"] if "shift" in weights else x


def _spread(name: str, value: Array, shape: tuple[int, ...], places: tuple[int, ...]) -> Array:
    """A number per feature, shaped so that it meets the features' axes of `shape`."""
    sizes = tuple(shape[place] for place in places)
    if value.size != np.prod(sizes, dtype=np.int64) or value.shape not in (sizes, (value.size,)):
        raise ArgumentError(
            "CW605",
            f"{name} has shape {value.shape} where {sizes} is needed",
            received=value.shape,
            hint="one number per normalised feature",
        )
    return value.reshape(tuple(size if place in places else 1 for place, size in enumerate(shape)))
