"""Keras's names on NumPy arrays: change the import line, and the code runs with nothing but NumPy installed.

    import convwise.keras as keras

    model = keras.Sequential([keras.layers.Conv2D(32, 3, strides=2, input_shape=(64, 64, 3))])
    model.predict(images).shape

Layers are read by the Keras dialect, so that arguments, refusals and errors are Keras's; weights start as Keras's do,
are read and set in Keras's layouts, and the outputs equal Keras's. It runs; it does not train.
"""

from __future__ import annotations

from typing import Any

from convwise.keras import activations, backend, initializers, layers, models, ops, random, regularizers, utils
from convwise.keras.layer import Layer
from convwise.keras.models import Input, InputLayer, Model, Sequential
from convwise.keras.symbolic import KerasTensor
from convwise.keras.variables import Variable

__all__ = [
    "Input",
    "InputLayer",
    "KerasTensor",
    "Layer",
    "Model",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "initializers",
    "layers",
    "models",
    "ops",
    "random",
    "regularizers",
    "utils",
]

_TRAINING = ("optimizers", "losses", "metrics", "callbacks", "datasets", "applications", "constraints", "saving")


def __getattr__(name: str) -> Any:
    if name in _TRAINING:
        raise AttributeError(f"convwise.keras has no {name!r}: it runs layers, it does not train, load or save models")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
