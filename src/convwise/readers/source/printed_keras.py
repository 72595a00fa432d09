"""`model.summary()` of Keras: names, kinds, output shapes and parameters; windows are worked out from them.

A summary does not show kernels, strides and padding. They are inferred where exactly one layer fits, among square kernels
without dilation; a layer that is still open is refused, and what would fit is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from convwise import dialects
from convwise.dialects.base import TITLES, Call, Layer, Note, built
from convwise.errors import CodeError, ConvwiseError
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.source.fitting import fit, fit_first, fit_given
from convwise.readers.source.result import Found, Snippet
from convwise.readers.source.state import MOST_LAYERS


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; `output` and `params` are None where the summary does not know them."""

    name: str
    kind: str
    output: Shape | None
    params: int | None
    line: int
    before: tuple[str, ...] = ()


def read(text: str, release: str | None, given: Shape | None = None) -> Snippet:
    """The layers of a summary, with the input that its first row names; where none does, the `given` one is held against its rows.

    Raises:
        CodeError: CW314 where a layer is not settled by sizes and parameters, CW315 where layers are not in one line.
    """
    rows = _boxed(text) if re.search("[│┃|]", text) else _plain(text)
    if not rows:
        raise CodeError("CW307", "the summary shows no layers", hint="give it with its rows")
    if len(rows) > MOST_LAYERS:
        raise CodeError("CW308", f"the summary has more than {MOST_LAYERS:,} rows")
    _check_straight(rows)
    shape: Shape | None = None
    start: Shape | None = None
    layers: list[Layer] = []
    notes: dict[str, None] = {}
    for row in rows:
        if row.kind == "InputLayer":
            start = shape = start or row.output
            continue
        call, shape_in, said = _layer_call(row, shape, given)
        if start is None:
            start = shape_in
        for note in said:
            notes[note] = None
        layers.append(_for_weights(_read(row, call, release), shape_in))
        shape = row.output
    if not layers:
        raise CodeError("CW307", "the summary shows no layers but the input")
    told = "kernels, strides and padding are not in a summary: they were worked out from its sizes and parameters, for square kernels without dilation"
    found = Found(tuple(layers), start, None, rows[0].line)
    return Snippet("keras", (found,), (Note("CW512", told), *(Note("CW512", note) for note in notes)))


def _for_weights(layer: Layer, shape: Shape | None) -> Layer:
    """The layer for the features or channels that its parameters were counted with: at another input they stay."""
    size = shape[-1] if shape else None
    return built(layer, size) if size else layer


def _layer_call(row: Row, shape: Shape | None, given: Shape | None) -> tuple[Call, Shape | None, tuple[str, ...]]:
    if row.output is None:
        raise _open(row, "its output shape is not in the summary", "call the model's build(...) before summary()")
    if row.params is None:
        raise _open(row, "its parameters are not in the summary", "call the model's build(...) before summary()")
    if shape is not None:
        found = fit(row.kind, shape, row.output, row.params)
        hint = "give the code of the layer, or the missing values"
    elif given is not None and None not in given[1:]:
        found = fit_given(row.kind, given, row.output, row.params)
        hint = "give the input that the summary was made with, or the code of the layer"
    else:
        found = fit_first(row.kind, row.output, row.params)
        hint = "give the input that the summary was made with, such as 64x64x3, or the code of the layer"
    if isinstance(found, str):
        raise _open(row, found, hint)
    call = Call(found.call.kind, found.call.args, found.call.kwargs, found.call.text, row.line)
    return call, found.input, tuple(f"{shown(row.name, 60)}: {note}" for note in found.notes)


def _open(row: Row, why: str, hint: str) -> CodeError:
    return CodeError(
        "CW314",
        f"the summary does not settle the layer: {why}",
        layer=f"'{shown(row.name, 60)}' (Keras {shown(row.kind, 40)})",
        detail=f"line {row.line}: output {row.output}, {row.params} parameters",
        received=shown(row.name, 60),
        hint=hint,
    )


def _read(row: Row, call: Call, release: str | None) -> Layer:
    try:
        return dialects.get("keras").read(call, release).named(row.name)
    except ConvwiseError as error:
        error.layer = f"'{shown(row.name, 60)}' ({TITLES['keras']} {shown(row.kind, 40)})"
        error.detail = f"{error.detail}\nline {row.line}".strip()
        raise


def _check_straight(rows: list[Row]) -> None:
    for before, row in pairwise(rows):
        if row.before and not all(_is_name(word, before.name) for word in row.before):
            raise CodeError(
                "CW315",
                f"{shown(row.name, 60)} is connected to {', '.join(shown(name, 40) for name in row.before)}, so the layers are not in one line",
                detail=f"line {row.line}",
                hint="give the rows of one straight part",
            )


def _is_name(word: str, name: str) -> bool:
    """Whether a word of the column "Connected to" names the layer; a name that is cut off ends in dots."""
    return name.startswith(word.rstrip("….")) if word.endswith(("…", "...")) else word == name


def _sources(cell: str) -> tuple[str, ...]:
    """The layers that `conv2d_4[0][0], conv2d_5[0]…` names."""
    words = [word.partition("[")[0] for word in cell.replace(",", " ").split()]
    return tuple(word for word in words if word not in ("", "-"))


def _boxed(text: str) -> list[Row]:
    """The rows of Keras 3's table; cells that are broken over several lines are put together."""
    rows: list[Row] = []
    cells: list[str] = []
    first = 0
    header = True
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"[ \t]*[├└┡╞+|]?[─━═=+┼┴╇╪-]{3,}", line) or not re.search("[│┃|]", line):
            if cells and not header:
                rows += _row(cells, first)
            header = header and not cells
            cells = []
            continue
        parts = [part.strip() for part in re.split("[│┃|]", line.strip().strip("│┃|"))]
        if not cells:
            cells, first = parts, number
            if any("Output Shape" in part for part in parts):
                header = True
        else:
            cells = [f"{old} {new}".strip() for old, new in zip(cells, [*parts, *[""] * len(cells)], strict=False)]
    if cells and not header:
        rows += _row(cells, first)
    return rows


def _row(cells: list[str], line: int) -> list[Row]:
    named = re.fullmatch(r"(.{1,200}?) ?\(([\w ]{1,80}?)(…|\.\.\.)?\)?", cells[0])
    if not named or len(cells) < 3:
        raise CodeError(
            "CW301", f"line {line} is no row of a summary", detail=shown(" ".join(cells)), received=shown(cells[0])
        )
    output = _shape(cells[1])
    kind = _whole_kind(named.group(2).replace(" ", ""), output, line)
    before = _sources(cells[3]) if len(cells) > 3 else ()
    return [Row(named.group(1).replace(" ", ""), kind, output, _count(cells[2]), line, before)]


def _plain(text: str) -> list[Row]:
    """The rows of the older table, which is ruled with `_` and `=` and cuts long names off."""
    rows: list[Row] = []
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if "Output Shape" in line and "Layer (type" in line:
            inside = True
            continue
        if re.match(r"[ \t]*(Total params|Trainable params)", line):
            break
        found = re.fullmatch(
            r"[ \t]*([^\s()]{1,200})[ \t]*\((\w{1,80})\)?[ \t]+(\[?\(.{0,100}?\)\]?|multiple|\?)[ \t]+([\d,?]+)(.*)",
            line.rstrip(),
        )
        more = re.fullmatch(r"[ \t]+([\w./-]+\[\d+\].{0,200})", line.rstrip())
        if inside and rows and more:
            rows[-1] = replace(rows[-1], before=(*rows[-1].before, *_sources(more.group(1))))
        if not inside or not found:
            continue
        name, kind, output, params, rest = found.groups()
        shape = _shape(output)
        whole = _whole_kind(kind, shape, number)
        rows.append(Row(name, whole, shape, _count(params), number, _sources(rest)))
    return rows


def _shape(text: str) -> Shape | None:
    words = re.findall(r"None|\d+", text)
    if not words or "(" not in text or any(len(word) > 18 for word in words):
        return None
    return tuple(None if word == "None" else int(word) for word in words)


def _count(text: str) -> int | None:
    found = re.match(r"\d[\d,]*", text)
    if not found or len(found.group()) >= 30 or "unbuilt" in text:
        return None
    return int(found.group().replace(",", ""))


def _whole_kind(kind: str, output: Shape | None, line: int) -> str:
    """A kind's name, completed where the table has cut it off.

    Raises:
        CodeError: CW314 where several fit.
    """
    kinds = dialects.get("keras").kinds
    if kind in kinds or kind in ("InputLayer", "Functional", "Sequential"):
        return kind
    rank = f"{len(output) - 2}D" if output else ""
    fitting = [name for name in kinds if name.startswith(kind) and (not re.search(r"\dD", name) or rank in name)]
    plain = sorted(
        name
        for name in fitting
        if not re.match(r"Convolution|MaxPool\d|AvgPool|SeparableConvolution|Global\w*Pool\d", name)
    )
    if len(plain) == 1:
        return plain[0]
    if plain and len(kind) >= 6:
        raise CodeError(
            "CW314",
            f"the summary cuts off the layer's kind: {kind}... may be {', '.join(plain[:4])}",
            detail=f"line {line}",
        )
    return kind
