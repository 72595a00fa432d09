"""Ops back into PyTorch's words: the shortest natural call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from convwise.axis import NO_PADS, Pads, Same, Window, keeping_pads
from convwise.dialects.base import Call, Unknown, Value
from convwise.dialects.torch.elementwise import PLAIN, SOFTMAX
from convwise.dialects.writing import Keywords, one, without
from convwise.dialects.writing import unsayable as no_call
from convwise.dialects.writing import write_call as call_text
from convwise.errors import Refusal
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Fold,
    Gate,
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
    Unflatten,
    Unfold,
)


def write_call(call: Call, prefix: str = "nn.") -> str:
    """`nn.Conv2d(3, 16, 3, stride=2)`; tensor methods as `x.view(...)`."""
    spread = call.args[0] if call.args and call.kind in ("view", "reshape", "permute") else call.args
    function = f"x.{call.kind}" if call.kind[:1].islower() else f"{prefix}{call.kind}"
    return call_text(function, spread, dict(call.kwargs))


def spell_op(op: Op, channels_last: bool = False) -> Call:
    """One op as one call.

    Raises:
        Refusal: CW209, where PyTorch has no one layer for it.
    """
    spell = SPELLERS.get(type(op))
    if spell is None:
        raise unsayable(f"PyTorch has no layer for {type(op).__name__}")
    return spell(op, channels_last)


def unsayable(fact: str, hint: str = "") -> Refusal:
    """CW209: PyTorch has no one layer for it."""
    return no_call(fact, hint or "write it as a function in forward")


def _call(kind: str, *args: Value, **kwargs: Value) -> Call:
    return Call(kind, args, tuple(kwargs.items()))


def _rank(rank: int) -> str:
    if rank not in (1, 2, 3):
        raise unsayable(f"PyTorch has no layer of {rank} spatial axes")
    return f"{rank}d"


def _explicit(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """The windows with explicit pads.

    Raises:
        Refusal: CW202, where the padding depends on the size.
    """
    fixed = tuple(window.fixed() for window in windows)
    if any(isinstance(window.padding, Same) for window in fixed):
        raise Refusal(
            "CW202",
            "padding that depends on the size cannot be said in PyTorch",
            detail="PyTorch's padding='same' takes stride 1 only",
            hint=f"put nn.ZeroPad{len(windows)}d with the numbers of one size before it",
            quote="padding='same' is not supported for strided convolutions",
        )
    return fixed


def _pads(window: Window) -> Pads:
    assert isinstance(window.padding, Pads)
    return window.padding


def _padding(windows: tuple[Window, ...], what: str, same: bool) -> Value:
    """`padding=` for these windows; 'same' only where numbers cannot say it."""
    pads = [_pads(window) for window in windows]
    if all(pad.low == pad.high for pad in pads):
        return one(pad.low for pad in pads)
    if same and all(
        window.stride == 1 and pad == keeping_pads(window.kernel, window.dilation)
        for window, pad in zip(windows, pads, strict=True)
    ):
        return "same"
    flat = tuple(cell for pad in reversed(pads) for cell in (pad.low, pad.high))
    layer = f"nn.ZeroPad{len(pads)}d({flat})" if what != "max" else f"nn.ConstantPad{len(pads)}d({flat}, float('-inf'))"
    raise unsayable("PyTorch pads both ends of an axis alike", f"put {layer} before it, and padding=0")


def _window_words(windows: tuple[Window, ...], what: str, *, same: bool = False) -> Keywords:
    words: Keywords = {"stride": one(window.stride for window in windows), "padding": _padding(windows, what, same)}
    words["dilation"] = one(window.dilation for window in windows)
    return words


CONV = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "output_padding": 0,
    "groups": 1,
    "bias": True,
    "padding_mode": "zeros",
}


def _spell_conv(op: Conv | ConvTranspose, channels_last: bool) -> Call:
    if op.out_channels is None or op.groups is None:
        raise unsayable(
            "a depthwise convolution of unknown input channels", "give the input's channels: groups=in_channels"
        )
    windows = _explicit(op.windows)
    words = _window_words(windows, "conv", same=isinstance(op, Conv))
    if isinstance(op, ConvTranspose):
        words["output_padding"] = one(op.output_padding or (0,) * op.rank)
    words |= {"groups": op.groups, "bias": op.bias}
    if isinstance(op, Conv):
        words["padding_mode"] = op.padding_mode
    name = ("ConvTranspose" if isinstance(op, ConvTranspose) else "Conv") + _rank(op.rank)
    kernel = one(op.kernel)
    first = (f"Lazy{name}",) if op.in_channels is None else (name, op.in_channels)
    return _call(*first, op.out_channels, kernel, **without(words, CONV))


def _spell_pool(op: Pool, channels_last: bool) -> Call:
    windows = _explicit(op.windows)
    words = _window_words(windows, op.kind)
    kernel = one(window.kernel for window in windows)
    defaults: Keywords = {
        "stride": kernel,
        "padding": 0,
        "dilation": 1,
        "ceil_mode": False,
        "count_include_pad": True,
        "divisor_override": None,
    }
    ceil = {window.ceil for window in windows}
    words["ceil_mode"] = ceil == {True}
    if op.kind == "lp":
        power = op.power if op.power is not None else 2.0
        plain = int(power) if abs(power) != inf and power == int(power) else power
        words = {name: words[name] for name in ("stride", "ceil_mode")}
        return _call(f"LPPool{_rank(op.rank)}", plain, kernel, **without(words, defaults))
    if op.kind == "average":
        if any(window.dilation > 1 for window in windows):
            raise unsayable("PyTorch's average pooling has no dilation")
        del words["dilation"]
        words["count_include_pad"] = op.count_padding or not any(_pads(window).total for window in windows)
        words["divisor_override"] = op.divisor
        return _call(f"AvgPool{_rank(op.rank)}", kernel, **without(words, defaults))
    return _call(f"MaxPool{_rank(op.rank)}", kernel, **without(words, defaults))


def _spell_adaptive(op: AdaptivePool, channels_last: bool) -> Call:
    name = f"Adaptive{'Max' if op.kind == 'max' else 'Avg'}Pool{_rank(op.rank)}"
    return _call(name, op.sizes if None in op.sizes else one(op.sizes))


def _spell_global(op: GlobalPool, channels_last: bool) -> Call:
    if op.kind not in ("max", "average"):
        raise unsayable(f"PyTorch has no layer that pools a whole map by {op.kind!r}")
    if not op.keep_dims:
        return _call("amax" if op.kind == "max" else "mean", tuple(range(2, 2 + op.rank)))
    return _call(f"Adaptive{'Max' if op.kind == 'max' else 'Avg'}Pool{_rank(op.rank)}", 1)


PADS = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}


def _spell_pad(op: Pad, channels_last: bool) -> Call:
    flat = tuple(cell for pad in reversed(op.pads) for cell in (pad.low, pad.high))
    rank = min(max(op.rank, 1), 3)
    cells = one(flat) if len(flat) == 2 * rank else flat
    if op.mode == "constant":
        return _call(f"ZeroPad{rank}d", cells) if op.value == 0 else _call(f"ConstantPad{rank}d", cells, op.value)
    return _call(f"{PADS[op.mode]}Pad{rank}d", cells)


def _spell_crop(op: Crop, channels_last: bool) -> Call:
    return _spell_pad(Pad(tuple(Pads(-cut.low, -cut.high) for cut in op.cuts)), channels_last)


def _spell_resize(op: Resize, channels_last: bool) -> Call:
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}.get(op.rank, "")
    mode = {"linear": linear, "cubic": "bicubic"}.get(op.mode, op.mode)
    if mode not in ("nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic"):
        raise unsayable(f"PyTorch has no resizing of mode {op.mode!r}")
    single = op.rank == {"linear": 1, "trilinear": 3}.get(mode, 2)
    words: Keywords = {}
    if op.sizes is not None:
        if None in op.sizes:
            raise unsayable("PyTorch resizes every spatial axis")
        words["size"] = one(op.sizes) if single else op.sizes
    else:
        scales = tuple(int(scale) if scale.denominator == 1 else float(scale) for scale in op.scales or ())
        words["scale_factor"] = one(scales) if single else scales
    words |= {"mode": mode, "align_corners": True if op.align_corners else None}
    return _call("Upsample", **without(words, {"mode": "nearest", "align_corners": None}))


def _spell_shuffle(op: PixelShuffle, channels_last: bool) -> Call:
    if op.rank != 2:
        raise unsayable(f"PyTorch shuffles two spatial axes, not {op.rank}")
    return _call("PixelUnshuffle" if op.inverse else "PixelShuffle", op.factor)


def _spell_fold(op: Fold | Unfold, channels_last: bool) -> Call:
    words = _window_words(_explicit(op.windows), "conv")
    kept = without({name: words[name] for name in ("dilation", "padding", "stride")}, CONV)
    kernel = one(window.kernel for window in op.windows)
    return _call("Fold", one(op.sizes), kernel, **kept) if isinstance(op, Fold) else _call("Unfold", kernel, **kept)


def _spell_flatten(op: Flatten, channels_last: bool) -> Call:
    if op.channels_to_last:
        raise unsayable("PyTorch flattens in the order C, H, W", "permute before flattening")
    if op.end != -1:
        return _call("Flatten", op.start, op.end)
    return _call("Flatten") if op.start == 1 else _call("Flatten", op.start)


def _spell_reshape(op: Reshape, channels_last: bool) -> Call:
    lead = (Unknown("x.size(0)"),) if op.keeps_batch else ()
    return _call("view", (*lead, *op.target))


def _spell_dense(op: Dense, channels_last: bool) -> Call:
    words = {} if op.bias else {"bias": False}
    if op.in_features is None:
        return _call("LazyLinear", op.out_features, **words)
    return _call("Linear", op.in_features, op.out_features, **words)


def _spell_norm(op: Norm, channels_last: bool) -> Call:
    if op.center and not op.scale:
        raise unsayable("PyTorch's normalisation has no shift without a scale")
    words: Keywords = {"eps": op.epsilon, "affine": op.scale, "bias": op.center or not op.scale}
    defaults: Keywords = {"eps": 1e-5, "affine": True, "bias": True, "track_running_stats": True}
    if op.kind in ("batch", "instance"):
        words["track_running_stats"] = op.moments
        name = f"{op.kind.capitalize()}Norm2d"
        if op.features is None:
            return _call(f"Lazy{name}", **without(words, defaults))
        if op.kind == "instance":
            defaults |= {"affine": False, "track_running_stats": False}
        return _call(name, op.features, **without(words, defaults))
    if op.kind == "group":
        if op.features is None and op.scale:
            raise unsayable("PyTorch's GroupNorm needs the number of channels")
        return _call(
            "GroupNorm", op.groups, op.features if op.features is not None else op.groups, **without(words, defaults)
        )
    if op.kind not in ("layer", "rms") or op.shape is None:
        raise unsayable(f"PyTorch's normalisation of kind {op.kind!r} needs the sizes of the axes")
    words["elementwise_affine"] = words.pop("affine")
    defaults["elementwise_affine"] = True
    sizes = op.shape[0] if len(op.shape) == 1 else op.shape
    if op.kind == "rms":
        del words["bias"]
        return _call("RMSNorm", sizes, **without(words, {"eps": 2.0**-23, "elementwise_affine": True}))
    return _call("LayerNorm", sizes, **without(words, defaults))


NAMED = {plain: (name, {option: argument for argument, option in pairs}) for name, (plain, _, pairs) in PLAIN.items()}
DEFAULTS: dict[str, Keywords] = {
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0},
    "celu": {"alpha": 1.0},
    "hard_shrink": {"lambd": 0.5},
    "soft_shrink": {"lambd": 0.5},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "rrelu": {"lower": 0.125, "upper": 1 / 3},
    "hard_tanh": {"min_val": -1.0, "max_val": 1.0},
    "dropout": {"p": 0.5},
    "prelu": {"num_parameters": 1, "init": 0.25},
    "local_response_norm": {"alpha": 1e-4, "beta": 0.75, "k": 1.0},
}
DROPOUT = {
    "dropout": "Dropout",
    "spatial_dropout": "Dropout2d",
    "alpha_dropout": "AlphaDropout",
    "feature_alpha_dropout": "FeatureAlphaDropout",
}


def _spell_pointwise(op: Pointwise, channels_last: bool) -> Call:
    options = dict(op.options)
    defaults = DEFAULTS.get(op.kind, {})
    softmaxes = {plain: name for name, plain in SOFTMAX.items()}
    if op.kind in softmaxes:
        axis = options.get("axis", options.get("dim"))
        if channels_last and axis == -1:
            axis = 1
        return _call(softmaxes[op.kind], **({} if axis is None else {"dim": axis}))
    if op.kind in DROPOUT:
        rate = options.get("rate", 0.5)
        return _call(DROPOUT[op.kind]) if rate == 0.5 else _call(DROPOUT[op.kind], rate)
    if op.kind in ("identity", "linear"):
        return _call("Identity")
    if op.kind == "gelu":
        return _call("GELU", **({"approximate": "tanh"} if options.get("approximate") in (True, "tanh") else {}))
    if op.kind == "prelu":
        return _call("PReLU", **without(options, defaults))
    if op.kind == "hard_tanh":
        return _call("Hardtanh", **without(options, defaults))
    if op.kind == "channel_shuffle":
        return _call("ChannelShuffle", options["groups"])
    if op.kind == "local_response_norm":
        return _call("LocalResponseNorm", options.pop("size"), **without(options, defaults))
    if op.kind == "threshold":
        return _call("Threshold", options.get("threshold"), options.get("value"))
    name, arguments = NAMED.get(op.kind, ("", {}))
    if not name or any(option not in arguments for option in options):
        raise unsayable(f"PyTorch has no layer for {op.kind!r}{f' with {dict(op.options)}' if op.options else ''}")
    return _call(
        name,
        *(
            value
            for value in without({arguments[o]: v for o, v in options.items()}, defaults).values()
            if len(options) == 1
        ),
        **(without({arguments[o]: v for o, v in options.items()}, defaults) if len(options) != 1 else {}),
    )


SPELLERS: dict[type, Callable[[Any, bool], Call]] = {
    Conv: _spell_conv,
    ConvTranspose: _spell_conv,
    Pool: _spell_pool,
    AdaptivePool: _spell_adaptive,
    GlobalPool: _spell_global,
    Pad: _spell_pad,
    Crop: _spell_crop,
    Resize: _spell_resize,
    PixelShuffle: _spell_shuffle,
    Fold: _spell_fold,
    Unfold: _spell_fold,
    Flatten: _spell_flatten,
    Reshape: _spell_reshape,
    Unflatten: lambda op, channels_last: _call("Unflatten", op.axis, op.sizes),
    Permute: lambda op, channels_last: _call("permute", op.order),
    Dense: _spell_dense,
    Norm: _spell_norm,
    Pointwise: _spell_pointwise,
    Gate: lambda op, channels_last: _call("GLU", **({} if op.axis == -1 else {"dim": op.axis})),
}
"""Type of op -> how it is spelled."""


def settled(op: Op) -> Op:
    """The op as reading its call gives it: pads that do not depend on the size after all, scales in floating point."""
    if isinstance(op, Conv | ConvTranspose | Pool):
        changed: Op = replace(op, windows=tuple(window.fixed() for window in op.windows))
        if isinstance(changed, Pool):
            padded = any(window.padding not in (NO_PADS,) for window in changed.windows)
            changed = replace(changed, count_padding=changed.count_padding and padded)
        if isinstance(changed, ConvTranspose) and not changed.output_padding:
            changed = replace(changed, output_padding=(0,) * changed.rank)
        return changed
    if isinstance(op, Resize) and op.scales is not None:
        return replace(op, exact=False)
    return op
