"""Why is the output that size? One layer or a chain, read from text or from a live object, explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from convwise import dialects
from convwise.answers import chain as chains
from convwise.answers.axes import axis_facts
from convwise.answers.explanation import AxisFacts, Explanation, Fact, Finding, Fix, show
from convwise.answers.fixes import fixes, read_every_cell, spatial
from convwise.answers.headline import findings, headline, rows
from convwise.answers.inputs import as_shape, as_want, enter
from convwise.answers.repair import repairs
from convwise.answers.tracebacks import explain_traceback
from convwise.answers.transposed import transposed_fixes
from convwise.answers.undo import undo
from convwise.answers.wanted import for_axes, out_of_reach, verdict, want_row
from convwise.axis import SAME_UPPER
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, run_ops
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Layout, Op, Pool, Shape
from convwise.readers.live import read_live
from convwise.readers.source import Found, Snippet, read_layer, read_text


def explain(
    layer: Any,
    input_shape: Any = None,
    *,
    want: Any = None,
    dialect: str | None = None,
    release: str | None = None,
) -> Explanation:
    """Why a layer, or a chain of layers, gives the output size it gives.

    Args:
        layer: source text (`Conv2D(32, 3, strides=2)`, `nn.Conv2d(3, 16, 3)`, a Sequential, a whole snippet), a pasted
            shape error of PyTorch, Keras or ONNX Runtime, or a live Keras or PyTorch layer or model. Nothing is executed.
        input_shape: sizes in the framework's own order, with or without the batch: Keras (H, W, C), PyTorch (C, H, W); or text
            such as "64x64x3". None: the input written in the text; without one, what holds for any size.
        want: a wanted spatial output, "32x32" or (32, 32): the fixes aim at it.
        dialect: "keras" or "torch"; found from the text or object unless given.
        release: the framework's release, "3.15".

    Raises:
        ShapeError: the sizes do not work; `Refusal` where the framework refuses the layer. Both carry `.explanation`.
        CodeError: the text cannot be read, or holds several layer-input pairs (use `explain_all`).
        ArgumentError: an argument here is malformed.

    >>> e = explain("Conv2D(32, 3, strides=2)", (64, 64, 3))
    >>> e.output, e.params, e.axes[0].formula
    ((31, 31, 32), 896, 'floor((64 + 0 + 0 - 3) / 2) + 1 = 31')
    """
    wanted = None if want is None else as_want(want)
    shape = None if input_shape is None else as_shape(input_shape)
    try:
        snippet = _read(layer, dialect, release, shape)
    except CodeError as error:
        return _pasted_error(layer, error)
    found = _one_pair(snippet, shape)
    return _explain_found(snippet, found, shape if shape is not None else found.input_shape, wanted)


def explain_all(
    text: str, *, want: Any = None, dialect: str | None = None, release: str | None = None
) -> list[Explanation]:
    """One Explanation for each layer-and-input pair found in a text, in its order.

    Where there are several pairs, one that breaks does not hide the others: its Explanation has `.error` set.

    Raises:
        ShapeError, CodeError, ArgumentError: as `explain`, where the text holds one pair only.
    """
    try:
        snippet = _read(text, dialect, release, None)
    except CodeError as error:
        return [_pasted_error(text, error)]
    wanted = None if want is None else as_want(want)
    if len(snippet.found) == 1:
        return [_explain_found(snippet, snippet.found[0], snippet.found[0].input_shape, wanted)]
    told = []
    for number, found in enumerate(snippet.found):
        # What was done to the whole text is told once.
        snippet = snippet if number == 0 else replace(snippet, notes=())
        try:
            told.append(_explain_found(snippet, found, found.input_shape, wanted))
        except ConvwiseError as error:
            told.append(error.explanation or _only_error(snippet, found, error))
    return told


def _pasted_error(text: Any, error: CodeError) -> Explanation:
    """A text that is no code may be a framework's error message; if its kind is not known, `error` stands."""
    told = explain_traceback(text) if error.code in ("CW301", "CW307", "CW316") else None
    if told is None:
        raise error
    return told


def _only_error(snippet: Snippet, found: Found, error: ConvwiseError) -> Explanation:
    spoken = dialects.get(error.dialect or snippet.dialect)
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=spoken.release,
        kind=error.call.kind if error.call else "",
        code=error.call.text if error.call else "",
        input=found.input_shape or (),
        output=(),
        headline=error.message,
        name=found.name,
        params=None,
        macs=None,
        error=error,
    )


def output_shape(layer: Any, input_shape: Any, *, dialect: str | None = None, release: str | None = None) -> Shape:
    """The output shape alone, in the framework's order, with the batch if it was given.

    Raises:
        ShapeError, CodeError, ArgumentError: as `explain`, without the explanation.

    >>> output_shape("nn.Conv2d(3, 16, 3, stride=2, padding=1)", (3, 28, 28))
    (16, 14, 14)
    """
    if type(layer) is str and type(input_shape) is tuple:
        try:
            return _cached_shape(layer, input_shape, dialect, release)
        except TypeError:  # an unhashable size inside the tuple: the long way gives the proper error
            pass
    shape = as_shape(input_shape)
    snippet = _read(layer, dialect, release, shape)
    return _flow(_one_pair(snippet, shape), shape)


@lru_cache(maxsize=4096)
def _cached_shape(text: str, shape: tuple[Any, ...], dialect: str | None, release: str | None) -> Shape:
    checked = as_shape(shape)
    snippet = _read(text, dialect, release, checked)
    return _flow(_one_pair(snippet, checked), checked)


def _flow(found: Found, shape: Shape) -> Shape:
    if found.error is not None:
        raise found.error
    spoken = dialects.get(found.layers[0].dialect)
    entered = enter(spoken, found, shape)
    current = entered.shape
    for layer in found.layers:
        current = spoken.flow(layer, current).output
    return entered.leave(current)


def _read(layer: Any, dialect: str | None, release: str | None, shape: Shape | None) -> Snippet:
    """Text or a live object as a snippet; a refused layer learns what would be accepted."""
    if isinstance(layer, Op):
        # An op belongs to no framework; it is told in the words of the one asked for, PyTorch's by default.
        dialect = dialect or "torch"
        layer = dialects.get(dialect).spell((layer,), dialect == "keras")
    if isinstance(layer, str):
        try:
            snippet = read_text(layer, dialect=dialect, release=release)
        except Refusal as refusal:
            refusal.explanation = repairs(refusal, shape, release)
            raise
        for found in snippet.found:
            if isinstance(found.error, Refusal):
                given = shape if shape is not None else found.input_shape
                found.error.explanation = repairs(found.error, given, release)
        return snippet
    if isinstance(layer, Layer):
        return Snippet(layer.dialect, (Found((layer,), None, layer.name, None),), ())
    live = read_live(layer, release=release)
    if live is None:
        raise ArgumentError(
            "CW606",
            f"a layer is source text or a live Keras or PyTorch object, not {type(layer).__name__}",
            received=type(layer).__name__,
            hint='for example explain("Conv2D(32, 3)", (64, 64, 3))',
        )
    return live


def _one_pair(snippet: Snippet, shape: Shape | None) -> Found:
    """The only layer-and-input pair; with an explicit input, the only layer or chain.

    Raises:
        CodeError: CW309 where there are several.
    """
    # With an explicit input, one layer applied to several inputs in the text is still one layer.
    if len(snippet.found) > 1 and (
        shape is None or any(found.layers != snippet.found[0].layers for found in snippet.found)
    ):
        listed = "\n".join(
            f"  {found.name or found.layers[0].kind} (line {found.line}): {', '.join(one.call.text for one in found.layers)}"
            f" on {show(found.input_shape) if found.input_shape else 'no input'}"
            for found in snippet.found[:12]
        )
        raise CodeError(
            "CW309",
            f"{len(snippet.found)} layer-input pairs, where one is explained at a time",
            received=len(snippet.found),
            detail=listed.strip(),
            hint="use explain_all, or give one of them",
        )
    return snippet.found[0]


def _explain_found(snippet: Snippet, found: Found, shape: Shape | None, want: tuple[int, ...] | None) -> Explanation:
    if found.error is not None:
        raise found.error
    layers = found.layers
    spoken = dialects.get(layers[0].dialect)
    if shape is None:
        # No input: every size stays open, and what the framework asks of real sizes is not asked.
        shape = _open_shape(layers)
        spoken = replace(spoken, flow=_open_flow)
    entered = enter(spoken, found, shape)
    notes = (*snippet.notes, *found.notes, *entered.notes)
    if len(layers) > 1:
        return chains.explain_chain(spoken, layers, entered, shape, want, notes, explain_layer)
    try:
        flow = spoken.flow(layers[0], entered.shape)
    except ShapeError as error:
        error.explanation = broken(spoken, layers[0], entered, error, notes, want)
        raise
    return explain_layer(spoken, flow, entered, notes, want)


def _open_flow(layer: Layer, shape: Shape) -> LayerFlow:
    batched = layer.rank is None or len(shape) == layer.rank + 2
    return run_ops(layer, shape, Layout(layer.channels_last, batched))


def _open_shape(layers: Sequence[Layer]) -> Shape:
    """An input whose sizes are all unknown, for a layer whose rank is known; PyTorch's channels are the layer's own.

    Raises:
        CodeError: CW310 where even the number of axes is open.
    """
    first = next((layer for layer in layers if layer.rank), None)
    if first is None or first.rank is None:
        raise CodeError("CW310", "no input shape in the text, and none was given", hint="give one, such as 64x64x3")
    unknown: Shape = (None,) * first.rank
    op = first.ops[0] if first.ops else None
    channels = op.in_channels if isinstance(op, Conv) else None
    batch = (None,) if len(layers) > 1 else ()
    return (*batch, *unknown, channels) if first.channels_last else (*batch, channels, *unknown)


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
    proposals: tuple[Fix, ...] = ()
    back: tuple[Fix, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    told = rows(flow, axes)
    outs = spatial(layer, flow.output)
    want = for_axes(want, len(axes))
    gaps = any(finding.code == "CW501" for finding in found)
    if alone or gaps:
        proposals = read_every_cell(layer, flow.input, read_back(layer)) if gaps else ()
    if alone:
        propose = transposed_fixes if isinstance(layer.window_op, ConvTranspose) else fixes
        proposals += propose(layer, flow.input, read_back(layer), outs, want)
        back = undo(flow, read_back(layer))
        refused = _not_these(spoken, layer, flow, want)
        told = _about_want(flow, axes, want, proposals, told)
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
    proposals = chains.broken_fixes(spoken, layer, entered.shape, error, want) if entered.shape else ()
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
