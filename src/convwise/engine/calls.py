"""Prepared convolutions: all that does not change from call to call, made once for an input's shape and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from convwise.axis import Axis, Window
from convwise.engine import planning
from convwise.engine.arrays import Array, address, aligned
from convwise.engine.compiled import Run, Steps, fits, slice_of
from convwise.engine.native import Library, default_threads
from convwise.engine.packing import Laying, laid_of, laying, on_grid, pack, pad_bias, stacked
from convwise.engine.problem import LARGEST_INDEX, Choice, Problem, fused
from convwise.engine.results import empty

Chooser = Callable[[Problem, str | None], Choice | None]
"""From a problem and the algorithm asked for to the kernel."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """An array that stays where it is, with its address, which takes a microsecond to ask for."""

    array: Array
    place: int


MOST_SCRATCH = 2**15
"""Bytes of packed weights up to which their place is used again by the next call."""
MOST_IDLE = 4
"""Unused descriptors kept of one prepared call; more are made while more threads call at once."""


@dataclass(slots=True, eq=False)
class Prepared:
    """One problem with the kernel chosen for it. `shape` is that of the result, batch first, in the caller's layout."""

    kernels: Library
    problem: Problem
    choice: Choice
    inputs: Steps
    outputs: Steps
    shape: tuple[int, ...]
    idle: list[Run] = field(default_factory=list)
    brief: list[Brief] = field(default_factory=list)

    @property
    def packing(self) -> tuple[Any, ...]:
        """What weights are packed for: equal keys share packed weights."""
        return (self.choice.family, self.choice.variant, self.choice.tiles, self.choice.together)

    def pack(self, weight: Array, *, briefly: bool = False) -> tuple[Array, bool]:
        """As the kernel wants them, and whether all are finite."""
        return pack(self.kernels, self.problem, self.choice, weight, briefly=briefly)

    def __call__(self, x: int, packed: Held, bias: int, residual: Array | None = None) -> Array:
        """`x` and `bias` are addresses of arrays that the caller holds."""
        try:
            run = self.idle.pop()
        except IndexError:
            run = Run(self.kernels, self.problem, self.choice, self.inputs, self.outputs, packed.array.shape)
        out, place = empty(self.shape)
        run(x, packed.place, bias, place if residual is None else address(residual), place)
        if len(self.idle) < MOST_IDLE:
            self.idle.append(run)
        return out

    def once(self, x: int, weight: Array, bias: Array | None) -> Array | None:
        """A call with weights of its own, float32; None where some are not finite, which the kernel was chosen without knowing."""
        weight = on_grid(weight)
        try:
            brief = self.brief.pop()
        except IndexError:
            brief = None
        if brief is None or brief.steps != weight.strides:
            laid = laid_of(self.problem, self.choice, weight)
            if isinstance(laid, np.ndarray):
                packed, finite = stacked(self.problem, self.choice, weight, laid)
                padded = pad_bias(bias, self.problem.filters)
                return self(x, held(packed), address(padded)) if finite else None
            lay = laying(self.kernels, self.problem, self.choice, weight, laid)
            own = held(aligned(lay.shape)) if 4 * prod(lay.shape) <= MOST_SCRATCH else None
            brief = Brief(weight.strides, lay, own, held(pad_bias(None, self.problem.filters)))
        scratch = brief.scratch or held(empty(brief.lay.shape)[0])
        result = None
        if brief.lay(address(weight), scratch.place):
            brief.bias.array[: self.problem.filters] = 0 if bias is None else bias
            result = self(x, scratch, brief.bias.place)
        if len(self.brief) < MOST_IDLE:
            self.brief.append(brief)
        return result


@dataclass(slots=True, eq=False)
class Brief:
    """What the weights of one shape and steps take on their way to one call. Not for two threads at once.

    Small ones have a place of their own, their `scratch`, once packed.
    """

    steps: tuple[int, ...]
    lay: Laying
    scratch: Held | None
    bias: Held


def held(array: Array) -> Held:
    return Held(array, address(array))


def problem_of(
    sizes: Sequence[int],
    filters: int,
    groups: int,
    axes: Sequence[Axis],
    layout: str,
    *,
    activation: str | None = None,
    residual: bool = False,
    threads: int | None = None,
    finite: bool = True,
    kind: str = "conv",
) -> Problem | None:
    """A problem for the kernels that are loaded, `sizes` being (batch, channels, height, width); None without kernels."""
    kernels = planning.library()
    if kernels is None:
        return None
    batch, channels, height, width = sizes
    return Problem(
        kind=kind,
        batch=batch,
        channels=channels,
        height=height,
        width=width,
        filters=filters,
        groups=groups,
        rows=axes[0],
        columns=axes[1],
        input_layout=layout,
        output_layout=layout,
        activation=activation,
        residual=residual,
        threads=threads or default_threads(),
        machine=planning.machine_of(kernels.isa),
        finite=finite,
    )


def prepare(
    problem: Problem, inputs: Steps, algorithm: str | None, choose: Chooser = planning.choose
) -> Prepared | None:
    """The kernel for `problem` on an input of these steps, ready to be called; None where NumPy must serve."""
    kernels = planning.library()
    if kernels is None or fused(problem.activation) is None:
        return None
    if not addressed(problem, inputs):
        return None
    shape = result_shape(problem)
    flat, flat_inputs = flatten(problem, inputs)
    flat = planning.allowed(flat, algorithm)
    choice = choose(flat, algorithm)
    if choice is None:
        return None
    flat_outputs = dense_steps(result_shape(flat), flat.output_layout)
    return Prepared(kernels, flat, choice, flat_inputs, flat_outputs, shape)


def addressed(problem: Problem, inputs: Steps) -> bool:
    """Whether kernels reach every number of an input of these steps, and of the result."""
    return fits(problem, inputs, dense_steps(result_shape(problem), problem.output_layout))


def _dense(problem: Problem, inputs: Steps) -> bool:
    """Whether the channels of a cell lie side by side, or the rows of a plane."""
    _, c, y, x = inputs
    return c == 1 if problem.input_layout == "NHWC" else x == 1 and (y == problem.width or problem.height == 1)


def result_shape(problem: Problem) -> tuple[int, int, int, int]:
    batch, filters, height, width = problem.batch, problem.filters, problem.out_height, problem.out_width
    return (batch, height, width, filters) if problem.output_layout == "NHWC" else (batch, filters, height, width)


def dense_steps(shape: tuple[int, int, int, int], layout: str) -> Steps:
    """The steps (batch, channels, height, width) of a C-ordered array in `layout`."""
    _, a, b, c = shape
    return (a * b * c, 1, b * c, c) if layout == "NHWC" else (a * b * c, b * c, c, 1)


def _stepped(problem: Problem, inputs: Steps) -> tuple[Problem, Steps]:
    """Rows that a window of one row steps over are left out, so that no kernel copies them."""
    rows, (n, c, y, x) = problem.rows, inputs
    if problem.kind != "conv" or rows.kernel > 1 or rows.stride == 1 or rows.pad_low or rows.pad_high:
        return problem, inputs
    taken = replace(problem, height=rows.out, rows=Window(1).over(rows.out))
    return taken, (n, c, y * rows.stride, x)


def flatten(problem: Problem, inputs: Steps) -> tuple[Problem, Steps]:
    """Without what no kernel need see: the dilation of a single tap; rows that windows step over; and where a window is one cell and there is no padding,
    neighbours: an image is one row of cells then, and so may a batch be. Says whether what is left lies densely.
    """
    axes = problem.rows, problem.columns
    rows, columns = (replace(axis, dilation=1) if axis.kernel == 1 else axis for axis in axes)
    flat, steps = _joined(*_stepped(replace(problem, rows=rows, columns=columns), inputs))
    return (flat if _dense(flat, steps) else replace(flat, dense=False)), steps


def _joined(problem: Problem, inputs: Steps) -> tuple[Problem, Steps]:
    axes = (problem.rows, problem.columns)
    plain = all(axis.kernel == axis.stride == 1 and axis.pad_low == axis.pad_high == 0 for axis in axes)
    if problem.kind != "conv" or not plain or problem.macs > slice_of(problem):
        return problem, inputs
    n, c, y, x = inputs
    height, width, batch = problem.height, problem.width, problem.batch
    if height > 1 and y != width * x:
        return problem, inputs
    cells, step = height * width, n
    near = cells * batch * max(abs(x), problem.filters) <= LARGEST_INDEX // 2
    if batch > 1 and problem.output_layout == "NHWC" and n == cells * x and near:
        cells, batch = cells * batch, 1
    columns, rows = Window(1).over(cells), Window(1).over(1)
    flat = replace(problem, batch=batch, height=1, width=cells, rows=rows, columns=columns)
    return flat, (step, c, cells * x, x)
