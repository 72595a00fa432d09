"""Pooling and transposed convolution of images on compiled kernels, where there are some; None where NumPy must serve."""

from __future__ import annotations

import ctypes
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from convwise.axis import Axis, sliding_share
from convwise.engine import planning
from convwise.engine.arrays import FLOAT, Array, address
from convwise.engine.calls import MOST_IDLE, dense_steps, held, prepare, problem_of, result_shape
from convwise.engine.compiled import Steps, fits, steps_of
from convwise.engine.families.pool import divisors
from convwise.engine.native import Buffer, Library, check, describe
from convwise.engine.packing import pad_bias
from convwise.engine.problem import LARGEST_INDEX, SLICE, Choice, Problem
from convwise.engine.results import empty
from convwise.ops import AdaptivePool, ConvTranspose, GlobalPool, Pool

Pools = Pool | GlobalPool | AdaptivePool
MOST_SHAPES = 64
"""Pools of so many inputs' shapes and steps are remembered."""


@dataclass(slots=True, eq=False)
class Part:
    """One call: its descriptors, how far from the arrays' starts it starts, and its argument list."""

    inp: Buffer
    result: Buffer
    source: int
    target: int
    arguments: Any
    kept: Any


@dataclass(slots=True, eq=False)
class Prepared:
    """A pool on inputs of one shape and steps; `shape` is that of the result, as it lies in memory."""

    kernels: Library
    problem: Problem
    choice: Choice
    ends: tuple[int, ...]
    inputs: Steps
    outputs: Steps
    shape: tuple[int, ...]
    idle: list[list[Part]] = field(default_factory=list)

    def __call__(self, x: int, shape: tuple[int, ...]) -> Array:
        """`x` is the address of the input; the result gets `shape`, which has as many cells as its own."""
        try:
            parts = self.idle.pop()
        except IndexError:
            parts = list(_parts(self.problem, self.choice, self.ends, self.inputs, self.outputs))
        result, out = empty(shape)
        kernel, threads = self.kernels.kernel(self.choice.symbol), self.problem.threads
        for part in parts:
            part.inp.host, part.result.host = x + part.source, out + part.target
            check(self.kernels.run(kernel, ctypes.addressof(part.arguments), threads), self.choice.symbol)
        if len(self.idle) < MOST_IDLE:
            self.idle.append(parts)
        return result


_prepared: dict[Any, Prepared] = {}
_again: dict[Any, tuple[Prepared, tuple[int, ...]]] = {}


def again(x: object, key: Hashable) -> Array | None:
    """The pool that `remember` knows by `key`, of an array of the same shape and steps; None where there is none."""
    if type(x) is not np.ndarray or x.dtype != FLOAT:
        return None
    found = _again.get((key, x.shape, x.strides))
    place = address(x)
    return None if found is None or place & 3 else found[0](place, found[1])


def remember(x: Array, key: Hashable, view: Array, op: Pools, channels_last: bool, shape: tuple[int, ...]) -> None:
    """Know the pool of `x` by `key` from now on, if a kernel ran `op` on `view` of it; `shape` is the result's."""
    found = _prepared.get((view.shape, view.strides, op, channels_last))
    if found is not None:
        if len(_again) >= MOST_SHAPES:
            _again.clear()
        _again[key, x.shape, x.strides] = found, shape


def alike(sizes: Sequence[int], outs: Sequence[int]) -> list[Axis] | None:
    """The windows of a global or an adaptive pool, where they are those of a pool that slides."""
    found = [sliding_share(size, out) for size, out in zip(sizes, outs, strict=True)]
    slide = [window.over(size) for window, size in zip(found, sizes, strict=True) if window is not None]
    return slide if len(slide) == len(found) else None


def pool(x: Array, op: Pools, axes: Sequence[Axis] | None, channels_last: bool) -> Array | None:
    """Maximum or average of the windows of `x`, which is (batch, channels, height, width); so is the result."""
    steps = _image(x)
    if steps is None or axes is None or op.kind == "lp":
        return None
    key = (x.shape, x.strides, op, channels_last)
    prepared = _prepared.get(key)
    if prepared is None:
        prepared = _prepare(x.shape, steps, op, axes, channels_last)
        if prepared is None:
            return None
        if len(_prepared) >= MOST_SHAPES:
            _prepared.clear()
        _prepared[key] = prepared
    result = prepared(address(x), prepared.shape)
    return np.moveaxis(result, -1, 1) if channels_last else result


def _prepare(
    sizes: tuple[int, ...], steps: Steps, op: Pools, axes: Sequence[Axis], channels_last: bool
) -> Prepared | None:
    kernels, channels = planning.library(), sizes[1]
    layout, kind = "NHWC" if channels_last else "NCHW", "max" if op.kind == "max" else "average"
    problem = problem_of(sizes, channels, channels, axes, layout, kind=kind)
    if problem is None or kernels is None:
        return None
    if steps[1 if channels_last else 3] != 1:
        problem = replace(problem, dense=False)
    shape = result_shape(problem)
    outputs = dense_steps(shape, problem.output_layout)
    padding, divisor = (op.count_padding, op.divisor or 0) if isinstance(op, Pool) else (False, 0)
    # Kernels divide by a float, which holds every integer below 2**24.
    choice = planning.choose(problem, None) if fits(problem, steps, outputs) and divisor < 2**24 else None
    if choice is None:
        return None
    return Prepared(kernels, problem, choice, divisors(problem, padding, divisor), steps, outputs, shape)


def _parts(problem: Problem, choice: Choice, ends: tuple[int, ...], inputs: Steps, outputs: Steps) -> Iterator[Part]:
    """A few images or rows each, so that Ctrl-C is heard between them."""
    each = max(choice.macs // problem.batch, 1)
    farthest = max(abs(inputs[0]), abs(outputs[0]), 1)
    images = max(1, min(problem.batch, SLICE // each, LARGEST_INDEX // 2 // farthest))
    rows = max(1, problem.out_height * SLICE // each // choice.row_step) * choice.row_step
    columns, lines = problem.columns, problem.rows
    whole = choice.variant.endswith(("_whole_nchw", "_whole_nhwc"))
    if whole:
        ends = (ends[0] or problem.taps, *ends[1:])
    for image in range(0, problem.batch, images):
        count = min(images, problem.batch - image)
        for row in range(0, problem.out_height, rows):
            high = min(rows, problem.out_height - row)
            inp = _buffer(problem.channels, problem.width, problem.height, count, inputs)
            result = _buffer(problem.channels, problem.out_width, high, count, outputs)
            places = [columns.pad_low, lines.pad_low - row * lines.stride, columns.stride, lines.stride]
            window = columns.kernel, lines.kernel
            if choice.variant.endswith("_whole_nchw") and inputs[2] == columns.kernel * inputs[3]:
                window = columns.kernel * lines.kernel, 1  # the rows of a plane follow each other
            sizes = [columns.dilation, lines.dilation, *window, *choice.extra, *ends]
            everything = [inp, *map(ctypes.c_int32, places + sizes), result]
            arguments = (ctypes.c_void_p * len(everything))(*map(ctypes.addressof, everything))
            target = 4 * (image * outputs[0] + row * outputs[2])
            yield Part(inp, result, 4 * image * inputs[0], target, arguments, everything)


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
    result = prepared(address(x), held(prepared.pack(weight, briefly=True)[0]), address(padded))
    return np.moveaxis(result, -1, 1) if channels_last else result
