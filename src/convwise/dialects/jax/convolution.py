"""lax.conv, conv_with_general_padding, conv_general_dilated, conv_transpose, and flax's Conv and ConvTranspose.

A convolution over dilated data (`lhs_dilation`) is the transpose of the convolution with that stride, its kernel flipped
in space: JAX pads the dilated data by `low`, the transpose cuts span - 1 - low off its result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convwise.axis import NO_PADS, Padding, Pads, Window, causal_pads, keeping_pads
from convwise.dialects.base import Layer, Unknown, Value, known
from convwise.dialects.jax.dimensions import dimensions
from convwise.dialects.jax.numbers import check_spans, pairs, sequence, spread, word
from convwise.dialects.kinds import Arguments, Kind, Resolved, array, show, truth, wrong_type
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Layout, Op, Pool, Shape

KERNEL_HINT = "write its shape: jnp.zeros((16, 3, 3, 3)) has 16 output and 3 input channels and is 3 x 3"
NO_WORDS = (
    "String padding is not implemented for transposed convolution using this op. "
    "Please either exactly specify the required padding or use conv_transpose."
)
PAIR_WORDS = "padding argument to conv_general_dilated should be a string or a sequence of (low, high) pairs"


@dataclass(frozen=True, slots=True)
class Channels:
    """in (None: found from the input) and out, groups, and whether a bias is added."""

    inner: int | None
    out: int
    groups: int = 1
    bias: bool = False


def resolve(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """lax.conv, conv_with_general_padding, conv_general_dilated."""
    rhs = _kernel(arguments)
    rank = len(rhs) - 2
    where = dimensions(arguments.get("dimension_numbers"), len(rhs))
    out, inner, kernel = where.kernel(rhs)
    groups = _groups(arguments, out)
    if known(arguments.get("batch_group_count", 1), "batch_group_count") != 1:
        raise CodeError(
            "CW317",
            "convwise does not model batch_group_count",
            received=show(arguments["batch_group_count"]),
            hint="split the batch, and the kernel's output channels, into as many parts, and ask about one part's convolution",
        )
    strides = sequence(arguments["window_strides"], "window_strides", rank)
    lhs = sequence(arguments.get("lhs_dilation"), "lhs_dilation", rank, default=1, what="dilation")
    rhs_steps = sequence(arguments.get("rhs_dilation"), "rhs_dilation", rank, default=1, what="dilation")
    given = known(arguments["padding"], "padding")
    if isinstance(given, str):
        if max(lhs) > 1:
            hint = "give a pair for each axis, or use lax.conv_transpose"
            raise Refusal(
                "CW207",
                f"padding={given!r} with lhs_dilation",
                received=given,
                axis="padding",
                hint=hint,
                quote=NO_WORDS,
            )
        rules: tuple[Padding, ...] = (word(given),) * rank
    else:
        rules = pairs(given, rank, PAIR_WORDS)
    channels = Channels(inner * groups, out, groups)
    ops = _windowed(kernel, strides, lhs, rhs_steps, rules, channels)
    return Resolved((*where.before, *ops, *where.after), rank, where.channels_last)


def _windowed(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    lhs: tuple[int, ...],
    rhs: tuple[int, ...],
    rules: tuple[Padding, ...],
    channels: Channels,
) -> tuple[Op, ...]:
    """A convolution; over dilated data, a transposed one, and where it has a stride as well, every stride-th cell of that."""
    if max(lhs, default=1) == 1:
        windows = tuple(Window(*one) for one in zip(kernel, strides, rhs, rules, strict=True))
        check_spans(windows)
        return (Conv(windows, channels.inner, channels.out, channels.groups, channels.bias),)
    pads = tuple(pad for pad in rules if isinstance(pad, Pads))
    found: tuple[Op, ...] = (_transposed(kernel, lhs, rhs, pads, channels),)
    if max(strides) > 1:
        found += (Pool("max", tuple(Window(1, stride) for stride in strides)),)
    return found


def _transposed(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    pads: tuple[Pads, ...],
    channels: Channels,
) -> ConvTranspose:
    """The transpose that convolving dilated data with these pads is."""
    windows, extra = [], []
    for size, stride, dilation, pad in zip(kernel, strides, dilations, pads, strict=True):
        reach = causal_pads(size, dilation).low
        cut = Pads(reach - pad.low, reach - pad.high)
        # Cells past the last window's end are none that a pad could cut.
        extra.append(max(-cut.high, 0))
        windows.append(Window(size, stride, dilation, Pads(cut.low, max(cut.high, 0))))
    check_spans(tuple(windows))
    return ConvTranspose(tuple(windows), channels.inner, channels.out, channels.groups, channels.bias, tuple(extra))


def _kernel(arguments: Arguments) -> tuple[int, ...]:
    quote = "convolution requires lhs and rhs ndim to be equal"
    shape = array(arguments["rhs"], "rhs", (3, 4, 5), KERNEL_HINT, quote)
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) < len(shape):
        raise wrong_type("rhs", arguments["rhs"], "an array whose sizes are all known")
    if min(sizes) < 1:
        if sizes and any(size < 0 for size in sizes):
            raise Refusal("CW201", f"rhs has the shape {sizes}", received=sizes, axis="rhs")
        raise ShapeError("CW210", f"rhs has the shape {sizes}: it holds nothing", received=sizes, axis="rhs")
    return sizes


def _groups(arguments: Arguments, out: int) -> int:
    groups = known(arguments.get("feature_group_count", 1), "feature_group_count")
    if type(groups) is not int:
        raise wrong_type("feature_group_count", groups, "an integer")
    if groups < 1:
        quote = f"conv_general_dilated feature_group_count must be a positive integer, got {groups}."
        raise Refusal("CW201", f"feature_group_count is {groups}", received=groups, hint="try 1", quote=quote)
    if out % groups:
        quote = f"conv_general_dilated rhs output feature dimension size must be a multiple of feature_group_count, but {out} is not a multiple of {groups}."
        near = max(out // groups, 1) * groups
        fact = f"{out} output channels do not divide into {groups} groups"
        raise Refusal("CW205", fact, received=out, hint=f"try {near} output channels", quote=quote)
    return groups


def resolve_transpose(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """lax.conv_transpose: strides dilate the data; SAME gives size x stride, VALID what a strided convolution came from."""
    rhs = _kernel(arguments)
    rank = len(rhs) - 2
    where = dimensions(arguments["dimension_numbers"], len(rhs), transposed=True)
    out, inner, kernel = where.kernel(rhs)
    if truth(arguments, "transpose_kernel"):
        out, inner = inner, out
    consistent = truth(arguments, "use_consistent_padding")
    value = known(arguments["strides"], "strides")
    # Only where no padding is computed do strides reach the plain convolution, which takes None for 1.
    computed = consistent or arguments["padding"] in ("SAME", "VALID")
    if not isinstance(value, tuple) and (value is not None or computed):
        quote = "" if isinstance(value, str) else f"object of type '{type(value).__name__}' has no len()"
        fact = f"strides is {show(value)}, not a sequence"
        raise Refusal("CW204", fact, received=show(value), hint=f"write strides={(1,) * rank}", quote=quote)
    strides = sequence(value, "strides", rank, default=1, what="dilation")
    dilations = sequence(arguments["rhs_dilation"], "rhs_dilation", rank, default=1, what="dilation")
    op = _transpose_op(kernel, strides, dilations, arguments["padding"], Channels(inner, out), consistent)
    return Resolved((*where.before, op, *where.after), rank, where.channels_last)


def _transpose_op(
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    given: Value,
    channels: Channels,
    consistent: bool = False,
) -> ConvTranspose:
    rank = len(kernel)
    known(given, "padding")
    reaches = tuple(causal_pads(size, dilation).low for size, dilation in zip(kernel, dilations, strict=True))
    if isinstance(given, str):
        if given not in ("SAME", "VALID"):
            if given.upper() not in ("SAME", "VALID", "SAME_LOWER"):
                word(given)
            if strides == (1,) * rank:
                # Without a stride the word reaches the plain convolution, which knows it.
                windows = (Window(size, 1, step, word(given)) for size, step in zip(kernel, dilations, strict=True))
                fixed = tuple(rule for window in windows if isinstance(rule := window.fixed().padding, Pads))
                return _transposed(kernel, strides, dilations, fixed, channels)
            hint = "lax.conv_transpose knows 'SAME' and 'VALID', in capitals"
            raise Refusal(
                "CW207",
                f"there is no padding {given!r} here",
                received=given,
                axis="padding",
                hint=hint,
                quote=NO_WORDS,
            )
        pads = tuple(_word_pads(given, reach, stride) for reach, stride in zip(reaches, strides, strict=True))
    else:
        pads = pairs(given, rank, PAIR_WORDS)
        if consistent:
            pads = tuple(Pads(reach - pad.low, reach - pad.high) for reach, pad in zip(reaches, pads, strict=True))
    return _transposed(kernel, strides, dilations, pads, channels)


def _word_pads(given: str, reach: int, stride: int) -> Pads:
    """How much the dilated data is padded (`_conv_transpose_padding` of jax/_src/lax/convolution.py); reach is span - 1."""
    if given == "VALID":
        return Pads(reach, max(reach, stride - 1))
    total = reach + stride - 1
    low = reach if stride > reach else -(-total // 2)
    return Pads(low, total - low)


# flax -----------------------------------------------------------------------------------------------------------------


def resolve_flax(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """nn.Conv and nnx.Conv."""
    kernel = _flax_kernel(arguments["kernel_size"])
    rank = len(kernel)
    channels = _flax_channels(arguments)
    strides = spread(arguments["strides"], "strides", rank)
    lhs = spread(arguments["input_dilation"], "input_dilation", rank, "dilation")
    rhs = spread(arguments["kernel_dilation"], "kernel_dilation", rank, "dilation")
    given = known(arguments["padding"], "padding")
    mode = "zeros"
    if given in ("CIRCULAR", "REFLECT"):
        mode = given.lower()
        rules: tuple[Padding, ...] = tuple(keeping_pads(size, step) for size, step in zip(kernel, rhs, strict=True))
    elif given == "CAUSAL":
        if rank != 1:
            quote = "Causal padding is only implemented for 1D convolutions."
            fact = f"padding='CAUSAL' with {rank} spatial axes"
            raise Refusal("CW207", fact, received=given, axis="padding", hint="give a pair for each axis", quote=quote)
        rules = (causal_pads(kernel[0], rhs[0]),)
    elif isinstance(given, str):
        rules = (word(given),) * rank
        if max(lhs) > 1:
            hint = "give a pair for each axis"
            raise Refusal(
                "CW207",
                f"padding={given!r} with input_dilation",
                received=given,
                axis="padding",
                hint=hint,
                quote=NO_WORDS,
            )
    else:
        rules = flax_pads(given, rank)
    if mode != "zeros" and max(lhs) > 1:
        raise CodeError("CW317", f"convwise does not model padding={given!r} with input_dilation", received=given)
    if given == "CAUSAL" and max(lhs) > 1:
        raise CodeError("CW317", "convwise does not model padding='CAUSAL' with input_dilation", received=given)
    ops = _windowed(kernel, strides, lhs, rhs, rules, channels)
    if mode != "zeros":
        ops = tuple(replace(op, padding_mode=mode) if isinstance(op, Conv) else op for op in ops)
    return Resolved(ops, rank, True)


def _flax_kernel(value: Value) -> tuple[int, ...]:
    known(value, "kernel_size")
    items = value if isinstance(value, tuple) else (value,)
    if not items:
        raise CodeError("CW317", "convwise does not model a kernel without axes", received="()")
    for item in items:
        if type(item) is not int:
            raise wrong_type("kernel_size", value, "an integer or a tuple of integers")
        if item < 1:
            fact = f"kernel_size is {show(value)}; it must be at least 1"
            quote = (
                "float division by zero"
                if item == 0
                else "Only non-negative indices are allowed when broadcasting static shapes"
            )
            raise Refusal("CW201", fact, received=value, axis="kernel_size", quote=quote, hint="try 1")
    return items


def flax_pads(value: Value, rank: int) -> tuple[Pads, ...]:
    """An int, or for each axis an int or a pair.

    Raises:
        Refusal: CW204.
    """
    items = (value,) * rank if type(value) is int else value
    found = []
    for item in items if isinstance(items, tuple) and len(items) == rank else ():
        known(item, "padding")
        if type(item) is int:
            found.append(Pads(item, item))
        elif isinstance(item, tuple) and len(item) == 2 and all(type(one) is int for one in item):
            found.append(Pads(*item))
    if len(found) == rank:
        return tuple(found)
    quote = f"Invalid padding format: {value}, should be str, int, or a sequence of len {rank} where each element is an int or pair of ints."
    hint = f"write padding={((1, 1),) * rank}, an int or a word"
    raise Refusal("CW204", f"padding is {show(value)}", received=show(value), axis="padding", hint=hint, quote=quote)


def _flax_channels(arguments: Arguments) -> Channels:
    name = "features" if "features" in arguments else "out_features"
    out = known(arguments[name], name)
    inner = known(arguments.get("in_features"), "in_features")
    for word_, value in ((name, out), ("in_features", inner)):
        if value is None and word_ == "in_features" and name == "features":
            continue
        if type(value) is not int:
            raise wrong_type(word_, value, "an integer")
        if value < 1:
            fact = f"{word_} is {value}; it must be at least 1"
            quote = "float division by zero" if value == 0 and word_ == "out_features" else ""
            raise Refusal("CW201", fact, received=value, axis=word_, hint=f"try {word_}=1", quote=quote)
    groups = _groups(arguments, out)
    if inner is not None and inner % groups:
        fact = f"in_features={inner} does not divide into {groups} groups"
        near = max(inner // groups, 1) * groups
        raise Refusal("CW205", fact, received=inner, axis="in_features", hint=f"try in_features={near}")
    return Channels(inner, out, groups, truth(arguments, "use_bias"))


def resolve_flax_transpose(kind: Kind, arguments: Arguments, release: str) -> Resolved:
    """nn.ConvTranspose and nnx.ConvTranspose."""
    kernel = _flax_kernel(arguments["kernel_size"])
    rank = len(kernel)
    strides = spread(arguments["strides"], "strides", rank, "dilation")
    dilations = spread(arguments["kernel_dilation"], "kernel_dilation", rank, "dilation")
    given = known(arguments["padding"], "padding")
    if given == "CIRCULAR":
        raise CodeError(
            "CW317",
            "convwise does not model padding='CIRCULAR' of a transposed convolution",
            received=given,
            hint="wrap the data first, jnp.pad(x, ..., mode='wrap'), use padding='VALID', and cut the border off the output",
        )
    if not isinstance(given, str):
        given = tuple((pad.low, pad.high) for pad in flax_pads(given, rank))
    elif given in ("REFLECT", "CAUSAL"):
        fact = f"a transposed convolution has no padding={given!r}"
        raise Refusal("CW207", fact, received=given, axis="padding", hint="use 'SAME', 'VALID' or numbers")
    op = _transpose_op(kernel, strides, dilations, given, _flax_channels(arguments))
    return Resolved((op,), rank, True)


def check(layer: Layer, shape: Shape) -> None:
    """JAX's words where channels or axes do not match.

    Raises:
        ShapeError: CW101, CW102, CW105.
    """
    rank = layer.rank or 2
    op = layer.window_op
    functional = layer.kind.startswith("lax.")
    if len(shape) < rank + 1 + functional or (functional and len(shape) > rank + 2):
        quote = (
            f"convolution requires lhs and rhs ndim to be equal, got {len(shape)} and {rank + 2}." if functional else ""
        )
        fact = f"{len(shape)} axes where {rank + 2} are needed"
        raise ShapeError("CW101", fact, received=shape, quote=quote, hint="batch, sizes and channels")
    if not isinstance(op, Conv | ConvTranspose) or layer.ops[0] is not op:
        return
    tail = shape[len(shape) - rank - 1 :] if not functional else shape
    _, channels, _ = Layout(layer.channels_last, functional).split(tail)
    groups = op.groups or 1
    if channels is None:
        return
    if channels % groups:
        quote = f"conv_general_dilated feature_group_count must divide lhs feature dimension size, but {groups} does not divide {channels}."
        fact = f"{channels} channels do not divide into {groups} groups"
        raise ShapeError("CW105", fact, axis="channels", received=channels, quote=quote if functional else "")
    if op.in_channels is not None and channels != op.in_channels:
        quote = (
            "conv_general_dilated lhs feature dimension size divided by feature_group_count must equal the rhs input "
            f"feature dimension size, but {channels} // {groups} != {op.in_channels // groups}."
        )
        fact = f"the kernel takes {op.in_channels} channels, the input has {channels}"
        hint = f"make the kernel for {channels} channels"
        raise ShapeError("CW102", fact, axis="channels", received=channels, quote=quote, hint=hint)


__all__ = ["NO_PADS", "Unknown", "check", "resolve", "resolve_flax", "resolve_flax_transpose", "resolve_transpose"]
