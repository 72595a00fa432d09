"""Which rows of a trace are shown, in which order, and modules folded into one row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from convwise.answers.explanation import show
from convwise.answers.network.expressions import Expressions, Size, words
from convwise.answers.network.trace import Row, Trace
from convwise.ops import Shape
from convwise.ops.shape import total

SORTS = ("macs", "params", "activation_bytes", "receptive_field")


@dataclass(frozen=True, slots=True)
class Line:
    """What one row of the table shows, as text; counts are numbers, None where not known."""

    name: str
    op: str
    output: str
    params: int | None
    macs: int | None
    field: str
    jump: str
    lost: str = ""
    padding: str = ""
    rule: str = ""
    """How the `h` and `w` of the output follow from the input's H and W, as an expression of n."""


def chosen(
    rows: Sequence[Row], *, only: str | None = None, grep: str | None = None, sort: str | None = None
) -> list[Row]:
    """The rows whose op is `only` and whose name holds `grep` (case apart), the largest `sort` first."""
    kept = [row for row in rows if only is None or row.op.lower() == only.lower()]
    kept = [row for row in kept if grep is None or grep.lower() in f"{row.module}.{row.name}".lower()]
    return sorted(kept, key=lambda row: -_weight([row], sort)) if sort else kept


def _weight(members: Sequence[Row], sort: str) -> int:
    """What a line of these rows is sorted by: counts of all of them, and the field of the last, as the line tells them."""
    counts: dict[str, list[int | None]] = {
        "macs": [row.macs for row in members],
        "params": [row.params for row in members],
        "activation_bytes": [row.activation_bytes for row in members],
        "receptive_field": [size if isinstance(size, int) else None for size in members[-1].receptive_field],
    }
    told = [count or 0 for count in counts[sort]]
    return max(told, default=0) if sort == "receptive_field" else sum(told)


def lines(
    trace: Trace,
    rows: Sequence[Row],
    depth: int | None = None,
    symbolic: Expressions | None = None,
    sort: str | None = None,
) -> list[Line]:
    """A line a row; with `depth`, a line a module, whose rows stand in the network's order; the largest `sort` first."""
    told = {id(row): (shape_text(row.output), "") for row in trace.rows}
    if symbolic is not None:
        told = {id(row): lettered(shape) for row, shape in zip(trace.rows, symbolic.rows, strict=True)}
    if depth is None:
        return [_line(row, *told[id(row)]) for row in chosen(rows, sort=sort)]
    groups: dict[tuple[str, int], list[Row]] = {}
    for number, row in enumerate(rows):
        whole = path(row)
        # A row that nothing folds stands by itself, however often its layer is called.
        key = (".".join(whole[:depth]), number if len(whole) <= depth else -1)
        groups.setdefault(key, []).append(row)
    folded = sorted(groups.items(), key=lambda group: -_weight(group[1], sort)) if sort else groups.items()
    return [_folded(name, members, *told[id(members[-1])]) for (name, _), members in folded]


def path(row: Row) -> list[str]:
    """The modules that a row lies in, and itself: a layer that is called again is told apart by its row's name."""
    own, module = parts(row.name), parts(row.module) if row.module else []
    inside = row.name.startswith(row.module) or own[: len(module)] == module
    return own if inside else [*module, row.name]


def _line(row: Row, output: str, rule: str) -> Line:
    share = row.padding_share
    return Line(
        row.name,
        row.op,
        output,
        row.params,
        row.macs,
        each(row.receptive_field),
        each(row.jump),
        each(row.lost) if any(row.lost) else "",
        f"{100 * share:.1f} %" if share else "",
        rule,
    )


def _folded(name: str, members: Sequence[Row], output: str, rule: str) -> Line:
    """Counts added up, and what the last node gives."""
    last = members[-1]
    if len(members) == 1:
        return replace(_line(last, output, rule), name=name)
    params, macs = total(row.params for row in members), total(row.macs for row in members)
    return Line(
        name, f"{len(members)} nodes", output, params, macs, each(last.receptive_field), each(last.jump), rule=rule
    )


def parts(name: str) -> list[str]:
    """The modules that a name stands for: PyTorch's dots, Keras's and ONNX's slashes.

    Exporters repeat the path in every part, which is taken out.

    >>> parts("/layer1/layer1.0/conv1/Conv"), parts("features.1.0")
    (['layer1', '0', 'conv1', 'Conv'], ['features', '1', '0'])
    """
    found: list[str] = []
    before = ""
    for part in re.split(r"/+", name.strip("/")):
        rest = part[len(before) + 1 :] if before and part.startswith(before + ".") else part
        found += [word for word in rest.split(".") if word] or [rest]
        before = part
    return found


LONG = 8
"""Expressions of more signs get a column of their own."""


def lettered(shape: tuple[Size, ...] | None) -> tuple[str, str]:
    """A shape of expressions, and the one rule that its long ones follow: then they are `h` and `w` in the shape.

    >>> lettered((1, 64, "floor((H - 1) / 4) + 1", "floor((W - 1) / 4) + 1")), lettered((1, "H / 2", "W / 2"))
    (('1 x 64 x h x w', 'floor((n - 1) / 4) + 1'), ('1 x H/2 x W/2', ''))
    """
    found: dict[Size, tuple[str, str]] = {}
    for size in shape or ():
        letters = set(LETTER.findall(size)) if isinstance(size, str) else set()
        if isinstance(size, str) and len(letters) == 1:
            letter = letters.pop()
            found[size] = (letter.lower(), LETTER.sub("n", size))
    rules = {rule for _, rule in found.values()}
    if shape is None or len(rules) != 1 or max(map(len, rules)) <= LONG:
        return words(shape), ""
    return " x ".join(found[size][0] if size in found else words((size,)) for size in shape), rules.pop()


LETTER = re.compile(r"[A-Z]\d*")


def shape_text(shape: Shape | None) -> str:
    return "?" if shape is None else show(shape)


def each(values: Sequence[object]) -> str:
    """One value where all axes agree, else all."""
    texts = ["" if value is None else str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)
