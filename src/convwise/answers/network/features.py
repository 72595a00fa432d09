"""What the dense layers behind a Flatten would have to be made for, so that a network takes a wanted size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convwise.answers.network.flowing import Run, run
from convwise.dialects.base import Layer
from convwise.graph import Network, Node
from convwise.ops import Dense, Shape

MOST = 4
"""So many dense layers in a row are made anew at most."""


@dataclass(frozen=True, slots=True)
class Remade:
    """A dense layer, the features it is made for, and those that reach it at the wanted size."""

    node: str
    now: int
    features: int
    out: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"node": self.node, "in_features": self.features, "now": self.now}


def remade(network: Network, sizes: Sequence[int], input: str) -> tuple[Remade, ...]:
    """The dense layers to make anew so that `input` may have these sizes; none where that alone does not help."""
    shapes = {source.name: _shape(source.declared, source.layout.batched) for source in network.sources}
    source = next(one for one in network.sources if one.name == input)
    first = int(source.layout.batched) + (0 if source.layout.channels_last else 1)
    shape = list(shapes[input])
    shape[first : first + len(sizes)] = sizes
    if None in shape[int(source.layout.batched) :]:
        return ()
    shapes[input] = tuple(shape)
    return made_to_fit(network, shapes)[0]


def made_to_fit(network: Network, shapes: Mapping[str, Shape]) -> tuple[tuple[Remade, ...], Run | None]:
    """The dense layers to make anew so that the network takes these inputs, and the run on it; no layers and no run where that alone does not help."""
    found: list[Remade] = []
    while len(found) <= MOST:
        flowed = run(network, dict(shapes), strict=False)
        broken = next((step for step in flowed.nodes if step.error is not None), None)
        if broken is None:
            return tuple(found), flowed
        op, error = dense(broken.node), broken.error
        assert error is not None
        if op is None or error.code != "CW109" or not isinstance(error.received, int) or op.in_features is None:
            return (), None
        found.append(Remade(broken.node.name, op.in_features, error.received, op.out_features))
        network = replace(network, nodes=tuple(_with(node, broken.node, error.received) for node in network.nodes))
    return (), None


def dense(node: Node) -> Dense | None:
    """The node's dense op with a fixed number of features, if it has one."""
    ops = node.work.ops if isinstance(node.work, Layer) else node.work if isinstance(node.work, tuple) else ()
    return next((op for op in ops if isinstance(op, Dense) and op.in_features is not None), None)


def _shape(declared: Sequence[int | str | None], batched: bool) -> tuple[int | None, ...]:
    sizes = [size if isinstance(size, int) else None for size in declared]
    if batched and sizes and sizes[0] is None:
        sizes[0] = 1
    return tuple(sizes)


def _with(node: Node, chosen: Node, features: int) -> Node:
    if node is not chosen:
        return node
    ops = node.work.ops if isinstance(node.work, Layer) else node.work
    assert isinstance(ops, tuple)
    return replace(node, work=tuple(replace(op, in_features=features) if isinstance(op, Dense) else op for op in ops))
