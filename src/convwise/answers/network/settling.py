"""Where a handful of sizes is left, each is tried on concrete shapes: it settles what could not be followed with free sizes.

A vision transformer joins a token to rows times columns, which no map of one axis follows; but its position table leaves one size.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

from convwise.answers.network.flowing import run
from convwise.sizes import JointSet, Reason, SizeSet

if TYPE_CHECKING:
    from convwise.answers.network.legal import LegalSizes
    from convwise.answers.network.symbolic import Symbolic

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
