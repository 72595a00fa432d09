"""Ops back into ONNX's words, as onnxscript writes a node: `op.Conv(x, np.zeros((16, 3, 3, 3)), strides=[2, 2])`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convwise.axis import NO_PADS, Pads, Same, Window
from convwise.dialects.base import Array, Call, Unknown, Value
from convwise.dialects.onnx.layers import ELEMENTWISE
from convwise.dialects.onnx.words import PAD_MODES
from convwise.dialects.writing import Keywords, as_list, unsayable, without, write_call
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
    Resize,
)


def spell(ops: tuple[Op, ...], channels_last: bool = False) -> str:
    """One call; several ops as calls inside each other, the first innermost.

    Raises:
        Refusal: CW209, where ONNX has no one operator for it.
    """
    if channels_last:
        raise unsayable("ONNX has one order, channels first", "put a Transpose before it")
    text = "x"
    for op in ops:
        function = SPELLERS.get(type(op))
        if function is None:
            raise unsayable(f"ONNX has no operator for {type(op).__name__}")
        text = function(op, Unknown(text))
    return text


def anew(call: Call) -> str:
    """A call whose text is not known, with `x` for the data."""
    return write_call(f"op.{call.kind}", (Unknown("x"), *call.args), dict(call.kwargs))


def zeros(*shape: int) -> Array:
    return Array(shape, f"np.zeros({shape})")


def _windows(windows: tuple[Window, ...], *, ceil: bool = False) -> Keywords:
    words: Keywords = {}
    if any(window.stride > 1 for window in windows):
        words["strides"] = as_list(tuple(window.stride for window in windows))
    if any(window.dilation > 1 for window in windows):
        words["dilations"] = as_list(tuple(window.dilation for window in windows))
    rules = [window.padding for window in windows]
    if all(isinstance(rule, Same) for rule in rules) and len(set(rules)) == 1 and max(w.dilation for w in windows) == 1:
        rule = rules[0]
        words["auto_pad"] = f"SAME_{rule.value.upper()}" if isinstance(rule, Same) else ""
    elif any(rule != NO_PADS for rule in rules):
        pads = [pads for window in windows if isinstance(pads := window.fixed().padding, Pads)]
        if len(pads) < len(windows):
            raise unsayable(
                "padding that depends on the size, with a dilation or on some axes alone", "give one size's own pads"
            )
        if any(min(pad.low, pad.high) < 0 for pad in pads):
            raise unsayable("onnxruntime takes no negative pads", "put a Pad or a Slice before it")
        words["pads"] = as_list((*(pad.low for pad in pads), *(pad.high for pad in pads)))
    if ceil and any(window.ceil for window in windows):
        if not all(window.ceil for window in windows):
            raise unsayable("ceil_mode holds for all axes")
        words["ceil_mode"] = 1
    return words


def _spell_conv(op: Conv, data: Unknown) -> str:
    if op.padding_mode != "zeros":
        raise unsayable(f"Conv pads with zeros alone, not with {op.padding_mode}", "put a Pad with that mode before it")
    weight = op.weight_shape()
    if weight is None:
        raise unsayable("a kernel is an array: the input's channels must be known", "give the input's channels")
    words: Keywords = {**({"group": op.groups} if op.groups != 1 else {}), **_windows(op.windows)}
    return write_call("op.Conv", (data, zeros(*weight), *_bias(op)), words)


def _bias(op: Conv | ConvTranspose) -> tuple[Value, ...]:
    return (zeros(op.out_channels or 0),) if op.bias else ()


def _spell_transposed(op: ConvTranspose, data: Unknown) -> str:
    weight = op.weight_shape()
    if weight is None:
        raise unsayable("a kernel is an array: the input's channels must be known", "give the input's channels")
    words: Keywords = {**({"group": op.groups} if op.groups != 1 else {}), **_windows(op.windows)}
    if "auto_pad" in words:
        raise unsayable("a transposed convolution whose padding depends on the size")
    extra = op.output_padding or (0,) * op.rank
    if any(more >= window.stride for more, window in zip(extra, op.windows, strict=True) if more):
        raise unsayable("onnxruntime wants output_padding below the stride", "put a Pad after it")
    if any(extra):
        words["output_padding"] = as_list(extra)
    return write_call("op.ConvTranspose", (data, zeros(*weight), *_bias(op)), words)


def _spell_pool(op: Pool, data: Unknown) -> str:
    names = {"max": "MaxPool", "average": "AveragePool", "lp": "LpPool"}
    if op.kind not in names or op.divisor is not None:
        raise unsayable(f"ONNX has no pool of kind {op.kind!r}{' with a divisor' if op.divisor else ''}")
    for window in op.windows:
        pads = window.fixed().padding
        wide = isinstance(pads, Pads) and max(pads.low, pads.high) >= window.kernel and pads.total
        if wide and (isinstance(window.padding, Pads) or window.dilation > 1):
            raise unsayable("onnxruntime pools take pads below the kernel alone", "put a Pad before it")
    words: Keywords = {
        "kernel_shape": as_list(tuple(window.kernel for window in op.windows)),
        **_windows(op.windows, ceil=True),
    }
    if op.kind == "average" and op.count_padding:
        words["count_include_pad"] = 1
    if op.kind == "lp":
        power = op.power if op.power is not None else 2.0
        if power % 2:
            raise unsayable(f"LpPool takes absolute values first, which p={power:g} tells", "use an even p")
        if power != int(power):
            raise unsayable(f"LpPool takes a whole p, not {power:g}")
        words |= {} if power == 2 else {"p": int(power)}
    return write_call(f"op.{names[op.kind]}", (data,), words)


def _spell_global(op: GlobalPool, data: Unknown) -> str:
    names = {"max": "GlobalMaxPool", "average": "GlobalAveragePool", "lp": "GlobalLpPool"}
    if op.kind not in names or not op.keep_dims:
        raise unsayable("ONNX's global pools keep the axes, with one cell each", "put a Flatten after it")
    return write_call(f"op.{names[op.kind]}", (data,))


def _spell_pad(op: Pad, data: Unknown) -> str:
    modes = {plain: mode for mode, plain in PAD_MODES.items()}
    if op.mode not in modes:
        raise unsayable(f"Pad has no mode {op.mode!r}")
    ends = (0, 0, *(pad.low for pad in op.pads), 0, 0, *(pad.high for pad in op.pads))
    args: tuple[Value, ...] = (data, as_list(ends), *((op.value,) if op.value else ()))
    return write_call("op.Pad", args, without({"mode": modes[op.mode]}, {"mode": "constant"}))


def _spell_crop(op: Crop, data: Unknown) -> str:
    return _spell_pad(Pad(tuple(Pads(-cut.low, -cut.high) for cut in op.cuts)), data)


def _spell_resize(op: Resize, data: Unknown) -> str:
    if op.mode not in ("nearest", "linear", "cubic"):
        raise unsayable(f"Resize has no mode {op.mode!r}")
    if op.scales is None:
        raise unsayable("Resize to sizes names the batch and the channels too", "write sizes=[1, 3, 64, 64]")
    words: Keywords = {"scales": as_list((1.0, 1.0, *map(float, op.scales)))}
    words |= without({"mode": op.mode}, {"mode": "nearest"})
    if op.align_corners:
        words["coordinate_transformation_mode"] = "align_corners"
    return write_call("op.Resize", (data,), words)


def _spell_dense(op: Dense, data: Unknown) -> str:
    if op.in_features is None:
        raise unsayable("a matrix is an array: the input's features must be known", "give the input's features")
    bias = (zeros(op.out_features),) if op.bias else ()
    return write_call("op.Gemm", (data, zeros(op.in_features, op.out_features), *bias))


def _spell_norm(op: Norm, data: Unknown) -> str:
    names = {"batch": "BatchNormalization", "instance": "InstanceNormalization", "group": "GroupNormalization"}
    if op.features is None:
        raise unsayable("a scale is an array: the input's channels must be known", "give the input's channels")
    each = zeros(op.features)
    words = without({"epsilon": op.epsilon}, {"epsilon": 1e-5})
    if op.kind == "layer" and op.axes == (-1,) and op.scale:
        return write_call("op.LayerNormalization", (data, each, *((each,) if op.center else ())), words)
    if op.kind not in names or op.axes != "channels" or not op.scale or not op.center:
        raise unsayable(f"ONNX has no normalisation of kind {op.kind!r} like this")
    if op.kind == "group":
        words["num_groups"] = op.groups
    return write_call(f"op.{names[op.kind]}", (data, *(each,) * (4 if op.kind == "batch" else 2)), words)


def _spell_pointwise(op: Pointwise, data: Unknown) -> str:
    options: Keywords = dict(op.options)
    if op.kind == "dropout":
        return write_call("op.Dropout", (data, options.get("rate", 0.5)))
    if op.kind == "relu6":
        return write_call("op.Clip", (data, 0, 6))
    for name, (plain, pairs) in ELEMENTWISE.items():
        if plain == op.kind and name != "Clip" and set(options) <= {option for _, option, _ in pairs}:
            words = {attribute: options[option] for attribute, option, _ in pairs if option in options}
            return write_call(
                f"op.{name}", (data,), without(words, {attribute: default for attribute, _, default in pairs})
            )
    raise unsayable(f"ONNX has no operator for {op.kind!r}")


def _spell_reshape(op: Reshape, data: Unknown) -> str:
    return write_call("op.Reshape", (data, as_list((*((0,) if op.keeps_batch else ()), *op.target))))


def _spell_flatten(op: Flatten, data: Unknown) -> str:
    if op != Flatten():
        raise unsayable("only a Flatten of all but the batch is one operator here")
    return write_call("op.Flatten", (data,))


def _spell_shuffle(op: PixelShuffle, data: Unknown) -> str:
    if op.rank != 2 or (op.inverse and not op.pixels_first):
        raise unsayable("ONNX's SpaceToDepth orders the channels in another way")
    name = "SpaceToDepth" if op.inverse else "DepthToSpace"
    return write_call(f"op.{name}", (data,), {"blocksize": op.factor, **({} if op.pixels_first else {"mode": "CRD"})})


SPELLERS: dict[type, Callable[[Any, Unknown], str]] = {
    Conv: _spell_conv,
    ConvTranspose: _spell_transposed,
    Pool: _spell_pool,
    GlobalPool: _spell_global,
    Pad: _spell_pad,
    Crop: _spell_crop,
    Resize: _spell_resize,
    Dense: _spell_dense,
    Norm: _spell_norm,
    Pointwise: _spell_pointwise,
    Reshape: _spell_reshape,
    Flatten: _spell_flatten,
    PixelShuffle: _spell_shuffle,
    Permute: lambda op, data: write_call("op.Transpose", (data,), {"perm": as_list(op.order)}),
}
"""Type of op -> how it is spelled."""
