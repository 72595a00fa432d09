"""Networks read from Keras's files against Keras itself: shapes of every layer, parameters, legacy .h5 files, live models."""

from __future__ import annotations

import json
import os
import random
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import sweep_keras_applications as sweep
from keras import layers

import convwise as cw
from convwise.answers.network.flowing import run
from convwise.dialects.base import Layer
from convwise.errors import ConvwiseError, ModelError
from convwise.graph import Network
from convwise.ops.several import Opaque
from convwise.readers.keras_files import hdf5, read_keras_config, read_keras_file, read_keras_json, read_live_keras

HANDFUL = ("MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121", "VGG16", "ConvNeXtTiny", "NASNetMobile")


@pytest.mark.parametrize("name", HANDFUL)
def test_keras_applications(name: str) -> None:
    keras.backend.clear_session()
    wrong, compared = sweep.check(name)
    assert wrong == []
    assert compared > 50


def branches() -> keras.Model:
    """Two inputs, a shared layer, a Sequential used twice, an inner model with two outputs, and keras.ops between them."""
    left, right = keras.Input((33, 29, 3), name="left"), keras.Input((33, 29, 3), name="right")
    shared = layers.Conv2D(4, (3, 5), padding="same", name="shared")
    encode = keras.Sequential(
        [layers.Conv2D(4, 3, strides=(2, 1), padding="same"), layers.BatchNormalization()], name="encode"
    )
    one, two = shared(left), shared(right)
    both = layers.Concatenate(name="both")([encode(layers.Add(name="sum")([one, two])), encode(one)])
    inside = keras.Input((17, 29, 8))
    inner = keras.Model(inside, [layers.ReLU()(inside), layers.MaxPool2D((3, 2))(inside)], name="inner")
    kept, pooled = inner(both)
    mixed = keras.ops.relu(kept) + 0.5 * kept
    wide = keras.ops.concatenate([mixed, kept], axis=-1)
    middle = keras.ops.mean(wide[:, 1:-1, ::2], axis=(1, 2), keepdims=True)
    gate = layers.Multiply(name="gate")([wide, middle])
    first, second = keras.ops.split(kept, 2, axis=-1)
    outputs = {
        "z": layers.Dense(3, name="head")(keras.ops.reshape(middle, (-1, 16))),
        "y": pooled,
        "x": keras.ops.pad(first * second, ((0, 0), (1, 2), (0, 3), (0, 0))),
        "w": keras.ops.transpose(gate, (0, 3, 1, 2)),
        "v": keras.ops.image.resize(gate, (8, 9)),
        "u": keras.ops.expand_dims(gate[:, 0], 1),
        "t": layers.Add(name="ranks")([wide, keras.ops.squeeze(middle, (1, 2))]),
    }
    return keras.Model([left, right], outputs, name="branches")


def counted(network: Network, shapes: Any = None) -> tuple[int, int]:
    steps = run(network, shapes).nodes
    return sum(step.params or 0 for step in steps), sum(step.trainable or 0 for step in steps)


def wanted(model: keras.Model) -> tuple[int, int]:
    return model.count_params(), sum(weight.shape.num_elements() for weight in model.trainable_weights)


def agrees(model: keras.Model, network: Network) -> None:
    found = run(network)
    flat = keras.tree.flatten(model.outputs)
    assert [found.shapes[name] for name in network.outputs] == [tuple(tensor.shape) for tensor in flat]
    assert [source.declared for source in network.sources] == [tuple(tensor.shape) for tensor in model.inputs]
    assert counted(network) == wanted(model)
    for op in getattr(model, "operations", ()):
        ours = sweep.shape_of(found, op.name)
        if not isinstance(op.output, list) and ours is not None:
            assert ours == tuple(op.output.shape), op.name


def test_a_model_of_many_parts(tmp_path: Path) -> None:
    model = branches()
    network = read_keras_json(model.to_json())
    agrees(model, network)
    assert not [node.name for node in network.nodes if isinstance(node.work, Opaque)]
    again = read_keras_json(keras.models.model_from_json(model.to_json()).to_json())
    agrees(model, again)
    model.save(tmp_path / "m.keras")
    agrees(model, read_keras_file(tmp_path / "m.keras"))
    live = read_live_keras(model)
    assert live is not None
    agrees(model, live)


def plain() -> keras.Model:
    """What legacy .h5 files can hold."""
    x = image = keras.Input((33, 29, 3), name="image")
    shared = layers.Conv2D(3, (3, 5), strides=(1, 2), padding="same", name="shared")
    stem = keras.Sequential([layers.Conv2D(3, 3, activation="relu6"), layers.BatchNormalization()], name="stem")
    x = layers.Concatenate()([stem(shared(x)), stem(shared(x))])
    return keras.Model(image, [layers.Dense(3)(layers.Flatten()(x)), x], name="plain")


@pytest.mark.filterwarnings("ignore")
def test_legacy_h5(tmp_path: Path) -> None:
    model = plain()
    path = tmp_path / "m.h5"
    model.save(path)
    network = read_keras_file(path)
    agrees(model, network)
    # A legacy file does not say what its layers were built for (channels, features); all else is the same.
    fresh = read_keras_json(model.to_json())
    assert [(node.name, node.kind, node.inputs) for node in network.nodes] == [
        (node.name, node.kind, node.inputs) for node in fresh.nodes
    ]
    arguments = [node.work.arguments for node in network.nodes if isinstance(node.work, Layer)]
    assert arguments == [node.work.arguments for node in fresh.nodes if isinstance(node.work, Layer)]
    assert len(arguments) > 4
    assert read_keras_file(path.read_bytes()) == network
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ModelError, match="no attribute model_config") as raised:
        read_keras_file(tmp_path / "m.weights.h5")
    assert raised.value.code == "CW419"


def test_frozen_and_nested_models_count_as_keras_does() -> None:
    model = branches()
    model.get_layer("encode").trainable = False
    model.get_layer("shared").trainable = False
    agrees(model, read_keras_json(model.to_json()))
    base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    base.trainable = False
    stack = keras.Sequential([keras.Input((96, 96, 3)), base, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    for network in (read_keras_json(stack.to_json()), read_live_keras(stack)):
        assert network is not None
        agrees(stack, network)
        assert counted(network)[1] == 1280 * 2 + 2


def test_the_format_of_keras_2_is_read_as_keras_reads_it() -> None:
    """Keras 3 still reads lists of `[layer, call, tensor, {}]`; it builds what we see."""
    model = plain()
    config = json.loads(model.to_json())
    for entry in config["config"]["layers"]:
        del entry["module"], entry["registered_name"]
        entry.pop("build_config", None)
        entry["inbound_nodes"] = [old(node["args"]) for node in entry["inbound_nodes"]]
    del config["module"], config["registered_name"]
    text = json.dumps({**config, "keras_version": "2.15.0", "backend": "tensorflow"})
    agrees(model, read_keras_json(text))


def old(args: list[Any]) -> list[Any]:
    tensors = args[0] if isinstance(args[0], list) else args
    return [[*tensor["config"]["keras_history"], {}] for tensor in tensors]


def test_live_models_of_ones_own_class() -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = layers.Conv2D(3, 3)

        def call(self, x: Any) -> Any:
            return self.conv(x)

    with pytest.raises(ModelError, match="this object is a Own: its get_config") as raised:
        read_live_keras(Own())
    assert raised.value.code == "CW402"

    class Mine(layers.Layer):
        def call(self, x: Any) -> Any:
            raise AssertionError("the call of a layer is never run here")

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    image = keras.Input((9, 10, 3))
    model = keras.Model(image, layers.ReLU(name="r")(Mine(name="m")(layers.Conv2D(3, 3, name="c")(image))))
    for network in (read_live_keras(model), read_keras_json(model.to_json())):
        assert network is not None
        assert [type(node.work) is Opaque for node in network.nodes] == [False, True, False]


def test_lambda_is_never_run(tmp_path: Path) -> None:
    image = keras.Input((9, 10, 3))
    mark = tmp_path / "mark"
    text = str(mark)
    model = keras.Model(image, layers.Lambda(lambda x: (open(text, "w").close(), x)[1], name="odd")(image))
    mark.unlink()
    model.save(tmp_path / "m.keras")
    network = read_keras_file(tmp_path / "m.keras")
    assert network.nodes[0].work == Opaque("a Lambda holds code, which is never run")
    assert not mark.exists()


def test_what_keras_saves_with_weights_is_stored_and_read(tmp_path: Path) -> None:
    model = keras.applications.MobileNet(weights=None, input_shape=(64, 96, 3))
    path = tmp_path / "m.keras"
    model.save(path)
    assert read_keras_file(path).nodes == read_keras_json(model.to_json()).nodes
    with zipfile.ZipFile(path) as file:
        assert "config.json" in file.namelist()


# HDF5 that attacks


def hdf5_file(path: Path, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value
    return path


def test_the_attribute_in_all_its_forms(tmp_path: Path) -> None:
    text = plain().to_json()
    same = read_keras_json(text)
    raw = np.frombuffer(text.encode(), np.uint8)
    half = len(text) // 2
    for attributes in (
        {"model_config": text},
        {"model_config": text.encode()},
        {"model_config": np.bytes_(text.encode())},
        {"model_config0": text[:half], "model_config1": text[half:]},
        {"model_config0": [text[:half].encode()], "model_config1": [text[half:].encode()]},
        {"model_config0": raw[:half], "model_config1": raw[half:].astype(np.int8)},
    ):
        assert read_keras_file(hdf5_file(tmp_path / "m.h5", **attributes)) == same
    with pytest.raises(ModelError, match="not UTF-8"):
        read_keras_file(hdf5_file(tmp_path / "m.h5", model_config=b"{\xff}"))
    with pytest.raises(ModelError, match="model_config is no text"):
        read_keras_file(hdf5_file(tmp_path / "m.h5", model_config=3.5))


def test_an_attribute_longer_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "CONFIG", 1000)
    with pytest.raises(ModelError, match="longer than the 1,000 bytes") as raised:
        read_keras_file(hdf5_file(tmp_path / "m.h5", model_config=plain().to_json()))
    assert raised.value.code == "CW419"


def test_links_and_storage_outside_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    hdf5_file(secret, model_config=plain().to_json())
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"secret" * 100)
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file["loop"] = file["/"]
        file["outside"] = h5py.ExternalLink(str(secret), "/")
        file.create_dataset("stored", (100,), "u1", external=[(str(raw), 0, 100)])
        layout = h5py.VirtualLayout((4,), "u1")
        layout[:] = h5py.VirtualSource(str(secret), "x", (4,))
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(ModelError, match="no attribute model_config"):
        read_keras_file(path)
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = plain().to_json()
    os.utime(raw, (0, 0))
    assert len(read_keras_file(path).nodes) == 9
    assert raw.stat().st_atime == 0


def test_damaged_h5_files_end_in_an_error_or_the_model(tmp_path: Path) -> None:
    path = hdf5_file(tmp_path / "m.h5", model_config=json.dumps(json.loads(plain().to_json())))
    whole = path.read_bytes()
    rng = random.Random(int(os.environ.get("CONVWISE_FUZZ_SEED", "0")))
    for _ in range(int(os.environ.get("CONVWISE_FUZZ_H5", "25"))):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 3, 20])):
            data[rng.randrange(min(len(data), 3000))] = rng.randrange(256)
        with suppress(ConvwiseError):
            assert read_keras_file(bytes(data)).nodes
    for at in range(9, len(whole), len(whole) // 6):
        with pytest.raises(ModelError):
            read_keras_file(whole[:at])


def test_an_unbuilt_sequential_takes_what_it_is_given() -> None:
    model = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    network = read_keras_json(model.to_json())
    model.build((None, 9, 10, 3))
    assert counted(network, (None, 9, 10, 3)) == wanted(model)
    assert read_keras_config(json.loads(model.to_json())).sources[0].declared == (None, 9, 10, 3)


def test_a_layer_without_get_config_is_named_as_keras_names_it(tmp_path: Path) -> None:
    class MyBlur(layers.Layer):
        def __init__(self, width: int = 3) -> None:
            super().__init__()
            self.width = width

        def call(self, x: Any) -> Any:
            return x

    keras.backend.clear_session()
    rows = [keras.Input((9, 10, 3)), layers.Conv2D(4, 3), MyBlur(), layers.ReLU(), MyBlur(2)]
    model = keras.Sequential(rows)
    model.save(tmp_path / "m.keras")
    for source in (str(tmp_path / "m.keras"), model):
        network = cw.read(source)
        assert [node.name for node in network.nodes] == [layer.name for layer in model.layers]
        (note, *_) = (one.text for one in network.check((None, 9, 10, 3)))
        assert note.startswith("MyBlur is not followed: MyBlur is ")
        assert note.endswith("is never run")


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetB0", "InceptionV3"])
def test_legal_sizes_are_those_that_keras_takes(name: str) -> None:
    keras.backend.clear_session()
    model = vars(keras.applications)[name](weights=None, include_top=False, input_shape=(None, None, 3))
    legal = read_keras_json(model.to_json()).legal_sizes()["height"]
    for height in range(1, 100, 1 if name == "EfficientNetB0" else 2):
        assert (height in legal) == takes(model, (None, height, 203, 3)), height


def takes(model: keras.Model, shape: tuple[int | None, ...]) -> bool:
    try:
        model.compute_output_spec(keras.KerasTensor(shape))
    except ValueError:
        return False
    return True
