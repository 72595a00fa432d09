"""Convolutions and poolings: from Keras's arguments to windows."""

from __future__ import annotations

from collections.abc import Callable

from convwise.axis import NO_PADS, SAME_UPPER, Pads, Window, causal_pads
from convwise.dialects.base import Call, Unknown, Value
from convwise.dialects.keras.activations import activation_ops
from convwise.dialects.keras.reading import Reading, flag, near_integer, shown, whole
from convwise.dialects.keras.releases import DEPTHWISE_STRIDE_AND_DILATION, OUTPUT_PADDING_WORDS, OUTPUT_PADDING_ZERO
from convwise.dialects.keras.words import (
    channels_last,
    check_trimmings,
    exact_channels_last,
    padding_word,
    pool_padding,
)
from convwise.errors import ShapeError
from convwise.ops import AdaptivePool, Conv, ConvTranspose, GlobalPool, Op, Pool
from convwise.ops.shape import LARGEST

Ops = tuple[Op, ...]
Reader = Callable[[Call], Ops]


def convolution(reading: Reading, read: Reader) -> Ops:
    """Conv1D to 3D, DepthwiseConv and SeparableConv, in the order in which Keras validates."""
    rank, family = reading.axes, reading.family
    kernel, strides, dilation = (whole(reading, name, rank) for name in ("kernel_size", "strides", "dilation_rate"))
    word = padding_word(reading, causal=family == "conv" and rank == 1)
    channels_last(reading)
    after = activation_ops(reading, read)
    bias = flag(reading, "use_bias")
    check_trimmings(reading)
    if family == "conv":
        filters = count(reading, "filters")
        groups = _groups(reading, filters)
        _stride_and_dilation(reading, strides, dilation)
        no_float(reading, "filters", "groups")
    else:
        multiplier = count(reading, "depth_multiplier")
        filters = count(reading, "filters") if family == "separable" else 0
        if reading.older_than(DEPTHWISE_STRIDE_AND_DILATION):
            _stride_and_dilation(reading, strides, dilation)
        no_float(reading, "depth_multiplier", *(("filters",) if family == "separable" else ()))
    windows = tuple(
        Window(k, stride, rate, SAME_UPPER if word == "same" else causal_pads(k, rate) if word == "causal" else NO_PADS)
        for k, stride, rate in zip(kernel, strides, dilation, strict=True)
    )
    if family == "conv":
        if reading.arguments["lora_rank"]:
            raise reading.opaque(
                "lora_rank adds weights of its own", name="lora_rank", hint="convwise models the plain convolution"
            )
        return (Conv(windows, None, filters, groups, bias), *after)
    if family == "depthwise":
        return (Conv(windows, groups=None, bias=bias, multiplier=multiplier), *after)
    depth = Conv(windows, groups=None, bias=False, multiplier=multiplier)
    return (depth, Conv((Window(1),) * rank, None, filters, 1, bias), *after)


def count(reading: Reading, name: str) -> int:
    """`filters` and the like: one positive integer. A positive float and None come back as they are, for `no_float` to refuse later.

    Raises:
        Refusal: CW201, CW204. ShapeError: CW210, CW107. CodeError: CW314.
    """
    value = reading[name]
    if type(value) is int and 0 < value <= LARGEST:
        return value
    if isinstance(value, bool):
        raise reading.ours(
            f"{name}={value} is a bool, which Keras reads as {int(value)}", name=name, hint=f"write {int(value) or 1}"
        )
    if isinstance(value, int | float) and value <= 0:
        quote = f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}."
        if name == "groups":
            quote = f"The number of groups must be a positive integer. Received: groups={value}."
        raise reading.refusal(
            "CW201", f"{name}={value}: at least 1 is needed", name=name, quote=quote, hint=f"{name} is 1 or more"
        )
    if isinstance(value, int):
        raise reading.ours(
            f"{name}={value} is more than 2**63 - 1", name=name, hint="no layer comes near it", code="CW107"
        )
    if isinstance(value, float) or (value is None and name != "groups"):
        # Keras trips over these only when it makes the weights; `no_float` refuses them in their place.
        return value  # type: ignore[return-value]
    quote = f"'<=' not supported between instances of '{type(value).__name__}' and 'int'"
    raise reading.refusal(
        "CW204", f"{name}={shown(value)} is no integer", name=name, quote=quote, hint="write a positive integer"
    )


def no_float(reading: Reading, *names: str) -> None:
    """What `count` let through although it is no integer.

    Raises:
        Refusal: CW204.
    """
    for name in names:
        value = reading.arguments[name]
        if value is None:
            quote = (
                "unsupported operand type(s) for *"
                if name == "depth_multiplier"
                else "must be fully-defined (no `None` dimensions)"
            )
            raise reading.refusal(
                "CW204", f"{name}=None is no integer", name=name, quote=quote, hint="write a positive integer"
            )
        if isinstance(value, float):
            quote = "" if name == "groups" else f"Found invalid dimension '{value}' of type '{type(value)}'."
            raise reading.refusal(
                "CW204",
                f"{name}={value} is no integer",
                name=name,
                quote=quote,
                hint=f"write {near_integer(value)}, not {value}",
            )


def _groups(reading: Reading, filters: int) -> int:
    groups = count(reading, "groups")
    if filters is None:
        return groups
    if filters % groups and isinstance(filters % groups, float):
        quote = f"The number of filters must be evenly divisible by the number of groups. Received: groups={groups}, filters={filters}."
        name = "filters" if isinstance(filters, float) else "groups"
        value = reading.arguments[name]
        raise reading.refusal(
            "CW204",
            f"{name}={value} is no integer",
            name=name,
            quote=quote,
            hint=f"write {near_integer(value)}, not {value}",
        )
    if filters % groups:
        raise reading.refusal(
            "CW205",
            f"{filters} filters do not divide into {groups} groups",
            name="groups",
            quote=f"The number of filters must be evenly divisible by the number of groups. Received: groups={groups}, filters={filters}.",
            hint=f"use filters={-(-filters // groups) * groups}, or groups that divide {filters} and the input's channels",
            detail=f"{filters} = {filters // groups} x {groups} + {filters % groups}",
        )
    return groups


def _stride_and_dilation(reading: Reading, strides: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    if max(strides) == 1 or max(dilation) == 1:
        return
    quote = f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides={strides} and dilation_rate={dilation}"
    hint = "use one of the two: strides=1 with the dilation, or dilation_rate=1 with the stride"
    if reading.family == "conv":
        given = shown(reading.arguments["strides"])
        same = (
            ": the same windows, every stride-th kept" if str(reading.arguments["padding"]).lower() == "valid" else ""
        )
        hint = f"give the dilated convolution strides=1 and put MaxPooling{reading.rank}D(1, strides={given}) after it{same}"
    elif reading.family != "transpose":
        hint = f"Keras {DEPTHWISE_STRIDE_AND_DILATION} takes both"
    fact = f"strides={shown(reading.arguments['strides'])} together with dilation_rate={shown(reading.arguments['dilation_rate'])}"
    raise reading.refusal("CW203", fact, name="dilation_rate", quote=quote, hint=hint)


def transpose(reading: Reading, read: Reader) -> Ops:
    """Conv1DTranspose to Conv3DTranspose."""
    rank = reading.axes
    kernel, strides, dilation = (whole(reading, name, rank) for name in ("kernel_size", "strides", "dilation_rate"))
    word = padding_word(reading)
    extra = None if reading["output_padding"] is None else _output_padding(reading)
    channels_last(reading)
    after = activation_ops(reading, read)
    bias = flag(reading, "use_bias")
    check_trimmings(reading)
    filters = count(reading, "filters")
    if extra is not None:
        _check_output_padding(reading, extra, strides)
    _stride_and_dilation(reading, strides, dilation)
    no_float(reading, "filters")
    each = extra or (None,) * rank
    resolved = [scatter(k, s, d, word, more) for k, s, d, more in zip(kernel, strides, dilation, each, strict=True)]
    # One input cell must come out as at least one: an even span, 'same' and output_padding=0 crop it away.
    lost = [i for i, found in enumerate(resolved) if found is None]
    if lost:
        raise _nothing_left(reading, lost[0])
    windows = tuple(found[0] for found in resolved if found is not None)
    return (
        ConvTranspose(windows, None, filters, 1, bias, tuple(found[1] for found in resolved if found is not None)),
        *after,
    )


def _output_padding(reading: Reading) -> tuple[int, ...]:
    older = reading.older_than(OUTPUT_PADDING_ZERO)
    return whole(reading, "output_padding", reading.axes, zero=not older)


def _check_output_padding(reading: Reading, extra: tuple[int, ...], strides: tuple[int, ...]) -> None:
    for i, (more, stride) in enumerate(zip(extra, strides, strict=True)):
        if more >= stride:
            words = (
                "`output_padding` must be strictly less than `strides` for all dimensions. "
                f"At dimension {i}, `output_padding` is {more} but `strides` is {stride}. Received: output_padding={extra}, strides={strides}"
            )
            quote = "could not create a primitive descriptor" if reading.older_than(OUTPUT_PADDING_WORDS) else words
            fact = f"output_padding {more} is not less than the stride {stride}"
            hint = f"it is 0 to {stride - 1}, or leave it out" if stride > 1 else "leave output_padding out at stride 1"
            raise reading.refusal("CW201", fact, name="output_padding", quote=quote, hint=hint)


def scatter(kernel: int, stride: int, dilation: int, word: str, extra: int | None) -> tuple[Window, int] | None:
    """The window whose transpose Keras runs on one axis, and what its size lacks; None where nothing would be left.

    Keras fixes the size first and lets TensorFlow find the padding: n cells give (n - 1) stride + whole, where `whole` is
    max(span, stride) or span + output_padding for 'valid', stride or span % 2 + output_padding for 'same'. The
    padding is that of the forward convolution on a map of `whole` cells. Source: keras `compute_conv_transpose_output_shape`, TensorFlow's conv_transpose.
    """
    plain = Window(kernel, stride, dilation)
    if word == "valid":
        whole_size = max(plain.span, stride) if extra is None else plain.span + extra
        return plain, whole_size - plain.transposed(1)
    whole_size = stride if extra is None else plain.span % 2 + extra
    if whole_size < 1:
        return None
    pads = Window(kernel, stride, dilation, SAME_UPPER).pads(whole_size)
    window = Window(kernel, stride, dilation, Pads(pads.low, pads.high))
    return window, whole_size - window.transposed(1)


def _nothing_left(reading: Reading, axis: int) -> ShapeError:
    zero = "could not create a primitive descriptor"
    strides = reading.arguments["strides"]
    largest = strides if type(strides) is int else strides[axis] if isinstance(strides, tuple) else 1
    return reading.refusal(
        "CW201",
        f"output_padding=0 with padding='same' and an even span ({shown(reading.arguments['kernel_size'])}) gives one cell less than TensorFlow can make",
        name="output_padding",
        quote=zero,
        detail="n cells would give (n - 1) stride + 0, but the convolution back from that size gives n - 1 cells, not n",
        hint=f"leave output_padding out for n x stride{', or write output_padding=1' if largest > 1 else ''}",
    )


def pool(reading: Reading) -> Ops:
    """MaxPooling and AveragePooling. The average never counts padding."""
    rank = reading.axes
    sizes = whole(reading, "pool_size", rank)
    given = reading["strides"]
    strides = sizes if given is None else whole(reading, "strides", rank, zero=True)
    last = channels_last(reading)
    word = pool_padding(reading)
    if 0 in strides:
        hint = "the stride is 1 or more; left out, it is the pool_size"
        raise reading.refusal(
            "CW201",
            f"strides={shown(given)}: at least 1 is needed",
            name="strides",
            quote="Stride must be > 0, but got 0",
            hint=hint,
        )
    assert isinstance(last, bool)
    padding = SAME_UPPER if word == "same" else NO_PADS
    windows = tuple(Window(size, stride, padding=padding) for size, stride in zip(sizes, strides, strict=True))
    return (Pool("max" if reading.family == "max_pool" else "average", windows),)


def global_pool(reading: Reading) -> Ops:
    channels_last(reading)
    kind = "max" if reading.family == "global_max" else "average"
    return (GlobalPool(kind, reading.axes, flag(reading, "keepdims")),)


def adaptive_pool(reading: Reading) -> Ops:
    """AdaptiveAveragePooling and AdaptiveMaxPooling."""
    rank, value = reading.axes, reading["output_size"]
    sizes: Value = (value,) * rank if isinstance(value, int) else value
    if not isinstance(sizes, tuple) or len(sizes) != rank:
        fact = f"output_size={shown(value)} is not an integer{f' or a tuple of {rank}' if rank > 1 else ''}"
        quote = f"Received: {value}"
        raise reading.refusal("CW204", fact, name="output_size", quote=quote, hint="write the wanted size")
    exact_channels_last(reading)
    kind = "max" if reading.family == "adaptive_max" else "average"
    for one in sizes:
        if type(one) is int and 0 < one <= LARGEST:
            continue
        if isinstance(one, bool) or (isinstance(one, float) and one > 0):
            raise reading.ours(
                f"output_size={shown(value)}: {one} is no integer",
                name="output_size",
                hint=f"write {near_integer(one)}, not {one}",
            )
        raise _no_output(reading, one)
    return (AdaptivePool(kind, sizes),)


def _no_output(reading: Reading, one: Value) -> Exception:
    """A wanted size that is no positive integer; the backend fails in words that say nothing of it."""
    value = reading.arguments["output_size"]
    if isinstance(one, Unknown):
        return reading.unknown("output_size", one)
    if type(one) is int and one > LARGEST:
        return reading.ours(
            f"output_size={shown(value)} is more than 2**63 - 1",
            name="output_size",
            hint="no size comes near it",
            code="CW107",
        )
    code = "CW201" if isinstance(one, int | float) else "CW204"
    hint = "Keras has no None here: write the size itself" if one is None else "sizes are integers of at least 1"
    return reading.refusal(
        code, f"output_size={shown(value)}: {shown(one)} is no positive integer", name="output_size", hint=hint
    )
