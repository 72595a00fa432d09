"""Whole files: is it ONNX at all, is all of it there, and do its graph, operator sets and functions belong together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from convwise.errors import ModelError
from convwise.readers.onnx.functions import check_calls, read_function
from convwise.readers.onnx.graphs import read_graph
from convwise.readers.onnx.opening import opened
from convwise.readers.onnx.opsets import check_default, read_opsets
from convwise.readers.onnx.reading import Reading
from convwise.readers.onnx.schema import MODEL
from convwise.readers.onnx.structure import OnnxModel
from convwise.readers.onnx.wire import Buffer, fields, malformed, quoted, signed

OPSETS_SINCE: Final = 3
"""The ir_version from which on a model names its operator sets; older ones use the first."""

OTHER_KINDS: Final = (
    (0, b"PK\x03\x04", "a zip archive (.keras, .pt, .pt2 and .npz files are)"),
    (0, b"\x89HDF", "an HDF5 file (.h5)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in onnxruntime's own format (.ort)"),
    (0, b"version https://git-lfs", "a Git LFS pointer: the model itself was not fetched (git lfs pull)"),
    (0, b"{", "JSON"),
    (0, b"<", "XML or HTML"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x80", "a Python pickle"),
    (0, b"\x93NUMPY", "a NumPy array"),
)
"""What else people hand over: where its mark stands, the mark, and what it is."""


NOWHERE: Final = (-1, -1)


@dataclass(slots=True)
class _Parts:
    """Where the parts of the model stand; `begun` once a part was read that makes it a model."""

    ir_version: tuple[int, int] = NOWHERE
    producer: str = ""
    graph: tuple[int, int] = NOWHERE
    opsets: list[tuple[int, int]] = field(default_factory=list)
    functions: list[tuple[int, int]] = field(default_factory=list)
    begun: bool = False


def read_onnx(source: str | os.PathLike[str] | bytes) -> OnnxModel:
    """The structure of an ONNX model: everything but the weights, which are stepped over.

    `source` is a path, or the bytes of a file. Of a file only the parts between the weights are read, so that time and
    memory follow the number of nodes, not the size of the weights. External data is never opened, nothing is executed, and what is read is bounded
    (limits.py). A file that is cut off is refused: lengths are checked against the end, and graph, ir_version and the
    default operator set must be there. A cut that takes away only metadata, versions of other domains, or functions that
    come after all that, leaves a complete file; such functions are then missed where they are called.

    Raises:
        ModelError: CW403 not an ONNX model; CW404 cut off; CW405 over a limit; CW406 malformed; CW407 unsupported;
            CW408 names or calls that do not belong together; CW409 a path that cannot be opened.
    """
    if isinstance(source, bytes):
        return read_model(source)
    with opened(source) as buffer:
        return read_model(buffer)


def read_model(buffer: Buffer) -> OnnxModel:
    """The ModelProto that is the whole of `buffer`."""
    if not len(buffer):
        raise ModelError("CW403", "the file is empty", hint="write or fetch the model again")
    reading = Reading(buffer)
    parts = _checked_parts(reading)
    ir_version, at = parts.ir_version
    if ir_version < 1:
        raise malformed(at, f"the ir_version is {ir_version}, the first one is 1")
    opsets = read_opsets(reading, parts.opsets)
    if not opsets:
        if ir_version >= OPSETS_SINCE:
            hint = "it is cut off behind its graph, or was written wrongly"
            raise ModelError("CW404", "the file names no operator set (opset_import)", hint=hint)
        opsets = {"": 1}
    graph = read_graph(reading, *parts.graph)
    if not graph.nodes and not graph.outputs:
        raise ModelError("CW403", f"byte {parts.graph[0]:,}: the graph has no nodes and no outputs")
    check_default(reading.called, opsets, "the model")
    functions = []
    calls = []
    for start, stop in parts.functions:
        reading.called, reading.tails = set(), {}
        function = read_function(reading, start, stop)
        check_default(reading.called, function.opsets or opsets, f"function {quoted(function.name)}")
        functions.append(function)
        calls.append(reading.called)
    reading.check_names()
    check_calls(functions, calls)
    return OnnxModel(ir_version, MappingProxyType(opsets), parts.producer, graph, tuple(functions))


def _checked_parts(reading: Reading) -> _Parts:
    """Where the parts of the model stand; what is not ONNX at all is told as that, not by its first wrong byte."""
    buffer = reading.buffer
    other = next((what for at, mark, what in OTHER_KINDS if buffer[at : at + len(mark)] == mark), None)
    if other:
        raise ModelError("CW403", f"this is {other}, not an ONNX model")
    parts = _Parts()
    try:
        _collect(reading, parts)
    except ModelError as error:
        if parts.begun:
            raise
        raise ModelError(
            "CW403", "this is not an ONNX model", detail=error.fact, hint="an .onnx file starts with its ir_version"
        ) from None
    hint = "the file is cut off, or is no ONNX model"
    if parts.graph == NOWHERE:
        raise ModelError("CW403", "there is no graph in this file", hint=hint)
    if parts.ir_version == NOWHERE:
        raise ModelError("CW403", "there is no ir_version in this file, which every ONNX model has", hint=hint)
    return parts


def _collect(reading: Reading, parts: _Parts) -> None:
    buffer = reading.buffer
    name = version = ""
    for number, _, at, first, end in fields(buffer, 0, len(buffer), MODEL, reading.budget):
        match number:
            case 1:
                parts.ir_version = signed(first), at
                parts.begun = True
            case 2:
                name = reading.name(first, end)
            case 3:
                version = reading.name(first, end)
            case 7:
                parts.graph = first, end
                parts.begun = True
            case 8:
                reading.budget.spend(at, 1)
                parts.opsets.append((first, end))
            case _:
                reading.budget.spend(at, 1)
                parts.functions.append((first, end))
        parts.producer = f"{name} {version}".strip()
