"""What a PyTorch layer says of itself, `conv.stride`, `fc.in_features`, `conv.weight.shape`, and functions that are given its weights.

A text of PyTorch reads these where it makes one layer after another's measure, and where a subclass pads by hand before it
calls `F.conv2d(x, self.weight, self.bias, self.stride)`. The values are those that PyTorch 2.13 keeps: numbers of a convolution's axes are tuples.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from convwise import dialects
from convwise.dialects.base import Call, Layer, Unknown
from convwise.errors import ConvwiseError
from convwise.ops import Conv, ConvTranspose, Dense, Op
from convwise.readers.source import weighted
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import MISSING, SELF_CHAIN, FromWeights, Instance, Made, Weights

AXES = frozenset({"kernel_size", "stride", "padding", "dilation", "output_padding"})
"""Arguments of a convolution that it keeps as one number for each axis; `padding="same"` stays a word."""

KEPT = {
    "Conv": frozenset({"in_channels", "out_channels", "groups", "padding_mode", *AXES}),
    "Linear": frozenset({"in_features", "out_features"}),
    "BatchNorm": frozenset({"num_features", "eps", "momentum", "affine", "track_running_stats"}),
    "InstanceNorm": frozenset({"num_features", "eps", "momentum", "affine", "track_running_stats"}),
    "GroupNorm": frozenset({"num_groups", "num_channels", "eps", "affine"}),
}
"""Arguments that are attributes under the same name, by how a layer's kind begins."""

INERT = frozenset(
    {"in_channels", "out_channels", "kernel_size", "in_features", "out_features", "num_features", "num_channels"}
)
"""Of these, those that no forward of PyTorch's layers reads: the shapes of their weights say as much."""

FUNCTIONS = frozenset({"torch", "torch.nn.functional"})
"""The modules of functions that take weights."""

LIKE = frozenset({"reshape_as", "view_as"})
"""Methods that give an array the shape of their argument."""

FORWARD = "_conv_forward"
"""The method in which PyTorch's convolutions run on weights that they are given."""


def own_layer(value: Any) -> Made | None:
    """The layer that a value is, as itself or as an object of a subclass."""
    own = value.attributes.get(SELF_CHAIN) if isinstance(value, Instance) else value
    return own if isinstance(own, Made) else None


def is_own(value: Any, layer: Made) -> bool:
    """Whether an object of a subclass is that layer, or has lent it its weights."""
    own = own_layer(value)
    return own is layer or (own is not None and any(layer is one for one in own.lent))


def of_layer(run: Run, layer: Made, name: str) -> Any:
    """`layer.name`; MISSING where PyTorch keeps no such thing, it was changed, or the text does not give it."""
    known = name in _kept(layer) or name in ("weight", "bias")
    if layer.dialect != "torch" or name in layer.changed or not known:
        return MISSING
    read = _read(run, layer.call)
    op = read.ops[0] if read is not None and read.ops else None
    if read is None or op is None:
        return MISSING
    if name in ("weight", "bias"):
        return _weights(layer, op, name)
    value = read.arguments.get(name, MISSING)
    if not isinstance(op, Conv | ConvTranspose) or name not in AXES or isinstance(value, str):
        return value
    if name == "output_padding" and isinstance(op, Conv):
        value = 0
    rank = len(op.windows)
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank if type(value) is int else MISSING


def _kept(layer: Made) -> frozenset[str]:
    return next((names for kind, names in KEPT.items() if layer.kind.startswith(kind)), frozenset())


def inert(layer: Made, name: str) -> bool:
    """Whether an attribute says what the weights' shapes say, and no forward reads it."""
    return name in INERT and name in _kept(layer)


def _read(run: Run, call: Call) -> Layer | None:
    run.spend()
    try:
        return dialects.get("torch").read(call, run.release)
    except ConvwiseError:
        return None


def _weights(layer: Made, op: Op, name: str) -> Any:
    if isinstance(op, Conv | ConvTranspose):
        shape: tuple[int | None, ...] = op.weight_shape() or (None,)
        outputs: int | None = op.out_channels
    elif isinstance(op, Dense):
        shape, outputs = (op.out_features, op.in_features), op.out_features
    else:
        return MISSING
    if name == "bias":
        shape = (outputs,)
        if not op.bias:
            return None
    known = tuple(size for size in shape if size is not None)
    return Weights(name, layer=layer, name=name, shape=known) if len(known) == len(shape) else MISSING


def of_weights(weights: Weights, name: str) -> Any:
    """`weight.shape`, `weight.ndim` and `weight.data`; MISSING for what is no such attribute."""
    if name == "shape":
        return weights.shape
    return len(weights.shape) if name == "ndim" else weights if name == "data" else MISSING


def asked(weights: Weights, name: str, arguments: list[Any]) -> Any:
    """`weight.size()`, `weight.size(2)`, `weight.dim()` and `weight.numel()`; MISSING for other methods."""
    if name == "dim" and not arguments:
        return len(weights.shape)
    if name in ("numel", "nelement") and not arguments:
        return prod(weights.shape)
    if name != "size" or len(arguments) > 1:
        return MISSING
    if not arguments:
        return weights.shape
    axis = arguments[0]
    known = type(axis) is int and -len(weights.shape) <= axis < len(weights.shape)
    return weights.shape[axis] if known else MISSING


def computed(left: Any, right: Any) -> Any:
    """`weight - mean`: weights of the same shape, where the other side is a number or was computed of weights; MISSING for other things."""
    sides = (left, right)
    ours = [side for side in sides if isinstance(side, Weights | FromWeights)]
    others = [side for side in sides if not isinstance(side, Weights | FromWeights)]
    if not ours or not all(isinstance(side, int | float) for side in others):
        return MISSING
    whole = [side for side in ours if isinstance(side, Weights)]
    if not whole:
        return FromWeights(ours[0].text)
    same = all(side.layer is whole[0].layer and side.shape == whole[0].shape for side in whole)
    return whole[0] if same else FromWeights(whole[0].text)


def derived(found: Any, given: Iterable[Any]) -> Any:
    """What a call gave that nobody follows: computed of weights, where some went in."""
    mixed = type(found) is Unknown and any(isinstance(value, Weights | FromWeights) for value in given)
    return FromWeights(found.text) if mixed else found


def lent(run: Run, path: str, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call) -> Any:
    """The layer that `F.conv2d(x, self.weight, self.bias, self.stride)` is, and its input: the owner of the weights itself where it
    would do the same, else one that has them; None for any other call.
    """
    module, name = split(path)
    kind, words = weighted.FUNCTIONS.get(name, ("", ()))
    given = dict(zip(("input", *words), arguments, strict=False)) | {word: value for word, value in keywords if word}
    weight, bias = given.pop("weight", None), given.pop("bias", None)
    if module not in FUNCTIONS or not _whole(weight, "weight") or "input" not in given:
        return None
    owner = weight.layer
    if bias is not None and not (_whole(bias, "bias") and bias.layer is owner):
        return None
    array = given.pop("input")
    if set(given) - set(words) or len(arguments) > len(words) + 1:
        return None
    call = weighted.call_on(run, kind, weight.shape, bias is not None, given, node)
    return None if call is None else (_same_or_new(run, owner, call), array)


def _whole(value: Any, name: str) -> bool:
    return isinstance(value, Weights) and value.name == name


def _same_or_new(run: Run, owner: Made, call: Call) -> Made:
    own, other = _read(run, owner.call), _read(run, call)
    if own is not None and other is not None and own.ops == other.ops and not owner.changed:
        return owner
    run.spend(len(owner.lent))
    for known in owner.lent:
        if known.call.kwargs == call.kwargs:
            return known
    made = replace(owner, kind=call.kind, call=call, changed={}, lent=[], declared=None, owner=owner)
    owner.used = True
    owner.lent.append(made)
    return made


def tie(layer: Made, name: str, weights: Weights) -> bool:
    """`decoder.weight = encoder.weight`: one parameter in two layers; False where nobody knows how many numbers are shared."""
    root = weights.layer.tied.get(weights.name, weights)
    if layer.normed or root.layer.normed or root.name != name:
        return False
    if root.layer.holder == layer.holder:
        layer.tied.pop(name, None)
    else:
        layer.tied[name] = root
    return True


def counts(run: Run, layers: Sequence[Made | None]) -> tuple[int | None, ...]:
    """How many parameters each layer of a text brings that none before it has, where another layer's stand in place of its own; None
    for all that it has.
    """
    found: list[int | None] = [None] * len(layers)
    if not any(layer is not None and layer.tied for layer in layers):
        return tuple(found)
    met: set[tuple[int, str]] = set()
    for place, layer in enumerate(layers):
        if layer is None:
            continue
        held = (layer.tied.get(name) or of_layer(run, layer, name) for name in ("weight", "bias"))
        sizes = {(own.layer.holder, own.name): prod(own.shape) for own in held if isinstance(own, Weights)}
        if not met.isdisjoint(sizes):
            found[place] = sum(size for own, size in sizes.items() if own not in met)
        met |= sizes.keys()
    return tuple(found)


def same_value(value: Any, other: Any) -> bool:
    """Whether an attribute means what it meant: lists count as tuples, and one number as as many as there are axes."""
    plain = tuple(value) if isinstance(value, list) else value
    if type(plain) is int and isinstance(other, tuple):
        plain = (plain,) * len(other)
    return not isinstance(plain, Unknown) and type(plain) is type(other) and bool(plain == other)
