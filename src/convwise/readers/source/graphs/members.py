"""The layers of `keras.Model(inputs, outputs)`, and what `model.layers` and `model.get_layer(name)` give of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from convwise.readers.source import training
from convwise.readers.source.graphs.applying import ancestors
from convwise.readers.source.graphs.wiring import WiredModel, Wiring, flat
from convwise.readers.source.values import Made
from convwise.readers.torch_live.values import Tensor as Wire


def layers_of(graph: Wiring, model: WiredModel) -> list[Made]:
    """Every layer between the model's inputs and outputs once, in the order in which they were applied."""
    made = {id(one): one for one in graph.alive if isinstance(one, Made)}
    holders = [holder(graph.weights.get(place)) for place in sorted(_nodes(graph, model))]
    return [made[one] for one in dict.fromkeys(holders) if one is not None and one in made]


def _nodes(graph: Wiring, model: WiredModel) -> set[int]:
    building = graph.building
    stops = {building.tensors[wire.number].name for wire in model.inputs}
    return ancestors(graph, [part for part in flat(model.outputs) if isinstance(part, Wire)], stops)


def holder(key: object) -> int | None:
    """The id of the layer whose weights a node has; of a layer of several nodes, each has a number too."""
    first = key[0] if isinstance(key, tuple) else key
    return first if isinstance(first, int) else None


def in_order(graph: Wiring, model: WiredModel) -> list[Any] | None:
    """`model.layers` of a straight line of single layers, which Keras begins with the input; None for any other model.

    Keras orders branches by their depth, and counts a model inside as one layer.
    """
    if any(other.used for other in graph.models):  # its layers stand among those of the model
        return None
    places = sorted(_nodes(graph, model))
    nodes = [graph.building.nodes[place] for place in places]
    keys = [graph.weights.get(place) for place in places]
    straight = all(len(node.inputs) == 1 and "." not in node.name for node in nodes)
    single = None not in keys and len(set(keys)) == len(keys) and not any(isinstance(key, tuple) for key in keys)
    follows = all(before.outputs == after.inputs for before, after in pairwise(nodes))
    if not (straight and single and follows and len(model.inputs) == 1):
        return None
    return [training.entry(), *layers_of(graph, model)]


def named(graph: Wiring, model: WiredModel, name: Any) -> Made | None:
    """`model.get_layer("head")`: the layer that the text itself calls so."""
    found = [one for one in layers_of(graph, model) if dict(one.call.kwargs).get("name") == name]
    return found[0] if isinstance(name, str) and len(found) == 1 else None
