"""Resizing by weighted sums of cells: one matrix (out, in) per axis, as Keras on TensorFlow and PyTorch fill them.

Kernels: triangle (bilinear), Keys's cubic (1981; TensorFlow a = -0.5, PyTorch a = -0.75), Lanczos of 3 and 5 lobes, box (area).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def keys_cubic(x: Array, a: float) -> Array:
    """Keys's cubic convolution kernel, zero beyond two cells."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    result: Array = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return result


def triangle(x: Array) -> Array:
    result: Array = np.maximum(1 - np.abs(x), 0.0)
    return result


def lanczos(x: Array, lobes: int) -> Array:
    """A sinc under a wider sinc, zero beyond `lobes` cells."""
    return np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


KERNELS: dict[str, tuple[float, Callable[[Array], Array]]] = {
    "linear": (1.0, triangle),
    "cubic": (2.0, lambda x: keys_cubic(x, -0.5)),
    "lanczos3": (3.0, lambda x: lanczos(x, 3)),
    "lanczos5": (5.0, lambda x: lanczos(x, 5)),
}
"""Mode -> (radius in cells, kernel)."""


def scaled(size: int, out: int, mode: str, antialias: bool, step: float | None = None) -> Array:
    """TensorFlow's `scale_and_translate`: the kernel about each output's centre, widened where it shrinks with `antialias`, summing to 1.

    PyTorch's antialias is the same, and may have a `step` of its own from one centre to the next.
    """
    radius, kernel = KERNELS[mode]
    step = size / out if step is None else step
    wide = max(step, 1.0) if antialias else 1.0
    centres = (np.arange(out) + 0.5) * step
    distance = (np.arange(size) + 0.5 - centres[:, None]) / wide
    weights = np.where(np.abs(distance) <= radius, kernel(distance), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total == 0, 1.0, total)


def tabled_cubic(size: int, out: int) -> Array:
    """TensorFlow's bicubic without antialias: four taps from a table of 1024 steps, those outside left out, summing to 1."""
    centres = (np.arange(out) + 0.5) * (size / out) - 0.5
    low = np.floor(centres)
    share = np.rint((centres - low) * 1024) / 1024
    taps = low[:, None] + np.arange(-1, 3)
    weights = keys_cubic(share[:, None] - np.arange(-1, 3), -0.5) * ((taps >= 0) & (taps < size))
    return _spread(taps, weights / weights.sum(axis=1, keepdims=True), size)


def held_cubic(size: int, out: int, step: float, align_corners: bool) -> Array:
    """PyTorch's bicubic: four taps, those outside held at the border."""
    if align_corners:
        centres = np.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        centres = (np.arange(out) + 0.5) * step - 0.5
    low = np.floor(centres)
    weights = keys_cubic((centres - low)[:, None] - np.arange(-1, 3), -0.75)
    return _spread(low[:, None] + np.arange(-1, 3), weights, size)


def shares(size: int, out: int) -> Array:
    """TensorFlow's area: each output averages the cells under it, those cut by its edges in part."""
    step = size / out
    starts = np.arange(out)[:, None] * step
    cells = np.arange(size)[None, :]
    covered = np.minimum(cells + 1, starts + step) - np.maximum(cells, starts)
    result: Array = np.maximum(covered, 0.0) / step
    return result


def _spread(taps: Array, weights: Array, size: int) -> Array:
    matrix = np.zeros((taps.shape[0], size))
    cells = np.clip(taps, 0, size - 1).astype(np.intp)
    np.add.at(matrix, (np.arange(taps.shape[0])[:, None], cells), weights)
    return matrix


def apply(x: Array, matrices: Sequence[Array], first: int) -> Array:
    """Each matrix on its axis of `x`, from axis `first` on; computed in the data's own type, whole numbers in float32."""
    kind = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
    x = x.astype(kind, copy=False)
    for axis, matrix in enumerate(matrices, start=first):
        x = np.moveaxis(np.tensordot(x, matrix.astype(kind), axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(x)
