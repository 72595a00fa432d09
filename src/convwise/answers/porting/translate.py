"""A chain of one framework, op by op, into the words of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from convwise.answers.porting import pointwise
from convwise.answers.porting.arrangement import Arrangement, map_order, plain
from convwise.answers.porting.draft import CannotSay, Draft, Target
from convwise.answers.porting.reading import Chain, Piece
from convwise.answers.porting.stages import Feeds, Fetch, Move
from convwise.axis import Window
from convwise.errors import CodeError, ConvwiseError
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

MAPPED = (Conv, ConvTranspose, Pool, GlobalPool, AdaptivePool, Pad, Crop, Resize, PixelShuffle)


def translate(chain: Chain, target: Target, *, lenient: bool = False) -> Draft:
    """The stages of the port; `lenient` lets kernels of another shape stand for those that the target lacks.

    Raises:
        CannotSay: for the first op that the target cannot do exactly.
    """
    state = (
        map_order(len(chain.input) - 2, chain.channels_last, target.channels_last)
        if _is_map(chain)
        else plain(len(chain.input))
    )
    draft = Draft(target, state.shape(chain.input), state, open_sizes=chain.assumed, lenient=lenient)
    for piece in chain.pieces():
        draft.source = piece.layer_number
        try:
            visit(draft, piece)
        except ConvwiseError as error:
            error.layer = error.layer or _name(piece)
            raise
    return draft


def _is_map(chain: Chain) -> bool:
    return any(layer.rank for layer in chain.layers) and 3 <= len(chain.input) <= 5


def _name(piece: Piece) -> str:
    return f"{piece.layer.name or piece.layer_number} ({piece.layer.kind})"


def visit(draft: Draft, piece: Piece) -> None:
    """One op of the source."""
    op = piece.op
    if isinstance(op, MAPPED):
        _mapped(draft, piece)
    elif isinstance(op, Unfold | Fold):
        draft.as_source() if isinstance(op, Fold) else draft.as_map(piece.layer.channels_last)
        draft.write(op)
        draft.state = plain(len(piece.output))
    else:
        for kind, how in VISITS.items():
            if isinstance(op, kind):
                how(draft, piece, op)
                return
        raise CannotSay("CW317", f"{draft.target.title} has no layer for this: {type(op).__name__}")


def feeds_of(piece: Piece) -> Feeds:
    """The weights of one op of the source, as the engine names them."""
    op = piece.op
    roles: tuple[str, ...] = ()
    if isinstance(op, Conv | ConvTranspose | Dense):
        roles = ("weight", "bias") if op.bias else ("weight",)
    elif isinstance(op, Norm):
        has = {"scale": op.scale, "shift": op.center, "mean": op.moments, "variance": op.moments}
        roles = tuple(role for role, there in has.items() if there)
    elif isinstance(op, Pointwise) and op.kind == "prelu":
        roles = ("slope",)
    return tuple((role, Fetch(piece.layer_number, piece.op_number, role)) for role in roles)


def _mapped(draft: Draft, piece: Piece) -> None:
    op: Any = (
        _plain_resize(piece, draft.lenient, draft.target.channels_last) if isinstance(piece.op, Resize) else piece.op
    )
    last = piece.layer.channels_last
    if len(piece.input) != op.rank + 2:
        raise CannotSay("CW317", f"{len(piece.input)} axes where a map of {op.rank} spatial ones has {op.rank + 2}")
    draft.as_map(last)
    if isinstance(op, Pool) and piece.layer.dialect == "onnx":
        for note in piece.layer.notes:
            if note.code == "CW505":
                raise CannotSay("CW317", note.text, hint="write its padding as pads=[...], with ceil_mode=0")
    if isinstance(op, Pad) and op.mode == "constant" and op.value == 0 and _leaves_alone(op):
        return
    draft.write(op, feeds_of(piece))
    rank = len(piece.output) - 2
    draft.state = map_order(rank, last, draft.target.channels_last) if rank > 0 else plain(len(piece.output))


def _plain_resize(piece: Piece, lenient: bool = False, target_last: bool = True) -> Resize | AdaptivePool:
    """The resize by the engine's names: what a framework calls nearest or area is not what the other does."""
    op = piece.op
    assert isinstance(op, Resize)
    sizes = [size or 0 for size in (piece.input[1:-1] if piece.layer.channels_last else piece.input[2:])]
    outs = tuple(op.out(axis, size) for axis, size in enumerate(sizes))
    if piece.layer.dialect not in ("keras", "torch"):
        whole = op.scales is not None and all(scale.denominator == 1 for scale in op.scales)
        if any(note.code == "CW505" for note in piece.layer.notes) or (op.mode == "nearest" and not whole):
            fact = f"which cells {piece.layer.kind} takes here is a rule of its own"
            raise CannotSay("CW317", fact, hint="scales of whole numbers with half_pixel, or mode='linear', are ported")
    if op.mode == "area":
        # PyTorch's area is adaptive pooling; TensorFlow's weighs the cells that are cut, of which there are none here.
        whole = all(size % out == 0 for size, out in zip(sizes, outs, strict=True))
        return (
            AdaptivePool("average", outs)
            if piece.layer.dialect == "torch" or whole
            else replace(op, mode="area of parts")
        )
    if piece.layer.dialect == "keras" and op.sizes is not None and op.mode == "nearest":
        return replace(op, mode="nearest-exact")
    if op.mode.partition("+")[0] == "cubic" and piece.layer.dialect == "keras" and not lenient:
        return replace(
            op, mode=op.mode.replace("cubic", "keys", 1)
        )  # TensorFlow's cubic kernel is Keys's, PyTorch's another
    if op.mode == "keys" and lenient and not target_last:
        return replace(op, mode="cubic")
    return op


def _leaves_alone(op: Pad) -> bool:
    return all(pads.low == pads.high == 0 for pads in op.pads)


def _flatten(draft: Draft, piece: Piece, op: Flatten) -> None:
    axes = len(piece.input)
    if draft.open_sizes and axes > 2:
        raise CodeError(
            "CW310",
            "what a Flatten gives depends on the size of the input, and none was given",
            hint="give the input: input_shape=..., or --input",
        )
    if (op.start % axes, op.end % axes) == (1, axes - 1):
        if axes > 2 or not draft.stages:
            draft.write(Flatten())
        draft.state = draft.state.flattened(piece.input, op.channels_to_last) if axes > 2 else draft.state
        return
    draft.as_source()
    draft.write(op)
    draft.state = plain(len(piece.output))


def _dense(draft: Draft, piece: Piece, op: Dense) -> None:
    feeds = feeds_of(piece)
    if draft.state.shuffled:
        rows = Move("rows", (*draft.state.cells, *draft.state.order))
        feeds = tuple((role, fetch.then(rows) if role == "weight" else fetch) for role, fetch in feeds)
        draft.write(
            op,
            feeds,
            "its columns follow the other order of Flatten"
            if not draft.target.channels_last
            else "its rows follow the other order of Flatten",
        )
        draft.state = plain(2)
        return
    axes = len(piece.input)
    if draft.state.axes[-1] == axes - 1:
        # The features are the last axis in both; the axes before them are carried along.
        draft.write(op, feeds)
        return
    if 3 <= axes <= 5 and draft.state == map_order(axes - 2, True, draft.target.channels_last):
        rank = axes - 2
        window = Conv((Window(1),) * rank, op.in_features, op.out_features, 1, op.bias)
        moved = tuple(
            (role, fetch.then(Move("window", (rank,))) if role == "weight" else fetch) for role, fetch in feeds
        )
        draft.write(window, moved, "Dense on the channels of a map")
        return
    draft.as_source()
    draft.write(op, feeds)


def _norm(draft: Draft, piece: Piece, op: Norm) -> None:
    if op.kind == "instance" and op.moments:
        op = replace(op, kind="batch")  # with stored moments, inference is batch normalisation
    axes = len(piece.input)
    places = (
        ((axes - 1 if piece.layer.channels_last else 1),)
        if isinstance(op.axes, str)
        else tuple(axis % axes for axis in op.axes)
    )
    if 0 in places:
        raise CannotSay("CW317", "normalising over the batch")
    feeds = feeds_of(piece)
    changes = momentum(piece, draft.target.name)
    if len(places) == 1 and op.kind in ("batch", "group", "instance"):
        if draft.state.shuffled and op.kind == "batch":
            rows = Move("rows", (*draft.state.cells, *draft.state.order))
            feeds = tuple((role, fetch.then(rows)) for role, fetch in feeds)
        else:
            draft.unshuffle()
            wanted = axes - 1 if draft.target.channels_last else 1
            if draft.state.target_axis(places[0]) != wanted:
                others = [axis for axis in draft.state.axes if axis != places[0]]
                others.insert(wanted, places[0])
                draft.arrange(Arrangement(tuple(others)))
        said = replace(op, axes="channels", features=piece.input[places[0]] if op.features is None else op.features)
    else:
        places = tuple(sorted(places))
        draft.arrange(Arrangement((*(axis for axis in range(axes) if axis not in places), *places)))
        sizes = tuple(piece.input[place] or 0 for place in places)
        said = replace(op, axes=tuple(range(-len(places), 0)), shape=sizes, features=prod(sizes))
    first = len(draft.stages)
    draft.write(*_filled(said, feeds, draft.target.name))
    if changes:
        _change(draft, first, changes)


def _filled(op: Norm, feeds: Feeds, target: str) -> tuple[Norm, Feeds]:
    """Where the target has no shift without a scale, the scale is ones."""
    if target == "keras" and op.kind == "rms" and not op.scale and op.shape is not None:
        return replace(op, scale=True), (("scale", Fetch(-1, 0, "scale", (Move("ones", op.shape),))), *feeds)
    shaped = op.shape if op.shape is not None else (op.features or 0,)
    if target == "onnx" and op.kind == "rms":
        ones = () if op.scale else (("scale", Fetch(-1, 0, "scale", (Move("ones", shaped),))),)
        return replace(op, scale=True), (*ones, *feeds)
    whole = target == "onnx" and op.kind != "unit"
    if whole and op.features is not None and not (op.scale and op.center):
        ones = () if op.scale else (("scale", Fetch(-1, 0, "scale", (Move("ones", shaped),))),)
        zeros = () if op.center else (("shift", Fetch(-1, 0, "shift", (Move("zeros", shaped),))),)
        return replace(op, scale=True, center=True), (*ones, *zeros, *feeds)
    if target == "torch" and op.center and not op.scale and op.features is not None:
        return replace(op, scale=True), (("scale", Fetch(-1, 0, "scale", (Move("ones", (op.features,)),))), *feeds)
    return op, feeds


MOMENTUM = {"keras": 0.99, "torch": 0.1, "jax": 0.99, "onnx": 0.9, "tensorflow": 0.99}
"""The default of each framework; PyTorch's is the share of the new value, everyone else's that of the old one."""


def momentum(piece: Piece, target: str) -> Mapping[str, Any]:
    """The target's momentum, where it is not its default."""
    op, here = piece.op, piece.layer.arguments.get("momentum", MOMENTUM.get(piece.layer.dialect, 0.99))
    if not isinstance(op, Norm) or op.kind != "batch" or not isinstance(here, int | float) or isinstance(here, bool):
        return {}
    old = 1 - here if piece.layer.dialect == "torch" else here
    there = round(1 - old if target == "torch" else old, 12)
    return {} if there == MOMENTUM[target] else {"momentum": there}


def _change(draft: Draft, first: int, changes: Mapping[str, Any]) -> None:
    """Write arguments that no op holds into the stage that is the layer."""
    from convwise import dialects
    from convwise.readers.source import read_layer

    for number, stage in enumerate(draft.stages[first:], first):
        if stage.layer is not None and "momentum" in stage.layer.arguments:
            text = dialects.get(draft.target.name).respell(stage.layer, changes)
            text = f"nn.{text}" if draft.target.name == "torch" and not text.startswith("nn.") else text
            (layer,) = read_layer(text, draft.target.name)
            draft.stages[number] = replace(stage, text=text, layer=layer)


def _permute(draft: Draft, piece: Piece, op: Permute) -> None:
    draft.unshuffle()
    draft.state = draft.state.source_moved(op.order)


def _reshape(draft: Draft, piece: Piece, op: Reshape | Unflatten) -> None:
    draft.as_source()
    if piece.output == piece.input:
        return
    target = tuple(size or 0 for size in piece.output[1:])
    draft.write(Flatten() if len(target) == 1 else Reshape(target))
    draft.state = plain(len(piece.output))


def _gate(draft: Draft, piece: Piece, op: Gate) -> None:
    draft.unshuffle()
    draft.write(Gate(draft.state.target_axis(op.axis)))


def _pointwise(draft: Draft, piece: Piece, op: Pointwise) -> None:
    pointwise.write(draft, piece, op, feeds_of(piece))


VISITS: Mapping[type, Callable[[Draft, Piece, Any], None]] = {
    Flatten: _flatten,
    Dense: _dense,
    Norm: _norm,
    Permute: _permute,
    Reshape: _reshape,
    Unflatten: _reshape,
    Gate: _gate,
    Pointwise: _pointwise,
}
