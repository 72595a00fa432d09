"""Keras's activation functions by name, as callables on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convwise import dialects
from convwise.dialects.base import Layer
from convwise.errors import ArgumentError
from convwise.keras.tensor import Tensor, as_tensor
from convwise.ops import Layout
from convwise.runtime.values import make_call

# Functions that take settings, and the layer of the dialect that has the same ones.
_WITH_OPTIONS = {"relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "softmax": "Softmax"}


@dataclass(frozen=True, slots=True)
class Activation:
    """One activation function; `relu(x)` gives an array."""

    name: str

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, x: Any, **options: Any) -> Tensor:
        array = np.asarray(x)
        if array.dtype.kind != "f":
            array = array.astype(np.float32)
        return as_tensor(_run(self._layer(options), array))

    def _layer(self, options: dict[str, Any]) -> Layer:
        if not options:
            return dialects.get("keras").read(make_call("Activation", (self.name,), {}), None)
        if self.name not in _WITH_OPTIONS:
            raise ArgumentError(
                "CW305", f"{self.name} takes no options here", layer=f"Keras {self.name}", received=", ".join(options)
            )
        return dialects.get("keras").read(make_call(_WITH_OPTIONS[self.name], (), options), None)

    def __repr__(self) -> str:
        return f"<function {self.name}>"


def _run(layer: Layer, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    from convwise.engine import run

    for op in layer.ops:
        array = run(op, array, None, Layout(channels_last=True))
    return array


celu = Activation("celu")
elu = Activation("elu")
exponential = Activation("exponential")
gelu = Activation("gelu")
hard_shrink = Activation("hard_shrink")
hard_sigmoid = Activation("hard_sigmoid")
hard_silu = hard_swish = Activation("hard_silu")
hard_tanh = Activation("hard_tanh")
leaky_relu = Activation("leaky_relu")
linear = Activation("linear")
log_sigmoid = Activation("log_sigmoid")
log_softmax = Activation("log_softmax")
mish = Activation("mish")
relu = Activation("relu")
relu6 = Activation("relu6")
selu = Activation("selu")
sigmoid = Activation("sigmoid")
silu = swish = Activation("silu")
soft_shrink = Activation("soft_shrink")
softmax = Activation("softmax")
softplus = Activation("softplus")
softsign = Activation("softsign")
sparse_plus = Activation("sparse_plus")
squareplus = Activation("squareplus")
tanh = Activation("tanh")
tanh_shrink = Activation("tanh_shrink")


def get(identifier: Any) -> Any:
    """The function that a string names; callables are given back as they are.

    Raises:
        Refusal: where Keras knows no such activation.
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    dialects.get("keras").read(make_call("Activation", (identifier,), {}), None)
    return Activation(identifier)


def name_of(function: Any) -> str | None:
    """Keras's name of one of these functions; None for any other callable."""
    return function.name if isinstance(function, Activation) else None
