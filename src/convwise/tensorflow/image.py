"""`tf.image`: resizing and flipping images, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise import dialects
from convwise.errors import ArgumentError
from convwise.keras.tensor import Tensor, as_tensor, made_of
from convwise.ops import Layout
from convwise.runtime.running import run
from convwise.runtime.values import make_call

METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5")


class ResizeMethod:
    """The methods by TensorFlow's names."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA, LANCZOS3, LANCZOS5 = METHODS


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images of (batch, height, width, channels), or one without the batch, in another size: float32, and by "nearest" of their own type.

    Raises:
        ArgumentError: CW605, CW606, CW208 for what is not images, no size, or a method that does not run.
    """
    array = made_of(images)
    if array.ndim not in (3, 4):
        raise ArgumentError(
            "CW605",
            f"images have 3 or 4 axes, not {array.ndim}",
            received=array.shape,
            quote="'images' must have either 3 or 4 dimensions.",
        )
    if method not in METHODS:
        raise ArgumentError(
            "CW208",
            f"resizing by {method!r} does not run in this release",
            received=method,
            quote=f"Resize method is not implemented: {method}" if method not in ("gaussian", "mitchellcubic") else "",
            hint=f"the methods are {', '.join(METHODS)}",
        )
    height, width = _fitted(array.shape[-3:-1], _pair(size)) if preserve_aspect_ratio else _pair(size)
    if method != "nearest":
        array = array.astype(np.float32)
    call = make_call("Resizing", (height, width), {"interpolation": method, "antialias": antialias})
    (op,) = dialects.get("keras").read(call, None).ops
    return as_tensor(run(op, array, None, Layout(channels_last=True, batched=array.ndim == 4), "keras"))


def _pair(size: Any) -> tuple[int, int]:
    """(height, width).

    Raises:
        ArgumentError: CW606.
    """
    given = np.asarray(size)
    if given.shape != (2,) or given.dtype.kind not in "iu" or given.min() < 1:
        raise ArgumentError(
            "CW606",
            "a size is (height, width), two integers of at least 1",
            axis="size",
            received=size,
            quote="'size' must be a 1-D Tensor of 2 elements: new_height, new_width" if given.shape != (2,) else "",
        )
    return int(given[0]), int(given[1])


def _fitted(old: tuple[int, ...], new: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the old one's proportions that fits into the new one, computed in float32 as TensorFlow does."""
    scale = min(np.float32(new[0]) / np.float32(old[0]), np.float32(new[1]) / np.float32(old[1]))
    height, width = (max(int(np.round(scale * np.float32(side))), 1) for side in old)
    return height, width


def flip_left_right(image: Any) -> Tensor:
    """The columns in the opposite order."""
    return as_tensor(np.flip(made_of(image), -2).copy())


def flip_up_down(image: Any) -> Tensor:
    """The rows in the opposite order."""
    return as_tensor(np.flip(made_of(image), -3).copy())


__all__ = ["ResizeMethod", "flip_left_right", "flip_up_down", "resize"]
