"""The one place that opens a path: source files, notebooks, Markdown, and standard input."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO

from convwise.errors import ArgumentError, CodeError
from convwise.readers.echo import shown
from convwise.readers.endings import MODEL_ENDINGS, SOURCE_ENDINGS, like_a_path
from convwise.readers.source.limits import LONGEST_TEXT
from convwise.readers.source.wrapping import fenced

LONGEST_NOTEBOOK = 8 * 1024 * 1024
"""Bytes of a notebook; pictures in its output may be large, its code may not."""

DEEPEST_JSON = 64
MOST_JSON_ITEMS = 1_000_000
LONGEST_PATH = 4096

_CODE_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Cell magics below which Python follows."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a file; its first line is line `line` of the file (of the joined code, for a notebook)."""

    text: str
    line: int = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text came from: "text" as it was given, "stdin", or a file's kind: "py", "ipynb", "md"."""

    kind: str
    path: str | None = None
    blocks: tuple[Block, ...] = ()


def read_path_or_text(code: str) -> tuple[str, Origin]:
    """The text that `code` stands for: itself, a path to a .py, .ipynb or .md file, or `-` for standard input.

    A Markdown file's text is given whole, as `read_text` reads its code blocks with their line numbers; the blocks alone
    are in the origin. A notebook's code cells are joined, without magics.

    Raises:
        ArgumentError: CW608 with the reason.
        CodeError: CW312 not UTF-8.

    >>> read_path_or_text("Conv2D(32, 3)")
    ('Conv2D(32, 3)', Origin(kind='text', path=None, blocks=()))
    """
    if code == "-":
        return _decoded(_standard_input(), "standard input"), Origin("stdin")
    if not _is_path(code):
        return code, Origin("text")
    kind = {".markdown": "md", ".txt": "py"}.get(_suffix(code), _suffix(code)[1:])
    raw = _bytes_of(code, LONGEST_NOTEBOOK if kind == "ipynb" else LONGEST_TEXT)
    text = _decoded(raw, shown(code))
    if kind == "ipynb":
        blocks = _cells(text, code)
        return "\n\n".join(block.text for block in blocks), Origin(kind, code, blocks)
    if kind == "md":
        return text, Origin(kind, code, _fences(text))
    return text, Origin(kind, code, (Block(text),))


def _suffix(code: str) -> str:
    return os.path.splitext(code)[1].lower()


def _is_path(code: str) -> bool:
    """A line without a bracket that ends like a source file.

    Raises:
        ArgumentError: CW608 for the path of a file of another kind, and for a path where no file is.
    """
    if not code or len(code) > LONGEST_PATH or any(sign in code for sign in "(\n\0"):
        return False
    if _suffix(code) in SOURCE_ENDINGS:
        return True
    try:
        exists = os.path.exists(code)
    except (OSError, ValueError):
        return False
    model = _suffix(code) in MODEL_ENDINGS
    if exists:
        raise _of_another_kind(code, model)
    if model or like_a_path(code):
        raise _unreadable(code, _reason(FileNotFoundError(2, os.strerror(2))))
    return False


def _of_another_kind(path: str, model: bool) -> ArgumentError:
    ending = _suffix(path)
    kind = f"a {ending} file" if ending else "a file whose name has no ending"
    reason = f"it is {'a directory' if os.path.isdir(path) else kind}; {', '.join(SOURCE_ENDINGS)} files are read"
    if not model:
        return _unreadable(path, reason)
    hint = f"`convwise inspect {shown(path)}` reads model files; here, give the code of a layer"
    return _unreadable(path, reason, hint)


def _unreadable(path: str, reason: str, hint: str = "give the code itself, or another path") -> ArgumentError:
    return ArgumentError("CW608", f"'{shown(path)}' cannot be read: {reason}", received=shown(path), hint=hint)


def _standard_input() -> bytes:
    # Python has no stream where the caller closed it.
    if sys.stdin is None:
        raise _unreadable("standard input", "it is closed")
    try:
        return _limited(sys.stdin.buffer, LONGEST_TEXT, "standard input")
    except OSError as error:
        raise _unreadable("standard input", _reason(error)) from None


def _bytes_of(path: str, limit: int) -> bytes:
    """The bytes of a regular file; a pipe or a device is not opened to wait on."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError, UnicodeError) as error:
        raise _unreadable(path, _reason(error)) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise _unreadable(path, "it is no regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > limit:
            raise _too_long(path, status.st_size, limit)
        try:
            return _limited(file, limit, path)
        except OSError as error:
            raise _unreadable(path, _reason(error)) from None


def _reason(error: Exception) -> str:
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return words[:1].lower() + words[1:]


def _limited(file: BinaryIO, limit: int, name: str) -> bytes:
    raw = file.read(limit + 1)
    if len(raw) > limit:
        raise _too_long(name, None, limit)
    return raw


def _too_long(name: str, size: int | None, limit: int) -> ArgumentError:
    length = f"{size:,} bytes, " if size is not None else ""
    return ArgumentError(
        "CW608",
        f"'{shown(name)}' cannot be read: it is too long ({length}at most {limit:,} are read)",
        received=shown(name),
        hint="give the part that defines the layers",
    )


def _decoded(raw: bytes, name: str) -> str:
    """UTF-8 whatever a coding cookie says, for a cookie can turn a comment into code."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise CodeError(
            "CW312",
            f"{name} is not UTF-8 text: byte {error.start} is 0x{raw[error.start]:02x}",
            received=name,
            hint="save it as UTF-8",
        ) from None


def _fences(text: str) -> tuple[Block, ...]:
    blocks = []
    for block in fenced(text):
        blocks.append(Block(block.text, block.offset + 1))
    return tuple(blocks)


def _cells(text: str, path: str) -> tuple[Block, ...]:
    """The code cells of a notebook, each with the line where it starts in the joined text."""
    _check_json(text, path)
    try:
        notebook: Any = json.loads(text, parse_int=_short_int, parse_constant=lambda word: None)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"it is no notebook: {shown(str(error), 120)}") from None
    sheets = notebook.get("worksheets") if isinstance(notebook, dict) else None
    holder = sheets[0] if isinstance(sheets, list) and sheets and isinstance(sheets[0], dict) else notebook
    cells = holder.get("cells") if isinstance(holder, dict) else None
    if not isinstance(cells, list):
        raise _unreadable(path, "it is no notebook: it has no cells")
    blocks: list[Block] = []
    line = 1
    for cell in cells:
        code = _without_magics(_source(cell))
        if code.strip():
            blocks.append(Block(code, line))
            line += code.count("\n") + 2
    if not blocks:
        raise _unreadable(path, "the notebook has no code")
    return tuple(blocks)


def _short_int(digits: str) -> int | None:
    return int(digits) if len(digits) < 30 else None


def _check_json(text: str, path: str) -> None:
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
            raise _unreadable(path, f"its JSON is {reason}")


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
    kept = ["" if re.match(r"[ \t]*(%|!|\?)|[^#'\"]{0,200}\?[ \t]*$", line) else line for line in lines]
    return "\n".join(kept).strip("\n")
