"""Attributes of nodes: numbers, texts, lists and small tensors decoded; graphs put aside to be read later."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

from convwise.errors import ModelError
from convwise.readers.onnx import limits
from convwise.readers.onnx.reading import Body, Reading, text
from convwise.readers.onnx.schema import ATTRIBUTE
from convwise.readers.onnx.structure import OnnxReference, OnnxValue, Undecoded
from convwise.readers.onnx.tensors import read_sparse_tensor, read_tensor
from convwise.readers.onnx.values import read_type
from convwise.readers.onnx.wire import fields, malformed, packed, quoted, signed

REFERENCE: Final = 21
GRAPH = 5
TYPES: Final = {
    1: ("f", 0.0),
    2: ("i", 0),
    3: ("s", ""),
    4: ("t", None),
    5: ("g", None),
    6: ("floats", ()),
    7: ("ints", ()),
    8: ("strings", ()),
    9: ("tensors", ()),
    10: ("graphs", ()),
    11: ("sparse_tensor", None),
    12: ("sparse_tensors", ()),
    13: ("tp", None),
    14: ("type_protos", ()),
}
"""AttributeProto.AttributeType of the specification: the field that holds the value, and the value when it is left out."""

LISTS: Final = frozenset({"floats", "ints", "strings", "tensors", "graphs", "sparse_tensors", "type_protos"})
SHORT: Final = 256
"""Bytes of an attribute that is remembered: strides and pads repeat through a whole network."""


@dataclass(slots=True)
class _Parts:
    name: str = ""
    type: int = 0
    reference: str | None = None
    held: dict[str, list[Any]] = field(default_factory=dict)
    graphs: list[tuple[int, int]] = field(default_factory=list)
    long: bool = False


def read_attribute(reading: Reading, start: int, stop: int, into: dict[str, Any], depth: int) -> None:
    """Add the AttributeProto in these bytes to `into`; its graphs are put aside as `reading.waiting`.

    `depth` is that of the graph which the node belongs to.

    Raises:
        ModelError: CW404 to CW407; also where type and content contradict each other. CW408 where the name is there already.
    """
    short = stop - start <= SHORT
    raw = reading.buffer[start:stop] if short else b""
    known = reading.attributes.get(raw)
    if known is not None:
        name, value = known
        graphs = False
    else:
        parts = _parts(reading, start, stop)
        name, value, graphs = parts.name, _value(reading, start, parts), bool(parts.graphs)
    if name in into:
        raise ModelError("CW408", f"byte {start:,}: attribute {quoted(name)} is given twice")
    into[name] = value
    if graphs:
        several = "graphs" in parts.held
        reading.waiting.extend(Body(into, name, first, end, depth + 1, several) for first, end in parts.graphs)
    elif short and known is None:
        reading.attributes[raw] = name, value


def _value(reading: Reading, start: int, parts: _Parts) -> Any:
    """The value of an attribute; None for graphs, which are read later."""
    name = parts.name
    if not name:
        raise malformed(start, "an attribute without a name")
    if parts.type not in TYPES and parts.type:
        raise malformed(start, f"attribute {quoted(name)} has the type {parts.type}, which ONNX does not have")
    if parts.reference is not None:
        if parts.held:
            raise malformed(
                start, f"attribute {quoted(name)} has a value, and refers to {quoted(parts.reference)} as well"
            )
        return OnnxReference(parts.reference)
    key, default = TYPES[parts.type] if parts.type else (next(iter(parts.held), ""), None)
    wrong = [other for other in parts.held if other != key]
    if wrong or not key:
        says = f"is of type {key}" if parts.type else "has no type"
        raise malformed(start, f"attribute {quoted(name)} {says}, but holds {' and '.join(wrong) or 'nothing'}")
    if parts.long:
        return Undecoded(key)
    if parts.graphs:
        return None
    if key not in parts.held:
        if default is None:
            raise malformed(start, f"attribute {quoted(name)} of type {key} holds nothing")
        return default
    held = parts.held[key]
    reading.budget.spend(start, len(held))
    return tuple(held) if key in LISTS else held[0]


def _parts(reading: Reading, start: int, stop: int) -> _Parts:
    parts = _Parts()
    buffer = reading.buffer
    for number, wire, at, first, end in fields(buffer, start, stop, ATTRIBUTE, reading.budget):
        if number == 1:
            parts.name = reading.name(first, end)
        elif number == 20:
            parts.type = first
        elif number == REFERENCE:
            # Writers of the newer syntax may write every text, empty ones too.
            parts.reference = reading.name(first, end) or None
        else:
            key = ATTRIBUTE.fields[number][0]
            held = parts.held.setdefault(key, [])
            if key in ("g", "graphs"):
                parts.graphs.append((first, end))
                reading.budget.spend(at, 1)
            elif len(held) >= limits.LIST or not _add(reading, held, key, wire, at, first, end):
                parts.long = True
    return parts


def _add(reading: Reading, held: list[Any], key: str, wire: int, at: int, first: int, stop: int) -> bool:
    """Append what one field holds; False if that is too long to be decoded."""
    match key:
        case "i":
            held.append(signed(first))
        case "ints":
            found = [first] if wire == 0 else packed(reading.buffer, first, stop, limits.LIST - len(held))
            if found is None:
                return False
            held += [signed(value) for value in found]
        case "f" | "floats":
            count, rest = divmod(stop - first, 4)
            if rest:
                raise malformed(at, f"a list of floats has {stop - first:,} bytes, each float has 4")
            if len(held) + count > limits.LIST:
                return False
            held += struct.unpack(f"<{count}f", reading.buffer[first:stop])
        case "s" | "strings":
            if stop - first > limits.TEXT:
                held.append("")
                return False
            held.append(text(reading.buffer, first, stop))
        case "t" | "tensors":
            held.append(read_tensor(reading, first, stop))
        case "sparse_tensor" | "sparse_tensors":
            held.append(read_sparse_tensor(reading, first, stop))
        case _:
            kind, dtype, dims = read_type(reading, first, stop)
            held.append(OnnxValue("", dtype, dims, kind))
    return True
