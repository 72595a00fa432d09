"""A message that PyTorch says of a sample without a batch: its Flatten keeps the first axis, so that a Linear is reached by too few features."""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.explanation import Explanation, Fact, Fix, show
from convwise.answers.network.features import dense
from convwise.answers.network.flowing import Run, run
from convwise.answers.network.legal import legal_sizes
from convwise.answers.tracebacks.clue import Clue, numbers
from convwise.answers.tracebacks.locate import Located, locate
from convwise.errors import ConvwiseError
from convwise.graph import Network, Node, Source
from convwise.ops import Shape
from convwise.readers.echo import shown

LARGEST_SIDE = 512
"""Squares of up to so many cells a side are tried."""


def lacks_batch(told: Explanation, found: Located) -> Explanation | None:
    """The explanation where the message comes of a sample without a batch, and with a batch of 1 the layer takes what reaches it, or would if made for it."""
    flowed = found.flowed
    network = None if flowed is None else flowed.network
    if flowed is None or network is None or network.dialect != "torch" or len(network.sources) != 1:
        return None
    (source,) = network.sources
    if source.layout.batched:
        return None
    single = flowed.inputs[source.name]
    batched = (1, *single)
    whole = replace(source, declared=batched, layout=replace(source.layout, batched=True))
    again = run(replace(network, sources=(whole,)), batched, strict=False)
    output = again.shapes.get(network.outputs[0]) if network.outputs else None
    first = next((step for step in again.nodes if step.error is not None), None)
    fixes = [Fix(f"an input of {show(batched)}", output or (), "", "x[None]: a batch of 1 makes everything fit")]
    if first is not None and first.error is not None:
        op, have = dense(first.node), first.error.received
        if first.node is not found.node or first.error.code != "CW109" or op is None or not isinstance(have, int):
            return None
        made = Fix(f"nn.Linear({have}, {op.out_features})", (1, op.out_features), "", "takes what then reaches it")
        fixes = [Fix("x[None]", batched, "", "a batch of 1"), made]
    such = "" if found.given else "such as "
    line = f"{called(found.node)} says this of a sample without a batch, {such}{show(single)}: Flatten then keeps its first axis apart"
    facts = (told.facts[0], Fact("in the model", (line,)))
    return replace(told, name=found.node.name or None, facts=facts, fixes=tuple(fixes))


def called(node: Node) -> str:
    name = f"'{shown(node.name)}' ({shown(node.kind)})" if node.name else shown(node.kind)
    return f"{name} at {node.place}" if node.place else name


def turned_sample(fix: Fix, flowed: Run) -> Fix:
    """`x.permute(0, 3, 1, 2)` of an image without a batch: PyTorch's message puts a batch of 1 before it, which the image has not."""
    shapes = [shape for shape in flowed.inputs.values() if shape is not None]
    _, *order = numbers(fix.code)
    if len(shapes) != 1 or len(shapes[0]) != len(order) or fix.output[:1] != (1,):
        return fix
    return replace(fix, code=f"x.permute{tuple(place - 1 for place in order)}[None]")


def without_batch(network: Network, clue: Clue, shape: Shape | None, hints: tuple[str, ...]) -> Located | None:
    """The layer that says it of a sample without a batch, where none does of a batch; None where that is not so."""
    if clue.what != "dense" or network.dialect != "torch" or len(network.sources) != 1:
        return None
    (source,) = network.sources
    if not source.layout.batched or len(source.declared) < 2:
        return None
    alone = replace(source, declared=source.declared[1:], layout=replace(source.layout, batched=False))
    single = replace(network, sources=(alone,))
    try:
        sample = shape if shape is not None else _sample(network, source)
        found = locate(single, clue, sample, hints)
    except ConvwiseError:
        return None
    if found is None or found.flowed is None:
        return None
    return replace(found, given=found.given and shape is not None)


def _sample(network: Network, source: Source) -> Shape | None:
    """A sample of a size that the model takes with a batch, as high as it is wide where there is one."""
    legal = legal_sizes(network)
    if not len(legal):
        return None
    squares = ((side,) * len(legal) for side in range(1, LARGEST_SIDE + 1))
    point = next((sizes for sizes in squares if legal.takes(sizes)), None) or legal.nearest(
        (LARGEST_SIDE,) * len(legal)
    )
    channels = source.layout.split(tuple(size if isinstance(size, int) else None for size in source.declared))[1]
    single = replace(source.layout, batched=False)
    return None if point is None or channels is None else single.join((), channels, point)
