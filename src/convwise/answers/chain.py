"""Chains: the size history, what must match between layers, what is free, and where it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

from convwise.answers.aimed import aim, aimed, not_aimed
from convwise.answers.explanation import Explanation, Fact, Finding, Fix, show
from convwise.answers.fixes import spatial
from convwise.answers.layer import broken_fixes, explain_layer, read_back
from convwise.answers.paths import ANY, Span, sources
from convwise.answers.roundtrip import comes_back, trip, ways_back
from convwise.answers.wanted import for_axes, verdict
from convwise.answers.wording import listed, plural
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, describe, in_use
from convwise.errors import ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalPool,
    Op,
    Pool,
    Reshape,
    Shape,
    spatial_names,
)


def explain_chain(
    spoken: Dialect,
    layers: Sequence[Layer],
    entered: Entered,
    shape: Shape,
    want: tuple[int, ...] | None,
    notes: Sequence[Note],
) -> Explanation:
    """A chain from its input to its end.

    Raises:
        ShapeError: at the first layer that does not take what reaches it, with the history up to there in `.explanation`.
    """
    flows: list[LayerFlow] = []
    current = entered.shape
    for layer in layers:
        try:
            flows.append(in_use(spoken, layer, current))
        except ShapeError as error:
            parts = _parts(spoken, flows, entered)
            error.explanation = _broken_chain(spoken, layers, flows, parts, entered, error, notes)
            raise
        current = flows[-1].output
    parts = _parts(spoken, flows, entered)
    there_and_back = trip(layers, flows)
    found = [
        *(finding for part in parts for finding in part.findings),
        *(Finding(note.code, "note", note.text) for note in notes),
    ]
    proposals = tuple(
        replace(fix, label=f"{part.name or part.kind} {fix.label}") for part in parts for fix in part.fixes
    )
    facts = _facts(layers, flows)
    if there_and_back:
        facts += comes_back(spoken, layers, flows, there_and_back)
        back = ways_back(spoken, layers, flows, there_and_back, read_back)
        proposals = (*(replace(fix, output=entered.leave(fix.output)) for fix in back), *proposals)
    ends = aimed(spoken, layers, flows, want, read_back, called)
    proposals = (*(replace(fix, output=entered.leave(fix.output)) for fix in ends), *proposals)
    told = _verdict(layers, flows[-1], want)
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=layers[0].release,
        kind="Sequential",
        code="\n".join(layer.call.text for layer in layers),
        input=entered.leave(entered.shape),
        output=entered.leave(current),
        headline=_headline(layers),
        facts=(
            *facts,
            *_wanted(layers, want),
            *(not_aimed(want, layers, told, ends) if None not in current[1:] else ()),
        ),
        findings=tuple(found),
        fixes=proposals[:3],
        params=_total(flow.params for flow in flows),
        trainable=_total(flow.trainable for flow in flows),
        macs=_total(flow.macs for flow in flows),
        want=want,
        verdict=told,
        parts=parts,
    )


def _total(counts: Any) -> int | None:
    known = list(counts)
    return None if None in known else sum(known)


def _parts(spoken: Dialect, flows: Sequence[LayerFlow], entered: Entered) -> tuple[Explanation, ...]:
    return tuple(explain_layer(spoken, flow, entered, alone=False) for flow in flows)


def called(layer: Layer) -> str:
    """The layer's own name; its kind where it has none, with its number where that is its name."""
    if layer.name and layer.name.isdigit():
        return f"{layer.kind} ({layer.name})"
    return layer.name or layer.kind


def _main(layer: Layer) -> Op | None:
    return next(
        (op for op in layer.ops if isinstance(op, Conv | ConvTranspose | Pool | Dense)),
        layer.ops[0] if layer.ops else None,
    )


def _headline(layers: Sequence[Layer]) -> str:
    spatial = [layer for layer in layers if isinstance(_main(layer), Conv | ConvTranspose)]
    dense = any(isinstance(_main(layer), Dense) for layer in layers[1:])
    if spatial and not dense:
        rank = next((layer.rank for layer in spatial if layer.rank), 2)
        sizes = listed(spatial_names(rank))
        return f"Yes. Only channels must match; {sizes} need{'s' if rank == 1 else ''} not."
    if spatial and _tied(layers) is not None:
        return "It fits. Between convolutions only channels must match; the dense layer fixes the size as well."
    if spatial:
        return "It fits. Only channels and features must match; the size is free."
    return "It fits."


def _tied(layers: Sequence[Layer]) -> int | None:
    """The place of the dense layer whose features depend on the size of the map: the first one behind a Flatten."""
    flat = next((place for place, layer in enumerate(layers) if any(isinstance(op, Flatten) for op in layer.ops)), None)
    if flat is None or any(isinstance(op, GlobalPool | AdaptivePool) for layer in layers[:flat] for op in layer.ops):
        return None
    return next((place for place in range(flat, len(layers)) if isinstance(_main(layers[place]), Dense)), None)


def _wanted(layers: Sequence[Layer], want: tuple[int, ...] | None) -> tuple[Fact, ...]:
    """Which inputs give the wanted size at the end of the chain."""
    sizes = aim(layers, want)
    return (Fact("as it stands", (_inputs(layers, sizes, f"gives {show(sizes)}"),)),) if sizes else ()


def _verdict(layers: Sequence[Layer], last: LayerFlow, want: tuple[int, ...] | None) -> str:
    ranks = {layer.rank for layer in layers if layer.window_op is not None}
    if want is None or len(ranks) != 1:
        return ""
    rank = ranks.pop() or 0
    if len(last.output) not in (rank + 1, rank + 2) or any(isinstance(op, Flatten) for one in layers for op in one.ops):
        return ""
    return verdict(spatial(replace(last.layer, rank=rank), last.output), for_axes(want, rank))


def _inputs(layers: Sequence[Layer], sizes: tuple[int, ...], gives: str) -> str:
    """`an input of 32 x 32 to 35 x 35`: which inputs the layers map to `sizes`."""
    spans = sources(layers, [Span(size, size) for size in sizes])
    if spans is None:
        return ""
    if any(span.empty for span in spans):
        return f"no input {gives}"
    low, high = show(tuple(span.low for span in spans)), show(tuple(span.high for span in spans))
    return f"an input of {low}" + (f" to {high}" if low != high else "") + (f" {gives}" if gives else "")


def _facts(layers: Sequence[Layer], flows: Sequence[LayerFlow]) -> tuple[Fact, ...]:
    told: list[Fact] = []
    pairs = list(pairwise(flows))
    matches = tuple(line for before, after in pairs for line in _match(before, after))
    if len(matches) > 2:
        matches = tuple(line for before, after in pairs for line in _match(before, after, brief=True))
    if len(matches) > 6:
        matches = (*matches[:5], f"and {len(matches) - 5} more of the same kind")
    if matches:
        told.append(Fact("must match", matches))
    tied = _tied(layers)
    if tied is not None:
        told += _fixed(layers, flows, tied)
    elif free := _smallest(layers):
        told.append(Fact("free", (free,)))
    params, macs = _total(flow.params for flow in flows), _total(flow.macs for flow in flows)
    if params and macs and len(flows) > 2:
        told.append(Fact("in all", (f"{params:,} parameters, {macs:,} MACs (multiply-adds; FLOPs are twice as many)",)))
    return tuple(told)


def _fixed(layers: Sequence[Layer], flows: Sequence[LayerFlow], tied: int) -> list[Fact]:
    """Which input sizes the dense layer behind a Flatten admits, once its weights exist."""
    op = _main(layers[tied])
    flat = next(place for place, layer in enumerate(layers) if any(isinstance(one, Flatten) for one in layer.ops))
    features = op.in_features if isinstance(op, Dense) and op.in_features else flows[tied].input[-1]
    maps = flows[flat].input
    rank = next((layer.rank for layer in reversed(layers[:flat]) if layer.rank), None)
    if not features or rank is None or len(maps) != rank + 2:
        return []
    text = _admitted(layers, maps, features, rank, layers[flat])
    return [Fact("size", (f"{called(layers[tied])} takes {features} features: {text}",))] if text else []


def _admitted(layers: Sequence[Layer], maps: Shape, features: int, rank: int, flatten: Layer) -> str:
    """The inputs whose maps flatten to `features`: `16 x 5 x 5, from an input of 32 x 32 to 35 x 35`."""
    last = flatten.channels_last
    channels = maps[-1] if last else maps[1]
    names = " x ".join(spatial_names(rank))
    if not channels:
        return ""
    if features % channels:
        return f"{features} is not {channels} x {names} for any size: no input can make it fit"
    cells = features // channels
    known = maps[1 : 1 + rank] if last else maps[2:]
    side = round(cells ** (1 / rank))
    sizes: tuple[int, ...] = (side,) * rank
    if None not in known and prod(size or 0 for size in known) == cells:
        sizes = tuple(size or 0 for size in known)
    elif side**rank != cells:
        return f"a map with {names} = {cells}"
    found = _inputs(layers, sizes, "")
    shown = show((*sizes, channels) if last else (channels, *sizes))
    return f"{shown}, from {found}" if found else f"{shown} before {called(flatten)}"


def _match(before: LayerFlow, after: LayerFlow, brief: bool = False) -> list[str]:
    """What the second layer needs of the first; `brief` leaves out the shape of its weights."""
    op = _main(after.layer)
    name, giver = called(after.layer), called(before.layer)
    if isinstance(op, Conv | ConvTranspose) and after.layer.rank:
        where = -1 if after.layer.channels_last else len(after.input) - after.layer.rank - 1
        channels = after.input[where]
        bound = op.bound(channels)
        if bound.out_channels is None or bound.in_channels is None or bound.groups is None:
            return []
        if channels is None:
            return []
        if brief:
            return [f"{name} takes {plural(bound.in_channels, 'channel')}: {giver} gives {channels}"]
        kernel = "x".join(map(str, op.kernel))
        weights = bound.weight_shape() or ()
        ends = weights[:2] if after.layer.dialect == "torch" else weights[1::-1]
        sides = "x".join(map(str, ends))
        order = f"{kernel}x{sides}" if after.layer.dialect == "keras" else f"{sides}x{kernel}"
        return [f"{name}'s {order} weights need {plural(bound.in_channels, 'channel')}: {giver} gives {channels}"]
    if isinstance(op, Dense):
        features = after.input[-1]
        if features is None:
            return []
        flattens = any(isinstance(one, Flatten) for one in before.layer.ops) and len(after.input) == 2
        factors = f" = {show(before.input[1:])}" if flattens and len(before.input) > 2 else ""
        need = "takes" if brief else "'s weights need"
        return [f"{name}{' ' if brief else ''}{need} {features} features: {giver} gives {features}{factors}"]
    return []


def _smallest(layers: Sequence[Layer]) -> str:
    ranks = {layer.rank for layer in layers if layer.rank}
    if len(ranks) != 1:
        return ""
    rank = ranks.pop() or 0
    spans = sources(layers, (ANY,) * rank)
    if spans is None:
        return ""
    size = show(tuple(span.low for span in spans))
    names = " and ".join(spatial_names(rank))
    return f"any {names} from {size} up {'works' if rank == 1 else 'work'}"


def _broken_chain(
    spoken: Dialect,
    layers: Sequence[Layer],
    flows: Sequence[LayerFlow],
    parts: tuple[Explanation, ...],
    entered: Entered,
    error: ShapeError,
    notes: Sequence[Note],
) -> Explanation:
    layer = layers[len(flows)]
    reached = flows[-1].output if flows else entered.shape
    proposals = _chain_fixes(spoken, layers, flows, reached, error)
    batched = _with_batch(spoken, layers, entered)
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=layer.release,
        kind="Sequential",
        code="\n".join(one.call.text for one in layers),
        input=entered.leave(entered.shape),
        output=entered.leave(reached),
        headline=f"No. It breaks at {describe(layer)}, layer {len(flows) + 1} of {len(layers)}.",
        facts=_what_would_work(layers, flows, error),
        findings=tuple(Finding(note.code, "note", note.text) for note in notes),
        fixes=(*batched, *(replace(fix, output=entered.leave(fix.output)) for fix in proposals)),
        params=None,
        macs=None,
        parts=parts,
        error=error,
    )


def _with_batch(spoken: Dialect, layers: Sequence[Layer], entered: Entered) -> tuple[Fix, ...]:
    """The same input with a batch of 1, where that makes all layers fit: then none of them is to blame."""
    current: Shape = (1, *entered.shape)
    if entered.added:
        return ()
    try:
        for layer in layers:
            current = in_use(spoken, layer, current).output
    except ShapeError:
        return ()
    return (Fix(f"an input of {show((1, *entered.shape))}", current, "", "a batch of 1 makes all layers fit"),)


def _what_would_work(layers: Sequence[Layer], flows: Sequence[LayerFlow], error: ShapeError) -> tuple[Fact, ...]:
    """Inputs under which the broken layer would be reached by what it takes."""
    reshape = layers[len(flows)].ops[:1]
    if error.code == "CW106" and flows and reshape and isinstance(reshape[0], Reshape):
        target, maps = reshape[0].target, flows[-1].output
        rank = next((layer.rank for layer in reversed(layers[: len(flows)]) if layer.rank), None)
        if len(target) == 2 and target[0] < 0 < target[1] and rank is not None and len(maps) == rank + 2:
            text = _admitted(layers[: len(flows)], maps, target[1], rank, layers[len(flows)])
            return (Fact("would work", (text,)),) if text else ()
    if error.code == "CW104":
        text = _smallest(layers).removesuffix(" works").removesuffix(" work")
        return (Fact("would work", (text,)),) if text else ()
    if error.code == "CW109" and flows and any(isinstance(op, Flatten) for op in flows[-1].layer.ops):
        return _features(layers[: len(flows)], flows[-1], layers[len(flows)])
    return ()


def _features(layers: Sequence[Layer], flatten: LayerFlow, dense: Layer) -> tuple[Fact, ...]:
    """Where the features come from, and which input sizes, if any, give what the dense layer takes."""
    op = _main(dense)
    rank = next((layer.rank for layer in reversed(layers) if layer.rank), None)
    maps = flatten.input
    if not isinstance(op, Dense) or op.in_features is None or rank is None or len(maps) < rank + 1:
        return ()
    came = Fact("features", (f"{called(flatten.layer)} gives {show(maps[1:])} = {flatten.output[-1]}",))
    if len(maps) == rank + 1:
        whole = show((1, *maps))
        return (
            came,
            Fact(
                "batch",
                (f"there is none, so the channels stay apart: before {called(flatten.layer)} it should be {whole}",),
            ),
        )
    return (came, Fact("would work", (_admitted(layers, maps, op.in_features, rank, flatten.layer),)))


def _chain_fixes(
    spoken: Dialect, layers: Sequence[Layer], flows: Sequence[LayerFlow], reached: Shape, error: ShapeError
) -> tuple[Fix, ...]:
    """The fixes of the broken layer; where the map has become too small, also the chain without the pool before it."""
    layer = layers[len(flows)]
    found = [
        fix if fix.label == fix.code else replace(fix, label=f"{called(layer)} {fix.label}")
        for fix in broken_fixes(spoken, layer, reached, error)
    ]
    if error.code != "CW104":
        return tuple(found)
    place = next((n for n in reversed(range(len(flows))) if isinstance(layers[n].window_op, Pool)), None)
    if place is not None and all(len(flow.input) == len(reached) for flow in flows[place:]):
        current = flows[place].input
        try:
            for other in [*layers[place + 1 :]]:
                current = in_use(spoken, other, current).output
        except ShapeError:
            return tuple(found)
        code = "\n".join(one.call.text for one in (*layers[:place], *layers[place + 1 :]))
        pool = layers[place]
        last = f"without {called(pool)}" if pool.name else f"without layer {place + 1}, {pool.kind}"
        found.append(Fix(code, current, last, "the end of the chain"))
    return tuple(found)
