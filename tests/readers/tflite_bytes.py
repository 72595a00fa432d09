"""Writes .tflite files for tests: FlatBuffers tables, front to back, and the few tables of the schema that a model needs."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convwise.readers.tflite.names import OPERATORS, TYPES


@dataclass(frozen=True)
class Number:
    """A scalar field: its `struct` code and value."""

    code: str
    value: int


@dataclass(frozen=True)
class Vector:
    """A vector of scalars."""

    code: str
    values: Sequence[int]


def u8(value: int) -> Number:
    return Number("b", value)


def i32(value: int) -> Number:
    return Number("i", value)


def ints(*values: int) -> Vector:
    return Vector("i", values)


class Writer:
    """The bytes so far; what a table names is written behind it, and the distance filled in then."""

    def __init__(self) -> None:
        self.out = bytearray(b"\0\0\0\0TFL3")

    def patch(self, at: int) -> None:
        struct.pack_into("<I", self.out, at, len(self.out) - at)

    def align(self) -> None:
        self.out += b"\0" * (-len(self.out) % 8)

    def table(self, fields: dict[int, Any]) -> int:
        self.align()
        size = 1 + max(fields, default=-1)
        places, inline = [0] * size, 4
        for number, value in fields.items():
            width = struct.calcsize("<" + value.code) if isinstance(value, Number) else 4
            inline += -inline % width
            places[number] = inline
            inline += width
        self.out += struct.pack(f"<{2 + size}H", 4 + 2 * size, inline, *places)
        self.align()
        at = len(self.out)
        self.out += struct.pack("<i", 4 + 2 * size + (-(4 + 2 * size) % 8)) + b"\0" * (inline - 4)
        for number, value in fields.items():
            if isinstance(value, Number):
                struct.pack_into("<" + value.code, self.out, at + places[number], value.value)
        for number, value in fields.items():
            if not isinstance(value, Number):
                self.write(value, at + places[number])
        return at

    def write(self, value: Any, at: int) -> None:
        """What stands behind the distance at `at`."""
        self.align()
        if isinstance(value, dict):
            place = self.table(value)
            struct.pack_into("<I", self.out, at, place - at)
            return
        self.patch(at)
        if isinstance(value, Vector):
            self.out += struct.pack(f"<I{len(value.values)}{value.code}", len(value.values), *value.values)
        elif isinstance(value, str | bytes):
            raw = value.encode() if isinstance(value, str) else value
            self.out += struct.pack("<I", len(raw)) + raw + b"\0"
        else:
            start = len(self.out) + 4
            self.out += struct.pack("<I", len(value)) + b"\0" * (4 * len(value))
            for number, one in enumerate(value):
                self.write(one, start + 4 * number)


@dataclass
class Tflite:
    """A model under construction: `tensor` and `operator` give numbers, `data` the file's bytes."""

    tensors: list[dict[int, Any]] = field(default_factory=list)
    buffers: list[dict[int, Any]] = field(default_factory=lambda: [{}])
    codes: list[dict[int, Any]] = field(default_factory=list)
    operators: list[dict[int, Any]] = field(default_factory=list)

    def tensor(
        self, name: str, shape: Sequence[int], dtype: str = "float32", data: bytes | None = None, open_: bool = False
    ) -> int:
        """`open_`: -1 in `shape` is a size that the file leaves open."""
        fields: dict[int, Any] = {
            0: ints(*(1 if open_ and size < 0 else size for size in shape)),
            1: u8(TYPES.index(dtype)),
            3: name,
        }
        if open_:
            fields[7] = ints(*shape)
        if data is not None:
            fields[2] = Number("I", len(self.buffers))
            self.buffers.append({0: data})
        self.tensors.append(fields)
        return len(self.tensors) - 1

    def weights(self, name: str, *shape: int) -> int:
        count = 1
        for size in shape:
            count *= size
        return self.tensor(name, shape, data=b"\0\0\x80?" * count)

    def numbers(self, *values: int, shape: Sequence[int] | None = None) -> int:
        raw = struct.pack(f"<{len(values)}i", *values)
        return self.tensor(f"numbers_{len(self.tensors)}", (len(values),) if shape is None else shape, "int32", raw)

    def operator(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: dict[int, Any] | None = None
    ) -> None:
        number = OPERATORS.index(kind) if kind in OPERATORS else OPERATORS.index("CUSTOM")
        code: dict[int, Any] = {0: u8(min(number, 127)), 3: i32(number)}
        if kind not in OPERATORS:
            code[1] = kind
        self.codes.append(code)
        fields: dict[int, Any] = {0: Number("I", len(self.codes) - 1), 1: ints(*inputs), 2: ints(*outputs)}
        if options is not None:
            fields[4] = options
        self.operators.append(fields)

    def model(self, inputs: Sequence[int], outputs: Sequence[int], **changed: Any) -> dict[int, Any]:
        graph = {0: self.tensors, 1: ints(*inputs), 2: ints(*outputs), 3: self.operators, 4: "main"}
        return {
            0: Number("I", changed.get("version", 3)),
            1: self.codes,
            2: changed.get("graphs", [graph]),
            4: self.buffers,
        }

    def data(self, inputs: Sequence[int], outputs: Sequence[int], **changed: Any) -> bytes:
        return file_of(self.model(inputs, outputs, **changed))


def file_of(root: dict[int, Any]) -> bytes:
    writer = Writer()
    struct.pack_into("<I", writer.out, 0, writer.table(root))
    return bytes(writer.out)
