"""ONNX as a dialect of layers, beside the rules for the nodes of a file: what onnxruntime 1.31 runs, by operator set."""

from __future__ import annotations

from collections.abc import Mapping

from convwise.axis import Pads
from convwise.dialects.base import Call, Dialect, Layer, LayerFlow, Value, nearest
from convwise.dialects.kinds import enter, flow_kind, read_kind
from convwise.dialects.onnx.layers import CURRENT, KINDS, OPERATOR_SINCE, OPSETS
from convwise.dialects.onnx.spelling import anew, spell
from convwise.dialects.onnx.words import nothing_left
from convwise.dialects.writing import as_list
from convwise.dialects.writing import respell as respelled
from convwise.errors import ArgumentError, CodeError, Meant, Refusal, ShapeError
from convwise.ops import Layout, Pad, Pool, Resize, Shape

FOREIGN: Mapping[str, str] = {
    "kernel_size": "kernel_shape",
    "pool_size": "kernel_shape",
    "stride": "strides",
    "padding": "pads",
    "dilation": "dilations",
    "dilation_rate": "dilations",
    "groups": "group",
    "filters": "the number of filters is in the shape of W: (out, in / group, height, width)",
    "out_channels": "the number of filters is in the shape of W: (out, in / group, height, width)",
    "in_channels": "the channels are in the shape of W: (out, in / group, height, width)",
    "use_bias": "the bias is the input B",
    "bias": "the bias is the input B",
    "data_format": "ONNX has one order, channels first: leave data_format out",
    "activation": "write op.Relu(...) around it",
    "scale_factor": "scales",
    "eps": "epsilon",
    "domain": "only the default domain is read",
}
"""Another framework's word -> ONNX's word, or what to write instead."""


def read(call: Call, release: str | None = None) -> Layer:
    """The layer that a node means; `release` is the operator set.

    Raises:
        Refusal: what onnxruntime refuses whatever the data.  CodeError: CW302 to CW306, CW311, CW314, CW317.
        ArgumentError: CW603.
    """
    opset = CURRENT if release is None else str(release).removeprefix("opset").strip()
    if opset not in OPSETS:
        hint = f"known are {OPSETS[0]} to {OPSETS[-1]}, the operator sets that onnxruntime 1.31 runs"
        raise ArgumentError("CW603", f"ONNX operator set {release} is not known", received=release, hint=hint)
    kind = KINDS.get(call.kind)
    if kind is None:
        near = nearest(call.kind, KINDS)
        hint = Meant(f"did you mean {near}?") if near else "see the operators of ONNX"
        raise CodeError(
            "CW302", f"ONNX has no operator {call.kind!r} that convwise reads as a layer", received=call.kind, hint=hint
        )
    since = OPERATOR_SINCE.get(call.kind, 0)
    if int(opset) < since:
        raise Refusal(
            "CW208",
            f"{call.kind} came with operator set {since}; this is {opset}",
            layer=f"ONNX {call.kind}",
            received=opset,
            hint=f"use operator set {since} or later",
            quote=f"No Op registered for {call.kind} with domain_version of {opset}",
        )
    return read_kind("onnx", kind, call, opset, FOREIGN)


def flow(layer: Layer, shape: Shape) -> LayerFlow:
    """What the operator does to data of this shape, batch included.

    Raises:
        ShapeError: with onnxruntime's words in `quote` where it has some. Where it gives a tensor without elements and
            says nothing, `detail` names its shape.
    """
    shape = tuple(shape)
    try:
        return flow_kind(KINDS[layer.kind], layer, shape)
    except ShapeError as error:
        if error.code == "CW108" and layer.arguments.get("mode") == "wrap":
            error.code, error.hint = "CW210", "pad less, or take a larger input"
            error.detail = "onnxruntime wraps several times over, and gives the same size"
        elif error.code in ("CW103", "CW104"):
            given = _given_all_the_same(layer, shape)
            if given is not None:
                error.detail = f"{error.detail}\nonnxruntime itself gives {given} and says nothing".strip()
            elif not error.quote:
                error.quote = nothing_left(layer, error, shape)
        elif error.code == "CW108" and not error.quote:
            error.quote = nothing_left(layer, error, shape)
        raise


def _given_all_the_same(layer: Layer, shape: Shape) -> Shape | None:
    """The shape that onnxruntime gives where no window of a pool fits, or where resizing leaves nothing.

    It divides towards zero, so that a window that lacks less than a stride is counted as one.
    """
    op = layer.ops[-1]
    if not isinstance(op, Pool | Resize | Pad) or len(shape) != op.rank + 2 or 0 in shape:
        return None
    batch, channels, spatial = Layout().split(shape)
    outs: list[int | None] = []
    for place, size in enumerate(spatial):
        if size is None:
            outs.append(None)
        elif isinstance(op, Resize):
            outs.append(op.out(place, size))
        elif isinstance(op, Pad):
            outs.append(size + op.pads[place].total)
        else:
            axis = op.windows[place].over(size)
            # Dividing towards zero: what lacks less than a stride is one window, what lacks more than two is refused.
            outs.append(axis.out if axis.out > 0 else 1 - (1 - axis.places) // axis.stride)
    return Layout().join(batch, channels, tuple(outs)) if all(out is None or out >= 0 for out in outs) else None


def respell(layer: Layer, changes: Mapping[str, Value]) -> str:
    """The user's own call with `changes` made, in the user's own style."""
    changes = {name: as_list(value) for name, value in changes.items()}
    return respelled(layer, KINDS[layer.kind].parameters, changes, anew)


def pads(layer: Layer, pads: tuple[Pads, ...]) -> Mapping[str, Value] | None:
    """The ends of all axes after their starts, and no word beside them."""
    if "pads" not in layer.arguments or any(min(pad.low, pad.high) < 0 for pad in pads):
        return None
    ends = (*(pad.low for pad in pads), *(pad.high for pad in pads))
    return {"auto_pad": None, "pads": ends if any(ends) else None}


DIALECT = Dialect("onnx", "ONNX", CURRENT, OPSETS, frozenset(KINDS), read, enter, flow, spell, respell, pads)
