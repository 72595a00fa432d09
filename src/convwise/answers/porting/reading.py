"""Both sides of a port or a diff: one layer or one chain, and what its layers do to one input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convwise import dialects
from convwise.answers.inputs import as_shape, enter
from convwise.answers.printed import in_order
from convwise.dialects.base import Dialect, Layer, LayerFlow, Unknown, fused, in_use
from convwise.dialects.missing import advice
from convwise.errors import ArgumentError, CodeError, ConvwiseError, ShapeError
from convwise.escaping import escape
from convwise.ops import Conv, ConvTranspose, Dense, Flatten, Fold, Layout, Norm, Op, Pointwise, Shape
from convwise.readers.endings import CONTENT, like_a_path
from convwise.readers.live import read_live, unread_hint
from convwise.readers.source import Found, read_text

TRIED = ((13, 14, 15), (28, 28, 28), (32, 32, 32), (64, 64, 64), (224, 224, 224), (299, 299, 299), (572, 572, 572))
"""Sizes that a layer without an input is tried with."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Layers of one framework in the order in which they run, on one input.

    `input` has the batch (None: any); `added` where the user gave it without one. `assumed`: nobody gave the input, so the sizes are ours.
    """

    dialect: str
    layers: tuple[Layer, ...]
    input: Shape
    flows: tuple[LayerFlow, ...]
    added: bool = False
    assumed: bool = False
    code: str = ""

    @property
    def output(self) -> Shape:
        return self.flows[-1].output if self.flows else self.input

    @property
    def title(self) -> str:
        return dialects.get(self.dialect).title

    @property
    def channels_last(self) -> bool:
        """Where the channels of its first map stand; the framework's own way where there is none."""
        return channels_last(self.layers)

    def given(self, shape: Shape) -> Shape:
        """A shape as the user gave the input: without the batch where that was added."""
        return shape[1:] if self.added else shape

    def pieces(self) -> Iterator[Piece]:
        """Every op of every layer, with what it is given."""
        for number, flow in enumerate(self.flows):
            for place, (op, step) in enumerate(zip(flow.layer.ops, flow.flows, strict=True)):
                layout = Layout(flow.layer.channels_last)
                yield Piece(
                    number, place, bound(op, step.input, layout, self.dialect), op, flow.layer, step.input, step.output
                )


CHANNELS_LAST = ("keras", "tensorflow", "jax")
"""The frameworks whose maps have the channels last unless something else is said."""


UNDERSTOOD = ("activation", "init_value", "computation")
"""Arguments whose code was understood when the layer was read."""
WEIGHTS = (
    "kernel",
    "bias",
    "scale",
    "depthwise",
    "pointwise",
    "beta",
    "gamma",
    "alpha",
    "moving_mean",
    "moving_variance",
)
CODE = frozenset(
    (
        "device",
        "dtype",
        "param_dtype",
        "rngs",
        "activity_regularizer",
        *(f"{weight}_{kind}" for weight in WEIGHTS for kind in ("init", "initializer", "regularizer", "constraint")),
    )
)
"""Arguments that decide neither shapes nor values in inference: they may be any code."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One op of one layer: `op` with its channels known, `free` as it was read; shapes in the source's order, with the batch."""

    layer_number: int
    op_number: int
    op: Op
    free: Op
    layer: Layer
    input: Shape
    output: Shape


def joined(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Layers whose bias is a call of its own (tf.nn.bias_add) joined with it."""
    found: list[Layer] = []
    for layer in layers:
        ops = fused((*found[-1].ops, *layer.ops)) if found else layer.ops
        if found and any(isinstance(op, Pointwise) and op.kind == "bias_add" for op in layer.ops):
            if len(ops) < len(found[-1].ops) + len(layer.ops):
                text = f"{found[-1].call.text}, {layer.call.text}"
                found[-1] = replace(found[-1], ops=ops, call=replace(found[-1].call, text=text))
                continue
            raise CodeError("CW317", f"{layer.kind} adds a bias to no convolution", hint="leave it out")
        found.append(layer)
    return tuple(found)


def bound(op: Op, shape: Shape, layout: Layout, dialect: str) -> Op:
    """The op for the channels that reach it."""
    if isinstance(op, Conv) and dialect == "tensorflow" and op.in_channels and op.groups == 1:
        # TensorFlow tells its groups by the kernel's channels and the data's.
        channels = layout.split(shape)[1] or op.in_channels
        if channels != op.in_channels and channels % op.in_channels == 0:
            return replace(op, in_channels=channels, groups=channels // op.in_channels)
    if isinstance(op, Conv | ConvTranspose):
        return op.bound(layout.split(shape)[1])
    if isinstance(op, Dense) and op.in_features is None:
        return Dense(shape[-1], op.out_features, op.bias)
    return op


def read_chain(
    layer: Any,
    input_shape: Any = None,
    *,
    dialect: str | None = None,
    release: str | None = None,
    role: str = "layer",
    batched: bool = False,
    values: bool = True,
) -> Chain:
    """One layer or chain, read from text, a live object, an op or a `Layer`, and run on the shape of its input.

    `batched`: the shape has its batch, which the layers need not tell. `values` as in `found_in`.

    Raises:
        ShapeError, Refusal: where it does not work. CodeError: text that cannot be read, or CW309 several layers.
        ArgumentError: CW606 where it is nothing that can be read.
    """
    if isinstance(layer, Chain):
        return layer
    given = None if input_shape is None else as_shape(input_shape)
    found = found_in(layer, dialect, release, role, given, values=values)
    spoken = dialects.get(found.layers[0].dialect)
    _check_known(found.layers)
    found = replace(found, layers=joined(found.layers))
    shape = found.input_shape if given is None else given
    code = "\n".join(one.call.text for one in found.layers)
    if shape is None:
        full, flows = _assumed(spoken, found.layers)
        return Chain(spoken.name, found.layers, full, flows, added=True, assumed=True, code=code)
    full, added = (shape, False) if batched else entered(found, shape)
    with in_order(found.unordered):
        if batched:
            flows = run(spoken, found.layers, full)
        else:
            full, added, flows = _through(spoken, found.layers, full, added)
    return Chain(spoken.name, found.layers, full, flows, added=added, code=code)


def entered(found: Found, shape: Shape) -> tuple[Shape, bool]:
    """The shape as the layers take it, with a batch where they tell that it has none; and whether it was added."""
    own = enter(dialects.get(found.layers[0].dialect), found, shape)
    return _with_batch(found.layers, own.shape, own.added)


def _through(
    spoken: Dialect, layers: Sequence[Layer], full: Shape, added: bool
) -> tuple[Shape, bool, tuple[LayerFlow, ...]]:
    """The input as the layers take it, whether a batch was added to it, and what each layer does."""
    try:
        return full, added, run(spoken, layers, full)
    except ShapeError as error:
        # A layer of any rank does not tell whether the batch is there; PyTorch's message about the axes does.
        if error.code != "CW101" or added or spoken.name != "torch":
            raise
        try:
            return (None, *full), True, run(spoken, layers, (None, *full))
        except ShapeError:
            raise error from None


def channels_last(layers: Sequence[Layer]) -> bool:
    """Where the channels of their first map stand; the framework's own way where there is none."""
    ranked = next((layer for layer in layers if layer.rank), None)
    return ranked.channels_last if ranked is not None else bool(layers) and layers[0].dialect in CHANNELS_LAST


def run(spoken: Dialect, layers: Sequence[Layer], shape: Shape) -> tuple[LayerFlow, ...]:
    """What each layer does, one after the other."""
    flows: list[LayerFlow] = []
    for one in layers:
        flows.append(in_use(spoken, one, shape))
        shape = flows[-1].output
    return tuple(flows)


def found_in(
    layer: Any,
    dialect: str | None,
    release: str | None,
    role: str,
    given: Shape | None = None,
    *,
    values: bool = True,
) -> Found:
    """The layers of a text, a live object, an op or a `Layer`, with what is told beside them.

    `values`: they must give what the text gives; else what only changes values between them is passed by.

    Raises:
        CodeError, ArgumentError: as `read_chain`; CW315 where something between the layers changes values.
    """
    if isinstance(layer, Op):
        dialect = dialect or "torch"
        layer = dialects.get(dialect).spell((layer,), dialect in CHANNELS_LAST)
    if isinstance(layer, Layer):
        return Found((layer,), None, layer.name, None)
    if isinstance(layer, str) and like_a_path(layer):
        raise ArgumentError(
            "CW606",
            f"the {role} is the path of a file, {escape(layer)[:60]}; it is not opened here",
            received=layer[:60],
            hint=CONTENT,
        )
    if isinstance(layer, str):
        snippet = read_text(layer, dialect=dialect, release=release, input_shape=given)
    else:
        live = read_live(layer, release=release)
        if live is None:
            raise ArgumentError(
                "CW606",
                f"the {role} is source text or a live layer or model, not {type(layer).__name__}",
                received=type(layer).__name__,
                hint=unread_hint(layer) or "for example port(\"Conv2D(32, 3, padding='same')\", to='torch')",
            )
        snippet = live
    if len(snippet.found) > 1 and any(one.layers != snippet.found[0].layers for one in snippet.found):
        raise CodeError(
            "CW309",
            f"{len(snippet.found)} layers or chains, where one is taken at a time",
            received=len(snippet.found),
            hint="give one of them; a Sequential is one chain",
        )
    found = snippet.found[0]
    if found.error is not None:
        raise found.error
    if values and found.altered is not None:
        raise found.altered
    return found


def _check_known(layers: Sequence[Layer]) -> None:
    """Every argument that decides shapes or weights must be a value, not a name from elsewhere."""
    for one in layers:
        op = one.window_op
        if one.dialect == "jax" and isinstance(op, ConvTranspose) and (op.groups or 1) > 1:
            raise CodeError(
                "CW317",
                f"{one.kind} convolves dilated data in {op.groups} groups, whose kernel is not followed here",
                hint=f"write it as {op.groups} calls with a part of the channels each",
            )
        for name, value in one.arguments.items():
            if isinstance(value, Unknown) and name not in CODE and name not in UNDERSTOOD:
                raise CodeError(
                    "CW314",
                    f"{name}={value.text} is a value that the text does not give",
                    layer=one.kind,
                    received=value.text,
                    hint=advice(name, value.text),
                )


def _with_batch(layers: Sequence[Layer], shape: Shape, added: bool) -> tuple[Shape, bool]:
    """PyTorch's layers take a map without a batch too; a port is written for the batched form."""
    if added or not layers or layers[0].dialect != "torch":
        return shape, added
    if isinstance(layers[0].ops[0] if layers[0].ops else None, Fold):
        return ((None, *shape), True) if len(shape) == 2 else (shape, added)  # its columns have one axis of places
    first = next((layer for layer in layers if layer.rank is not None), None)
    lone = first is None and len(shape) == 1
    if lone or (first is not None and first.rank is not None and len(shape) == first.rank + 1):
        return (None, *shape), True
    return shape, added


def _assumed(spoken: Dialect, layers: tuple[Layer, ...]) -> tuple[Shape, tuple[LayerFlow, ...]]:
    """An input that the layers take, where none was given.

    Raises:
        CodeError: CW310 where none of the sizes tried works.
    """
    first = next((layer for layer in layers if layer.rank), None)
    if first is None and any(isinstance(op, Flatten) for layer in layers for op in layer.ops):
        raise CodeError("CW310", "no input shape in the text, and none was given", hint="give one, such as 64x64x3")
    channels = input_channels(layers)
    error: ConvwiseError | None = None
    for sizes in TRIED if first is not None else TRIED[:1]:
        shape: Shape = (None, channels or 8)
        if first is not None:
            spatial = sizes[: first.rank]
            shape = (None, *spatial, channels or 3) if first.channels_last else (None, channels or 3, *spatial)
        try:
            return shape, run(spoken, layers, shape)
        except ShapeError as failed:
            error = failed
    raise CodeError(
        "CW310",
        "no input shape in the text, and none was given",
        detail="" if error is None else f"tried with {' x '.join(map(str, shape[1:]))}: {error.message}",
        hint="give one, such as 64x64x3 for Keras or 3x64x64 for PyTorch",
    )


def resized(chain: Chain) -> Chain | None:
    """A chain whose sizes were assumed, on other sizes; None where it has none, or takes no others."""
    rank = next((layer.rank for layer in chain.layers if layer.rank), None)
    if rank is None:
        return None
    for more in (16, 32, 48):
        sizes = chain.input[1:-1] if chain.channels_last else chain.input[2:]
        larger = tuple((size or 0) + more + 2 * place for place, size in enumerate(sizes))
        shape = (None, *larger, chain.input[-1]) if chain.channels_last else (None, chain.input[1], *larger)
        try:
            return replace(chain, input=shape, flows=run(dialects.get(chain.dialect), chain.layers, shape))
        except ShapeError:
            continue
    return None


def input_channels(layers: Sequence[Layer]) -> int | None:
    """The channels, or features, that the first layer with weights wants."""
    for layer in layers:
        for op in layer.ops:
            if isinstance(op, Conv | ConvTranspose) and (op.in_channels or op.groups):
                return op.in_channels or (op.groups if op.groups and op.groups > 1 else None)
            if isinstance(op, Dense):
                return op.in_features
            if isinstance(op, Norm) and op.features and op.axes == "channels":
                return op.features
    return None
