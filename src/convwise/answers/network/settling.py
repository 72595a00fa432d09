"""What could not be followed with free sizes: a handful of sizes is tried on concrete shapes, a straight line of windows has a bound.

A vision transformer joins a token to rows times columns, which no map of one axis follows; but its position table leaves one size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from convwise.answers.network.flowing import run
from convwise.answers.paths import ANY, through
from convwise.dialects.base import Layer
from convwise.ops import Conv, Norm, Op, Pointwise, Pool
from convwise.sizes import JointSet, Reason, SizeSet

if TYPE_CHECKING:
    from convwise.answers.network.legal import LegalSizes
    from convwise.answers.network.symbolic import Symbolic

PLAIN = frozenset(
    {"relu", "leaky_relu", "sigmoid", "tanh", "elu", "gelu", "silu", "hard_swish", "dropout", "identity", "bias_add"}
)
"""Pointwise ops that ask nothing of a shape."""

MOST_TRIED = 16
"""More combinations are not tried: one costs a run through the whole network."""

Sizes = tuple[int, ...]


def settled(symbolic: Symbolic, legal: LegalSizes) -> tuple[tuple[SizeSet, ...], JointSet | None] | None:
    """(a set an axis, the joint condition), exact; None where too many sizes are left, or a shape stays unknown."""
    if any(axis.source != legal.input for axis in symbolic.keys) or not all(sizes.finite for sizes in legal.sets):
        return None
    if prod(len(sizes.exceptions) for sizes in legal.sets) > MOST_TRIED:
        return None
    kept: list[Sizes] = []
    reasons: list[Reason] = []
    for sizes in product(*(allowed.exceptions for allowed in legal.sets)):
        if not legal.takes(sizes):
            continue
        found = _tried(symbolic, legal.input, sizes)
        if found is None:
            return None
        if isinstance(found, Reason):
            reasons.append(found)
        else:
            kept.append(sizes)
    open_ = {reason for _, reason in symbolic.conditions.open}
    sets = []
    for at, allowed in enumerate(legal.sets):
        told = tuple(reason for reason in allowed.reasons if reason not in open_)
        sets.append(SizeSet.of({sizes[at] for sizes in kept}).because(*dict.fromkeys((*told, *reasons))))
    if len(kept) == prod(len(sizes.exceptions) for sizes in sets):
        return tuple(sets), None
    boxes = tuple(tuple(SizeSet.of((n,)) for n in sizes) for sizes in kept)
    told = legal.joint.reasons if legal.joint is not None else ()
    return tuple(sets), JointSet(legal.names, boxes, tuple(dict.fromkeys((*told, *reasons))))


def bounded(symbolic: Symbolic, legal: LegalSizes) -> tuple[SizeSet, ...] | None:
    """(a set an axis), exact: in a straight line of windows every size from a bound on is legal, however long the period of its strides.

    None where a node is no such window, or where a run does not confirm the bound.
    """
    ops = _straight(symbolic)
    if ops is None or legal.joint is not None:
        return None
    rank = len(legal.names)
    spans = through([op for one in ops for op in one], (ANY,) * rank)
    if spans is None:
        return None
    sets = []
    for axis in range(rank):
        sizes = tuple(span.low for span in spans)
        below = tuple(low - (number == axis) for number, low in enumerate(sizes))
        refused = sizes[axis] == 1 or isinstance(_tried(symbolic, legal.input, below), Reason)
        if not refused or _tried(symbolic, legal.input, sizes) is not True:
            return None
        sets.append(_from(sizes[axis], axis, ops, symbolic))
    return tuple(sets)


def _from(low: int, axis: int, ops: Sequence[tuple[Op, ...]], symbolic: Symbolic) -> SizeSet:
    """Every size from `low` on, with the first node that asks for so many cells."""

    def asked(nodes: int) -> int:
        found = through([op for one in ops[:nodes] for op in one], (ANY,) * (axis + 1))
        return found[axis].low if found is not None else 1

    sizes = SizeSet.from_start(low)
    if low == 1:
        return sizes
    # What a line of windows asks for never falls as the line grows.
    node = symbolic.network.nodes[bisect_left(range(1, len(ops) + 1), low, key=asked)]
    return sizes.because(Reason(node.name or node.kind, f"the windows up to this one need {sizes}", sizes))


def _straight(symbolic: Symbolic) -> list[tuple[Op, ...]] | None:
    """The ops of each node of a straight line of windows; None where a node is something else, or reads something else."""
    network = symbolic.network
    if len(network.sources) != 1:
        return None
    found: list[tuple[Op, ...]] = []
    before = network.sources[0].name
    rank = len(symbolic.keys)
    for node in network.nodes:
        ops = node.work.ops if isinstance(node.work, Layer) else node.work
        if node.inputs != (before,) or not isinstance(ops, tuple) or not all(_slides(op, rank) for op in ops):
            return None
        found.append(ops)
        before = node.outputs[0]
    return found


def _slides(op: Op, rank: int) -> bool:
    """Whether the op is a window that takes every size from some size on, or leaves sizes alone."""
    if isinstance(op, Conv):
        return len(op.windows) == rank and op.padding_mode == "zeros"
    if isinstance(op, Pool):
        return len(op.windows) == rank and not any(window.ceil for window in op.windows)
    return (isinstance(op, Pointwise) and op.kind in PLAIN) or (isinstance(op, Norm) and op.kind == "batch")


def _tried(symbolic: Symbolic, input: str, sizes: Sizes) -> Reason | bool | None:
    """True where the network takes the sizes, the reason where it does not, None where a shape is not known."""
    network = symbolic.network
    source = next(one for one in network.sources if one.name == input)
    shape = [size if isinstance(size, int) else None for size in source.declared]
    if source.layout.batched and shape and shape[0] is None:
        shape[0] = 1
    for axis, size in zip(symbolic.keys, sizes, strict=True):
        shape[axis.place] = size
    if len(network.sources) != 1:
        return None
    found = run(network, shape, strict=False)
    for step in found.nodes:
        if step.error is not None:
            with_sizes = " x ".join(str(size) for size in sizes)
            return Reason(step.node.name, f"does not take what comes of {with_sizes}: {step.error.fact}")
        if None in step.outputs or any(None in output for output in step.outputs if output is not None):
            return None
    return True
