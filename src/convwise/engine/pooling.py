"""Pooling and transposed convolution of images on compiled kernels, where there are some; None where NumPy must serve."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convwise.axis import Axis
from convwise.engine import planning
from convwise.engine.arrays import Array
from convwise.engine.calls import FLOAT, address, dense_steps, empty, prepare, problem_of, result_shape
from convwise.engine.compiled import SLICE, Steps, fits, pad_bias, steps_of
from convwise.engine.families.pool import divisors
from convwise.engine.native import Buffer, check, describe
from convwise.engine.problem import LARGEST_INDEX, Choice, Problem
from convwise.ops import ConvTranspose, Pool


def pool(x: Array, op: Pool, axes: Sequence[Axis], channels_last: bool) -> Array | None:
    """Maximum or average of the windows of `x`, which is (batch, channels, height, width); so is the result."""
    kernels, steps = planning.library(), _image(x)
    if kernels is None or steps is None or op.kind == "lp":
        return None
    channels = x.shape[1]
    problem = problem_of(
        x.shape,
        channels,
        channels,
        axes,
        "NHWC" if channels_last else "NCHW",
        kind="max" if op.kind == "max" else "average",
    )
    if problem is None:
        return None
    shape = result_shape(problem)
    outputs = dense_steps(shape, problem.output_layout)
    limit = LARGEST_INDEX // 2
    ends = divisors(problem, op.count_padding, min(op.divisor or 0, limit))
    choice = planning.choose(problem, None) if fits(problem, steps, outputs) and (op.divisor or 0) < 2**24 else None
    if choice is None or max(map(abs, ends)) > limit:
        return None
    result = empty(shape)
    function = kernels.function(choice.symbol)
    for arguments, kept in _calls(problem, choice, ends, (address(x), steps), (address(result), outputs)):
        kernels.enter(problem.threads)
        try:
            check(function(ctypes.addressof(arguments)), choice.symbol)
        finally:
            kernels.leave()
        del kept
    return np.moveaxis(result, -1, 1) if channels_last else result


def _calls(
    problem: Problem, choice: Choice, ends: tuple[int, ...], source: tuple[int, Steps], target: tuple[int, Steps]
) -> Iterator[tuple[Any, Any]]:
    """The argument list of every call, a few images or rows each, so that Ctrl-C is heard between them."""
    (x, inputs), (out, outputs) = source, target
    each = max(choice.macs // problem.batch, 1)
    farthest = max(abs(inputs[0]), abs(outputs[0]), 1)
    images = max(1, min(problem.batch, SLICE // each, LARGEST_INDEX // 2 // farthest))
    rows = max(1, problem.out_height * SLICE // each // choice.row_step) * choice.row_step
    columns, lines = problem.columns, problem.rows
    for image in range(0, problem.batch, images):
        count = min(images, problem.batch - image)
        for row in range(0, problem.out_height, rows):
            high = min(rows, problem.out_height - row)
            inp = _buffer(problem.channels, problem.width, problem.height, count, inputs)
            result = _buffer(problem.channels, problem.out_width, high, count, outputs)
            inp.host, result.host = x + 4 * image * inputs[0], out + 4 * (image * outputs[0] + row * outputs[2])
            places = [columns.pad_low, lines.pad_low - row * lines.stride, columns.stride, lines.stride]
            sizes = [columns.dilation, lines.dilation, columns.kernel, lines.kernel, *choice.extra, *ends]
            everything = [inp, *map(ctypes.c_int32, places + sizes), result]
            yield (ctypes.c_void_p * len(everything))(*map(ctypes.addressof, everything)), everything


def _buffer(channels: int, width: int, height: int, count: int, steps: Steps) -> Buffer:
    n, c, y, x = steps
    return describe((channels, width, height, count), (c, x, y, n))


def _image(x: Array) -> Steps | None:
    """The steps of a float32 image that has cells; None for anything else."""
    return steps_of(x) if x.ndim == 4 and x.dtype == FLOAT and x.size else None


def transposed(
    x: Array, weight: Array, bias: Array | None, op: ConvTranspose, axes: Sequence[Axis], channels_last: bool
) -> Array | None:
    """A transposed convolution of `x`, which is (batch, channels, height, width); so is the result.

    `axes` are the forward windows over the output; `weight` is (in, out / groups, *kernel).
    """
    steps = _image(x)
    if steps is None or weight.dtype != FLOAT or (bias is not None and bias.dtype != FLOAT):
        return None
    groups = op.groups or 1
    filters = weight.shape[1] * groups
    layout = "NHWC" if channels_last else "NCHW"
    problem = problem_of(x.shape, filters, groups, axes, layout, kind="transposed")
    prepared = prepare(problem, steps, None) if problem is not None else None
    if prepared is None:
        return None
    padded = pad_bias(bias, filters)
    result = prepared(address(x), prepared.pack(weight), address(padded))
    return np.moveaxis(result, -1, 1) if channels_last else result
