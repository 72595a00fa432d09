"""Runs a chosen kernel on arrays: descriptors made once for a shape and used again, addresses set for each call."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from convwise.axis import Axis
from convwise.engine.arrays import Array, aligned
from convwise.engine.native import Buffer, Groups, Library, check, describe
from convwise.engine.problem import LARGEST_INDEX, SLICE, Choice, Problem, fused
from convwise.machine import cores

TILE = 64
"""No register tile is wider, so no kernel looks farther than so many outputs past the last."""

Steps = tuple[int, int, int, int]
"""Numbers from one cell to the next along batch, channels, height and width."""


def steps_of(array: Array) -> Steps | None:
    """The steps of a float32 view (batch, channels, height, width); None where a step is no whole number of numbers."""
    if array.ctypes.data % 4 or any(stride % 4 for stride in array.strides):
        return None
    n, c, y, x = (stride // 4 for stride in array.strides)
    return n, c, y, x


def reach(sizes: Sequence[int], steps: Sequence[int]) -> int:
    """The farthest that an index gets from the first number."""
    return sum(abs(step) * (size - 1) for size, step in zip(sizes, steps, strict=True))


@dataclass(slots=True, eq=False)
class Part:
    """One call, of some groups: which bytes of each array it starts at, and where its argument list is.

    Where it is not the `first` of several that share their outputs, it adds its channels to what the output holds, and its bias
    is zero. `ending`, where the kernel leaves bare sums: output, residual and the argument list of the pass over them, and the
    byte at which it starts.
    """

    first: bool
    starts: tuple[int, int, int, int]
    groups: Groups
    address: int
    kept: tuple[Any, ...]
    ending: tuple[Buffer, Buffer, int, int] | None = None


class Run:
    """One problem on arrays of fixed steps. Not for two threads at once: its descriptors hold the addresses of the call."""

    __slots__ = ("call", "finish", "parts", "run", "symbol", "threads")

    def __init__(
        self, kernels: Library, problem: Problem, choice: Choice, inputs: Steps, outputs: Steps, packed: tuple[int, ...]
    ) -> None:
        self.run, self.symbol, self.threads = kernels.run, choice.symbol, problem.threads
        self.call, self.finish = kernels.groups, kernels.finish
        self.parts = list(_parts(problem, choice, inputs, outputs, packed))
        kernel = kernels.kernel(choice.symbol)
        for part in self.parts:
            part.groups.kernel = kernel

    def __call__(self, x: int, weights: int, bias: int, residual: int, out: int) -> None:
        """The addresses of the data; `residual` is that of `out` where there is none."""
        for part in self.parts:
            source, weight, channel, place = part.starts
            groups = part.groups
            groups.inp = x + source
            groups.weights = weights + weight
            groups.out = out + place
            if part.first:
                groups.bias = bias + channel
                groups.residual = residual + place
            else:
                groups.residual = out + place
            code = self.run(self.call, part.address, self.threads)
            if code:
                check(code, self.symbol)
            if part.ending is not None:
                result, add, address, place = part.ending
                result.host = out + place
                add.host = residual + place
                code = self.run(self.finish, address, self.threads)
                if code:
                    check(code, "finishing")


def fits(problem: Problem, inputs: Steps, outputs: Steps) -> bool:
    """Whether one image, and every place that a window has, is addressed with 32 bits."""
    sizes = (1, problem.channels, problem.height, problem.width)
    results = (1, problem.filters, problem.out_height, problem.out_width)
    places = (_farthest(problem.rows), _farthest(problem.columns))
    return max(reach(sizes, inputs), reach(results, outputs), *sizes, *results, *places) <= LARGEST_INDEX // 2


def _farthest(axis: Axis) -> int:
    """How far from the first cell a window may be looked for, those included that fill a register tile."""
    return (axis.out + TILE) * axis.stride + axis.span + abs(axis.pad_low) + abs(axis.pad_high) + axis.size


def _parts(problem: Problem, choice: Choice, inputs: Steps, outputs: Steps, packed: tuple[int, ...]) -> Iterator[Part]:
    """In slices of groups, batch, rows and input channels."""
    groups = 1 if choice.together else problem.groups
    some, images, rows = _slices(problem, choice, inputs, outputs, groups)
    channels, filters = problem.channels // groups, problem.filters // groups
    steps = (4 * channels * inputs[1], 4 * prod(packed[1:]), 4 * filters, 4 * filters * outputs[1])
    depth = choice.depth or channels
    for group, image, row, first in product(
        range(0, groups, some),
        range(0, problem.batch, images),
        range(0, problem.out_height, rows),
        range(0, channels, depth),
    ):
        count, high, deep = (
            min(images, problem.batch - image),
            min(rows, problem.out_height - row),
            min(depth, channels - first),
        )
        above = _above(problem, row)
        source = 4 * (image * inputs[0] + first * inputs[1] + above * inputs[2])
        place = 4 * (image * outputs[0] + row * outputs[2])
        weights = _dense(packed[1:])
        if deep < channels:
            weights.dim[1].extent = deep
        result = describe((filters, problem.out_width, high, count), _inner_first(outputs))
        added = describe((filters, problem.out_width, high, count), _inner_first(outputs))
        if choice.strip:
            cells, (whole, plane, _, _) = problem.out_width * high, outputs
            result = describe(
                (filters, choice.strip, -(-cells // choice.strip), count), (plane, 1, choice.strip, whole)
            )
            added = describe((filters, cells, 1, count), (plane, 1, cells, whole))
        buffers = (
            describe((deep, problem.width, problem.height - above, count), _inner_first(inputs)),
            weights,
            _dense((bias_length(filters),)),
            added,
            result,
        )
        starts = (source, 4 * first * packed[-1], 0, place)
        at = tuple(start + group * step for start, step in zip(starts, steps, strict=True))
        part = _part(
            problem.bare if choice.finish else problem,
            choice,
            buffers,
            (at[0], at[1], at[2], at[3]),
            row,
            (first == 0, first + deep == channels),
        )
        _repeat(part.groups, min(some, groups - group), steps, choice.apart)
        # All groups at once: the channels of one lie in short pieces, where they come last.
        if choice.finish and first + deep == channels and group + some >= groups:
            _end(part, problem, (problem.filters, problem.out_width, high, count), _inner_first(outputs), place)
        yield part


def _repeat(groups: Groups, count: int, steps: tuple[int, int, int, int], apart: int) -> None:
    """Make a call one of `count` groups, each `steps` bytes behind the one before; a thread takes `apart` at a time, where that is not 0."""
    inp, weights, bias, out = steps
    groups.steps[:] = (inp, weights, bias if groups.bias is None else 0, out, out)
    groups.count, groups.apart = count, apart


def _end(part: Part, problem: Problem, sizes: tuple[int, ...], steps: tuple[int, ...], start: int) -> None:
    """Give a part the pass over its outputs and those of the groups before it."""
    form = fused(problem.activation)
    assert form is not None
    out, residual = describe(sizes, steps), describe(sizes, steps)
    scalars = [
        ctypes.c_int32(form[0]),
        ctypes.c_float(form[1]),
        ctypes.c_float(form[2]),
        ctypes.c_int32(problem.residual),
    ]
    everything: list[Any] = [out, residual, *scalars]
    addresses = _addresses(everything)
    part.kept = (*part.kept, everything, addresses)
    part.ending = (out, residual, ctypes.addressof(addresses), start)


def _above(problem: Problem, row: int) -> int:
    """Rows of the input that no window of the outputs from `row` on reads; one row is always left."""
    if problem.kind == "transposed":
        return 0
    return min(max(row * problem.rows.stride - problem.rows.pad_low, 0), problem.height - 1)


def bias_length(filters: int) -> int:
    """What kernels may read of a bias: whole register tiles."""
    return -(-filters // TILE) * TILE


def _inner_first(steps: Steps) -> tuple[int, int, int, int]:
    n, c, y, x = steps
    return c, x, y, n


def _dense(shape: Sequence[int]) -> Buffer:
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return describe(tuple(reversed(shape)), tuple(steps))


def slice_of(problem: Problem) -> int:
    """Multiply-adds of one call; threads beyond the processors make it no shorter."""
    return SLICE * min(problem.threads, cores())


def _slices(problem: Problem, choice: Choice, inputs: Steps, outputs: Steps, groups: int) -> tuple[int, int, int]:
    """Groups, images, and rows of the output, that one call takes; as many as give every thread whole tasks of its own."""
    each = choice.macs // (groups * problem.batch) or 1
    threads, slice_ = min(problem.threads, cores()), slice_of(problem)
    step = max(threads * choice.apart, 1)
    some = min(max(slice_ // (each * step), 1) * step, groups)
    each *= some
    images = max(1, min(problem.batch, slice_ // each))
    farthest = max(abs(inputs[0]), abs(outputs[0]), 1)
    images = max(1, min(images, (LARGEST_INDEX // 2) // farthest))
    slices = -(-each // slice_)
    if images > 1 or slices == 1:
        return some, images, problem.out_height
    rows = -(-problem.out_height // slices)
    task = dict(choice.tiles).get("rows of a task", choice.row_step)
    step = choice.row_step if task % choice.row_step else task * (1 if choice.apart else threads)
    return some, 1, -(-rows // step) * step


def _part(
    problem: Problem,
    choice: Choice,
    buffers: tuple[Buffer, ...],
    starts: tuple[int, int, int, int],
    row: int,
    ends: tuple[bool, bool],
) -> Part:
    """The argument list in the order that all programs share; `ends`: whether its channels are the first, and the last."""
    form = fused(problem.activation if ends[1] else None)
    assert form is not None
    first = ends[0]
    columns, lines = problem.columns, problem.rows
    low = lines.pad_low + row
    if problem.kind != "transposed":
        low = lines.pad_low - row * lines.stride + _above(problem, row)
    whole = [columns.pad_low, low, columns.stride, lines.stride, columns.dilation, lines.dilation, form[0]]
    scalars: list[Any] = [ctypes.c_int32(value) for value in whole]
    scalars += [ctypes.c_float(form[1]), ctypes.c_float(form[2]), ctypes.c_int32(problem.residual or not first)]
    scalars += [ctypes.c_int32(value) for value in choice.extra]
    *given, out = buffers
    everything = [*given, *scalars, out]
    addresses = _addresses(everything)
    groups = Groups(arguments=ctypes.addressof(addresses), count=1, arguments_count=len(everything))
    zeros = None
    if not first:
        zeros = aligned((given[2].dim[0].extent + TILE,), fill=True)
        groups.bias = zeros.ctypes.data
    call = _addresses([groups])
    return Part(first, starts, groups, ctypes.addressof(call), (everything, addresses, zeros, call))


def _addresses(arguments: Sequence[Any]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(value) for value in arguments))
