"""A small file in the user's cache folder: what was measured on a machine, so that it is measured once.

Nothing in the file is trusted: what cannot be read, is too large or has another form counts as empty, and what a caller
finds in it must be one of his own candidates. It is replaced as a whole, so that no reader sees half of it.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PLACE = "CONVWISE_CACHE"
"""Environment: the folder, or "off" to keep nothing."""
NAME = "measured.json"
FORM = 1
MOST = 1000
"""Entries; the oldest go first."""
MOST_BYTES = 2**20
PATIENCE = 1.0
"""Seconds to wait for another process that writes; after them its entry may be lost, which costs a measurement."""

Entries = dict[str, Any]


def path() -> Path | None:
    """The file; None where there is no folder for it, or none is wanted."""
    told = os.environ.get(PLACE, "").strip()
    if told:
        return None if told.lower() == "off" else Path(told) / NAME
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The base directory specification says that a relative path is to be ignored.
        folder = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    except RuntimeError:
        return None
    return folder / "convwise" / NAME


def read(key: str) -> Any:
    """What was written under `key`; None where there is nothing that can be read."""
    place = path()
    return None if place is None else _entries(place).get(key)


def write(key: str, value: Any) -> bool:
    """Add or replace one entry; whether that could be done. Entries that another process adds meanwhile stay."""
    place = path()
    if place is None:
        return False
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(place):
            entries = _entries(place)
            entries.pop(key, None)
            entries[key] = value
            while len(entries) > MOST:
                del entries[next(iter(entries))]
            text = json.dumps({"form": FORM, "entries": entries}, separators=(",", ":"))
            while len(text) > MOST_BYTES and len(entries) > 1:
                for old in list(entries)[: -(-len(entries) // 2)]:
                    del entries[old]
                text = json.dumps({"form": FORM, "entries": entries}, separators=(",", ":"))
            _replace(place, text)
    except (OSError, ValueError):
        return False
    return True


def _entries(place: Path) -> Entries:
    """All entries; empty where the file is missing, unreadable, too large, damaged, or not ours."""
    try:
        # A pipe of that name must not be waited for.
        file = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return {}
            content = stream.read(MOST_BYTES + 1)
        told = json.loads(content) if len(content) <= MOST_BYTES else None
    except (OSError, ValueError, RecursionError, MemoryError):
        return {}
    if not isinstance(told, dict) or told.get("form") != FORM or not isinstance(told.get("entries"), dict):
        return {}
    return dict(told["entries"])


def _replace(place: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{NAME}-", dir=place.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, place)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Reading, adding and replacing is one step among processes, where the file system has locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    break
                time.sleep(0.005)
            except OSError:
                break
        yield
    finally:
        os.close(lock)
