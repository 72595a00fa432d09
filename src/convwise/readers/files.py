"""The one place that opens a path: source files, notebooks, Markdown, and standard input."""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from convwise.dialects.base import Note
from convwise.errors import ArgumentError, CodeError, ConvwiseError
from convwise.readers.echo import shown
from convwise.readers.endings import MODEL_ENDINGS, SOURCE_ENDINGS, ending, is_path
from convwise.readers.source.limits import LONGEST_TEXT
from convwise.readers.source.wrapping import fenced

LONGEST_NOTEBOOK = 8 * 1024 * 1024
"""Bytes of a notebook; pictures in its output may be large, its code may not."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a file; its first line is line `line` of the file (of the joined code, for a notebook's `cell`)."""

    text: str
    line: int = 1
    cell: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text came from: "text" as it was given, "stdin", or a file's kind: "py", "ipynb", "md"; and what was left out of it."""

    kind: str
    path: str | None = None
    blocks: tuple[Block, ...] = ()
    notes: tuple[Note, ...] = ()

    def placed(self, text: str) -> str:
        r"""A message about the text with its lines as they stand in the file: `line 12` is `cell 3, line 2` of a notebook.

        >>> Origin("ipynb", "net.ipynb", (Block("x = 1", 1, 1), Block("y = 2\nz = 3", 3, 2))).placed("line 4: z = 3")
        'cell 2, line 2: z = 3'
        """
        if not any(block.cell for block in self.blocks):
            return text
        return re.sub(r"\b(?<!, )line (\d{1,9})\b", self._place, text)

    def _place(self, found: re.Match[str]) -> str:
        number = int(found.group(1))
        block = next((one for one in reversed(self.blocks) if one.line <= number), None)
        return found.group() if block is None else f"cell {block.cell}, line {number - block.line + 1}"


@contextmanager
def located(origin: Origin) -> Iterator[None]:
    """Errors raised inside tell the places in the file, and what was left out of it."""
    try:
        yield
    except ConvwiseError as error:
        relocate(error, origin)
        raise


def relocate(error: ConvwiseError, origin: Origin) -> None:
    """The error with the places in the file; where code is missed, with what was left out too."""
    error.fact, error.detail = origin.placed(error.fact), origin.placed(error.detail)
    if isinstance(error, CodeError):
        error.detail = "\n".join(part for part in (error.detail, *(note.text for note in origin.notes)) if part)


def read_path_or_text(code: str) -> tuple[str, Origin]:
    """The text that `code` stands for: itself, a path to a .py, .ipynb, .md, .markdown or .txt file, or `-` for standard input.

    A Markdown file's text is given whole, as `read_text` reads its code blocks with their line numbers; the blocks alone
    are in the origin. A notebook's code cells are joined, without magics and without cells that are no Python, which
    the origin's notes tell.

    Raises:
        ArgumentError: CW608 with the reason.
        CodeError: CW312 not UTF-8.

    >>> read_path_or_text("Conv2D(32, 3)")
    ('Conv2D(32, 3)', Origin(kind='text', path=None, blocks=(), notes=()))
    """
    if code == "-":
        return _decoded(_standard_input(), "standard input"), Origin("stdin")
    if not _is_source(code):
        return code, Origin("text")
    kind = {".markdown": "md", ".txt": "py"}.get(ending(code), ending(code)[1:])
    raw = _bytes_of(code, LONGEST_NOTEBOOK if kind == "ipynb" else LONGEST_TEXT)
    text = _decoded(raw, shown(code))
    if kind == "ipynb":
        return _notebook(text, code)
    if kind == "md":
        return text, Origin(kind, code, _fences(text))
    return text, Origin(kind, code, (Block(text),))


def _is_source(code: str) -> bool:
    """Whether a text names a source file.

    Raises:
        ArgumentError: CW608 for the path of a file of another kind, and for a path where no file is.
    """
    if not is_path(code):
        return False
    if ending(code) in SOURCE_ENDINGS:
        return True
    if os.path.exists(code):
        raise _of_another_kind(code)
    raise _unreadable(code, _reason(FileNotFoundError(2, os.strerror(2))))


def _of_another_kind(path: str) -> ArgumentError:
    last = ending(path)
    kind = f"a {last} file" if last else "a file whose name has no ending"
    reason = f"it is {'a directory' if os.path.isdir(path) else kind}; {', '.join(SOURCE_ENDINGS)} files are read"
    if last not in MODEL_ENDINGS:
        return _unreadable(path, reason)
    hint = f"`convwise inspect {shlex.quote(shown(path))}` reads model files; here, give the code of a layer"
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


def _notebook(text: str, path: str) -> tuple[str, Origin]:
    """The code cells of a notebook that are Python, joined; those that are none are noted."""
    from convwise.readers.notebooks import NotebookError, code_cells

    try:
        cells = code_cells(text)
    except NotebookError as error:
        raise _unreadable(path, str(error)) from None
    blocks: list[Block] = []
    notes = []
    line = 1
    for cell in cells:
        if cell.wrong:
            notes.append(Note("CW510", f"cell {cell.number} was left out: {cell.wrong.fact}"))
            continue
        blocks.append(Block(cell.code, line, cell.number))
        line += cell.code.count("\n") + 2
    if not blocks:
        lost = cells[0].wrong
        assert lost is not None, "a cell is read or wrong"
        lost.fact = f"cell {cells[0].number}: {lost.fact}"
        raise lost
    return "\n\n".join(block.text for block in blocks), Origin("ipynb", path, tuple(blocks), tuple(notes))


def _fences(text: str) -> tuple[Block, ...]:
    blocks = []
    for block in fenced(text):
        blocks.append(Block(block.text, block.offset + 1))
    return tuple(blocks)
