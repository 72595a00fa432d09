"""What is carried along while one file is read: the bytes, the budget, and names and parts that were seen before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from convwise.readers.onnx import limits
from convwise.readers.onnx.structure import Attribute
from convwise.readers.onnx.wire import Budget, Buffer, malformed, too_much

Tail: TypeAlias = tuple[str, str, str, Mapping[str, Attribute]]
"""What a node says after its names: op_type, domain, overload, attributes."""

TypeOf: TypeAlias = tuple[str, str | None, tuple[int | str | None, ...] | None]
"""What a value's type says: kind, dtype, dims."""


@dataclass(slots=True)
class Body:
    """A graph inside an attribute that is still to be read: `attributes[key]` is where it belongs."""

    attributes: dict[str, Any]
    key: str
    start: int
    stop: int
    depth: int
    several: bool


@dataclass(slots=True)
class Reading:
    """One file on its way. The tables hold nothing but parts of this file, and end with it."""

    buffer: Buffer
    budget: Budget = field(default_factory=Budget)
    names: dict[bytes, str] = field(default_factory=dict)
    tails: dict[bytes, Tail] = field(default_factory=dict)
    attributes: dict[bytes, tuple[str, Any]] = field(default_factory=dict)
    types: dict[bytes, TypeOf] = field(default_factory=dict)
    waiting: list[Body] = field(default_factory=list)
    called: set[tuple[str, str, str]] = field(default_factory=set)
    not_utf8: bool = False

    def name(self, first: int, stop: int) -> str:
        """The name in these bytes; one string for all its places. What is not UTF-8 is shown with backslashes."""
        if stop - first > limits.NAME:
            raise too_much(first, f"a name of {stop - first:,} bytes, the limit is {limits.NAME:,}")
        raw = self.buffer[first:stop]
        known = self.names.get(raw)
        return self.new_name(raw) if known is None else known

    def new_name(self, raw: bytes) -> str:
        """A name that was not seen before."""
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = raw.decode("utf-8", "backslashreplace")
            self.not_utf8 = True
        self.names[raw] = text
        return text

    def check_names(self) -> None:
        """Refuse two names that differ in the file but not once their wrong bytes are written with backslashes."""
        if self.not_utf8 and len(set(self.names.values())) < len(self.names):
            raise malformed(0, "two names differ only in bytes that are not UTF-8")


def text(buffer: Buffer, first: int, stop: int) -> str:
    """The bytes as text; what is not UTF-8 is written with backslashes."""
    return buffer[first:stop].decode("utf-8", "backslashreplace")
