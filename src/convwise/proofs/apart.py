"""Weights that a file keeps beside their layer: an export writes a dense layer on a sequence as MatMul and Add, and GroupNorm as InstanceNormalization, Mul and Add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.network.trace import Trace
from convwise.dialects.base import Layer
from convwise.graph import Node
from convwise.ops import Dense, Norm, Shape
from convwise.ops.several import Elementwise, ReshapeTo
from convwise.proofs.pairing import Key

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Apart:
    """A node that adds a stored tensor to what a layer gives, or multiplies it: `key` is the layer's, `role` what the tensor is of it."""

    key: Key
    role: str
    shape: Shape
    stored: int
    """Which of the node's inputs is the stored one."""


def kept_apart(trace: Trace) -> dict[int, Apart]:
    """By the nodes' numbers; each layer is followed through reshapes, and as long as one node alone reads it."""
    network = trace.run.network
    readers: dict[str, int] = {}
    for node in network.nodes:
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    owners: dict[str, tuple[Key, Norm | Dense]] = {}
    found: dict[int, Apart] = {}
    taken: set[tuple[Key, str]] = set()
    for number, (node, step) in enumerate(zip(network.nodes, trace.run.nodes, strict=True)):
        ops = node.work.ops if isinstance(node.work, Layer) else node.work
        if len(node.outputs) != 1:
            continue
        if isinstance(ops, tuple) and ops and isinstance(ops[-1], Norm | Dense):
            owners[node.outputs[0]] = (number, len(ops) - 1), ops[-1]
            continue
        data = [name for name in node.inputs if name in owners and readers[name] == 1 and name not in network.outputs]
        if not data:
            continue
        key, op = owners[data[0]]
        if isinstance(node.work, ReshapeTo):
            owners[node.outputs[0]] = key, op
            continue
        one = _apart(node, network.shapes, key, op, step.outputs[0])
        if one is not None and (key, one.role) not in taken:
            taken.add((key, one.role))
            found[number] = one
            owners[node.outputs[0]] = key, op
    return found


def _apart(node: Node, shapes: Mapping[str, Shape], key: Key, op: Norm | Dense, out: Shape | None) -> Apart | None:
    """What the node is of the layer, if the layer has no such weight itself and the tensor has a number for each of its features."""
    if not isinstance(node.work, Elementwise) or len(node.inputs) != 2 or not node.params or not out:
        return None
    stored = next((place for place, name in enumerate(node.inputs) if name in shapes), None)
    if stored is None:
        return None
    shape = shapes[node.inputs[stored]]
    cells = [(place - len(shape), size) for place, size in enumerate(shape) if size != 1]
    adds = node.work.kind == "add"
    if isinstance(op, Dense):
        fits = adds and not op.bias and cells == [(-1, op.out_features)]
        return Apart(key, "bias", shape, stored) if fits else None
    fits = cells == [(1 - len(out), out[1])] and not (op.center if adds else op.scale)
    return (
        Apart(key, "shift" if adds else "scale", shape, stored)
        if fits and (adds or node.work.kind == "multiply")
        else None
    )


def run_apart(node: Node, one: Apart, x: Array, weight: Array) -> Array:
    """The node's output; `weight` is the layer's."""
    assert isinstance(node.work, Elementwise)
    value = np.reshape(weight, tuple(size or 0 for size in one.shape))
    return np.asarray(x + value if node.work.kind == "add" else x * value)


def cells(shape: Shape) -> tuple[int, ...]:
    """The shape of the weight without its axes of one cell."""
    return (prod(size or 0 for size in shape),)
