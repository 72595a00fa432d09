"""Functions of single values in two chains: random data need not reach the value at which they part, so that they are asked for many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.reading import Chain
from convwise.answers.porting.units import layer_name
from convwise.engine.activations import KINDS
from convwise.errors import ConvwiseError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Permute,
    Pointwise,
    Pool,
    Reshape,
)
from convwise.proofs.converting import Canonical
from convwise.proofs.running import run_op

Array = NDArray[Any]
TOLERANCE = 1e-9
TOGETHER = frozenset(("softmax", "logsoftmax", "softmin", "sparsemax", "masking"))
"""Functions that look at more than one value."""
LARGEST = 1e6
"""As far as functions are compared."""
USUAL = np.linspace(-3, 3, 2001)
"""As wide as random data are."""
WIDTHS = (2.0**4, 2.0**12, 2.0**20, 2.0**-12)
"""How wide data are made that are to reach where functions part."""
KEEPING = (Crop, Flatten, Permute, Reshape)
"""Ops that change no value."""


@dataclass(frozen=True, slots=True)
class Run:
    """Functions of single values, one after the other, with the names of their layers; `low` to `high` are the values that reach them, as far as it is known."""

    ops: tuple[Pointwise, ...]
    names: tuple[str, ...]
    reach: tuple[float, float] | None

    def of(self, values: Array) -> Array:
        """What they make of each value."""
        with np.errstate(all="ignore"):
            for op in self.ops:
                values = run_op(op, values, {}, Layout(False), "plain")
        return values


@dataclass(frozen=True, slots=True)
class Parted:
    """A value for which two runs give different ones; `seldom` where data of the usual width hardly show it.

    Where such data agree, functions that part often stand in other places of the two chains; those that part seldom do not agree.
    """

    names: tuple[str, str]
    given: float
    made: tuple[float, float]
    seldom: bool


def alone(op: Op) -> bool:
    """Whether an op is a function of each single value, without weights."""
    if not isinstance(op, Pointwise) or op.kind.replace("_", "") not in KINDS.keys() - TOGETHER:
        return False
    return not any(isinstance(value, tuple | list) for _, value in op.options)


def idle(op: Pointwise) -> bool:
    """Whether it gives back what it is given."""
    return KINDS[op.kind.replace("_", "")] is KINDS["identity"]


def runs(chain: Chain) -> list[Run]:
    """The runs of a chain in order, without those that do nothing."""
    found: list[Run] = []
    ops: list[Pointwise] = []
    names: list[str] = []
    reach: tuple[float, float] | None = (-inf, inf)

    def close() -> tuple[float, float] | None:
        if not ops:
            return reach
        found.append(Run(tuple(ops), tuple(dict.fromkeys(names)), reach))
        ops.clear()
        names.clear()
        return _made(found[-1])

    for piece in chain.pieces():
        if isinstance(piece.op, Pointwise) and alone(piece.op):
            if not idle(piece.op):
                ops.append(piece.op)
                names.append(layer_name(piece.layer))
            continue
        reach = _reach(piece.op, close())
    close()
    return found


def _reach(op: Op, before: tuple[float, float] | None) -> tuple[float, float] | None:
    """What can come out of an op: anything from weights, nothing new from what moves or chooses values."""
    if isinstance(op, Conv | ConvTranspose | Dense | Norm):
        return -inf, inf
    if isinstance(op, KEEPING) or (isinstance(op, Pool | GlobalPool | AdaptivePool) and op.kind == "max"):
        return before
    return before if before == (-inf, inf) else None


def _made(run: Run) -> tuple[float, float] | None:
    """What comes out of a run."""
    if run.reach is None:
        return None
    made = run.of(_within(_values((run,)), run.reach))
    low, high = float(made.min(initial=inf)), float(made.max(initial=-inf))
    return (-inf if low <= -LARGEST else low), (inf if high >= LARGEST else high)


def _within(values: Array, reach: tuple[float, float]) -> Array:
    low, high = reach
    ends = [end for end in reach if abs(end) < LARGEST]
    return np.unique([*values[(values >= low) & (values <= high)], *ends])


def _values(told: Iterable[Run]) -> Array:
    """Values near and far, and those around every setting of the functions."""
    settings = {
        float(value)
        for run in told
        for op in run.ops
        for _, value in op.options
        if isinstance(value, int | float) and abs(value) < LARGEST
    }
    edges = sorted({sign * value for value in settings for sign in (-1, 1)})
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    beside = [edge + step for edge in edges for step in (-1, -1e-3, 1e-3, 1)]
    far = np.logspace(-6, np.log10(LARGEST), 200)
    return np.unique(
        np.concatenate([np.arange(-40, 41), np.linspace(-12, 12, 2001), far, -far, edges, middles, beside])
    )


def parted(one: Sequence[Run], other: Sequence[Run], tolerance: float = TOLERANCE) -> Iterator[Parted]:
    """For each pair of runs that is not the same function of the values that reach it, the plainest value that shows it.

    A chain without functions does nothing in their place.
    """
    nothing = (Run((), ("no activation",), (-inf, inf)),)
    one, other = one or nothing * len(other), other or nothing * len(one)
    for a, b in zip(one, other, strict=False):
        if a.ops == b.ops or a.reach is None or b.reach is None:
            continue
        reach = max(a.reach[0], b.reach[0]), min(a.reach[1], b.reach[1])
        values = _within(_values((a, b)), reach)
        try:
            made = a.of(values), b.of(values)
            usual = a.of(USUAL), b.of(USUAL)
        except ConvwiseError:  # a setting that the engine does not take
            continue
        apart = ~_close(*made, tolerance)
        if apart.any():
            place = min(np.flatnonzero(apart), key=lambda at: (values[at] % 1 != 0, abs(values[at]), values[at]))
            names = " and ".join(a.names), " and ".join(b.names)
            seldom = float(_close(*usual, tolerance).mean()) > 0.99
            yield Parted(names, float(values[place]), (float(made[0][place]), float(made[1][place])), seldom)


def _close(a: Array, b: Array, tolerance: float) -> Array:
    with np.errstate(all="ignore"):
        return np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def widened(weights: Canonical, width: float) -> Canonical:
    """Weights for data `width` times as wide: what is added is as wide as they are, so that it does not vanish beside them."""
    return {key: array * width if key[2] in ("bias", "shift") else array for key, array in weights.items()}


def told_width(width: float) -> str:
    return f"random data of about -3 to 3 show no difference; these are {width:g} times as wide"


def sentence(one: Parted, titles: tuple[str, str]) -> str:
    """What the two make of the value; their frameworks are named where these are two."""
    sides = [f" in {title}" if titles[0] != titles[1] else "" for title in titles]
    told = [f"{name}{side} makes it {value:.7g}" for name, side, value in zip(one.names, sides, one.made, strict=True)]
    return f"given {one.given:.7g}, {told[0]}, {told[1]}"
