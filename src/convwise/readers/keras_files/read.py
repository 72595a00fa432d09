"""Keras models as networks, from a configuration, its JSON text, or a file of either kind; nothing of them is run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from convwise.dialects.base import Layer
from convwise.errors import ModelError
from convwise.graph import Network
from convwise.ops import Shape
from convwise.readers.echo import shown
from convwise.readers.keras_files.archive import read_member
from convwise.readers.keras_files.fields import kind_of, malformed
from convwise.readers.keras_files.hdf5 import MAGIC as HDF5
from convwise.readers.keras_files.hdf5 import is_hdf5, read_config_attribute
from convwise.readers.keras_files.limits import CONFIG, MODELS
from convwise.readers.keras_files.models import read_model
from convwise.readers.keras_files.opening import Opened, opened
from convwise.readers.keras_files.state import CHANNELS_FIRST, Growing, Place, too_large
from convwise.readers.keras_files.text import parsed, wrong
from convwise.readers.keras_files.wires import is_model

ZIP = b"PK\3\4"
EMPTY_ZIP = b"PK\5\6"
BLANK = b" \t\r\n"
BOM = b"\xef\xbb\xbf"
SIGNS = {
    b"\x80": "a pickle, which is never opened",
    b"\x1f\x8b": "packed by gzip",
    b"TFL3": "a TensorFlow Lite model",
    b"\x08": "perhaps an ONNX model or a SavedModel",
}
"""How files that are something else begin."""


def read_keras_file(source: str | os.PathLike[str] | bytes, *, input_shape: Shape | None = None) -> Network:
    """The network in a `.keras`, `.h5` or `.json` file, or in the bytes of one; its kind is found by its content.

    Only the configuration is read, whatever the size of the weights. `input_shape` is for a Sequential that was saved before it was built.

    Raises:
        ModelError: CW409 a path that cannot be read, CW411 to CW419 with the place and what is wrong there.
        Refusal, ShapeError: for a layer that Keras refuses, with its name and place.
    """
    with opened(source) as file:
        name = shown(file.name, 120) if file.descriptor is not None else ""
        try:
            config = _config_of(file)
        except ModelError as error:
            raise _inside(error, name) from None
    return read_keras_config(config, name, input_shape=input_shape)


def read_keras_json(text: str | bytes, origin: str = "", *, input_shape: Shape | None = None) -> Network:
    """The network in what `model.to_json()` returned; as `read_keras_file`."""
    try:
        config = parsed(text)
    except ModelError as error:
        raise _inside(error, origin) from None
    return read_keras_config(config, origin, input_shape=input_shape)


def read_keras_config(config: Any, origin: str = "", *, input_shape: Shape | None = None) -> Network:
    """The network of a configuration: `{"class_name": ..., "config": ...}`, or what `model.get_config()` gives.

    `origin` names where it comes from, for messages.

    >>> net = read_keras_config({"class_name": "Sequential", "config": {"name": "tiny", "layers": [
    ...     {"class_name": "InputLayer", "config": {"name": "image", "batch_shape": [None, 8, 9, 3]}},
    ...     {"class_name": "Conv2D", "config": {"name": "conv", "filters": 4, "kernel_size": [3, 3]}}]}})
    >>> net.title, net.sources[0].declared, net.nodes[0].name, net.outputs
    ('tiny', (None, 8, 9, 3), 'conv', ('conv',))
    """
    try:
        return _network(config, input_shape)
    except RecursionError:
        raise _inside(
            too_large("", f"models are nested too deep; at most {MODELS} levels are read", MODELS), origin
        ) from None
    except ModelError as error:
        raise _inside(error, origin) from None


def _inside(error: ModelError, origin: str) -> ModelError:
    if origin:
        error.detail = f"{error.detail}\nin {origin}".strip()
    return error


def _network(config: Any, input_shape: Shape | None) -> Network:
    kind, inner = _outer(config)
    if not is_model(kind, inner):
        raise _no_model(kind, inner)
    growing = Growing(input_shape=input_shape)
    outputs = read_model(growing, inner, Place("config"), None, {})
    if not growing.nodes:
        raise malformed("config", "the model has no layers", received="no layers", hint="add layers before saving it")
    title = inner.get("name")
    sources, nodes = tuple(growing.sources), tuple(growing.nodes)
    if not _channels_last(growing):
        sources = tuple(replace(source, layout=CHANNELS_FIRST) for source in sources)
        nodes = tuple(node if isinstance(node.work, Layer) else replace(node, layout=CHANNELS_FIRST) for node in nodes)
    return Network(
        title if isinstance(title, str) and title else kind,
        "keras",
        sources,
        nodes,
        outputs,
        shapes=growing.shapes,
    )


def _channels_last(growing: Growing) -> bool:
    """What the first layer that has spatial axes says."""
    layers = (node.work for node in growing.nodes if isinstance(node.work, Layer))
    return next((layer.channels_last for layer in layers if layer.rank), True)


def _outer(config: Any) -> tuple[str, dict[str, Any]]:
    """The class and the configuration proper; old Sequential models are a bare list of layers."""
    if not isinstance(config, dict):
        raise _unlike(f"the JSON is {kind_of(config)}, and a Keras model is an object")
    if "layers" in config and "class_name" not in config:
        return ("Functional" if "input_layers" in config else "Sequential"), config
    kind, inner = config.get("class_name"), config.get("config")
    if not isinstance(kind, str) or (kind == "Sequential" and isinstance(inner, list)):
        if isinstance(kind, str):
            return kind, {"layers": inner}
        known = "keys " + ", ".join(f"'{shown(str(key), 30)}'" for key in list(config)[:4]) if config else "no keys"
        raise _unlike(f"the JSON has no 'class_name', which every Keras model has, but {known}")
    if not isinstance(inner, dict):
        raise malformed("config", f"the configuration is {kind_of(inner)} where an object is needed", received=inner)
    return kind, inner


def _no_model(kind: str, config: dict[str, Any]) -> ModelError:
    name = shown(kind, 60)
    if "layers" in config or kind in ("Functional", "Model"):
        fact = f"the {name} has no 'layers', 'input_layers' and 'output_layers', which say how a model is wired"
        return malformed("config", fact, received=kind)
    return _unlike(
        f"this is a {name}, whose configuration has no layers",
        detail="a layer alone is no model, and the call of a model of your own class is code, which is never run",
        hint="give a Sequential or functional model",
    )


def _unlike(fact: str, detail: str = "", hint: str = "") -> ModelError:
    """CW411."""
    hint = hint or "give a .keras or .h5 file that model.save wrote, or what model.to_json() returned"
    return ModelError("CW411", fact, received=fact[:60], detail=detail, hint=hint)


def _config_of(file: Opened) -> Any:
    """The configuration, by what the file begins with."""
    head = file.read(0, 64)
    if not head:
        raise _unlike("the file is empty")
    if head.startswith((ZIP, EMPTY_ZIP)):
        return parsed(read_member(file))
    if head.startswith(HDF5) or is_hdf5(file):
        return parsed(read_config_attribute(file))
    first = head.removeprefix(BOM).lstrip(BLANK)
    if first[:1] not in (b"{", b'"', b"[", b""):
        sign = next((what for start, what in SIGNS.items() if head.startswith(start)), "")
        raise _unlike(
            "the file is neither a zip archive (.keras), nor HDF5 (.h5), nor a JSON object",
            f"its first bytes are {head[:8].hex(' ')}" + (f": {sign}" if sign else ""),
        )
    if file.size > CONFIG:
        raise wrong(f"the JSON has {file.size:,} bytes, and at most {CONFIG:,} are read", received=file.size)
    config = parsed(file.read(0, CONFIG + 1))
    # json.dump(model.to_json(), file) writes the text as a string inside the file.
    return parsed(config) if isinstance(config, str) else config
