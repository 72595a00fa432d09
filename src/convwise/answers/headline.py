"""The answer in one sentence, and the rows below it: what a good teacher says first, second and third."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convwise.answers.elsewhere import elsewhere
from convwise.answers.explanation import AxisFacts, Fact, Finding, show
from convwise.answers.pools import adaptive_row, ceil_row, divisor_row, empty_row, whole_map
from convwise.answers.transposed import transposed_headline, transposed_rows
from convwise.answers.vocabulary import argument
from convwise.answers.wording import also, cells, last_cells, listed, ordinal, plural, positions, wide
from convwise.axis import Axis, Same, Window
from convwise.dialects.base import LayerFlow
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Resize,
)
from convwise.ops.shape import elements, known
from convwise.ops.space import Crop

ANY_INPUT = "The kernel never changes; the input only decides how many places it fits."


def groups(axes: Sequence[AxisFacts]) -> Iterator[tuple[AxisFacts, ...]]:
    """Axes that behave alike, together: they are told once."""
    left = list(axes)
    while left:
        alike = tuple(
            axis
            for axis in left
            if (axis.axis, axis.window, axis.out, axis.size)
            == (left[0].axis, left[0].window, left[0].out, left[0].size)
        )
        yield alike
        left = [axis for axis in left if axis not in alike]


def headline(flow: LayerFlow, axes: Sequence[AxisFacts]) -> str:
    """One sentence that answers the question: why is the output that size?"""
    op = flow.layer.window_op or (flow.layer.ops[0] if flow.layer.ops else None)
    if op is None:
        return "It passes its input on unchanged."
    if isinstance(op, ConvTranspose):
        return transposed_headline(flow.layer, op, axes)
    if isinstance(op, Conv | Pool):
        told: dict[str, list[str]] = {}
        for alike in groups(axes):
            told.setdefault(_sliding(flow, op, alike), []).extend(axis.name for axis in alike)
        if len(told) == 1:
            return next(iter(told))
        return " ".join(f"{listed(names).capitalize()}: {text[0].lower()}{text[1:]}" for text, names in told.items())
    return _still(op)


def _sliding(flow: LayerFlow, op: Conv | Pool, alike: tuple[AxisFacts, ...]) -> str:
    facts, window = alike[0], alike[0].window
    assert window is not None
    axis = facts.axis
    if window.stride > 1:
        return _strided(flow, op, window, axis)
    if window.keeps_size:
        if window.span == 1:
            return "A window of one cell fits everywhere: the size stays."
        given = flow.layer.arguments.get("padding")
        word = given.lower() if isinstance(given, str) else given
        rule = f"{word!r} at stride 1" if word in ("same", "causal") else "The padding"
        first = ", all before the data" if word == "causal" else ""
        cost = plural(window.span - 1, "cell")
        return f"{rule} adds {cost}{first}, just what {wide(window.span)} takes away: the size stays."
    if axis is None:
        return ANY_INPUT
    lost = axis.size - axis.out
    if lost < 0:
        return f"The padding adds more cells than {wide(window.span)} takes away: the size grows by {-lost}."
    if axis.pad_low == axis.pad_high == 0:
        return f"Without padding {wide(window.span)} cannot start on {last_cells(lost)}: the size shrinks by {lost}."
    return f"The padding of {axis.pad_low} + {axis.pad_high} does not make up for {wide(window.span)}: the size shrinks by {lost}."


def _strided(flow: LayerFlow, op: Conv | Pool, window: Window, axis: Axis | None) -> str:
    stride = window.stride
    word = "halves it" if stride == 2 else f"divides it by {stride}"
    if isinstance(window.padding, Same):
        return "'same' keeps the size only at stride 1. In general it means ceil(size / stride)."
    given = argument(flow.layer, "stride") or "stride"
    place = "second" if stride == 2 else ordinal(stride)
    if axis is None:
        return f"Stride {stride} {word}: only every {place} place is used."
    even = Window(1, stride).over(axis.size).out
    if axis.out == even - 1:
        if flow.layer.dialect == "torch" and isinstance(op, Conv):
            return f"Stride {stride} {word.removesuffix(' it')}; missing padding costs the last one."
        return f"The stride {word}{', no pooling needed' if isinstance(op, Conv) and stride == 2 else ''}: {given}={stride} uses every {place} place."
    if axis.out == even:
        pooling = ", no pooling needed" if isinstance(op, Conv) and stride == 2 else ""
        exactly = "exactly " if axis.size % stride == 0 else ""
        return f"The stride {word}{pooling}: {given}={stride} uses every {place} place, {exactly}{axis.out} of them."
    more = "Missing padding costs more than the stride does" if axis.out < even else "The padding adds windows"
    return f"The stride {word}: {given}={stride} uses every {place} place. {more}: {axis.out}, not {even}."


def _still(op: Op) -> str:
    match op:
        case GlobalPool():
            return f"One number per channel, {whole_map(op)} over the whole map: any size works."
        case AdaptivePool():
            return "The output size is fixed; the windows adapt to the input, so any size works."
        case Pad():
            return "It adds cells around the data and changes nothing else."
        case Crop():
            return "It cuts cells off the edges and changes nothing else."
        case Resize():
            return "It resamples the map; channels stay as they are."
        case PixelShuffle():
            block = " x ".join([str(op.factor)] * op.rank)
            many = f"{op.factor**op.rank} channels"
            return f"Every {block} pixels become {many}." if op.inverse else f"Every {many} become {block} pixels."
        case Flatten():
            return (
                "All axes but the batch become one: their sizes multiply."
                if op.start == 1 and op.end == -1
                else "The axes become one: their sizes multiply."
            )
        case Dense():
            return "Only the last axis changes: its size becomes the number of units."
        case Pointwise() | Norm():
            return "It changes values, not sizes."
    return "The elements stay the same; only their arrangement changes."


def rows(flow: LayerFlow, axes: Sequence[AxisFacts]) -> tuple[Fact, ...]:
    """The labelled rows below the sentence."""
    told: list[Fact] = []
    op = flow.layer.window_op
    if isinstance(op, ConvTranspose):
        told += transposed_rows(flow.layer, op, list(groups(axes)))
    elif fixed := adaptive_row(flow):
        told.append(fixed)
    else:
        for alike in groups(axes):
            told += _axis_rows(alike)
        told += [row for row in (divisor_row(flow, op), empty_row(flow, op), elsewhere(flow)) if row is not None]
    if flattened := _flattened(flow):
        told.append(flattened)
    channels = _channels(flow)
    return (*told, *([channels] if channels else ()))


def _flattened(flow: LayerFlow) -> Fact | None:
    """`64 x 7 x 7 = 3136`: the sizes that become one."""
    if len(flow.layer.ops) != 1 or not isinstance(flow.layer.ops[0], Flatten):
        return None
    sizes = flow.layer.ops[0].joined(flow.input)
    if None in sizes or len(sizes) < 2:
        return None
    return Fact("features", (f"{show(sizes)} = {elements(sizes)}",))


def _axis_rows(alike: tuple[AxisFacts, ...]) -> Iterator[Fact]:
    facts = alike[0]
    names = ", ".join(axis.name for axis in alike)
    axis, window = facts.axis, facts.window
    if axis is None or window is None:
        open_size = f"n -> {facts.any_size}" if facts.size is None else facts.any_size
        if facts.formula:
            sides = "" if facts.pad_low == facts.pad_high else f": {facts.pad_low:+} before, {facts.pad_high:+} after"
            yield Fact(names, (facts.formula + sides,))
        if facts.any_size and (facts.size is None or window is not None):
            yield Fact("any size" if facts.formula else names, (open_size,))
        return
    yield Fact(names, _places(axis, window, facts))
    even = Window(1, window.stride).over(axis.size).out
    if window.stride > 1 and axis.out == even - 1 and not isinstance(window.padding, Same):
        yield Fact(f"{axis.out}, not {even}", (_why_less(axis),))
    elif axis.dilation > 1 and axis.kernel > 1 and len(facts.causes) > 1 and axis.out != axis.size:
        yield Fact("because", tuple(text for _, text in facts.causes))
    if isinstance(window.padding, Same):
        yield Fact("padding", _same_split(axis, window))
    if window.ceil and (row := ceil_row(axis, window)):
        yield row
    if axis.stride > 1 or axis.unread_data or axis.unread_padding:
        yield Fact("not read", (_unread(axis, window, [part.name for part in alike]),))
    others = "" if _told_with_unread(axis) else also(axis, window)
    kept = "n gives n: the size stays" if facts.any_size == "n" else facts.any_size
    yield Fact("any size", ("; ".join(part for part in (kept, others) if part),))


def _places(axis: Axis, window: Window, facts: AxisFacts) -> tuple[str, ...]:
    if isinstance(window.padding, Same):
        stride = axis.stride
        extra = (
            f", which is also floor(({axis.size} + {stride - 1}) / {stride})"
            if stride > 1 and axis.size % stride
            else ""
        )
        return (f"{facts.formula}{extra}",)
    start = f"{axis.size}"
    if axis.pad_low or axis.pad_high:
        start += f" + padding {axis.pad_low} + {axis.pad_high}"
    spread = f" ({axis.kernel} taps, dilation {axis.dilation})" if axis.dilation > 1 and axis.kernel > 1 else ""
    text = f"{start} -> {plural(max(axis.places, 0), 'place')} for {wide(axis.span)}{spread}"
    if axis.stride > 1:
        used = axis.out - 1 if axis.overhang else axis.out
        text += f" -> every {ordinal(axis.stride)}: {used}" + (", and one more by ceil_mode" if axis.overhang else "")
    return (text, facts.formula)


def _why_less(axis: Axis) -> str:
    span = axis.span
    if axis.pad_low == axis.pad_high == 0:
        return f"no padding: the window cannot start on {last_cells(span - 1)}"
    return f"padding {axis.pad_low} + {axis.pad_high} adds {axis.pad_low + axis.pad_high} places, {wide(span)} takes {span - 1}"


def _same_split(axis: Axis, window: Window) -> tuple[str, ...]:
    total = axis.pad_low + axis.pad_high
    split = f"{axis.pad_low} before, {axis.pad_high} after"
    if window.stride == 1:
        return (f"{total} in all: {split}, whatever the size",)
    if total == 0:
        first = f"none needed: ({axis.out} - 1) * {axis.stride} + {axis.span} <= {axis.size}"
    else:
        first = f"({axis.out} - 1) * {axis.stride} + {axis.span} - {axis.size} = {total}: {split}"
    other = axis.size - 1 if axis.size > 1 else axis.size + 1
    pads = window.pads(other)
    if pads.total == total:
        return (first,)
    return (first, f"(size {other} needs {pads.total}: {pads.low} before, {pads.high} after)")


def _told_with_unread(axis: Axis) -> bool:
    return not axis.unread_data and axis.stride > 1


def _unread(axis: Axis, window: Window, names: list[str]) -> str:
    unread = axis.unread_data
    if not unread:
        told = "nothing"
        if axis.unread_padding:
            told = f"no data; only {plural(axis.unread_padding, 'cell')} of padding, which is harmless"
        others = also(axis, window) if axis.stride > 1 else ""
        return f"{told}; {others}" if others else told
    if unread.gaps == 0:
        which = f"the last {cells(names, 1)}" if unread.tail == 1 else f"the last {unread.tail} {cells(names)}"
        return f"{which} ({positions(axis)})"
    return f"{cells(names)} {positions(axis)} ({int(unread):,} of {axis.size:,})"


def _channels(flow: LayerFlow) -> Fact | None:
    weighted = next((op for op in flow.layer.ops if isinstance(op, Conv | ConvTranspose | Dense)), None)
    if weighted is None:
        trained = "" if flow.trainable is None else f", of which {flow.trainable:,} trainable"
        return Fact("parameters", (f"{flow.params:,}{trained}",)) if flow.params else None
    counts = [_parameters(flow)]
    if flow.macs is not None:
        batch = known(flow.input[:1]) if flow.layer.rank and len(flow.input) == flow.layer.rank + 2 else 1
        counts.append(
            f"{flow.macs:,} MACs (multiply-adds, 2 FLOPs each)" + (f" for the batch of {batch}" if batch > 1 else "")
        )
    if isinstance(weighted, Dense):
        return Fact(
            "features",
            (f"{flow.input[-1] if flow.input[-1] is not None else '?'} -> {flow.output[-1]}: {', '.join(counts)}",),
        )
    if any(isinstance(op, Permute) for op in flow.layer.ops):
        return None  # the channels stand at different places before and after
    where = -1 if flow.layer.channels_last else len(flow.input) - len(flow.axes) - 1
    before, after = flow.input[where], flow.output[where]
    head = f"{'?' if before is None else before} -> {'?' if after is None else after}"
    return Fact("channels", (f"{head}: {', '.join(counts)}", *_weights(flow, before)))


def _parameters(flow: LayerFlow) -> str:
    if flow.layer.shared:
        return "the parameters of its first use"
    return (
        plural(flow.params, "parameter") if flow.params is not None else "parameters not known before the channels are"
    )


def _weights(flow: LayerFlow, channels: int | None) -> Iterator[str]:
    """What the parameters are: `each of the 32 filters has 3 x 3 x 3 weights and a bias`."""
    ops = [op for op in flow.layer.ops if isinstance(op, Conv | ConvTranspose)]
    if channels is None or not ops:
        return
    bound = [ops[0].bound(channels)]
    for op in ops[1:]:
        bound.append(op.bound(bound[-1].out_channels))
    told = []
    for op in bound:
        if op.in_channels is None or op.out_channels is None or op.groups is None:
            return
        seen = op.in_channels // op.groups
        size = show((*op.kernel, seen))
        bias = " and a bias" if op.bias else ""
        which = f"each of the {op.out_channels} filters" if op.out_channels > 1 else "the one filter"
        reads = "" if op.groups == 1 else f", and reads {seen} of the {op.in_channels} channels"
        told.append(f"{which} has {size} weights{bias}{reads}")
    yield "; then ".join(told)


def findings(flow: LayerFlow, axes: Sequence[AxisFacts]) -> tuple[Finding, ...]:
    """What is worth a warning: gaps, windows that see only padding; and the notes of the dialect."""
    found: list[Finding] = []
    node = flow.layer.name
    for alike in groups([axis for axis in axes if axis.axis is not None]):
        axis = alike[0].axis
        assert axis is not None
        names = [part.name for part in alike]
        if axis.unread_data.gaps:
            found.append(_gaps(axis, names, node, axes))
        if axis.blind:
            bare = ", so all they hold is the bias" if isinstance(flow.layer.window_op, Conv) else ""
            text = f"{plural(axis.blind, 'output')} of {axis.out} along {' and '.join(names)} {'sees' if axis.blind == 1 else 'see'} only padding{bare}"
            found.append(Finding("CW503", "warning", text, node, "use less padding"))
    op = flow.layer.ops[0] if flow.layer.ops else None
    if isinstance(op, Resize) and flow.layer.dialect == "torch" and len(flow.axes) == 1 and len(flow.input) == 3:
        batch, channels, length = flow.input
        text = f"{show(flow.input)} is read as a batch of {batch}, {channels} channels, length {length}; for one picture write 1x{'x'.join(map(str, flow.input))}"
        found.append(Finding("CW509", "note", text, node))
    found += [Finding(note.code, "note", note.text, node) for note in flow.layer.notes]
    return tuple(found)


def _gaps(axis: Axis, names: list[str], node: str | None, axes: Sequence[AxisFacts]) -> Finding:
    if axis.stride > axis.span:
        reason = f"stride {axis.stride} steps over a {axis.span}-wide window"
    else:
        reason = f"stride {axis.stride} and dilation {axis.dilation} leave cells between the taps"
    share = 1.0
    for part in axes:
        if part.axis is not None and part.axis.size:
            share *= 1 - int(part.axis.unread_data) / part.axis.size
    what = "pixels" if len(axes) > 1 else "cells"
    text = f"{reason}: {cells(names)} {positions(axis)} are never read ({int(axis.unread_data):,} of {axis.size:,}; {share:.0%} of {what} read)"
    return Finding(
        "CW501",
        "warning",
        text,
        node,
        f"a kernel of {axis.stride} reads every cell"
        if axis.stride > axis.span
        else "use a stride and a dilation without a common divisor",
    )
