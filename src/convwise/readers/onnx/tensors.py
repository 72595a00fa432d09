"""Tensors: dims and type of each, the values of the small ones; the data of the others is stepped over."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from convwise.errors import ModelError
from convwise.readers.onnx import limits
from convwise.readers.onnx.reading import Reading, text
from convwise.readers.onnx.schema import SPARSE, TENSOR
from convwise.readers.onnx.structure import OnnxTensor
from convwise.readers.onnx.wire import fields, malformed, packed, quoted, signed, stepped, too_much, varint

RAW: Final = 9
STRING_DATA: Final = 6
FIXED: Final = {4: 4, 10: 8}
"""Bytes of an element of float_data and double_data; the other lists are varints."""


class ElementType(NamedTuple):
    """How elements are stored: `data` is the number of the list field, `per` its entries for one element."""

    name: str
    bits: int
    data: int
    code: str = ""
    per: int = 1

    def stored(self, count: int) -> int:
        """Bytes of `count` elements in raw_data."""
        return (count * self.bits + 7) // 8

    def entries(self, count: int) -> int:
        """Entries of `count` elements in the list field; types of 2 and 4 bits share them."""
        return self.stored(count) if self.bits < 6 else count * self.per


ELEMENT_TYPES: Final = {
    1: ElementType("float32", 32, 4, "f"),
    2: ElementType("uint8", 8, 5, "B"),
    3: ElementType("int8", 8, 5, "b"),
    4: ElementType("uint16", 16, 5, "H"),
    5: ElementType("int16", 16, 5, "h"),
    6: ElementType("int32", 32, 5, "i"),
    7: ElementType("int64", 64, 7, "q"),
    8: ElementType("string", 0, STRING_DATA),
    9: ElementType("bool", 8, 5, "?"),
    10: ElementType("float16", 16, 5, "e"),
    11: ElementType("float64", 64, 10, "d"),
    12: ElementType("uint32", 32, 11, "I"),
    13: ElementType("uint64", 64, 11, "Q"),
    14: ElementType("complex64", 64, 4, per=2),
    15: ElementType("complex128", 128, 10, per=2),
    16: ElementType("bfloat16", 16, 5),
    17: ElementType("float8e4m3fn", 8, 5),
    18: ElementType("float8e4m3fnuz", 8, 5),
    19: ElementType("float8e5m2", 8, 5),
    20: ElementType("float8e5m2fnuz", 8, 5),
    21: ElementType("uint4", 4, 5),
    22: ElementType("int4", 4, 5),
    23: ElementType("float4e2m1", 4, 5),
    24: ElementType("float8e8m0", 8, 5),
    25: ElementType("uint2", 2, 5),
    26: ElementType("int2", 2, 5),
    27: ElementType("float6e2m3", 6, 5),
    28: ElementType("float6e3m2", 6, 5),
}
"""TensorProto.DataType of the specification, by number."""

_SHAPE_LIKE: Final = frozenset({"int32", "int64"})
_UNSIGNED: Final = {8: "B", 16: "H", 32: "I", 64: "Q"}


def element_type(at: int, number: int) -> ElementType:
    """The type with this number.

    Raises:
        ModelError: CW407 for one that the specification does not have (yet).
    """
    known = ELEMENT_TYPES.get(number)
    if known is None:
        raise ModelError(
            "CW407",
            f"byte {at:,}: {number} is not an element type of ONNX",
            hint=f"the newest known one is {max(ELEMENT_TYPES)}",
        )
    return known


def read_tensor(reading: Reading, start: int, stop: int) -> OnnxTensor:
    """The TensorProto in these bytes.

    Raises:
        ModelError: CW404 to CW407; also where the data is longer or shorter than the dims say.
    """
    return _plain_tensor(reading, start, stop) or _any_tensor(reading, start, stop)


_HEAD: Final = 320
"""Bytes that are looked at for a tensor's dims, type and name: more than exporters need."""


def _plain_tensor(reading: Reading, start: int, stop: int) -> OnnxTensor | None:
    """A tensor as most exporters write it: dims, data_type, name, and raw_data or a place in another file. None for every other form."""
    head = reading.buffer[start : min(stop, start + _HEAD)]
    dims = []
    at = 0
    try:
        while head[at] == 0x08:
            size = head[at + 1]
            at += 2
            if size > 127:
                size, at = varint(head, at - 1, len(head))
                if size > limits.SIZE:
                    return None
            dims.append(size)
        kind = ELEMENT_TYPES.get(head[at + 1])
        length = head[at + 3]
        if head[at] != 0x10 or head[at + 2] != 0x42 or length > 127 or kind is None or len(dims) > limits.AXES:
            return None
        raw_name = head[at + 4 : at + 4 + length]
        at += 4 + length
        external = head[at] == 0x6A
        if external:
            at = stepped(head, at, frozenset({0x6A}))
            if at < 0 or head[at : at + 2] != b"\x70\x01":
                return None
            at, size = at + 2, 0
        elif head[at] != 0x4A:
            return None
        else:
            size, at = varint(head, at + 1, len(head))
    except (IndexError, ModelError):
        return None
    count = math.prod(dims)
    if external:
        if start + at != stop or count > limits.SIZE:
            return None
        reading.budget.spend(start, 1)
        return OnnxTensor(reading.names.get(raw_name) or reading.new_name(raw_name), tuple(dims), kind.name, None, True)
    if start + at + size != stop or count > limits.SIZE or size != (count * kind.bits + 7) // 8 or not kind.bits:
        return None
    name = reading.names.get(raw_name)
    if name is None:
        name = reading.new_name(raw_name)
    reading.budget.spend(start, 1)
    values = None
    if count <= limits.SMALL or (count <= limits.SHAPE_LIKE and kind.name in _SHAPE_LIKE):
        reading.budget.spend(start, count)
        values = _numbers(reading.buffer[start + at : stop], count, kind)
    return OnnxTensor(name, tuple(dims), kind.name, values)


@dataclass(slots=True)
class _Parts:
    """The fields of one TensorProto, in whichever order they come."""

    name: str = ""
    dims: list[int] = field(default_factory=list)
    typed: tuple[int, int] | None = None
    external: bool = False
    raw: tuple[int, int] | None = None
    lists: set[int] = field(default_factory=set)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    strings: list[tuple[int, int]] = field(default_factory=list)
    entries: int = 0


def _any_tensor(reading: Reading, start: int, stop: int) -> OnnxTensor:
    reading.budget.spend(start, 1)
    parts = _parts(reading, start, stop)
    if parts.typed is None:
        raise malformed(start, f"tensor {quoted(parts.name)} has no data_type")
    kind = element_type(parts.typed[1], parts.typed[0])
    count = elements(start, parts.name, parts.dims)
    if parts.external:
        if parts.raw or parts.lists:
            raise malformed(start, f"tensor {quoted(parts.name)} has data here and in another file")
        return OnnxTensor(parts.name, tuple(parts.dims), kind.name, None, external=True)
    _check_lists(start, parts, kind)
    wanted = count <= limits.SMALL or (count <= limits.SHAPE_LIKE and kind.name in _SHAPE_LIKE)
    if wanted:
        reading.budget.spend(start, count)
    values: tuple[int | float | bool | str, ...] | None
    if kind.data == STRING_DATA:
        _check_count(start, parts, "strings", parts.entries, count)
        values = _strings(reading, parts) if wanted else None
    elif parts.raw:
        _check_count(start, parts, "bytes of raw_data", parts.raw[1] - parts.raw[0], kind.stored(count))
        values = _numbers(reading.buffer[parts.raw[0] : parts.raw[1]], count, kind) if wanted else None
    else:
        data = _listed(reading, start, parts, kind, count, wanted)
        values = None if data is None else _numbers(data, count, kind)
    return OnnxTensor(parts.name, tuple(parts.dims), kind.name, values)


def _parts(reading: Reading, start: int, stop: int) -> _Parts:
    parts = _Parts()
    buffer = reading.buffer
    for number, wire, at, first, end in fields(buffer, start, stop, TENSOR, reading.budget):
        if number == 1:
            _add_dims(reading, parts.dims, wire, at, first, end)
        elif number == 2:
            parts.typed = (first, at)
        elif number == 8:
            parts.name = reading.name(first, end)
        elif number == RAW:
            parts.raw = (first, end)
        elif number == 14:
            if first > 1:
                raise malformed(at, f"TensorProto.data_location is {first:,}, it can be 0 (here) or 1 (another file)")
            parts.external = first == 1
        elif number == 3:
            raise ModelError(
                "CW407",
                f"byte {at:,}: tensor {quoted(parts.name)} is one segment of a tensor",
                hint="no runtime reads these",
            )
        elif number == STRING_DATA:
            parts.lists.add(number)
            parts.entries += 1
            if parts.entries <= limits.SMALL:
                parts.strings.append((first, end))
        elif number != 13:
            parts.lists.add(number)
            if len(parts.pieces) <= limits.SHAPE_LIKE:
                parts.pieces.append((wire, first, end))
            elif wire == 2:
                raise malformed(
                    at, f"tensor {quoted(parts.name)} has its data in more than {limits.SHAPE_LIKE:,} pieces"
                )
            parts.entries += wire != 2
    return parts


def _add_dims(reading: Reading, dims: list[int], wire: int, at: int, first: int, stop: int) -> None:
    """Append what one field of dims says: a number, or a packed list."""
    found = [first] if wire == 0 else packed(reading.buffer, first, stop, limits.AXES)
    if found is None or len(dims) + len(found) > limits.AXES:
        raise too_much(at, f"a tensor with more than {limits.AXES} axes")
    dims += [signed(value) for value in found]


def elements(at: int, name: str, dims: list[int]) -> int:
    """The number of elements of a tensor of the file.

    Raises:
        ModelError: CW406 for a negative size, CW405 above 2**63 - 1.
    """
    for axis, size in enumerate(dims):
        if size < 0:
            raise malformed(
                at,
                f"axis {axis} of tensor {quoted(name)} has the size {size}",
                "the data of a file has no negative sizes",
            )
    count = math.prod(dims)
    if count > limits.SIZE:
        raise too_much(at, f"tensor {quoted(name)} has {' x '.join(map(str, dims))} elements, more than 2**63 - 1")
    return count


def _check_lists(at: int, parts: _Parts, kind: ElementType) -> None:
    """Refuse data in the list of another type, or in two places."""
    names = [TENSOR.fields[number][0] for number in sorted(parts.lists)]
    if parts.raw and (parts.lists or not kind.bits):
        extra = f"and in {names[0]}" if names else f"although its type is {kind.name}"
        raise malformed(at, f"tensor {quoted(parts.name)} has its data in raw_data {extra}")
    if parts.lists - {kind.data}:
        right = TENSOR.fields[kind.data][0]
        raise malformed(
            at, f"tensor {quoted(parts.name)} of {kind.name} has its data in {' and '.join(names)} instead of {right}"
        )


def _check_count(at: int, parts: _Parts, what: str, held: int, needed: int) -> None:
    if held != needed:
        shape = " x ".join(map(str, parts.dims)) or "a single element"
        raise malformed(at, f"tensor {quoted(parts.name)} ({shape}) needs {needed:,} {what}, the file holds {held:,}")


def _strings(reading: Reading, parts: _Parts) -> tuple[str, ...] | None:
    if any(stop - first > limits.TEXT for first, stop in parts.strings):
        return None
    return tuple(text(reading.buffer, first, stop) for first, stop in parts.strings)


def _listed(reading: Reading, at: int, parts: _Parts, kind: ElementType, count: int, wanted: bool) -> bytes | None:
    """The data of a list field in the form of raw_data where `wanted`, else None; checked against the dims either way."""
    what = f"entries of {TENSOR.fields[kind.data][0]}"
    needed = kind.entries(count)
    size = FIXED.get(kind.data)
    chunks = [stop - first for wire, first, stop in parts.pieces if wire == 2]
    if size:
        if any(length % size for length in chunks):
            raise malformed(
                at, f"tensor {quoted(parts.name)} has {sum(chunks):,} bytes of {what}, each of which has {size}"
            )
        _check_count(at, parts, what, parts.entries + sum(chunks) // size, needed)
        return b"".join(reading.buffer[first:stop] for _, first, stop in parts.pieces) if wanted else None
    if not wanted:
        # Counting the varints would read the whole tensor: only what is impossible is refused.
        least = parts.entries + (sum(chunks) + 9) // 10
        if not least <= needed <= parts.entries + sum(chunks):
            _check_count(at, parts, what, least if least > needed else parts.entries + sum(chunks), needed)
        return None
    entries: list[int] = []
    for wire, first, stop in parts.pieces:
        found = [first] if wire == 0 else packed(reading.buffer, first, stop, limits.SHAPE_LIKE)
        if found is None or len(entries) + len(found) > limits.SHAPE_LIKE:
            raise malformed(at, f"tensor {quoted(parts.name)} needs {needed:,} {what}, the file holds many more")
        entries += found
    _check_count(at, parts, what, len(entries), needed)
    width = max(kind.bits, 8) if kind.bits != 6 else 8
    mask = (1 << width) - 1
    return struct.pack(f"<{len(entries)}{_UNSIGNED[width]}", *[value & mask for value in entries])


def _numbers(data: bytes, count: int, kind: ElementType) -> tuple[int | float | bool, ...] | None:
    """The elements in the bytes of raw_data, which are of the right number; None for types without a number in Python."""
    if kind.code:
        return struct.unpack(f"<{count}{kind.code}", data)
    if kind.name == "bfloat16":
        halves = struct.unpack(f"<{count}H", data)
        return struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *[half << 16 for half in halves]))
    if kind.name in ("uint4", "int4", "uint2", "int2"):
        bits, mask = kind.bits, (1 << kind.bits) - 1
        found = [byte >> shift & mask for byte in data for shift in range(0, 8, bits)][:count]
        half = 1 << bits - 1
        return tuple(found if kind.name[0] == "u" else [(value ^ half) - half for value in found])
    return None


def read_sparse_tensor(reading: Reading, start: int, stop: int) -> OnnxTensor:
    """The SparseTensorProto in these bytes, as the dense tensor that it stands for."""
    values = indices = None
    dims: list[int] = []
    for number, wire, at, first, end in fields(reading.buffer, start, stop, SPARSE, reading.budget):
        if number == 1:
            values = read_tensor(reading, first, end)
        elif number == 2:
            indices = read_tensor(reading, first, end)
        else:
            _add_dims(reading, dims, wire, at, first, end)
    if values is None:
        raise malformed(start, "a sparse tensor without values")
    count = elements(start, values.name, dims)
    shape = indices.dims if indices else (0,)
    if indices and indices.dtype != "int64":
        raise malformed(
            start, f"sparse tensor {quoted(values.name)} has indices of {indices.dtype}, they are always int64"
        )
    if len(values.dims) != 1 or shape not in ((values.size,), (values.size, len(dims))):
        raise malformed(
            start,
            f"sparse tensor {quoted(values.name)} has values {values.dims} and indices {shape} for {len(dims)} axes",
        )
    dense = _dense(reading, start, values, indices, dims) if count <= limits.SMALL else None
    return OnnxTensor(values.name, tuple(dims), values.dtype, dense, values.external, sparse=True)


def _dense(
    reading: Reading, at: int, values: OnnxTensor, indices: OnnxTensor | None, dims: list[int]
) -> tuple[int | float | bool | str, ...] | None:
    """All elements in row-major order; None where the values or indices were not decoded."""
    where = indices.values if indices else ()
    if values.values is None or where is None or values.dtype == "string":
        return None
    count = math.prod(dims)
    reading.budget.spend(at, count)
    dense: list[int | float | bool | str] = [type(values.values[0])(0) if values.values else 0] * count
    rank = len(indices.dims) if indices else 1
    for place, value in enumerate(values.values):
        index = int(where[place]) if rank == 1 else 0
        if rank == 2:
            position = [int(part) for part in where[place * len(dims) : (place + 1) * len(dims)]]
            if any(not 0 <= part < size for part, size in zip(position, dims, strict=True)):
                index = -1
            else:
                for part, size in zip(position, dims, strict=True):
                    index = index * size + part
        if not 0 <= index < count:
            raise malformed(
                at, f"index {place} of sparse tensor {quoted(values.name)} lies outside {' x '.join(map(str, dims))}"
            )
        dense[index] = value
    return tuple(dense)
