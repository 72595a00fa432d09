"""Choices said in a dialect's words, each read back and run; what the dialect refuses on the way is kept as the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from convwise import dialects
from convwise.answers.respelled import sequential
from convwise.answers.solve.question import Question
from convwise.answers.solve.search import Choice, idle, rounds
from convwise.axis import NO_PADS, Pads, Window
from convwise.dialects.base import Dialect, Layer
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal
from convwise.ops import Conv, ConvTranspose, Op, Pad, Pool, Shape
from convwise.readers.source import read_layer

CHAINS = ("keras", "torch")
"""Dialects whose layers take few paddings, so that a layer of padding may be needed before one."""
CHANNELS_FIRST = ("torch", "onnx")
USUAL = {"conv": (3, 5, 7, 1, 2, 4), "transpose": (3, 2, 4, 5)}
POOLED = (2, 3)


@dataclass(frozen=True, slots=True)
class Answer:
    """One layer, or a layer of padding and a layer, that gives every wanted output."""

    text: str
    choice: Choice
    layers: int = 1


@dataclass(slots=True)
class Refused:
    """The first thing that the dialect refused; `no_word`: it has no such word at all, whatever the layer."""

    reason: Refusal | None = None
    no_word: bool = False

    def add(self, error: ConvwiseError) -> None:
        if self.reason is None and isinstance(error, Refusal):
            self.reason = error


@dataclass(frozen=True, slots=True)
class Answers:
    """What a question comes to: the answers in order, and the first refusal on the way."""

    question: Question
    found: tuple[Answer, ...]
    refused: Refusal | None = None
    seen: int = field(default=0)
    """How many choices arithmetic gave, whether or not the dialect can say them."""


def answers(question: Question) -> Answers:
    """Every answer of the question, the most usual first.

    In order: one layer before two; cells stepped over, or a tail as long as a window that is not read (transposed: not
    reached), after all read; strides that are the size's share before others; the smaller dilation; without
    output_padding, and of pools the stride that is the window, before others; usual kernels (3, 5, 7, 1, 2, 4;
    transposed 3, 2, 4, 5; pools 2, 3), then by size; the smaller stride; the shorter text; the alphabet.
    """
    refused, found, seen = Refused(), dict[str, Answer](), 0
    still, alike = idle(question), set[object]()
    for group in _until(rounds(question), found):
        seen += len(group)
        given = [choice for choice in group if any(still) and _apart_from_stride(choice, still) in alike]
        # What was said before, but for a stride that changes nothing, does it: later stages and padding before do not count.
        limit = min((_behind(choice) for choice in given), default=None)
        fresh = [choice for choice in group if choice not in given and (limit is None or _behind(choice) <= limit)]
        for answer in _said(question, fresh, refused, padded=not given):
            found.setdefault(answer.text, answer)
            if any(still):
                alike.add(_apart_from_stride(answer.choice, still))
    ordered = sorted(found.values(), key=lambda answer: rank(question, answer))
    return Answers(question, tuple(ordered), refused.reason, seen)


def _until(every: Iterable[Iterable[list[Choice]]], found: Mapping[str, Answer]) -> Iterator[list[Choice]]:
    """The groups of one round after the other, until one round has led to answers."""
    for groups in every:
        yield from groups
        if found:
            return


def _behind(choice: Choice) -> tuple[int, int]:
    """What counts only where nothing before it does: uneven padding, more output_padding."""
    return choice.stage, sum(choice.extras)


def _apart_from_stride(choice: Choice, still: Sequence[bool]) -> object:
    """The choice without the strides that change nothing; groups come with the smallest stride first."""
    each = zip(choice.windows, still, strict=True)
    return tuple([_at_stride_1(window) if one else window for window, one in each]), choice.extras


@lru_cache(maxsize=8192)
def _at_stride_1(window: Window) -> Window:
    return replace(window, stride=1)


def rank(question: Question, answer: Answer) -> tuple[object, ...]:
    """The place of an answer in the order; see `answers`."""
    return (answer.layers, *_usual(question, answer.choice), len(answer.text), answer.text)


AT_ONCE = 256
"""Groups of choices that are put in order before one is said."""


def first(question: Question) -> str | None:
    """An answer, without saying all: the first one, but of very many choices the first of those with the smallest strides and kernels."""
    return next((text for groups in rounds(question) if (text := _first_of(question, groups)) is not None), None)


def _first_of(question: Question, groups: Iterator[list[Choice]]) -> str | None:
    padded: Answer | None = None
    while some := list(islice(groups, AT_ONCE)):
        for group in sorted(some, key=lambda group: _usual(question, group[0])):
            said = _said(question, group, Refused())
            if said and said[0].layers == 1:
                return min(said, key=lambda answer: rank(question, answer)).text
            padded = padded or next(iter(said), None)
        if padded:
            return padded.text
    return None


def _usual(question: Question, choice: Choice) -> tuple[int, ...]:
    """The part of the order that is known before a choice is said."""
    windows = choice.windows
    kernel = max(window.kernel for window in windows)
    usual = POOLED if question.pooling else USUAL[question.op]
    plain = not any(choice.extras)
    if question.pooling:
        plain = all(window.stride == window.kernel for window in windows)
    strides = [window.stride for window in windows]
    return (
        _leaves_out(question, windows),
        not all(_shares(question, stride, axis) for axis, stride in enumerate(strides)),
        max(window.dilation for window in windows),
        not plain,
        usual.index(kernel) if kernel in usual else len(usual) + kernel,
        max(strides),
    )


def _shares(question: Question, stride: int, axis: int) -> bool:
    """Whether the larger size of every pair is the stride times the smaller one, or the stride changes nothing."""
    pairs = question.axes[axis]
    return all(max(pair) == stride * min(pair) for pair in pairs) or all(1 in pair for pair in pairs)


def _leaves_out(question: Question, windows: Sequence[Window]) -> bool:
    """Whether some input has cells between windows, or a window's length after them, that none reads; of a transposed layer, outputs that none reaches."""
    sizes = question.outputs if question.op == "transpose" else question.inputs
    return any(_skips(window, size) for one in sizes for window, size in zip(windows, one, strict=True))


@lru_cache(maxsize=8192)
def _skips(window: Window, size: int) -> bool:
    unread = window.over(size).unread_data
    return bool(unread.gaps or unread.tail >= window.span)


def _said(question: Question, group: Sequence[Choice], refused: Refused, padded: bool = True) -> list[Answer]:
    """The choices of one kernel, stride and dilation: in a layer's own padding where one can be said, else padded before."""
    spoken = dialects.get(question.dialect)
    if question.op == "transpose":
        # They differ in how much is cropped and added again; the one that adds least stands for all.
        each = (_one_layer(spoken, question, choice, refused) for choice in group)
        return list(islice((answer for answer in each if answer is not None), 1))
    for stage in sorted({choice.stage for choice in group}):
        here = [choice for choice in group if choice.stage == stage]
        found = [answer for choice in here if (answer := _one_layer(spoken, question, choice, refused)) is not None]
        if found:
            return found
    if question.op != "conv" or spoken.name not in CHAINS or not padded:
        return []
    explicit = [choice for choice in group if _explicit(choice)]
    for stage in sorted({choice.stage for choice in explicit}):
        here = [choice for choice in explicit if choice.stage == stage]
        # The texts differ in numbers alone: of the first one the chain is read, of others its layers.
        each = (_two_layers(spoken, question, choice, refused, whole=choice is here[0]) for choice in here)
        found = [answer for answer in each if answer is not None]
        if found:
            return found
    return []


def _explicit(choice: Choice) -> bool:
    pads = [window.padding for window in choice.windows]
    return all(isinstance(one, Pads) for one in pads) and any(one != NO_PADS for one in pads)


def ops_of(question: Question, choice: Choice) -> list[Op]:
    """What the choice is without a framework; an average pool counts its padding or not, as the dialect can say."""
    match question.op:
        case "conv":
            return [Conv(choice.windows, question.in_channels, question.filters)]
        case "transpose":
            return [ConvTranspose(choice.windows, question.in_channels, question.filters, output_padding=choice.extras)]
        case "max_pool":
            return [Pool("max", choice.windows)]
    return [Pool("average", choice.windows, count_padding=True), Pool("average", choice.windows)]


def _one_layer(spoken: Dialect, question: Question, choice: Choice, refused: Refused) -> Answer | None:
    both = (extra and window.padding != NO_PADS for extra, window in zip(choice.extras, choice.windows, strict=False))
    if spoken.name == "keras" and any(both):
        return (
            None  # Keras's transposed layers crop an axis or add to it; asking it for each would take most of the time
        )
    for op in ops_of(question, choice):
        try:
            text = spoken.spell((op,), spoken.name not in CHANNELS_FIRST)
            kept = _as_fixed(spoken, question, text, refused)
        except ConvwiseError as error:
            refused.add(error)
            continue
        if kept is not None and gives(spoken, question, kept, refused):
            return Answer(kept, choice)
    return None


def _two_layers(spoken: Dialect, question: Question, choice: Choice, refused: Refused, *, whole: bool) -> Answer | None:
    pads = tuple(window.padding for window in choice.windows if isinstance(window.padding, Pads))
    bare = tuple(Window(window.kernel, window.stride, window.dilation) for window in choice.windows)
    last = spoken.name not in CHANNELS_FIRST
    try:
        parts = [spoken.spell((op,), last) for op in (Pad(pads), Conv(bare, question.in_channels, question.filters))]
    except ConvwiseError as error:
        refused.add(error)
        return None
    text = sequential(spoken.name, parts)
    good = gives(spoken, question, text, refused, () if whole else parts)
    return Answer(text, choice, layers=2) if good else None


def _as_fixed(spoken: Dialect, question: Question, text: str, refused: Refused) -> str | None:
    """The text with the words that were fixed, where the layer means the same in them; None where it cannot be had.

    One layer can often be said in several ways ('same' or a number, output_padding=1 or none).
    """
    fixed = question.fixed
    wanted: dict[str, object] = {}
    if isinstance(fixed.padding, str) and question.op == "transpose":
        wanted["padding"] = fixed.padding
    if fixed.output_padding is not None:
        wanted["output_padding"] = _alike(fixed.output_padding)
    if not wanted:
        return text
    if refused.no_word:
        return None
    (layer,) = _read(text, spoken.name)
    if all(_told(layer, name) == value for name, value in wanted.items()):
        return text
    if "output_padding" not in layer.arguments and fixed.output_padding is None:
        return _respelled(spoken, layer, wanted, refused)
    extras: Iterable[object] = [wanted.get("output_padding")]
    if fixed.output_padding is None:
        extras = (None, *range(max(question.fixed.stride or (layer.window_op.windows[0].stride,))))  # type: ignore[union-attr]
    for extra in extras:
        found = _respelled(spoken, layer, {**wanted, "output_padding": extra}, refused)
        if found is not None:
            return found
    return None


def _respelled(spoken: Dialect, layer: Layer, words: dict[str, object], refused: Refused) -> str | None:
    """The layer with these words, where it stays the same in them."""
    try:
        other = spoken.respell(layer, words)
        (changed,) = _read(other, spoken.name)
    except Refusal as error:
        refused.reason = error  # what the fixed word meets tells more than what other choices met
        refused.no_word = error.code == "CW207"
        return None
    except (ConvwiseError, ValueError):
        return None
    return other if changed.ops == layer.ops else None


def _told(layer: Layer, name: str) -> object:
    value = layer.arguments.get(name)
    return _alike(value) if isinstance(value, tuple) else value


def _alike(values: tuple[int, ...]) -> int | tuple[int, ...]:
    return values[0] if len(set(values)) == 1 else values


def gives(
    spoken: Dialect, question: Question, text: str, refused: Refused | None = None, parts: Sequence[str] = ()
) -> bool:
    """Whether the text, read back, gives every wanted output; of a chain with `parts` these are read."""
    try:
        layers = [layer for part in parts or (text,) for layer in _read(part, spoken.name)]
    except CodeError as error:
        # What cannot be read back cannot be checked, and "none" would be a wrong answer.
        fact = f"{spoken.title}'s layers cannot be read back yet: {text[:60]!r}: {error.fact}"
        raise ArgumentError("CW602", fact, received=spoken.name, hint="keras or torch") from None
    except ConvwiseError as error:
        if refused is not None:
            refused.add(error)
        return False
    try:
        return all(
            run(spoken, layers, sizes, question.in_channels) == wanted
            for sizes, wanted in zip(question.inputs, question.outputs, strict=True)
        )
    except ConvwiseError as error:
        if refused is not None:
            refused.add(error)
        return False


@lru_cache(maxsize=1024)
def _read(text: str, dialect: str) -> tuple[Layer, ...]:
    """`read_layer`, for texts that are read again: layers of several chains, and answers that were said in fixed words."""
    return read_layer(text, dialect=dialect)


def run(spoken: Dialect, layers: Sequence[Layer], sizes: tuple[int, ...], channels: int) -> Shape:
    """The spatial sizes that the layers make of one image of these sizes."""
    last = spoken.name not in CHANNELS_FIRST
    shape: Shape = (1, *sizes, channels) if last else (1, channels, *sizes)
    for layer in layers:
        shape = spoken.flow(layer, shape).output
    return shape[1:-1] if last else shape[2:]
