"""Weights brought into the order of a kernel, by the threads of the kernel library."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from math import prod

import numpy as np

from convwise.engine.arrays import Array, address, aligned
from convwise.engine.compiled import TILE, bias_length
from convwise.engine.families import FAMILIES
from convwise.engine.native import Library, check
from convwise.engine.order import Order, Spectrum
from convwise.engine.problem import Choice, Problem
from convwise.engine.results import LENT_FROM, empty
from convwise.engine.transforms import transform

SHARED_FROM = 2**15
"""Numbers from which on it is worth waking a second thread."""
SLICE = 2**22
"""Packed numbers between two looks at whether Ctrl-C was pressed: those of Winograd take a core some 20 ms."""


def pack(
    kernels: Library, problem: Problem, choice: Choice, weight: Array, *, briefly: bool = False
) -> tuple[Array, bool]:
    """The weights as `choice` wants them, and whether all are finite: (groups, ...) where each group is a call of its own,
    else (1, ...). `weight` is float32, of any strides. What is needed `briefly`, for one call, may lie where results do.
    """
    weight = on_grid(weight)
    laid = laid_of(problem, choice, weight)
    if isinstance(laid, np.ndarray):
        return stacked(problem, choice, weight, laid)
    lay = laying(kernels, problem, choice, weight, laid)
    packed = empty(lay.shape)[0] if briefly and 4 * prod(lay.shape) >= LENT_FROM else aligned(lay.shape)
    return packed, lay(address(weight), address(packed))


def on_grid(weight: Array) -> Array:
    """`weight`, or a copy where its numbers do not lie whole numbers apart."""
    return weight.copy() if address(weight) % 4 or any(stride % 4 for stride in weight.strides) else weight


def stacked(problem: Problem, choice: Choice, weight: Array, first: Array) -> tuple[Array, bool]:
    """What `pack` gives where NumPy brings weights into their order; `first` is the first group."""
    parts = _parts(problem, choice)
    each = len(weight) // parts
    packed = aligned((parts, *first.shape))
    packed[0] = first
    for number in range(1, parts):
        packed[number] = _laid(choice, weight[number * each : (number + 1) * each])
    return packed, bool(np.isfinite(weight).all())


def _parts(problem: Problem, choice: Choice) -> int:
    return 1 if choice.together else problem.groups


def pack_bytes(problem: Problem, choice: Choice) -> int:
    """The bytes of the packed weights."""
    window = (problem.rows.kernel, problem.columns.kernel)
    sizes = problem.filters, problem.channels // problem.groups
    if problem.kind == "transposed":
        sizes = problem.channels, problem.filters // problem.groups
    parts = _parts(problem, choice)
    nothing = np.broadcast_to(np.float32(0), (sizes[0] // parts, sizes[1], *window))
    return 4 * parts * prod(_laid(choice, nothing).shape)


def laid_of(problem: Problem, choice: Choice, weight: Array) -> Order | Spectrum | Array:
    """How the first group of weights is to lie, or as it lies where NumPy brings it there."""
    return _laid(choice, weight[: len(weight) // _parts(problem, choice)])


def _laid(choice: Choice, weight: Array) -> Order | Spectrum | Array:
    family = FAMILIES[choice.family]
    assert family.pack is not None
    return family.pack(choice, weight)


class Laying:
    """Groups of weights on their way into the order of a kernel: what their shape and steps say, made once.

    `order` is that of the first of `groups`, `apart` numbers from one to the next. Not for two threads at once: the
    addresses and the answer are its own. `shape` is that of the packed weights.
    """

    __slots__ = ("place", "places", "program", "run", "shape", "slices", "threads", "told")

    def __init__(self, kernels: Library, order: Order | Spectrum, groups: int, apart: int, threads: int) -> None:
        weight = order.weight
        steps = [stride // 4 for stride in weight.strides]
        if isinstance(order, Order):
            numbers = [groups, apart, len(weight), order.lanes, *weight.shape[1:], *steps]
            program, more = kernels.arrange, list[int]()
        else:
            numbers = [groups, apart, *weight.shape, *steps]
            numbers += [order.lanes, order.vectors, order.chunks, order.taps, order.products]
            program, more = kernels.transform, [0 if order.raw else address(_matrix(order.outputs, order.taps))]
        self.run, self.program = kernels.run, program
        self.shape = (groups, *order.shape)
        self.threads = threads if prod(self.shape) >= SHARED_FROM else 1
        self.slices = -(-prod(self.shape) // SLICE)
        # Behind them: which slice, of how many, and the answer.
        self.told = (ctypes.c_int64 * (len(numbers) + 3))(*numbers, 0, self.slices, 0)
        places = (0, 0, ctypes.addressof(self.told), *more)
        self.places = (ctypes.c_void_p * len(places))(*places)
        self.place = ctypes.addressof(self.places)

    def __call__(self, weight: int, packed: int) -> bool:
        """From the first address to the second; whether all numbers are finite."""
        self.places[0] = weight
        self.places[1] = packed
        finite = True
        for number in range(self.slices):
            self.told[-3] = number
            code = self.run(self.program, self.place, self.threads)
            if code:
                check(code, "packing")
            finite = finite and self.told[-1] != 0
        return finite


def laying(kernels: Library, problem: Problem, choice: Choice, weight: Array, order: Order | Spectrum) -> Laying:
    """For weights of the shape and steps of `weight`, the first group of them in `order`."""
    parts = _parts(problem, choice)
    return Laying(kernels, order, parts, len(weight) // parts * weight.strides[0] // 4, problem.threads)


@lru_cache(maxsize=8)
def _matrix(outputs: int, taps: int) -> Array:
    return np.array([[float(value) for value in row] for row in transform(outputs, taps).weight])


def pad_bias(bias: Array | None, filters: int) -> Array:
    """With zeros behind, so that a whole block of channels can be read from any group's first."""
    padded = aligned((bias_length(filters) + TILE,), fill=True)
    if bias is not None:
        padded[:filters] = bias
    return padded
