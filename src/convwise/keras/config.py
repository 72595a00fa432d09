"""A functional model as Keras's own configuration, which says how its branches run."""

from __future__ import annotations

from typing import Any

from convwise.keras import nest
from convwise.keras.graph import Graph
from convwise.keras.layer import Layer
from convwise.keras.merging import Operation
from convwise.keras.symbolic import KerasTensor, Node


def config_of(name: str, graph: Graph) -> dict[str, Any]:
    """What Keras's `model.get_config()` gives, without initializers and the like: layers by name with their arguments and what each call reads."""
    numbers: dict[str, int] = {}
    histories: dict[KerasTensor, list[Any]] = {}
    for begin, tensor in zip(graph.begins, graph.inputs, strict=True):
        histories[tensor] = [begin.name, 0, 0]
    calls: dict[str, list[Any]] = {}
    for node in graph.nodes:
        # Calls outside of the model do not count in it.
        number = numbers.setdefault(node.layer.name, 0)
        numbers[node.layer.name] += 1
        for tensor in node.outputs:
            histories[tensor] = [node.layer.name, number, tensor.place]
        calls.setdefault(node.layer.name, []).append({"args": _arguments(node, histories), "kwargs": {}})
    ends = [histories[tensor] for tensor in nest.flat(graph.outputs)]
    return {
        "name": name,
        "trainable": True,
        "layers": [_layer(layer, calls.get(layer.name, [])) for layer in graph.operations],
        "input_layers": [[begin.name, 0, 0] for begin in graph.begins],
        "output_layers": ends,
    }


def _layer(layer: Layer, calls: list[Any]) -> dict[str, Any]:
    module = "keras.src.ops.numpy" if isinstance(layer, Operation) else "keras.layers"
    config = layer.get_config()
    return {
        "module": module,
        "class_name": layer.kind_name,
        "config": config,
        "name": layer.name,
        "inbound_nodes": calls,
    }


def _arguments(node: Node, histories: dict[KerasTensor, list[Any]]) -> list[Any]:
    def told(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf.tolist()
        config = {"shape": list(leaf.shape), "dtype": leaf.dtype, "keras_history": histories[leaf]}
        return {"class_name": "__keras_tensor__", "config": config}

    told_arguments = nest.mapped(told, node.arguments)
    return told_arguments if isinstance(node.layer, Operation) else [told_arguments]
