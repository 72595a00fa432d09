"""Ops back into TensorFlow's words: one call of tf.nn, with a kernel written as tf.zeros of its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from convwise.axis import NO_PADS, Pads, Window
from convwise.dialects.base import Array, Call, Unknown, Value
from convwise.dialects.tensorflow.windows import FORMATS
from convwise.dialects.writing import Keywords, one, unsayable, without, write_call
from convwise.ops import (
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
)

DATA = Unknown("x")
CONV: Keywords = {"dilations": 1, "data_format": "NHWC"}


def spell(ops: tuple[Op, ...], channels_last: bool = True) -> str:
    """The shortest natural call; several ops as calls inside each other, the first innermost.

    Raises:
        Refusal: CW209, where TensorFlow cannot say it in one call.
    """
    text = "x"
    for op in ops:
        function = SPELLERS.get(type(op))
        if function is None:
            raise unsayable(f"TensorFlow has no function for {type(op).__name__}")
        text = function(op, channels_last, Unknown(text))
    return text


def anew(call: Call) -> str:
    """A call whose text is not known, with `x` for the data."""
    return write_call(call.kind, (DATA, *call.args), dict(call.kwargs))


def zeros(*shape: int) -> Array:
    """A kernel as text.

    >>> zeros(3, 3, 3, 16).text
    'tf.zeros((3, 3, 3, 16))'
    """
    return Array(shape, f"tf.zeros({shape})")


def _fixed(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    if any(window.ceil for window in windows):
        raise unsayable(
            "TensorFlow has no ceil_mode", "padding='SAME' keeps the rest, with windows that start elsewhere"
        )
    return windows


def _padding(windows: tuple[Window, ...], last: bool, explicit: bool) -> Value:
    rules = {window.padding for window in windows}
    if rules == {NO_PADS}:
        return "VALID"
    lower = any(not isinstance(rule, Pads) and rule.value == "lower" for rule in rules)
    if not lower and all(not isinstance(rule, Pads) for rule in rules):
        return "SAME"
    fixed = [window.fixed().padding for window in windows]
    if any(not isinstance(pads, Pads) for pads in fixed):
        fact = "padding that depends on the size, with another odd end than TensorFlow's"
        raise unsayable(fact, "give the size's own pads")
    pads = [pads for pads in fixed if isinstance(pads, Pads)]
    if any(min(pad.low, pad.high) < 0 for pad in pads):
        raise unsayable("TensorFlow takes no negative padding", "cut with x[:, 1:-1] before it")
    if not explicit:
        raise unsayable("this function takes no explicit padding", "put tf.pad before it")
    pairs = tuple((pad.low, pad.high) for pad in pads)
    return ((0, 0), *pairs, (0, 0)) if last else ((0, 0), (0, 0), *pairs)


def _order(rank: int, last: bool) -> str:
    return FORMATS[rank][not last]


def _steps(values: tuple[int, ...], last: bool, full: bool) -> Value:
    if full:
        return (1, *values, 1) if last else (1, 1, *values)
    return one(values)


def _check_rank(rank: int, most: int = 3) -> None:
    if not 1 <= rank <= most:
        raise unsayable(f"tf.nn has no such function for {rank} spatial axes")


def _spell_conv(op: Conv, last: bool, data: Unknown) -> str:
    _check_rank(op.rank)
    if op.in_channels is None or op.out_channels is None or op.groups is None:
        raise unsayable("a kernel is an array: the input's channels must be known", "give the input's channels")
    if op.padding_mode != "zeros":
        raise unsayable(
            f"tf.nn pads with zeros alone, not with {op.padding_mode}", "put tf.pad(x, ..., mode='REFLECT') before it"
        )
    windows = _fixed(op.windows)
    strides, dilations = tuple(map(_stride, windows)), tuple(map(_dilation, windows))
    words: Keywords = {"dilations": one(dilations)}
    depthwise = op.groups == op.in_channels > 1 and op.rank == 2 and not (max(strides) > 1 and max(dilations) > 1)
    padding = _padding(windows, last, op.rank == 2)
    if depthwise:
        kernel = zeros(*op.kernel, op.in_channels, op.out_channels // op.in_channels)
        words = {"data_format": None if last else "NCHW", "dilations": None if max(dilations) == 1 else dilations}
        words = without(words, {"data_format": None, "dilations": None})
        text = write_call(
            "tf.nn.depthwise_conv2d",
            (data, kernel),
            {"strides": _steps(strides, last, True), "padding": padding, **words},
        )
    else:
        if op.groups > 1 and op.rank == 3:
            raise unsayable("tf.nn.conv3d has no groups")
        kernel = zeros(*op.kernel, op.in_channels // op.groups, op.out_channels)
        full = op.rank == 3
        order = _order(op.rank, last)
        words = {"data_format": order, "dilations": _steps(dilations, last, full) if max(dilations) > 1 else 1}
        words = without(words, {"data_format": _order(op.rank, True), "dilations": 1})
        name = "stride" if op.rank == 1 else "strides"
        named: Keywords = {name: _steps(strides, last, full), "padding": padding, **words}
        text = write_call(f"tf.nn.conv{op.rank}d", (data, kernel), named)
    return _biased(text, op.bias, op.out_channels, last)


def _stride(window: Window) -> int:
    return window.stride


def _dilation(window: Window) -> int:
    return window.dilation


def _biased(text: str, bias: bool, channels: int, last: bool) -> str:
    if not bias:
        return text
    words: Keywords = {} if last else {"data_format": "NC.."}
    return write_call("tf.nn.bias_add", (Unknown(text), zeros(channels)), words)


def _spell_transposed(op: ConvTranspose, last: bool, data: Unknown) -> str:
    raise unsayable(
        "tf.nn's transposed convolutions take their output's shape, which depends on the input's size",
        "keras.layers.Conv2DTranspose takes strides and padding; or give output_shape for one size",
    )


def _spell_pool(op: Pool, last: bool, data: Unknown) -> str:
    _check_rank(op.rank)
    windows = _fixed(op.windows)
    kernel = tuple(window.kernel for window in windows)
    strides, dilations = tuple(map(_stride, windows)), tuple(map(_dilation, windows))
    if op.kind not in ("max", "average") or op.divisor is not None:
        raise unsayable(f"tf.nn has no pool of kind {op.kind!r}{' with a divisor' if op.divisor else ''}")
    padded = any(window.padding != NO_PADS for window in windows)
    if op.kind == "average" and op.count_padding and padded:
        raise unsayable("TensorFlow's averages count real cells alone", "put tf.pad before it, and pool with 'VALID'")
    words: Keywords = {} if last else {"data_format": _order(op.rank, last)}
    if max(dilations) > 1:
        if padded or max(strides) > 1:
            raise unsayable("tf.nn.pool takes a dilation with 'VALID' and strides of 1 alone")
        kind = "MAX" if op.kind == "max" else "AVG"
        return write_call("tf.nn.pool", (data, kernel, kind), {"dilations": dilations, **words})
    padding = _padding(windows, last, op.kind == "max" and op.rank < 3)
    for window in windows:
        pads = window.fixed().padding
        if isinstance(padding, tuple) and isinstance(pads, Pads) and max(pads.low, pads.high) >= window.kernel:
            raise unsayable("TensorFlow's pools take pads below the window alone", "put tf.pad before it")
    if not last and isinstance(padding, tuple):
        raise unsayable("max pooling with explicit padding takes NHWC alone on a CPU")
    name = f"tf.nn.{'max' if op.kind == 'max' else 'avg'}_pool{op.rank}d"
    return write_call(name, (data, one(kernel), one(strides), padding), words)


def _spell_global(op: GlobalPool, last: bool, data: Unknown) -> str:
    if op.kind not in ("max", "average"):
        raise unsayable(f"TensorFlow has no global pool of kind {op.kind!r}")
    start = 1 if last else 2
    words: Keywords = {"axis": tuple(range(start, start + op.rank)), **({"keepdims": True} if op.keep_dims else {})}
    return write_call(f"tf.reduce_{'max' if op.kind == 'max' else 'mean'}", (data,), words)


def _spell_pad(op: Pad, last: bool, data: Unknown) -> str:
    if op.mode not in ("constant", "reflect"):
        raise unsayable(f"tf.pad has no mode {op.mode!r}")
    if any(min(pad.low, pad.high) < 0 for pad in op.pads):
        raise unsayable("tf.pad takes no negative padding", "cut with x[:, 1:-1]")
    pairs = tuple((pad.low, pad.high) for pad in op.pads)
    full = ((0, 0), *pairs, (0, 0)) if last else ((0, 0), (0, 0), *pairs)
    words: Keywords = {"mode": op.mode.upper(), "constant_values": op.value}
    return write_call("tf.pad", (data, full), without(words, {"mode": "CONSTANT", "constant_values": 0.0}))


def _spell_crop(op: Crop, last: bool, data: Unknown) -> str:
    raise unsayable("TensorFlow crops by slicing", "write x[:, 1:-1, 1:-1]")


def _spell_pointwise(op: Pointwise, last: bool, data: Unknown) -> str:
    options: Keywords = dict(op.options)
    if op.kind == "bias_add" and op.params is not None:
        return _biased(data.text, True, op.params, last)
    if op.kind == "dropout":
        return write_call("tf.nn.dropout", (data, options.get("rate", 0.5)))
    if op.kind == "leaky_relu":
        return write_call("tf.nn.leaky_relu", (data,), without({"alpha": options["negative_slope"]}, {"alpha": 0.2}))
    if op.kind in ("softmax", "log_softmax"):
        axis = options.get("axis", options.get("dim", -1))
        return write_call(f"tf.nn.{op.kind}", (data,), without({"axis": axis}, {"axis": -1}))
    if op.kind == "gelu":
        approximate = options.get("approximate") in (True, "tanh")
        return write_call("tf.nn.gelu", (data,), {"approximate": True} if approximate else {})
    if op.kind in ("relu", "relu6", "selu", "silu", "sigmoid", "tanh", "softplus", "softsign") and not options:
        return write_call(f"tf.nn.{op.kind}", (data,))
    if op.kind == "elu" and options.get("alpha", 1.0) == 1.0:
        return write_call("tf.nn.elu", (data,))
    raise unsayable(f"tf.nn has no function for {op.kind!r}")


def _spell_norm(op: Norm, last: bool, data: Unknown) -> str:
    if op.kind != "batch" or op.features is None or not last or not op.moments:
        raise unsayable(f"tf.nn has no function for a {op.kind} normalisation like this", "use the Keras layer")
    each = zeros(op.features)
    scale, offset = (each if given else None for given in (op.scale, op.center))
    return write_call("tf.nn.batch_normalization", (data, each, each, offset, scale, op.epsilon))


def _spell_dense(op: Dense, last: bool, data: Unknown) -> str:
    if op.in_features is None:
        raise unsayable("a matrix is an array: the input's features must be known", "give the input's features")
    text = write_call("tf.matmul", (data, zeros(op.in_features, op.out_features)))
    return _biased(text, op.bias, op.out_features, True)


def _spell_reshape(op: Reshape, last: bool, data: Unknown) -> str:
    lead: tuple[Value, ...] = (Unknown("tf.shape(x)[0]"),) if op.keeps_batch else ()
    return write_call("tf.reshape", (data, (*lead, *op.target)))


def _spell_flatten(op: Flatten, last: bool, data: Unknown) -> str:
    if replace(op, channels_to_last=False) != Flatten() or op.channels_to_last:
        raise unsayable("only a Flatten of all but the batch has a short form here")
    return write_call("tf.reshape", (data, (Unknown("tf.shape(x)[0]"), -1)))


def _spell_shuffle(op: PixelShuffle, last: bool, data: Unknown) -> str:
    if op.rank != 2 or not last:
        raise unsayable("tf.nn shuffles two spatial axes of NHWC alone")
    if not op.pixels_first:
        raise unsayable("tf.nn.depth_to_space takes the channels in another order than PixelShuffle")
    return write_call(f"tf.nn.{'space_to_depth' if op.inverse else 'depth_to_space'}", (data, op.factor))


SPELLERS: dict[type, Callable[[Any, bool, Unknown], str]] = {
    Conv: _spell_conv,
    ConvTranspose: _spell_transposed,
    Pool: _spell_pool,
    GlobalPool: _spell_global,
    Pad: _spell_pad,
    Crop: _spell_crop,
    Pointwise: _spell_pointwise,
    Norm: _spell_norm,
    Dense: _spell_dense,
    Reshape: _spell_reshape,
    Flatten: _spell_flatten,
    PixelShuffle: _spell_shuffle,
    Permute: lambda op, last, data: write_call("tf.transpose", (data, op.order)),
}
"""Type of op -> how it is spelled."""
