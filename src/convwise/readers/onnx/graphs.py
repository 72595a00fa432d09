"""Graphs: first the positions of their parts, which bounds everything, then the parts; bodies inside bodies by a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from convwise.errors import ModelError
from convwise.readers.onnx import limits
from convwise.readers.onnx.nodes import place, read_nodes
from convwise.readers.onnx.reading import Reading
from convwise.readers.onnx.schema import GRAPH
from convwise.readers.onnx.structure import OnnxGraph, OnnxNode, OnnxTensor, OnnxValue
from convwise.readers.onnx.tensors import read_sparse_tensor, read_tensor
from convwise.readers.onnx.values import read_value
from convwise.readers.onnx.wire import fields, leading, malformed, quoted, too_many_nodes, too_much

Spans = list[tuple[int, int]]

NODES: Final = 0x0A
"""The first byte of a node in a graph."""


@dataclass(slots=True)
class _Parts:
    """Where the parts of a graph stand."""

    name: str = ""
    nodes: Spans = field(default_factory=list)
    tensors: Spans = field(default_factory=list)
    sparse: Spans = field(default_factory=list)
    inputs: Spans = field(default_factory=list)
    outputs: Spans = field(default_factory=list)
    values: Spans = field(default_factory=list)


def read_graph(reading: Reading, start: int, stop: int) -> OnnxGraph:
    """The GraphProto in these bytes, with every graph inside it.

    Raises:
        ModelError: CW404 to CW408.
    """
    graph = _flat(reading, start, stop, 1)
    read_bodies(reading)
    return graph


def read_bodies(reading: Reading) -> None:
    """Read the graphs that were put aside, and those that they hold, until none is left."""
    while reading.waiting:
        body = reading.waiting.pop()
        if body.depth > limits.DEPTH:
            raise too_much(body.start, f"graphs inside graphs, more than {limits.DEPTH} deep")
        graph = _flat(reading, body.start, body.stop, body.depth)
        # The attributes are still only ours: the mapping around them is not given out before all bodies are read.
        if body.several:
            # The last one was put aside last, so it comes first.
            body.attributes[body.key] = (graph, *(body.attributes[body.key] or ()))
        else:
            body.attributes[body.key] = graph


def _flat(reading: Reading, start: int, stop: int, depth: int) -> OnnxGraph:
    """One graph, its bodies put aside."""
    parts = _parts(reading, start, stop)
    inputs = _values(reading, parts.inputs, "input")
    outputs = _values(reading, parts.outputs, "output")
    tensors = _tensors(reading, parts)
    values = read_declared(reading, parts.values)
    nodes = read_nodes(reading, parts.nodes, depth)
    taken = {}
    for value, (at, _) in zip(inputs, parts.inputs, strict=True):
        if value.name in taken:
            raise duplicate(at, f"two inputs of the graph are called {quoted(value.name)}")
        taken[value.name] = "an input of the graph"
    taken.update(dict.fromkeys(tensors, "a tensor of the file"))
    check_outputs(nodes, parts.nodes, taken)
    return OnnxGraph(parts.name, nodes, inputs, outputs, MappingProxyType(values), MappingProxyType(tensors))


def _parts(reading: Reading, start: int, stop: int) -> _Parts:
    parts = _Parts()
    budget = reading.budget
    add_node = parts.nodes.append
    lists = {
        5: parts.tensors,
        11: parts.inputs,
        12: parts.outputs,
        13: parts.values,
        15: parts.sparse,
    }
    # Writers put the nodes first.
    nodes, start = leading(reading.buffer, start, stop, NODES, min(budget.fields, budget.nodes))
    parts.nodes.extend(nodes)
    budget.fields -= len(nodes)
    budget.nodes -= len(nodes)
    for number, _, at, first, end in fields(reading.buffer, start, stop, GRAPH, budget):
        if number == 1:
            budget.nodes -= 1
            if budget.nodes < 0:
                raise too_many_nodes(at)
            add_node((first, end))
        elif number == 2:
            parts.name = reading.name(first, end)
        else:
            budget.spend(at, 1)
            lists[number].append((first, end))
    return parts


def _values(reading: Reading, spans: Spans, what: str) -> tuple[OnnxValue, ...]:
    values = tuple([read_value(reading, start, stop) for start, stop in spans])
    for index, value in enumerate(values):
        if not value.name:
            raise malformed(spans[index][0], f"{what} {index} of the graph has no name")
    return values


def read_declared(reading: Reading, spans: Spans) -> dict[str, OnnxValue]:
    """The values that a graph or function declares in between, by name; two declarations that differ declare nothing."""
    values: dict[str, OnnxValue] = {}
    for start, stop in spans:
        value = read_value(reading, start, stop)
        known = values.setdefault(value.name, value)
        if known is not value and known != value:
            values[value.name] = OnnxValue(value.name, kind="")
    return values


def _tensors(reading: Reading, parts: _Parts) -> dict[str, OnnxTensor]:
    tensors: dict[str, OnnxTensor] = {}
    for spans, read in ((parts.tensors, read_tensor), (parts.sparse, read_sparse_tensor)):
        for index, (start, stop) in enumerate(spans):
            try:
                tensor = read(reading, start, stop)
            except ModelError as error:
                error.layer = error.layer or f"tensor {index} of the file"
                raise
            if not tensor.name:
                raise malformed(start, f"tensor {index} of the graph has no name")
            if tensor.name in tensors:
                raise duplicate(start, f"two tensors of the graph are called {quoted(tensor.name)}")
            tensors[tensor.name] = tensor
    return tensors


def check_outputs(nodes: tuple[OnnxNode, ...], spans: Spans, taken: dict[str, str]) -> None:
    """Refuse a name that is made twice; `taken` says what made the names that no node makes.

    Raises:
        ModelError: CW408, with the second maker as `layer`.
    """
    for node in nodes:
        for name in node.outputs:
            if name in taken:
                raise _again(node, spans[node.index][0], name, nodes, taken[name])
            if name:
                taken[name] = ""


def _again(node: OnnxNode, at: int, name: str, nodes: tuple[OnnxNode, ...], maker: str) -> ModelError:
    first = next((place(other.index, other.op_type, other.name) for other in nodes if name in other.outputs), "")
    error = duplicate(at, f"it writes {quoted(name)}, which is {maker or f'written by {first} already'}")
    error.layer = place(node.index, node.op_type, node.name)
    return error


def duplicate(at: int, fact: str) -> ModelError:
    return ModelError("CW408", f"byte {at:,}: {fact}", hint="in ONNX every name is made once")
