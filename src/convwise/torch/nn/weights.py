"""Which parameters and buffers a PyTorch layer has, how they start, and the engine's names for them.

PyTorch's layouts are the engine's own: (out, in / groups, *kernel), transposed (in, out / groups, *kernel), linear (out, in).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.dialects.base import Layer
from convwise.ops import Conv, ConvTranspose, Dense, Norm, Pointwise
from convwise.runtime.randomness import uniform
from convwise.torch.random import STREAM

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """One parameter, or a buffer: PyTorch's name, the op (by number) and the engine's name it serves, and how it starts."""

    name: str
    op: int
    role: str
    start: Callable[[], Array]
    buffer: bool = False


def specs(layer: Layer) -> list[Spec]:
    """The weights of a layer whose channels are known, in PyTorch's order."""
    found: list[Spec] = []
    for number, op in enumerate(layer.ops):
        if isinstance(op, Conv | ConvTranspose):
            shape = op.weight_shape()
            assert shape is not None
            assert op.out_channels is not None
            found += _uniform(number, shape, (op.out_channels,) if op.bias else None)
        elif isinstance(op, Dense):
            assert op.in_features is not None
            found += _uniform(number, (op.out_features, op.in_features), (op.out_features,) if op.bias else None)
        elif isinstance(op, Norm) and op.features is not None:
            found += _norm(number, op, _normalized(layer, op.features))
        elif isinstance(op, Pointwise) and op.kind == "prelu":
            count, start = layer.arguments["num_parameters"], layer.arguments["init"]
            found.append(Spec("weight", number, "slope", partial(np.full, count, start, np.float32)))
    return found


def _drawn(shape: tuple[int, ...], bound: float) -> NDArray[np.float32]:
    return uniform(STREAM.generator, shape, -bound, bound, np.float32)


def _uniform(number: int, weight: tuple[int, ...], bias: tuple[int, ...] | None) -> list[Spec]:
    """PyTorch's kaiming_uniform_(a=sqrt(5)), which is uniform within 1 / sqrt(fan in), for weight and bias alike."""
    fan_in = prod(weight[1:])
    bound = 1 / sqrt(fan_in) if fan_in else 0.0
    found = [Spec("weight", number, "weight", partial(_drawn, weight, bound))]
    if bias is not None:
        found.append(Spec("bias", number, "bias", partial(_drawn, bias, bound)))
    return found


def _normalized(layer: Layer, features: int) -> tuple[int, ...]:
    given = layer.arguments.get("normalized_shape", features)
    return given if isinstance(given, tuple) else (features,)


def _norm(number: int, op: Norm, shape: tuple[int, ...]) -> list[Spec]:
    found = []
    if op.scale:
        found.append(Spec("weight", number, "scale", partial(np.ones, shape, np.float32)))
    if op.center:
        found.append(Spec("bias", number, "shift", partial(np.zeros, shape, np.float32)))
    if op.moments:
        found.append(Spec("running_mean", number, "mean", partial(np.zeros, shape, np.float32), buffer=True))
        found.append(Spec("running_var", number, "variance", partial(np.ones, shape, np.float32), buffer=True))
        found.append(Spec("num_batches_tracked", number, "", partial(np.zeros, (), np.int64), buffer=True))
    return found
