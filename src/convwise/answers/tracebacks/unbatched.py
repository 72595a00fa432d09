"""A message that PyTorch says of a sample without a batch: its Flatten keeps the first axis, so that a Linear is reached by too few features."""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.explanation import Explanation, Fact, Fix, show
from convwise.answers.network.checking import dense
from convwise.answers.network.flowing import run
from convwise.answers.network.legal import legal_sizes
from convwise.answers.tracebacks.clue import Clue
from convwise.errors import ConvwiseError
from convwise.graph import Network
from convwise.ops import Shape
from convwise.readers.echo import shown

LARGEST_SIDE = 512
"""Squares of up to so many cells a side are tried."""


def without_batch(told: Explanation, clue: Clue, network: Network, shape: Shape | None) -> Explanation | None:
    """The explanation where a sample without a batch makes the model say this, and one with a batch of 1 works; None where not."""
    if clue.what != "dense" or network.dialect != "torch" or len(network.sources) != 1:
        return None
    (source,) = network.sources
    single = _sample(network, shape)
    if single is None:
        return None
    batched = (1, *single)
    alone = replace(source, declared=single, layout=replace(source.layout, batched=False))
    whole = replace(source, declared=batched, layout=replace(source.layout, batched=True))
    try:
        flowed = run(replace(network, sources=(alone,)), single, strict=False)
        again = run(replace(network, sources=(whole,)), batched, strict=False)
    except ConvwiseError:
        return None
    step = next((step for step in flowed.nodes if step.error is not None), None)
    op = dense(step.node) if step is not None else None
    if step is None or step.error is None or op is None or again.errors or not network.outputs:
        return None
    if (step.error.code, step.error.received, op.in_features) != ("CW109", clue.have, clue.need):
        return None
    output = again.shapes.get(network.outputs[0])
    name = f"'{shown(step.node.name)}' ({shown(step.node.kind)})"
    place = f" at {step.node.place}" if step.node.place else ""
    such = "" if shape is not None else "such as "
    lines = (
        f"{name}{place} says this of a sample without a batch, {such}{show(single)}: Flatten then keeps its first axis apart",
    )
    fix = Fix(f"an input of {show(batched)}", output or (), "", "a batch of 1 makes everything fit")
    return replace(told, name=step.node.name or None, facts=(told.facts[0], Fact("in the model", lines)), fixes=(fix,))


def _sample(network: Network, shape: Shape | None) -> Shape | None:
    """The sample that was given without a batch; else one of a size that the model takes, as high as it is wide where there is one."""
    (source,) = network.sources
    axes = len(source.declared) - source.layout.batched
    if shape is not None:
        return shape if len(shape) == axes else None
    try:
        legal = legal_sizes(network)
    except ConvwiseError:
        return None
    if not len(legal) or not source.layout.batched:
        return None
    squares = ((side,) * len(legal) for side in range(1, LARGEST_SIDE + 1))
    point = next((sizes for sizes in squares if legal.takes(sizes)), None) or legal.nearest(
        (LARGEST_SIDE,) * len(legal)
    )
    channels = source.layout.split(tuple(size if isinstance(size, int) else None for size in source.declared))[1]
    return None if point is None or channels is None else source.layout.join((), channels, point)
