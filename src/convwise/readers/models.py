"""A network from whatever holds one: a model file, source text, or a live model. The kind of a file is found by its content."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convwise import dialects
from convwise.collecting import resting
from convwise.dialects.base import Layer, Note
from convwise.errors import ArgumentError, CodeError, ConvwiseError, ModelError
from convwise.graph import Network, Node, Source
from convwise.ops import Layout, Shape
from convwise.readers.endings import KERAS_ENDINGS, SOURCE_ENDINGS, ending, is_path
from convwise.readers.entering import channels_last, enter, open_shape, surplus
from convwise.readers.other_files import is_exported, is_tflite
from convwise.readers.shapes import as_shape

if TYPE_CHECKING:
    from convwise.readers.source import Found, Snippet

OPEN_ENDS = frozenset({"CW308", "CW309", "CW314", "CW315", "CW317"})
"""Codes with which the reader of chains gives up where there may be a network."""

HEAD = 2056
"""Bytes from which the kind of a file is told."""


def read(source: Any, *, input_shape: Any = None, dialect: str | None = None) -> Network:
    """The network in a model file (.onnx, .keras, .h5, a Keras .json, .tflite, .pt2), in source text, or in a live Keras or PyTorch model.

    Files are read for their structure alone: no weights are loaded. Text and files are never executed. Of a live PyTorch module
    the `forward` is run, on symbols or on tensors without data; of a live Keras model `get_config` is called.

    Args:
        source: a path, a file's bytes, source text, or a live model.
        input_shape: sizes in the framework's own order, with the batch, or text such as "1x3x224x224"; for a file or a live
            PyTorch model also a mapping of such by input name. It is needed only where a live PyTorch model cannot be
            traced with its sizes open, or where a text names no input.
        dialect: "keras" or "torch" for source text that could be either.

    Raises:
        ModelError: a file or an object that cannot be read. CodeError: text that cannot. ArgumentError: anything else.

    >>> import convwise as cw
    >>> net = cw.read("nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))", input_shape=(1, 3, 9, 10))
    >>> [(row.op, row.output) for row in net.trace().rows]
    [('Conv2d', (1, 8, 7, 8)), ('ReLU', (1, 8, 7, 8)), ('MaxPool2d', (1, 8, 3, 4))]
    """
    input_shape = _checked(input_shape)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source[:HEAD]), source, input_shape)
    if isinstance(source, os.PathLike) or (isinstance(source, str) and is_path(source)):
        path = os.fspath(source)
        if isinstance(path, str) and ending(path) in SOURCE_ENDINGS:
            from convwise.readers.files import located, read_path_or_text

            text, origin = read_path_or_text(path)
            with located(origin):
                network = from_text(text, input_shape, dialect)
            nodes = tuple(replace(node, place=origin.placed(node.place)) for node in network.nodes)
            return (
                replace(network, nodes=nodes, notes=(*origin.notes, *network.notes))
                if origin.notes or origin.kind == "ipynb"
                else network
            )
        return _from_file(path, input_shape)
    if isinstance(source, str):
        return from_text(source, input_shape, dialect)
    return _from_live(source, input_shape)


def _checked(given: Any) -> Any:
    """The shapes as plain numbers: one, several in the order of the inputs, or some by name."""
    if isinstance(given, Mapping):
        return {name: as_shape(shape, scalar=True) for name, shape in given.items()}
    if isinstance(given, list | tuple) and given and all(isinstance(part, list | tuple) for part in given):
        return [as_shape(part, scalar=True) for part in given]
    return _one(given)


def _one(given: Any) -> Shape | None:
    return None if given is None else as_shape(given, scalar=True)


def _from_file(path: str | bytes, input_shape: Any) -> Network:
    from convwise.readers.onnx.model import read_model
    from convwise.readers.onnx.opening import opened
    from convwise.readers.other_files import by_ending, folder, other_kind

    name = os.fsdecode(path)
    if (other := folder(name)) is not None:
        raise other
    with opened(name) as buffer:
        if is_exported(buffer):
            return _from_exported(name, input_shape)
        if (other := other_kind(buffer, name)) is not None:
            raise other
        if is_tflite(buffer[0:HEAD]):
            return _from_tflite(buffer, input_shape)
        empty = not len(buffer)
        # An empty file has nothing but its name to tell what it was to be.
        named_so = ending(name) in KERAS_ENDINGS
        keras = named_so if empty else _is_keras(buffer[0:HEAD])
        try:
            return _from_keras(path, input_shape) if keras else _from_onnx(read_model, buffer, input_shape)
        except ModelError as error:
            if named_so and not keras:
                return _from_keras(path, input_shape)  # says that it is none of Keras's kinds
            if not empty and ending(name) == ".tflite":
                return _from_tflite(buffer, input_shape)  # says that it is none
            raise (None if empty else by_ending(name)) or error from None


def _from_bytes(head: bytes, source: Any, input_shape: Any) -> Network:
    from convwise.readers.other_files import other_kind

    data = bytes(source)
    if is_exported(data):
        return _from_exported(data, input_shape)
    if (other := other_kind(data)) is not None:
        raise other
    if is_tflite(head):
        return _from_tflite(data, input_shape)
    if _is_keras(head):
        return _from_keras(source, input_shape)
    from convwise.readers.onnx import read_onnx

    return _from_onnx(read_onnx, source, input_shape)


def _is_keras(head: bytes) -> bool:
    """Whether a file that starts like this is HDF5, a zip or JSON."""
    # HDF5 may have a block of the user's own in front, of one of these lengths.
    hdf5 = any(head.startswith(b"\x89HDF", at) for at in (0, 512, 1024, 2048))
    zipped = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    return hdf5 or zipped or head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _from_keras(source: Any, input_shape: Any) -> Network:
    from convwise.readers.keras_files import read_keras_file

    return read_keras_file(source, input_shape=_one(input_shape))


def _from_exported(source: str | bytes, input_shape: Any) -> Network:
    from convwise.readers.torch_exported import read_exported

    with resting():
        return read_exported(source, input_shape)


def _from_tflite(buffer: Any, input_shape: Any) -> Network:
    from convwise.readers.tflite import read_tflite

    return read_tflite(buffer, input_shape if isinstance(input_shape, Mapping) else _one(input_shape))


def _from_onnx(read: Callable[[Any], Any], source: Any, input_shape: Any) -> Network:
    from convwise.readers.onnx_network import onnx_network

    with resting():
        return onnx_network(read(source), input_shape if isinstance(input_shape, Mapping) else _one(input_shape))


def _from_live(model: Any, input_shape: Any) -> Network:
    told = getattr(type(model), "__convwise__", None)
    if told is not None:
        config = getattr(model, "__convwise_network__", None)
        if config is not None:
            from convwise.readers.keras_files.read import read_keras_config

            return read_keras_config(config, input_shape=_one(input_shape))
        _, layers, shape = told(model)
        from convwise.readers.source import Found

        found = Found(tuple(layers), shape, None, None)
        return from_layers(found, _one(input_shape) if input_shape is not None else shape, type(model).__name__)
    home = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    # Keras on PyTorch is both.
    if "keras" in home and "keras" in sys.modules:
        from convwise.readers.keras_files import read_live_keras

        network = read_live_keras(model, input_shape=_one(input_shape))
        if network is not None:
            return network
    if "torch" in home and "torch" in sys.modules:
        from convwise.readers.torch_live import read_live_torch

        return read_live_torch(model, input_shape)
    raise ArgumentError(
        "CW606",
        f"a network is a path, source text or a live model, not {type(model).__name__}",
        received=type(model).__name__,
        hint=_instead(model, home),
    )


def _instead(thing: Any, home: set[str]) -> str:
    """What to give in place of an object that holds a network, or should."""
    if "onnx" in home and hasattr(type(thing), "SerializeToString"):
        return "give its bytes, model.SerializeToString(), or the path of its file"
    if "keras" in home:
        return "a layer alone is for convwise.explain(layer, shape); a network is a keras.Model"
    if isinstance(thing, Mapping):
        return "weights by name do not tell how the layers are wired: give the live model, its code or its file"
    return "for example read('model.onnx')"


def from_text(text: str, input_shape: Any = None, dialect: str | None = None) -> Network:
    """The one layer, chain or network with branches in a source text.

    Raises:
        CodeError: CW309 where there are several, CW315 with a statement that cannot be followed, and what the text reader raises.
    """
    from convwise.readers.source import read_text

    input_shape = _one(input_shape)
    try:
        snippet = read_text(text, dialect=dialect, input_shape=None if input_shape is None else tuple(input_shape))
        found = _only(snippet)
        # What changes values between the layers is a row of its own, which the reader of branches gives.
        whole = found.error is None and not snippet.branches and found.altered is None
    except ConvwiseError as error:
        if error.code not in (*OPEN_ENDS, "CW307"):
            raise
        return _branching(text, input_shape, dialect, error)
    if not whole:
        try:
            return _branching(text, input_shape, dialect, found.error)
        except ConvwiseError as error:
            # Where there is a model, what it asks of its input beside the chain is not left out in silence.
            if found.error is not None or (snippet.branches and error.code != "CW307"):
                raise
    if found.error is not None:
        raise found.error
    shape = input_shape if input_shape is not None else found.input_shape
    # What was worked out or assumed stays with every answer about the network.
    notes = (*(note for note in snippet.notes if note.code in ("CW512", "CW524")), *found.notes)
    if found.altered is not None:
        notes = (*notes, Note("CW315", found.altered.fact))
    network = from_layers(found, shape, found.name or found.title)
    if network.untold:
        notes = (*notes, *(note for note in snippet.notes if note.code == "CW315"))
    return replace(network, notes=notes, unordered=found.unordered)


def _branching(text: str, input_shape: Shape | None, dialect: str | None, error: ConvwiseError | None) -> Network:
    """The text with its branches followed; where that finds no model or no code at all, what the reader of chains said."""
    from convwise.readers.source.graphs import read_network_text

    try:
        return read_network_text(text, dialect, input_shape=input_shape)
    except ConvwiseError as lost:
        # A print or a summary is no code at all: what its own reader said of it stands.
        if error is not None and (lost.code in ("CW301", "CW307") or error.code not in OPEN_ENDS):
            raise error from None
        raise


def _only(snippet: Snippet) -> Found:
    if len({found.name for found in snippet.found}) > 1 or any(
        one.layers != snippet.found[0].layers for one in snippet.found
    ):
        names = ", ".join(found.name or "?" for found in snippet.found[:6])
        raise CodeError(
            "CW309", f"{len(snippet.found)} models in one text: {names}", hint="give the code of one of them"
        )
    return snippet.found[0]


def from_layers(found: Found, shape: Shape | None, title: str) -> Network:
    """A straight line of layers as a network; `shape` is the input, with or without the batch.

    Raises:
        CodeError: CW310 where there is none, and the layers do not tell how many axes it has.
    """
    dialect = found.layers[0].dialect
    if shape is not None:
        entered = enter(dialects.get(dialect), found, tuple(shape))
        return straight(dialect, found.layers, entered.shape, title, added=entered.added)
    declared = open_shape(found.layers)
    if declared is None:
        raise CodeError(
            "CW310",
            "no input shape in the text, and none was given to read it with: nothing says how many axes there are",
            hint="give one where it is read: --input 1x3x224x224, or convwise.read(text, input_shape=(1, 3, 224, 224))",
        )
    return straight(dialect, found.layers, declared, title)


def straight(dialect: str, layers: tuple[Layer, ...], shape: Shape, title: str, *, added: bool = False) -> Network:
    """The same for an input as the first layer sees it; `added` where its batch is not the user's."""
    batched = dialect == "keras" or added or surplus(layers, shape) != -1
    layout = Layout(next((layer.channels_last for layer in layers if layer.rank), layers[-1].channels_last), batched)
    source = Source("input", tuple(shape), Layout(channels_last(layers, len(shape)), batched))
    nodes = []
    before = "input"
    for number, layer in enumerate(layers):
        name = layer.name or f"{layer.kind.lower()}_{number}"
        after = "output" if number == len(layers) - 1 else f"{name}:{number}"
        params = 0 if layer.shared else layer.counted
        nodes.append(
            Node(
                name,
                layer.kind,
                layer,
                (before,),
                (after,),
                layout,
                f"line {layer.call.line}" if layer.call.line else "",
                params=params,
                trainable=0 if layer.trained is False else params,
            )
        )
        before = after
    untold = any(layer.trained is None for layer in layers)
    return Network(title or "Sequential", dialect, (source,), tuple(nodes), (before,), untold=untold)
