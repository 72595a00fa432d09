"""What a layer computes once its attributes or weights were set anew: `conv.stride = (1, 1)`, `bn.eps = 1e-3`, `conv.bias = nn.Parameter(b)`.

PyTorch's forward reads the attributes in every call, and takes all sizes from the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from convwise import dialects
from convwise.dialects.base import Layer
from convwise.ops import Conv, ConvTranspose, Dense, Norm, Pointwise
from convwise.runtime.values import make_call
from convwise.torch.errors import ArgumentError, runtime_errors
from convwise.torch.nn.looks import as_stored

_SIZES = frozenset(
    {"in_channels", "out_channels", "in_features", "out_features", "num_features", "num_channels", "num_parameters"}
)
_UNREAD = frozenset({"affine", "elementwise_affine", "bias", "momentum", "init", "device", "dtype"})
"""Arguments that PyTorch's modules keep and no forward reads."""


@runtime_errors
def renewed(layer: Layer, changed: Mapping[str, Any], weights: Mapping[str, Any]) -> Layer:
    """`layer`, as it was made, with the attributes that were `changed` and the sizes of its present `weights`; None is a weight that is not there.

    Raises:
        ShapeError, Refusal, CodeError: those of a layer that is made with these arguments.
        ArgumentError: CW208 for a padding that PyTorch still reckons from an older window.
    """
    op = layer.ops[0]
    live = {name: value for name, value in changed.items() if name not in _SIZES | _UNREAD}
    given = {name: value for name, value in layer.arguments.items() if name not in ("device", "dtype")}
    if isinstance(op, Conv | ConvTranspose):
        live.pop("kernel_size", None)
        _check_padding(layer, op, live, weights)
    elif isinstance(op, Norm) and op.kind == "batch":
        live.pop("track_running_stats", None)
    elif "kernel_size" in live and given.get("stride", 0) is None:
        # A pool's stride is settled when it is made; LPPool alone keeps None, which is its window.
        given["stride"] = as_stored(layer, "stride")
    given |= live
    given |= _sizes(layer, given, weights)
    found = dialects.get("torch").read(make_call(layer.kind, (), given), None)
    return replace(found, ops=(_with_weights(found.ops[0], weights), *found.ops[1:]))


def _check_padding(layer: Layer, op: Conv | ConvTranspose, live: dict[str, Any], weights: Mapping[str, Any]) -> None:
    """A convolution pads by a mode with the pads of the day it was made; `padding` is read where the mode is "zeros"."""
    mode = live.get("padding_mode", layer.arguments.get("padding_mode", "zeros"))
    if mode == "zeros":
        return
    live.pop("padding", None)
    other = "dilation" in live or np.shape(weights["weight"])[2:] != op.kernel
    if layer.arguments["padding"] == "same" and other:
        raise ArgumentError(
            "CW208",
            f"padding='same' with padding_mode={mode!r} is not followed where the window has changed",
            layer=f"PyTorch {layer.kind}",
            received=tuple(live),
            hint="make a new layer: PyTorch keeps the pads of the window that the layer was made with",
        )


def _sizes(layer: Layer, given: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that the weights settle."""
    op, shapes = layer.ops[0], {name: np.shape(value) for name, value in weights.items() if value is not None}
    bias = "bias" in shapes
    if isinstance(op, Conv | ConvTranspose | Dense) and "weight" in shapes:
        first, second, *kernel = shapes["weight"]
        if isinstance(op, Dense):
            return {"in_features": second, "out_features": first, "bias": bias}
        groups = given["groups"] if isinstance(given["groups"], int) else 1
        channels = (first, second * groups) if isinstance(op, ConvTranspose) else (second * groups, first)
        names = ("in_channels", "out_channels", "kernel_size", "bias")
        return dict(zip(names, (*channels, tuple(kernel), bias), strict=True))
    if isinstance(op, Pointwise) and op.kind == "prelu" and "weight" in shapes:
        return {"num_parameters": shapes["weight"][0]}
    if not isinstance(op, Norm):
        return {}
    found: dict[str, Any] = {"affine": "weight" in shapes or bias, "elementwise_affine": "weight" in shapes or bias}
    found["bias"] = True
    if op.kind == "batch":
        found["track_running_stats"] = "running_mean" in shapes
    of_channels = [shape[0] for name, shape in shapes.items() if len(shape) == 1 and name != "num_batches_tracked"]
    if of_channels:
        found |= {"num_features": of_channels[0], "num_channels": of_channels[0]}
    return {name: value for name, value in found.items() if name in layer.arguments}


def _with_weights(op: Any, weights: Mapping[str, Any]) -> Any:
    """A normalisation scales and shifts by the weights that are there."""
    if not isinstance(op, Norm):
        return op
    there = {name: weights.get(name) is not None for name in ("weight", "bias", "running_mean")}
    return replace(op, scale=there["weight"], center=there["bias"], moments=bool(op.moments and there["running_mean"]))
