"""Chains: the size history, what must match between layers, what is free, and where it breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from convwise.answers.explanation import Explanation, Fact, Finding, Fix, show
from convwise.answers.paths import ANY, Span, sources, until_flatten
from convwise.answers.wording import plural
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, describe
from convwise.errors import ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Flatten, Op, Pool, Shape, spatial_names

ExplainLayer = Callable[..., Explanation]


def explain_chain(
    spoken: Dialect,
    layers: Sequence[Layer],
    entered: Entered,
    shape: Shape,
    want: tuple[int, ...] | None,
    notes: Sequence[Note],
    explain_layer: ExplainLayer,
) -> Explanation:
    """A chain from its input to its end.

    Raises:
        ShapeError: at the first layer that does not take what reaches it, with the history up to there in `.explanation`.
    """
    flows: list[LayerFlow] = []
    current = entered.shape
    for layer in layers:
        try:
            flows.append(spoken.flow(layer, current))
        except ShapeError as error:
            parts = _parts(spoken, flows, entered, explain_layer)
            error.explanation = _broken_chain(spoken, layers, flows, parts, entered, error, notes)
            raise
        current = flows[-1].output
    parts = _parts(spoken, flows, entered, explain_layer)
    found = [
        *(finding for part in parts for finding in part.findings),
        *(Finding(note.code, "note", note.text) for note in notes),
    ]
    proposals = tuple(
        replace(fix, label=f"{part.name or part.kind} {fix.label}") for part in parts for fix in part.fixes
    )
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=layers[0].release,
        kind="Sequential",
        code="\n".join(layer.call.text for layer in layers),
        input=entered.leave(entered.shape),
        output=entered.leave(current),
        headline=_headline(layers),
        facts=_facts(layers, flows, entered),
        findings=tuple(found),
        fixes=proposals[:3],
        params=_total(flow.params for flow in flows),
        trainable=_total(flow.trainable for flow in flows),
        macs=_total(flow.macs for flow in flows),
        want=want,
        parts=parts,
    )


def _total(counts: Any) -> int | None:
    known = list(counts)
    return None if None in known else sum(known)


def _parts(
    spoken: Dialect, flows: Sequence[LayerFlow], entered: Entered, explain_layer: ExplainLayer
) -> tuple[Explanation, ...]:
    return tuple(explain_layer(spoken, flow, entered, alone=False) for flow in flows)


def called(layer: Layer) -> str:
    """The layer's own name; its kind where it has none or only a number."""
    return layer.name if layer.name and not layer.name.isdigit() else layer.kind


def _main(layer: Layer) -> Op | None:
    return next(
        (op for op in layer.ops if isinstance(op, Conv | ConvTranspose | Pool | Dense)),
        layer.ops[0] if layer.ops else None,
    )


def _headline(layers: Sequence[Layer]) -> str:
    spatial = [layer for layer in layers if isinstance(_main(layer), Conv | ConvTranspose)]
    dense = next((layer for layer in layers if isinstance(_main(layer), Dense) and layer is not layers[0]), None)
    if spatial and dense is None:
        return "Yes. Only channels must match; height and width need not."
    if spatial:
        return "It fits. Between convolutions only channels must match; the dense layer fixes the size as well."
    return "It fits."


def _facts(layers: Sequence[Layer], flows: Sequence[LayerFlow], entered: Entered) -> tuple[Fact, ...]:
    told: list[Fact] = []
    matches = tuple(line for before, after in pairwise(flows) for line in _match(before, after))
    if matches:
        told.append(
            Fact(
                "must match",
                matches if len(matches) <= 6 else (*matches[:5], f"and {len(matches) - 5} more of the same kind"),
            )
        )
    free = _free(layers)
    if free:
        told.append(Fact("free", (free,)))
    return tuple(told)


def _match(before: LayerFlow, after: LayerFlow) -> list[str]:
    """What the second layer needs of the first."""
    op = _main(after.layer)
    name, giver = called(after.layer), called(before.layer)
    if isinstance(op, Conv) and after.layer.rank:
        where = -1 if after.layer.channels_last else len(after.input) - after.layer.rank - 1
        channels = after.input[where]
        bound = op.bound(channels)
        if bound.out_channels is None or bound.in_channels is None or bound.groups is None:
            return []
        kernel = "x".join(map(str, op.kernel))
        per_group = bound.in_channels // bound.groups
        order = (
            f"{kernel}x{per_group}x{bound.out_channels}"
            if after.layer.dialect == "keras"
            else f"{bound.out_channels}x{per_group}x{kernel}"
        )
        return [f"{name}'s {order} weights need {plural(bound.in_channels, 'channel')}: {giver} gives {channels}"]
    if isinstance(op, Dense):
        features = after.input[-1]
        factors = f" = {show(before.input[1:])}" if len(before.input) > 2 and len(after.input) == 2 else ""
        return [f"{name}'s weights need {features} features: {giver} gives {features}{factors}"]
    return []


def _free(layers: Sequence[Layer]) -> str:
    """From which size on the chain works; empty where that cannot be said, or a dense layer ties the size."""
    ties = any(isinstance(op, Dense) and op.in_features is not None for layer in layers for op in layer.ops)
    if ties and len(until_flatten(layers)) < len(layers):
        return ""
    return _smallest(layers)


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
    proposals = _chain_fixes(spoken, layer, flows, reached, error)
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
        fixes=tuple(replace(fix, output=entered.leave(fix.output)) for fix in proposals),
        params=None,
        macs=None,
        parts=parts,
        error=error,
    )


def _what_would_work(layers: Sequence[Layer], flows: Sequence[LayerFlow], error: ShapeError) -> tuple[Fact, ...]:
    """Inputs under which the broken layer would be reached by what it takes."""
    if error.code == "CW104":
        text = _smallest(layers)
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
    channels = maps[-1] if flatten.layer.channels_last else maps[len(maps) - rank - 1]
    names = " x ".join(spatial_names(rank))
    if not channels or op.in_features % channels:
        why = f"{op.in_features} is not {channels} x {names} for any size: no input can make it fit"
        return (came, Fact("would work", (why,)))
    cells = op.in_features // channels
    side = round(cells ** (1 / rank))
    if side**rank != cells:
        return (came, Fact("would work", (f"a map with {names} = {cells}",)))
    spans = sources(layers, (Span(side, side),) * rank)
    if spans is None or any(span.empty for span in spans):
        return (
            came,
            Fact("would work", (f"a map of {show((side,) * rank)} before {called(flatten.layer)}",)),
        )
    low, high = show(tuple(span.low for span in spans)), show(tuple(span.high for span in spans))
    return (came, Fact("would work", (f"an input of {low}" + (f" to {high}" if low != high else ""),)))


def _chain_fixes(
    spoken: Dialect, layer: Layer, flows: Sequence[LayerFlow], reached: Shape, error: ShapeError
) -> tuple[Fix, ...]:
    """The broken layer made for what reaches it: its channels, its features, or a window that fits."""
    from convwise.answers.fixes import fixes
    from convwise.answers.why import read_back

    read = read_back(layer)
    words = {"CW102": ("in_channels", "num_features", "num_channels"), "CW109": ("in_features",)}.get(error.code, ())
    for word in words:
        if word not in layer.arguments or not isinstance(error.received, int) or error.received < 1:
            continue
        try:
            code = spoken.respell(layer, {word: error.received})
            (changed,) = read(code)
            output = spoken.flow(changed, reached).output
        except ShapeError:
            continue
        return (Fix(code, output, code, f"takes the {error.received} that reach it"),)
    return fixes(layer, reached, read, None)
