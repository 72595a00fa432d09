"""Live Python objects turned into the literals that a dialect reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convwise.dialects.base import Array, Call, Unknown, Value


def literal(value: Any) -> Value:
    """The value as a dialect reads it: lists become tuples, NumPy scalars Python numbers, other objects `Unknown`.

    >>> literal([np.int64(3), (1, 2)])
    (3, (1, 2))
    """
    if value is None or isinstance(value, bool | str | Array | Call | Unknown):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, list | tuple):
        return tuple(literal(item) for item in value)
    return Unknown(type(value).__name__)


def shown(value: Value) -> str:
    """How a literal is written in source text."""
    if isinstance(value, Call):
        return value.text or as_text(value)
    if isinstance(value, Array | Unknown):
        return value.text
    if isinstance(value, tuple):
        inner = ", ".join(shown(item) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def as_text(call: Call) -> str:
    """The call as source text, for messages."""
    parts = [shown(value) for value in call.args] + [f"{name}={shown(value)}" for name, value in call.kwargs]
    return f"{call.kind}({', '.join(parts)})"


def make_call(kind: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
    """The call that constructing a layer with live objects means."""
    call = Call(
        kind, tuple(literal(value) for value in args), tuple((name, literal(value)) for name, value in kwargs.items())
    )
    return Call(kind, call.args, call.kwargs, as_text(call))
