"""Two chains run on one input: how far their outputs are apart, and the first layer after which they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.difference import Numbers
from convwise.answers.porting.meeting import fronted, order_between
from convwise.answers.porting.reading import Chain, Piece
from convwise.answers.porting.units import layer_name, units
from convwise.ops import Layout, Pointwise
from convwise.proofs.comparing import compare
from convwise.proofs.converting import Canonical
from convwise.proofs.running import run_op

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A piece of a chain and what came out of it, laid as the other chain's are."""

    piece: Piece
    output: Array


def compared(a: Chain, b: Chain, weights: tuple[Canonical, Canonical], x: Array) -> Numbers:
    """Both run; the last outputs compared, and the first layer after which they part."""
    y = np.ascontiguousarray(x.transpose(order_between(a.layers, b.layers, x.ndim).axes))
    mine, theirs = _steps(a, b, weights[0], x), _steps(b, a, weights[1], y)
    ends = laid(x, a, b), laid(y, b, a)
    outs = mine[-1].output if mine else ends[0], theirs[-1].output if theirs else ends[1]
    numbers = compare(*outs, front(a, b, outs[0]))
    return numbers if numbers.equal else replace(numbers, first=_first(a, b, mine, theirs))


def laid(array: Array, chain: Chain, other: Chain) -> Array:
    """Maps with their channels first, so that both can be laid on each other."""
    return np.moveaxis(array, -1, 1) if array.ndim >= 3 and fronted(chain, other) else array


def front(a: Chain, b: Chain, output: Array) -> Layout | None:
    """Where the channels stand in outputs that were laid on each other, if these are maps."""
    known = a.channels_last == b.channels_last or fronted(a, b) or fronted(b, a)
    return Layout(False) if output.ndim >= 3 and known else None


def _steps(chain: Chain, other: Chain, weights: Canonical, x: Array) -> list[Step]:
    found = []
    for piece in chain.pieces():
        key = (piece.layer_number, piece.op_number)
        own = {role: array for (*place, role), array in weights.items() if tuple(place) == key}
        x = run_op(piece.op, x, own, Layout(piece.layer.channels_last), chain.dialect)
        found.append(Step(piece, laid(x, chain, other)))
    return found


def _first(a: Chain, b: Chain, mine: Sequence[Step], theirs: Sequence[Step]) -> str | None:
    """The layer of either chain after which the values part; None where their steps do not correspond."""
    ends_a, ends_b = units(a), units(b)
    if len(ends_a) != len(ends_b):
        return None
    flat = a.channels_last == b.channels_last  # else the cells of a Flatten come in another order
    done = 0, 0
    for one, other in zip(ends_a, ends_b, strict=True):
        between = mine[done[0] : one.anchor], theirs[done[1] : other.anchor]
        functions = [[step for step in steps if _function(step, flat)] for steps in between]
        if len(functions[0]) == len(functions[1]) and (found := _parted(*functions)):
            return found
        if not _alike(mine[one.end], theirs[other.end]):
            rest = _acting(mine[one.anchor : one.end + 1]), _acting(theirs[other.anchor : other.end + 1])
            found = _parted(*rest) if _alike(mine[one.anchor], theirs[other.anchor]) else None
            return found or both(one.name, other.name)
        done = one.end + 1, other.end + 1
    after = mine[done[0] :], theirs[done[1] :]
    return _parted(*([step for step in steps if _function(step, flat)] for steps in after))


def both(one: str, other: str) -> str:
    """Two names, or the one that they share."""
    return one if one == other else f"{one} and {other}"


def _function(step: Step, flat: bool) -> bool:
    return isinstance(step.piece.op, Pointwise) and (flat or step.output.ndim >= 3)


def _acting(steps: Sequence[Step]) -> list[Step]:
    """The steps after the first that change something."""
    return [step for before, step in pairwise(steps) if not np.array_equal(before.output, step.output)]


def _parted(mine: Sequence[Step], theirs: Sequence[Step]) -> str | None:
    """The names of the first two that give different values, or of the one that stands alone."""
    for one, other in zip_longest(mine, theirs):
        if one is None or other is None:
            return layer_name((one or other).piece.layer)
        if not _alike(one, other):
            return both(layer_name(one.piece.layer), layer_name(other.piece.layer))
    return None


def _alike(one: Step, other: Step) -> bool:
    return compare(one.output, other.output, None).equal
