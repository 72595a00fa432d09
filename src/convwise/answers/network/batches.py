"""What a network costs where its batch is not known: as much as one sample, whatever the network puts into the batch on the way."""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.network.flowing import Run, run
from convwise.errors import ConvwiseError
from convwise.graph import Network
from convwise.ops.several import Arithmetic, ReshapeTo


def of_one_sample(flowed: Run) -> Run:
    """The same run; of a network that puts steps into its batch the one whose batch is 1, as far as the batch alone is open."""
    shapes = flowed.inputs
    open_batches = all(shape[:1] == (None,) and None not in shape[1:] for shape in shapes.values())
    if not shapes or not open_batches or not _merges(flowed.network):
        return flowed
    try:
        return run(flowed.network, {name: (1, *shape[1:]) for name, shape in shapes.items()})
    except ConvwiseError:
        return flowed


def counted_as(flowed: Run, one: Run) -> Run:
    """The shapes of a run with the multiply-adds and bytes of another."""
    if one is flowed:
        return flowed
    pairs = zip(flowed.done, one.done, strict=True)
    return replace(flowed, done=tuple(replace(own, macs=other.macs, bytes=other.bytes) for own, other in pairs))


def _merges(network: Network) -> bool:
    """Whether an axis is put into the batch, as a layer does that works at every step."""
    works = (node.work for node in network.nodes)
    return any(isinstance(work, ReshapeTo) and isinstance(work.target[0], Arithmetic) for work in works if work)
