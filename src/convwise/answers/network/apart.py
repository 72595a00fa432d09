"""Samples kept apart: a view or a Flatten that mixes those of a batch, put right, and the dense layers that would then be made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convwise.answers.network.features import Remade, made_to_fit
from convwise.answers.network.flowing import NodeFlow, Run
from convwise.answers.network.rows import FLAT
from convwise.answers.wording import listed
from convwise.dialects.base import Layer
from convwise.graph import Node, Work
from convwise.ops import Flatten, Reshape, Shape, elements
from convwise.ops.rearrange import joins_batch
from convwise.ops.several import ReshapeTo
from convwise.readers.echo import shown


@dataclass(frozen=True, slots=True)
class Apart:
    """The node that mixes samples, what its rows are with a row for each, the dense layers made for them, and what the network gives."""

    node: Node
    code: str
    rows: Shape
    made: tuple[Remade, ...]
    output: Shape


def kept_apart(flowed: Run) -> Apart | None:
    """How the network takes the same input with a row for each sample; None where no mixed samples are at fault, or that does not help."""
    network = flowed.network
    broken = next((step for step in flowed.nodes if step.error is not None), None)
    if broken is None or len(network.sources) != 1 or not network.sources[0].layout.batched or not network.outputs:
        return None
    step = _mixing(flowed.nodes, broken)
    batch = flowed.inputs[network.sources[0].name][:1]
    before = flowed.shapes.get(step.node.inputs[0]) if step is not None else None
    if step is None or not before or before[:1] != batch or None in before:
        return None
    cells = elements(before[1:])
    work: Work = (Flatten(),)
    other = replace(network, nodes=tuple(replace(one, work=work) if one is step.node else one for one in network.nodes))
    made, again = made_to_fit(other, dict(flowed.inputs))
    output = None if again is None else again.shapes.get(network.outputs[0])
    if output is None or cells is None:
        return None
    code = FLAT.get(network.dialect, "layers.Flatten()")
    return Apart(step.node, code, (*batch, cells), made, output)


def _mixing(steps: Sequence[NodeFlow], broken: NodeFlow) -> NodeFlow | None:
    """The step itself where it is a view that does not divide, else the one before it that lays all samples out in one line."""
    assert broken.error is not None
    if broken.error.code == "CW106":
        return broken if _mixes(broken.node.work, rows=True) else None
    if broken.error.code != "CW109":
        return None
    made = {name: step for step in steps for name in step.node.outputs}
    step = made.get(broken.node.inputs[0])
    while step is not None and len(step.node.inputs) == 1 and step.outputs == step.inputs:
        step = made.get(step.node.inputs[0])
    return step if step is not None and _mixes(step.node.work, rows=False) else None


def _mixes(work: Work, *, rows: bool) -> bool:
    """Whether a node makes one line of a batch, or with `rows` rows of a number that is written."""
    if isinstance(work, ReshapeTo):
        one, *rest = work.target
        return one == -1 and (len(rest) == 1 and isinstance(rest[0], int) and rest[0] > 0 if rows else not rest)
    ops = work.ops if isinstance(work, Layer) else work if isinstance(work, tuple) else ()
    if len(ops) != 1:
        return False
    op = ops[0]
    if not rows:
        return joins_batch(op)
    written = isinstance(op, Reshape) and not op.keeps_batch and len(op.target) == 2
    return isinstance(op, Reshape) and written and op.target[0] == -1 and op.target[1] > 0


def put_right(apart: Apart) -> str:
    """What to change, in one line."""
    samples, cells = apart.rows
    layers = [f"'{shown(one.node)}' made for {one.features:,} features" for one in apart.made]
    rest = f", and {listed(layers)}" if layers else ""
    return f"{apart.code} in the place of '{shown(apart.node.name)}' keeps the samples apart, {samples} x {cells}{rest}"
