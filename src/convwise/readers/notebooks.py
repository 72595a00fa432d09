"""Notebooks: the code of their cells as Python, and which cells are none."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from convwise.errors import CodeError
from convwise.readers.echo import shown
from convwise.readers.source.limits import LONGEST_TEXT, checked
from convwise.readers.source.parsing import parse, told
from convwise.readers.source.wrapping import bare

DEEPEST_JSON = 64
MOST_JSON_ITEMS = 1_000_000

_CODE_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Cell magics below which Python follows."""

_MAGIC_SIGNS = re.compile(r"[%!?]")


class NotebookError(ValueError):
    """Why a text is no notebook; its reader adds the path."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell by its number, from 1; `wrong` where it is no Python."""

    number: int
    code: str
    wrong: CodeError | None = None


def code_cells(text: str) -> list[Cell]:
    """The code cells of a notebook that are not empty, numbered as Jupyter numbers them when it runs them in their order.

    Raises:
        NotebookError: for JSON that is no notebook, or has no code.
    """
    _check_json(text)
    try:
        notebook: Any = json.loads(text, parse_int=_short_int, parse_constant=lambda word: None)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"it is no notebook: {shown(str(error), 120)}") from None
    sheets = notebook.get("worksheets") if isinstance(notebook, dict) else None
    holder = sheets[0] if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict) else notebook
    cells = holder.get("cells") if isinstance(holder, dict) else None
    if not isinstance(cells, list):
        raise NotebookError("it is no notebook: it has no cells")
    found: list[Cell] = []
    number = length = 0
    for source in map(_source, cells):
        number += bool(source.strip())
        length += len(source)
        # What is refused for its length as a whole is not parsed cell by cell before.
        code = _without_magics(source) if length <= LONGEST_TEXT else source
        if code.strip():
            found.append(_read(number, code) if length <= LONGEST_TEXT else Cell(number, code))
    if not found:
        raise NotebookError("the notebook has no code")
    return found


def _read(number: int, code: str) -> Cell:
    """The cell, with prompts and indentation taken off where it is Python only then."""
    try:
        parse(checked(code))
    except SyntaxError as error:
        for candidate, _ in bare(code):
            try:
                parse(candidate)
            except SyntaxError:
                continue
            return Cell(number, candidate)
        return Cell(number, code, told(error, code))
    except CodeError:
        pass  # too long or too deep: it is told about the text as a whole
    return Cell(number, code)


def _short_int(digits: str) -> int | None:
    return int(digits) if len(digits) < 30 else None


def _check_json(text: str) -> None:
    """Depth and number of items, counted before anything is built from them."""
    depth = items = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[{]|[\]}]|,', text, re.DOTALL):
        sign = token.group()[0]
        if sign == '"':
            continue
        items += 1
        if sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if depth > DEEPEST_JSON or items > MOST_JSON_ITEMS:
            reason = f"nested more than {DEEPEST_JSON} deep" if depth > DEEPEST_JSON else "made of too many items"
            raise NotebookError(f"its JSON is {reason}")


def _source(cell: Any) -> str:
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return ""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _without_magics(code: str) -> str:
    """The cell with its magics and shell lines left empty; nothing, if the cell is in another language."""
    lines = code.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%") and first.split()[0] not in _CODE_MAGICS:
        return ""
    if not _MAGIC_SIGNS.search(code) or _is_python(code):
        return code
    return "\n".join(_plain(line) for line in lines).rstrip("\n")


def _is_python(code: str) -> bool:
    """Whether the cell needs no change: a line that begins with `%` may be the rest of an expression."""
    try:
        parse(checked(code))
    except (SyntaxError, CodeError):
        return False
    return True


def _plain(line: str) -> str:
    """A line of IPython as Python: `files = !ls` is a value that nobody knows, an indented magic does nothing."""
    timed = re.match(r"([ \t]*)%(?:time|timeit|prun)[ \t]+(?=[A-Za-z_])", line)
    if timed:
        return timed.group(1) + line[timed.end() :]
    assigned = re.match(r"([ \t]*[A-Za-z_][\w.,\[\] \t]*=[ \t]*)[!%]", line)
    if assigned:
        return f"{assigned.group(1)}..."
    if re.match(r"[ \t]*(%|!|\?)|[^#'\"]{0,200}\?[ \t]*$", line):
        return f"{line[: len(line) - len(line.lstrip())]}pass" if line[:1].isspace() else ""
    return line
