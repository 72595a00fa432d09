"""`convwise.keras`: number types, attributes, activations that are functions, and layers of one's own in models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.keras as keras
import convwise.tensorflow as tf
from convwise.errors import Refusal
from convwise.keras import layers

X = np.random.default_rng(2).normal(size=(2, 9, 10, 3)).astype(np.float32)
MOVING = {
    "Dropout": lambda: layers.Dropout(0.5),
    "MaxPooling2D": lambda: layers.MaxPooling2D(),
    "Flatten": lambda: layers.Flatten(),
    "ZeroPadding2D": lambda: layers.ZeroPadding2D(),
    "Reshape": lambda: layers.Reshape((-1,)),
    "Cropping2D": lambda: layers.Cropping2D(1),
    "GlobalMaxPooling2D": lambda: layers.GlobalMaxPooling2D(),
    "ReLU": lambda: layers.ReLU(),
}


@pytest.mark.parametrize("kind", MOVING)
def test_models_compute_in_the_type_of_their_input(kind: str) -> None:
    make = MOVING[kind]
    start = keras.Input((9, 10, 3))
    models = (
        keras.Sequential([keras.Input((9, 10, 3)), make()]),
        keras.Sequential([make()]),
        keras.Model(start, make()(start)),
    )
    for dtype in ("uint8", "int64", "bool", "float64"):
        array = (X * 9).astype(dtype)
        expected = make()(array.astype(np.float32))
        for model in models:
            assert model.predict(array).dtype == np.float32
            assert np.array_equal(model.predict(array), expected)
    # A layer by itself keeps whole numbers whole, and so does a model whose input is declared so.
    whole = (X * 9).astype(np.uint8)
    assert make()(whole).dtype == np.uint8
    bytes_in = keras.Input((9, 10, 3), dtype="uint8")
    assert keras.Model(bytes_in, make()(bytes_in)).predict(whole).dtype == np.uint8
    assert layers.Conv2D(2, 3)(bytes_in).dtype == "float32"


@pytest.mark.parametrize("kind", ["Dropout", "Flatten", "ZeroPadding2D", "Reshape", "Cropping2D"])
def test_what_moves_cells_moves_bools(kind: str) -> None:
    moved = MOVING[kind]()(X > 0)
    assert moved.dtype == np.bool_
    assert np.array_equal(moved, MOVING[kind]()((X > 0).astype(np.float32)))


def doubled(x: Any) -> Any:
    return x * 2


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (tf.nn.relu, np.maximum(X, 0)),
        (keras.activations.relu, np.maximum(X, 0)),
        (doubled, X * 2),
        (layers.ReLU(), np.maximum(X, 0)),
        (None, X),
    ],
)
def test_activation_layers_take_functions(activation: Any, expected: np.ndarray) -> None:
    for layer in (layers.Activation(activation), layers.Activation(activation=activation)):
        assert np.allclose(layer(X), expected, atol=1e-6)
        model = keras.Sequential([keras.Input((9, 10, 3)), layer])
        assert np.allclose(model.predict(X), expected, atol=1e-6)
    dense = layers.Dense(3, activation, kernel_initializer="identity")
    assert np.allclose(dense(X), expected, atol=1e-6)


@pytest.mark.parametrize("wrong", [5, ["relu"], {"a": 1}])
def test_what_is_no_activation_is_refused_at_once(wrong: Any) -> None:
    for make in (lambda: layers.Conv2D(4, 3, activation=wrong), lambda: layers.Activation(wrong)):
        with pytest.raises(Refusal, match="no activation") as caught:
            make()
        assert "Could not interpret activation function identifier" in str(caught.value)


def test_attributes_are_kerass() -> None:
    conv = layers.Conv2D(4, 3, strides=2, padding="SAME")
    assert (conv.kernel_size, conv.strides, conv.dilation_rate) == ((3, 3), (2, 2), (1, 1))
    assert (conv.data_format, conv.padding, conv.activation) == ("channels_last", "same", keras.activations.linear)
    assert layers.Conv1D(4, 3, activation="relu").activation is not None
    assert layers.Conv1D(4, 3).kernel_size == (3,)
    pool = layers.MaxPooling2D(2)
    assert (pool.pool_size, pool.strides, pool.get_config()["strides"]) == ((2, 2), (2, 2), (2, 2))
    assert layers.ZeroPadding2D(2).padding == ((2, 2), (2, 2))
    assert layers.ZeroPadding2D((1, 2)).padding == ((1, 1), (2, 2))
    assert layers.ZeroPadding1D(2).padding == (2, 2)
    assert layers.Cropping2D(((1, 2), (0, 3))).cropping == ((1, 2), (0, 3))
    assert (layers.UpSampling2D(3).size, layers.UpSampling1D(3).size) == ((3, 3), 3)
    assert layers.Conv2DTranspose(2, 3, strides=2, output_padding=1).output_padding == (1, 1)
    assert cw.explain(conv, (9, 10, 3)).output == (5, 5, 4)


def test_half_precision() -> None:
    layer = layers.Conv2D(4, 3, dtype="mixed_float16")
    y = layer(X)
    assert (layer.dtype, layer.compute_dtype, layer.kernel.dtype) == ("float32", "float16", "float32")
    assert y.dtype == np.float16
    plain = layers.Conv2D(4, 3)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    assert np.allclose(y, plain(X), atol=0.02)
    model = keras.Sequential([keras.Input((9, 10, 3)), layers.Conv2D(4, 3, dtype="mixed_float16"), layers.ReLU()])
    assert model.predict(X).dtype == np.float32
    for wrong, message in (
        ("mixed_bfloat16", "NumPy has no type 'mixed_bfloat16'"),
        ("foo", "no dtype 'foo'"),
    ):
        with pytest.raises(ValueError, match=message):
            layers.Conv2D(4, 3, dtype=wrong)


class Residual(keras.Layer):
    """A layer with `call` alone, and layers inside that are made on the way."""

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conv, self.norm = layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization()

    def call(self, x: Any) -> Any:
        return tf.nn.relu(self.norm(self.conv(x)) + tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True))


class Halves(keras.Layer):
    """One list goes in, a dict of other shapes comes out."""

    def call(self, inputs: Any) -> Any:
        one, other = inputs
        return {"left": one[:, ::2], "sum": one + other, "pixels": tf.reshape(one, (-1, 3))}


def test_layers_of_ones_own_stand_in_models() -> None:
    model = keras.Sequential([keras.Input((9, 10, 3)), Residual(4), layers.MaxPooling2D(), Residual(5)])
    assert model.output_shape == (None, 4, 5, 5)
    assert model.predict(X).shape == (2, 4, 5, 5)
    assert model.count_params() == 3 * 9 * 4 + 4 + 16 + 4 * 9 * 5 + 5 + 20
    start = keras.Input((None, None, 3))
    drawn = keras.Model(start, layers.MaxPooling2D()(Residual(4)(start)))
    assert drawn.output_shape == (None, None, None, 4)
    assert drawn.predict(X).shape == (2, 4, 5, 4)
    left, right = keras.Input((9, 10, 3)), keras.Input((9, 10, 3))
    out = Halves()([left, right])
    assert {key: value.shape for key, value in out.items()} == {
        "left": (None, 5, 10, 3),
        "sum": (None, 9, 10, 3),
        "pixels": (None, 3),
    }
    assert np.array_equal(keras.Model([left, right], out).predict([X, X])["sum"], X + X)
    assert Residual(4).compute_output_shape((7, 9, None, 3)) == (7, 9, None, 4)


def test_variables_compute() -> None:
    layer = layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 3))
    assert (layer.kernel * 2).tolist() == (2 * layer.kernel).tolist() == [[2, 2]] * 3
    assert (layer.kernel * 2).dtype == np.float32
    assert (-layer.kernel + 1 - layer.bias).tolist() == [[0, 0]] * 3
    assert (np.ones((1, 3), "f") @ layer.kernel).tolist() == [[3, 3]]


def test_attributes_that_are_set_are_what_runs() -> None:
    x = np.ones((1, 9, 10, 3), np.float32)
    layer = keras.layers.Conv2D(4, 3, kernel_initializer="ones", activation="softmax")
    assert layer(x).numpy().max() == 0.25
    layer.activation, layer.strides = None, (2, 1)
    assert layer(x).shape == (1, 4, 8, 4)
    assert layer(x).numpy().max() == 27
    with pytest.raises(cw.ArgumentError, match=r"the weight 'kernel' cannot be set(.|\n)*layer.kernel.assign"):
        layer.kernel = np.zeros((3, 3, 3, 4))
    with pytest.raises(cw.ArgumentError, match="use_bias cannot be changed once the layer has weights"):
        layer.use_bias = False
