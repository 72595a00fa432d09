"""Nodes. A network repeats few kinds of node, so what follows a node's own names is decoded once for each kind."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, TypeAlias

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx.attributes import read_attribute
from convwise.readers.onnx.reading import Reading, Tail
from convwise.readers.onnx.schema import NODE
from convwise.readers.onnx.structure import OnnxNode
from convwise.readers.onnx.wire import fields, malformed, quoted, stepped

PLAIN: Final = 65_536
"""Bytes of a node that is taken out of the file as a whole; larger ones hold tensors or graphs."""

REMEMBERED: Final = 1_024
"""Bytes of a tail that is remembered: longer ones hold constants of their own."""

MOST_SHARED: Final = 4_096
"""Tails that are remembered from file to file."""

_SHARED: Final[dict[bytes, tuple[Tail, int, int]]] = {}
"""Tails by their bytes, with the fields and objects that reading one costs; emptied when it is full."""

INPUT, OUTPUT, NAME, OP_TYPE = 0x0A, 0x12, 0x1A, 0x22
BEHIND_NAMES: Final = frozenset({OP_TYPE, 0x2A, 0x32, 0x3A, 0x42})
METADATA: Final = frozenset({0x4A})
"""The first bytes of the fields of a NodeProto, in the order in which writers write them."""


def read_nodes(reading: Reading, spans: list[tuple[int, int]], depth: int) -> tuple[OnnxNode, ...]:
    """The nodes in these bytes, in order; graphs in their attributes are put aside as `reading.waiting`.

    Raises:
        ModelError: CW404 to CW407, with the node's number and name as `layer`.
    """
    nodes: list[OnnxNode] = []
    buffer, names, tails, budget = reading.buffer, reading.names, reading.tails, reading.budget
    for index, (start, stop) in enumerate(spans):
        heads = None
        tail = b""
        if stop - start <= PLAIN:
            blob = buffer[start:stop]
            heads = _heads(names, blob)
            if heads is not None:
                inputs, outputs, name, at = heads
                tail = blob[at:]
                known = tails.get(tail)
                if known is None:
                    tail = blob[at : _without_metadata(blob, at)]
                    known = tails.get(tail) or _shared(reading, tail)
                if known is not None:
                    budget.objects -= 1 + len(inputs) + len(outputs)
                    if budget.objects < 0:
                        budget.spend(start, 0)
                    op_type, domain, overload, attributes = known
                    nodes.append(
                        OnnxNode(op_type, domain, name, tuple(inputs), tuple(outputs), attributes, index, overload)
                    )
                    continue
        nodes.append(_new_node(reading, start, stop, index, depth, heads, tail))
    return tuple(nodes)


def _shared(reading: Reading, tail: bytes) -> Tail | None:
    """A tail that another file had, paid for as if it was read."""
    found = _SHARED.get(tail)
    if found is None:
        return None
    known, fields_, objects = found
    budget = reading.budget
    if budget.fields < fields_ or budget.objects < objects:
        return None
    budget.fields -= fields_
    budget.objects -= objects
    op_type, domain, overload, _ = known
    reading.called.add((domain, op_type, overload))
    reading.tails[tail] = known
    return known


def _new_node(
    reading: Reading, start: int, stop: int, index: int, depth: int, heads: Heads | None, tail: bytes
) -> OnnxNode:
    """A node of a kind that was not there before; its tail is remembered where that is short and says all."""
    waiting, budget = len(reading.waiting), reading.budget
    before = budget.fields, budget.objects
    node = _any_node(reading, start, stop, index, depth, heads)
    if heads is None or len(tail) > REMEMBERED or len(reading.waiting) != waiting:
        return node
    inputs, outputs, name, _ = heads
    if (tuple(inputs), tuple(outputs), name) == (node.inputs, node.outputs, node.name):
        known = reading.tails[tail] = node.op_type, node.domain, node.overload, node.attributes
        if not reading.not_utf8:
            if len(_SHARED) >= MOST_SHARED:
                _SHARED.clear()
            objects = before[1] - budget.objects - 1 - len(inputs) - len(outputs)
            _SHARED[tail] = known, before[0] - budget.fields, objects
    return node


Heads: TypeAlias = tuple[list[str], list[str], str, int]
"""Inputs, outputs and name of a node, and where its op_type starts, from the node's first byte."""


def _heads(names: dict[bytes, str], blob: bytes) -> Heads | None:
    """What stands in front of the op_type of a node in the usual order; None for any other form."""
    inputs: list[str] = []
    outputs: list[str] = []
    name: str | None = None
    at = 0
    try:
        while (tag := blob[at]) != OP_TYPE:
            size = blob[at + 1]
            at += 2
            if size > 127:
                if blob[at] > 31:
                    return None  # more than limits.NAME, or a longer form of the number
                size += (blob[at] - 1) * 128
                at += 1
            raw = blob[at : at + size]
            at += size
            text = names.get(raw)
            if text is None:
                if at > len(blob):
                    return None
                names[raw] = text = raw.decode()
            if tag == INPUT:
                inputs.append(text)
            elif tag == OUTPUT:
                outputs.append(text)
            elif tag == NAME and name is None:
                name = text
            else:
                return None
    except (IndexError, UnicodeDecodeError):
        return None
    return inputs, outputs, name or "", at


def _without_metadata(blob: bytes, at: int) -> int:
    """Where the metadata at the end of a node starts, if only metadata follows; else the node's end.

    Exporters note there where in the source a node was made, which is another place for every node.
    """
    begins = stepped(blob, at, BEHIND_NAMES)
    return begins if begins >= 0 and stepped(blob, begins, METADATA) == len(blob) else len(blob)


def _any_node(reading: Reading, start: int, stop: int, index: int, depth: int, heads: Heads | None) -> OnnxNode:
    """A node in any form; the fields in front of its op_type may have been read already."""
    inputs, outputs, name, head = heads or ([], [], "", 0)
    inputs, outputs = list(inputs), list(outputs)
    op_type = domain = overload = ""
    attributes: dict[str, Any] = {}
    budget = reading.budget
    budget.spend(start, 1 + len(inputs) + len(outputs))
    try:
        for number, _, at, first, end in fields(reading.buffer, start + head, stop, NODE, budget):
            match number:
                case 1:
                    budget.spend(at, 1)
                    inputs.append(reading.name(first, end))
                case 2:
                    budget.spend(at, 1)
                    outputs.append(reading.name(first, end))
                case 3:
                    if name:
                        raise malformed(at, "NodeProto.name is given twice")
                    name = reading.name(first, end)
                case 4:
                    op_type = reading.name(first, end)
                case 5:
                    budget.spend(at, 1)
                    read_attribute(reading, first, end, attributes, depth)
                case 7:
                    domain = default_domain(reading.name(first, end))
                case _:
                    overload = reading.name(first, end)
        if not op_type:
            raise malformed(start, "a node without an op_type")
    except ModelError as error:
        error.layer = error.layer or place(index, op_type, name)
        raise
    reading.called.add((domain, op_type, overload))
    return OnnxNode(op_type, domain, name, tuple(inputs), tuple(outputs), MappingProxyType(attributes), index, overload)


def place(index: int, op_type: str, name: str) -> str:
    """How errors call a node: its number in its graph, counted from 0, and its names as far as they were read.

    >>> place(5, "Conv", "/conv1/Conv")
    "node 5 (Conv '/conv1/Conv')"
    """
    known = " ".join(part for part in (shown(op_type), quoted(name) if name else "") if part)
    return f"node {index} ({known})" if known else f"node {index}"


def default_domain(domain: str) -> str:
    """The default operator set has two names."""
    return "" if domain == "ai.onnx" else domain
