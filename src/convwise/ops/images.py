"""Layers as the kernels of images take them: a line is an image of one row, and a border of other cells than zeros is laid around before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convwise.axis import Pads, Window
from convwise.ops.conv import Conv, ConvTranspose
from convwise.ops.pool import AdaptivePool, GlobalPool, Pool
from convwise.ops.space import Pad

Lines = Conv | ConvTranspose | Pool | GlobalPool | AdaptivePool
ROW = Window(1)


def as_image(op: object) -> Lines | None:
    """A convolution or pool over one axis as one over height and width, the height being one cell; None for any other.

    >>> as_image(Conv((Window(3, stride=2),), 4, 8)).weight_shape()
    (8, 4, 1, 3)
    """
    match op:
        case Conv(windows=(window,)) | Pool(windows=(window,)):
            return replace(op, windows=(ROW, window))
        case ConvTranspose(windows=(window,)):
            extra = (0, *op.output_padding) if op.output_padding else ()
            return replace(op, windows=(ROW, window), output_padding=extra)
        case GlobalPool(rank=1):
            return replace(op, rank=2)
        case AdaptivePool(sizes=(size,)):
            return replace(op, sizes=(1, size))
        case _:
            return None


def without_border(op: Conv, sizes: Sequence[int]) -> tuple[Pad, Conv]:
    """A convolution with a padding mode on a map of `sizes`: what lays its border around, and the convolution without it."""
    axes = [window.over(size) for window, size in zip(op.windows, sizes, strict=True)]
    # Cells that the last window reaches past the border are zeros.
    windows = tuple(Window(axis.kernel, axis.stride, axis.dilation, Pads(0, axis.overhang)) for axis in axes)
    border = Pad(tuple(Pads(axis.pad_low, axis.pad_high) for axis in axes), op.padding_mode)
    return border, replace(op, windows=windows, padding_mode="zeros")
