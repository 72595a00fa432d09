"""Keras configurations as networks: what every layer becomes, how they are wired, and from which files they are read."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from readers import keras_configs as write

from convwise.answers.network.flowing import Run, run
from convwise.dialects.base import Layer
from convwise.errors import ModelError, Refusal, ShapeError
from convwise.graph import Network, Node
from convwise.ops.several import Concat, Elementwise, Opaque
from convwise.readers.keras_files import read_keras_config, read_keras_file, read_keras_json, read_live_keras

Config = write.Config


def read(config: Any) -> Network:
    return read_keras_config(config)


def node(network: Network, name: str) -> Node:
    return next(node for node in network.nodes if node.name == name)


def params(found: Run) -> int:
    return sum(step.params or 0 for step in found.nodes)


def one(*layers: Config, shape: tuple[int | None, ...] = (None, 9, 10, 3)) -> Run:
    return run(read(write.sequential([write.image("image", shape), *layers])))


def test_a_network_with_branches_and_a_nested_model() -> None:
    network = read(write.small())
    assert network.title == "model"
    assert network.dialect == "keras"
    assert [source.name for source in network.sources] == ["image"]
    assert network.outputs == ("head",)
    names = [node.name for node in network.nodes]
    assert names == ["left", "right", "sum", "inner.narrow", "inner.narrow:1", "joined", "mean", "head"]
    found = run(network)
    assert found.shapes["inner.narrow:1"] == (None, 5, 10, 2)
    assert found.shapes["joined"] == (None, 5, 10, 4)
    assert found.shapes["head"] == (None, 5)
    # 3*3*3*4+4, 5*1*3*4+4, 3*3*4*2+2 once, 4*5+5
    assert params(found) == 112 + 64 + 74 + 25
    assert run(network, (2, 31, 20, 3)).shapes["joined"] == (2, 16, 20, 4)


def test_nodes_say_what_and_where_they_are() -> None:
    network = read(write.small())
    narrow = node(network, "inner.narrow")
    assert isinstance(narrow.work, Layer)
    assert (narrow.kind, narrow.module, narrow.place) == (
        "Conv2D",
        "inner.narrow",
        "config.layers[4].config.layers[1]",
    )
    assert narrow.work.arguments["strides"] == (2, 1)
    assert node(network, "sum").work == Elementwise("add")
    assert node(network, "joined").work == Concat(-1)


def test_a_shared_layer_is_counted_once() -> None:
    layers = [write.image(), write.conv("twice", "image", ("twice", 0), filters=3)]
    network = read(write.functional(layers, "image", ("twice", 1, 0)))
    found = run(network)
    assert [step.params for step in found.nodes] == [84, 0]
    assert [step.trainable for step in found.nodes] == [84, 0]
    assert network.outputs == ("twice:1",)


def test_layers_run_in_an_order_that_works_whatever_the_files() -> None:
    config = write.small()
    config["config"]["layers"].reverse()
    network = read(config)
    assert params(run(network)) == params(run(read(write.small())))
    made = {source.name for source in network.sources}
    for each in network.nodes:
        assert set(each.inputs) <= made
        made |= set(each.outputs)


def test_several_inputs_and_outputs_keep_the_models_order() -> None:
    layers = [
        write.image("b", (None, 5, 6, 2)),
        write.image("a", (None, 9, 10, 3)),
        write.conv("one", "a"),
        write.conv("two", "b"),
    ]
    network = read(write.functional(layers, ["a", "b"], {"z": "one", "y": "two"}))
    assert [source.name for source in network.sources] == ["a", "b"]
    assert network.outputs == ("two", "one"), "Keras flattens by the keys"
    shapes = run(network, {"a": (1, 7, 7, 3), "b": (1, 4, 8, 2)}).shapes
    assert (shapes["one"], shapes["two"]) == ((1, 7, 7, 4), (1, 4, 8, 4))


def test_a_nested_model_with_two_inputs_by_name_and_two_outputs() -> None:
    inner = write.functional(
        [
            write.image("p", (None, 9, 10, 3)),
            write.image("q", (None, 9, 10, 5)),
            write.conv("on_p", "p"),
            write.conv("on_q", "q", filters=6),
        ],
        ["p", "q"],
        ["on_p", "on_q"],
        "inner",
    )
    call = {"args": [{"q": write.tensor("wide"), "p": write.tensor("image")}], "kwargs": {"mask": None}}
    layers = [
        write.image(),
        write.conv("wide", "image", filters=5),
        write.nested(inner, call),
        write.layer("Concatenate", "both", [("inner", 0, 0), ("inner", 0, 1)]),
    ]
    found = run(read(write.functional(layers, "image", "both")))
    assert found.shapes["both"] == (None, 9, 10, 10)
    assert found.shapes["inner.on_q"] == (None, 9, 10, 6)


@pytest.mark.parametrize("first", [0, 1])
def test_calls_of_nested_models_are_counted_from_0_or_1(first: int) -> None:
    """Older Keras counts a model's own making as its call 0."""
    inner = write.functional([write.image("p", (None, 9, 10, 3)), write.conv("c", "p", filters=3)], "p", "c", "inner")
    layers = [write.image(), write.nested(inner, "image", ("inner", first)), write.conv("last", ("inner", 1 + first))]
    network = read(write.functional(layers, "image", "last"))
    assert [each.name for each in network.nodes] == ["inner.c", "inner.c:1", "last"]
    assert node(network, "last").inputs == ("inner.c:1",)


def test_a_nested_models_output_is_counted_from_1() -> None:
    inner = write.functional([write.image("p", (None, 9, 10, 3)), write.conv("c", "p", filters=3)], "p", "c", "inner")
    layers = [write.image(), write.nested(inner, "image", ("inner", 0))]
    assert read(write.functional(layers, "image", [("inner", 1, 0), ("inner", 2, 0)])).outputs == (
        "inner.c",
        "inner.c:1",
    )


def test_frozen_layers_are_not_trained() -> None:
    inner = write.sequential([write.image("x"), write.conv("c"), write.conv("d")], "inner", trainable=False)
    frozen = {**write.conv("f", "inner")}
    frozen["config"]["trainable"] = False
    layers = [write.image(), write.nested(inner, "image"), frozen, write.conv("g", "f")]
    found = run(read(write.functional(layers, "image", "g")))
    assert [step.trainable for step in found.nodes] == [0, 0, 0, 148]
    assert params(found) == 112 + 148 * 3


def test_keras_2_writes_calls_as_lists() -> None:
    layers = [
        {
            "class_name": "InputLayer",
            "config": {"batch_input_shape": [None, 9, 10, 3], "name": "input_1", "sparse": False},
            "name": "input_1",
            "inbound_nodes": [],
        },
        {
            "class_name": "Conv2D",
            "config": {"name": "block/conv", "filters": 4, "kernel_size": [3, 3], "activation": "my_function"},
            "name": "block/conv",
            "inbound_nodes": [[["input_1", 0, 0, {}]]],
        },
        {
            "class_name": "BatchNormalization",
            "config": {"name": "bn", "axis": [3], "momentum": 0.99},
            "name": "bn",
            "inbound_nodes": [[["block/conv", 0, 0, {"training": False}]]],
        },
        {
            "class_name": "TFOpLambda",
            "config": {"name": "tf.math.multiply", "function": "math.multiply"},
            "name": "tf.math.multiply",
            "inbound_nodes": [["bn", 0, 0, {"y": 0.5, "name": None}]],
        },
        {
            "class_name": "TFOpLambda",
            "config": {"name": "tf.__operators__.add", "function": "__operators__.add"},
            "name": "tf.__operators__.add",
            "inbound_nodes": [["bn", 0, 0, {"y": ["tf.math.multiply", 0, 0], "name": None}]],
        },
        {
            "class_name": "Add",
            "config": {"name": "add"},
            "name": "add",
            "inbound_nodes": [[["bn", 0, 0, {}], ["tf.__operators__.add", 0, 0, {}]]],
        },
    ]
    config = {
        "name": "old",
        "layers": layers,
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["add", 0, 0]],
    }
    network = read({"class_name": "Model", "config": config, "keras_version": "2.4.0", "backend": "tensorflow"})
    assert node(network, "tf.__operators__.add").inputs == ("bn", "tf.math.multiply")
    found = run(network)
    assert found.shapes["add"] == (None, 7, 8, 4)
    assert params(found) == 112 + 16


def test_the_oldest_sequential_is_a_bare_list() -> None:
    first = write.conv("c", padding="valid", batch_input_shape=[None, 9, 10, 3])
    network = read({"class_name": "Sequential", "config": [first, write.layer("Flatten", "flat")]})
    assert run(network).shapes["flat"] == (None, 7 * 8 * 4)


# what layers become


def test_merges_of_tensors_with_fewer_axes_get_new_ones_behind_the_batch() -> None:
    gate = {
        "args": [[write.tensor("image", shape=[None, 9, 10, 3]), write.tensor("mean", shape=[None, 3])]],
        "kwargs": {},
    }
    layers = [
        write.image(),
        write.layer("GlobalAveragePooling2D", "mean", "image"),
        write.layer("Multiply", "scaled", gate),
    ]
    found = run(read(write.functional(layers, "image", "scaled")), (7, 9, 10, 3))
    assert found.shapes["scaled"] == (7, 9, 10, 3)


@pytest.mark.parametrize(
    ("config", "params_"),
    [
        ({"axis": [-1], "mean": None, "variance": None}, 7),
        ({"axis": [3], "mean": [1.0, 2.0, 3.0], "variance": [1.0, 1.0, 1.0]}, 0),
        ({"axis": None, "mean": None}, 3),
        ({"axis": [1, 3], "mean": None}, 55),
    ],
)
def test_normalization(config: Config, params_: int) -> None:
    found = one(write.layer("Normalization", "normal", **config))
    assert found.shapes["normal"] == (None, 9, 10, 3)
    assert params(found) == params_
    assert [step.trainable for step in found.nodes] == [0]


def test_augmentation_keeps_shapes() -> None:
    flip = write.layer("RandomFlip", "flip", mode="horizontal")
    crop = write.layer("RandomCrop", "crop", height=5, width=4)
    found = one(flip, crop)
    assert found.shapes["flip"] == (None, 9, 10, 3)
    assert found.shapes["crop"] == (None, 5, 4, 3)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (write.layer("Lambda", "odd", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}), "code"),
        (write.layer("StackedRNNCells", "odd"), "convwise does not model Keras's StackedRNNCells"),
        (write.layer("EinsumDense", "odd"), "does not model Keras's EinsumDense"),
        (write.layer("Mine", "odd", module="my.package"), "Mine is a layer of your own"),
        ({**write.conv("odd"), "module": "my.package"}, "Conv2D is a layer of your own"),
        ({**write.conv("odd"), "registered_name": "mine>Conv2D"}, "Conv2D is a layer of your own"),
        (write.layer("Conv9D", "odd"), "Conv9D is no layer of Keras"),
        (write.layer("Other", "odd", module="keras.src.applications.resnet"), "Other of keras.applications"),
        (write.layer("Dense", "odd", units=4, activation="glu"), "halves the channels"),
        (write.layer("Conv2D", "odd", filters={"a": 1}, kernel_size=3), "filters"),
    ],
)
def test_what_is_not_known_is_opaque_and_the_rest_is_read(entry: Config, reason: str) -> None:
    found = one(write.conv("before"), entry, write.conv("after"))
    odd = next(step for step in found.nodes if step.node.name == "odd")
    assert isinstance(odd.node.work, Opaque)
    assert reason in odd.node.work.reason
    assert found.shapes["before"] == (None, 9, 10, 4)
    assert found.shapes["odd"] is None
    assert found.shapes["after"] is None


def test_layers_of_a_sequential_without_names_get_those_of_their_classes() -> None:
    """A class without get_config writes its arguments alone."""
    own: Config = {"class_name": "MyBlur", "module": None, "registered_name": "MyBlur", "config": {"k": 3}}
    named = write.layer("ReLU", "my_blur_1")
    network = read(write.sequential([write.image("image"), write.conv("c"), own, named, own]))
    assert [step.name for step in network.nodes] == ["c", "my_blur", "my_blur_1", "my_blur_2"]
    assert node(network, "my_blur").work == Opaque(
        "MyBlur is no layer of Keras; the code of a layer of your own is never run"
    )


def test_an_opaque_layer_may_give_several_tensors() -> None:
    layers = [
        write.image(),
        write.layer("Mine", "mine", "image", module="my"),
        write.layer("Add", "sum", [("mine", 0, 0), ("mine", 0, 2)]),
    ]
    network = read(write.functional(layers, "image", "sum"))
    assert node(network, "mine").outputs == ("mine.0", "mine.1", "mine.2")
    assert node(network, "sum").inputs == ("mine.0", "mine.2")


def test_a_layer_called_on_two_tensors_is_opaque() -> None:
    layers = [write.image(), write.conv("c", ["image", "image"])]
    work = node(read(write.functional(layers, "image", "c")), "c").work
    assert work == Opaque("Conv2D is called with 2 tensors")


def test_masks_are_no_inputs() -> None:
    call = {"args": [write.tensor("image")], "kwargs": {"mask": write.tensor("image"), "training": False}}
    layers = [write.image(), write.layer("BatchNormalization", "bn", call)]
    assert node(read(write.functional(layers, "image", "bn")), "bn").inputs == ("image",)


def test_activations_of_all_kinds() -> None:
    leaky = {"module": "keras.layers", "class_name": "LeakyReLU", "config": {"negative_slope": 0.2, "name": "x"}}
    own = {"module": "builtins", "class_name": "function", "config": "my_fn", "registered_name": "my_fn"}
    for activation in ("relu", "linear", None, "my_old_function", leaky, own, {"class_name": 3}):
        assert one(write.conv("c", activation=activation)).shapes["c"] == (None, 9, 10, 4)


def test_channels_first() -> None:
    network = read(
        write.sequential([write.image("x", (None, 3, 9, 10)), write.conv("c", data_format="channels_first")])
    )
    assert not network.sources[0].layout.channels_last
    assert not network.nodes[0].layout.channels_last
    assert run(network).shapes["c"] == (None, 4, 9, 10)


# keras.ops


def op(kind: str, name: str, *args: Any, where: str = "numpy", call: Config | None = None, **config: Any) -> Config:
    entry = write.layer(
        kind, name, {"args": list(args), "kwargs": call or {}}, module=f"keras.src.ops.{where}", **config
    )
    return {**entry, "registered_name": kind}


def cut(start: int | None = None, stop: int | None = None, step: int | None = None) -> Config:
    return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}


IMAGE = write.tensor("image")
ELLIPSIS = {"class_name": "__ellipsis__", "config": {}}


@pytest.mark.parametrize(
    ("entry", "shape"),
    [
        (op("Relu", "o", IMAGE, where="nn"), (2, 9, 10, 3)),
        (op("Add", "o", IMAGE, 3.0), (2, 9, 10, 3)),
        (op("Multiply", "o", 0.5, IMAGE), (2, 9, 10, 3)),
        (op("Add", "o", IMAGE, IMAGE), (2, 9, 10, 3)),
        (
            op("Add", "o", IMAGE, {"class_name": "__numpy__", "config": {"value": [[1.0]], "dtype": "float32"}}),
            (2, 9, 10, 3),
        ),
        (op("Concatenate", "o", [IMAGE, IMAGE, IMAGE], axis=-1), (2, 9, 10, 9)),
        (op("Mean", "o", IMAGE, axis=[1, 2], keepdims=True), (2, 1, 1, 3)),
        (op("Max", "o", IMAGE, axis=3, keepdims=False), (2, 9, 10)),
        (op("Reshape", "o", IMAGE, newshape=[-1, 90, 3]), (2, 90, 3)),
        (op("Transpose", "o", IMAGE, axes=[0, 3, 1, 2]), (2, 3, 9, 10)),
        (op("ExpandDims", "o", IMAGE, axis=1), (2, 1, 9, 10, 3)),
        (op("Pad", "o", IMAGE, pad_width=[[0, 0], [1, 2], [0, 3], [0, 0]], mode="constant"), (2, 12, 13, 3)),
        (op("Resize", "o", IMAGE, where="image", size=[4, 5], data_format="channels_last"), (2, 4, 5, 3)),
        (op("GetItem", "o", IMAGE, [cut(), cut(1, -1), cut(None, None, 3)]), (2, 7, 4, 3)),
        (op("GetItem", "o", IMAGE, [cut(), 0]), (2, 10, 3)),
        (op("GetItem", "o", IMAGE, [cut(), None, cut(2)]), (2, 1, 7, 10, 3)),
        (op("GetItem", "o", IMAGE, [ELLIPSIS, cut(0, 2)]), (2, 9, 10, 2)),
        (op("Split", "o", IMAGE, indices_or_sections=3, axis=-1), (2, 9, 10, 1)),
    ],
)
def test_ops(entry: Config, shape: tuple[int, ...]) -> None:
    network = read(write.functional([write.image(), entry], "image", "o"))
    assert run(network, (2, 9, 10, 3)).shapes[network.outputs[0]] == shape


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (op("Einsum", "o", IMAGE, subscripts="a->a"), "does not model einsum"),
        (op("GetItem", "o", IMAGE, IMAGE), "of 2 tensors"),
        (op("GetItem", "o", IMAGE, [cut(step=0)]), "its key is computed"),
        (op("GetItem", "o", IMAGE, [ELLIPSIS, ELLIPSIS]), "two ellipses"),
        (op("Reshape", "o", IMAGE, newshape=[-1, -1]), "open in two places"),
        (op("Reshape", "o", IMAGE, newshape="x"), "no list of whole numbers"),
        (op("Split", "o", IMAGE, indices_or_sections=[1, 2]), "cut at places"),
        (op("Mean", "o", IMAGE, axis=1.5), "no list of whole numbers"),
        (op("Add", "o", IMAGE, {"class_name": "Mine", "config": {}}), "not a number or a tensor"),
        (op("Relu", "o"), "of 0 tensors"),
    ],
)
def test_ops_that_are_not_known_say_why(entry: Config, reason: str) -> None:
    work = read(write.functional([write.image(), entry], "image", "o")).nodes[-1].work
    assert isinstance(work, Opaque)
    assert reason in work.reason


# files


def test_every_kind_of_file_gives_the_same_network(tmp_path: Path) -> None:
    wanted = read(write.small())
    text = json.dumps(write.small())
    for name, data in (
        ("a.json", text.encode()),
        ("b.json", b"\xef\xbb\xbf \n" + text.encode()),
        ("dumped_twice.json", json.dumps(text).encode()),
        ("c.keras", write.archive(write.small())),
        ("stored.h5", write.archive(write.small(), zipfile.ZIP_STORED)),
        ("no_suffix", write.archive(write.small())),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        assert read_keras_file(path) == wanted, name
        assert read_keras_file(str(path)) == wanted, name
        assert read_keras_file(data) == wanted, name
    assert read_keras_json(text) == wanted


def test_only_the_configuration_is_read(tmp_path: Path) -> None:
    """A large archive costs no more than a small one: its weights are a hole in the file that is never touched."""
    import time
    import tracemalloc

    path = tmp_path / "large.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(write.small()))
        with file.open("model.weights.h5", "w", force_zip64=True) as weights:
            for _ in range(64):
                weights.write(bytes(1 << 20))
    tracemalloc.start()
    start = time.process_time()
    assert read_keras_file(path) == read(write.small())
    taken, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000
    assert taken < 2


def test_an_unbuilt_sequential_has_open_sizes_or_asks() -> None:
    network = read(write.sequential([write.conv("c"), write.layer("ReLU", "r")]))
    assert network.sources[0].declared == (None, None, None, None)
    assert run(network, (1, 9, 10, 3)).shapes["r"] == (1, 9, 10, 4)
    flat = write.sequential([write.layer("Flatten", "f"), write.layer("Dense", "d", units=2)])
    with pytest.raises(ModelError, match="saved before it was built") as raised:
        read(flat)
    assert raised.value.code == "CW417"
    assert "input_shape=" in raised.value.hint
    assert run(read_keras_config(flat, input_shape=(None, 3, 4))).shapes["d"] == (None, 2)


def test_a_layer_that_keras_refuses_is_named_with_its_place() -> None:
    config = write.functional([write.image(), write.conv("bad", "image", strides=[0, 1])], "image", "bad")
    with pytest.raises(Refusal, match=r"'bad' \(Keras Conv2D\) at config\.layers\[1\].*strides"):
        read(config)


def test_a_size_that_does_not_fit_names_the_node_and_its_place() -> None:
    network = read(
        write.functional([write.image(), write.conv("big", "image", kernel_size=11, padding="valid")], "image", "big")
    )
    with pytest.raises(ShapeError, match=r"'big' \(Conv2D\) at config\.layers\[1\]"):
        run(network)


def test_nothing_but_loaded_keras_is_live() -> None:
    assert read_live_keras(object()) is None
    code = (
        "import sys; from convwise.readers.keras_files import read_keras_file, read_live_keras; read_live_keras(3);"
        "print(*[n for n in ('numpy', 'keras', 'h5py', 'zipfile') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
