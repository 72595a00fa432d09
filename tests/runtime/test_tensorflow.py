"""`convwise.tensorflow`: the names around Keras that snippets use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise.keras as keras
import convwise.tensorflow as tf
from convwise.errors import ArgumentError, CodeError, Refusal, ShapeError
from convwise.tensorflow.keras import layers
from convwise.tensorflow.keras.layers import Conv2D
from convwise.tensorflow.keras.models import Sequential

X = np.ones((2, 9, 10, 4), np.float32)
K = np.ones((3, 2, 4, 6), np.float32)


def test_its_keras_is_keras() -> None:
    assert tf.keras.layers.Conv2D is keras.layers.Conv2D is Conv2D
    assert layers.Conv2D is Conv2D
    assert tf.keras.Sequential is keras.Sequential is Sequential
    assert tf.keras.layers.Input is keras.Input
    assert "Conv2D" in dir(layers)
    assert tf.keras.initializers.HeNormal(seed=1)((2, 2)).shape == (2, 2)


def test_making_tensors() -> None:
    assert tf.zeros((2, 3)).dtype == tf.float32
    assert tf.ones([2, 3], dtype=tf.int32).tolist() == [[1, 1, 1]] * 2
    assert tf.constant([1.5, 2]).dtype == np.float32
    assert tf.constant([1, 2]).dtype == np.int32
    assert tf.convert_to_tensor(np.zeros(2)).dtype == np.float64
    assert tf.constant(3, shape=(2, 2)).tolist() == [[3, 3], [3, 3]]
    assert tf.fill((2,), 7).tolist() == [7, 7]
    assert tf.range(4).tolist() == [0, 1, 2, 3]
    assert tf.shape(tf.zeros((2, 3))).tolist() == [2, 3]
    assert tf.reshape(tf.range(6), (2, -1)).shape == (2, 3)
    assert tf.expand_dims(tf.zeros((2, 3)), 0).shape == (1, 2, 3)
    assert tf.squeeze(tf.zeros((1, 3))).shape == (3,)
    assert tf.concat([tf.zeros((1, 2)), tf.ones((1, 2))], axis=0).tolist() == [[0, 0], [1, 1]]
    assert tf.reduce_mean(tf.constant([1.0, 3.0])).item() == 2
    assert tf.cast(tf.constant([1.7]), tf.int32).tolist() == [1]
    assert tf.pad(tf.ones((1, 2)), [[0, 0], [1, 2]]).tolist() == [[0, 1, 1, 0, 0]]
    assert isinstance(tf.zeros(3), tf.Tensor)


def test_seeds() -> None:
    tf.random.set_seed(3)
    first = tf.random.normal((2, 3)), tf.random.uniform((50,), 2, 5)
    tf.random.set_seed(3)
    second = tf.random.normal((2, 3)), tf.random.uniform((50,), 2, 5)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].dtype == np.float32
    assert first[1].min() >= 2
    assert first[1].max() < 5
    assert set(tf.random.uniform((50,), 0, 3, dtype=tf.int32).tolist()) == {0, 1, 2}
    assert np.array_equal(tf.random.normal((3,), seed=5), tf.random.normal((3,), seed=5))
    assert np.abs(tf.random.truncated_normal((1000,))).max() <= 2


def test_functions_of_nn_equal_the_layers() -> None:
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 4)).astype(np.float32)
    for groups, strides, padding in ((1, 1, "SAME"), (2, (2, 3), "VALID")):
        layer = keras.layers.Conv2D(6, (3, 2), strides=strides, padding=padding, groups=groups, use_bias=False)
        expected = layer(x)
        np.testing.assert_allclose(tf.nn.conv2d(x, layer.kernel, strides, padding), expected, rtol=1e-6)
    depthwise = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False)
    expected = depthwise(x)
    np.testing.assert_allclose(tf.nn.depthwise_conv2d(x, depthwise.kernel, [1, 1, 1, 1], "SAME"), expected, rtol=1e-6)
    pooled = keras.layers.AveragePooling2D((3, 2), strides=2, padding="same")(x)
    assert np.array_equal(tf.nn.avg_pool2d(x, (3, 2), 2, "SAME"), pooled)
    assert np.array_equal(tf.nn.max_pool2d(x, 2, 2, "VALID"), keras.layers.MaxPooling2D()(x))
    assert tf.nn.conv2d(x, np.ones((3, 3, 4, 1)), 1, [[0, 0], [1, 2], [0, 1], [0, 0]]).shape == (2, 10, 7, 1)
    assert tf.nn.relu(x).min() == 0
    assert tf.nn.bias_add(x, np.arange(4))[0, 0, 0].tolist() == pytest.approx((x[0, 0, 0] + np.arange(4)).tolist())
    assert keras.layers.Conv2D(2, 3, activation=tf.nn.relu)(x).min() >= 0


def test_numbers_take_on_the_type_of_the_tensor_that_they_meet() -> None:
    x = tf.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    for y in (
        x * np.float64(2),
        np.ones(3) * x,
        x / np.sqrt(3),
        tf.multiply(x, 2.0),
        tf.subtract(x, 1.0),
        x @ np.ones((3, 2)),
    ):
        assert isinstance(y, tf.Tensor)
        assert y.dtype == tf.float32
    y = x
    y += 1
    assert x[0, 0] == 0 < y[0, 0]
    assert tf.Variable([1.0, 2.0]).dtype == tf.float32
    assert keras.Variable([1.0, 2.0]).dtype == "float32"
    assert (keras.Variable([1.0, 2.0]) * 2).tolist() == (2 * keras.Variable([1.0, 2.0])).tolist() == [2, 4]
    with pytest.raises(ArgumentError, match="float64 does not meet float32") as caught:
        x + tf.constant(np.ones(3))
    assert "expected to be a float tensor but is a double tensor" in str(caught.value)
    with pytest.raises(ArgumentError, match="float32 does not meet int32"):
        tf.constant([1, 2]) * 1.5


def test_a_network_of_functions() -> None:
    """As scripts of TensorFlow write one: weights in a dict, functions of tf.nn, a head of matrix products."""
    tf.random.set_seed(1)
    w = {"c": tf.Variable(tf.random.normal((3, 3, 3, 8))), "d": tf.Variable(tf.random.normal((4 * 4 * 4, 10)))}
    x = tf.nn.relu(tf.nn.conv2d(tf.random.normal((2, 8, 9, 3)), w["c"], strides=[1, 2, 2, 1], padding="SAME"))
    one, other = tf.split(tf.image.resize(x, (4, 4)), 2, axis=-1)
    y = tf.nn.softmax(tf.matmul(tf.reshape(tf.maximum(one, other), (2, -1)), w["d"]))
    assert y.shape == (2, 10)
    assert np.allclose(tf.reduce_sum(y, axis=1), 1)
    up = tf.nn.conv2d_transpose(x, tf.zeros((3, 3, 5, 8)), tf.stack([2, 8, 9, 5]), 2)
    assert up.shape == (2, 8, 9, 5)


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
        (
            lambda: tf.nn.conv2d(X, K, [1, 1, 1, 2], "SAME"),
            Refusal,
            "strides of 1 and 2 for the batch and the channels",
        ),
        (lambda: tf.nn.conv2d(X, K, 1, "SAME", dilations=[2, 1, 1, 1]), Refusal, "dilations of 2 and 1 for the batch"),
        (lambda: tf.nn.conv2d(X, K, 1, "same"), Refusal, "padding='same' is Keras's way"),
        (lambda: tf.nn.conv2d(X, K, 1, [0, 1, 1, 0]), Refusal, r"padding\[0\] is 0, not a pair"),
        (lambda: tf.nn.conv2d(X, K, 1, [[0, 0], [-1, 1], [0, 0], [0, 0]]), Refusal, "it must be at least 0"),
        (lambda: tf.nn.max_pool2d(X, [1, 2, 2, 2], 2, "SAME"), CodeError, "does not model pooling over channels"),
        (lambda: tf.nn.avg_pool2d(X, 2, 2, [[0, 0], [1, 1], [0, 0], [0, 0]]), Refusal, "takes no explicit padding"),
        (lambda: tf.nn.depthwise_conv2d(X, K, 1, "SAME"), Refusal, "1 values where 4 are needed"),
        (
            lambda: tf.nn.conv2d(tf.constant(X.astype("d")), tf.constant(K), 1, "SAME"),
            ArgumentError,
            "float32 does not meet",
        ),
        (lambda: tf.nn.sigmoid(tf.constant([1, 2])), ArgumentError, "tf.nn.sigmoid does not take int32"),
        (lambda: tf.nn.relu(keras.Input((3,))), ArgumentError, "a tensor of a functional model has none yet"),
        (lambda: tf.pad(X, [[1, 1]]), Refusal, "1 pairs for 4 axes"),
        (lambda: tf.pad(X, [[0, 0], [-1, 1], [0, 0], [0, 0]]), Refusal, "paddings of -1 and 1"),
        (lambda: tf.pad(X, 1), Refusal, "not a list of pairs"),
        (
            lambda: tf.pad(X, [[0, 0], [9, 0], [0, 0], [0, 0]], "REFLECT"),
            Refusal,
            "cannot be mirrored from 9: at most 8",
        ),
        (lambda: tf.matmul(X, X), ShapeError, "4 columns meet 10 rows"),
        (lambda: tf.split(X, 2, axis=1), ShapeError, "2 does not take 9 cells apart"),
        (lambda: tf.image.resize(X, 7), ArgumentError, "a size is"),
        (lambda: tf.image.resize(X, (7, 8), "cubic"), ArgumentError, "resizing by 'cubic' does not run"),
        (lambda: tf.zeros((2, -1)), ArgumentError, "a shape is a tuple of integers"),
        (lambda: tf.reshape(tf.zeros(6), (4,)), ArgumentError, "6 elements do not fit"),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 2, 2, 1)), tf.zeros((3, 3, 1, 1)), 1, "VALID"),
            ShapeError,
            "the window spans 3 but only 2 cells exist",
        ),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 5, 5, 1)), tf.zeros((3, 3, 1, 1)), 0, "VALID"),
            Refusal,
            "strides is 0; it must be at least 1",
        ),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 5, 5, 1)), tf.zeros((3, 3, 1, 1)), 1, "CAUSAL"),
            Refusal,
            "no padding 'CAUSAL'",
        ),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 5, 5, 3)), tf.zeros((3, 3, 2, 1)), 1, "SAME"),
            ShapeError,
            "the kernel takes 2 channels, the input has 3",
        ),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        do()
