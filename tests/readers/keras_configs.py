"""Configurations as Keras writes them, made without Keras, and `.keras` archives around them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

Config = dict[str, Any]


def tensor(layer: str, call: int = 0, place: int = 0, shape: list[int | None] | None = None) -> Config:
    config = {"shape": shape or [None, 9, 10, 3], "dtype": "float32", "keras_history": [layer, call, place]}
    return {"class_name": "__keras_tensor__", "config": config}


def layer(kind: str, name: str, *calls: Any, module: str = "keras.layers", **config: Any) -> Config:
    """A layer called on a tensor's layer name, on several ([...]: a merge), or on ready arguments."""
    entry: Config = {"module": module, "class_name": kind, "config": {"name": name, "trainable": True, **config}}
    nodes = [call if isinstance(call, dict) else {"args": [fed(call)], "kwargs": {}} for call in calls]
    return {**entry, "registered_name": None, "name": name, "inbound_nodes": nodes}


def fed(source: Any) -> Any:
    if isinstance(source, str):
        return tensor(source)
    if isinstance(source, tuple):
        return tensor(*source)
    return [fed(one) for one in source]


def image(name: str = "image", shape: tuple[int | None, ...] = (None, 9, 10, 3)) -> Config:
    return layer("InputLayer", name, batch_shape=list(shape), dtype="float32")


def conv(name: str, *calls: Any, filters: int = 4, **config: Any) -> Config:
    return layer("Conv2D", name, *calls, **{"filters": filters, "kernel_size": [3, 3], "padding": "same", **config})


def functional(layers: list[Config], inputs: Any, outputs: Any, name: str = "model") -> Config:
    """`inputs` and `outputs`: a layer's name, or lists and dicts of them."""
    config = {"name": name, "trainable": True, "layers": layers, "input_layers": ends(inputs)}
    return {"module": "keras", "class_name": "Functional", "config": {**config, "output_layers": ends(outputs)}}


def ends(value: Any) -> Any:
    if isinstance(value, str):
        return [value, 0, 0]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return {key: ends(one) for key, one in value.items()}
    return [ends(one) for one in value]


def sequential(layers: list[Config], name: str = "stack", **config: Any) -> Config:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": name, "layers": layers, **config}}


def nested(model: Config, *calls: Any) -> Config:
    """The model as a layer of another one."""
    made = layer("", model["config"]["name"], *calls)
    return {**made, **model, "inbound_nodes": made["inbound_nodes"], "name": made["name"]}


def small() -> Config:
    """Two convolutions, one of them strided, added and joined, a nested Sequential used twice, and a dense head."""
    inner = sequential([image("x", (None, 9, 10, 4)), conv("narrow", filters=2, strides=[2, 1])], "inner")
    return functional(
        [
            image(),
            conv("left", "image"),
            conv("right", "image", kernel_size=[5, 1]),
            layer("Add", "sum", ["left", "right"]),
            nested(inner, "sum", "left"),
            layer("Concatenate", "joined", [("inner", 0), ("inner", 1)], axis=-1),
            layer("GlobalAveragePooling2D", "mean", "joined"),
            layer("Dense", "head", "mean", units=5),
        ],
        "image",
        "head",
    )


def archive(config: Any, compression: int = zipfile.ZIP_DEFLATED, name: str = "config.json") -> bytes:
    """A `.keras` file as Keras writes it; `config` may be ready bytes."""
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        file.writestr("metadata.json", '{"keras_version": "3.15.1"}')
        file.writestr(name, text)
        file.writestr("model.weights.h5", b"\0" * 5000)
    return buffer.getvalue()
