"""Answers as a piece of HTML for notebooks: the same words as the terminal, and the windows drawn as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from convwise.answers.explanation import Explanation, Fix, show
from convwise.answers.headline import groups
from convwise.axis import Axis
from convwise.faces.safe import escape as visible
from convwise.faces.text import describe_step

CELL = 14
MOST_CELLS = 72
COLORS = {"padding": "#d9d9d9", "read": "#9ecae1", "unread": "#fdae6b", "tap": "#3182bd"}


def render_html(answer: Any) -> str:
    """An explanation as one self-contained `<div>`; every text in it is escaped."""
    if not isinstance(answer, Explanation):
        return f"<pre>{_text(str(answer))}</pre>"
    parts = [
        f"<b>{_text(answer.kind)}</b> · {_text(answer.title)} {_text(answer.release)} · "
        f"{show(answer.input)} → <b>{show(answer.output)}</b>{_text(', ' + answer.verdict if answer.verdict else '')}",
        f"<p style='margin:4px 0'>{_text(answer.headline)}</p>",
        _steps(answer),
        _facts(answer),
        *(_picture(alike[0].axis, ", ".join(axis.name for axis in alike)) for alike in groups(answer.axes)),
        *(f"<div><b>{finding.level} {finding.code}</b> {_text(finding.text)}</div>" for finding in answer.findings),
        _fixes("try", answer.fixes),
        _fixes("undo", answer.undo),
    ]
    return f"<div style='font-family:monospace;line-height:1.45'>{''.join(parts)}</div>"


def _text(text: str) -> str:
    return "<br>".join(escape(visible(line)) for line in text.splitlines())


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    cell = "<td style='padding:0 12px 0 0;text-align:left;vertical-align:top'>"
    body = "".join(f"<tr>{''.join(f'{cell}{value}</td>' for value in row)}</tr>" for row in rows)
    return f"<table style='border-collapse:collapse;margin:4px 0'>{body}</table>" if rows else ""


def _facts(answer: Explanation) -> str:
    return _table(
        [(f"<b>{_text(fact.label)}</b>", "<br>".join(_text(line) for line in fact.lines)) for fact in answer.facts]
    )


def _steps(answer: Explanation) -> str:
    rows = [
        (
            _text(part.name or part.kind),
            show(part.output),
            _text(describe_step(part)),
            f"{part.params:,}" if part.params else "",
        )
        for part in answer.parts
    ]
    return _table([("<b>input</b>", show(answer.input), "", "<b>parameters</b>"), *rows]) if rows else ""


def _fixes(word: str, fixes: tuple[Fix, ...]) -> str:
    rows = [
        (f"<b>{word}</b>", f"<code>{_text(fix.code)}</code>", f"→ {show(fix.output)}", _text(fix.why)) for fix in fixes
    ]
    return _table(rows)


def _picture(axis: Axis | None, names: str) -> str:
    """The axis as a row of cells, and its first windows and the last one below; nothing where it would be too long."""
    if axis is None or not axis.fits:
        return ""
    first, stop = -axis.pad_low, axis.size + max(axis.pad_high, 0) + axis.overhang
    if stop - first > MOST_CELLS:
        return ""
    shown = [*range(min(axis.out, 3)), *([axis.out - 1] if axis.out > 3 else [])]
    cells = [_cell(cell - first, 0, _kind(axis, cell), str(cell)) for cell in range(first, stop)]
    for row, index in enumerate(shown, 1):
        taps = axis.taps(index)
        cells += [_cell(cell - first, row, "tap", f"window {index}") for cell in taps if cell < stop]
    height = (len(shown) + 1) * (CELL + 3)
    title = f"{names}: grey padding, blue read, orange never read; below, windows {', '.join(map(str, shown))}"
    return (
        f"<svg role='img' width='{(stop - first) * CELL + 2}' height='{height}' xmlns='http://www.w3.org/2000/svg'>"
        f"<title>{_text(title)}</title>{''.join(cells)}</svg>"
    )


def _kind(axis: Axis, cell: int) -> str:
    if cell < 0 or cell >= axis.size:
        return "padding"
    return "read" if axis.reads(cell) else "unread"


def _cell(column: int, row: int, kind: str, title: str) -> str:
    place = f"x='{column * CELL + 1}' y='{row * (CELL + 3) + 1}' width='{CELL - 2}' height='{CELL - 2}'"
    return f"<rect {place} fill='{COLORS[kind]}'><title>{title}</title></rect>"
