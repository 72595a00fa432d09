"""Activations, dropout and the like on their way into another framework: axes follow the tensor, settings take their plain form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

from convwise.answers.porting.draft import CannotSay, Draft
from convwise.answers.porting.reading import Piece
from convwise.answers.porting.stages import Feeds, Move
from convwise.ops import Permute, Pointwise

TRAINED = {
    "dropout": "",
    "spatial_dropout": "",
    "alpha_dropout": "",
    "gaussian_dropout": "Gaussian dropout",
    "gaussian_noise": "Gaussian noise",
    "feature_alpha_dropout": "feature alpha dropout",
}
"""Kinds that do nothing in inference; those with a name are not in every framework."""
AXIAL = ("softmax", "log_softmax", "softmin")
CHANNELED = ("channel_shuffle", "local_response_norm")
LAST = ("masking", "sparsemax")
"""Kinds that look along the last axis, whatever stands there."""
OPAQUE = "activation"


def write(draft: Draft, piece: Piece, op: Pointwise, feeds: Feeds) -> None:
    """Add the op's stage.

    Raises:
        CannotSay: where the target has nothing that gives these values.
    """
    if op.kind == OPAQUE:
        function = dict(op.options).get("function", "?")
        raise CannotSay("CW317", f"{function} is a function that the text does not give", hint="port it by hand")
    if op.kind == "prelu":
        _prelu(draft, piece, op, feeds)
    elif op.kind in AXIAL:
        _axial(draft, piece, op)
    elif op.kind in CHANNELED:
        draft.as_map(piece.layer.channels_last)
        draft.write(op)
    elif op.kind in TRAINED:
        _dropout(draft, piece, op)
    elif op.kind in LAST:
        draft.as_source()
        draft.write(op)
    elif op.kind in ("linear", "identity"):
        if op.options or piece.layer.kind.startswith("Random"):
            draft.warn(f"{piece.layer.kind} does something in training only: it is left out")
        draft.write(Pointwise("identity"))
    else:
        draft.write(settled(op, draft))


def settled(op: Pointwise, draft: Draft) -> Pointwise:
    """The op with its settings in their plain form: none where they are the mathematical function's own."""
    options: Mapping[str, Any] = dict(op.options)
    match op.kind:
        case "softplus" if options.get("beta", 1.0) == 1.0 and options.get("threshold", 20.0) >= 20:
            return Pointwise("softplus")
        case "hard_tanh" if (options.get("min_val"), options.get("max_val")) == (0, inf):
            return Pointwise("relu")
        case "hard_tanh" if (options.get("min_val", -1.0), options.get("max_val", 1.0)) == (-1.0, 1.0):
            return Pointwise("hard_tanh")
        case "gelu":
            return Pointwise("gelu", (("approximate", "tanh"),) if options.get("approximate") in (True, "tanh") else ())
        case "rrelu":
            draft.warn("RReLU draws its slope in training; in inference it is their mean, which the port uses always")
            return Pointwise("leaky_relu", (("negative_slope", (options["lower"] + options["upper"]) / 2),))
        case "relu" if not any(options.get(name) for name in ("negative_slope", "threshold")):
            most = options.get("max_value")
            return Pointwise("relu6") if most == 6 else op if most is not None else Pointwise("relu")
    return op


def _axial(draft: Draft, piece: Piece, op: Pointwise) -> None:
    axis: Any = dict(op.options).get("axis", -1)
    axes = len(piece.input)
    if axis is None:
        axis = 0 if axes in (0, 1, 3) else 1
    if isinstance(axis, tuple):
        draft.unshuffle()
        moved: Any = tuple(sorted(draft.state.target_axis(one) for one in axis))
    else:
        # Over all cells of a flattened axis their order does not matter.
        moved = draft.state.target_axis(axis)
        last = len(draft.shape) - 1
        moved = -1 if moved == last else moved
    draft.write(replace(op, options=(("axis", moved),)))


def _dropout(draft: Draft, piece: Piece, op: Pointwise) -> None:
    if piece.layer.kind == "tf.nn.dropout":
        draft.warn("tf.nn.dropout drops cells whenever it is called; the port does nothing in inference")
    options: Mapping[str, Any] = dict(op.options)
    rate = options.get("rate", 0.5)
    target = draft.target.name
    if op.kind == "spatial_dropout" and isinstance(rate, int | float) and 3 <= len(piece.input) <= 5:
        draft.as_map(piece.layer.channels_last)
        draft.write(Pointwise("spatial_dropout", (("rate", rate), ("rank", len(piece.input) - 2))))
        return
    known = {
        "keras": ("dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise"),
        "torch": ("dropout", "alpha_dropout", "feature_alpha_dropout"),
    }
    if op.kind in known.get(target, ()):
        kept = tuple((name, value) for name, value in op.options if name in ("rate", "stddev"))
        draft.write(replace(op, options=kept))
        return
    name = TRAINED[op.kind] or "dropout"
    draft.warn(
        f"{draft.target.title} has no {name}: in inference it does nothing, so the port leaves it out; training differs"
    )
    draft.write(Pointwise("identity"))


def _prelu(draft: Draft, piece: Piece, op: Pointwise, feeds: Feeds) -> None:
    """The slopes: one, one a channel, or one a cell, as the source shares them."""
    axes = len(piece.input)
    options: Mapping[str, Any] = dict(op.options)
    channel = axes - 1 if piece.layer.channels_last or axes == 2 else 1
    if piece.layer.dialect == "torch":
        own: tuple[int, ...] = () if options.get("num_parameters", 1) == 1 else (channel,)
    else:
        shared = {axis % axes for axis in options.get("shared_axes", ())}
        own = tuple(axis for axis in range(1, axes) if axis not in shared and piece.input[axis] != 1)
    draft.unshuffle()
    if draft.target.name == "torch" and own in ((), (channel,)):
        if own and draft.state.target_axis(channel) != 1:
            others = [axis for axis in draft.state.axes if axis != channel]
            order = tuple(draft.state.axes.index(axis) for axis in (others[0], channel, *others[1:]))
            draft.write(Permute(order))
            draft.state = draft.state.moved(order)
        count = piece.input[channel] or 1 if own else 1
        said = Pointwise("prelu", (("num_parameters", count), ("init", 0.25)), params=count)
        shape: tuple[int, ...] = (count,)
    else:
        places = [draft.state.target_axis(axis) for axis in own]
        if sorted(places) != places:
            draft.as_source()
            places = list(own)
        shape = tuple((draft.shape[axis] or 1) if axis in places else 1 for axis in range(1, axes))
        shared_axes = tuple(axis for axis in range(1, axes) if axis not in places)
        said = Pointwise("prelu", (("shared_axes", shared_axes),) if shared_axes else (), params=None)
    draft.write(said, tuple((role, fetch.then(Move("reshape", shape))) for role, fetch in feeds))
