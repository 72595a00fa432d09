"""Which weights a Keras layer has, in Keras's names, layouts and order, and how the engine wants them.

| layer | Keras | engine |
|---|---|---|
| Conv | kernel (*k, in / groups, out) | weight (out, in / groups, *k) |
| DepthwiseConv, SeparableConv | (depthwise_)kernel (*k, in, multiplier) | weight (in * multiplier, 1, *k), channel i * multiplier + m |
| ConvTranspose | kernel (*k, out / groups, in) | weight (in, out / groups, *k) |
| Dense | kernel (in, out) | weight (out, in) |
| normalisation | gamma, beta, moving_mean, moving_variance | scale, shift, mean, variance |
| PReLU | alpha | slope |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.dialects.base import Layer, LayerFlow
from convwise.errors import ArgumentError
from convwise.ops import Conv, ConvTranspose, Dense, Layout, Norm, Op, Pointwise, Shape

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """One weight: Keras's name and shape, the op (by number) and the engine's name it serves, and the argument that says how it starts."""

    name: str
    shape: tuple[int, ...]
    op: int
    role: str
    initializer: str
    default: str
    to_engine: Callable[[Array], Array]
    trainable: bool = True


def _same(value: Array) -> Array:
    return value


def kernel_to_engine(value: Array) -> Array:
    """(*k, a, b) -> (b, a, *k)."""
    rank = value.ndim - 2
    return value.transpose((rank + 1, rank, *range(rank)))


def depthwise_to_engine(value: Array) -> Array:
    """(*k, in, m) -> (in * m, 1, *k)."""
    rank = value.ndim - 2
    turned = value.transpose((rank, rank + 1, *range(rank)))
    return turned.reshape((prod(turned.shape[:2]), 1, *turned.shape[2:]))


def bind(layer: Layer, flow: LayerFlow, layout: Layout) -> Layer:
    """The layer with its weights settled for the channels or features that `flow` saw.

    Raises:
        ShapeError: where channels and groups do not fit.
        ArgumentError: CW605 where the channels are not known.
    """
    ops = tuple(_bind_op(op, step.input, layout) for op, step in zip(layer.ops, flow.flows, strict=True))
    return replace(layer, ops=ops)


def _bind_op(op: Op, shape: Shape, layout: Layout) -> Op:
    if isinstance(op, Conv | ConvTranspose):
        _, channels, _ = layout.split(shape)
        return op.bound(_needed(channels, shape, "channels"))
    if isinstance(op, Dense):
        return replace(op, in_features=_needed(shape[-1], shape, "features"))
    if isinstance(op, Norm) and (op.scale or op.center or op.moments):
        return replace(op, features=prod(_norm_shape(op, shape, layout)))
    return op


def _needed(size: int | None, shape: Shape, axis: str) -> int:
    if size is None:
        raise ArgumentError(
            "CW605",
            f"the weights need the number of {axis}, which {shape} leaves open",
            axis=axis,
            received=shape,
            hint="give the layer an input shape that says it",
        )
    return size


def _norm_shape(op: Norm, shape: Shape, layout: Layout) -> tuple[int, ...]:
    if isinstance(op.axes, str):
        return (_needed(layout.split(shape)[1], shape, "channels"),)
    return tuple(_needed(shape[axis], shape, "features") for axis in op.axes)


def specs(layer: Layer, bound: Layer, flow: LayerFlow, layout: Layout) -> list[Spec]:
    """The weights of a bound layer in Keras's order; `layer` is the same one before it was bound."""
    found: list[Spec] = []
    for number, (free, op, step) in enumerate(zip(layer.ops, bound.ops, flow.flows, strict=True)):
        if isinstance(op, Conv | ConvTranspose):
            found += _conv_specs(layer.kind, number, free, op)
        elif isinstance(op, Dense):
            assert op.in_features is not None
            found.append(
                Spec(
                    "kernel",
                    (op.in_features, op.out_features),
                    number,
                    "weight",
                    "kernel_initializer",
                    "glorot_uniform",
                    np.transpose,
                )
            )
            if op.bias:
                found.append(_vector("bias", (op.out_features,), number, "bias", "zeros"))
        elif isinstance(op, Norm):
            found += (
                _norm_specs(number, op, _norm_shape(op, step.input, layout))
                if op.scale or op.center or op.moments
                else []
            )
        elif isinstance(op, Pointwise) and op.kind == "prelu":
            found.append(_vector("alpha", _alpha_shape(layer, step.input), number, "slope", "zeros"))
    return found


def _vector(name: str, shape: tuple[int, ...], number: int, role: str, default: str, trainable: bool = True) -> Spec:
    return Spec(name, shape, number, role, f"{name}_initializer", default, _same, trainable)


def _conv_specs(kind: str, number: int, free: Op, op: Conv | ConvTranspose) -> list[Spec]:
    assert op.in_channels is not None
    assert op.out_channels is not None
    assert op.groups is not None
    found = []
    depthwise = isinstance(free, Conv) and free.multiplier is not None
    if depthwise:
        separable = kind.startswith("Separable")
        shape = (*op.kernel, op.in_channels, op.out_channels // op.in_channels)
        name = "depthwise_kernel" if separable else "kernel"
        found.append(
            Spec(name, shape, number, "weight", "depthwise_initializer", "glorot_uniform", depthwise_to_engine)
        )
    elif isinstance(op, ConvTranspose):
        shape = (*op.kernel, op.out_channels // op.groups, op.in_channels)
        found.append(Spec("kernel", shape, number, "weight", "kernel_initializer", "glorot_uniform", kernel_to_engine))
    else:
        name = "pointwise_kernel" if kind.startswith("Separable") else "kernel"
        shape = (*op.kernel, op.in_channels // op.groups, op.out_channels)
        argument = "pointwise_initializer" if kind.startswith("Separable") else "kernel_initializer"
        found.append(Spec(name, shape, number, "weight", argument, "glorot_uniform", kernel_to_engine))
    if op.bias:
        found.append(_vector("bias", (op.out_channels,), number, "bias", "zeros"))
    return found


def _norm_specs(number: int, op: Norm, shape: tuple[int, ...]) -> list[Spec]:
    found = []
    if op.scale and op.kind == "rms":
        return [Spec("scale", shape, number, "scale", "", "ones", _same)]
    if op.scale:
        found.append(_vector("gamma", shape, number, "scale", "ones"))
    if op.center:
        found.append(_vector("beta", shape, number, "shift", "zeros"))
    if op.moments:
        found.append(_vector("moving_mean", shape, number, "mean", "zeros", trainable=False))
        found.append(_vector("moving_variance", shape, number, "variance", "ones", trainable=False))
    return found


def _alpha_shape(layer: Layer, shape: Shape) -> tuple[int, ...]:
    """One slope per value of a sample, shared along `shared_axes` (axis 1 is the first after the batch)."""
    shared = layer.arguments.get("shared_axes") or ()
    shared = shared if isinstance(shared, tuple) else (shared,)
    return tuple(
        1 if axis in shared else _needed(size, shape, "features") for axis, size in enumerate(shape[1:], start=1)
    )
