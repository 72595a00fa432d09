"""The call that would make a live layer again: the constructor's own words, without those that are as by default."""

from __future__ import annotations

from functools import lru_cache
from inspect import Parameter, signature
from typing import Any

from convwise.dialects.base import Call, Unknown, Value

PREFIXES = {"keras": "keras.layers.", "torch": "nn."}

NEVER = frozenset({"self", "device", "dtype", "args", "kwargs", "inplace", "trainable", "name", "autocast"})
"""Arguments that no size and no number of parameters depends on."""

ALIKE = frozenset(
    {
        *("kernel_size", "stride", "padding", "dilation", "output_padding", "strides", "dilation_rate", "pool_size"),
        *("output_size", "size", "cropping"),
    }
)
"""Arguments whose value for every axis may be said once."""

IRRELEVANT = ("_initializer", "_regularizer", "_constraint")


def call_of(dialect: str, cls: type, values: dict[str, Any]) -> Call:
    """A Call from the constructor's parameters and what the object says of each.

    `values` are a PyTorch module's attributes, or a Keras layer's config.
    """
    arguments: list[Value] = []
    words: list[tuple[str, Value]] = []
    for name, parameter in _parameters(vars(cls).get("__init__", cls)):
        if name not in values:
            continue
        value = _value(name, values[name])
        if parameter.default is not Parameter.empty:
            if not _is_default(name, value, parameter.default, values):
                words.append((name, value))
        elif words or parameter.kind is Parameter.KEYWORD_ONLY:
            words.append((name, value))
        else:
            arguments.append(value)
    text = ", ".join([_text(value) for value in arguments] + [f"{name}={_text(value)}" for name, value in words])
    return Call(cls.__name__, tuple(arguments), tuple(words), f"{PREFIXES[dialect]}{cls.__name__}({text})")


@lru_cache(maxsize=512)
def _parameters(constructor: Any) -> tuple[tuple[str, Parameter], ...]:
    """The constructor's parameters that sizes may depend on."""
    anything = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    named = signature(constructor).parameters.items()
    return tuple(
        (name, parameter)
        for name, parameter in named
        if name not in NEVER and not name.endswith(IRRELEVANT) and parameter.kind not in anything
    )


def _value(name: str, value: Any) -> Value:
    """An attribute as a literal."""
    if name == "bias":
        return value is not None and value is not False
    if isinstance(value, list | tuple):
        parts = tuple(_value("", part) for part in value)
        if name in ALIKE and parts and all(part == parts[0] and type(part) is int for part in parts):
            return parts[0]
        return parts
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return _serialized(value)
    return Unknown(type(value).__name__)


def _serialized(value: dict[str, Any]) -> Value:
    """Keras's dict of a nested layer or function: a layer as a call, anything else by its name."""
    kind = value.get("class_name")
    config = value.get("config")
    if kind == "function" and isinstance(config, str):
        return config
    if value.get("module") == "keras.layers" and isinstance(kind, str) and isinstance(config, dict):
        words = tuple(
            (name, part) for name, part in config.items() if isinstance(part, int | float) and name not in NEVER
        )
        return Call(kind, (), words, f"{kind}({', '.join(f'{name}={part!r}' for name, part in words)})")
    return Unknown(str(kind))


def _is_default(name: str, value: Value, default: Any, values: dict[str, Any]) -> bool:
    if name in ("stride", "strides") and default is None:
        # A pool without a stride takes its window, and keeps the answer as its attribute.
        return value is None or value == _value("kernel_size", values.get("kernel_size", values.get("pool_size")))
    if name == "data_format":
        return value in (None, "channels_last")
    if name == "activation" and value == "linear":
        return True
    return bool(value == _value(name, default) and type(value) is type(_value(name, default)))


def _text(value: Value) -> str:
    return value.text if isinstance(value, Call | Unknown) else repr(value)
