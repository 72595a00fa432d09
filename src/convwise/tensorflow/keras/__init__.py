"""`tf.keras`: the same objects as `convwise.keras`, so that `from convwise.tensorflow.keras.layers import Conv2D` works too."""

from __future__ import annotations

from convwise.keras import Input, InputLayer, KerasTensor, Layer, Model, Sequential, Variable
from convwise.tensorflow.keras import (
    activations,
    backend,
    initializers,
    layers,
    models,
    ops,
    random,
    regularizers,
    utils,
)

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
