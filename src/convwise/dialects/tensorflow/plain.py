"""TensorFlow functions beside the windows: tf.pad, bias_add, activations, normalisation, reshaping, reductions."""

from __future__ import annotations

from collections.abc import Mapping

from convwise.axis import Pads
from convwise.dialects.base import Array, Layer, Unknown, Value, known
from convwise.dialects.kinds import Arguments, Kind, Resolved, array, integers, show, wrong_type
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import (
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Reshape,
    Shape,
)

ACTIVATIONS: Mapping[str, str] = {
    "relu": "relu",
    "relu6": "relu6",
    "crelu": "",
    "elu": "elu",
    "selu": "selu",
    "gelu": "gelu",
    "silu": "silu",
    "swish": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "softplus": "softplus",
    "softsign": "softsign",
    "leaky_relu": "leaky_relu",
    "softmax": "softmax",
    "log_softmax": "log_softmax",
}
"""Function of tf.nn -> the plain kind of a Pointwise; empty where it is none."""

OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "leaky_relu": (("alpha", "negative_slope"),),
    "softmax": (("axis", "axis"),),
    "log_softmax": (("axis", "axis"),),
    "gelu": (("approximate", "approximate"),),
}
"""Function -> (its argument, the option's plain name)."""


def resolve_activation(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    name = kind.family
    options = []
    for argument, option in OPTIONS.get(name, ()):
        value = arguments[argument]
        if argument == "axis" and value is None:
            value = -1
        options.append((option, show(value) if isinstance(value, Unknown) else value))
    if name == "elu":
        options.append(("alpha", 1.0))
    return Resolved((Pointwise(ACTIVATIONS[name], tuple(options)),))


def resolve_bias(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.bias_add(value, bias, data_format)."""
    shape = array(arguments["bias"], "bias", 1, "write its shape: tf.zeros((16,))", "Biases must be 1D")
    word = known(arguments["data_format"], "data_format")
    if word is not None and not isinstance(word, str):
        quote = f"'{'list' if isinstance(word, tuple) else type(word).__name__}' object has no attribute 'startswith'"
        raise Refusal(
            "CW204", f"data_format is {show(word)}, not a word", received=show(word), axis="data_format", quote=quote
        )
    last = word is None or not (isinstance(word, str) and word.startswith("NC"))
    if isinstance(word, str) and not word.startswith("N"):
        quote = "`data_format` must be of the form `N...C` or `NC...`."
        raise Refusal("CW207", f"there is no data_format {word!r}", received=word, axis="data_format", quote=quote)
    return Resolved((Pointwise("bias_add", params=shape[0]),), None, last)


def check_bias(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Pointwise)
    if len(shape) < 2:
        raise ShapeError("CW101", "a bias is added to at least two axes", received=shape)
    channels = shape[-1] if layer.channels_last else shape[1]
    if op.params is not None and channels is not None and channels != op.params:
        sizes = ",".join("?" if size is None else str(size) for size in shape)
        quote = f"Must provide as many biases as the last dimension of the input tensor: [{op.params}] vs. [{sizes}]"
        fact = f"the bias has {op.params} numbers, the input {channels} channels"
        raise ShapeError("CW102", fact, axis="channels", received=channels, quote=quote if layer.channels_last else "")


MODES = {"CONSTANT": "constant", "REFLECT": "reflect", "SYMMETRIC": "symmetric"}


def resolve_pad(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.pad(tensor, paddings, mode, constant_values): a pair for each axis of the data."""
    given = known(arguments["paddings"], "paddings")
    pairs = given if isinstance(given, tuple) else ()
    if not pairs or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        hint = "a pair for each axis: [[0, 0], [1, 1], [1, 1], [0, 0]]"
        raise Refusal("CW204", f"paddings is {show(given)}, not a list of pairs", received=show(given), hint=hint)
    found = []
    for pair in pairs:
        low, high = integers(pair, "paddings")
        if low < 0 or high < 0:
            quote = f"Paddings must be non-negative: {low} {high}"
            hint = "cut with x[:, 1:-1] instead"
            raise Refusal(
                "CW201", f"paddings of {low} and {high}", received=given, axis="paddings", quote=quote, hint=hint
            )
        found.append(Pads(low, high))
    word = known(arguments["mode"], "mode")
    mode = MODES.get(word.upper()) if isinstance(word, str) else None
    if mode is None:
        fact = f"there is no mode {show(word)}"
        quote = f'Value of argument `mode` expected to be one of "CONSTANT", "REFLECT", or "SYMMETRIC". Received `mode` = {word}'
        raise Refusal(
            "CW207", fact, received=show(word), axis="mode", quote=quote, hint=f"use one of {', '.join(MODES)}"
        )
    if mode == "symmetric":
        raise CodeError("CW317", "convwise does not model mode='SYMMETRIC'", hint="REFLECT and CONSTANT are modelled")
    value = arguments["constant_values"]
    constant = float(value) if isinstance(value, int | float) else 0.0
    rank = len(pairs) - 2
    none = Pads(0, 0)
    last = found[-1] == none
    if rank < 1 or rank > 3 or found[0] != none or (not last and found[1] != none):
        raise CodeError(
            "CW317",
            "convwise models padding of the sizes alone, not of the batch or the channels",
            received=show(given),
        )
    pads = found[1:-1] if last else found[2:]
    return Resolved((Pad(tuple(pads), mode, constant),), rank, last)


def check_pad(layer: Layer, shape: Shape) -> None:
    op = layer.ops[0]
    assert isinstance(op, Pad)
    if len(shape) != op.rank + 2:
        fact = f"paddings has {op.rank + 2} pairs, the input {len(shape)} axes"
        raise ShapeError("CW101", fact, received=shape)


def resolve_norm(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.batch_normalization(x, mean, variance, offset, scale, variance_epsilon)."""
    shape = array(arguments["mean"], "mean", (1,), "write its shape: tf.zeros((16,))")
    epsilon = arguments["variance_epsilon"]
    number = float(epsilon) if isinstance(epsilon, int | float) else 1e-3
    scale, center = arguments["scale"] is not None, arguments["offset"] is not None
    op = Norm("batch", shape[0], "channels", scale, center, True, epsilon=number)
    return Resolved((op,), None, True)


def resolve_shuffle(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.nn.depth_to_space and space_to_depth."""
    factor = integers(known(arguments["block_size"], "block_size"), "block_size", least=2)
    if isinstance(arguments["block_size"], tuple):
        raise wrong_type("block_size", arguments["block_size"], "one number")
    if arguments["data_format"] != "NHWC":
        raise CodeError(
            "CW317", "convwise models data_format='NHWC' alone here", received=show(arguments["data_format"])
        )
    return Resolved((PixelShuffle(factor[0], kind.family == "inverse", pixels_first=True),), 2, True)


def resolve_dropout(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    rate = known(arguments["rate"], "rate")
    if isinstance(rate, Array) and not rate.shape:  # a scalar tensor, such as TensorFlow 1's placeholder for keep_prob
        return Resolved((Pointwise("dropout"),))
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise wrong_type("rate", rate, "a number")
    if not 0 <= rate < 1:
        quote = f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
        raise Refusal("CW201", f"rate is {rate}; it must be at least 0 and less than 1", received=rate, quote=quote)
    return Resolved((Pointwise("dropout", (("rate", float(rate)),)),))


def resolve_identity(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    return Resolved((Pointwise("identity"),))


def resolve_reshape(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.reshape(x, (-1, 1568)): (batch or -1, the rest) keeps the batch apart."""
    value = known_but_first(arguments["shape"])
    if not value:
        raise wrong_type("shape", arguments["shape"], "a list of sizes")
    integers(value[1:], "shape", least=-1)
    first = value[0]
    if isinstance(first, Unknown):
        target = tuple(value[1:])
        return Resolved((Flatten() if target == (-1,) else Reshape(target, True),))
    integers((first,), "shape", least=-1)
    if value.count(-1) > 1:
        quote = "Only one input size may be -1, not both 0 and 1"
        raise Refusal("CW201", f"shape is {value}: only one size may be -1", received=value, quote=quote)
    return Resolved((Reshape(value, False),))


def known_but_first(value: Value) -> tuple[Value, ...]:
    """A list of sizes whose first may be unknown: the batch."""
    if not isinstance(value, tuple) or not value:
        known(value, "shape")
        return ()
    known(value[1:], "shape")
    return value


def resolve_transpose(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    order = known(arguments["perm"], "perm")
    if not isinstance(order, tuple) or sorted(integers(order, "perm")) != list(range(len(order))):
        hint = "a list of all axes, such as [0, 2, 3, 1]"
        raise Refusal("CW204", f"perm is {show(order)}", received=show(order), hint=hint)
    return Resolved((Permute(order),))


def resolve_mean(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.reduce_mean and reduce_max over all spatial axes: global pooling."""
    axes = known(arguments["axis"], "axis")
    axes = axes if isinstance(axes, tuple) else (axes,)
    for rank in (1, 2, 3):
        for start, last in ((1, True), (2, False)):
            if axes == tuple(range(start, start + rank)):
                keep = bool(arguments["keepdims"])
                return Resolved((GlobalPool(kind.family, rank, keep),), rank, last)
    raise CodeError(
        "CW317",
        f"convwise models the mean or maximum over all sizes alone, not over axis={show(arguments['axis'])}",
        hint="axis=[1, 2] of NHWC, [2, 3] of NCHW",
    )


def resolve_matmul(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """tf.matmul(x, tf.zeros((1568, 10))): a dense layer without a bias."""
    shape = array(arguments["b"], "b", 2, "write its shape: tf.zeros((1568, 10))")
    if arguments["transpose_b"] is True:
        shape = shape[::-1]
    if shape[1] is None:
        raise wrong_type("b", arguments["b"], "an array whose sizes are known")
    op: Op = Dense(shape[0], shape[1], bias=False)
    return Resolved((op,))
