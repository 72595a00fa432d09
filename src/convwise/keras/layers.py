"""`keras.layers`: every layer that the Keras dialect knows, under Keras's own name."""

from __future__ import annotations

from functools import cache
from typing import Any

from convwise import dialects
from convwise.dialects.base import nearest
from convwise.dialects.keras.kinds import canonical
from convwise.keras.dialect_layer import DialectLayer
from convwise.keras.inputs import Input, InputLayer
from convwise.keras.layer import Layer
from convwise.keras.merging import LAYERS as MERGES
from convwise.keras.merging import function

# All names, so that `from convwise.keras.layers import *` gives what it gives with Keras.
__all__ = ["Input", "InputLayer", "Layer", *sorted(dialects.get("keras").kinds), *sorted(map(str.lower, MERGES))]


@cache
def layer_class(kind: str) -> type[DialectLayer]:
    """The class of one kind of layer; the dialect reads its arguments."""
    return type(
        kind, (DialectLayer,), {"kind": kind, "__module__": __name__, "__doc__": f"Keras's {kind}, run by NumPy."}
    )


def __getattr__(name: str) -> Any:
    kinds = dialects.get("keras").kinds
    if name in MERGES:
        return MERGES[name]
    if name.title() in MERGES:
        return function(name.title())
    if name in kinds:
        return layer_class(canonical(name))
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    near = nearest(name, kinds)
    raise AttributeError(f"convwise knows no Keras layer {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def __dir__() -> list[str]:
    return sorted(__all__)
