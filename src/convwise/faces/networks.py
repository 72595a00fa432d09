"""Whole networks in the terminal: the trace as a table, the legal sizes, and findings. Nothing is computed here."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from convwise.answers.explanation import Finding, show
from convwise.answers.network.fitting import Fit
from convwise.answers.network.legal import LegalSizes
from convwise.answers.network.trace import Row, Trace
from convwise.faces.safe import escape
from convwise.ops import Shape

SORTS = ("macs", "params", "activation_bytes", "receptive_field")


def chosen(
    rows: Sequence[Row], *, only: str | None = None, grep: str | None = None, sort: str | None = None
) -> list[Row]:
    """The rows whose op is `only` and whose name holds `grep` (case apart), the largest `sort` first."""
    kept = [row for row in rows if only is None or row.op.lower() == only.lower()]
    kept = [row for row in kept if grep is None or grep.lower() in f"{row.module}.{row.name}".lower()]
    return sorted(kept, key=lambda row: -_weight(row, sort)) if sort else kept


def _weight(row: Row, sort: str) -> int:
    values = {
        "macs": row.macs,
        "params": row.params,
        "activation_bytes": row.activation_bytes,
        "receptive_field": max((size for size in row.receptive_field if isinstance(size, int)), default=0),
    }
    return values.get(sort) or 0


def render_trace(
    trace: Trace,
    width: int,
    color: bool = False,
    *,
    depth: int | None = None,
    only: str | None = None,
    grep: str | None = None,
    sort: str | None = None,
) -> str:
    """The network as a table, a row a node (or a module, with `depth`), and its totals."""
    rows = chosen(trace.rows, only=only, grep=grep, sort=sort)
    head = ["name", "op", "output", "parameters", "MACs"]
    wide = width >= 100
    if wide:
        head += ["field", "jump"]
    cells = [_cells(row, wide) for row in rows] if depth is None else _folded(rows, depth, wide)
    inputs = ", ".join(f"{escape(name)} {show(shape)}" for name, shape in trace.inputs.items())
    outputs = ", ".join(f"{escape(name)} {_shape(shape)}" for name, shape in trace.outputs.items())
    title = f"{escape(trace.title)} · {trace.dialect} · {inputs} -> {outputs}"
    return "\n".join([title, _table(head, cells, width, color), *_totals(trace)])


def _cells(row: Row, wide: bool) -> list[str]:
    cells = [escape(row.name), escape(row.op), _shape(row.output), _count(row.params), _count(row.macs)]
    if wide:
        cells += [_each(row.receptive_field), _each(row.jump)]
    return cells


def _folded(rows: Iterable[Row], depth: int, wide: bool) -> list[list[str]]:
    """One row a module down to `depth` dots: counts added up, the last output."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        path = row.module or row.name
        groups.setdefault(".".join(path.replace("/", ".").strip(".").split(".")[:depth]), []).append(row)
    cells = []
    for name, members in groups.items():
        params = [row.params for row in members if row.params is not None]
        macs = [row.macs for row in members if row.macs is not None]
        last = members[-1]
        what = last.op if len(members) == 1 else f"{len(members)} nodes"
        line = [escape(name), escape(what), _shape(last.output), _count(sum(params)), _count(sum(macs))]
        cells.append(line + ([_each(last.receptive_field), _each(last.jump)] if wide else []))
    return cells


def _table(head: Sequence[str], cells: Sequence[Sequence[str]], width: int, color: bool) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold" if color else "")
    for number, name in enumerate(head):
        table.add_column(name, justify="left" if number < 3 else "right", no_wrap=number > 1, overflow="fold")
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="standard" if color else None, highlight=False
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n"))


def _totals(trace: Trace) -> list[str]:
    totals = trace.totals
    lines = [f"parameters   {_count(totals.params) or '0'}, of which {_count(totals.trainable) or '0'} trainable"]
    if totals.macs is not None:
        lines.append(f"MACs         {totals.macs:,} (FLOPs = 2 MACs = {totals.flops:,})")
    if totals.activation_bytes is not None:
        peak = (
            "" if totals.peak_activation_bytes is None else f"; at most {_size(totals.peak_activation_bytes)} at once"
        )
        lines.append(f"activations  {_size(totals.activation_bytes)} as float32{peak}")
    return lines + [f"{note.level} {note.code}  {escape(note.text)}" for note in trace.notes]


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else ""


def _shape(shape: Shape | None) -> str:
    return "?" if shape is None else show(shape)


def _each(values: Sequence[object]) -> str:
    """One value where all axes agree, else all."""
    texts = ["" if value is None else str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def render_sizes(legal: LegalSizes, near: Sequence[Fit] = ()) -> str:
    """The legal sizes of each axis, what forces them, and the nearest to those asked for."""
    lines = [f"{escape(legal.input)} takes"]
    texts = {name: sizes.text() + ("" if sizes.exact else "  (not exact)") for name, sizes in legal.items()}
    if len(set(texts.values())) == 1 and len(texts) > 1:
        texts = {", ".join(texts): next(iter(texts.values()))}
    column = max((len(name) for name in texts), default=0)
    lines += [f"  {name:<{column}}   {text}" for name, text in texts.items()]
    if legal.joint is not None:
        lines.append(f"  together   {legal.joint}")
    told: dict[str, None] = {}
    for sizes in legal.values():
        for reason in sizes.reasons:
            told[
                f"  because    {escape(reason.node)}: {escape(reason.text)}"
                if reason.node
                else f"  because    {escape(reason.text)}"
            ] = None
    lines += list(told)
    groups: dict[str, list[str]] = {}
    for fit in near:
        groups.setdefault(f"{fit.size}: {_fitted(fit)}", []).append(fit.axis)
    lines += [f"  {', '.join(names)} {text}" for text, names in groups.items()]
    return "\n".join(lines)


def _fitted(fit: Fit) -> str:
    """How to get from a size to legal ones."""
    if fit.below == fit.size:
        return "legal"
    parts = []
    if fit.below is not None and fit.crop is not None:
        parts.append(f"{fit.below} (crop {fit.crop[0]} before, {fit.crop[1]} after)")
    if fit.above is not None and fit.pad is not None:
        undo = f"; then crop {fit.undo[0]} and {fit.undo[1]} off the output" if fit.undo else ""
        parts.append(f"{fit.above} (pad {fit.pad[0]} before, {fit.pad[1]} after{undo})")
    return f"not legal; nearest {' or '.join(parts)}" if parts else "not legal, and no size is"


def render_findings(findings: Sequence[Finding]) -> str:
    """A line a finding and its hint; then how many of each level."""
    lines = []
    for one in findings:
        where = f" {escape(one.node)}" if one.node else ""
        lines.append(f"{one.level} {one.code}{where}: {escape(one.text)}")
        if one.hint:
            lines.append(f"  {escape(one.hint)}")
    counts = {level: sum(one.level == level for one in findings) for level in ("error", "warning", "note")}
    told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items() if count)
    return "\n".join([*lines, told or "nothing found"])
