"""The one place where a Keras file is opened; past it there are only bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from convwise.readers.onnx.opening import closed


@dataclass(frozen=True, slots=True)
class Opened:
    """Bytes in memory, or a regular file's `descriptor`; either way only what is asked for is read."""

    name: str
    size: int
    data: bytes = b""
    descriptor: int | None = None

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start` on.

        Raises:
            ModelError: CW409 where the system cannot read them.
        """
        if self.descriptor is None:
            return self.data[start : start + size]
        parts: list[bytes] = []
        try:
            os.lseek(self.descriptor, start, os.SEEK_SET)
            while size > 0:
                part = os.read(self.descriptor, min(size, 1 << 24))
                if not part:
                    break
                parts.append(part)
                size -= len(part)
        except OSError as error:
            raise closed(self.name, error.strerror or str(error)) from None
        return b"".join(parts)


@contextmanager
def opened(source: str | os.PathLike[str] | bytes) -> Iterator[Opened]:
    """The bytes given, or the regular file at a path.

    Raises:
        ModelError: CW409 for what is not there, may not be read, or is no regular file (a pipe would block for ever).
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        yield Opened("the bytes given", len(data), data)
        return
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        name = os.fspath(source)
        descriptor = os.open(name, flags)
    except (OSError, ValueError, TypeError) as error:
        raise closed(source, getattr(error, "strerror", None) or str(error)) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise closed(source, "it is a folder" if stat.S_ISDIR(status.st_mode) else "it is not a regular file")
        yield Opened(str(name), status.st_size, descriptor=descriptor)
    finally:
        os.close(descriptor)
