"""`tf.keras.layers`: the same classes as `convwise.keras.layers`."""

from __future__ import annotations

from typing import Any

from convwise.keras import layers

__all__ = [*layers.__all__]


def __getattr__(name: str) -> Any:
    return (
        layers.Input
        if name == "Input"
        else layers.InputLayer
        if name == "InputLayer"
        else layers.Layer
        if name == "Layer"
        else layers.__getattr__(name)
    )


def __dir__() -> list[str]:
    return layers.__dir__()
