"""FlatBuffers, the format of .tflite files: tables whose fields stand at offsets, each checked against the file's end.

Source: the format's own description (flatbuffers.dev, "FlatBuffers internals"): a table starts with the distance to its vtable, which holds
the place of each field; strings, vectors and tables lie elsewhere, at an unsigned distance from where they are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from convwise.errors import ModelError
from convwise.readers.onnx.wire import Buffer, malformed, too_much

BYTE, SHORT, INT, UINT, LONG, ULONG = (Struct(f"<{code}") for code in "bHiIqQ")
BOOL: Final = Struct("<?")

OBJECTS: Final = 2_000_000
"""Tables, numbers and characters that are read of one file: below about 500 MB of Python objects."""

LONGEST_TEXT: Final = 4_096
"""Bytes of one name."""


@dataclass(slots=True)
class Bytes:
    """A file's bytes, and what may still be read of them. Offsets may name one vector many times, so that a small file could fill all memory."""

    buffer: Buffer
    left: int = OBJECTS

    def spend(self, at: int, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise too_much(at, f"more than {OBJECTS:,} tables, numbers and characters in the file")

    def take(self, at: int, length: int, what: str) -> bytes:
        """Raises ModelError CW404 where the file ends before."""
        size = len(self.buffer)
        if at < 0 or length < 0 or at + length > size:
            raise ModelError(
                "CW404",
                f"byte {max(at, 0):,}: {what} is cut off",
                detail=f"it would end at byte {at + length:,}, the file has {size:,}",
                hint="fetch or write the file again",
            )
        return self.buffer[at : at + length]

    def number(self, at: int, form: Struct, what: str = "a number") -> int:
        value: int = form.unpack(self.take(at, form.size, what))[0]
        return value

    def away(self, at: int, what: str) -> int:
        """Where the distance that stands here leads."""
        return at + self.number(at, UINT, what)

    def numbers(self, at: int, form: Struct) -> tuple[int, ...]:
        """A vector of numbers."""
        count = self.number(at, UINT, "the length of a vector")
        self.spend(at, count)
        raw = self.take(at + UINT.size, count * form.size, f"a vector of {count:,} numbers")
        return tuple(value for (value,) in form.iter_unpack(raw))

    def text(self, at: int) -> str:
        count = self.number(at, UINT, "the length of a name")
        if count > LONGEST_TEXT:
            raise too_much(at, f"a name of {count:,} bytes, the limit is {LONGEST_TEXT:,}")
        self.spend(at, count)
        return self.take(at + UINT.size, count, "a name").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and where each of its fields stands; 0 where the writer left a field out."""

    data: Bytes
    at: int
    fields: tuple[int, ...]

    def _place(self, field: int) -> int:
        offset = self.fields[field] if field < len(self.fields) else 0
        return self.at + offset if offset else 0

    def number(self, field: int, form: Struct, default: int = 0) -> int:
        place = self._place(field)
        return self.data.number(place, form) if place else default

    def flag(self, field: int) -> bool:
        return bool(self.number(field, BOOL))

    def text(self, field: int) -> str:
        place = self._place(field)
        return self.data.text(self.data.away(place, "a name")) if place else ""

    def numbers(self, field: int, form: Struct = INT) -> tuple[int, ...] | None:
        """A vector of numbers; None where the writer left it out."""
        place = self._place(field)
        return self.data.numbers(self.data.away(place, "a vector"), form) if place else None

    def table(self, field: int) -> Table | None:
        place = self._place(field)
        return table_at(self.data, self.data.away(place, "a table")) if place else None

    def tables(self, field: int) -> list[Table]:
        place = self._place(field)
        if not place:
            return []
        start = self.data.away(place, "a vector")
        count = self.data.number(start, UINT, "the length of a vector")
        self.data.spend(start, count)
        self.data.take(start, UINT.size * (count + 1), f"a vector of {count:,} tables")
        places = range(start + UINT.size, start + UINT.size * (count + 1), UINT.size)
        return [table_at(self.data, self.data.away(one, "a table")) for one in places]

    def extent(self, field: int) -> tuple[int, int]:
        """Where the bytes of a vector lie, and how many there are; (0, 0) where it is left out. They are not read."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = self.data.away(place, "a vector")
        return start + UINT.size, self.data.number(start, UINT, "the length of a vector")


def table_at(data: Bytes, at: int) -> Table:
    """The table that starts here.

    Raises:
        ModelError: CW404, CW405, CW406.
    """
    start = at - data.number(at, INT, "a table")
    if start < 0:
        raise malformed(at, "a table's list of fields stands before the file")
    length = data.number(start, SHORT, "a table's list of fields")
    if length < 4 or length % 2:
        raise malformed(start, f"a table's list of fields has {length} bytes")
    raw = data.take(start, length, "a table's list of fields")
    fields = tuple(offset for (offset,) in SHORT.iter_unpack(raw[4:]))
    data.spend(at, 1 + len(fields))
    return Table(data, at, fields)


def root(buffer: Buffer) -> Table:
    """The table that a file is."""
    data = Bytes(buffer)
    return table_at(data, data.away(0, "the place of the first table"))
