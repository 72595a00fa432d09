"""TensorFlow Lite files as TensorFlow 2.21 converts them, on random inputs, against its own interpreter."""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Callable
from math import prod
from typing import Any

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle

Build = Callable[[Any, Any], Any]


def plain(L: Any, i: Any) -> Any:
    x = L.Conv2D(8, (3, 5), strides=(2, 1), padding="same", activation="relu")(i)
    x = L.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2)(x)
    x = L.BatchNormalization(beta_initializer="random_normal")(x)
    x = L.AveragePooling2D(3, 2, padding="same")(L.MaxPool2D((2, 3))(L.ReLU(6)(x)))
    return L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(x))


def unet(L: Any, i: Any) -> Any:
    a = L.Conv2D(4, 3, padding="same", activation="relu")(i)
    b = L.Conv2D(6, 3, padding="same")(L.MaxPool2D()(a))
    c = L.Concatenate()([a, L.Conv2DTranspose(4, 2, 2)(b)])
    d = L.Conv2DTranspose(8, 3, 2, padding="same")(b)
    return L.Conv2D(2, 1, activation="sigmoid")(L.Add()([c, d]))


def decoder(L: Any, i: Any) -> Any:
    x = L.Conv2DTranspose(4, (5, 3), (2, 3), padding="valid")(i)
    x = L.Conv2DTranspose(4, (2, 3), (3, 1), padding="same")(x)
    return L.Conv2D(4, 3, padding="same")(L.UpSampling2D((2, 3), interpolation="bilinear")(x))


def classifier(L: Any, i: Any) -> Any:
    x = L.Conv2D(8, 3, dilation_rate=(2, 3))(L.ZeroPadding2D(((1, 2), (3, 0)))(i))
    x = L.LeakyReLU()(L.Conv2D(8, 3, groups=4, padding="same")(x))
    x = L.PReLU(shared_axes=[1, 2])(L.Cropping2D(((1, 0), (2, 1)))(x))
    return L.Dense(3)(L.Dense(7, activation="tanh")(L.Flatten()(x)))


def simple(L: Any, i: Any) -> Any:
    x = L.MaxPool2D()(L.DepthwiseConv2D(3, strides=2)(L.Conv2D(8, (3, 5), padding="same", activation="relu")(i)))
    return L.Dense(5)(L.Flatten()(x))


def gated(L: Any, i: Any) -> Any:
    x = L.Conv2D(8, 3, strides=2)(i)
    s = L.Dense(8, activation="sigmoid")(L.GlobalAveragePooling2D(keepdims=True)(x))
    x = L.LayerNormalization()(L.Activation("hard_swish")(L.Multiply()([x, s])))
    x = L.Maximum()([L.Permute((2, 1, 3))(x), L.Permute((2, 1, 3))(L.Activation("gelu")(x))])
    return L.GlobalMaxPooling1D()(L.Conv1D(4, 3, strides=2)(L.Reshape((-1, 8))(x)))


MODELS: dict[str, tuple[Build, tuple[int | None, ...]]] = {
    "plain": (plain, (None, None, 3)),
    "plain-fixed": (plain, (33, 40, 3)),
    "unet": (unet, (None, None, 3)),
    "unet-fixed": (unet, (12, 18, 3)),
    "decoder": (decoder, (9, 10, 3)),
    "classifier": (classifier, (28, 26, 1)),
    "simple": (simple, (32, 29, 3)),
    "gated": (gated, (32, 29, 3)),
}
LITTLE = "plain-f16", "plain-int8"


def converted(name: str) -> bytes:
    import keras
    import numpy as np
    import tensorflow as tf

    build, shape = MODELS[name.partition("-f16")[0].partition("-int8")[0]]
    image = keras.Input(shape)
    model = keras.Model(image, build(keras.layers, image))
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.5, 1.5, one.shape) for one in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        signature = [keras.InputSpec(shape=(1, *shape), dtype="float32")]
        model.export(folder, format="tf_saved_model", input_signature=signature, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if name in LITTLE:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if name.endswith("-f16"):
            converter.target_spec.supported_types = [tf.float16]
        if name.endswith("-int8"):
            converter.representative_dataset = lambda: ([np.ones((1, 32, 33, 3), "float32")] for _ in range(2))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        data = converter.convert()
    assert isinstance(data, bytes)
    return data


def interpreted(data: bytes, shape: tuple[int, ...]) -> tuple[list[tuple[int, ...]] | None, bool]:
    """The outputs' shapes, None where it refuses; and whether a tensor on the way is empty."""
    import numpy as np
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        running = tf.lite.Interpreter(model_content=data, experimental_op_resolver_type=plain)
    given = running.get_input_details()[0]
    try:
        running.resize_tensor_input(given["index"], shape)
        running.allocate_tensors()
        running.set_tensor(given["index"], np.zeros(shape, given["dtype"]))
        running.invoke()
    except (RuntimeError, ValueError):
        return None, False
    empty = any(0 in tensor["shape"] for tensor in running.get_tensor_details())
    return [tuple(running.get_tensor(one["index"]).shape) for one in running.get_output_details()], empty


def followed(data: bytes, shape: tuple[int, ...]) -> list[Any] | None:
    """The outputs' shapes as told, None where it is refused; the network's own answer for the declared input agrees."""
    try:
        found = list(cw.read(data, input_shape=shape).trace(shape).outputs.values())
    except cw.ShapeError:
        found = None
    errors = [one for one in cw.read(data).check(shape) if one.level == "error"]
    assert bool(errors) == (found is None), (shape, errors)
    return found


@pytest.mark.parametrize("name", [*MODELS, *LITTLE])
def test_sizes_are_those_of_the_interpreter(name: str) -> None:
    data, rng = converted(name), random.Random(5)
    declared = cw.read(data).sources[0].declared
    taken = 0
    for trial in range(24):
        sizes = [
            size if isinstance(size, int) and (trial % 3 or trial == 0) else rng.randint(1, 60)
            for size in declared[1:-1]
        ]
        images = 1 if trial % 4 or trial == 0 else rng.randint(2, 3)
        shape = (images, *sizes, int(declared[-1] or 0))
        told = followed(data, shape)
        if told is None and name.endswith("-int8"):
            continue  # its kernels divide by the size of an empty tensor, which ends the process
        wanted, empty = interpreted(data, shape)
        if told is None:
            assert wanted is None or empty, shape
        else:
            assert told == wanted, shape
            taken += 1
    assert taken > 3


@pytest.mark.parametrize("name", ["plain-fixed", "unet-fixed", "decoder", "classifier", "gated"])
def test_every_tensor_has_the_size_that_the_file_records(name: str) -> None:
    from convwise.readers.tflite.model import read_model

    data = converted(name)
    names = [tensor.name.partition(";")[0] for tensor in read_model(data).tensors]
    recorded = dict(zip(names, (tensor.shape for tensor in read_model(data).tensors), strict=True))
    told = {row.name: row.output for row in cw.read(data).trace()}
    # Where an operator is several nodes, the last one of them gives its tensor.
    both = [name for name in told if names.count(name) == 1 and f"{name}_1" not in told]
    assert len(both) > 1
    assert {one: told[one] for one in both} == {one: recorded[one] for one in both}


@pytest.mark.parametrize("name", ["unet", "classifier", "decoder"])
def test_parameters_and_macs_are_those_of_the_keras_model(name: str) -> None:
    import keras

    build, shape = MODELS[name]
    image = keras.Input(shape)
    model = keras.Model(image, build(keras.layers, image))
    sizes = tuple(size or 24 for size in shape)
    told = cw.read(converted(name), input_shape=(1, *sizes)).trace()
    assert told.totals.params == sum(prod(one.shape) for one in model.weights)
    assert told.totals.macs == cw.read(model, input_shape=(1, *sizes)).trace((1, *sizes)).totals.macs


def test_a_keras_model_and_its_conversion_have_the_same_values() -> None:
    import keras

    build, shape = MODELS["simple"]
    image = keras.Input(shape)
    model = keras.Model(image, build(keras.layers, image))
    assert cw.diff(cw.read(model), cw.read(converted("simple")), (1, *shape)).equal


def test_operators_are_numbered_as_in_tensorflows_schema() -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    from convwise.readers.tflite.names import OPERATORS, TYPES

    for table, names in ((schema.BuiltinOperator, OPERATORS), (schema.TensorType, TYPES)):
        known = {value: key for key, value in vars(table).items() if isinstance(value, int)}
        assert tuple(known[number].lower() for number in sorted(known)) == tuple(name.lower() for name in names)
