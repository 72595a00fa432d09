"""Conv*d, ConvTranspose*d and their lazy forms: arguments into ops, and PyTorch's refusals in its own words.

Source of the rules: `torch/nn/modules/conv.py` and `check_shape_forward` in ATen's `Convolution.cpp`, run with torch 2.13.0.
"""

from __future__ import annotations

from math import gcd, isfinite
from typing import Any

from convwise.axis import SAME_UPPER, Pads, Window, keeping_pads
from convwise.dialects.base import Unknown, Value, known
from convwise.dialects.kinds import Arguments, parameters, show, truth
from convwise.dialects.torch.convolution_flow import run
from convwise.dialects.torch.kind import Kind
from convwise.dialects.torch.values import Words, alike, integers, listed, sizes, spread, too_small, weight_words, whole
from convwise.errors import Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Op
from convwise.ops.shape import LARGEST

MODES = ("zeros", "reflect", "replicate", "circular")
TRANSPOSE_PLACES = {"stride": 4, "padding": 5, "output_padding": 6, "groups": 7, "dilation": 8}
NAMES = ("depth", "height", "width")


def resolve(kind: Kind, arguments: Arguments) -> tuple[Op, ...]:
    """Checks in the order of `_ConvNd.__init__`, then in that of the first call."""
    rank = kind.rank or 2
    transposed = "Transpose" in kind.name
    mode = known(arguments["padding_mode"], "padding_mode")
    if transposed and mode != "zeros":
        quote = f'Only "zeros" padding mode is supported for {kind.name}'
        raise Refusal(
            "CW207", f"padding_mode is {show(mode)}", received=mode, quote=quote, hint="leave padding_mode out"
        )
    groups, channels, filters = _channels(kind, arguments)
    padding, given = known(arguments["padding"], "padding"), known(arguments["stride"], "stride")
    if isinstance(padding, str) and not transposed:
        _check_padding_word(kind, padding, given if isinstance(given, tuple) else (given,), arguments)
    if isinstance(padding, str) and transposed:
        raise _no_word(padding, _words(kind, rank))
    stride = integers(given, "stride", _words(kind, rank).ints("stride", given))
    if mode not in MODES:
        raise _unknown_mode(mode)
    kernel = _kernel(kind, arguments, channels, filters, groups, rank)
    steps = _steps(kind, arguments, kernel, stride, rank)
    windows = tuple(
        Window(k, s, d, pads)
        for k, s, d, pads in zip(kernel, steps["stride"], steps["dilation"], steps["pads"], strict=True)
    )
    _check_spans(windows)
    bias = truth(arguments, "bias")
    if not transposed:
        return (Conv(windows, channels, filters, groups, bias, padding_mode=mode),)
    extra = steps["output_padding"]
    _check_output_padding(extra, steps["stride"], steps["dilation"], rank)
    return (ConvTranspose(windows, channels, filters, groups, bias, extra),)


def _words(kind: Kind, rank: int) -> Words:
    if "Transpose" in kind.name:
        return Words(f"conv_transpose{rank}d", TRANSPOSE_PLACES, wrapped=True)
    return Words(f"conv{rank}d", {}, wrapped=True, vague=True)


def _channels(kind: Kind, arguments: Arguments) -> tuple[int, int | None, int]:
    """(groups, in_channels, out_channels); in_channels is None for the lazy layers and where the text does not give it."""
    lazy = "in_channels" not in arguments
    transposed = "Transpose" in kind.name
    given = None if lazy else arguments["in_channels"]
    groups = whole(arguments["groups"], "groups", least=-LARGEST, quote=_groups_words(arguments["groups"]))
    if groups < 1:
        raise too_small("groups", groups, 1, "groups must be a positive integer")
    channels = None if (given is None and lazy) or isinstance(given, Unknown) else given
    if channels is not None or not (lazy or isinstance(given, Unknown)):
        place = 1 if transposed else 2
        words = _divided_words("in_channels", channels, groups) or weight_words(place, channels)
        channels = whole(channels, "in_channels", least=-LARGEST, quote=words, strict=transposed)
    place = 2 if transposed else 1
    given = arguments["out_channels"]
    words = ("" if lazy else _divided_words("out_channels", given, groups)) or weight_words(place, given)
    filters = whole(given, "out_channels", least=-LARGEST, quote=words, strict=not transposed)
    for name, value in (("in_channels", channels), ("out_channels", filters)):
        if value is not None and value % groups and not (lazy and name == "out_channels"):
            common = gcd(channels or 0, filters)
            raise _no_groups(name, value, groups, f"{name} must be divisible by groups", common)
    if lazy and filters % groups:
        quote = (
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0"
            if not transposed
            else ""
        )
        raise _no_groups("out_channels", filters, groups, quote, filters)
    _check_channel_counts(kind, channels, filters, groups, arguments)
    return groups, channels, filters


def _groups_words(value: Value) -> str:
    """What Python says of comparing `value` with 0."""
    if isinstance(value, int | float):
        return ""
    return (
        f"'<=' not supported between instances of '{'NoneType' if value is None else type(value).__name__}' and 'int'"
    )


def _divided_words(name: str, value: Value, groups: int) -> str:
    """What Python says of `value % groups`, where that fails before a weight is made."""
    if isinstance(value, str):
        return "not all arguments converted during string formatting"
    if isinstance(value, float) and isfinite(value):
        return f"{name} must be divisible by groups" if value % groups else ""
    if value is None or isinstance(value, tuple):
        return f"unsupported operand type(s) for %: '{'NoneType' if value is None else 'tuple'}' and 'int'"
    return ""


def _no_groups(name: str, value: int, groups: int, quote: str, common: int) -> Refusal:
    """`common` is what groups must divide: both numbers of channels, as far as they are known."""
    near = max(value // groups, 1) * groups
    both = "in_channels and out_channels" if common != value else name
    return Refusal(
        "CW205",
        f"{name}={value} does not divide into groups={groups}",
        received=value,
        detail=f"{value} = {value // groups} x {groups} + {value % groups}",
        hint=f"try {name}={near}, or groups that divide {both}, such as {common}",
        quote=quote,
    )


def _check_channel_counts(kind: Kind, channels: int | None, filters: int, groups: int, arguments: Arguments) -> None:
    transposed = "Transpose" in kind.name
    weight = _weight_text(kind, channels, filters, groups, arguments)
    for name, value in (("in_channels", channels), ("out_channels", filters)):
        if value is not None and value < 0:
            raise too_small(
                name,
                value,
                1,
                f"Trying to create tensor with negative dimension {value // (1 if (name == 'in_channels') == transposed else groups)}",
            )
    if channels == 0 and not transposed:
        raise ShapeError(
            "CW210",
            "in_channels is 0",
            received=0,
            hint="give the number of channels of the input, at least 1",
            detail="PyTorch makes such a layer and then gives an output of 0 channels, whatever out_channels says",
        )
    if channels == 0 or (filters == 0 and not transposed):
        name = "in_channels" if channels == 0 else "out_channels"
        quote = f"Given groups={groups}, expected weight to be at least {groups} at dimension 0"
        raise too_small(name, 0, 1, f"{quote}, but got weight of size {weight} instead" if weight else quote)
    if filters == 0:
        quote = "non-empty 2D or 4D weight tensor expected"
        if kind.rank == 3:
            quote = "non-empty 5D (n_output_plane x n_input_plane x kernel_depth x kernel_height x kernel_width) tensor expected for weight"
        raise too_small("out_channels", 0, 1, quote)


def _weight_text(kind: Kind, channels: int | None, filters: int, groups: int, arguments: Arguments) -> str:
    """The weight's shape as PyTorch prints it; empty where it is not known yet."""
    kernel = arguments["kernel_size"]
    items = kernel if isinstance(kernel, tuple) else (kernel,) * (kind.rank or 2)
    if channels is None or any(type(item) is not int for item in items):
        return ""
    return listed(_weight(kind, channels, filters, groups, items))


def _weight(kind: Kind, channels: int, filters: int, groups: int, kernel: tuple[int, ...]) -> tuple[int, ...]:
    if "Transpose" in kind.name:
        return (channels, filters // groups, *kernel)
    return (filters, channels // groups, *kernel)


def _check_padding_word(kind: Kind, padding: str, stride: tuple[int, ...], arguments: Arguments) -> None:
    if padding in ("same", "valid"):
        if padding == "same" and any(step != 1 for step in stride):
            raise _same_with_stride(kind, stride, arguments)
        return
    quote = f"Invalid padding string {padding[:200]!r}, should be one of {{'valid', 'same'}}"
    lower = padding.lower()
    if lower in ("same", "valid", "causal", "same_upper", "same_lower"):
        hint = (
            "there is no such padding in PyTorch: nn.ConstantPad1d((total, 0), 0) before the layer pads the past alone"
        )
        if lower != "causal":
            hint = f"PyTorch writes padding='{lower[:4] if lower.startswith('same') else lower}', in lower case"
        raise Refusal(
            "CW209", f"padding={show(padding)} is another framework's word", received=padding, hint=hint, quote=quote
        )
    raise Refusal(
        "CW207",
        f"there is no padding {show(padding)}",
        received=padding,
        hint="use a number, a tuple, 'same' or 'valid'",
        quote=quote,
    )


def _no_word(padding: str, words: Words) -> Refusal:
    return Refusal(
        "CW207",
        f"a transposed convolution takes no padding={show(padding)}",
        received=padding,
        detail="its padding cuts the output, by a number on both sides",
        hint="try padding=0; kernel_size=3, padding=1 keeps the size at stride 1",
        quote=words.ints("padding", tuple(padding) or ""),
    )


def _same_with_stride(kind: Kind, stride: tuple[int, ...], arguments: Arguments) -> Refusal:
    """PyTorch refuses it because its own `same` keeps the size; offer what gives ceil(n / stride), and Keras's rule."""
    hint = "use stride=1, or a number for padding"
    rank = kind.rank or 2
    kernel, dilation = arguments["kernel_size"], arguments["dilation"]
    kernel = kernel if isinstance(kernel, tuple) else (kernel,) * rank
    dilation = dilation if isinstance(dilation, tuple) else (dilation,) * rank
    steps = spread(stride, rank)
    if (
        steps
        and len(kernel) == len(dilation) == rank
        and all(type(n) is int and 0 < n < 1 << 31 for n in (*kernel, *dilation, *steps))
    ):
        windows = [Window(k, s, d, SAME_UPPER) for k, s, d in zip(kernel, steps, dilation, strict=True)]
        lines = []
        if all(window.span % 2 for window in windows):
            half = tuple(keeping_pads(window.kernel, window.dilation).low for window in windows)
            lines.append(f"padding={alike(half)} gives ceil(size / stride)")
        # Keras's split for sizes that the stride divides; F.pad counts from the last axis.
        pads = [window.pads(window.stride * window.span) for window in reversed(windows)]
        flat = tuple(cell for pad in pads for cell in (pad.low, pad.high))
        lines.append(f"nn.ZeroPad{rank}d({flat}) before padding=0 is Keras's 'same', where the stride divides the size")
        hint = "\n".join(lines)
    return Refusal(
        "CW202",
        f"padding='same' with stride {alike(stride)}",
        received="same",
        detail="PyTorch's 'same' keeps the size, which only stride 1 can",
        hint=hint,
        quote="padding='same' is not supported for strided convolutions",
    )


def _unknown_mode(mode: Value) -> Refusal:
    quote = (
        f"padding_mode must be one of {{'zeros', 'reflect', 'circular', 'replicate'}}, but got padding_mode='{mode}'"
    )
    near = {
        "constant": "zeros",
        "zero": "zeros",
        "symmetric": "reflect",
        "edge": "replicate",
        "wrap": "circular",
        "mirror": "reflect",
    }
    meant = near.get(mode.lower() if isinstance(mode, str) else "", "zeros")
    return Refusal(
        "CW207",
        f"there is no padding_mode {show(mode)}",
        received=mode,
        hint=f"use one of {', '.join(MODES)}; try padding_mode='{meant}'",
        quote=quote,
    )


def _kernel(
    kind: Kind, arguments: Arguments, channels: int | None, filters: int, groups: int, rank: int
) -> tuple[int, ...]:
    value = arguments["kernel_size"]
    items = value if isinstance(value, tuple) else (value,) * rank
    wrong = next((i for i, item in enumerate(items) if type(item) is not int), 0)
    words = weight_words(wrong + 3, items[wrong]) if items else ""
    kernel = integers(
        known(value, "kernel_size") if isinstance(value, tuple) else (value,) * rank, "kernel_size", words, strict=False
    )
    negative = next((size for size in kernel if size < 0), None)
    if negative is not None:
        weight = (
            listed((0, 0, *kernel))
            if "in_channels" not in arguments
            else _weight_text(kind, channels, filters, groups, arguments)
        )
        quote = f"Trying to create tensor with negative dimension {negative}"
        raise too_small("kernel_size", value, 1, f"{quote}: {weight}" if weight else quote)
    if len(kernel) != rank:
        raise _wrong_length(arguments, "kernel_size", value, rank, len(kernel))
    return kernel


def _wrong_length(arguments: Arguments, name: str, value: Value, rank: int, axes: int) -> Refusal:
    quote = "weight should have at least three dimensions" if axes == 0 else ""
    for other in ("stride", "padding", "dilation", "output_padding") if axes else ():
        given = arguments.get(other)
        items = given if isinstance(given, tuple) else (given,) * rank
        if len(items) not in (1, axes) and all(type(item) is int for item in items):
            quote = f"expected {other} to be a single integer value or a list of {axes} values to match the convolution dimensions, but got {other}={listed(items)}"
            break
    one = value[0] if isinstance(value, tuple) and value else 1
    return Refusal(
        "CW204",
        f"{name} is {show(value)}: {len(value) if isinstance(value, tuple) else 1} values where {rank} {'are' if rank > 1 else 'is'} needed",
        received=value,
        hint=f"write one number or {rank}: {name}={one}",
        quote=quote,
    )


def _steps(
    kind: Kind, arguments: Arguments, kernel: tuple[int, ...], stride: tuple[int, ...], rank: int
) -> dict[str, Any]:
    """Stride, dilation, pads and output padding for each axis, checked in PyTorch's order."""
    words = _words(kind, rank)
    given: dict[str, tuple[int, ...]] = {"stride": stride}
    padding = arguments["padding"]
    word = padding if isinstance(padding, str) and "Transpose" not in kind.name else None
    mode = arguments["padding_mode"]
    for name in ("padding", "output_padding", "dilation"):
        if name in arguments and not (name == "padding" and word):
            value = arguments[name]
            # The modes that read the border pad the last axis first, so that the first number is not the first one parsed.
            strict = name != "padding" or mode == "zeros" or not isinstance(value, tuple)
            items = tuple(value) if isinstance(value, str) else value
            given[name] = integers(items, name, words.ints(name, value), strict=strict)
    found: dict[str, Any] = {}
    if mode != "zeros" and isinstance(padding, tuple) and len(padding) != rank:
        fact = f"padding={padding} with padding_mode={mode!r} pads other axes than the layer's own"
        raise ShapeError("CW210", fact, received=padding, hint=f"write one number or {rank}")
    for name, items in given.items():
        wide = spread(items, rank)
        if wide is None:
            raise _wrong_length(arguments, name, arguments[name], rank, rank)
        found[name] = wide
    if (
        mode != "zeros"
        and word == "same"
        and len(given["dilation"]) == 1 != rank
        and isinstance(arguments["dilation"], tuple)
    ):
        hint = f"try dilation={arguments['dilation'][0]}"
        raise ShapeError(
            "CW210",
            f"dilation={arguments['dilation']} pads the last axis alone with padding_mode={mode!r}",
            received=arguments["dilation"],
            hint=hint,
        )
    _check_signs(kind, found, kernel, word, mode, rank)
    if word == "same":
        found["pads"] = tuple(keeping_pads(k, d) for k, d in zip(kernel, found["dilation"], strict=True))
    else:
        found["pads"] = tuple(Pads(p, p) for p in found.get("padding", (0,) * rank))
    return found


def _check_signs(
    kind: Kind, found: dict[str, Any], kernel: tuple[int, ...], word: str | None, mode: str, rank: int
) -> None:
    transposed = "Transpose" in kind.name
    if mode == "zeros" and min(found.get("padding", (0,))) < 0:
        raise too_small("padding", alike(found["padding"]), 0, "negative padding is not supported")
    if min(found.get("output_padding", (0,))) < 0:
        raise too_small("output_padding", alike(found["output_padding"]), 0, "negative output_padding is not supported")
    if min(found["stride"]) < 1:
        raise too_small("stride", alike(found["stride"]), 1, "non-positive stride is not supported")
    dilation = found["dilation"]
    if (
        transposed
        and min(dilation) == 0
        and all(size == 1 for size, gap in zip(kernel, dilation, strict=True) if gap == 0)
    ):
        hint = f"try dilation={alike(tuple(max(gap, 1) for gap in dilation))}"
        raise ShapeError("CW210", f"dilation is {alike(dilation)}; it must be at least 1", received=dilation, hint=hint)
    if min(dilation) < 1:
        quote = "dilation should be greater than zero"
        if word == "same":
            quote = ""
        elif min(dilation) == 0 and transposed:
            padded = (1, *dilation) if rank == 1 else dilation
            quote += ", but got " + ", ".join(
                f"dilation_{name}: {d}" for name, d in zip(NAMES[-len(padded) :], padded, strict=True)
            )
        elif min(dilation) == 0 and min(kernel) > 0:
            quote += f", but got {listed((1, *dilation) if rank == 1 else dilation)}"
        raise too_small("dilation", alike(dilation), 1, quote or "non-positive dilation is not supported")
    if min(kernel) < 1:
        padded = (1, *kernel) if rank == 1 else kernel
        quote = (
            f"kernel size should be greater than zero, but got kernel_height: {padded[0]} kernel_width: {padded[1]}"
            if rank < 3
            else ""
        )
        if rank == 3:
            quote = (
                "tensor expected for weight"
                if transposed
                else f"kernel size should be greater than zero, but got: {sizes(kernel)} (TxHxW)"
            )
        if max(dilation) > 1 and not transposed:
            quote = f"kernel size should be greater than zero, but got {listed(padded)}"
        raise too_small("kernel_size", alike(kernel), 1, quote)
    largest = (LARGEST - 1) // 2
    for axis, pad in enumerate(found.get("padding", ())):
        if pad > largest:
            quote = f"Given padding={pad} at dimension {axis} , expected padding to be at most {largest}"
            raise Refusal(
                "CW107",
                f"padding is {pad}: twice that does not fit into 64 bits",
                received=pad,
                hint="pad less",
                quote=quote if mode == "zeros" else "",
            )


def _check_spans(windows: tuple[Window, ...]) -> None:
    for window in windows:
        if window.span > LARGEST:
            raise ShapeError(
                "CW210",
                f"a kernel of {window.kernel} with dilation {window.dilation} spans more than 2**63 - 1 cells",
                received=window.dilation,
                detail=f"span = {window.span}; PyTorch's 64-bit number wraps around and it may answer with a wrong shape",
                hint="try dilation=1",
            )


def _check_output_padding(
    extra: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...], rank: int
) -> None:
    for more, step, gap in zip(extra, stride, dilation, strict=True):
        if more >= max(step, gap):
            names = NAMES if rank == 3 else NAMES[1:]
            lead = (0,) if rank == 1 else ()
            one = (1,) if rank == 1 else ()
            parts = [
                f"{word}_{name}: {value}"
                for word, values in (
                    ("output_padding", (*lead, *extra)),
                    ("stride", (*one, *stride)),
                    ("dilation", (*one, *dilation)),
                )
                for name, value in zip(names, values, strict=True)
            ]
            raise Refusal(
                "CW201",
                f"output_padding is {more}; it must be smaller than the stride {step} or the dilation {gap}",
                received=more,
                hint=f"try output_padding={max(step, gap) - 1}",
                quote="output padding must be smaller than either stride or dilation, but got " + " ".join(parts),
            )


CONV = "stride=1 padding=0 dilation=1 groups=1 bias=True padding_mode='zeros' device=None dtype=None"
TRANSPOSE = (
    "stride=1 padding=0 output_padding=0 groups=1 bias=True dilation=1 padding_mode='zeros' device=None dtype=None"
)
KINDS = tuple(
    Kind(
        f"{lazy}Conv{word}{rank}d",
        parameters(f"{'' if lazy else 'in_channels '}out_channels kernel_size {rest}"),
        resolve,
        run=run,
        rank=rank,
    )
    for word, rest in (("", CONV), ("Transpose", TRANSPOSE))
    for lazy in ("", "Lazy")
    for rank in (1, 2, 3)
)
