"""PyTorch's layers (torch.nn 2.13): how it spells, resolves and refuses them. torch itself is never imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convwise.axis import Pads
from convwise.dialects.base import Call, Dialect, Entered, Layer, LayerFlow, Note, Value, nearest
from convwise.dialects.torch import (
    adaptive,
    convolution,
    elementwise,
    folding,
    norm,
    padding,
    pooling,
    rearrange,
    resizing,
    shuffling,
)
from convwise.dialects.torch.functions import FUNCTIONS, RESHAPING_ITSELF, functional
from convwise.dialects.torch.kind import RELEASE, Kind, flow_kind, read_kind
from convwise.dialects.torch.spelling import settled, spell_op, unsayable, write_call
from convwise.dialects.torch.unmodelled import CONTAINERS, FLAX_LAYERS, KERAS_LAYERS, UNMODELLED
from convwise.dialects.writing import one
from convwise.dialects.writing import respell as respelled
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Meant
from convwise.ops import Dense, Flatten, GlobalPool, Op, Reshape, Shape
from convwise.ops.rearrange import joins_batch

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for module in (convolution, pooling, adaptive, padding, resizing, shuffling, folding, norm, elementwise, rearrange)
    for kind in module.KINDS
}
"""Every layer of torch.nn that is modelled."""

METHODS: Mapping[str, Kind] = {kind.name: kind for kind in rearrange.METHODS}
"""Tensor methods, in lower case: they stand in forward, not among the layers."""


def read(call: Call, release: str | None = None) -> Layer:
    """The layer that `call` means.

    Raises:
        Refusal: what PyTorch refuses whatever the size, with its words in `quote`.
        ShapeError: CW210, what PyTorch takes and convwise does not.
        CodeError: CW302 to CW306, CW311, CW314, CW317.  ArgumentError: CW603.
    """
    if release is not None and release not in (RELEASE, f"{RELEASE}.0"):
        raise ArgumentError(
            "CW603", f"PyTorch {release} is not known", received=release, hint=f"the release known is {RELEASE}"
        )
    kind = KINDS.get(call.kind) or METHODS.get(call.kind)
    if kind is None:
        raise _unknown_layer(call)
    return read_kind(kind, call)


def _unknown_layer(call: Call) -> CodeError:
    name = call.kind
    if name in UNMODELLED:
        return CodeError(
            "CW317",
            f"convwise does not model nn.{name}: {UNMODELLED[name]}",
            received=name,
            hint="leave it out, and ask about the layers before and after it",
        )
    if name in CONTAINERS:
        return CodeError(
            "CW317", f"nn.{name} holds layers and is none itself", received=name, hint="ask about the layers in it"
        )
    if name in FLAX_LAYERS:
        theirs = "Keras's and flax's" if name in KERAS_LAYERS else "flax's"
        return CodeError(
            "CW302",
            f"PyTorch has no layer {name!r}; that is {theirs} name",
            received=name,
            hint=Meant(
                f"here it is {FLAX_LAYERS[name]}; did you mean flax's? `import flax.linen as nn` in the text says so, or the dialect jax"
            ),
        )
    if name in KERAS_LAYERS:
        return CodeError(
            "CW302",
            f"PyTorch has no layer {name!r}; that is Keras's name",
            received=name,
            hint=f"here it is nn.{KERAS_LAYERS[name]}",
        )
    near = nearest(name, (*KINDS, *UNMODELLED))
    return CodeError(
        "CW302",
        f"PyTorch has no layer {name!r}",
        received=name,
        hint=Meant(f"did you mean nn.{near}?") if near else "see the layers of torch.nn",
    )


def enter(layers: Sequence[Layer], shape: Shape) -> Entered:
    """The shape as it is: PyTorch's layers tell a batch by the number of axes, and none is ever added.

    A note CW509 warns where a map without a batch will meet a Flatten that keeps its first axis, and where one that
    takes the batch along serves a dense layer for one sample alone.
    """
    first = next((layer for layer in layers if layer.rank is not None), None)
    if first is None or first.rank is None:
        return Entered(shape)
    later = layers[list(layers).index(first) + 1 :]
    single = len(shape) == first.rank + 1
    if (single or (len(shape) == first.rank + 2 and shape[0] == 1)) and _joins_samples(later):
        text = (
            "what flattens before the dense layer begins at axis 0, where the batch stands: that fits one sample alone; "
            "x.flatten(1) or nn.Flatten() keeps those of a batch apart"
        )
        return Entered(shape, notes=(Note("CW509", text),))
    flattens = any(
        (isinstance(op, Flatten) and op.start == 1) or (isinstance(op, Reshape) and op.keeps_batch)
        for layer in later
        for op in layer.ops
    )
    if not single or not flattens:
        return Entered(shape)
    full = "x".join("?" if size is None else str(size) for size in (1, *shape))
    text = f"the input has no batch axis, so Flatten keeps the channels apart (PyTorch reads the first axis as the batch): give {full}"
    return Entered(shape, notes=(Note("CW509", text),))


def _joins_samples(layers: Sequence[Layer]) -> bool:
    """Whether a dense layer reads what was flattened with the batch."""
    ops = [op for layer in layers for op in layer.ops]
    places = [place for place, op in enumerate(ops) if joins_batch(op)]
    return any(isinstance(op, Dense) for place in places[:1] for op in ops[place:])


def flow(layer: Layer, shape: Shape) -> LayerFlow:
    """What `layer` does to `shape`, exactly as a freshly made layer (in training mode) does to a tensor of that shape.

    Raises:
        ShapeError: with PyTorch's words in `quote` where it has some.
    """
    kind = KINDS.get(layer.kind) or METHODS[layer.kind]
    return flow_kind(kind, layer, tuple(shape))


def spell(ops: tuple[Op, ...], channels_last: bool = False) -> str:
    """The shortest natural call; several ops as an nn.Sequential.

    Raises:
        Refusal: CW202 or CW209, where PyTorch cannot say it.
    """
    texts = []
    for op in ops:
        call = spell_op(op, channels_last)
        try:
            back = read(call).ops
        except ConvwiseError as error:
            raise unsayable(f"PyTorch does not take {write_call(call)}: {error.fact}", error.hint) from None
        if (
            back != (settled(op),)
            and type(back[0]) is type(op)
            and not isinstance(op, GlobalPool)
            and not channels_last
        ):
            raise unsayable(f"{write_call(call)} comes nearest, but is not the same")
        texts.append(write_call(call))
    return texts[0] if len(texts) == 1 else f"nn.Sequential({', '.join(texts)})"


def respell(layer: Layer, changes: Mapping[str, Value]) -> str:
    """The user's own call with `changes` made, in the user's own style.

    >>> respell(read(Call("Conv2d", (3, 16, 3), (("stride", 2),), "nn.Conv2d(3, 16, 3, stride=2)")), {"padding": 1})
    'nn.Conv2d(3, 16, 3, stride=2, padding=1)'
    """
    kind = KINDS.get(layer.kind) or METHODS[layer.kind]
    return respelled(layer, kind.parameters, changes, write_call, data=0)


def pads(layer: Layer, pads: tuple[Pads, ...]) -> Mapping[str, Value] | None:
    """One number for both ends of an axis."""
    if "padding" not in layer.arguments or any(pad.low != pad.high or pad.low < 0 for pad in pads):
        return None
    return {"padding": one(pad.low for pad in pads)}


DIALECT = Dialect("torch", "PyTorch", RELEASE, (RELEASE,), frozenset(KINDS), read, enter, flow, spell, respell, pads)

__all__ = [
    "DIALECT",
    "FUNCTIONS",
    "KINDS",
    "RESHAPING_ITSELF",
    "UNMODELLED",
    "enter",
    "flow",
    "functional",
    "read",
    "respell",
    "spell",
]
