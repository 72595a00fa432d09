"""The fast forms: strided views of all windows at once, and one matrix product per block of outputs.

Arrays are (batch, channels, *spatial) views here; `channels_last` says how they lie in memory, so that the copies run
along it and nothing is transposed without need. The columns of a convolution are built for a block of outputs at a
time, so that the extra memory stays within `BLOCK_BYTES` (or one output's own window, where that is larger).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convwise.axis import Axis
from convwise.engine.arrays import Array, at, check_memory
from convwise.engine.reference import divisor, lowest, root
from convwise.ops import ConvTranspose, Pool

BLOCK_BYTES = 4 * 2**20
"""Columns built at a time: they should stay in the processor's cache between being written and multiplied."""

FEW = 8
"""Up to so many outputs per group with one input channel, a loop over the taps beats a matrix product."""


def refit(x: Array, lows: Sequence[int], lengths: Sequence[int], fill: float = 0) -> Array:
    """The spatial axes moved back by `lows` and cut or filled up to `lengths`: cell j of the result is cell j - low of `x`.

    A view where nothing is to be filled.
    """
    inside, places = [], []
    for size, low, length in zip(x.shape[2:], lows, lengths, strict=True):
        first, stop = max(-low, 0), max(min(size, length - low), max(-low, 0))
        inside.append(slice(first, stop))
        places.append(slice(first + low, stop + low))
    data: Array = x[at(..., *inside)]
    if data.shape[2:] == tuple(lengths):
        return data
    check_memory((*x.shape[:2], *lengths), x.itemsize, "the padded data")
    # Filled in the order in which the data lies, so that both layouts copy along their own memory.
    result = np.full_like(data, fill, shape=(*x.shape[:2], *lengths), order="K")
    result[at(..., *places)] = data
    return result


def padded(x: Array, axes: Sequence[Axis], fill: float = 0) -> Array:
    """`x` with what its windows read of padding and overhang; cells behind the last tap are left out."""
    lows = [axis.pad_low for axis in axes]
    return refit(x, lows, [axis.last_tap + axis.pad_low + 1 for axis in axes], fill)


def padded_cells(axes: Sequence[Axis]) -> int:
    """The number of cells per channel that `padded` gives."""
    return prod(axis.last_tap + axis.pad_low + 1 for axis in axes)


def tap_slice(axis: Axis, tap: int, first: int, stop: int) -> slice:
    """Where outputs first..stop-1 find kernel position `tap` in the padded data."""
    return slice(axis.taps(first)[tap] + axis.pad_low, axis.taps(stop - 1)[tap] + axis.pad_low + 1, axis.stride)


def _window_slice(axis: Axis, index: int) -> slice:
    """Where the taps of output `index` lie in the padded data."""
    taps = axis.taps(index)
    return slice(taps[0] + axis.pad_low, taps[-1] + axis.pad_low + 1, axis.dilation)


def blocks(sizes: Sequence[int], most: int) -> Iterator[tuple[slice, ...]]:
    """The grid of `sizes` cut into boxes of at most `most` cells (at least one): whole trailing axes as far as they fit."""
    lengths, room = [], max(most, 1)
    for size in reversed(sizes):
        lengths.append(max(min(size, room), 1))
        room //= max(size, 1)
    ranges = (range(0, size, length) for size, length in zip(sizes, reversed(lengths), strict=True))
    for corner in product(*ranges):
        yield tuple(
            slice(i, min(i + length, size)) for i, length, size in zip(corner, reversed(lengths), sizes, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """A convolution's weights in the order in which they are multiplied.

    `matrix` is (groups, out / groups, in / groups * taps); with `last`, (taps * in, out), for channels-last data and one
    group; None where a loop over taps is faster.
    """

    weight: Array
    matrix: Array | None
    last: bool = False


def pack(weight: Array, groups: int, channels_last: bool) -> Packed:
    """Weights (out, in / groups, *kernel) made ready."""
    each = len(weight) // groups
    if weight.shape[1] == 1 and groups > 1 and each <= FEW:
        return Packed(weight, None)
    if channels_last and groups == 1:
        taps_first = np.moveaxis(weight, (0, 1), (-1, -2))
        return Packed(weight, np.ascontiguousarray(taps_first).reshape(-1, each), last=True)
    return Packed(weight, np.ascontiguousarray(weight).reshape(groups, each, -1))


def conv(x: Array, packed: Packed, axes: Sequence[Axis], channels_last: bool) -> Array:
    """A convolution; what comes back is (batch, out, *outs), in whatever memory order was fastest."""
    data = padded(x, axes)
    if packed.matrix is None:
        return _by_taps(data, packed.weight, axes, channels_last)
    data = _innermost(data, 1 if packed.last else -1)
    steps = [slice(None, None, axis.stride) for axis in axes]
    if all(axis.kernel == 1 for axis in axes):
        points = data[at(..., *steps)]
        return _points_last(points, packed.matrix) if packed.last else _points_first(points, packed.matrix)
    spatial = tuple(range(2, 2 + len(axes)))
    windows = sliding_window_view(data, [axis.span for axis in axes], spatial)
    windows = windows[at(..., *steps, *(slice(None, None, axis.dilation) for axis in axes))]
    return _columns_last(windows, packed.matrix) if packed.last else _columns_first(windows, packed.matrix)


def _innermost(data: Array, place: int) -> Array:
    """`data` with neighbours on axis `place` being neighbours in memory; copied where they are not."""
    if data.strides[place] == data.itemsize:
        return data
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(data, place, -1)), -1, place)


def _points_first(x: Array, matrix: Array) -> Array:
    """A 1x1 convolution is a matrix product on the channels: no columns, no copy of contiguous data."""
    groups, each, inner = matrix.shape
    cells = _multipliable(x.reshape(len(x), groups, inner, -1))
    result: Array = np.matmul(matrix, cells)
    return result.reshape(len(x), groups * each, *x.shape[2:])


def _points_last(x: Array, matrix: Array) -> Array:
    rows = np.moveaxis(x, 1, -1)
    result: Array = np.matmul(_multipliable(rows.reshape(-1, len(matrix))), matrix)
    return np.moveaxis(result.reshape(*rows.shape[:-1], -1), -1, 1)


def _multipliable(a: Array) -> Array:
    """`a`, copied if the fast matrix product cannot read its strides (it would fall back to a slow loop)."""
    row, column = a.strides[-2:]
    steps = {row, column}
    fast = (
        a.itemsize in steps
        and min(steps) > 0
        and all(step % a.itemsize == 0 for step in steps)
        and max(steps) >= a.itemsize * a.shape[-1 if column == a.itemsize else -2]
    )
    return a if fast else np.ascontiguousarray(a)


def _columns_first(windows: Array, matrix: Array) -> Array:
    """`windows` is (batch, channels, *outs, *kernel): per block and image, (groups, out, in taps) @ (groups, in taps, outputs)."""
    groups, each, inner = matrix.shape
    rank = (windows.ndim - 2) // 2
    grid = (len(windows), *windows.shape[2 : 2 + rank])
    result = np.empty((len(windows), groups * each, *grid[1:]), windows.dtype)
    most = BLOCK_BYTES // (groups * inner * windows.itemsize)
    buffer = np.empty(groups * inner * max(min(most, prod(grid)), 1), windows.dtype)
    # Taps before outputs, so that a row of the columns runs along a row of the data.
    taps_first = windows.transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    for images, *box in blocks(grid, most):
        part = taps_first[at(images, ..., *box)]
        columns = buffer[: part.size].reshape(part.shape)
        np.copyto(columns, part)
        sums = np.matmul(matrix, columns.reshape(len(part), groups, inner, -1))
        result[at(images, slice(None), *box)] = sums.reshape(len(part), groups * each, *part.shape[2 + rank :])
    return result


def _columns_last(windows: Array, matrix: Array) -> Array:
    """The same with the channels innermost: per block of all images, (outputs, taps in) @ (taps in, out)."""
    inner, filters = matrix.shape
    rank = (windows.ndim - 2) // 2
    grid = (len(windows), *windows.shape[2 : 2 + rank])
    result = np.empty((*grid, filters), windows.dtype)
    most = BLOCK_BYTES // (inner * windows.itemsize)
    buffer = np.empty(inner * max(min(most, prod(grid)), 1), windows.dtype)
    channels_innermost = np.moveaxis(windows, 1, -1)
    for block in blocks(grid, most):
        part = channels_innermost[block]
        columns = buffer[: part.size].reshape(part.shape)
        np.copyto(columns, part)
        sums = np.matmul(columns.reshape(-1, inner), matrix)
        result[block] = sums.reshape(*part.shape[: 1 + rank], filters)
    return np.moveaxis(result, -1, 1)


def _by_taps(data: Array, weight: Array, axes: Sequence[Axis], channels_last: bool) -> Array:
    """A depthwise convolution: for each tap, the shifted data times one number per channel, added up in pieces that fit the cache."""
    batch, channels = data.shape[:2]
    each, outs = len(weight) // channels, tuple(axis.out for axis in axes)
    if channels_last:
        result = np.moveaxis(np.empty((batch, *outs, channels * each), data.dtype), -1, 1)
        grid = (batch, 1, *outs)
    else:
        result = np.empty((batch, channels * each, *outs), data.dtype)
        grid = (batch, channels, *(1 for _ in outs))
    cells = prod(result.shape) // max(prod(grid), 1)
    for image, which, *box in blocks(grid, BLOCK_BYTES // 8 // (cells * data.itemsize)):
        part = slice(None) if channels_last else which
        # Whole axes where the channels were cut, else the box of outputs.
        ends = [(s.start, s.stop) if channels_last else (0, out) for s, out in zip(box, outs, strict=True)]
        for m in range(each):
            target = result[image, m::each][at(slice(None), part, *(slice(*end) for end in ends))]
            piece = None
            for tap in np.ndindex(*weight.shape[2:]):
                cut = [tap_slice(axis, t, *end) for axis, t, end in zip(axes, tap, ends, strict=True)]
                factor = weight[at(slice(m, None, each), 0, *tap)][part].reshape(-1, *(1 for _ in outs))
                source = data[(image, part, *cut)]
                if piece is None:
                    np.multiply(source, factor, out=target)
                    piece = np.empty_like(target)
                else:
                    target += np.multiply(source, factor, out=piece)
    return result


def conv_transpose(x: Array, weight: Array, op: ConvTranspose, axes: Sequence[Axis]) -> Array:
    """One matrix product gives what every input cell adds to every tap; the taps are then added up where they belong."""
    groups = op.groups or 1
    each, kernel = weight.shape[1], weight.shape[2:]
    # (groups, out / groups * taps, in / groups)
    matrix = np.ascontiguousarray(weight.reshape(groups, len(weight) // groups, -1).transpose(0, 2, 1))
    sizes = x.shape[2:]
    sums = _canvas((*x.shape[:1], groups * each), axes, sizes, x.dtype)
    most = BLOCK_BYTES // (matrix.shape[0] * matrix.shape[1] * x.itemsize)
    for image, target in zip(x, sums, strict=True):
        for block in blocks(sizes, most):
            part = image[at(slice(None), *block)]
            values = np.ascontiguousarray(part).reshape(groups, matrix.shape[2], -1)
            stamps = np.matmul(matrix, values).reshape(groups * each, *kernel, *part.shape[1:])
            _add_taps(target, stamps, axes, block)
    return _crop_canvas(sums, axes)


def fold(columns: Array, axes: Sequence[Axis]) -> Array:
    """Columns (batch, channels * taps, windows) added up into maps."""
    kernel, outs = tuple(axis.kernel for axis in axes), tuple(axis.out for axis in axes)
    stamps = columns.reshape(len(columns), -1, *kernel, *outs)
    sums = _canvas(stamps.shape[:2], axes, outs, columns.dtype)
    for target, stamp in zip(sums, stamps, strict=True):
        _add_taps(target, stamp, axes, tuple(slice(0, out) for out in outs))
    return _crop_canvas(sums, axes)


def canvas_lengths(axes: Sequence[Axis], sizes: Sequence[int]) -> list[int]:
    """From the first tap of window 0 to the last tap of the last of `sizes` windows, padding included."""
    return [axis.taps(size - 1)[-1] + axis.pad_low + 1 for axis, size in zip(axes, sizes, strict=True)]


def _canvas(lead: tuple[int, ...], axes: Sequence[Axis], sizes: Sequence[int], dtype: np.dtype[np.generic]) -> Array:
    shape = (*lead, *canvas_lengths(axes, sizes))
    check_memory(shape, dtype.itemsize, "the output before cropping")
    return np.zeros(shape, dtype)


def _crop_canvas(sums: Array, axes: Sequence[Axis]) -> Array:
    return refit(sums, [-axis.pad_low for axis in axes], [axis.size for axis in axes])


def _add_taps(target: Array, stamps: Array, axes: Sequence[Axis], block: tuple[slice, ...]) -> None:
    """Adds stamps (channels, *kernel, *cells of the block) to the padded map `target`, one tap at a time."""
    for tap in np.ndindex(*(axis.kernel for axis in axes)):
        cut = [tap_slice(axis, t, cells.start, cells.stop) for axis, t, cells in zip(axes, tap, block, strict=True)]
        target[at(slice(None), *cut)] += stamps[at(slice(None), *tap)]


def pool(x: Array, op: Pool, axes: Sequence[Axis]) -> Array:
    """Maximum and sum over a box are taken one axis after the other: kernel + kernel passes instead of kernel x kernel."""
    if op.kind == "lp":
        assert op.power is not None
        x = x**op.power
    combine = np.maximum if op.kind == "max" else np.add
    data = padded(x, axes, lowest(x.dtype) if op.kind == "max" else 0)
    for place, axis in enumerate(axes, start=2):
        data = _reduce_axis(data, place, axis, combine)
    if op.kind == "max":
        return data
    counts = _divisors(op, axes, data.dtype)
    mean = data / counts
    return root(op, mean) if op.kind == "lp" else mean


def _reduce_axis(data: Array, place: int, axis: Axis, combine: np.ufunc) -> Array:
    before = (slice(None),) * place
    if axis.out < axis.kernel:
        windows = (data[at(*before, _window_slice(axis, i))] for i in range(axis.out))
        return np.stack([combine.reduce(window, axis=place) for window in windows], axis=place)
    result: Array = data[at(*before, tap_slice(axis, 0, 0, axis.out))].copy(order="K")
    for tap in range(1, axis.kernel):
        combine(result, data[at(*before, tap_slice(axis, tap, 0, axis.out))], out=result)
    return result


def _divisors(op: Pool, axes: Sequence[Axis], dtype: np.dtype[np.generic]) -> Array:
    """The divisor of every output: a number where one is given, else the product of counts along each axis."""
    if op.divisor is not None:
        return np.asarray(op.divisor, dtype)
    result = np.ones((), np.int64)
    for number, axis in enumerate(axes):
        alone = Pool(op.kind, (op.windows[number],), op.count_padding, None, op.power)
        counts = np.array([divisor(alone, (axis,), (i,)) for i in range(axis.out)])
        result = result[..., None] * counts
    return result.astype(dtype)


def unfold(x: Array, axes: Sequence[Axis]) -> Array:
    """Every window as a column: (batch, channels * taps, windows)."""
    rank = len(axes)
    windows = sliding_window_view(padded(x, axes), [axis.span for axis in axes], tuple(range(2, 2 + rank)))
    steps = [slice(None, None, axis.stride) for axis in axes] + [slice(None, None, axis.dilation) for axis in axes]
    taps_first: Array = windows[at(..., *steps)].transpose(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    return taps_first.reshape(len(x), x.shape[1] * prod(axis.kernel for axis in axes), -1)
