"""Ops back into JAX's words: flax where it has the layer (nnx where the input's channels are known, else linen), else jax.lax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convwise.axis import NO_PADS, SAME_UPPER, Pads, Same, Window, causal_pads, keeping_pads
from convwise.dialects.base import Array, Call, Unknown, Value
from convwise.dialects.jax.plain import ACTIVATIONS, MODES
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
    Pointwise,
    Pool,
    Reshape,
)

Piece = tuple[str, bool]
"""(text, whether it is a function of the data, written with `x`, and not a layer)."""
RNGS = Unknown("nnx.Rngs(0)")
LETTERS = {1: "W", 2: "HW", 3: "DHW"}


def spell(ops: tuple[Op, ...], channels_last: bool = True) -> str:
    """The shortest natural call; several layers as an nn.Sequential or nnx.Sequential, functions as lambdas in it.

    Raises:
        Refusal: CW209, where JAX cannot say it in one call.
    """
    pieces = []
    for op in ops:
        function = SPELLERS.get(type(op))
        if function is None:
            raise unsayable(f"JAX has no layer for {type(op).__name__}")
        pieces.append(function(op, channels_last))
    if len(pieces) == 1:
        return pieces[0][0]
    texts = [f"lambda x: {text}" if function else text for text, function in pieces]
    if any(text.startswith("nnx.") for text, _ in pieces):
        return f"nnx.Sequential({', '.join(texts)})"
    return f"flax.linen.Sequential([{', '.join(texts)}])"


def anew(call: Call) -> str:
    """A call whose text is not known, with `x` for the data where it is a function."""
    last = call.kind.rpartition(".")[2]
    data = () if last[:1].isupper() else (Unknown("x"),)
    return write_call(call.kind, (*data, *call.args), dict(call.kwargs))


def _no_ceil(windows: tuple[Window, ...]) -> None:
    if any(window.ceil for window in windows):
        raise unsayable("JAX has no ceil_mode", "padding='SAME' keeps the rest, with windows that start elsewhere")


def _padding(windows: tuple[Window, ...]) -> Value:
    """A word where one says it, else a pair for each axis."""
    rules = [window.padding for window in windows]
    if all(rule == NO_PADS for rule in rules):
        return "VALID"
    if all(rule is SAME_UPPER for rule in rules):
        return "SAME"
    if all(isinstance(rule, Same) for rule in rules) and len(set(rules)) == 1:
        return "SAME_LOWER"
    fixed = [window.fixed().padding for window in windows]
    if any(not isinstance(pads, Pads) for pads in fixed):
        raise unsayable("padding that depends on the size on some axes alone", "give one size's own pads")
    return tuple((pads.low, pads.high) for pads in fixed if isinstance(pads, Pads))


def _numbers(windows: tuple[Window, ...], name: str) -> tuple[int, ...]:
    values = {"kernel": [w.kernel for w in windows], "stride": [w.stride for w in windows]}
    return tuple(values.get(name) or [w.dilation for w in windows])


def _head(op: Conv | ConvTranspose, name: str, last: bool) -> tuple[str, tuple[Value, ...]]:
    if not last:
        raise unsayable(
            "flax puts the channels last, and jax.lax has no bias", "transpose the data, or leave the bias out"
        )
    if op.out_channels is None or op.groups is None:
        raise unsayable("a depthwise convolution of unknown input channels", "give the input's channels")
    kernel = op.kernel
    if op.in_channels is None:
        return f"nn.{name}", (op.out_channels, kernel)
    return f"nnx.{name}", (op.in_channels, op.out_channels, kernel)


def _ends(function: str) -> Keywords:
    return {"rngs": RNGS} if function.startswith("nnx.") else {}


def _spell_conv(op: Conv, last: bool) -> Piece:
    _no_ceil(op.windows)
    if not last and not op.bias and op.in_channels is not None and op.padding_mode == "zeros":
        return _lax_conv(op), True
    function, args = _head(op, "Conv", last)
    if op.padding_mode == "zeros":
        padding = _padding(op.windows)
    elif op.padding_mode in ("circular", "reflect") and all(
        window.padding == keeping_pads(window.kernel, window.dilation) for window in op.windows
    ):
        padding = op.padding_mode.upper()
    else:
        raise unsayable(f"flax pads with mode {op.padding_mode} to keep the size alone", "put jnp.pad before it")
    words: Keywords = {
        "strides": one(_numbers(op.windows, "stride")),
        "padding": padding,
        "kernel_dilation": one(_numbers(op.windows, "dilation")),
        "feature_group_count": op.groups,
        "use_bias": op.bias,
    }
    defaults: Keywords = {
        "strides": 1,
        "padding": "SAME",
        "kernel_dilation": 1,
        "feature_group_count": 1,
        "use_bias": True,
    }
    return write_call(function, args, {**without(words, defaults), **_ends(function)}), False


def _lax_conv(op: Conv) -> str:
    """Channels first, as jax.lax has it by default."""
    if op.rank not in LETTERS or op.groups is None or op.in_channels is None or op.out_channels is None:
        raise unsayable(f"no convolution over {op.rank} spatial axes is spelled here")
    shape = (op.out_channels, op.in_channels // op.groups, *op.kernel)
    words: Keywords = {"rhs_dilation": _numbers(op.windows, "dilation"), "feature_group_count": op.groups}
    words = without(words, {"rhs_dilation": (1,) * op.rank, "feature_group_count": 1})
    args = (Unknown("x"), Array(shape, f"jnp.zeros({shape})"), _numbers(op.windows, "stride"), _padding(op.windows))
    return write_call("lax.conv_general_dilated", args, words)


def _spell_transposed(op: ConvTranspose, last: bool) -> Piece:
    if op.groups not in (1, None):
        raise unsayable("flax's ConvTranspose has no groups")
    function, args = _head(op, "ConvTranspose", last)
    extra = op.output_padding or (0,) * op.rank
    pads = []
    for window, more in zip(op.windows, extra, strict=True):
        fixed = window.fixed().padding
        if not isinstance(fixed, Pads):
            raise unsayable("a transposed convolution whose padding depends on the size")
        reach = causal_pads(window.kernel, window.dilation).low
        pads.append((reach - fixed.low, reach - fixed.high + more))
    words: Keywords = {
        "strides": one(_numbers(op.windows, "stride")),
        "padding": tuple(pads),
        "kernel_dilation": one(_numbers(op.windows, "dilation")),
        "use_bias": op.bias,
    }
    words = without(words, {"strides": 1, "kernel_dilation": 1, "use_bias": True})
    return write_call(function, args, {**words, **_ends(function)}), False


def _spell_pool(op: Pool, last: bool) -> Piece:
    _no_ceil(op.windows)
    kernel, strides, dilations = (_numbers(op.windows, name) for name in ("kernel", "stride", "dilation"))
    padding = _padding(op.windows)
    plain = last and max(dilations) == 1 and op.divisor is None
    if op.kind == "max" and plain:
        words = without({"strides": strides, "padding": padding}, {"strides": (1,) * op.rank, "padding": "VALID"})
        return write_call("nn.max_pool", (Unknown("x"), kernel), words), True
    if op.kind == "average" and plain:
        words = {"strides": strides, "padding": padding, "count_include_pad": op.count_padding}
        return write_call(
            "nn.avg_pool", (Unknown("x"), kernel), without(words, {"strides": (1,) * op.rank, "padding": "VALID"})
        ), True
    if op.kind == "average" and op.divisor != 1:
        raise unsayable("JAX has no such average of one call", "divide a lax.reduce_window with lax.add")
    if op.kind not in ("max", "average"):
        raise unsayable(f"JAX has no pool of kind {op.kind!r}")
    start = Unknown("-jnp.inf" if op.kind == "max" else "0.0")
    reduction = Unknown("lax.max" if op.kind == "max" else "lax.add")
    full = [(1, *values, 1) if last else (1, 1, *values) for values in (kernel, strides, dilations)]
    if isinstance(padding, tuple):
        padding = ((0, 0), *padding, (0, 0)) if last else ((0, 0), (0, 0), *padding)
    words = without({"window_dilation": full[2]}, {"window_dilation": (1,) * (op.rank + 2)})
    return write_call("lax.reduce_window", (Unknown("x"), start, reduction, *full[:2], padding), words), True


def _spell_global(op: GlobalPool, last: bool) -> Piece:
    if op.kind not in ("max", "average"):
        raise unsayable(f"JAX has no global pool of kind {op.kind!r}")
    start = 1 if last else 2
    words: Keywords = {"axis": tuple(range(start, start + op.rank)), **({"keepdims": True} if op.keep_dims else {})}
    return write_call(f"jnp.{'max' if op.kind == 'max' else 'mean'}", (Unknown("x"),), words), True


def _spell_pad(op: Pad, last: bool) -> Piece:
    modes = {plain: mode for mode, plain in MODES.items()}
    if op.mode not in modes or any(min(pad.low, pad.high) < 0 for pad in op.pads):
        raise unsayable("jnp.pad takes no negative pads", "cut with x[:, 1:-1]")
    pairs = tuple((pad.low, pad.high) for pad in op.pads)
    full = ((0, 0), *pairs, (0, 0)) if last else ((0, 0), (0, 0), *pairs)
    words = without({"mode": modes[op.mode], "constant_values": op.value}, {"mode": "constant", "constant_values": 0.0})
    return write_call("jnp.pad", (Unknown("x"), full), words), True


def _spell_crop(op: Crop, last: bool) -> Piece:
    raise unsayable("JAX crops by slicing", "write x[:, 1:-1, 1:-1]")


def _spell_dense(op: Dense, last: bool) -> Piece:
    words: Keywords = {} if op.bias else {"use_bias": False}
    if op.in_features is None:
        return write_call("nn.Dense", (op.out_features,), words), False
    return write_call("nnx.Linear", (op.in_features, op.out_features), {**words, "rngs": RNGS}), False


def _spell_norm(op: Norm, last: bool) -> Piece:
    if not last or op.axes not in ("channels", (-1,)):
        raise unsayable("flax normalises over the last axis alone here")
    words: Keywords = {"epsilon": op.epsilon, "use_bias": op.center, "use_scale": op.scale}
    defaults: Keywords = {"epsilon": 1e-5 if op.kind == "batch" else 1e-6, "use_bias": True, "use_scale": True}
    names = {
        "batch": "BatchNorm",
        "layer": "LayerNorm",
        "group": "GroupNorm",
        "instance": "InstanceNorm",
        "rms": "RMSNorm",
    }
    if op.kind not in names or (op.kind == "batch" and not op.moments):
        raise unsayable(f"flax has no normalisation of kind {op.kind!r} like this")
    if op.kind == "rms":
        del words["use_bias"]
    if op.kind == "group":
        words = {"num_groups": op.groups, **words}
    words = without(words, {**defaults, "num_groups": 32})
    if op.features is not None and op.kind in ("batch", "layer", "group"):
        return write_call(f"nnx.{names[op.kind]}", (op.features,), {**words, "rngs": RNGS}), False
    if op.features is not None:
        raise unsayable(f"flax's {names[op.kind]} finds its features from the data")
    # torch.nn has layers of these names too, so that the module is written out.
    prefix = "nn." if op.kind == "batch" else "flax.linen."
    return write_call(f"{prefix}{names[op.kind]}", (), words), False


def _spell_pointwise(op: Pointwise, last: bool) -> Piece:
    options: Keywords = dict(op.options)
    if op.kind == "dropout":
        return write_call("flax.linen.Dropout", (options.get("rate", 0.5),)), False
    for name, (plain, pairs) in ACTIVATIONS.items():
        known = {option for _, option in pairs}
        if plain == op.kind and set(options) <= known:
            words = {argument: options[option] for argument, option in pairs if option in options}
            if name == "gelu":
                words = {} if words.get("approximate") in (True, "tanh") else {"approximate": False}
            defaults: Keywords = {"alpha": 1.0, "axis": -1, "negative_slope": 0.01}
            return write_call(f"nn.{name}", (Unknown("x"),), without(words, defaults)), True
    raise unsayable(f"JAX has no function for {op.kind!r}")


def _spell_reshape(op: Reshape, last: bool) -> Piece:
    lead: tuple[Value, ...] = (Unknown("x.shape[0]"),) if op.keeps_batch else ()
    return write_call("jnp.reshape", (Unknown("x"), (*lead, *op.target))), True


def _spell_flatten(op: Flatten, last: bool) -> Piece:
    if op != Flatten():
        raise unsayable("only a Flatten of all but the batch has a short form here")
    return "jnp.reshape(x, (x.shape[0], -1))", True


SPELLERS: dict[type, Callable[[Any, bool], Piece]] = {
    Conv: _spell_conv,
    ConvTranspose: _spell_transposed,
    Pool: _spell_pool,
    GlobalPool: _spell_global,
    Pad: _spell_pad,
    Crop: _spell_crop,
    Dense: _spell_dense,
    Norm: _spell_norm,
    Pointwise: _spell_pointwise,
    Reshape: _spell_reshape,
    Flatten: _spell_flatten,
    Permute: lambda op, last: (write_call("jnp.transpose", (Unknown("x"), op.order)), True),
}
"""Type of op -> how it is spelled."""
