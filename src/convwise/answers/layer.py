"""One layer explained: when it works, and when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convwise.answers.axes import axis_facts
from convwise.answers.explanation import AxisFacts, Explanation, Fact, Finding, Fix, show
from convwise.answers.fixes import fixes, read_every_cell
from convwise.answers.headline import findings, headline, rows
from convwise.answers.respelled import spatial
from convwise.answers.size_arguments import sized
from convwise.answers.transposed import transposed_fixes
from convwise.answers.undo import undo
from convwise.answers.wanted import for_axes, out_of_reach, verdict, want_row
from convwise.axis import SAME_UPPER
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, in_training
from convwise.errors import ConvwiseError, FlattenFirst, Meant, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Pool, Shape
from convwise.readers.source import read_layer


def explain_layer(
    spoken: Dialect,
    flow: LayerFlow,
    entered: Entered,
    notes: Sequence[Note] = (),
    want: tuple[int, ...] | None = None,
    alone: bool = True,
) -> Explanation:
    """One layer that works, explained; `alone` is False for a step of a chain, which needs no fixes of its own."""
    layer = flow.layer
    axes = axis_facts(flow)
    found = (*findings(flow, axes), *(Finding(note.code, "note", note.text) for note in notes))
    if not alone:
        found += training(spoken, layer, flow.input)
    proposals: tuple[Fix, ...] = ()
    back: tuple[Fix, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    told = rows(flow, axes)
    outs = spatial(layer, flow.output)
    want = for_axes(want, len(axes))
    gaps = any(finding.code == "CW501" for finding in found)
    if gaps and want is None:
        proposals = read_every_cell(layer, flow.input, read_back(layer))
    if alone:
        propose = transposed_fixes if isinstance(layer.window_op, ConvTranspose) else fixes
        proposals += propose(layer, flow.input, read_back(layer), outs, want)
        proposals += sized(layer, flow.input, want, read_back(layer))
        back = undo(flow, read_back(layer))
        refused = _not_these(spoken, layer, flow, want)
        told = _about_want(flow, axes, want, proposals, told)
        if want is not None and layer.window_op is None and not proposals and verdict(outs, want) != "as wanted":
            told += (Fact("wanted", (f"{show(want)} is not aimed at: {layer.kind} has no window that could change",)),)
    leave = entered.leave
    return Explanation(
        dialect=layer.dialect,
        title=spoken.title,
        release=layer.release,
        kind=layer.kind,
        code=layer.call.text,
        input=leave(flow.input),
        output=leave(flow.output),
        headline=headline(flow, axes),
        name=layer.name,
        axes=axes,
        facts=told,
        findings=tuple(found),
        fixes=tuple(replace(fix, output=leave(fix.output)) for fix in proposals),
        undo=tuple(replace(fix, output=leave(fix.output)) for fix in back),
        refused=refused,
        params=flow.params,
        trainable=flow.trainable,
        macs=flow.macs,
        want=want,
        verdict=verdict(outs, want),
    )


def training(spoken: Dialect, layer: Layer, shape: Shape, node: str | None = None) -> tuple[Finding, ...]:
    """A note where the layer takes the shape in evaluation alone."""
    error = in_training(spoken, layer, shape)
    if error is None:
        return ()
    text = f"in training {spoken.title} refuses {layer.kind} here, on {show(shape)}: {error.fact}"
    return (Finding("CW522", "note", text, node, "give a batch of at least 2, or call eval() first"),)


def _about_want(
    flow: LayerFlow,
    axes: tuple[AxisFacts, ...],
    want: tuple[int, ...] | None,
    proposals: tuple[Fix, ...],
    told: tuple[Fact, ...],
) -> tuple[Fact, ...]:
    """The rows with one more before the channels: which input this layer, as it is, maps to the wanted size."""
    row = want_row(flow.layer, axes, want)
    if row is None:
        return told
    reach = "" if proposals else out_of_reach(flow.layer, spatial(flow.layer, flow.input), want)
    place = next((place for place, fact in enumerate(told) if fact.label == "channels"), len(told))
    return (*told[:place], Fact(row.label, (*row.lines, *([reach] if reach else []))), *told[place:])


def read_back(layer: Layer) -> Any:
    """A reader for the layer's own dialect and release: what a fix is checked with."""
    return lambda text: read_layer(text, dialect=layer.dialect, release=layer.release)


def broken(
    spoken: Dialect,
    layer: Layer,
    entered: Entered,
    error: ShapeError,
    notes: Sequence[Note],
    want: tuple[int, ...] | None,
) -> Explanation:
    """The explanation that an error of one layer carries: what was given, and what would work."""
    want = for_axes(want, layer.rank or 0)
    proposals = broken_fixes(spoken, layer, entered.shape, error, want) if entered.shape else ()
    return Explanation(
        dialect=layer.dialect,
        title=spoken.title,
        release=layer.release,
        kind=layer.kind,
        code=layer.call.text,
        input=entered.leave(entered.shape),
        output=(),
        headline=error.message,
        name=layer.name,
        facts=_truncated(layer, entered.shape, error),
        findings=tuple(Finding(note.code, "note", note.text) for note in (*notes, *layer.notes)),
        fixes=tuple(replace(fix, output=entered.leave(fix.output)) for fix in proposals),
        params=None,
        macs=None,
        want=want,
        error=error,
    )


def broken_fixes(
    spoken: Dialect, layer: Layer, reached: Shape, error: ShapeError, want: tuple[int, ...] | None = None
) -> tuple[Fix, ...]:
    """The broken layer made for what reaches it: its channels, its features, or a window that fits."""
    read = read_back(layer)
    words = {"CW102": ("in_channels", "num_features", "num_channels"), "CW109": ("in_features",)}.get(error.code, ())
    if words and not any(word in layer.arguments for word in words):
        return ()  # no argument names the channels, and another window takes no others
    for word in words:
        # An input in the other framework's order is to be turned, not the layer.
        if word not in layer.arguments or type(error.received) is not int or error.received < 1:
            continue
        if isinstance(error.hint, Meant | FlattenFirst):
            continue
        try:
            code = spoken.respell(layer, {word: error.received})
            (changed,) = read(code)
            output = spoken.flow(changed, reached).output
        except ShapeError:
            continue
        return (
            Fix(code, output, code, f"takes the {error.received} that reach{'es' if error.received == 1 else ''} it"),
        )
    # Read back, a Keras layer has no weights yet, and would take any channels.
    return () if error.code in ("CW102", "CW109") else fixes(layer, reached, read, None, want)


def _truncated(layer: Layer, shape: Shape, error: ShapeError) -> tuple[Fact, ...]:
    """A warning where rounding towards zero, as some runtimes do, makes one window of none."""
    op, sizes = layer.window_op, spatial(layer, shape)
    if error.code != "CW104" or not isinstance(op, Conv | Pool) or sizes is None or len(sizes) != len(op.windows):
        return ()
    for window, size in zip(op.windows, sizes, strict=True):
        axis = window.over(size)
        missing = axis.span - axis.padded
        if 0 < missing < axis.stride and not window.ceil:
            text = f"-{missing} / {axis.stride} rounds down to -1, so there are -1 + 1 = 0 windows; a runtime that rounds towards zero answers 1"
            return (Fact("beware", (text,)),)
    return ()


def _not_these(
    spoken: Dialect, layer: Layer, flow: LayerFlow, want: tuple[int, ...] | None
) -> tuple[tuple[str, str], ...]:
    """What looks like the answer and is refused: PyTorch's 'same' with a stride, where ceil(size / stride) is missed."""
    op, sizes, outs = layer.window_op, spatial(layer, flow.input), spatial(layer, flow.output)
    if layer.dialect != "torch" or not isinstance(op, Conv) or all(window.stride == 1 for window in op.windows):
        return ()
    if sizes is None or outs is None:
        return ()
    windows = (replace(window, padding=SAME_UPPER) for window in op.windows)
    share = tuple(window.over(size).out for window, size in zip(windows, sizes, strict=True))
    if share == outs or want not in (None, share):
        return ()
    try:
        read_layer(spoken.respell(layer, {"padding": "same"}), dialect="torch", release=layer.release)
    except Refusal as refusal:
        return (("padding='same'", refusal.quote),)
    except ConvwiseError:
        return ()
    return ()
