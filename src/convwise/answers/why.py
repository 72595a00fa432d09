"""Why is the output that size? One layer or a chain, read from text or from a live object, explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from convwise import dialects
from convwise.answers.explanation import Explanation, Fact, Finding, show
from convwise.answers.inputs import as_shape, as_want, enter
from convwise.answers.layer import broken, explain_layer
from convwise.answers.printed import in_order
from convwise.answers.repair import repairs
from convwise.dialects.base import Dialect, Entered, Layer, LayerFlow, Note, in_use, run_ops
from convwise.errors import ArgumentError, CodeError, ConvwiseError, ModelError, Refusal, ShapeError
from convwise.graph import Network
from convwise.ops import Layout, Op, Shape
from convwise.readers.echo import shown
from convwise.readers.entering import open_shape
from convwise.readers.live import read_live, unread_hint
from convwise.readers.source import Found, Snippet, read_text

REPORTED = ("rror", "Exception", "Traceback", "annot be multiplied", "Invalid", "Fail")
"""One of these stands in every error message that is known."""

PLAIN = frozenset((int, type(None)))
"""The types of the sizes of a shape that needs no look."""


def explain(
    layer: Any,
    input_shape: Any = None,
    *,
    want: Any = None,
    dialect: str | None = None,
    release: str | None = None,
    model: Any = None,
) -> Explanation:
    """Why a layer, or a chain of layers, gives the output size it gives.

    Args:
        layer: source text (`Conv2D(32, 3, strides=2)`, `nn.Conv2d(3, 16, 3)`, a Sequential, a whole snippet), a pasted
            shape error of PyTorch, Keras or ONNX Runtime, or a live Keras or PyTorch layer or straight line of known layers
            (other live models are for `read`). Text is never executed.
        input_shape: sizes in the framework's own order, with or without the batch: Keras (H, W, C), PyTorch (C, H, W); or text
            such as "64x64x3". None: the input written in the text; without one, what holds for any size.
        want: a wanted spatial output, "32x32" or (32, 32): the fixes aim at it.
        dialect: "keras", "torch", "tensorflow", "jax" or "onnx"; found from the text or object unless given.
        release: the framework's release, "3.15".
        model: for a pasted shape error, the model that it came from: what `read` takes, or a Network. The layer that says it is
            then found (`.name`), with the input sizes that make it say so and those that work. Code in the same text counts too.
            Of a live PyTorch model the `forward` is run, on symbols.

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
    if model is not None:
        return _error_of(layer, model, shape, dialect)
    if (told := _beside_code(layer, shape, dialect)) is not None:
        return told
    with _unknown_beside(layer) as beside:
        try:
            snippet = _read(layer, dialect, release, shape, wanted)
        except CodeError as error:
            return beside(_not_a_line(layer, error, shape, dialect, release))
        found = _one_pair(snippet, shape)
        return beside(_explain_found(snippet, found, shape if shape is not None else found.input_shape, wanted))


def explain_all(
    text: str, *, want: Any = None, dialect: str | None = None, release: str | None = None, model: Any = None
) -> list[Explanation]:
    """One Explanation for each layer-and-input pair found in a text, in its order.

    Where there are several pairs, one that breaks does not hide the others: its Explanation has `.error` set.

    `model` is the model that a pasted shape error came from, as for `explain`.

    Raises:
        ShapeError, CodeError, ArgumentError: as `explain`, where the text holds one pair only.

    >>> import convwise as cw
    >>> text = "x = tf.zeros((1, 9, 10, 3)); Conv2D(8, 3)(x); Conv2D(8, 5)(x)"
    >>> [one.output for one in cw.explain_all(text)]
    [(1, 7, 8, 8), (1, 5, 6, 8)]
    """
    wanted = None if want is None else as_want(want)
    if model is not None:
        return [_error_of(text, model, None, dialect)]
    if (told := _beside_code(text, None, dialect)) is not None:
        return [told]
    with _unknown_beside(text) as beside:
        try:
            snippet = _read(text, dialect, release, None, wanted)
        except CodeError as error:
            return [beside(_not_a_line(text, error, None, dialect, release))]
        if len(snippet.found) == 1:
            return [beside(_explain_found(snippet, snippet.found[0], snippet.found[0].input_shape, wanted))]
        first, *others = _explain_each(snippet, wanted)
        return [*_message_alone(text, dialect), beside(first), *others]


def _explain_each(snippet: Snippet, wanted: tuple[int, ...] | None) -> list[Explanation]:
    """One explanation for each of several pairs; one that breaks has its error."""
    every = []
    for number, found in enumerate(snippet.found):
        # What was done to the whole text is told once.
        snippet = snippet if number == 0 else replace(snippet, notes=())
        try:
            every.append(_explain_found(snippet, found, found.input_shape, wanted))
        except ConvwiseError as error:
            every.append(error.explanation or _only_error(snippet, found, error))
    return every


def _not_a_line(
    text: Any, error: CodeError, shape: Shape | None, dialect: str | None, release: str | None
) -> Explanation:
    """Code with branches is answered by its network, where that can be followed from an input to its end."""
    told = None
    if error.code in ("CW314", "CW315", "CW317") and isinstance(text, str) and release is None:
        from convwise.answers.branches import explain_branches

        try:
            told = explain_branches(text, shape, dialect)
        except CodeError as reason:
            # Where the line of layers breaks is no news to who writes branches; where the network does is.
            error = reason if error.code == "CW315" and reason.code in ("CW310", "CW314", "CW315", "CW317") else error
    return told or _pasted_error(text, error, shape, dialect)


def _pasted_error(text: Any, error: CodeError, shape: Shape | None, dialect: str | None) -> Explanation:
    """A text that is no code may be a framework's error message; if its kind is not known, `error` stands."""
    # Messages, and the networks they are looked for in, are loaded only where there is one: most questions are about a layer.
    from convwise.answers.tracebacks import explain_traceback, holds_report

    if error.code == "CW318":
        # What the framework says of it is about something else.
        raise error
    unread = error.code not in ("CW301", "CW307", "CW316")
    told = None if unread and not holds_report(text) else explain_traceback(text, None, shape, dialect)
    if told is not None and unread:
        told = _with_unread(told, error)
    if told is None:
        raise error
    return told


def _with_unread(told: Explanation, error: CodeError) -> Explanation:
    """What a message alone tells, and why its model was not looked at."""
    detail = f" ({error.detail.splitlines()[0]})" if error.detail else ""
    return replace(told, facts=(*told.facts, Fact("in the model", (f"it is not followed: {error.message}{detail}",))))


def _message_alone(text: str, dialect: str | None) -> list[Explanation]:
    """What a known message means that stands beside several models, none of which it can be looked for in."""
    if not any(word in text for word in REPORTED):
        return []
    from convwise.answers.tracebacks import explain_traceback, holds_report

    told = explain_traceback(text, None, None, dialect) if holds_report(text) else None
    return [] if told is None else [told]


@contextmanager
def _unknown_beside(text: Any) -> Iterator[Callable[[Explanation], Explanation]]:
    """What an answer about the code of a text is passed through, so that an error message that is not known is told beside it."""
    message = _unknown_message(text)

    def beside(told: Explanation) -> Explanation:
        return _with_unknown(told, message) if message else told

    try:
        yield beside
    except ShapeError as error:
        if error.explanation is not None:
            error.explanation = beside(error.explanation)
        raise


def _unknown_message(text: Any) -> str:
    """The message of an error report in a text where it is none that is known; empty where there is none."""
    if not isinstance(text, str) or not any(word in text for word in REPORTED):
        return ""
    from convwise.answers.tracebacks import holds_report
    from convwise.readers.source.reports import without_reports

    message = without_reports(text)[1]
    return "" if not message or holds_report(text) else message


def _with_unknown(told: Explanation, message: str) -> Explanation:
    note = f"the error message is not one that is known: this is what the code alone tells ({shown(message, 120)})"
    return replace(told, findings=(*told.findings, Finding("CW525", "note", note)))


def _beside_code(text: Any, shape: Shape | None, dialect: str | None) -> Explanation | None:
    """A framework's error message that stands beside the code of the model, explained by it; None where there are not both."""
    if not isinstance(text, str) or "\n" not in text or not any(word in text for word in REPORTED):
        return None
    from convwise.answers.tracebacks import explain_traceback, holds_report

    if not holds_report(text):
        return None
    return explain_traceback(text, None, shape, dialect, alone=False)


def _error_of(text: Any, model: Any, shape: Shape | None, dialect: str | None) -> Explanation:
    """A pasted shape error, explained by the model that it came from.

    Raises:
        CodeError: CW316 where no known shape error stands in the text.
    """
    from convwise.answers.tracebacks import error_sources, explain_traceback

    try:
        network = model if isinstance(model, Network) else _model(model, shape, dialect)
    except CodeError as error:
        told = explain_traceback(text, None, shape, dialect) if isinstance(text, str) else None
        if told is None:
            raise
        return _with_unread(told, error)
    told = explain_traceback(text, network, shape) if isinstance(text, str) else None
    if told is None:
        raise CodeError(
            "CW316",
            "no shape error that is known stands in the text",
            received=text[-200:] if isinstance(text, str) else type(text).__name__,
            hint=f"paste the error as it was printed by {error_sources()}; `convwise check MODEL --input ...` looks without one",
        )
    return told


def _model(source: Any, shape: Shape | None, dialect: str | None) -> Network:
    """The model with its sizes open where it can be read so, as the input that is given need not be the one it is made for."""
    from convwise.readers.models import read

    try:
        return read(source, dialect=dialect)
    except (CodeError, ModelError):
        if shape is None:
            raise
    return read(source, input_shape=shape, dialect=dialect)


def _only_error(snippet: Snippet, found: Found, error: ConvwiseError) -> Explanation:
    spoken = dialects.get(error.dialect or snippet.dialect)
    call = error.call or (found.layers[0].call if len(found.layers) == 1 else None)
    if call is not None and error.layer is None:
        error.layer = (
            f"'{shown(found.name, 60)}' ({spoken.title} {call.kind})" if found.name else f"{spoken.title} {call.kind}"
        )
    return Explanation(
        dialect=spoken.name,
        title=spoken.title,
        release=spoken.release,
        kind=call.kind if call else "",
        code=call.text if call else "",
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
    # True and 1.0 are equal to 1, so that they would find what was kept for it: nothing but plain sizes is looked up.
    if type(layer) is str and type(input_shape) is tuple and PLAIN.issuperset(map(type, input_shape)):
        try:
            return _cached_shape(layer, input_shape, dialect, release)
        except TypeError:  # an unhashable dialect or release: the long way gives the proper error
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
    with in_order(found.unordered):
        for layer in found.layers:
            current = in_use(spoken, layer, current).output
    return entered.leave(current)


def _read(
    layer: Any, dialect: str | None, release: str | None, shape: Shape | None, want: tuple[int, ...] | None = None
) -> Snippet:
    """Text or a live object as a snippet; a refused layer learns what would be accepted."""
    if isinstance(layer, Op):
        # An op belongs to no framework; it is told in the words of the one asked for, PyTorch's by default.
        dialect = dialect or "torch"
        layer = dialects.get(dialect).spell((layer,), dialect == "keras")
    if isinstance(layer, str):
        try:
            snippet = read_text(layer, dialect=dialect, release=release, input_shape=shape)
        except Refusal as refusal:
            refusal.explanation = repairs(refusal, shape, release, want)
            raise
        for found in snippet.found:
            if isinstance(found.error, Refusal):
                given = shape if shape is not None else found.input_shape
                found.error.explanation = repairs(found.error, given, release, want)
        return snippet
    if isinstance(layer, Layer):
        return Snippet(layer.dialect, (Found((layer,), None, layer.name, None),), ())
    live = read_live(layer, release=release)
    if live is None:
        raise ArgumentError(
            "CW606",
            f"a layer is source text or a live Keras or PyTorch object, not {type(layer).__name__}",
            received=type(layer).__name__,
            hint=unread_hint(layer) or 'for example explain("Conv2D(32, 3)", (64, 64, 3))',
        )
    return live


def _one_pair(snippet: Snippet, shape: Shape | None) -> Found:
    """The only layer-and-input pair; with an explicit input, the only layer or chain.

    Raises:
        CodeError: CW309 where there are several; what made one unreadable, where no more than one can be read beside it.
    """
    # With an explicit input, one layer applied to several inputs in the text is still one layer.
    if len(snippet.found) > 1 and (
        shape is None or any(found.layers != snippet.found[0].layers for found in snippet.found)
    ):
        errors = [found.error for found in snippet.found if found.error is not None]
        if errors and len(snippet.found) - len(errors) <= 1:
            raise errors[0]
        raise _several(snippet, shape)
    return snippet.found[0]


def _several(snippet: Snippet, shape: Shape | None) -> CodeError:
    """Why several layers are no chain, and what to do instead; what the command line offers comes before Python's."""
    count = len(snippet.found)
    fact, hint = f"{count} layer-input pairs, where one is explained at a time", "use explain_all, or give one of them"
    if shape is not None:
        apart = "leave the input out: each is then explained by itself (in Python: explain_all)"
        hint = f"give one of them, or {apart}"
        if all(len(found.layers) == 1 and found.input_shape is None for found in snippet.found):
            fact = f"{count} layers, and the text does not show in which order they are applied"
            hint = f"give the code that applies them too (forward or call), or one of them; or {apart}"
    listed = "\n".join(_listed(found) for found in snippet.found[:12])
    return CodeError("CW309", fact, received=count, detail=listed, hint=hint)


def _listed(found: Found) -> str:
    """One pair, or what could not be read, as a line of the several."""
    if found.error is not None:
        return f"{found.name or 'a chain'} (line {found.line}): cannot be read: {found.error.message}"
    codes = ", ".join(one.call.text for one in found.layers)
    shape = show(found.input_shape) if found.input_shape else "no input"
    return f"{found.name or found.layers[0].kind} (line {found.line}): {codes} on {shape}"


def _explain_found(snippet: Snippet, found: Found, shape: Shape | None, want: tuple[int, ...] | None) -> Explanation:
    if found.error is not None:
        raise found.error
    spoken = dialects.get(found.layers[0].dialect)
    if shape == found.input_shape and found.declared is not None:
        from convwise.answers.declared import fed

        found = fed(spoken, found)
        shape = found.input_shape
    layers = found.layers
    if shape is None:
        # No input: every size stays open, and what the framework asks of real sizes is not asked.
        shape = _open_shape(layers)
        spoken = replace(spoken, flow=_open_flow)
    entered = enter(spoken, found, shape)
    notes = (*snippet.notes, *found.notes, *entered.notes)
    with in_order(found.unordered):
        return _explain_layers(spoken, layers, entered, want, notes)


def _explain_layers(
    spoken: Dialect,
    layers: tuple[Layer, ...],
    entered: Entered,
    want: tuple[int, ...] | None,
    notes: tuple[Note, ...],
) -> Explanation:
    if len(layers) > 1:
        # The legal sizes of networks are loaded for chains alone: most questions are about a layer.
        from convwise.answers.chain import explain_chain

        return explain_chain(spoken, layers, entered, want, notes)
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
    """An input whose sizes are all unknown, for a layer whose rank is known; the channels are those that its weights take.

    Raises:
        CodeError: CW310 where even the number of axes is open.
    """
    shape = open_shape(layers) if any(layer.rank for layer in layers) else None
    if shape is None:
        raise CodeError("CW310", "no input shape in the text, and none was given", hint="give one, such as 64x64x3")
    return shape if len(layers) > 1 else shape[1:]


snippet_of, pair_of = _read, _one_pair
"""For the other answers about a text."""
