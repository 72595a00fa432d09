"""Calls of layers on tensors without values, from which functional models are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convwise.errors import ArgumentError
from convwise.keras import nest
from convwise.keras.symbolic import KerasTensor, Node

if TYPE_CHECKING:
    from convwise.keras.layer import Layer


def drawn(layer: Layer, calls: list[Node], inputs: Any, shape: Any, dtype: str) -> Any:
    """The tensors that a call gives, one for a shape, several for a list or a dict of them; the call is put down in `calls`."""
    node = Node(layer, inputs, len(calls))
    calls.append(node)
    if isinstance(shape, tuple):
        node.outputs.append(KerasTensor(shape, node, dtype))
        return node.outputs[0]
    keys = sorted(shape) if isinstance(shape, dict) else range(len(shape))
    node.outputs.extend(KerasTensor(shape[key], node, dtype, place=place) for place, key in enumerate(keys))
    return dict(zip(keys, node.outputs, strict=True)) if isinstance(shape, dict) else list(node.outputs)


def only_call(name: str, calls: Sequence[Node], which: str) -> Node:
    """The one call of the layer `name`, whose `which` is asked for.

    Raises:
        AttributeError: where there is none, or more than one.
    """
    if not calls:
        raise AttributeError(f"The layer {name} has never been called and thus has no defined {which}.")
    if len(calls) > 1:
        fact = f"The layer {name!r} has been called {len(calls)} times, so that there are as many of its {which}s"
        raise AttributeError(f"{fact}; keep the tensors that the calls gave")
    return calls[0]


def check_single(layer: Layer, inputs: Any) -> None:
    """Refuse a list of arrays where a layer takes one.

    Raises:
        ArgumentError: CW605.
    """
    if not nest.is_nest(inputs):
        return
    count = len(list(nest.flat(inputs)))
    raise ArgumentError(
        "CW605",
        f"one array is taken, and {count} are given",
        layer=f"{layer.name!r} (Keras {layer.kind_name})",
        received=type(inputs).__name__,
        quote=f'Layer "{layer.name}" expects 1 input(s), but it received {count} input tensors.' if count > 1 else "",
        hint="join them first: layers.Concatenate()([x, y]), layers.Add()([x, y]), or np.stack for a batch",
    )
