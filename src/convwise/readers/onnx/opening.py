"""The one place where a path to a model is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx.wire import Buffer

WHOLE: Final = 1 << 18
"""Bytes up to which a file is read at once."""

AHEAD: Final = 1 << 16
"""Bytes that are read at once at most, after several readings one behind the other: the nodes of a graph stand together."""

APART: Final = 1 << 9
"""Bytes that are read at once after a jump: between two weights stand some ten bytes."""

NEAR: Final = 1 << 12
"""How far from the end of the last reading counts as there."""


class FileBytes:
    """A file as if it were bytes, of which only the slices that are asked for are read.

    This is faster than a memory map where a few bytes stand between long weights (a page fault costs more than a read), and a file that
    another program shortens meanwhile is an error and not the end of the process.
    """

    __slots__ = ("_ahead", "_data", "_descriptor", "_end", "_name", "_size", "_start")

    def __init__(self, descriptor: int, size: int, name: str) -> None:
        self._descriptor = descriptor
        self._size = size
        self._name = name
        self._data = b""
        self._start = self._end = 0
        self._ahead = APART

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice, /) -> bytes:
        start, stop = key.start, key.stop
        if self._start <= start and stop <= self._end:
            return self._data[start - self._start : stop - self._start]
        stop = min(stop, self._size)
        near = self._end - NEAR <= start <= self._end + NEAR
        self._ahead = min(4 * self._ahead, AHEAD) if near else APART
        data = self._read(start, max(stop - start, self._ahead))
        if len(data) < stop - start:
            raise closed(self._name, "it became shorter while it was read")
        self._data, self._start, self._end = data, start, start + len(data)
        return data[: stop - start]

    def _read(self, start: int, size: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                return os.pread(self._descriptor, size, start)
            os.lseek(self._descriptor, start, os.SEEK_SET)
            return os.read(self._descriptor, size)
        except OSError as error:
            raise closed(self._name, error.strerror or str(error)) from None


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Buffer]:
    """The bytes of a regular file, read where they are asked for.

    Raises:
        ModelError: CW409 for what is not there, may not be read, or is no regular file (a pipe would block for ever).
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        name = os.fspath(path)
        descriptor = os.open(name, flags)
    except (OSError, ValueError, TypeError) as error:
        raise closed(path, getattr(error, "strerror", None) or str(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise closed(path, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
        buffer = FileBytes(descriptor, status.st_size, str(name))
        yield buffer[0 : status.st_size] if status.st_size <= WHOLE else buffer
    finally:
        os.close(descriptor)


def closed(path: object, reason: str) -> ModelError:
    """CW409: the file cannot be read."""
    name = shown(str(path), 200)
    return ModelError(
        "CW409", f"'{name}' cannot be read: {shown(reason)}", received=name, hint="give the path of a model file"
    )
