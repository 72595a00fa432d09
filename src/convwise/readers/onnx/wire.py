"""The protobuf wire format: fields one after another, each checked against the end of its message, payloads untouched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx import limits
from convwise.readers.onnx.schema import Message


class Buffer(Protocol):
    """A whole file, bytes or an `opening.FileBytes`; every position in this package counts its bytes from 0."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> bytes: ...


Field: TypeAlias = tuple[int, int, int, int, int]
"""Number, wire type, position; then a varint's value and the next position, or the payload's start and stop."""

LONGEST_VARINT: Final = 10
LONGEST_HEADER: Final = 20
"""Bytes of the longest tag and length."""

LARGEST_TAG: Final = 2**32 - 1
WINDOW: Final = 16_384
"""Bytes of a message that are taken from the file at once."""

AFTER_JUMP: Final = 256
"""The same behind a payload that was stepped over, where another such field is likely."""

MOST_STEPPED: Final = 64
"""Fields that are stepped over without a look at the budget; more of them go the long way, which pays for each."""

NO_WIRE_TYPE = {3: "starts a group", 4: "ends a group", 6: "has the wire type 6", 7: "has the wire type 7"}


class Budget:
    """What may still be read, counted over the whole file; see limits.py for the reasons."""

    __slots__ = ("fields", "nodes", "objects")

    def __init__(self) -> None:
        self.fields = limits.FIELDS
        self.nodes = limits.NODES
        self.objects = limits.OBJECTS

    def spend(self, at: int, objects: int) -> None:
        """Pay for Python objects, before they are made where their number is known."""
        self.objects -= objects
        if self.objects < 0:
            raise too_much(at, f"more than {limits.OBJECTS:,} names, attributes, tensors and numbers in the file")


def quoted(name: str) -> str:
    r"""A name of the file as errors show it: on one line, shortened, without characters that act on a terminal.

    >>> print(quoted("a\u202eb"))
    'a\u202eb'
    """
    return f"'{shown(name)}'"


def malformed(at: int, fact: str, hint: str = "") -> ModelError:
    """CW406: the file breaks its own format at this byte."""
    return ModelError("CW406", f"byte {at:,}: {fact}", hint=hint)


def too_much(at: int, fact: str) -> ModelError:
    """CW405: the file holds more than is read."""
    return ModelError(
        "CW405",
        f"byte {at:,}: {fact}",
        hint="real networks stay far below this limit; the file was made to be hard to read",
    )


def too_many_nodes(at: int) -> ModelError:
    """CW405 for `Budget.nodes`."""
    return too_much(at, f"more than {limits.NODES:,} nodes in the file")


def beyond(size: int, at: int, what: str, stop: int, end: int) -> ModelError:
    """CW404 where a field reaches beyond the file of `size` bytes, CW406 where it only reaches beyond its message."""
    if stop > size:
        detail = f"it would end at byte {stop:,}, the file has {size:,}"
        return ModelError(
            "CW404", f"byte {at:,}: {what} is cut off", detail=detail, hint="fetch or write the file again"
        )
    return malformed(at, f"{what} ends at byte {stop:,}, beyond its message, which ends at byte {end:,}")


def varint(data: bytes, at: int, end: int, base: int = 0, size: int = limits.SIZE) -> tuple[int, int]:
    """The unsigned number that starts at `at`, and the position after it; longer forms than needed are legal.

    `data` starts at byte `base` of a file of `size` bytes.
    """
    value = shift = 0
    for place in range(at, at + LONGEST_VARINT):
        if place >= end:
            raise beyond(size, base + at, "a number", base + place + 1, base + end)
        byte = data[place]
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, place + 1
        shift += 7
    raise malformed(base + at, "a number has more than 64 bits")


def signed(value: int) -> int:
    """A varint as int64.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >> 63 else value


def fields(buffer: Buffer, start: int, stop: int, message: Message, budget: Budget) -> Iterator[Field]:
    """The fields of `message` that are of use, in the order of the file.

    Raises:
        ModelError: CW404 or CW406 for what no writer writes, CW405 where the budget ends.
    """
    rules = message.fields
    room = budget.fields
    size = len(buffer)
    seen = 0
    # `data` is the window on the file, which starts at `base`; positions count from there, `safe` headers fit in it.
    data, base, position, end, safe = _window(buffer, start, stop, WINDOW)
    while True:
        if position >= safe:
            at = base + position
            if at >= stop:
                break
            data, base, position, end, safe = _window(buffer, at, stop, AFTER_JUMP if position > len(data) else WINDOW)
        at = position
        tag = data[position]
        position += 1
        if tag > 127:
            tag, position = varint(data, at, end, base, size)
        number, wire = tag >> 3, tag & 7
        rule = rules.get(number)
        if rule is None:
            _check_number(base + at, message, number, tag)
        elif not rule[1] >> wire & 1:
            raise _wrong_type(base + at, message, rule[0], wire)
        elif rule[2]:
            if seen >> number & 1:
                raise _twice(base + at, message, rule[0])
            seen |= 1 << number
        if wire == 2:
            if position < end and (length := data[position]) < 128:
                position += 1
            else:
                length, position = varint(data, position, end, base, size)
            first = base + position
            position += length
        elif wire == 0:
            if position < end and (first := data[position]) < 128:
                position += 1
            else:
                first, position = varint(data, position, end, base, size)
        else:
            first = base + position
            position += _fixed_size(base + at, message, number, wire)
        if position > end:
            name = rule[0] if rule else f"field {number}"
            raise beyond(size, base + at, f"{message.name}.{name}", base + position, stop)
        room -= 1
        if room < 0:
            raise too_much(base + at, f"more than {limits.FIELDS:,} fields in the file")
        if rule is not None and rule[3]:
            budget.fields = room
            yield number, wire, base + at, first, base + position
            room = budget.fields
    budget.fields = room


def leading(buffer: Buffer, start: int, stop: int, tag: int, most: int) -> tuple[list[tuple[int, int]], int]:
    """The payloads (start, stop) behind this first byte that stand one after the other from `start` on, and the position behind them.

    Lengths in up to three bytes are taken, and no more than `most`; the rest is left to `fields`, with everything that is wrong.
    """
    spans: list[tuple[int, int]] = []
    data, base = b"", start
    position = 0
    while len(spans) < most:
        if position + LONGEST_HEADER > len(data):
            base += position
            data, position = buffer[base : min(stop, base + WINDOW)], 0
        try:
            if data[position] != tag:
                break
            length, first = data[position + 1], position + 2
            if length > 127:
                length, first = length - 128 + (data[first] << 7), first + 1
                if length > 16_383:
                    length, first = length - 16_384 + (data[first] << 14), first + 1
        except IndexError:
            break
        if length > 2_097_151 or base + first + length > stop:
            break
        position = first + length
        spans.append((base + first, base + position))
    return spans, base + position


def _wrong_type(at: int, message: Message, name: str, wire: int) -> ModelError:
    return malformed(at, f"{message.name}.{name} {NO_WIRE_TYPE.get(wire, f'has the wrong wire type {wire}')}")


def _twice(at: int, message: Message, name: str) -> ModelError:
    return malformed(at, f"{message.name}.{name} is given twice", "readers differ in which one they take")


def _window(buffer: Buffer, start: int, stop: int, width: int) -> tuple[bytes, int, int, int, int]:
    """Data, base, position, end of the message from the base, and up to where headers surely lie in the data."""
    if isinstance(buffer, bytes):
        return buffer, 0, start, stop, stop
    near = min(stop, start + width)
    return buffer[start:near], start, 0, stop - start, near - start if near == stop else near - start - LONGEST_HEADER


def _check_number(at: int, message: Message, number: int, tag: int) -> None:
    if not number or tag > LARGEST_TAG:
        raise malformed(at, f"{message.name} has a field with the number {number:,}, which no field can have")


def _fixed_size(at: int, message: Message, number: int, wire: int) -> int:
    size = {1: 8, 5: 4}.get(wire)
    if size is None:
        raise malformed(at, f"field {number} of {message.name} {NO_WIRE_TYPE[wire]}, which ONNX never does")
    return size


def packed(buffer: Buffer, start: int, stop: int, room: int) -> list[int] | None:
    """The unsigned varints of a packed list; None if there are more than `room`."""
    if stop - start > room * LONGEST_VARINT:
        return None
    data, end = buffer[start:stop], stop - start
    values: list[int] = []
    position = 0
    while position < end:
        if (value := data[position]) < 128:
            position += 1
        else:
            value, position = varint(data, position, end, start)
        values.append(value)
    return values if len(values) <= room else None


def stepped(data: bytes, at: int, tags: frozenset[int]) -> int:
    """The position behind the payloads that start at `at` and have one of these first bytes; -1 for a form that writers do not use."""
    end = len(data)
    try:
        for _ in range(MOST_STEPPED):
            if at == end or data[at] not in tags:
                return at
            length = data[at + 1]
            at += 2
            if length > 127:
                if data[at] > 127:
                    return -1
                length += (data[at] - 1) * 128
                at += 1
            at += length
    except IndexError:
        pass
    return -1
