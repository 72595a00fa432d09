"""The process that reads one attribute of an HDF5 file on its standard input; started by hdf5.py, alone with h5py.

Arguments: the most bytes to give, the most memory to take, the most seconds. Once the library is loaded no further
file can be opened, so links and storage outside the file lead nowhere.
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

NOT_HDF5, NO_CONFIG, TOO_LONG, NO_LIBRARY = 3, 4, 5, 6
NAME = "model_config"
PIECES = 10_000


def main(longest: int, memory: int, seconds: int) -> int:
    """Write the attribute's bytes to standard output and give the exit code."""
    try:
        h5py: Any = import_module("h5py")
    except ImportError:
        return NO_LIBRARY
    warm(h5py)
    limit(memory, seconds)
    try:
        with h5py.File(sys.stdin.buffer, "r") as file:
            found = attribute(h5py, file, longest)
    except MemoryError:
        return TOO_LONG
    except Exception as error:  # the library raises many kinds on a damaged file
        sys.stdout.buffer.write(str(error).encode("utf-8", "backslashreplace")[:2000])
        return NOT_HDF5
    if found is None:
        return NO_CONFIG
    if len(found) > longest:
        return TOO_LONG
    sys.stdout.buffer.write(found)
    sys.stdout.buffer.flush()
    return 0


def warm(h5py: Any) -> None:
    """Read an attribute of each kind from a file in memory: what is imported late is imported now, while files can be opened."""
    with h5py.File(io.BytesIO(), "w") as file:
        for kind, written in (("text", "a"), ("bytes", b"a"), ("numbers", [1]), ("many", ["a"])):
            file.attrs[kind] = written
            value(h5py, file, kind, 1 << 20)
    str(OSError(24, "")).encode("utf-8", "backslashreplace")


def limit(memory: int, seconds: int) -> None:
    """Bound this process, where the system can."""
    try:
        resource: Any = import_module("resource")
    except ImportError:
        return
    bounds = ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, 0))
    for what, bound in (*bounds, (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 3)):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (bound, bound))


def attribute(h5py: Any, file: Any, longest: int) -> bytes | None:
    """`model_config`, or its pieces model_config0, model_config1 and so on; text, bytes, or bytes as numbers."""
    if NAME in file.attrs:
        return value(h5py, file, NAME, longest)
    pieces: list[bytes] = []
    length = 0
    while len(pieces) < PIECES and f"{NAME}{len(pieces)}" in file.attrs:
        piece = value(h5py, file, f"{NAME}{len(pieces)}", longest)
        length += len(piece)
        if length > longest:
            raise MemoryError
        pieces.append(piece)
    return b"".join(pieces) if pieces else None


def value(h5py: Any, file: Any, name: str, longest: int) -> bytes:
    """One attribute as bytes; its stored size is asked before it is read."""
    if h5py.h5a.open(file.id, name.encode("ascii")).get_storage_size() > longest:
        raise MemoryError
    return as_bytes(file.attrs[name])


def as_bytes(found: Any) -> bytes:
    if isinstance(found, str):
        return found.encode("utf-8", "surrogateescape")
    if isinstance(found, bytes):
        return found
    kind = found.dtype.kind if hasattr(found, "dtype") else "?"
    if kind in "ui":
        return bytes(found.astype("uint8").tobytes())
    if kind not in "SUO":
        raise TypeError("model_config is no text")
    return b"".join(as_bytes(one) for one in found.ravel().tolist())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))
