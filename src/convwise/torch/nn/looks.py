"""What PyTorch prints between a module's brackets: data for most kinds, a few words of code for the rest."""

from __future__ import annotations

import re

from convwise.dialects.base import Layer, Value
from convwise.ops import Conv, ConvTranspose

# A name alone prints `name=value`, `!name` the bare value.
_NORM = ("!num_features", "eps", "momentum", "affine", "bias", "track_running_stats")
_FIELDS: dict[str, tuple[str, ...]] = {
    "MaxPool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "AvgPool": ("kernel_size", "stride", "padding"),
    "LPPool": ("norm_type", "kernel_size", "stride", "ceil_mode"),
    "AdaptiveAvgPool": ("output_size",),
    "AdaptiveMaxPool": ("output_size",),
    "ZeroPad": ("!padding",),
    "ReflectionPad": ("!padding",),
    "ReplicationPad": ("!padding",),
    "CircularPad": ("!padding",),
    "ConstantPad": ("padding", "value"),
    "PixelShuffle": ("upscale_factor",),
    "PixelUnshuffle": ("downscale_factor",),
    "ChannelShuffle": ("groups",),
    "Unfold": ("kernel_size", "dilation", "padding", "stride"),
    "Fold": ("output_size", "kernel_size", "dilation", "padding", "stride"),
    "Flatten": ("start_dim", "end_dim"),
    "Unflatten": ("dim", "unflattened_size"),
    "Linear": ("in_features", "out_features", "bias"),
    "BatchNorm": _NORM,
    "SyncBatchNorm": _NORM,
    "InstanceNorm": _NORM,
    "LayerNorm": ("!normalized_shape", "eps", "elementwise_affine", "bias"),
    "RMSNorm": ("!normalized_shape", "eps", "elementwise_affine"),
    "GroupNorm": ("!num_groups", "!num_channels", "eps", "affine", "bias"),
    "LocalResponseNorm": ("!size", "alpha", "beta", "k"),
    "LeakyReLU": ("negative_slope",),
    "ELU": ("alpha",),
    "CELU": ("alpha",),
    "GELU": ("approximate",),
    "Softmax": ("dim",),
    "LogSoftmax": ("dim",),
    "Softmin": ("dim",),
    "GLU": ("dim",),
    "Softplus": ("beta", "threshold"),
    "Softshrink": ("!lambd",),
    "Hardshrink": ("!lambd",),
    "Hardtanh": ("min_val", "max_val"),
    "RReLU": ("lower", "upper"),
    "PReLU": ("num_parameters",),
    "Threshold": ("threshold", "value"),
}


def between_brackets(layer: Layer) -> str:
    """`3, 16, kernel_size=(3, 3), stride=(2, 2)` for a convolution; what PyTorch prints for the other kinds."""
    op = layer.window_op
    if isinstance(op, Conv | ConvTranspose):
        return _convolution(layer, op)
    if layer.kind == "Softmax2d":
        return ""
    family = _family(layer)
    if family.endswith("Dropout"):
        return f"p={layer.arguments['p']}, inplace={layer.arguments['inplace']}"
    if family.startswith("Upsampl"):
        return _upsample(layer)
    parts = []
    for field in _FIELDS.get(family.removeprefix("Lazy"), ()):
        value = _value(layer, family, field.removeprefix("!"))
        parts.append(repr(value) if field.startswith("!") else f"{field}={value!r}")
    if layer.arguments.get("inplace") is True:
        parts.append("inplace=True")
    return ", ".join(parts)


def as_stored(layer: Layer, name: str) -> Value:
    """The argument called `name` as the module keeps it: `conv.kernel_size` has one number per axis."""
    value, op = layer.arguments[name], layer.window_op
    if isinstance(op, Conv | ConvTranspose) and name in _PER_AXIS and isinstance(value, int):
        return (value,) * op.rank
    return _value(layer, _family(layer), name)


_PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")


def _family(layer: Layer) -> str:
    return re.sub(r"(?<=[a-z])[123]d$", "", layer.kind)


def _value(layer: Layer, family: str, name: str) -> Value:
    """The argument as the module stores it."""
    arguments = layer.arguments
    value = arguments.get(name, 0 if name in ("num_features", "in_features") else None)
    rank = layer.rank or 1
    if name == "stride" and value is None and family != "LPPool":
        value = arguments["kernel_size"]
    if name == "padding" and family.endswith("Pad"):
        return value if isinstance(value, tuple) else (value,) * (2 * rank)
    if layer.kind == "AvgPool1d" and name in ("kernel_size", "stride", "padding"):
        return value if isinstance(value, tuple) else (value,)
    if name == "normalized_shape":
        return value if isinstance(value, tuple) else (value,)
    if name == "bias" and family != "Linear" and "Lazy" not in family:
        on = arguments.get("affine", arguments.get("elementwise_affine", True))
        return bool(on) and arguments.get("bias", True) is not False
    return value


def _convolution(layer: Layer, op: Conv | ConvTranspose) -> str:
    windows, rank = op.windows, op.rank
    given = layer.arguments.get("padding", 0)
    padding = given if isinstance(given, tuple | str) else (given,) * rank
    parts = [
        str(layer.arguments.get("in_channels", 0)),
        str(layer.arguments["out_channels"]),
        f"kernel_size={op.kernel}",
        f"stride={tuple(window.stride for window in windows)}",
    ]
    if padding != (0,) * rank:
        parts.append(f"padding={padding}")
    dilation = tuple(window.dilation for window in windows)
    if dilation != (1,) * rank:
        parts.append(f"dilation={dilation}")
    if isinstance(op, ConvTranspose) and any(op.output_padding):
        parts.append(f"output_padding={op.output_padding}")
    if layer.arguments.get("groups", 1) != 1:
        parts.append(f"groups={layer.arguments['groups']}")
    if not op.bias:
        parts.append("bias=False")
    if layer.arguments.get("padding_mode", "zeros") != "zeros":
        parts.append(f"padding_mode={layer.arguments['padding_mode']}")
    return ", ".join(parts)


def _upsample(layer: Layer) -> str:
    arguments = layer.arguments
    mode = {"UpsamplingNearest2d": "nearest", "UpsamplingBilinear2d": "bilinear"}.get(layer.kind, arguments.get("mode"))
    scale = arguments.get("scale_factor")
    if scale is None:
        return f"size={arguments.get('size')!r}, mode={mode!r}"
    shown = tuple(float(one) for one in scale) if isinstance(scale, tuple) else float(scale)
    return f"scale_factor={shown!r}, mode={mode!r}"
