"""The literal forms: one loop over the outputs, every window taken from the Axis. Slow, and obviously right.

Arrays are (batch, channels, *spatial) here, whatever the layout outside. Padding of zeros is multiplied like data, so
an infinite weight over padding gives NaN, as in PyTorch without groups (TensorFlow skips those products).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from convwise.axis import Axis
from convwise.engine.arrays import Array, at
from convwise.ops import Conv, ConvTranspose, Pool


def cells(axis: Axis, index: int) -> tuple[slice, slice]:
    """Which data cells output `index` reads, and with which kernel positions."""
    kernel = axis.taps_in_data(index)
    data = axis.taps(index)[kernel.start : kernel.stop]
    return (slice(data.start, data.stop, data.step) if kernel else slice(0, 0)), slice(kernel.start, kernel.stop)


def window_at(x: Array, axes: Sequence[Axis], index: Sequence[int]) -> Array:
    """The cells that the output at `index` reads: (batch, channels, *kernel), 0 where they are padding."""
    window = np.zeros((*x.shape[:2], *(axis.kernel for axis in axes)), x.dtype)
    places = [cells(axis, i) for axis, i in zip(axes, index, strict=True)]
    window[at(..., *(kernel for _, kernel in places))] = x[at(..., *(data for data, _ in places))]
    return window


def conv(x: Array, weight: Array, op: Conv, axes: Sequence[Axis]) -> Array:
    """Each output is the sum of products of its window with its filter; `weight` is (out, in / groups, *kernel).

    Filter f reads the input channels of its group alone.
    """
    outs = tuple(axis.out for axis in axes)
    filters, inner = weight.shape[:2]
    each = filters // (op.groups or 1)
    result = np.empty((x.shape[0], filters, *outs), x.dtype)
    for index in np.ndindex(*outs):
        window = window_at(x, axes, index)
        for f in range(filters):
            first = f // each * inner
            seen = window[:, first : first + inner]
            result[at(slice(None), f, *index)] = (seen * weight[f]).reshape(len(x), -1).sum(axis=-1)
    return result


def conv_transpose(x: Array, weight: Array, op: ConvTranspose, axes: Sequence[Axis]) -> Array:
    """Each input cell adds its value times the kernel to the output, where the forward convolution's window would have read.

    `axes` are the forward windows over the *output*; `weight` is (in, out / groups, *kernel).
    """
    batch, groups = x.shape[0], op.groups or 1
    each, kernel = weight.shape[1], weight.shape[2:]
    result = np.zeros((batch, groups * each, *(axis.size for axis in axes)), x.dtype)
    weight = weight.reshape(groups, len(weight) // groups, -1)
    for index in np.ndindex(*x.shape[2:]):
        value = x[at(..., *index)].reshape(batch, groups, weight.shape[1])
        stamp = np.einsum("ngi,gik->ngk", value, weight).reshape(batch, groups * each, *kernel)
        places = [cells(axis, i) for axis, i in zip(axes, index, strict=True)]
        result[at(..., *(data for data, _ in places))] += stamp[at(..., *(tap for _, tap in places))]
    return result


def lowest(dtype: np.dtype[np.generic]) -> float:
    """What the maximum over no cells is: -inf, or the smallest int64."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(np.int64).min)


def pool(x: Array, op: Pool, axes: Sequence[Axis]) -> Array:
    """Each output is the maximum, average or power mean of the data its window reads, channel by channel.

    The maximum over a window wholly in padding is -inf, as in PyTorch; a NaN in the window gives NaN. The power mean is
    (mean of x**p, times the kernel's taps) ** (1 / p): PyTorch's, which therefore weighs a window cut short by `ceil` up.
    """
    outs = tuple(axis.out for axis in axes)
    result = np.empty((*x.shape[:2], *outs), x.dtype)
    for index in np.ndindex(*outs):
        places = [cells(axis, i) for axis, i in zip(axes, index, strict=True)]
        seen = x[at(..., *(data for data, _ in places))].reshape(*x.shape[:2], -1)
        if op.kind == "max":
            result[at(..., *index)] = seen.max(axis=-1, initial=lowest(x.dtype))
        elif op.kind == "lp":
            assert op.power is not None
            result[at(..., *index)] = root(op, (seen**op.power).sum(axis=-1) / divisor(op, axes, index))
        else:
            result[at(..., *index)] = seen.sum(axis=-1) / divisor(op, axes, index)
    return result


def divisor(op: Pool, axes: Sequence[Axis], index: Sequence[int]) -> int:
    """The number that the sum of the window at `index` is divided by; 1 where the window reads nothing that counts."""
    if op.divisor is not None:
        return op.divisor
    padding_counts = op.count_padding or op.kind == "lp"
    taps = (
        axis.taps_in_padded(i) if padding_counts else axis.taps_in_data(i) for axis, i in zip(axes, index, strict=True)
    )
    return max(prod(len(tap) for tap in taps), 1)


def root(op: Pool, mean: Array) -> Array:
    """The power mean from the mean of the powers."""
    assert op.power is not None
    result: Array = (mean * prod(window.kernel for window in op.windows)) ** (1.0 / op.power)
    return result


def unfold(x: Array, axes: Sequence[Axis]) -> Array:
    """Every window as a column: (batch, channels * taps, windows)."""
    outs = tuple(axis.out for axis in axes)
    columns = [window_at(x, axes, index).reshape(x.shape[0], -1) for index in np.ndindex(*outs)]
    return np.stack(columns, axis=-1)


def fold(columns: Array, axes: Sequence[Axis]) -> Array:
    """Every column added back to the cells it came from; `columns` is (batch, channels * taps, windows)."""
    kernel = tuple(axis.kernel for axis in axes)
    channels = columns.shape[1] // prod(kernel)
    result = np.zeros((columns.shape[0], channels, *(axis.size for axis in axes)), columns.dtype)
    for number, index in enumerate(np.ndindex(*(axis.out for axis in axes))):
        stamp = columns[:, :, number].reshape(-1, channels, *kernel)
        places = [cells(axis, i) for axis, i in zip(axes, index, strict=True)]
        result[at(..., *(data for data, _ in places))] += stamp[at(..., *(tap for _, tap in places))]
    return result
