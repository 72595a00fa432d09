"""Ports, differences and tables of support as terminal text and HTML. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as markup

from convwise.answers.explanation import Fact, show
from convwise.answers.porting.difference import Difference, Numbers, Side
from convwise.answers.porting.port import Port
from convwise.answers.porting.supports import Supports
from convwise.escaping import escape
from convwise.faces.fit import fit
from convwise.faces.text import DEFAULT_WIDTH, Line, paint, wrapped

Answer = Difference | Port | Supports
ROUNDING = 1e-12
FONT = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px;line-height:1.5"


def render(answer: Answer, width: int | None = None, color: bool = False) -> str:
    """The answer as text of at most `width` columns; emitted code keeps its own lines."""
    width = max(width or DEFAULT_WIDTH, 40)
    return paint(lines_of(answer, width), color)


def lines_of(answer: Answer, width: int) -> list[Line]:
    if isinstance(answer, Difference):
        return _difference(answer, width)
    return _port(answer, width) if isinstance(answer, Port) else _supports(answer)


def render_line(answer: Answer) -> str:
    """The answer in one line; of a port the code alone, so that it can be sent to a file."""
    if isinstance(answer, Port):
        return answer.code.rstrip("\n")
    if isinstance(answer, Supports):
        return "; ".join(f"{row.framework} {row.release}: {row.verdict}" for row in answer.rows)
    numbers = answer.numbers
    gap = "" if numbers.max_abs is None else f" (largest difference {number(numbers.max_abs)})"
    return f"{answer.headline}{gap}"


def render_html(answer: Answer) -> str:
    """The answer as one self-contained `<div>`; every text in it is escaped."""
    if isinstance(answer, Supports):
        cell = "padding:1px 16px 1px 0;vertical-align:top;text-align:left"
        rows = "".join(
            f"<tr>{''.join(f'<td style={chr(39)}{cell}{chr(39)}>{markup(escape(text))}</td>' for text in row.cells())}</tr>"
            for row in answer.rows
        )
        return f"<div style='{FONT}'><table>{rows}</table></div>"
    head, *rest = lines_of(answer, DEFAULT_WIDTH)
    told = "\n".join("".join(text for text, _ in line).rstrip() for line in rest)
    title = "".join(text for text, _ in head)
    return f"<div style='{FONT}'><b>{markup(title)}</b><pre style='{FONT}'>{markup(told)}</pre></div>"


def number(value: float) -> str:
    """Three digits that tell.

    >>> number(7.4912), number(6.2e-15), number(0.0)
    ('7.49', '6.2e-15', '0')
    """
    return f"{value:.3g}"


def _gap(numbers: Numbers) -> str:
    """A difference that is rounding alone; its last digits are the machine's."""
    if numbers.max_rel is not None and numbers.max_rel < ROUNDING:
        return f"less than {ROUNDING:g} of it"
    return number(numbers.max_abs or 0.0)


def _named(side: Side) -> str:
    code = " ".join(side.code.split())
    count = len(side.code.splitlines())
    code = code if len(code) <= 60 else f"{count} layers" if count > 1 else code.partition("(")[0]
    return f"{code} · {side.title} {side.release}"


def _difference(told: Difference, width: int) -> list[Line]:
    lines: list[Line] = [
        ((escape(f"{_named(told.a)} · {show(told.a.input)} -> {show(told.a.output)}"), "head"),),
        ((escape(f"{_named(told.b)} · {show(told.b.input)} -> {show(told.b.output)}"), "head"),),
        ((told.headline, "good" if told.equal else "bad"),),
    ]
    for fact in told.facts:
        lines += _fact(fact, width)
    lines += [((f"    {line}", "dim"),) for line in told.alignment if len(line) + 4 <= width]
    lines += _numbers(told.numbers, width, told.several and not _named_first(told))
    if told.exact:
        lines += wrapped("exact", escape(told.exact), width, 0)
    return lines


def _named_first(told: Difference) -> bool:
    """Whether a fact names the very layers after which the values part."""
    return any(fact.label == "first" and fact.lines[0] == told.numbers.first for fact in told.facts)


def _fact(fact: Fact, width: int) -> list[Line]:
    lines: list[Line] = []
    for place, text in enumerate(fact.lines):
        lines += wrapped(escape(fact.label) if place == 0 else " ", escape(text), width, 2)
    return lines


def _numbers(numbers: Numbers, width: int, several: bool) -> list[Line]:
    if numbers.max_abs is None:
        return wrapped("values", escape(numbers.note), width, 2)
    lines: list[Line] = []
    share = "" if numbers.max_rel is None else f", {100 * numbers.max_rel:.3g}% of the largest output"
    if numbers.equal:
        text = f"the largest output is {number(numbers.largest or 0.0)}, the largest difference {_gap(numbers)}"
    else:
        where = {
            "border": "at the border only",
            "everywhere": "everywhere in the map",
            "part": "in parts of the map",
            "order": "cell by cell; put into one order they are the same",
        }
        text = f"the largest difference is {number(numbers.max_abs)}{share}: {where.get(numbers.where, numbers.where)}"
    lines += wrapped("values", text, width, 2)
    if numbers.note:
        lines += wrapped("note", escape(numbers.note), width, 2)
    if numbers.first and several:
        lines += wrapped("first", escape(f"they part after {numbers.first}"), width, 2)
    if numbers.picture and numbers.where != "everywhere":
        lines += [((f"    {row}", "dim"),) for row in numbers.picture]
        lines.append((("    # differs  . agrees", "dim"),))
    lines += wrapped("proved by", escape(_prover(numbers)), width, 2)
    return lines


def _prover(numbers: Numbers) -> str:
    if numbers.proved_by == "reference":
        return "the reference: both run with the same random weights on the same random input, in float64"
    return numbers.proved_by


def _port(told: Port, width: int) -> list[Line]:
    chain = told.source
    kind = chain.layers[0].kind if len(chain.layers) == 1 else f"{len(chain.layers)} layers"
    sizes = f" · {show(chain.given(chain.input))} -> {show(chain.given(chain.output))}" if not chain.assumed else ""
    lines: list[Line] = [((escape(f"{kind} · {chain.title} in {told.title}{sizes}"), "head"),), (("", ""),)]
    lines += [((line, ""),) for line in told.code.rstrip("\n").splitlines()]
    lines.append((("", ""),))
    for fact in told.facts:
        lines += _fact(fact, width)
    for warning in told.warnings:
        lines += wrapped("warning", escape(warning), width, 2, "warn")
    return lines + _proof(told, width)


def _proof(told: Port, width: int) -> list[Line]:
    numbers = told.proof.numbers
    if numbers.max_abs is None:
        return wrapped("proof", escape(f"not run: {numbers.note}"), width, 2)
    word = "equal" if numbers.equal else "not equal"
    text = f"{word}: the same random weights and input through both ({told.proof_input}); largest output {number(numbers.largest or 0.0)}, largest difference {_gap(numbers) if numbers.equal else number(numbers.max_abs)}"
    return wrapped("proof", text, width, 2, "good" if numbers.equal else "bad")


def _supports(told: Supports) -> list[Line]:
    lines: list[Line] = [((escape(told.title), "head"),)]
    rows = [row.cells() for row in told.rows]
    wide = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    for row in rows:
        text = "  ".join(f"{cell:<{size}}" for cell, size in zip(row, wide, strict=False))
        style = {"accepted": "good", "refused": "bad"}.get(row[2], "warn")
        lines.append(((f"  {text}  ", style), (escape(row[3]), "")))
    return [*lines, ((f"  {told.note}", "dim"),)]


def markdown(told: Supports) -> str:
    """The table as Markdown."""
    head = ["framework", "release, device", "verdict", "how, or its words"]
    rows: Sequence[Sequence[str]] = [head, ["---"] * 4, *(row.cells() for row in told.rows)]
    return "\n".join("| " + " | ".join(escape(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)


def folded(answer: Answer, width: int, color: bool) -> str:
    """The text for a terminal: long lines folded, but for a port's code, which is copied from it."""
    text = render(answer, width, color)
    return text if isinstance(answer, Port) else fit(text, width)
