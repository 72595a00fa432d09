"""The trace of a network in the terminal: a row a node or a module, and the totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convwise.answers.explanation import show
from convwise.answers.network.expressions import Expressions, words
from convwise.answers.network.trace import Row, Trace
from convwise.dialects.base import TITLES
from convwise.escaping import escape
from convwise.faces.fit import fit
from convwise.faces.networks.findings import finding_lines
from convwise.faces.networks.rows import Line, chosen, lettered, lines, shape_text
from convwise.faces.networks.table import Column, clip, elide, table
from convwise.graph import Declared, Network
from convwise.ops import Shape

WIDE = 90
NARROW = 80
"""Below so many columns shapes are written without spaces."""


def render_trace(
    trace: Trace,
    width: int,
    color: bool = False,
    *,
    depth: int | None = None,
    only: str | None = None,
    grep: str | None = None,
    sort: str | None = None,
    symbolic: Expressions | None = None,
) -> str:
    """The network as a table, a row a node (or a module, with `depth`), and its totals."""
    rows = chosen(trace.rows, only=only, grep=grep)
    shown = table(
        _columns(lines(trace, rows, depth, symbolic, sort), width, symbolic is None or trace.totals.macs is not None),
        width,
        color,
    )
    below = [*totals(trace, symbolic), *_shown(trace, rows), *_letters(symbolic)]
    title = fit(title_line(trace, symbolic), width)
    return "\n".join([title, "", shown, "", *(fit(line, width) for line in below)])


def render_network(network: Network) -> str:
    """What is known of a network before shapes flow through it, and what to ask it."""
    inputs = ", ".join(f"{escape(one.name)}: {_declared(one.declared)}" for one in network.sources)
    outputs = ", ".join(map(escape, network.outputs))
    title = f"{escape(network.title or 'network')} · {TITLES.get(network.dialect, network.dialect)}"
    return (
        f"{title} · {inputs} -> {outputs} · {len(network.nodes):,} nodes\n"
        "  trace(shape) tells them all, legal_sizes() the sizes that work, check(shape) what is wrong"
    )


def _declared(shape: Declared) -> str:
    return " x ".join("?" if size is None else escape(str(size)) for size in shape) or "scalar"


def render_trace_line(trace: Trace, symbolic: Expressions | None = None) -> str:
    """The network in one line: its name, sizes and totals."""
    counts = [f"{trace.totals.params:,} parameters"] if trace.totals.params is not None else []
    if trace.totals.macs is not None:
        counts.append(f"{trace.totals.macs:,} MACs")
    return f"{title_line(trace, symbolic)}; {', '.join([f'{len(trace.rows):,} nodes', *counts])}"


def title_line(trace: Trace, symbolic: Expressions | None = None) -> str:
    """`UNet · PyTorch · x: 1 x 3 x 352 x 352 -> head: 1 x 2 x 352 x 352`."""
    if symbolic is None:
        inputs, outputs = _named(trace.inputs), _named(trace.outputs)
    else:
        inputs, outputs = (
            ", ".join(f"{escape(name)}: {words(shape)}" for name, shape in shapes.items())
            for shapes in (symbolic.inputs, symbolic.outputs)
        )
    return f"{escape(trace.title)} · {TITLES.get(trace.dialect, trace.dialect)} · {inputs} -> {outputs}"


def _named(shapes: Mapping[str, Shape | None]) -> str:
    return ", ".join(f"{escape(name)}: {shape_text(shape)}" for name, shape in shapes.items())


def _columns(shown: Sequence[Line], width: int, counted: bool) -> list[Column]:
    narrow = width < NARROW
    ruled = any(line.rule for line in shown)
    outputs = [line.output.replace(" x ", "x") if narrow else line.output for line in shown]
    folds = any("(" in output for output in outputs)
    if folds:
        outputs = [line.output for line in shown]
    # Where sizes are open no MACs are known, and a column of question marks tells nothing.
    macs = [_count(line.macs) for line in shown] if counted and any(line.macs != 0 for line in shown) else []
    return [
        Column("name", [escape(line.name) for line in shown], least=36 if width >= WIDE else 26, shorten=elide),
        Column("op", [escape(line.op) for line in shown], least=12, drop=5, shorten=clip),
        Column("output", outputs, least=24 if folds else 0),
        Column("h of H, w of W", [line.rule for line in shown]),
        Column(
            "params" if narrow else "parameters",
            [_count(line.params) for line in shown],
            right=True,
            drop=7 if ruled else 0,
        ),
        Column("MACs", macs, right=True, drop=6 if ruled else 0),
        Column("field", [line.field for line in shown], right=True, drop=4),
        Column("jump", [line.jump for line in shown], right=True, drop=3),
        Column("lost", [line.lost for line in shown], right=True, drop=2),
        Column("padding", [line.padding for line in shown], right=True, drop=1),
    ]


def _count(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else ""


def _shown(trace: Trace, rows: Sequence[Row]) -> list[str]:
    """Where not all rows are shown: how many are, and what they hold."""
    if len(rows) == len(trace.rows):
        return []
    params, macs = sum(row.params or 0 for row in rows), sum(row.macs or 0 for row in rows)
    return [f"shown        {len(rows):,} of {len(trace.rows):,} nodes, with {params:,} parameters and {macs:,} MACs"]


def totals(trace: Trace, symbolic: Expressions | None = None) -> list[str]:
    """The sums over all nodes, and what is worth telling of the whole network."""
    sums = trace.totals
    open_ = symbolic is not None and sums.macs is None
    if sums.params is None:
        told = ["parameters   not all known"]
    else:
        fixed = "" if sums.trainable in (None, sums.params) else f", of which {sums.trainable:,} trainable"
        told = [f"parameters   {sums.params:,}{fixed}"]
    at = ""
    if symbolic is not None and not open_ and trace.inputs:
        at = f" at {', '.join(show(shape) for shape in trace.inputs.values())}"
    if sums.macs is not None:
        told.append(f"MACs         {sums.macs:,}{at} (FLOPs = 2 MACs = {sums.flops:,})")
    elif not open_:
        told.append(_without(trace.rows))
    if sums.activation_bytes is not None:
        peak = "" if sums.peak_activation_bytes is None else f"; at most {size(sums.peak_activation_bytes)} at once"
        told.append(f"activations  {size(sums.activation_bytes)} as float32{peak}")
    return [*told, *(line for note in trace.notes for line in finding_lines(note))]


def _without(rows: Sequence[Row]) -> str:
    """The multiply-accumulates that are known, and where the others are."""
    first, *others = (f"{escape(row.name)} ({escape(row.op)})" for row in rows if row.macs is None)
    more = f" and {len(others):,} more" if others else ""
    return f"MACs         {sum(row.macs or 0 for row in rows):,} without those of {first}{more}, which are not known"


def _letters(symbolic: Expressions | None) -> list[str]:
    """What the letters stand for, once."""
    if symbolic is None or not symbolic.letters:
        return []
    ruled = any(lettered(shape)[1] for shape in symbolic.rows)
    rule = ["h, w         n stands for H in h, and for W in w"] if ruled else []
    return [*rule, *(f"exact for    {escape(line)}" for line in symbolic.where())]


def size(count: int) -> str:
    """Bytes as people say them."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
