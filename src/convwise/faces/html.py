"""Answers as a piece of HTML for notebooks: the same words as the terminal, and the windows drawn as SVG.

Colours come from the page (`currentColor`, translucent greys), so that a piece reads in light and dark themes alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from convwise.answers.explanation import Explanation, Finding, Fix, show
from convwise.answers.headline import groups
from convwise.axis import Axis
from convwise.errors import ConvwiseError
from convwise.escaping import escape as visible
from convwise.faces.text import describe_step, hints, larger

CELL, GAP, ROW = 15, 2, 19
MOST_CELLS = 46
"""Longer axes are cut in the middle, as on the terminal."""
COLORS = {"padding": "#9ca3af", "read": "#60a5fa", "unread": "#f59e0b", "tap": "#2563eb", "between": "#93c5fd"}
FAINT = {"padding": 0.35, "read": 0.45, "between": 0.3}
WORDS = {"padding": "padding", "read": "read", "unread": "never read", "tap": "a window's cells"}
FONT = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;line-height:1.5"
RULE = "border-top:1px solid rgba(128,128,128,.35)"


def render_html(answer: Any) -> str:
    """An explanation as one self-contained `<div>`; every text in it is escaped."""
    if type(answer).__module__.startswith("convwise.answers.porting."):
        from convwise.faces import porting

        return porting.render_html(answer)
    if not isinstance(answer, Explanation):
        return f"<pre>{_text(str(answer))}</pre>"
    first = [finding for finding in answer.findings if finding.code == "CW508"]
    parts = [
        _head(answer),
        _headline(answer),
        *(_finding(finding) for finding in first),
        _steps(answer),
        _error(answer.error) if answer.error is not None else "",
        _facts(answer),
        *(_picture(alike[0].axis, ", ".join(axis.name for axis in alike)) for alike in groups(answer.axes)),
        *(_finding(finding) for finding in answer.findings if finding not in first),
        _fixes([("try", fix) for fix in answer.fixes] + [("undo", fix) for fix in answer.undo]),
        f"<div>{_text(larger(answer.error))}</div>" if answer.error is not None and answer.fixes else "",
        *(_refused(answer, change, quote) for change, quote in answer.refused),
    ]
    return f"<div style='{FONT};max-width:960px;padding:4px 0'>{''.join(parts)}</div>"


def _headline(answer: Explanation) -> str:
    if answer.error is not None and answer.headline == answer.error.message:
        return ""
    return f"<div style='font-size:14px;margin:2px 0 6px'>{_text(answer.headline)}</div>"


def _text(text: str) -> str:
    return "<br>".join(escape(visible(line)) for line in text.splitlines())


def _head(answer: Explanation) -> str:
    kind = f"{len(answer.code.splitlines())} layers" if answer.parts else answer.kind
    name = f"{_text(answer.name)}: " if answer.name and not answer.parts else ""
    output = f"<b>{show(answer.output)}</b>" if answer.error is None else "<b style='color:#ef4444'>refused</b>"
    sizes = f" · {show(answer.input)} → {output}" if answer.input else ""
    verdict = _text(", " + answer.verdict if answer.verdict else "")
    return (
        f"<div>{name}<b>{_text(kind)}</b> <span style='opacity:.7'>· {_text(answer.title)} {_text(answer.release)}</span>"
        f"{sizes}{verdict}</div>"
    )


def _table(rows: Sequence[tuple[str, ...]], right: int | None = None) -> str:
    """Rows of cells that are HTML already; the column `right` holds numbers."""
    # Notebooks colour and align table cells by themselves, so each says what it needs.
    style = "padding:1px 16px 1px 0;vertical-align:top;background:transparent;border:0;white-space:normal;text-align:"
    body = "".join(
        "<tr style='background:transparent'>"
        + "".join(
            f"<td style='{style}{'right' if place == right else 'left'}'>{value}</td>"
            for place, value in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table style='border-collapse:collapse;border:0;margin:4px 0;{FONT}'>{body}</table>" if rows else ""


def _label(text: str) -> str:
    return f"<span style='opacity:.65;white-space:nowrap'>{_text(text)}</span>"


def _facts(answer: Explanation) -> str:
    return _table([(_label(fact.label), "<br>".join(_text(line) for line in fact.lines)) for fact in answer.facts])


def _steps(answer: Explanation) -> str:
    rows = [
        (
            _text(part.name or part.kind),
            show(part.output),
            _label(describe_step(part)),
            f"{part.params:,}" if part.params else "",
        )
        for part in answer.parts
    ]
    return _table([(_label("input"), show(answer.input), "", _label("parameters")), *rows], right=3) if rows else ""


def _error(error: ConvwiseError) -> str:
    said = [f"<i>“{_text(error.quote)}”</i>"] if error.quote and error.quote not in error.fact else []
    more = [*error.detail.splitlines(), *hints(error)]
    lines = [*said, *(_text(text) for text in more if text)]
    title = f"<b style='color:#ef4444'>{type(error).__name__} {error.code}</b> {_text(error.message)}"
    return f"<div style='border-left:3px solid #ef4444;padding:0 0 0 10px;margin:6px 0'>{'<br>'.join([title, *lines])}</div>"


def _finding(finding: Finding) -> str:
    color = {"error": "#ef4444", "warning": "#d97706"}.get(finding.level, "rgba(128,128,128,.6)")
    where = f"{_text(finding.node)}: " if finding.node else ""
    return (
        f"<div style='border-left:3px solid {color};padding:0 0 0 10px;margin:6px 0'>"
        f"<b>{finding.level} {finding.code}</b> {where}{_text(finding.text)}</div>"
    )


def _fixes(fixes: Sequence[tuple[str, Fix]]) -> str:
    rows = []
    for number, (word, fix) in enumerate(fixes):
        seen = number and fixes[number - 1][0] == word
        # Of a long chain only what changed is shown.
        code = fix.code if "\n" not in fix.code else fix.label
        output = f"→ <b>{show(fix.output)}</b>" if fix.output else ""
        rows.append(
            (
                "" if seen else f"<b style='color:#16a34a'>{word}</b>",
                f"<code style='background:rgba(128,128,128,.15);color:inherit;padding:1px 5px;border-radius:3px'>{_text(code)}</code>",
                f"<span style='white-space:nowrap'>{output}</span>",
                _label(fix.why),
            )
        )
    return f"<div style='{RULE};margin-top:6px'>{_table(rows)}</div>" if rows else ""


def _refused(answer: Explanation, change: str, quote: str) -> str:
    return (
        f"<div><b style='color:#ef4444'>not</b>&nbsp; <code style='background:transparent;color:inherit'>{_text(change)}</code>: "
        f"{_text(answer.title)} refuses it: <i>“{_text(quote)}”</i></div>"
    )


def _picture(axis: Axis | None, names: str) -> str:
    """The axis as a row of cells, with its first windows and the last one below; a long axis is cut in the middle."""
    if axis is None or not axis.fits or (axis.kernel == 1 and axis.stride == 1):
        return ""
    segments = _segments(axis)
    if segments is None:
        return ""
    places = {cell: column for column, cell in enumerate(segments[0])}
    if len(segments) > 1:
        places |= {cell: len(segments[0]) + 1 + column for column, cell in enumerate(segments[1])}
    drawn = [_cell(column, 0, _kind(axis, cell), f"cell {cell}") for cell, column in places.items()]
    shown = [
        index for index in (0, 1, 2, axis.out - 1) if 0 <= index < axis.out and set(axis.window(index)) <= set(places)
    ]
    for row, index in enumerate(dict.fromkeys(shown), 1):
        taps = axis.taps(index)
        drawn += [
            _cell(places[cell], row, "tap" if cell in taps else "between", f"window {index}")
            for cell in axis.window(index)
        ]
        drawn.append(
            _note(
                places[axis.window(index)[-1]] + 1,
                row,
                f"window {index}" + (", the last" if index == axis.out - 1 else ""),
            )
        )
    if len(segments) > 1:
        drawn.append(_note(len(segments[0]), 0, "…"))
    kinds = dict.fromkeys([*(_kind(axis, cell) for cell in sorted(places)), "tap"])
    rows = len(dict.fromkeys(shown)) + 1
    width = (max(places.values()) + 1) * CELL + 170
    return (
        f"<div style='margin:6px 0 2px'>{_label(names)}{''.join(_legend(kind, axis) for kind in kinds)}</div>"
        f"<svg role='img' width='{width}' height='{rows * ROW}' viewBox='0 0 {width} {rows * ROW}' style='max-width:100%;display:block' "
        f"xmlns='http://www.w3.org/2000/svg'><title>{_text(names)}: the cells, and the windows over them</title>{''.join(drawn)}</svg>"
    )


def _segments(axis: Axis) -> list[range] | None:
    first, stop = -max(axis.pad_low, 0), axis.size + max(axis.pad_high, 0) + axis.overhang
    if stop - first <= MOST_CELLS:
        return [range(first, stop)]
    left = axis.window(min(2, axis.out - 1)).stop - first
    right = stop - axis.window(axis.out - 1).start
    left, right = max(left, 6) + 1, max(right, 3) + 3
    return [range(first, first + left), range(stop - right, stop)] if left + right < MOST_CELLS else None


def _kind(axis: Axis, cell: int) -> str:
    if cell < 0 or cell >= axis.size:
        return "padding"
    return "read" if axis.reads(cell) else "unread"


def _cell(column: int, row: int, kind: str, title: str) -> str:
    place = f"x='{column * CELL + 1}' y='{row * ROW + 1}' width='{CELL - GAP}' height='{CELL - GAP}' rx='2'"
    return f"<rect {place} fill='{COLORS[kind]}' fill-opacity='{FAINT.get(kind, 1)}'><title>{title}</title></rect>"


def _note(column: int, row: int, text: str) -> str:
    return f"<text x='{column * CELL + 4}' y='{row * ROW + 11}' font-size='11' fill='currentColor' fill-opacity='.7'>{text}</text>"


def _legend(kind: str, axis: Axis) -> str:
    word = "past the end" if kind == "padding" and axis.pad_low <= 0 and axis.pad_high <= 0 else WORDS[kind]
    box = f"display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 5px 0 14px;background:{COLORS[kind]};opacity:{FAINT.get(kind, 1)}"
    return f"<span style='{box}'></span><span style='opacity:.75;font-size:12px'>{word}</span>"
