"""Which Keras layer makes this output of this input with so many parameters: found by trying, never by a formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

from convwise import dialects
from convwise.dialects.base import Call, LayerFlow, Value
from convwise.errors import ConvwiseError
from convwise.ops import Shape

LARGEST_KERNEL = 31
LARGEST_STRIDE = 8
LARGEST_POOL = 16

USUAL_SIZES = frozenset(
    {28, 32, 48, 64, 75, 96, 100, 112, 128, 150, 160, 180, 192, 200, 224, 227, 229, 240, 256, 299, 300}
)
"""Sizes of images; with them a first layer of unknown input may be settled."""

USUAL_CHANNELS = (1, 3)


@dataclass(frozen=True, slots=True)
class Fit:
    """A layer that fits; `input` is the shape that it takes, `notes` what was assumed."""

    call: Call
    input: Shape | None
    notes: tuple[str, ...] = ()


def fit(kind: str, before: Shape, output: Shape, params: int) -> Fit | str:
    """The one layer of this kind that fits, or a sentence that says why there is none or no single one."""
    fitting: dict[Any, Call] = {}
    for call in _candidates(kind, before, output, params):
        flow = _flow(call, before)
        if flow is not None and _same(flow.output, output) and flow.params == params:
            fitting.setdefault(_alike(flow), call)
    if len(fitting) == 1:
        call = next(iter(fitting.values()))
        return Fit(call, before, _assumed(kind))
    sizes = f"{_show(before)} -> {_show(output)} with {params:,} parameters"
    if not fitting:
        return f"no {kind} of the usual form makes {sizes}"
    return f"several fit {sizes}: {', '.join(call.text for call in list(fitting.values())[:4])}"


def fit_given(kind: str, given: Shape, output: Shape, params: int) -> Fit | str:
    """The first layer of a summary on the input that the user gives, with or without the batch.

    The table decides: an input that does not make its first row is refused, with what would.
    """
    tried = [fit(kind, before, output, params) for before in ((None, *given), given) if len(before) > 1]
    settled = next((one for one in tried if isinstance(one, Fit)), None)
    if settled is not None:
        return settled
    same_rank = next(
        (one for one, size in zip(tried, (1, 0), strict=False) if len(given) + size == len(output)), tried[0]
    )
    open_ = fit_first(kind, output, params)
    others = _options([open_]) if isinstance(open_, Fit) else ""
    return f"{same_rank}{f'; {others} would fit' if others else ''}"


def fit_first(kind: str, output: Shape, params: int) -> Fit | str:
    """The first layer of a summary that does not show the model's input: settled if one usual image size fits.

    Strides of 1 and 2 are tried, as most models begin with; 'valid' and 'same' ask for different inputs.
    """
    if not kind.startswith("Conv") or len(output) < 3 or None in output[1:]:
        return "the summary does not show the input of the first layer"
    found = list(_first(kind, output, params))
    likely = [one for one in found if one.input and all(size in USUAL_SIZES for size in one.input[1:-1])]
    if len({(one.input, one.call.text) for one in likely}) == 1:
        return likely[0]
    smallest = {one.call.text: one for one in reversed(found)}
    options = _options((likely or list(reversed(smallest.values())))[:4])
    return f"it does not show the model's input{f': {options} would fit' if options else ''}"


def _first(kind: str, output: Shape, params: int) -> Iterator[Fit]:
    """First layers of stride 1 and then 2 that make the output of an input of 1 or 3 channels, each on the inputs that they make it of."""
    for stride in (1, 2):
        for channels in USUAL_CHANNELS:
            for kernel in range(1, LARGEST_KERNEL + 1):
                for padding in ("valid", "same"):
                    words: dict[str, Value] = {"strides": stride} if stride > 1 else {}
                    words |= {"padding": "same"} if padding == "same" else {}
                    call = _call(kind, output[-1], kernel, **words)
                    for before in _before(output, channels, kernel if padding == "valid" else 1, stride):
                        flow = _flow(call, before)
                        if flow is None or not _same(flow.output, output) or flow.params != params:
                            break
                        note = f"the summary shows no input; {_show(before)} was taken, as it is an image's size and fits stride {stride}"
                        yield Fit(call, before, (note,))


def _options(fits: list[Fit]) -> str:
    return "; ".join(f"{_show(one.input)} with {one.call.text}" for one in fits)


def _before(output: Shape, channels: int, kernel: int, stride: int) -> Iterator[Shape]:
    """The inputs from which an unpadded window makes the output, of the same number of cells more on each axis."""
    from convwise.axis import Window

    window = Window(kernel, stride)
    least = [window.smallest(size) for size in output[1:-1] if size is not None]
    for more in range(stride):
        yield (output[0], *(size + more for size in least), channels)


def _candidates(kind: str, before: Shape, output: Shape, params: int) -> Iterator[Call]:
    rank = len(before) - 2
    if kind.startswith(("Conv", "DepthwiseConv", "SeparableConv")):
        yield from _convolutions(kind, before, output, params)
    elif kind.startswith(("MaxPool", "AveragePool", "AvgPool")):
        for size in range(1, LARGEST_POOL + 1):
            yield _call(kind, size)
            yield _call(kind, size, padding="same")
    elif kind == "Dense":
        yield _call(kind, output[-1])
        yield _call(kind, output[-1], use_bias=False)
    elif kind.startswith(("ZeroPadding", "Cropping", "UpSampling")):
        for size in range(1, LARGEST_POOL + 1):
            yield _call(kind, size)
    elif kind == "Reshape":
        yield _call(kind, tuple(output[1:]))
    elif kind == "Permute":
        yield from _orders(kind, before, output)
    elif kind in ("BatchNormalization", "LayerNormalization", "GroupNormalization"):
        yield _call(kind)
        yield _call(kind, scale=False)
        yield _call(kind, center=False, scale=False)
    elif kind in _VALUES:
        yield _call(kind, *_VALUES[kind])
    elif rank >= -1:
        yield _call(kind)


_VALUES: dict[str, tuple[Value, ...]] = {
    "Dropout": (0.5,),
    "AlphaDropout": (0.5,),
    "GaussianDropout": (0.5,),
    "GaussianNoise": (0.1,),
    "SpatialDropout1D": (0.5,),
    "SpatialDropout2D": (0.5,),
    "SpatialDropout3D": (0.5,),
    "Activation": ("linear",),
    "Rescaling": (1.0,),
}
"""Arguments that a layer must have and that no size depends on."""


def _assumed(kind: str) -> tuple[str, ...]:
    if kind in _VALUES:
        return (f"{kind}'s own value is not in a summary; no size depends on it",)
    if kind.startswith(("MaxPool", "AveragePool")):
        return ("the pool's strides were taken to be its size, as by default",)
    return ()


def _convolutions(kind: str, before: Shape, output: Shape, params: int) -> Iterator[Call]:
    channels, filters = before[-1], output[-1]
    if channels is None or filters is None or not channels or not filters:
        return
    rank = len(before) - 2
    for use_bias in (True, False):
        kernels = [
            kernel
            for kernel in range(1, LARGEST_KERNEL + 1)
            if _weights(kind, kernel**rank, channels, filters, use_bias) == params
        ]
        for kernel in kernels:
            for stride in range(1, LARGEST_STRIDE + 1):
                for padding in ("valid", "same"):
                    words: dict[str, Value] = {}
                    if stride > 1:
                        words["strides"] = stride
                    if padding == "same":
                        words["padding"] = "same"
                    if not use_bias:
                        words["use_bias"] = False
                    if kind.startswith("Depthwise"):
                        if filters % channels:
                            return
                        if filters != channels:
                            words["depth_multiplier"] = filters // channels
                        yield _call(kind, kernel, **words)
                    else:
                        yield _call(kind, filters, kernel, **words)


def _weights(kind: str, taps: int, channels: int, filters: int, use_bias: bool) -> int:
    """Parameters of a convolution whose kernel has so many taps; the dialect's own count decides in the end."""
    bias = filters if use_bias else 0
    if kind.startswith("Depthwise"):
        return taps * filters + bias
    if kind.startswith("Separable"):
        return taps * channels + channels * filters + bias
    return taps * channels * filters + bias


def _orders(kind: str, before: Shape, output: Shape) -> Iterator[Call]:
    from itertools import permutations

    if len(before) > 6:
        return
    for order in permutations(range(1, len(before))):
        if all(before[place] == size for place, size in zip(order, output[1:], strict=False)):
            yield _call(kind, order)


def _call(kind: str, *values: Value, **words: Value) -> Call:
    text = ", ".join([repr(value) for value in values] + [f"{name}={value!r}" for name, value in words.items()])
    return Call(kind, values, tuple(words.items()), f"{kind}({text})")


def _flow(call: Call, before: Shape) -> LayerFlow | None:
    keras = dialects.get("keras")
    try:
        return keras.flow(keras.read(call, None), before)
    except ConvwiseError as error:
        if error.code in ("CW302", "CW317"):
            raise
        return None


def _same(made: Shape, wanted: Shape) -> bool:
    return made[1:] == wanted[1:] or (None in wanted and len(made) == len(wanted) and _open_alike(made, wanted))


def _open_alike(made: Shape, wanted: Shape) -> bool:
    return all(one == other or other is None for one, other in zip(made[1:], wanted[1:], strict=True))


def _alike(flow: LayerFlow) -> tuple[Any, ...]:
    """What tells two fitting layers apart on this input: their windows, but not a stride that is never used."""
    axes = [axis.axis for axis in flow.axes if axis.axis is not None]
    if not axes:
        return (flow.layer.kind, tuple(flow.layer.call.args), tuple(flow.layer.call.kwargs))
    bias = dict(flow.layer.call.kwargs).get("use_bias", True)
    return (
        bias,
        *(
            (axis.kernel, axis.stride if axis.out > 1 else 1, axis.dilation, axis.pad_low, axis.pad_high)
            for axis in axes
        ),
    )


def _show(shape: Shape | None) -> str:
    sizes = shape[1:] if shape else ()
    return " x ".join("?" if size is None else str(size) for size in sizes) or str(prod(()))
