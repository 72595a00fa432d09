"""TensorFlow's functions made to run: read and refused by the TensorFlow dialect, computed by the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter as Formal
from inspect import Signature
from math import prod
from typing import Any

import numpy as np

from convwise.dialects import base
from convwise.dialects.tensorflow import DATA, DIALECT, KINDS
from convwise.dialects.tensorflow.functions import FOREIGN
from convwise.errors import ArgumentError
from convwise.keras.activations import Activation
from convwise.keras.symbolic import KerasTensor
from convwise.keras.tensor import Tensor, as_tensor, met
from convwise.keras.weights import depthwise_to_engine, kernel_to_engine
from convwise.ops import Conv, ConvTranspose, Layout, Pointwise
from convwise.runtime.running import run as run_op
from convwise.runtime.values import make_call

WEIGHTS = frozenset({"filters", "filter", "depthwise_filter", "pointwise_filter", "bias"})
"""Arguments of which the dialect sees the shape, and the engine the numbers."""
DEPTHWISE = ("filter", "depthwise_filter")
FLOATS = ("float16", "float32", "float64")
WHOLE = ("tf.nn.conv1d", "tf.nn.conv2d", "tf.nn.conv1d_transpose", "tf.nn.conv2d_transpose")
"""Convolutions that take int32 as well; the others take fractions alone."""
ANY = ("relu", "relu6", "bias_add", "max_pool", "depth_to_space", "space_to_depth")
"""Functions, by how their names begin, that take whole numbers of every kind."""


@dataclass(frozen=True, eq=False)
class Given(base.Array):
    """An array as an argument of a call."""

    value: Any = None


def call(kind: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """What the function called `kind` makes of its first argument.

    Raises:
        Refusal, ShapeError, CodeError: the dialect's.
        ArgumentError: CW605 for tensors of different types, or types that the function does not take.
    """
    bound = _bound(kind, args, kwargs)
    data = bound.pop(DATA[kind])
    names = [name for name, value in bound.items() if name in WEIGHTS and value is not None]
    if isinstance(data, KerasTensor):
        raise _symbolic(kind)
    array, *weights = met(data, *(bound[name] for name in names))
    if array.dtype.kind != "f":
        array = _whole(kind, array)
    for name, value in zip(names, weights, strict=True):
        bound[name] = Given(value.shape, f"an array of {value.shape}", value)
    written = {name: value if isinstance(value, Given) else _plain(value) for name, value in bound.items()}
    text = make_call(kind, (), written)
    flow = DIALECT.flow(DIALECT.read(text, None), array.shape)
    return as_tensor(_computed(flow.layer, array, names))


def _bound(kind: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    known = (base.Parameter(DATA[kind]), *KINDS[kind].parameters)
    text = f"{kind}({', '.join(parameter.name for parameter in known)})"
    return base.bind(base.Call(kind, args, tuple(kwargs.items()), text), known, "TensorFlow", FOREIGN)


def _plain(value: Any) -> Any:
    """Tensors of whole numbers, as `tf.shape` and `tf.stack` give, are lists to the dialect."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _symbolic(kind: str) -> ArgumentError:
    return ArgumentError(
        "CW605",
        f"{kind} computes with numbers, and a tensor of a functional model has none yet",
        received="KerasTensor",
        quote="A KerasTensor cannot be used as input to a TensorFlow function.",
        hint="use the layer, such as keras.layers.Activation('relu'), or a Layer of your own around it",
    )


def _whole(kind: str, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Numbers that are no fractions, where the function takes them.

    Raises:
        ArgumentError: CW605.
    """
    if kind == "tf.nn.leaky_relu" and array.dtype.kind in "iu":
        return array.astype(np.float32)
    taken = array.dtype.kind in "iu" and kind.removeprefix("tf.nn.").startswith(ANY)
    if taken or (kind in WHOLE and array.dtype == np.int32):
        return array
    raise ArgumentError(
        "CW605",
        f"{kind} does not take {array.dtype}",
        received=array.dtype.name,
        quote="`features.dtype` must be a floating point tensor."
        if kind == "tf.nn.gelu"
        else f"Value for attr 'T' of {array.dtype.name} is not in the list of allowed values",
        hint="change it first: tf.cast(x, tf.float32)",
    )


def _computed(layer: base.Layer, x: np.ndarray[Any, Any], names: list[str]) -> np.ndarray[Any, Any]:
    rank = layer.rank
    lead = x.shape[: len(x.shape) - rank - 1] if rank is not None and KINDS[layer.kind].leading else x.shape[:1]
    whole = len(lead) != 1
    result = x.reshape((prod(lead), *x.shape[len(lead) :])) if whole else x
    left = list(names)
    for op in layer.ops:
        if isinstance(op, Pointwise) and op.kind == "bias_add":
            result = result + _along_channels(layer.arguments[left.pop(0)].value, result.ndim, layer.channels_last)
            continue
        given = _weights(left.pop(0), layer) if isinstance(op, Conv | ConvTranspose) else None
        result = run_op(op, result, given, Layout(layer.channels_last), "tensorflow")
    return result.reshape((*lead, *result.shape[1:])) if whole else result


def _along_channels(bias: np.ndarray[Any, Any], axes: int, channels_last: bool) -> np.ndarray[Any, Any]:
    return bias if channels_last else bias.reshape(-1, *(1,) * (axes - 2))


def _weights(name: str, layer: base.Layer) -> dict[str, Any]:
    value = layer.arguments[name].value
    return {"weight": depthwise_to_engine(value) if name in DEPTHWISE else kernel_to_engine(value)}


@dataclass(frozen=True, slots=True)
class Function(Activation):
    """A function of `tf.nn` that layers take as their activation, by the name that Keras has for it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return call(f"tf.nn.{self.name}", args, kwargs)


def function(kind: str) -> Callable[..., Tensor]:
    """The function called `kind`, with its signature."""

    def run(*args: Any, **kwargs: Any) -> Tensor:
        return call(kind, args, kwargs)

    run.__name__ = run.__qualname__ = kind.rpartition(".")[2]
    run.__doc__ = f"TensorFlow's {kind}, run by NumPy and compiled kernels.\n\nRaises:\n    Refusal, ShapeError, CodeError: where TensorFlow refuses."
    names = [Formal(DATA[kind], Formal.POSITIONAL_OR_KEYWORD)]
    for one in KINDS[kind].parameters:
        default = Formal.empty if one.default is base.REQUIRED else one.default
        names.append(Formal(one.name, Formal.POSITIONAL_OR_KEYWORD, default=default))
    run.__signature__ = Signature(names)  # type: ignore[attr-defined]
    return run
