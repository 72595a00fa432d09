"""A view with -1 in the place of the batch: it regroups the numbers of several samples where a sample has not as many as it writes."""

from __future__ import annotations

from dataclasses import replace

from convwise.dialects.base import Layer
from convwise.graph import Network, Node, Work
from convwise.ops import Reshape
from convwise.ops.several import ReshapeTo, SizeOf


def keeping_batch(network: Network, node: Node) -> Network:
    """The network in which this view keeps the batch, as it was meant to: sizes that merely divide by it are then no way out."""
    work = _kept(node.work)
    if work is None:
        return network
    return replace(network, nodes=tuple(replace(one, work=work) if one is node else one for one in network.nodes))


def _kept(work: Work) -> Work | None:
    if isinstance(work, ReshapeTo):
        first, *rest = work.target
        whole = first == -1 and rest and all(isinstance(term, int) and term > 0 for term in rest)
        return replace(work, target=(SizeOf(0, 0), *rest)) if whole else None
    ops = work.ops if isinstance(work, Layer) else ()
    op = ops[0] if len(ops) == 1 else None
    if not isinstance(op, Reshape) or op.keeps_batch or len(op.target) < 2:
        return None
    return (
        (replace(op, target=op.target[1:], keeps_batch=True),)
        if op.target[0] == -1 and min(op.target[1:]) > 0
        else None
    )
