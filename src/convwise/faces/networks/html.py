"""Traces and legal sizes as pieces of HTML for notebooks: the terminal's words; colours come from the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from convwise.answers.network.legal import LegalSizes
from convwise.answers.network.trace import Trace
from convwise.escaping import escape as visible
from convwise.faces.networks.rows import lines
from convwise.faces.networks.sizes import render_sizes
from convwise.faces.networks.trace import render_network, title_line, totals
from convwise.graph import Network

FONT = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;line-height:1.5"
RULE = "1px solid rgba(128,128,128,.35)"
CELL = "padding:1px 16px 1px 0;background:transparent;border:0;white-space:nowrap;text-align:"
MOST = 400
"""Pages of more rows get slow; the others are counted."""
TALL = 40
"""Tables of more rows scroll by themselves."""

HEADS = ("name", "op", "output", "parameters", "MACs", "field", "jump", "lost", "padding")
TEXTS = 3
"""So many columns hold text; the others hold numbers and stand to the right."""


def network_html(network: Network) -> str:
    """A network's name, inputs and outputs, as the terminal says them."""
    return _headed(render_network(network))


def trace_html(trace: Trace) -> str:
    """The trace as one self-contained `<div>`: a table, a row a node, and the totals; every text in it is escaped."""
    rows = [
        (
            line.name,
            line.op,
            line.output,
            _count(line.params),
            _count(line.macs),
            line.field,
            line.jump,
            line.lost,
            line.padding,
        )
        for line in lines(trace, trace.rows[:MOST])
    ]
    shown = [place for place, _ in enumerate(HEADS) if any(row[place] for row in rows)]
    head = "".join(_cell("th", HEADS[place], place, f";border-bottom:{RULE}") for place in shown)
    body = "".join(
        f"<tr style='background:transparent'>{''.join(_cell('td', row[place], place) for place in shown)}</tr>"
        for row in rows
    )
    scroll = "max-height:60vh;overflow:auto" if len(rows) > TALL else "overflow-x:auto"
    table = f"<table style='border-collapse:collapse;border:0;{FONT}'><thead><tr style='background:transparent'>{head}</tr></thead><tbody>{body}</tbody></table>"
    rest = len(trace.rows) - MOST
    left = [f"and {rest:,} more rows: trace.rows has them all"] if rest > 0 else []
    below = f"<pre style='{FONT};background:transparent;color:inherit;border:0;white-space:pre-wrap;margin:6px 0 0'>{_text([*left, *totals(trace)])}</pre>"
    return f"<div style='{FONT};padding:4px 0'><div style='margin:0 0 6px'><b>{_text([title_line(trace)])}</b></div><div style='{scroll}'>{table}</div>{below}</div>"


def sizes_html(legal: LegalSizes) -> str:
    """The legal sizes and what forces them, as the terminal says them."""
    return _headed(render_sizes(legal))


def _headed(text: str) -> str:
    """Text of the terminal with its first line in bold."""
    first, *rest = text.splitlines()
    body = f"<pre style='{FONT};background:transparent;color:inherit;border:0;white-space:pre-wrap;margin:4px 0 0'>{_text(rest)}</pre>"
    return f"<div style='{FONT};padding:4px 0'><b>{_text([first])}</b>{body}</div>"


def _cell(tag: str, text: str, place: int, more: str = "") -> str:
    side = "left" if place < TEXTS else "right"
    return f"<{tag} style='{CELL}{side}{more}'>{_text([text])}</{tag}>"


def _text(lines: Sequence[str]) -> str:
    return "\n".join(escape(visible(line)) for line in lines)


def _count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else ""
