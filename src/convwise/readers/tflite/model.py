"""What a .tflite file says: its tensors, and the operators between them in the order in which they run.

Source of the tables' fields: `tensorflow/compiler/mlir/lite/schema/schema.fbs`, as generated in TensorFlow 2.21.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Final

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.onnx import limits
from convwise.readers.onnx.wire import Buffer, malformed, too_many_nodes, too_much
from convwise.readers.other_files import is_tflite
from convwise.readers.tflite.flatbuffers import BYTE, INT, LONG, UINT, ULONG, Bytes, Table, root
from convwise.readers.tflite.names import OPERATORS, TYPES

SHAPE_LIKE: Final = {"int32": INT, "int64": LONG}
"""Types in which shapes, axes and pads are written."""


@dataclass(frozen=True, slots=True)
class StoredNumbers:
    """Numbers that the file holds: where they lie, in what type, and how many they are."""

    shape: tuple[int, ...]
    dtype: str
    start: int
    length: int
    requires_grad: bool = True

    def numel(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class TfliteTensor:
    """A tensor: `shape` as the file was written with, None for the sizes that it leaves open; `stored` where the file holds its numbers."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    stored: StoredNumbers | None


@dataclass(frozen=True, slots=True)
class TfliteOperator:
    """One operator: its name, the tensors that it reads and gives by their numbers (-1: left out), and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True, slots=True)
class TfliteModel:
    """The first graph of a file; others are the bodies of IF and WHILE."""

    title: str
    data: Bytes
    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def numbers(self, tensor: TfliteTensor) -> tuple[int, ...] | None:
        """The numbers of a stored tensor in which a shape, axes or pads may be written; None for any other."""
        stored = tensor.stored
        form = SHAPE_LIKE.get(tensor.dtype)
        if stored is None or form is None or stored.length > limits.SHAPE_LIKE * form.size:
            return None
        if stored.length % form.size or stored.length // form.size != stored.numel():
            raise malformed(stored.start, f"'{shown(tensor.name, 60)}' holds {stored.length} bytes for {stored.shape}")
        raw = self.data.take(stored.start, stored.length, "a stored tensor")
        self.data.spend(stored.start, len(raw) // form.size)
        return tuple(value for (value,) in form.iter_unpack(raw))


def contradicting(fact: str) -> ModelError:
    """CW406: the file's tables are whole, and what they say does not hang together."""
    return ModelError("CW406", fact, hint="convert the model again")


def read_model(buffer: Buffer) -> TfliteModel:
    """The model in a file's bytes.

    Raises:
        ModelError: CW403 another file or one without a graph, CW404 cut off, CW405 beyond a limit, CW406 malformed, CW407 another version.
    """
    if not is_tflite(buffer[0:8]):
        raise ModelError(
            "CW403",
            "this is not a TensorFlow Lite model",
            detail="bytes 4 to 7 of one are TFL3",
            hint="give what tf.lite.TFLiteConverter wrote",
        )
    top = root(buffer)
    version = top.number(0, UINT)
    if version != 3:
        raise ModelError(
            "CW407",
            f"this TensorFlow Lite model has version {version:,} of its format",
            hint="version 3 is read, which TensorFlow has written since 2017",
        )
    kinds = [_kind(one) for one in top.tables(1)]
    graphs = top.tables(2)
    if not graphs:
        raise ModelError("CW403", "this TensorFlow Lite model has no graph", hint="give a file of a converted model")
    graph = graphs[0]
    places = [_bytes_of(one) for one in top.tables(4)]
    tensors = tuple(_tensor(number, one, places) for number, one in enumerate(graph.tables(0)))
    operators = graph.tables(3)
    if len(operators) > limits.NODES:
        raise too_many_nodes(graph.at)
    found = tuple(_operator(one, kinds, len(tensors)) for one in operators)
    inputs, outputs = graph.numbers(1) or (), graph.numbers(2) or ()
    for number in (*inputs, *outputs):
        _check(number, len(tensors), graph.at)
    # Converters call every graph main.
    title = graph.text(4).removeprefix("main") or "TensorFlow Lite model"
    return TfliteModel(title, top.data, tensors, found, inputs, outputs)


def _kind(code: Table) -> str:
    # Numbers above 127 stand in a field of their own, which older writers do not have.
    number = max(code.number(0, BYTE), code.number(3, INT))
    if not 0 <= number < len(OPERATORS):
        return f"operator {number}"
    return code.text(1) or "CUSTOM" if OPERATORS[number] == "CUSTOM" else OPERATORS[number]


def _bytes_of(buffer: Table) -> tuple[int, int]:
    """Where the numbers of a buffer lie: inside it, or behind all tables, where files of more than 2 GB have them."""
    start, length = buffer.extent(0)
    return (start, length) if length else (buffer.number(1, ULONG), buffer.number(2, ULONG))


def _tensor(number: int, table: Table, places: list[tuple[int, int]]) -> TfliteTensor:
    kind = table.number(1, BYTE)
    dtype = TYPES[kind] if 0 <= kind < len(TYPES) else f"type {kind}"
    sizes, signature = table.numbers(0), table.numbers(7)
    if len(sizes or ()) > limits.AXES or len(signature or ()) > limits.AXES:
        raise malformed(table.at, f"a tensor of {max(len(sizes or ()), len(signature or ())):,} axes")
    if any(size < 0 for size in sizes or ()):
        raise malformed(table.at, f"a tensor of the shape {sizes}")
    if prod(sizes or ()) > limits.SIZE:
        raise too_much(table.at, f"a tensor of the shape {sizes}")
    where = table.number(2, UINT)
    if where >= len(places) and where:
        raise malformed(table.at, f"a tensor in buffer {where:,}, and the file has {len(places):,}")
    start, length = places[where] if where < len(places) else (0, 0)
    shape: tuple[int | None, ...] | None = sizes
    if sizes is not None and signature is not None and len(signature) == len(sizes):
        shape = tuple(None if declared < 0 else size for size, declared in zip(sizes, signature, strict=True))
    stored = StoredNumbers(sizes or (), dtype, start, length) if length else None
    # A scalar has no sizes, and so has a tensor of which nobody knows how many axes it has.
    ranked = shape is not None and (len(shape) > 0 or table.flag(8) or stored is not None)
    return TfliteTensor(table.text(3) or f"tensor_{number}", shape if ranked else None, dtype, stored)


def _operator(table: Table, kinds: list[str], tensors: int) -> TfliteOperator:
    code = table.number(0, UINT)
    if code >= len(kinds):
        raise malformed(table.at, f"an operator of kind {code:,}, and the file has {len(kinds):,}")
    inputs, outputs = table.numbers(1) or (), table.numbers(2) or ()
    for number in inputs:
        if number != -1:
            _check(number, tensors, table.at)
    for number in outputs:
        _check(number, tensors, table.at)
    return TfliteOperator(kinds[code], inputs, outputs, table.table(4))


def _check(number: int, tensors: int, at: int) -> None:
    if not 0 <= number < tensors:
        raise malformed(at, f"tensor {number:,} is named, and there are {tensors:,}")
