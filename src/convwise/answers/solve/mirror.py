"""The decoder that mirrors an encoder: its layers backwards, transposed, each size coming back exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from convwise import dialects
from convwise.answers.explanation import show
from convwise.answers.porting.reading import joined
from convwise.answers.respelled import sequential
from convwise.answers.solve.question import input_sizes
from convwise.answers.solve.saying import CHANNELS_FIRST
from convwise.axis import NO_PADS, Pads, Window
from convwise.dialects.base import Dialect, Layer
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Crop, Layout, Norm, Op, Pad, Pointwise, Pool, Shape, spatial_names
from convwise.readers.source import read_text

Sizes = tuple[int, ...]
Around = tuple[Sizes, Sizes]
"""The spatial sizes before and after an op, for one of the inputs."""


@dataclass(frozen=True, slots=True)
class Undone:
    """One layer of the encoder and the layers that undo it; sizes of each input before and after."""

    kind: str
    around: tuple[Around, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mirror:
    """The decoder, in the order in which it runs."""

    dialect: str
    inputs: tuple[Sizes, ...]
    parts: tuple[Undone, ...]

    @property
    def text(self) -> str:
        texts = [text for part in self.parts for text in part.texts]
        return texts[0] if len(texts) == 1 else chained(self.dialect, texts)


def chained(dialect: str, texts: Sequence[str]) -> str:
    """Layers one after the other: a Sequential, or lines where the framework has functions of `x`."""
    if dialect in ("tensorflow", "onnx"):
        return "\n".join(f"x = {text}" for text in texts)
    return f"nnx.Sequential({', '.join(texts)})" if dialect == "jax" else sequential(dialect, texts)


def mirror(encoder: str, given: Any, *, dialect: str | None = None, in_channels: int = 3) -> Mirror:
    """The decoder of `encoder` (source text of one straight chain) for spatial sizes `given`, read back and run.

    A convolution or pool becomes the transposed convolution of its window, with the output_padding that picks the size
    it came from; padding becomes cropping; layers that keep the size (activations, normalisation) are left out. Where
    a dialect cannot crop unevenly in one layer, a cropping layer follows.

    Raises:
        ShapeError: CW111 where none exists, with the layer and the reason; or the encoder's own error at these sizes.
        Refusal, CodeError: the encoder's text. ArgumentError: CW601.
    """
    snippet = read_text(encoder, dialect=dialect)
    if len(snippet.found) > 1 or snippet.found[0].error is not None:
        fact = f"{len(snippet.found)} chains, where one encoder is mirrored"
        raise snippet.found[0].error or ArgumentError("CW606", fact, hint="give one straight chain of layers")
    layers, spoken = snippet.found[0].layers, dialects.get(snippet.dialect)
    layers = joined(layers)
    inputs = _inputs(layers, given)
    shapes = [_shape(spoken, layers, sizes, in_channels) for sizes in inputs]
    parts: list[Undone] = []
    for number, layer in enumerate(layers, start=1):
        flows = [spoken.flow(layer, shape) for shape in shapes]
        place = f"layer {number} ({layer.kind})"
        texts: list[str] = []
        for index, op in enumerate(layer.ops):
            passing = [(flow.flows[index].input, flow.flows[index].output) for flow in flows]
            texts = [*_undone(spoken, op, passing, place, layer.channels_last), *texts]
        if texts:
            last = layer.channels_last
            around = tuple((_spatial(last, flow.input), _spatial(last, flow.output)) for flow in flows)
            parts.append(Undone(layer.kind, around, tuple(texts)))
        shapes = [flow.output for flow in flows]
    if not parts:
        raise ShapeError("CW111", "no layer of the encoder changes a size or a channel: there is nothing to undo")
    found = Mirror(spoken.name, inputs, tuple(reversed(parts)))
    _check(spoken, found, shapes)
    return found


def _inputs(layers: Sequence[Layer], given: Any) -> tuple[Sizes, ...]:
    """The sizes with the encoder's own number of axes; a bare number stands for each."""
    rank = next((layer.rank for layer in layers if layer.rank is not None), None)
    if rank is None:
        raise ShapeError("CW111", "no layer of the encoder has spatial axes", hint="mirror convolutions and pools")
    items = [tuple(one) if isinstance(one, list) else one for one in (given if isinstance(given, list) else [given])]
    inputs = input_sizes([(one,) * rank if type(one) is int else one for one in items])
    if inputs and len(inputs[0]) != rank:
        if all(len(set(one)) == 1 for one in inputs) and all(isinstance(one, str) and one.isdigit() for one in items):
            return tuple((one[0],) * rank for one in inputs)
        fact = f"sizes of {len(inputs[0])} axes for layers of {rank}"
        raise ArgumentError("CW601", fact, received=repr(given), hint="spatial sizes alone, without channels: 28x28")
    return inputs


def _shape(spoken: Dialect, layers: Sequence[Layer], sizes: Sizes, channels: int) -> Shape:
    own = next((op.in_channels for layer in layers for op in layer.ops if isinstance(op, Conv | ConvTranspose)), None)
    last = next((layer.channels_last for layer in layers if layer.rank), spoken.name not in CHANNELS_FIRST)
    return Layout(last).join((1,), own or channels, sizes)


def _spatial(channels_last: bool, shape: Shape) -> Sizes:
    _, _, sizes = Layout(channels_last).split(shape)
    return tuple(size for size in sizes if size is not None)


def _undone(
    spoken: Dialect, op: Op, passing: Sequence[tuple[Shape, Shape]], place: str, channels_last: bool
) -> list[str]:
    """The layers that undo one op."""
    if isinstance(op, Pointwise | Norm):
        return []
    layout = Layout(channels_last)
    if channels_last is (spoken.name in CHANNELS_FIRST):
        raise CodeError("CW317", f"a decoder in this order of axes is not written for {spoken.title}", layer=place)
    if isinstance(op, Pad) and op.mode == "constant":
        return _said(spoken, Crop(op.pads), place)
    if isinstance(op, Crop):
        return _said(spoken, Pad(op.cuts), place)
    if not isinstance(op, Conv | Pool | ConvTranspose):
        fact = f"{type(op).__name__} has no transposed layer that gives its size back"
        raise ShapeError("CW111", fact, layer=place, hint="end the encoder before it")
    channels = [layout.split(shape)[1] for shape in passing[0]]
    groups = op.groups if not isinstance(op, Pool) else 1
    around = [(_spatial(channels_last, before), _spatial(channels_last, after)) for before, after in passing]
    if isinstance(op, ConvTranspose):
        back = Conv(op.windows, channels[1], channels[0], op.groups)
        return _said(spoken, back, place)
    if groups is None or (isinstance(op, Conv) and op.multiplier is not None) or spoken.name == "keras":
        groups = 1  # of a depthwise layer only the sizes are mirrored: Keras has no transposed one with groups
    windows, extras = transposing(op.windows, around, place)
    whole = ConvTranspose(windows, channels[1], channels[0], groups, True, extras)
    if spoken.name == "tensorflow":
        return [_to_shape(whole, around, place)]
    try:
        return _said(spoken, whole, place)
    except Refusal:
        pads = tuple(window.padding for window in windows if isinstance(window.padding, Pads))
        bare = replace(whole, windows=tuple(replace(window, padding=NO_PADS) for window in windows))
        return [*_said(spoken, bare, place), *_said(spoken, Crop(pads), place)]


def _to_shape(op: ConvTranspose, around: Sequence[Around], place: str) -> str:
    """tf.nn's transposed convolution, which is told the size that it gives back.

    Raises:
        ShapeError: CW111 where there are several sizes, or windows that it has no words for.
    """
    befores = {before for before, _ in around}
    if len(befores) > 1 or (op.groups or 1) > 1 or any(window.dilation > 1 for window in op.windows):
        fact = "tf.nn's transposed convolutions give one size, which they are told, in one group and without dilation"
        raise ShapeError("CW111", fact, layer=place, hint="mirror it in Keras: Conv2DTranspose gives every size back")
    (before,), (after,) = befores, {after for _, after in around}
    spoken = dialects.get("tensorflow")
    out = ", ".join(map(str, (*before, op.out_channels)))
    strides = tuple(window.stride for window in op.windows)
    steps = strides[0] if len(set(strides)) == 1 else strides
    kernel = (*op.kernel, op.out_channels, op.in_channels)
    pads = [window.padding for window in op.windows if isinstance(window.padding, Pads)]
    explicit = ((0, 0), *((pad.low, pad.high) for pad in pads), (0, 0))
    for padding in ("'VALID'", "'SAME'", *((str(explicit),) if op.rank == 2 else ())):
        text = f"tf.nn.conv{op.rank}d_transpose(x, tf.zeros({kernel}), (tf.shape(x)[0], {out}), {steps}, {padding})"
        try:
            (layer,) = read_text(text, dialect="tensorflow").found[0].layers
            found = spoken.flow(layer, (1, *after, op.in_channels))
        except ConvwiseError:
            continue
        back = next(one for one in found.layer.ops if isinstance(one, ConvTranspose))
        lows = [window.fixed().padding for window in back.windows]
        if _spatial(True, found.output) == before and [pad.low for pad in lows if isinstance(pad, Pads)] == [
            pad.low for pad in pads
        ]:
            return f"tf.nn.bias_add({text}, tf.zeros(({op.out_channels},)))"
    told = "; ".join(f"{pad.low} before and {pad.high} after" for pad in pads)
    raise ShapeError(
        "CW111",
        f"tf.nn has no words for a transposed convolution that crops {told}",
        layer=place,
        hint="mirror it in Keras: Conv2DTranspose and Cropping2D",
    )


def transposing(
    windows: Sequence[Window], around: Sequence[Around], place: str
) -> tuple[tuple[Window, ...], tuple[int, ...]]:
    """The windows with the pads they had, and the output_padding under which their transposes give every size back.

    Raises:
        ShapeError: CW111 where several sizes ask for different ones.
    """
    found: list[tuple[Window, int]] = []
    for axis, window in enumerate(windows):
        ways: dict[tuple[Window, int], list[str]] = {}
        for before, after in around:
            ways.setdefault(window.over(before[axis]).back, []).append(f"{after[axis]} -> {before[axis]}")
        if len(ways) > 1:
            raise _no_one_way(place, spatial_names(len(windows))[axis], ways)
        found += ways
    return tuple(window for window, _ in found), tuple(extra for _, extra in found)


def _no_one_way(place: str, name: str, ways: dict[tuple[Window, int], list[str]]) -> ShapeError:
    told = []
    for (window, extra), sizes in ways.items():
        assert isinstance(window.padding, Pads)
        pads = f"padding {window.padding.low} + {window.padding.high}, "
        told.append(f"{' and '.join(sizes)}: {pads}output_padding {extra}")
    return ShapeError(
        "CW111",
        "no one transposed layer gives every size back",
        layer=place,
        axis=name,
        detail="\n".join(told),
        hint="mirror for one size, or for sizes that leave the same rest at every stride",
    )


def _said(spoken: Dialect, op: Op, place: str) -> list[str]:
    try:
        return [spoken.spell((op,), spoken.name not in CHANNELS_FIRST)]
    except Refusal as error:
        error.layer = error.layer or place
        raise


def _check(spoken: Dialect, found: Mirror, shapes: Sequence[Shape]) -> None:
    """The decoder read back and run from the encoder's output: every size on the way must come back."""
    last = spoken.name not in CHANNELS_FIRST
    for index, start in enumerate(shapes):
        shape = start
        for part in found.parts:
            try:
                for text in part.texts:
                    for layer in read_text(text, dialect=spoken.name).found[0].layers:
                        shape = spoken.flow(layer, shape).output
            except ConvwiseError as error:
                error.layer = f"{error.layer or ''} undoing {part.kind}".strip()
                raise
            before, _ = part.around[index]
            if _spatial(last, shape) != before:
                fact = f"{' then '.join(part.texts)} gives {show(_spatial(last, shape))}, not {show(before)}"
                raise ShapeError("CW111", fact, layer=part.kind, hint="mirror the encoder in parts")
