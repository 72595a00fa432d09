"""The user's own call with some arguments changed, in his style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convwise.dialects.base import REQUIRED, Call, Layer, Parameter, Unknown, Value
from convwise.dialects.keras.kinds import canonical
from convwise.dialects.keras.signatures import parameters

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
    # A positional argument can only go where nothing positional follows it.
    while kept and kept[-1].name in dropped:
        kept.pop()
    parts = [write(values[parameter.name]) for parameter in kept]
    positional = {parameter.name for parameter in kept}
    keywords = [*given, *(name for name in changes if name not in given)]
    parts += [f"{name}={write(values[name])}" for name in keywords if name not in positional and name not in dropped]
    return f"{call.kind or layer.kind}({', '.join(parts)})"


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


def write(value: Value) -> str:
    """A value as source text.

    >>> write((3, 3)), write("same"), write(Unknown("n * 2"))
    ('(3, 3)', "'same'", 'n * 2')
    """
    if isinstance(value, Unknown):
        return value.text
    if isinstance(value, tuple):
        inner = ", ".join(write(one) for one in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Call):
        if value.text:
            return value.text
        parts = [*(write(one) for one in value.args), *(f"{name}={write(one)}" for name, one in value.kwargs)]
        return f"{value.kind}({', '.join(parts)})"
    return repr(value)
