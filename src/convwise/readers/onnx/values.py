"""Declared values: name, type, and sizes that may be numbers, names or unknown."""

from __future__ import annotations

from typing import Final

from convwise.errors import ModelError
from convwise.readers.onnx import limits
from convwise.readers.onnx.reading import Reading, TypeOf
from convwise.readers.onnx.schema import DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE
from convwise.readers.onnx.structure import OnnxValue
from convwise.readers.onnx.tensors import ELEMENT_TYPES, element_type
from convwise.readers.onnx.wire import fields, malformed, signed, stepped, too_much, varint

KINDS: Final = {1: "tensor", 4: "sequence", 5: "map", 7: "opaque", 8: "sparse_tensor", 9: "optional"}
UNTYPED: Final[TypeOf] = ("", None, None)
PLAIN: Final = 4_096
"""Bytes of a value that is taken out of the file as a whole."""

BEHIND_TYPE: Final = frozenset({0x1A, 0x22})
"""The first bytes of its text and metadata."""

SHORT: Final = 256
"""Bytes of a type that is remembered: the same few types are written at thousands of values."""


def read_value(reading: Reading, start: int, stop: int) -> OnnxValue:
    """The ValueInfoProto in these bytes.

    Raises:
        ModelError: CW404 to CW407.
    """
    budget = reading.budget
    budget.objects -= 1
    if budget.objects < 0:
        budget.spend(start, 0)
    if stop - start <= PLAIN:
        value = _plain_value(reading, reading.buffer[start:stop], start)
        if value is not None:
            return value
    name = ""
    found = UNTYPED
    for number, _, _, first, end in fields(reading.buffer, start, stop, VALUE, reading.budget):
        if number == 1:
            name = reading.name(first, end)
        else:
            found = read_type(reading, first, end)
    kind, dtype, dims = found
    return OnnxValue(name, dtype, dims, kind)


def _plain_value(reading: Reading, blob: bytes, start: int) -> OnnxValue | None:
    """A value as most exporters write it: name, short type, and metadata at most. None for every other form."""
    try:
        at = 2 + blob[1]
        if blob[0] != 0x0A or at > 129 or blob[at] != 0x12 or blob[at + 1] > 127:
            return None
        end = at + 2 + blob[at + 1]
        if end != len(blob) and stepped(blob, end, BEHIND_TYPE) != len(blob):
            return None
    except IndexError:
        return None
    raw = blob[2:at]
    name = reading.names.get(raw)
    if name is None:
        name = reading.new_name(raw)
    kind, dtype, dims = reading.types.get(blob[at + 2 : end]) or read_type(reading, start + at + 2, start + end)
    return OnnxValue(name, dtype, dims, kind)


def read_type(reading: Reading, start: int, stop: int) -> TypeOf:
    """The TypeProto in these bytes: kind, dtype, dims."""
    if stop - start > SHORT:
        return _type(reading, start, stop)
    raw = reading.buffer[start:stop]
    known = reading.types.get(raw)
    if known is None:
        known = reading.types[raw] = _plain_type(reading, raw, start) or _type(reading, start, stop)
    return known


def _plain_type(reading: Reading, raw: bytes, start: int) -> TypeOf | None:
    """The type of a tensor with an element type and sizes in their shortest form; None for every other form."""
    end = len(raw)
    dims: list[int | str | None] = []
    try:
        kind = ELEMENT_TYPES.get(raw[3])
        if raw[0] != 0x0A or raw[1] != end - 2 or raw[2] != 0x08 or kind is None or raw[4] != 0x12 or raw[5] != end - 6:
            return None
        at = 6
        while at < end:
            length, inner = raw[at + 1], at + 2
            if raw[at] != 0x0A or length > 127:
                return None
            at = inner + length
            if not length:
                dims.append(None)
            elif raw[inner] == 0x08:
                size, behind = varint(raw, inner + 1, at)
                if behind != at or size > limits.SIZE:
                    return None
                dims.append(size)
            elif raw[inner] == 0x12 and raw[inner + 1] == length - 2 > 0 and at <= end:
                dims.append(reading.name(start + inner + 2, start + at))
            else:
                return None
    except (IndexError, ModelError):
        return None
    if at != end:
        return None
    reading.budget.spend(start, len(dims))
    return "tensor", kind.name, tuple(dims)


def _type(reading: Reading, start: int, stop: int) -> TypeOf:
    found = UNTYPED
    for number, _, at, first, end in fields(reading.buffer, start, stop, TYPE, reading.budget):
        if found is not UNTYPED:
            raise malformed(at, f"a type that is {found[0]} and {KINDS[number]} at once")
        if number in (1, 8):
            dtype, dims = _tensor_type(reading, first, end)
            found = KINDS[number], dtype, dims
        else:
            found = KINDS[number], None, None
    return found


def _tensor_type(reading: Reading, start: int, stop: int) -> tuple[str | None, tuple[int | str | None, ...] | None]:
    dtype = dims = None
    for number, _, at, first, end in fields(reading.buffer, start, stop, TENSOR_TYPE, reading.budget):
        if number == 1:
            # 0 is "undefined", which some exporters write at values that they know the rank of only.
            dtype = element_type(at, first).name if first else None
        else:
            dims = _shape(reading, first, end)
    return dtype, dims


def _shape(reading: Reading, start: int, stop: int) -> tuple[int | str | None, ...]:
    dims: list[int | str | None] = []
    for _, _, at, first, end in fields(reading.buffer, start, stop, SHAPE, reading.budget):
        if len(dims) == limits.AXES:
            raise too_much(at, f"a value with more than {limits.AXES} axes")
        reading.budget.spend(at, 1)
        dims.append(_dimension(reading, first, end, len(dims)))
    return tuple(dims)


def _dimension(reading: Reading, start: int, stop: int, axis: int) -> int | str | None:
    size: int | str | None = None
    for number, _, at, first, end in fields(reading.buffer, start, stop, DIMENSION, reading.budget):
        if size is not None:
            raise malformed(at, f"axis {axis} has a number and a name")
        if number == 2:
            size = reading.name(first, end)
            continue
        size = signed(first)
        if size < -1:
            raise malformed(at, f"axis {axis} has the size {size}", "a size is 0 or more; -1 is taken as unknown")
    # Some converters write -1, or an empty name, at an axis that they do not know.
    return None if size in (-1, "") else size
