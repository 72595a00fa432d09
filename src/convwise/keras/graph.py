"""The graph of a functional model: which calls of layers lead from its inputs to its outputs, in which order, and running them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convwise.errors import ArgumentError
from convwise.keras import nest
from convwise.keras.dialect_layer import DialectLayer
from convwise.keras.inputs import InputLayer
from convwise.keras.layer import Layer
from convwise.keras.symbolic import KerasTensor, Node


@dataclass(frozen=True, eq=False)
class Graph:
    """`nodes` in an order in which they can run, `operations` (layers, and operators between tensors) in Keras's order, each once.

    `begins` are the input layers, in the order in which arrays are given; `uses` counts how often each tensor is read; `sole` is, of a
    node, the only node that reads what it gives.
    """

    inputs: tuple[KerasTensor, ...]
    begins: tuple[InputLayer, ...]
    outputs: Any
    nodes: tuple[Node, ...]
    operations: tuple[Layer, ...]
    uses: Counter[KerasTensor]
    sole: Mapping[Node, Node]
    straight: bool

    @property
    def is_chain(self) -> bool:
        """As Keras's summary sees it: one call after the other, each of another layer, whatever is an output besides."""
        readers = Counter(tensor.node for node in self.nodes for tensor in parents(node))
        alone = all(count == 1 for count in readers.values()) and all(len(parents(node)) == 1 for node in self.nodes)
        return alone and len(self.inputs) == 1 and len({node.layer for node in self.nodes}) == len(self.nodes)

    def source(self, tensor: KerasTensor) -> str:
        """`conv2d[0][0]`: the layer, the number of its call, the place among what the call gave."""
        for begin, one in zip(self.begins, self.inputs, strict=True):
            if one is tensor:
                return f"{begin.name}[0][0]"
        return f"{tensor.node.layer.name}[{tensor.node.number}][{tensor.place}]"

    def run(self, given: Sequence[Any]) -> Any:
        """The outputs, in the nest that the model was made with."""
        values = dict(zip(self.inputs, given, strict=True))
        left, done = Counter(self.uses), set[Node]()
        for node in self.nodes:
            if node in done:
                continue
            arguments = nest.mapped(lambda one: values[one] if isinstance(one, KerasTensor) else one, node.arguments)
            last = self._joined(node)
            if last is node:
                result = node.layer(arguments)
            else:
                result = node.layer._call_joined(arguments, node.layer._joined(last.layer))  # type: ignore[attr-defined]
                done.add(last)
            values.update(zip(last.outputs, nest.flat(result), strict=True))
            for tensor in parents(node):
                left[tensor] -= 1
                if not left[tensor]:
                    del values[tensor]  # large maps are not kept until the end
        return nest.mapped(lambda tensor: values[tensor], self.outputs)

    def _joined(self, node: Node) -> Node:
        """The activation layer that runs together with the convolution of `node`; else the node itself."""
        after = self.sole.get(node)
        joins = after is not None and isinstance(node.layer, DialectLayer) and node.layer._joined(after.layer)
        return after if after is not None and joins else node

    def shapes(self, given: Sequence[Any]) -> Any:
        """The shapes of the outputs, from those of the inputs: one, or a list or dict of them."""
        shapes = dict(zip(self.inputs, given, strict=True))
        for node in self.nodes:
            taken = nest.mapped(lambda one: shapes[one] if isinstance(one, KerasTensor) else one.shape, node.arguments)
            found = node.layer.compute_output_shape(taken)
            several = [found] if isinstance(found, tuple) else found.values() if isinstance(found, dict) else found
            shapes.update(zip(node.outputs, several, strict=True))
        return nest.mapped(lambda tensor: shapes[tensor], self.outputs)


def parents(node: Node) -> list[KerasTensor]:
    return [leaf for leaf in nest.flat(node.arguments) if isinstance(leaf, KerasTensor)]


def graph_of(inputs: Any, outputs: Any, model: str) -> Graph:
    """The calls that lead from `inputs` to `outputs`.

    Raises:
        ArgumentError: CW208 for what is no tensor of a functional model, CW315 where an output needs another input, CW606 for a name that
            is given twice.
    """
    starts, ends = _tensors(inputs, "inputs"), _tensors(outputs, "outputs")
    begins = tuple(
        one.node.layer
        if isinstance(one.node.layer, InputLayer)
        else InputLayer(batch_shape=one.shape, dtype=one.dtype, name=f"{one.name}CLONE")
        for one in starts
    )
    # The way back ends at the inputs, wherever they lie.
    roots = {one: begin.tensor.node for one, begin in zip(starts, begins, strict=True)}
    order, indices = _walked(ends, roots, model)
    operations = _by_depth(order, indices, roots, begins)
    _check_names(operations, model)
    nodes = tuple(node for node in order if not isinstance(node.layer, InputLayer))
    uses = Counter([*(one for node in nodes for one in parents(node)), *ends])
    sole = {
        parent.node: node
        for node in nodes
        for parent in parents(node)
        if uses[parent] == 1 and len(parent.node.outputs) == 1
    }
    straight = len(starts) == len(ends) == 1 and all(len(parents(node)) == 1 for node in nodes)
    straight = straight and set(uses.values()) <= {1}
    return Graph(tuple(starts), begins, _bare(outputs), nodes, operations, uses, sole, straight)


def _bare(nest_of_one: Any) -> Any:
    """Keras gives what a list of one output holds."""
    single = isinstance(nest_of_one, list | tuple) and len(nest_of_one) == 1
    return nest_of_one[0] if single else nest_of_one


def _tensors(value: Any, name: str) -> list[KerasTensor]:
    found = list(nest.flat(value))
    wrong = next((one for one in found if not isinstance(one, KerasTensor)), None)
    if wrong is not None or not found:
        raise ArgumentError(
            "CW208",
            f"{name} must be tensors that Input or a layer of the model gave",
            axis=name,
            received=type(value if wrong is None else wrong).__name__,
            quote=f"All `{name}` values must be KerasTensors.",
            hint="pass what Input and the last layers gave, or a list of them",
        )
    return found


def _walked(
    ends: Iterable[KerasTensor], roots: Mapping[KerasTensor, Node], model: str
) -> tuple[list[Node], dict[Layer, int]]:
    """The nodes from the inputs on, each behind those that it reads; and the number of each layer, in the order in which they were met."""
    order: list[Node] = []
    indices: dict[Layer, int] = {}
    met: set[Node] = set()
    pending: list[tuple[Node, Iterator[KerasTensor]]] = []

    def enter(tensor: KerasTensor) -> None:
        node = roots.get(tensor, tensor.node)
        if node in met:
            return
        if isinstance(node.layer, InputLayer) and tensor not in roots:
            raise ArgumentError(
                "CW315",
                f"the outputs need the input {node.layer.name!r} as well",
                layer=model,
                received=node.layer.name,
                quote="Output with path `` is not connected to `inputs`",
                hint="pass every Input that the layers were called on as `inputs`",
            )
        met.add(node)
        indices.setdefault(node.layer, len(indices))
        pending.append((node, iter([] if tensor in roots else parents(node))))

    for end in ends:
        enter(end)
        while pending:
            node, rest = pending[-1]
            tensor = next(rest, None)
            if tensor is not None:
                enter(tensor)
            else:
                order.append(node)
                pending.pop()
    return order, indices


def _by_depth(
    order: Sequence[Node],
    indices: Mapping[Layer, int],
    roots: Mapping[KerasTensor, Node],
    begins: Sequence[InputLayer],
) -> tuple[Layer, ...]:
    """The layers farthest from the outputs first, those of one distance in the order in which they were met."""
    of_nodes: dict[Node, int] = {}
    of_layers: dict[Layer, int] = {}
    for node in reversed(order):
        depth = max(of_nodes.get(node, 0), of_layers.get(node.layer, 0))
        of_layers[node.layer] = of_nodes[node] = depth
        for tensor in parents(node):
            parent = roots.get(tensor, tensor.node)
            of_nodes[parent] = max(depth + 1, of_nodes.get(parent, 0))
    unread = [(0, -1, layer) for layer in begins if layer not in indices]
    found = [(-of_layers[layer], number, layer) for layer, number in indices.items()]
    return tuple(layer for *_, layer in sorted([*unread, *found], key=lambda one: one[:2]))


def _check_names(operations: Sequence[Layer], model: str) -> None:
    counts = Counter(layer.name for layer in operations)
    name, count = next(((name, count) for name, count in counts.items() if count > 1), ("", 0))
    if count:
        raise ArgumentError(
            "CW606",
            f"{count} layers are called {name!r}",
            layer=model,
            received=name,
            quote=f'The name "{name}" is used {count} times in the model. All operation names should be unique.',
        )
