"""`torch.nn.functional`: the layers as functions of arrays. Inference only: dropout gives back what goes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np

from convwise import dialects
from convwise.dialects.base import Layer, nearest
from convwise.errors import CodeError
from convwise.runtime.values import literal, make_call
from convwise.torch.errors import ArgumentError, Refusal, runtime_errors
from convwise.torch.nn.antialias import antialiased
from convwise.torch.nn.attention import scaled_dot_product_attention
from convwise.torch.nn.layer import finished, run_layer
from convwise.torch.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from convwise.torch.nn.norms import (
    batch_norm,
    cosine_similarity,
    group_norm,
    instance_norm,
    layer_norm,
    normalize,
    rms_norm,
)
from convwise.torch.nn.sampling import affine_grid, grid_sample
from convwise.torch.nn.two_inputs import (
    bilinear,
    embedding,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
    pairwise_distance,
)
from convwise.torch.tensor import Tensor, as_tensor, plain

_POOL = ("kernel_size", "stride", "padding")
_SIMPLE: dict[str, tuple[str, tuple[str, ...]]] = {
    **{f"max_pool{n}d": (f"MaxPool{n}d", (*_POOL, "dilation", "ceil_mode", "return_indices")) for n in (1, 2, 3)},
    "avg_pool1d": ("AvgPool1d", (*_POOL, "ceil_mode", "count_include_pad")),
    **{
        f"avg_pool{n}d": (f"AvgPool{n}d", (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"))
        for n in (2, 3)
    },
    **{f"lp_pool{n}d": (f"LPPool{n}d", ("norm_type", "kernel_size", "stride", "ceil_mode")) for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": (f"AdaptiveAvgPool{n}d", ("output_size",)) for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": (f"AdaptiveMaxPool{n}d", ("output_size", "return_indices")) for n in (1, 2, 3)},
    "pixel_shuffle": ("PixelShuffle", ("upscale_factor",)),
    "pixel_unshuffle": ("PixelUnshuffle", ("downscale_factor",)),
    "channel_shuffle": ("ChannelShuffle", ("groups",)),
    "unfold": ("Unfold", ("kernel_size", "dilation", "padding", "stride")),
    "fold": ("Fold", ("output_size", "kernel_size", "dilation", "padding", "stride")),
    "interpolate": (
        "Upsample",
        ("size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    ),
    "upsample": ("Upsample", ("size", "scale_factor", "mode", "align_corners")),
    "local_response_norm": ("LocalResponseNorm", ("size", "alpha", "beta", "k")),
    "relu": ("ReLU", ("inplace",)),
    "relu6": ("ReLU6", ("inplace",)),
    "leaky_relu": ("LeakyReLU", ("negative_slope", "inplace")),
    "elu": ("ELU", ("alpha", "inplace")),
    "celu": ("CELU", ("alpha", "inplace")),
    "selu": ("SELU", ("inplace",)),
    "gelu": ("GELU", ("approximate",)),
    "silu": ("SiLU", ("inplace",)),
    "mish": ("Mish", ("inplace",)),
    "glu": ("GLU", ("dim",)),
    "sigmoid": ("Sigmoid", ()),
    "tanh": ("Tanh", ()),
    "softmax": ("Softmax", ("dim",)),
    "log_softmax": ("LogSoftmax", ("dim",)),
    "softmin": ("Softmin", ("dim",)),
    "softplus": ("Softplus", ("beta", "threshold")),
    "softshrink": ("Softshrink", ("lambd",)),
    "softsign": ("Softsign", ()),
    "hardshrink": ("Hardshrink", ("lambd",)),
    "hardsigmoid": ("Hardsigmoid", ("inplace",)),
    "hardswish": ("Hardswish", ("inplace",)),
    "hardtanh": ("Hardtanh", ("min_val", "max_val", "inplace")),
    "logsigmoid": ("LogSigmoid", ()),
    "tanhshrink": ("Tanhshrink", ()),
    "threshold": ("Threshold", ("threshold", "value", "inplace")),
    "rrelu": ("RReLU", ("lower", "upper")),
    **{f"dropout{n}": (f"Dropout{n}", ("p", "training", "inplace")) for n in ("", "1d", "2d", "3d")},
    "alpha_dropout": ("AlphaDropout", ("p", "training", "inplace")),
    "feature_alpha_dropout": ("FeatureAlphaDropout", ("p", "training", "inplace")),
}
"""Function -> the kind of layer it runs, and its arguments after the input in the function's own order."""


def _call(name: str, input: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    kind, words = _SIMPLE[name]
    if len(args) > len(words):
        raise CodeError(
            "CW304",
            f"{len(args) + 1} positional arguments where at most {len(words) + 1} are taken",
            layer=f"PyTorch F.{name}",
            received=args,
        )
    given = dict(zip(words, args, strict=False))
    for word, value in kwargs.items():
        if word in given:
            raise CodeError("CW306", f"argument {word!r} is given twice", layer=f"PyTorch F.{name}", received=word)
        given[word] = value
    if given.pop("training", False):
        raise ArgumentError(
            "CW606",
            "convwise runs layers, it does not train them",
            axis="training",
            received=True,
            hint="pass training=False",
        )
    smooth = name == "interpolate" and bool(given.pop("antialias", False))
    if name == "interpolate":
        _check_interpolation(given)
    given.pop("_stacklevel", None)
    if given.pop("dtype", None) is not None and kwargs["dtype"] != plain(input).dtype:
        input = as_tensor(input, kwargs["dtype"])
    layer = _read(kind, given)
    return antialiased(layer, input) if smooth else _run(layer, input)


def _check_interpolation(given: dict[str, Any]) -> None:
    """What `F.interpolate` takes and `nn.Upsample` does not.

    Raises:
        Refusal: CW201 for a scale of 0, which `nn.Upsample` takes for none.
    """
    scale = given.get("scale_factor")
    if isinstance(scale, int | float) and not isinstance(scale, bool) and scale == 0:
        raise Refusal(
            "CW201",
            "scale_factor is 0; it must be greater than 0",
            layer="PyTorch F.interpolate",
            received=scale,
            quote="Input and output sizes should be greater than 0",
            hint="try scale_factor=2",
        )


@runtime_errors
def _read(kind: str, given: Mapping[str, Any]) -> Layer:
    return dialects.get("torch").read(make_call(kind, (), given), None)


def _run(layer: Layer, input: Any, weights: Mapping[str, Any] | None = None) -> Tensor:
    arrays = {name: plain(value) for name, value in (weights or {}).items() if value is not None}
    result: Tensor = finished(layer, input, run_layer(layer, plain(input), {0: arrays} if arrays else None))
    return result


@cache
def _function(name: str, in_place: bool = False) -> Callable[..., Any]:
    def function(input: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(name, input, args, {**kwargs, "inplace": True} if in_place else kwargs)

    function.__name__ = function.__qualname__ = name + "_" * in_place
    function.__doc__ = f"PyTorch's `F.{name}`, run by NumPy; its errors are those of `nn.{_SIMPLE[name][0]}`."
    return function


def __getattr__(name: str) -> Any:
    if name in _SIMPLE:
        return _function(name)
    if name.endswith("_") and "inplace" in _SIMPLE.get(name[:-1], ("", ()))[1]:
        return _function(name[:-1], in_place=True)
    if name.endswith("_with_indices") and "return_indices" in _SIMPLE.get(name[:-13], ("", ()))[1]:
        return partial(_function(name[:-13]), return_indices=True)
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    near = nearest(name, [*_SIMPLE, *__all__])
    raise AttributeError(
        f"convwise knows no function {name!r} in torch.nn.functional" + (f"; did you mean {near!r}?" if near else "")
    )


def __dir__() -> list[str]:
    return sorted({*__all__, *_SIMPLE})


__all__ = [
    "affine_grid",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_similarity",
    "cross_entropy",
    "embedding",
    "grid_sample",
    "group_norm",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "linear",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "prelu",
    "rms_norm",
    "scaled_dot_product_attention",
    "smooth_l1_loss",
]


def _weight(name: str, value: Any, axes: int) -> np.ndarray[Any, Any]:
    array = plain(value)
    if array.ndim != axes:
        raise ArgumentError(
            "CW605",
            f"the weight has {array.ndim} axes where {axes} are needed",
            layer=f"PyTorch F.{name}",
            received=array.shape,
        )
    return array


def _conv(rank: int, input: Any, weight: Any, bias: Any, options: Mapping[str, Any]) -> Tensor:
    array = _weight(f"conv{rank}d", weight, rank + 2)
    groups = options["groups"]
    channels = array.shape[1] * groups if isinstance(groups, int) else array.shape[1]
    given = {
        "in_channels": channels,
        "out_channels": array.shape[0],
        "kernel_size": array.shape[2:],
        "bias": bias is not None,
        **options,
    }
    return _run(_read(f"Conv{rank}d", given), input, {"weight": array, "bias": bias})


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """`weight` is (out, in / groups, length); the errors are those of `nn.Conv1d`."""
    return _conv(1, input, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """`weight` is (out, in / groups, height, width); the errors are those of `nn.Conv2d`."""
    return _conv(2, input, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Tensor:
    """`weight` is (out, in / groups, depth, height, width); the errors are those of `nn.Conv3d`."""
    return _conv(3, input, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})


def _transpose(rank: int, input: Any, weight: Any, bias: Any, options: Mapping[str, Any]) -> Tensor:
    array = _weight(f"conv_transpose{rank}d", weight, rank + 2)
    groups = options["groups"]
    filters = array.shape[1] * groups if isinstance(groups, int) else array.shape[1]
    given = {
        "in_channels": array.shape[0],
        "out_channels": filters,
        "kernel_size": array.shape[2:],
        "bias": bias is not None,
        **options,
    }
    return _run(_read(f"ConvTranspose{rank}d", given), input, {"weight": array, "bias": bias})


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`weight` is (in, out / groups, length); the errors are those of `nn.ConvTranspose1d`."""
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "groups": groups,
        "dilation": dilation,
    }
    return _transpose(1, input, weight, bias, options)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`weight` is (in, out / groups, height, width); the errors are those of `nn.ConvTranspose2d`."""
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "groups": groups,
        "dilation": dilation,
    }
    return _transpose(2, input, weight, bias, options)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """`weight` is (in, out / groups, depth, height, width); the errors are those of `nn.ConvTranspose3d`."""
    options = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "groups": groups,
        "dilation": dilation,
    }
    return _transpose(3, input, weight, bias, options)


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """`weight` is (out, in); the errors are those of `nn.Linear`."""
    array = _weight("linear", weight, 2)
    layer = _read("Linear", {"in_features": array.shape[1], "out_features": array.shape[0], "bias": bias is not None})
    return _run(layer, input, {"weight": array, "bias": bias})


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """Cells before and after the last axes, the last axis first: (left, right, top, bottom, ...). Negative ones crop.

    Raises:
        ArgumentError: CW606 for a number of pads that is odd or more than the axes.
        ShapeError, Refusal: those of the padding layers.
    """
    array, pads = plain(input), literal(pad)
    pads = pads if isinstance(pads, tuple) else (pads,)
    if len(pads) % 2 or len(pads) > 2 * array.ndim or any(type(one) is not int for one in pads):
        quote = "Padding length must be divisible by 2" if len(pads) % 2 else ""
        raise ArgumentError(
            "CW606",
            f"{len(pads)} pads for {array.ndim} axes",
            axis="pad",
            received=pads,
            quote=quote,
            hint="give (left, right) for each axis, the last first",
        )
    rank = len(pads) // 2
    if rank == 0:
        return as_tensor(array.copy())
    if mode == "constant" and rank > 3:
        widths = [(0, 0)] * (array.ndim - rank) + [(pads[2 * i], pads[2 * i + 1]) for i in reversed(range(rank))]
        if any(width < 0 for pair in widths for width in pair):
            raise ArgumentError(
                "CW208", "cropping more than three axes", received=pads, hint="crop three axes at a time"
            )
        return as_tensor(np.pad(array, widths, constant_values=0 if value is None else value))
    kinds = {
        "constant": "ConstantPad",
        "reflect": "ReflectionPad",
        "replicate": "ReplicationPad",
        "circular": "CircularPad",
    }
    if mode not in kinds:
        raise ArgumentError(
            "CW207",
            f"no padding mode {mode!r}",
            axis="mode",
            received=mode,
            quote=f"Unrecognised padding mode {mode}",
            hint=", ".join(kinds),
        )
    given: dict[str, Any] = {"padding": pads}
    if mode == "constant":
        given["value"] = 0 if value is None else value
    return _run(_read(f"{kinds[mode]}{rank}d", given), array)


def prelu(input: Any, weight: Any) -> Tensor:
    count = int(np.size(weight))
    return _run(_read("PReLU", {"num_parameters": count}), input, {"slope": weight})


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """A row of zeros with a one for each class number; without `num_classes`, of as many as the largest needs.

    Raises:
        ArgumentError: CW605 for numbers that are no class.
    """
    array = plain(tensor)
    count = int(array.max(initial=-1)) + 1 if num_classes == -1 else num_classes
    quote = ""
    if array.dtype != np.int64:
        quote = "one_hot is only applicable to index tensor of type LongTensor."
    elif array.size == 0 and num_classes < 1:
        quote = "Can not infer total number of classes from empty tensor."
    elif array.size and array.min() < 0:
        quote = "Class values must be non-negative."
    elif array.size and array.max() >= count:
        quote = "Class values must be smaller than num_classes."
    if quote:
        raise ArgumentError(
            "CW605",
            f"class numbers are int64 from 0 to {max(count - 1, 0)}",
            layer="PyTorch F.one_hot",
            received=f"{array.dtype}" + (f" from {array.min()} to {array.max()}" if array.size else ", none of them"),
            quote=quote,
            hint="pass x.long(), and a num_classes above the largest",
        )
    return as_tensor(np.eye(count, dtype=np.int64)[array])
