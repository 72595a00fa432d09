"""Answers as terminal text: the layout of a good teacher's note. Nothing is computed here."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from convwise.answers.explanation import AxisFacts, Explanation, Fact, Finding, Fix, show
from convwise.answers.headline import groups
from convwise.answers.many import many
from convwise.answers.wording import plural
from convwise.axis import Same
from convwise.dialects.base import TITLES
from convwise.errors import ConvwiseError, EnlargeInput, MatchChannels
from convwise.escaping import escape
from convwise.faces.picture import draw

DEFAULT_WIDTH = 100
LABEL = 16
HANG = 2

Line = tuple[tuple[str, str], ...]
"""A line as (text, style) pieces; styles are names that `paint` knows."""

STYLES = {"head": "bold", "label": "cyan", "good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "": ""}


def render(answer: Any, width: int | None = None, color: bool = False) -> str:
    """An explanation, or a list of explanations and errors, as text of at most `width` columns."""
    width = max(width or DEFAULT_WIDTH, 40)
    if _of_two(answer):
        from convwise.faces import porting

        return porting.render(answer, width, color)
    lines = _explanation(answer, width) if isinstance(answer, Explanation) else [((str(answer), ""),)]
    return paint(lines, color)


def _of_two(answer: Any) -> bool:
    """Whether the answer is about two frameworks; its face is loaded only then."""
    return type(answer).__module__.startswith("convwise.answers.porting.")


def render_error(error: ConvwiseError, width: int | None = None, color: bool = False) -> str:
    """An error in its three lines; with the history up to the break and the fixes where it carries them."""
    width = max(width or DEFAULT_WIDTH, 40)
    return paint(_error(error, width), color)


def render_line(answer: Any) -> str:
    """An explanation or an error in one line."""
    if isinstance(answer, ConvwiseError):
        return escape(f"{answer.code} {answer.message}")
    if _of_two(answer):
        from convwise.faces import porting

        return porting.render_line(answer)
    assert isinstance(answer, Explanation)
    formulas = {axis.formula: None for axis in answer.axes if axis.formula}
    reason = f"  ({'; '.join(formulas)})" if formulas else ""
    what = " ".join(answer.code.split()) if not answer.parts else plural(len(answer.parts), "layer")
    verdict = f", {answer.verdict}" if answer.verdict else ""
    return escape(f"{what}: {show(answer.input)} -> {show(answer.output)}{verdict}{reason}")


def render_lines(answers: Sequence[Explanation | ConvwiseError], inputs: Sequence[str]) -> str:
    """A line an answer; where there are several inputs a refused one is named, as the others are."""
    if len(inputs) < 2:
        return "\n".join(map(render_line, answers))
    lines = []
    for answer, given in zip(answers, inputs, strict=True):
        if isinstance(answer, ConvwiseError):
            lines.append(escape(f"{answer.code} {_given(answer) or given}: {answer.message}"))
        else:
            lines.append(render_line(answer))
    return "\n".join(lines)


def paint(lines: Iterable[Line], color: bool) -> str:
    """Lines of styled pieces as one text; ANSI styles only with `color`."""
    if not color:
        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)
    from rich.style import Style

    parsed = {name: Style.parse(style) for name, style in STYLES.items()}
    return "\n".join(
        "".join(parsed[style].render(text) if style else text for text, style in line).rstrip() for line in lines
    )


def _explanation(told: Explanation, width: int) -> list[Line]:
    lines = [_head(told)]
    lines += wrapped("", escape(told.headline), width, 0)
    # Which framework was meant comes before everything that follows from the guess.
    first = [finding for finding in told.findings if finding.code == "CW508"]
    lines += _findings(first, width)
    lines += _chain_table(told, width) if told.parts else []
    for fact in told.facts:
        lines += _fact(fact.label, fact.lines, width)
    lines += _picture(told, width)
    lines += _findings([finding for finding in told.findings if finding not in first], width)
    return lines + _proposals(told, width)


def _findings(found: Sequence[Finding], width: int) -> list[Line]:
    lines: list[Line] = []
    for finding in found:
        label = f"{finding.level} {finding.code}"
        where = f"{finding.node}: " if finding.node else ""
        lines += wrapped(label, escape(where + finding.text), width, 2, "warn" if finding.level != "note" else "dim")
    return lines


def _head(told: Explanation) -> Line:
    verdict = f", {told.verdict}" if told.verdict else ""
    output = show(told.output) if told.output else "refused"
    kind = plural(len(told.parts), "layer") if told.parts else told.kind
    if told.name and not told.parts:
        kind = f"{told.name}: {kind}"
    text = f"{kind} · {told.title} {told.release}"
    if told.input:
        text += f" · {show(told.input)} -> {output}{verdict}"
    return ((escape(text), "head"),)


def wrapped(label: str, text: str, width: int, indent: int, style: str = "label") -> list[Line]:
    """A label and its text, wrapped with the text hanging under itself."""
    start = " " * indent + (f"{label:<{LABEL - 1}} " if label else "")
    hang = " " * (indent + (LABEL if label else 0 if indent else HANG))
    first_room, room = max(width - len(start), 20), max(width - len(hang), 20)
    wrapped = textwrap.wrap(text, first_room, break_on_hyphens=False) or [""]
    if len(wrapped) > 1:
        wrapped = [wrapped[0], *textwrap.wrap(" ".join(wrapped[1:]), room, break_on_hyphens=False)]
    first: Line = ((start, style if label else ""), (wrapped[0], ""))
    return [first, *(((hang + line, ""),) for line in wrapped[1:])]


def _fact(label: str, texts: Sequence[str], width: int) -> list[Line]:
    lines: list[Line] = []
    for number, text in enumerate(texts):
        lines += wrapped(escape(label) if number == 0 else " ", escape(text), width, 2)
    return lines


def _picture(told: Explanation, width: int) -> list[Line]:
    """The windows over the first axis, where a picture tells more than the rows: a stride, a dilation, padding, unread cells."""
    for alike in groups(told.axes):
        axis = alike[0].axis
        if axis is None or (axis.stride == axis.dilation == 1 and axis.unread_data == 0):
            continue
        drawn = draw(axis, width - 4)
        if drawn:
            names = ", ".join(part.name for part in alike)
            title = [] if len(list(groups(told.axes))) == 1 else [((f"    {names}", "label"),)]
            return [*title, *(((f"    {line}", "dim"),) for line in drawn)]
    return []


def _proposals(told: Explanation, width: int) -> list[Line]:
    lines = _fixes("try", told.fixes, width)
    lines += _fixes("undo", told.undo, width)
    for change, quote in told.refused:
        lines += _refused(told, change, quote, width)
    return lines


def _refused(told: Explanation, change: str, quote: str, width: int) -> list[Line]:
    text = f'{change}: {told.title} refuses it: "{quote}"'
    wrapped = textwrap.wrap(escape(text), max(width - 5, 20), break_on_hyphens=False)
    return [((("not  " if number == 0 else "     "), "bad"), (line, "")) for number, line in enumerate(wrapped)]


def _fixes(word: str, proposals: Sequence[Fix], width: int) -> list[Line]:
    if not proposals:
        return []
    labels = [escape(fix.label or fix.code) for fix in proposals]
    column = min(max(len(label) for label in labels), max(width - 40, 20))
    lines: list[Line] = []
    for number, (fix, label) in enumerate(zip(proposals, labels, strict=True)):
        arrow = f"-> {show(fix.output)}" if fix.output else ""
        lead = f"{word:<4} " if number == 0 else "     "
        why = "   " + fix.why if fix.why else ""
        if len(lead) + max(column, len(label)) + 2 + len(arrow) > width:
            # The call as it is, for copying; what it gives stands below it.
            lines.append(((lead, "good"), (label, "")))
            lines += [((f"       {arrow}{why}", ""),)] if arrow or why else []
        elif len(lead) + max(column, len(label)) + 2 + len(arrow + why) > width:
            lines.append(((lead, "good"), (f"{label:<{column}}  {arrow}", "")))
            lines.append(((f"       {fix.why}", ""),))
        else:
            lines.append(((lead, "good"), (f"{label:<{column}}  {arrow}{why}", "")))
    return lines


def _chain_table(told: Explanation, width: int) -> list[Line]:
    """The size history: a row a layer."""
    rows = [("input", show(told.input), "", "")]
    for part in told.parts:
        count = "" if not part.params else f"{part.params:,} parameters"
        rows.append((escape(part.name or part.kind), show(part.output), describe_step(part), count))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines: list[Line] = []
    # On a narrow terminal the counts go first, then what the layer does.
    shown = next((n for n in (4, 3) if 2 + sum(widths[:n]) + 3 * (n - 1) <= width), 2)
    for row in rows:
        texts = [f"{text:{'>' if place == 3 else '<'}{widths[place]}}" for place, text in enumerate(row[:shown])]
        lines.append((("  " + "   ".join(texts)[: width - 2], ""),))
    return lines


def describe_step(part: Explanation) -> str:
    """`3x3, stride 4`: what a layer of a chain does, in few words."""
    axes = [axis for axis in part.axes if axis.kernel is not None]
    if not axes:
        return part.kind if part.name else ""
    words = ["x".join(str(axis.kernel) for axis in axes)]
    for word, values in (("stride", [axis.stride for axis in axes]), ("dilation", [axis.dilation for axis in axes])):
        if any(value != 1 for value in values):
            words.append(f"{word} {'x'.join(map(str, values)) if len(set(values)) > 1 else values[0]}")
    words += _padding_words(axes)
    plain = part.kind.startswith("Conv") and "Transpose" not in part.kind
    kind = "" if plain else f"{part.kind} " if part.name else ""
    return kind + ", ".join(words)


def _padding_words(axes: Sequence[AxisFacts]) -> list[str]:
    if all(axis.window is not None and isinstance(axis.window.padding, Same) for axis in axes):
        return ["same"]
    pads = [(axis.pad_low, axis.pad_high) for axis in axes]
    if all(pad in ((0, 0), (None, None)) for pad in pads):
        return []
    if all(low == high for low, high in pads) and len(set(pads)) == 1:
        return [f"padding {pads[0][0]}"]
    return [f"padding {', '.join(f'{low}+{high}' for low, high in pads)}"]


def _error(error: ConvwiseError, width: int) -> list[Line]:
    told = error.explanation
    lines: list[Line] = []
    if told is not None:
        lines.append(
            _head(told)
            if not told.parts
            else ((f"{plural(len(told.code.splitlines()), 'layer')} · {told.title} {told.release}", "head"),)
        )
        if told.parts or told.kind == "Sequential":
            lines += wrapped("", escape(told.headline), width, 0)
            lines += _chain_table(told, width)
    lines.append(((f"{type(error).__name__} {error.code}: ", "bad"), (escape(error.message), "")))
    title = told.title if told is not None else _speaker(error)
    if error.quote and error.quote not in error.fact:
        lines += wrapped("", escape(f'{title}: "{error.quote}"'), width, 2)
    for text in (error.detail, "\n".join(hints(error))):
        for line in text.splitlines():
            # A caret line must keep its columns; it is never wrapped.
            lines.append(((f"  {escape(line)}", ""),)) if "^" in line or len(line) < width - 2 else lines.extend(
                wrapped("", escape(line), width, 2)
            )
    if told is not None:
        for fact in told.facts:
            lines += _fact(fact.label, fact.lines, width)
        lines += _findings(told.findings, width)
        lines += _proposals(told, width)
        lines += [((f"     {escape(larger(error))}", ""),)] if told.fixes and larger(error) else []
    return lines


def hints(error: ConvwiseError) -> list[str]:
    """The lines of the hint that the ready calls below it do not say again."""
    told = error.explanation
    if told is None or not told.fixes:
        return error.hint.splitlines()
    said = tuple(text for fix in told.fixes for text in (fix.label, fix.code) if text)
    if isinstance(error.hint, EnlargeInput | MatchChannels):
        return []  # the calls say it, and `larger` the rest
    lines = error.hint.splitlines()
    plain = [line.removeprefix("try ").removeprefix("write ") for line in lines]
    remade = error.code in ("CW109", "CW204")
    return [
        line
        for line, rest in zip(lines, plain, strict=True)
        if not rest.startswith(said) and not (remade and line.startswith("write "))
    ]


def larger(error: ConvwiseError) -> str:
    """The other way out, which no ready call can say: `or an input of at least 3`."""
    if isinstance(error.hint, MatchChannels):
        return f"or let the step before it give {error.hint.wanted}"
    told = error.explanation
    if not isinstance(error.hint, EnlargeInput) or (told is not None and told.parts):
        return ""
    return f"or an input of at least {error.hint.least}"


def _speaker(error: ConvwiseError) -> str:
    return next((title for title in TITLES.values() if title in (error.layer or "")), "it says")


def render_many(
    answers: Sequence[Explanation | ConvwiseError], inputs: Sequence[str], width: int | None = None, color: bool = False
) -> str:
    """One layer on several inputs: what holds for any size once, then a line an input."""
    width = max(width or DEFAULT_WIDTH, 40)
    worked = [answer for answer in answers if isinstance(answer, Explanation)]
    lines: list[Line] = []
    after: tuple[Fact, ...] = ()
    if worked:
        first, told = worked[0], many(worked)
        lines += [((escape(f"{first.kind} · {first.title} {first.release}"), "head"),)]
        lines += wrapped("", escape(told.headline), width, 0)
        after = told.after
        for fact in told.before:
            lines += _fact(fact.label, fact.lines, width)
    names = [_given(answer) or given for answer, given in zip(answers, inputs, strict=True)]
    column = max(len(text) for text in names)
    for text, answer in zip(names, answers, strict=True):
        if isinstance(answer, Explanation):
            wanted = f", {answer.verdict}" if answer.verdict else ""
            lines.append(((f"  {text:>{column}}  ->  {show(answer.output)}{wanted}", ""),))
        else:
            lines += _refused_input(text, column, answer, width)
    for fact in after:
        lines += _fact(fact.label, fact.lines, width)
    return paint(lines, color)


def _given(answer: Explanation | ConvwiseError) -> str:
    """The input of an answer, also of a refused one."""
    told = answer if isinstance(answer, Explanation) else answer.explanation
    return show(told.input) if told else ""


def _refused_input(text: str, column: int, error: ConvwiseError, width: int) -> list[Line]:
    lines = wrapped("", f"{text:>{column}}  refused: {escape(error.fact)}", width, 2)
    indent = " " * (column + 4)
    told = error.explanation
    if error.quote:
        sentence = f'{told.title if told else _speaker(error)}: "{escape(error.quote.split(". ")[0])}"'
        for line in textwrap.wrap(sentence, max(width - len(indent), 20), break_on_hyphens=False):
            lines.append(((indent + line, "dim"),))
    for fix in told.fixes[:1] if told else ():
        lines.append(((f"{indent}try {fix.label or fix.code} -> {show(fix.output)}", "good"),))
    more = [larger(error)] if told and told.fixes and larger(error) else []
    for hint in (*hints(error), *more):
        lines += [((indent + line, ""),) for line in textwrap.wrap(escape(hint), max(width - len(indent), 20))]
    return lines
