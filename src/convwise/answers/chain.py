"""Chains: the size history, what must match between layers, what is free, and where it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from convwise.answers.aimed import aim, aimed, not_aimed
from convwise.answers.chain_sizes import called, main_op, never, never_at, sizes_fact, wanted_inputs, would_work
from convwise.answers.explanation import Explanation, Fact, Finding, Fix, show
from convwise.answers.layer import broken_fixes, explain_layer, read_back
from convwise.answers.network.apart import kept_apart
from convwise.answers.network.flowing import run
from convwise.answers.network.rows import FLAT, mixed_rows, rows_fact
from convwise.answers.respelled import spatial
from convwise.answers.roundtrip import comes_back, trip, ways_back
from convwise.answers.taken import Taken, taken
from convwise.answers.wanted import for_axes, verdict
from convwise.answers.wording import listed, plural
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, describe, in_use
from convwise.errors import Meant, ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Flatten, Pool, Reshape, Shape
from convwise.ops.shape import elements, total
from convwise.readers.models import straight


def explain_chain(
    spoken: Dialect,
    layers: Sequence[Layer],
    entered: Entered,
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
    takes = taken(spoken, layers, flows, entered.shape)
    if takes is not None and takes.never:
        raise _no_size(spoken, layers, flows, entered, takes, notes)
    there_and_back = trip(layers, flows)
    rows = _rows(spoken, layers, entered.shape)
    found = [
        *(finding for part in parts for finding in part.findings),
        *rows,
        *(Finding(note.code, "note", note.text) for note in notes),
    ]
    facts = _facts(layers, flows, takes)
    if there_and_back:
        facts += comes_back(spoken, layers, flows, there_and_back)
    if want is not None:
        ends = aimed(spoken, layers, flows, want, read_back, called)
    else:
        ends = ways_back(spoken, layers, flows, there_and_back, read_back) if there_and_back else ()
    proposals = tuple(replace(fix, output=entered.leave(fix.output)) for fix in ends)
    if want is None:
        proposals += tuple(
            replace(fix, label=f"{part.name or part.kind} {fix.label}") for part in parts for fix in part.fixes
        )
    told = _verdict(layers, flows[-1], want)
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=layers[0].release,
        kind="Sequential",
        code="\n".join(layer.call.text for layer in layers),
        input=entered.leave(entered.shape),
        output=entered.leave(current),
        headline=_headline(layers, takes),
        facts=(
            *facts,
            *rows_fact(rows),
            *_wanted(layers, takes, want),
            *(not_aimed(want, layers, told, ends) if None not in current[1:] else ()),
        ),
        findings=tuple(found),
        fixes=proposals[:3],
        params=total(flow.params for flow in flows),
        trainable=total(flow.trainable for flow in flows),
        macs=total(flow.macs for flow in flows),
        want=want,
        verdict=told,
        parts=parts,
    )


def _rows(spoken: Dialect, layers: Sequence[Layer], shape: Shape) -> tuple[Finding, ...]:
    """Rows that are no samples, where a layer of the chain lays its input out anew."""
    if not any(isinstance(op, Reshape) and not op.keeps_batch for layer in layers for op in layer.ops):
        return ()
    network = straight(spoken.name, tuple(layers), shape, "")
    return tuple(mixed_rows(run(network, shape, strict=False)))


def _parts(spoken: Dialect, flows: Sequence[LayerFlow], entered: Entered) -> tuple[Explanation, ...]:
    return tuple(explain_layer(spoken, flow, entered, alone=False) for flow in flows)


def _headline(layers: Sequence[Layer], found: Taken | None) -> str:
    spatial = [layer for layer in layers if isinstance(main_op(layer), Conv | ConvTranspose)]
    dense = any(isinstance(main_op(layer), Dense) for layer in layers[1:])
    if not spatial or found is None or not (found.free or found.fixed):
        return "It fits."
    if found.fixed:
        place = found.fixer
        flat = place is not None and isinstance(main_op(layers[place]), Dense)
        who = "a layer" if place is None else "the dense layer" if flat else called(layers[place])
        what = "the size" if len(found.fixed) == len(found.legal) else f"the {listed(found.fixed)}"
        return f"It fits. Between convolutions only channels must match; {who} fixes {what} as well."
    if dense:
        return "It fits. Only channels and features must match; the size is free."
    names = found.legal.names
    return f"Yes. Only channels must match; {listed(names)} need{'s' if len(names) == 1 else ''} not."


def _wanted(layers: Sequence[Layer], found: Taken | None, want: tuple[int, ...] | None) -> tuple[Fact, ...]:
    sizes = aim(layers, want)
    return wanted_inputs(found, sizes) if sizes else ()


def _verdict(layers: Sequence[Layer], last: LayerFlow, want: tuple[int, ...] | None) -> str:
    ranks = {layer.rank for layer in layers if layer.window_op is not None}
    if want is None or len(ranks) != 1:
        return ""
    rank = ranks.pop() or 0
    if len(last.output) not in (rank + 1, rank + 2) or any(isinstance(op, Flatten) for one in layers for op in one.ops):
        return ""
    return verdict(spatial(replace(last.layer, rank=rank), last.output), for_axes(want, rank))


def _facts(layers: Sequence[Layer], flows: Sequence[LayerFlow], found: Taken | None) -> tuple[Fact, ...]:
    told: list[Fact] = []
    pairs = list(pairwise(flows))
    matches = tuple(line for before, after in pairs for line in _match(before, after))
    if len(matches) > 2:
        matches = tuple(line for before, after in pairs for line in _match(before, after, brief=True))
    if len(matches) > 6:
        matches = (*matches[:5], f"and {len(matches) - 5} more of the same kind")
    if matches:
        told.append(Fact("must match", matches))
    told += sizes_fact(layers, found)
    if len(flows) > 2:
        told += totals_fact(total(flow.params for flow in flows), total(flow.macs for flow in flows))
    return tuple(told)


def totals_fact(params: int | None, macs: int | None) -> tuple[Fact, ...]:
    """What all layers together have and compute, where both are known."""
    if not params or not macs:
        return ()
    return (Fact("in all", (f"{params:,} parameters, {macs:,} MACs (multiply-adds; FLOPs are twice as many)",)),)


def _match(before: LayerFlow, after: LayerFlow, brief: bool = False) -> list[str]:
    """What the second layer needs of the first; `brief` leaves out the shape of its weights."""
    op = main_op(after.layer)
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
        flat = next((one for one in before.layer.ops if isinstance(one, Flatten)), None)
        sizes = flat.joined(before.input) if flat is not None else ()
        factors = f" = {show(sizes)}" if len(sizes) > 1 and elements(sizes) == features else ""
        need = "takes" if brief else "'s weights need"
        return [f"{name}{' ' if brief else ''}{need} {features} features: {giver} gives {features}{factors}"]
    return []


def _no_size(
    spoken: Dialect,
    layers: Sequence[Layer],
    flows: Sequence[LayerFlow],
    entered: Entered,
    takes: Taken,
    notes: Sequence[Note],
) -> ShapeError:
    """A chain without an input that takes no input of any size: a break at the layer that says so."""
    place = never_at(takes)
    hint = "with an input, such as 3x32x32, the numbers that reach each layer are told"
    error = ShapeError("CW518", never(layers, takes), layer=describe(layers[place]), hint=hint)
    parts = _parts(spoken, flows[:place], entered)
    error.explanation = _broken_chain(spoken, layers, flows[:place], parts, entered, error, notes)
    return error


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
    proposals = _chain_fixes(spoken, layers, flows, reached, error, not entered.added)
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
        facts=would_work(layers, flows, error, taken(spoken, layers, flows, entered.shape)),
        # Where the axes are to be turned first, how the rest would be read is another question.
        findings=tuple(
            Finding(note.code, "note", note.text)
            for note in notes
            if note.code != "CW509" or not isinstance(error.hint, Meant)
        ),
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


def _samples_apart(
    spoken: Dialect, layers: Sequence[Layer], flows: Sequence[LayerFlow], error: ShapeError, batched: bool
) -> tuple[Fix, ...]:
    """A Flatten that takes the batch along, or a view that mixes samples, as one that keeps them apart, and the dense layers made for its rows."""
    if error.code not in ("CW106", "CW109") or not batched or not flows:
        return ()
    flowed = run(straight(spoken.name, tuple(layers), flows[0].input, ""), flows[0].input, strict=False)
    apart = kept_apart(flowed)
    if apart is None or spoken.name not in FLAT:
        return ()
    place = next(number for number, node in enumerate(flowed.network.nodes) if node is apart.node)
    code = "nn.Flatten()" if layers[place].call.text.startswith("nn.") else apart.code
    # The output of the whole stands beside the change that makes it whole.
    first = apart.rows if apart.made else apart.output
    fixes = [Fix(code, first, "", f"in the place of {called(layers[place])}: keeps the samples apart")]
    for one in apart.made:
        made = next(layer for layer, node in zip(layers, flowed.network.nodes, strict=True) if node.name == one.node)
        output = apart.output if one is apart.made[-1] else ()
        respelled = spoken.respell(made, {"in_features": one.features}) if spoken.name == "torch" else ""
        if not respelled:
            return ()
        fixes.append(Fix(respelled, output, "", f"for {called(made)}: takes what then reaches it"))
    return tuple(fixes)


def _chain_fixes(
    spoken: Dialect,
    layers: Sequence[Layer],
    flows: Sequence[LayerFlow],
    reached: Shape,
    error: ShapeError,
    batched: bool,
) -> tuple[Fix, ...]:
    """The fixes of the broken layer; where the map has become too small, also the chain without the pool before it."""
    layer = layers[len(flows)]
    if apart := _samples_apart(spoken, layers, flows, error, batched):
        return apart
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
