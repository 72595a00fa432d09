"""`convwise.tensorflow`: the names around Keras that snippets use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise.keras as keras
import convwise.tensorflow as tf
from convwise.errors import ArgumentError, Refusal, ShapeError
from convwise.tensorflow.keras import layers
from convwise.tensorflow.keras.layers import Conv2D
from convwise.tensorflow.keras.models import Sequential


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


@pytest.mark.parametrize(
    ("do", "error", "message"),
    [
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
            "strides are integers of at least 1",
        ),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 5, 5, 1)), tf.zeros((3, 3, 1, 1)), 1, "CAUSAL"),
            Refusal,
            "no padding 'CAUSAL'",
        ),
        (
            lambda: tf.nn.conv2d(tf.zeros((1, 5, 5, 3)), tf.zeros((3, 3, 2, 1)), 1, "SAME"),
            ShapeError,
            "the layer takes 2 channels, the input has 3",
        ),
    ],
)
def test_wrong_calls_are_told_in_words(do: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        do()
