"""From ops back to Keras's words: the shortest natural call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from convwise.axis import SAME_LOWER, SAME_UPPER, Pads, Same, Window, causal_pads, keeping_pads
from convwise.dialects.keras.activations import ACTIVATIONS, OPAQUE
from convwise.dialects.keras.moves import MODES
from convwise.dialects.keras.windows import scatter
from convwise.errors import Refusal
from convwise.ops import (
    AdaptivePool,
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
    Resize,
)

Words = tuple[str, list[str]]
"""A layer's name and its arguments, still apart, so that more can be added."""


def spell(ops: tuple[Op, ...], channels_last: bool = True) -> str:
    """The shortest call of one Keras layer that means `ops`.

    Raises:
        Refusal: CW202, CW207 or CW317 where no single Keras layer says it; the hint tells what comes nearest.

    >>> spell((Conv((Window(3, stride=2, padding=SAME_UPPER),) * 2, None, 32, 1, True),), True)
    "Conv2D(32, 3, strides=2, padding='same')"
    """
    if not ops:
        return "Identity()"
    first, rest = ops[0], ops[1:]
    match first:
        case Conv():
            words, rest = _conv(first, rest)
        case ConvTranspose():
            words = _transpose(first)
        case Dense():
            words = ("Dense", [str(first.out_features), *_unless(first.bias, True, "use_bias=False")])
        case Reshape() if _repeats(ops):
            return f"RepeatVector({_factor(rest[0])})"
        case _:
            return _call(_alone(first, rest), channels_last)
    name, arguments = words
    if rest:
        arguments.append(f"activation={_activation(rest)}")
    return _call((name, arguments), channels_last)


FORMATTED = (
    "Conv",
    "Depthwise",
    "Separable",
    "MaxPooling",
    "AveragePooling",
    "Global",
    "Adaptive",
    "ZeroPadding",
    "Cropping",
    "UpSampling",
    "Resizing",
    "CenterCrop",
)
WITHOUT_FORMAT = ("Cropping1D", "UpSampling1D")


def _call(words: Words, channels_last: bool) -> str:
    name, arguments = words
    if not channels_last and name.startswith(FORMATTED):
        if name in WITHOUT_FORMAT:
            raise Refusal(
                "CW317", f"Keras's {name} has no data_format", received=name, hint="Permute((2, 1)) before and after it"
            )
        arguments = [*arguments, "data_format='channels_first'"]
    return f"{name}({', '.join(arguments)})"


def one_or_all(values: Sequence[Any]) -> str:
    """One value where all axes agree, else a tuple.

    >>> one_or_all((3, 3)), one_or_all((3, 5))
    ('3', '(3, 5)')
    """
    return repr(values[0]) if all(value == values[0] for value in values) else repr(tuple(values))


def _unless(value: object, default: object, text: str) -> list[str]:
    return [] if value == default else [text]


def _steps(windows: Sequence[Window]) -> list[str]:
    strides, dilation = [window.stride for window in windows], [window.dilation for window in windows]
    found = [] if set(strides) == {1} else [f"strides={one_or_all(strides)}"]
    return found if set(dilation) == {1} else [*found, f"dilation_rate={one_or_all(dilation)}"]


def _padding(windows: Sequence[Window], *, causal: bool = False) -> list[str]:
    """`padding=` for these windows; nothing for 'valid'."""
    if any(window.ceil for window in windows):
        raise Refusal(
            "CW207", "Keras has no ceil_mode", hint="padding='same' rounds up, and pads where ceil_mode does not"
        )
    rules = [window.padding for window in windows]
    if all(rule == Pads() for rule in rules):
        return []
    if all(_is_same(window) for window in windows):
        return ["padding='same'"]
    if causal and len(windows) == 1 and rules[0] == causal_pads(windows[0].kernel, windows[0].dilation):
        return ["padding='causal'"]
    # A window of one cell pads nothing under any rule.
    raise _no_padding(rules)


def _is_same(window: Window) -> bool:
    if window.padding is SAME_UPPER:
        return True
    return window.stride == 1 and window.padding == keeping_pads(window.kernel, window.dilation)


def _no_padding(rules: Sequence[Pads | Same]) -> Refusal:
    if SAME_LOWER in rules:
        return Refusal(
            "CW207", "Keras's 'same' puts the odd cell at the end", hint="pad with ZeroPadding and use padding='valid'"
        )
    rank = len(rules)
    pairs = [(rule.low, rule.high) for rule in rules if isinstance(rule, Pads)]
    hint = "pad with a layer of its own and use padding='valid'"
    if len(pairs) == rank:
        hint = f"put ZeroPadding{rank}D({_sides(pairs)}) before it and use padding='valid'"
    return Refusal("CW209", "Keras's padding is a word and cannot say these numbers", received=pairs, hint=hint)


def _conv(op: Conv, rest: tuple[Op, ...]) -> tuple[Words, tuple[Op, ...]]:
    if op.padding_mode != "zeros":
        raise Refusal(
            "CW207",
            f"Keras pads with zeros only, not {op.padding_mode}",
            received=op.padding_mode,
            hint="pad the input before the layer",
        )
    rank, steps = op.rank, _steps(op.windows)
    multiplier = op.multiplier
    if (
        multiplier is None
        and op.in_channels
        and op.groups == op.in_channels > 1
        and op.out_channels
        and op.out_channels % op.in_channels == 0
    ):
        multiplier = op.out_channels // op.in_channels
    if multiplier is not None:
        if rank > 2:
            raise Refusal(
                "CW317",
                "Keras has no depthwise convolution in three dimensions",
                received=rank,
                hint=f"Conv{rank}D with groups is the same",
            )
        padding = _padding(op.windows)
        kernel = one_or_all(op.kernel)
        more = _unless(multiplier, 1, f"depth_multiplier={multiplier}")
        if rest and not op.bias and isinstance(rest[0], Conv) and _is_pointwise(rest[0]):
            mix = rest[0]
            head = [str(mix.out_channels), kernel, *steps, *padding, *more]
            return (f"SeparableConv{rank}D", [*head, *_unless(mix.bias, True, "use_bias=False")]), rest[1:]
        return (
            f"DepthwiseConv{rank}D",
            [kernel, *steps, *padding, *more, *_unless(op.bias, True, "use_bias=False")],
        ), rest
    padding = _padding(op.windows, causal=True)
    if any(window.stride > 1 for window in op.windows) and any(window.dilation > 1 for window in op.windows):
        raise Refusal(
            "CW203",
            "Keras refuses a stride together with a dilation",
            hint="use the dilated convolution, then a pooling of size 1 with the stride",
        )
    arguments = [
        str(op.out_channels),
        one_or_all(op.kernel),
        *steps,
        *padding,
        *_unless(op.groups, 1, f"groups={op.groups}"),
    ]
    return (f"Conv{rank}D", [*arguments, *_unless(op.bias, True, "use_bias=False")]), rest


def _is_pointwise(op: Conv) -> bool:
    return op.groups == 1 and op.multiplier is None and all(window == Window(1) for window in op.windows)


def _transpose(op: ConvTranspose) -> Words:
    """Tries Keras's own few ways until one means the windows."""
    if op.groups != 1:
        raise Refusal(
            "CW317",
            "Keras's transposed convolution has no groups",
            received=op.groups,
            hint="split the channels and use one layer each",
        )
    extras = op.output_padding or (0,) * op.rank
    head = [str(op.out_channels), one_or_all(op.kernel), *_steps(op.windows)]
    tail = _unless(op.bias, True, "use_bias=False")
    for word in ("valid", "same"):
        padding = [] if word == "valid" else ["padding='same'"]
        options = [_extra(window, more, word) for window, more in zip(op.windows, extras, strict=True)]
        if all(None in option for option in options):
            return f"Conv{op.rank}DTranspose", [*head, *padding, *tail]
        numbers = [min((one for one in option if one is not None), default=None) for option in options]
        if all(number is not None for number in numbers):
            return f"Conv{op.rank}DTranspose", [*head, *padding, f"output_padding={one_or_all(numbers)}", *tail]
    raise Refusal(
        "CW209",
        "Keras's transposed convolution cannot crop like this",
        hint=f"use padding='valid' and Cropping{op.rank}D after it",
        received=[window.padding for window in op.windows],
    )


def _extra(window: Window, extra: int, word: str) -> set[int | None]:
    """The values of output_padding, None included, under which Keras runs this window."""
    plain = (window.kernel, window.stride, window.dilation)
    return {more for more in (None, *range(min(window.stride, 64))) if scatter(*plain, word, more) == (window, extra)}


def _activation(rest: tuple[Op, ...]) -> str:
    if len(rest) > 1:
        raise Refusal("CW317", "one Keras layer takes one activation", hint="write the others as layers of their own")
    op = rest[0]
    if isinstance(op, Pointwise):
        if op.kind == OPAQUE:
            return str(dict(op.options)["function"])
        for name, found in ACTIVATIONS.items():
            if found == (op.kind, op.options):
                return repr(name)
    return spell(rest)


def _alone(op: Op, rest: tuple[Op, ...]) -> Words:
    """Layers that are one op."""
    if rest:
        raise Refusal("CW317", "these ops are not one Keras layer", hint="write them as several layers")
    match op:
        case Pool():
            return _pool(op)
        case GlobalPool():
            return _title(op.kind, "Global", op.rank), ["keepdims=True"] if op.keep_dims else []
        case AdaptivePool() if None not in op.sizes:
            return _title(op.kind, "Adaptive", op.rank), [one_or_all(op.sizes)]
        case Pad():
            return _pad(op)
        case Crop():
            return f"Cropping{op.rank}D", [_sides([(cut.low, cut.high) for cut in op.cuts])]
        case Resize():
            return _resize(op)
        case Flatten() if (op.start, op.end) == (1, -1):
            return "Flatten", ["data_format='channels_first'"] if op.channels_to_last else []
        case Reshape() if op.keeps_batch:
            return "Reshape", [repr(op.target)]
        case Permute() if op.order[:1] == (0,):
            return "Permute", [repr(op.order[1:])]
        case Norm():
            return _norm(op)
        case Pointwise():
            return _pointwise(op)
        case _:
            hint = "Lambda or a layer of your own does it"
            raise Refusal(
                "CW317", f"no Keras layer means {type(op).__name__} with these settings", received=repr(op), hint=hint
            )


def _title(kind: str, prefix: str, rank: int) -> str:
    if kind not in ("max", "average"):
        raise Refusal("CW317", f"Keras has no {kind} pooling", received=kind, hint="Keras pools by maximum or average")
    return f"{prefix}{'Max' if kind == 'max' else 'Average'}Pooling{rank}D"


def _pool(op: Pool) -> Words:
    name = _title(op.kind, "", op.rank)
    padded = any(window.padding != Pads() for window in op.windows)
    if op.divisor is not None or (op.kind == "average" and op.count_padding and padded):
        raise Refusal(
            "CW317",
            "Keras's average divides by the cells that are data",
            received=repr(op),
            hint="pad with a layer before a padding='valid' pooling to count the padding",
        )
    if any(window.dilation > 1 for window in op.windows):
        raise Refusal(
            "CW203", "Keras's pooling has no dilation", hint="keras.ops has none either; take every d-th cell first"
        )
    sizes, strides = [window.kernel for window in op.windows], [window.stride for window in op.windows]
    steps = [] if sizes == strides else [f"strides={one_or_all(strides)}"]
    return name, [one_or_all(sizes), *steps, *_padding(op.windows)]


def _pad(op: Pad) -> Words:
    if op.mode != "constant" or op.value:
        raise Refusal(
            "CW317",
            f"Keras's padding layers pad with zeros, not {op.mode} {op.value or ''}".rstrip(),
            received=op.mode,
            hint="keras.ops.pad has other modes",
        )
    pairs = [(pads.low, pads.high) for pads in op.pads]
    if any(side < 0 for pair in pairs for side in pair):
        raise Refusal(
            "CW201",
            "Keras's ZeroPadding refuses negative numbers",
            received=pairs,
            hint=f"Cropping{op.rank}D cuts cells off",
        )
    return f"ZeroPadding{op.rank}D", [_sides(pairs)]


def _sides(pairs: Iterable[tuple[int, int]]) -> str:
    """(before, after) for each axis in the shortest way that Keras reads.

    >>> _sides([(1, 1), (2, 2)]), _sides([(0, 1)]), _sides([(1, 1), (1, 1)])
    ('(1, 2)', '(0, 1)', '1')
    """
    pairs = list(pairs)
    if all(low == high for low, high in pairs):
        if len(pairs) == 1:
            return str(pairs[0][0])
        return one_or_all([low for low, _ in pairs])
    return repr(pairs[0]) if len(pairs) == 1 else repr(tuple(pairs))


def _factor(op: Op) -> int:
    assert isinstance(op, Resize)
    assert op.scales is not None
    return int(op.scales[0])


def _repeats(ops: tuple[Op, ...]) -> bool:
    return len(ops) == 2 and isinstance(ops[0], Reshape) and ops[0].target == (1, -1) and isinstance(ops[1], Resize)


def _resize(op: Resize) -> Words:
    mode, *extra = op.mode.split("+")
    interpolation = {ours: theirs for theirs, ours in MODES.items()}.get(mode, mode)
    if op.align_corners:
        raise Refusal("CW317", "Keras never aligns the corners", hint="leave align_corners out")
    if op.scales is not None:
        if any(scale.denominator != 1 for scale in op.scales):
            sizes = "Resizing to a fixed size takes any"
            raise Refusal(
                "CW317",
                "Keras enlarges by whole numbers only",
                received=[str(scale) for scale in op.scales],
                hint=sizes,
            )
        size = [] if all(scale == 2 for scale in op.scales) else [one_or_all([int(scale) for scale in op.scales])]
        return f"UpSampling{op.rank}D", [*size, *_unless(interpolation, "nearest", f"interpolation={interpolation!r}")]
    assert op.sizes is not None
    if op.rank != 2 or None in op.sizes:
        raise Refusal(
            "CW317", "Keras resizes height and width to fixed sizes", received=op.sizes, hint="Resizing(height, width)"
        )
    sizes_of = [str(size) for size in op.sizes]
    if mode == "center_crop":
        return "CenterCrop", sizes_of
    flags = {"crop": "crop_to_aspect_ratio=True", "pad": "pad_to_aspect_ratio=True", "antialias": "antialias=True"}
    return "Resizing", [
        *sizes_of,
        *_unless(interpolation, "bilinear", f"interpolation={interpolation!r}"),
        *(flags[word] for word in extra),
    ]


NORMS = {
    "batch": ("BatchNormalization", 1e-3),
    "layer": ("LayerNormalization", 1e-3),
    "group": ("GroupNormalization", 1e-3),
    "instance": ("GroupNormalization", 1e-3),
    "rms": ("RMSNormalization", 1e-6),
    "unit": ("UnitNormalization", 1e-12),
}


def _norm(op: Norm) -> Words:
    if op.kind not in NORMS or (op.kind == "batch") != op.moments:
        raise Refusal(
            "CW317",
            f"no Keras layer normalises like this: {op.kind}",
            received=op.kind,
            hint="compose it with keras.ops",
        )
    name, epsilon = NORMS[op.kind]
    axes = (-1,) if op.axes == "channels" else op.axes
    assert not isinstance(axes, str)
    axis = axes[0] if len(axes) == 1 else axes
    head: list[str] = []
    if op.kind in ("group", "instance") and op.groups != 32:
        head = [str(op.groups) if op.kind == "group" else "-1"]
    words = [*head, *_unless(axis, -1, f"axis={axis!r}"), *_unless(op.epsilon, epsilon, f"epsilon={op.epsilon!r}")]
    if op.kind not in ("rms", "unit"):
        words += [*_unless(op.center, True, "center=False"), *_unless(op.scale, True, "scale=False")]
    return name, words


DROPOUTS = {
    "dropout": "Dropout",
    "alpha_dropout": "AlphaDropout",
    "gaussian_dropout": "GaussianDropout",
    "gaussian_noise": "GaussianNoise",
}


def _pointwise(op: Pointwise) -> Words:
    """Dropout, activations and the like."""
    options: dict[str, Any] = dict(op.options)
    rate = options.get("rate", options.get("stddev"))
    match op.kind:
        case "spatial_dropout":
            return f"SpatialDropout{options['rank']}D", [repr(rate)]
        case "rescaling":
            return "Rescaling", [
                repr(options["scale"]),
                *_unless(options["offset"], 0.0, f"offset={options['offset']!r}"),
            ]
        case "identity":
            return "Identity", []
        case "masking":
            return "Masking", _unless(options["mask_value"], 0.0, repr(options["mask_value"]))
        case "relu6":
            return "ReLU", ["6"]
        case "relu":
            return "ReLU", [f"{name}={value!r}" for name, value in options.items()]
        case "leaky_relu":
            return "LeakyReLU", _unless(options["negative_slope"], 0.3, repr(options["negative_slope"]))
        case "elu":
            return "ELU", _unless(options["alpha"], 1.0, repr(options["alpha"]))
        case "prelu":
            return "PReLU", [f"shared_axes={options['shared_axes']!r}"] if options else []
        case "softmax":
            return "Softmax", _unless(options["axis"], -1, f"axis={options['axis']!r}")
        case "linear" if options:
            return "ActivityRegularization", [f"{name}={value!r}" for name, value in options.items()]
        case kind if kind in DROPOUTS:
            noise = options.get("noise_shape")
            return DROPOUTS[kind], [repr(rate), *_unless(noise, None, f"noise_shape={noise!r}")]
        case _ if op.kind == OPAQUE:
            return "Activation", [str(options["function"])]
    for name, found in ACTIVATIONS.items():
        if found == (op.kind, op.options):
            return "Activation", [repr(name)]
    raise Refusal(
        "CW317",
        f"Keras has no activation {op.kind} with these settings",
        received=op.kind,
        hint="write it as a function of keras.ops",
    )
