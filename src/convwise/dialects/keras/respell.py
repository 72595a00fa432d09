"""The user's own call with some arguments changed, in his style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convwise.axis import Pads
from convwise.dialects.base import REQUIRED, Layer, Parameter, Value
from convwise.dialects.keras.kinds import canonical
from convwise.dialects.keras.signatures import parameters
from convwise.dialects.writing import changed, write_call, written

EACH = frozenset(("kernel_size", "strides", "dilation_rate", "pool_size", "output_padding", "size"))
"""Arguments where one integer stands for every axis."""


def respell(layer: Layer, changes: Mapping[str, Value]) -> str:
    """`layer.call` with `changes` made: his keywords and their order stay, and what becomes the default goes.

    The module before the name (`keras.layers.`) is dropped. Names in `changes` are Keras's own.

    Raises:
        ValueError: for a name that the layer does not take.
    """
    known = {parameter.name: parameter for parameter in parameters(canonical(layer.kind), layer.release)}
    for name in changes:
        if name not in known:
            raise ValueError(f"{layer.kind} takes no {name!r}")
    call = layer.call
    kept = [parameter for parameter in known.values() if not parameter.keyword_only][: len(call.args)]
    given = dict(zip((parameter.name for parameter in kept), call.args, strict=False)) | dict(call.kwargs)
    values = given | {name: _in_style(name, value, given.get(name), layer) for name, value in changes.items()}
    dropped = {name for name in changes if _is_default(known[name], values[name], layer, values)}
    own = written(call, lambda one: write_call(one.kind or layer.kind), data=0)
    kwargs = {name: text for name, text in own.kwargs.items() if name in given}
    bare = replace(own, function=own.function.rpartition(".")[2], kwargs=kwargs)
    return str(changed(bare, [parameter.name for parameter in kept], {name: values[name] for name in changes}, dropped))


def pads(layer: Layer, pads: tuple[Pads, ...]) -> Mapping[str, Value] | None:
    """No padding has a word, and there are no numbers."""
    return {"padding": "valid"} if "padding" in layer.arguments and not any(pad.total for pad in pads) else None


def _in_style(name: str, value: Value, old: Value, layer: Layer) -> Value:
    """A tuple where the user wrote a tuple."""
    if name in EACH and isinstance(old, tuple) and type(value) is int and layer.rank:
        return (value,) * layer.rank
    return value


def _is_default(parameter: Parameter, value: Value, layer: Layer, values: Mapping[str, Value]) -> bool:
    if parameter.default is REQUIRED:
        return False
    default = parameter.default
    if parameter.name == "strides" and default is None:
        # A pooling steps by its own size.
        default = values.get("pool_size", layer.arguments.get("pool_size"))
    if type(value) is bool or type(default) is bool:
        return value is default
    return bool(_spread(value, layer.rank) == _spread(default, layer.rank))


def _spread(value: Any, rank: int | None) -> Any:
    if type(value) is int and rank:
        return (value,) * rank
    return value
