"""Scripts of TensorFlow 1: placeholders, weights as variables, sums with a bias, and the layers that are gone."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.errors import CodeError

DEEP_MNIST = """
x = tf.placeholder(tf.float32, shape=[None, 784])
y_ = tf.placeholder(tf.float32, shape=[None, 10])
def weight_variable(shape):
    initial = tf.truncated_normal(shape, stddev=0.1)
    return tf.Variable(initial)
def bias_variable(shape):
    initial = tf.constant(0.1, shape=shape)
    return tf.Variable(initial)
def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding='SAME')
def max_pool_2x2(x):
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1],
                        strides=[1, 2, 2, 1], padding='SAME')
W_conv1 = weight_variable([5, 5, 1, 32])
b_conv1 = bias_variable([32])
x_image = tf.reshape(x, [-1, 28, 28, 1])
h_conv1 = tf.nn.relu(conv2d(x_image, W_conv1) + b_conv1)
h_pool1 = max_pool_2x2(h_conv1)
W_conv2 = weight_variable([5, 5, 32, 64])
b_conv2 = bias_variable([64])
h_conv2 = tf.nn.relu(conv2d(h_pool1, W_conv2) + b_conv2)
h_pool2 = max_pool_2x2(h_conv2)
W_fc1 = weight_variable([7 * 7 * 64, 1024])
b_fc1 = bias_variable([1024])
h_pool2_flat = tf.reshape(h_pool2, [-1, 7*7*64])
h_fc1 = tf.nn.relu(tf.matmul(h_pool2_flat, W_fc1) + b_fc1)
keep_prob = tf.placeholder(tf.float32)
h_fc1_drop = tf.nn.dropout(h_fc1, keep_prob)
W_fc2 = weight_variable([1024, 10])
b_fc2 = bias_variable([10])
y_conv = tf.matmul(h_fc1_drop, W_fc2) + b_fc2
"""


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("tf.placeholder(tf.float32, [None, 28, 28, 1])", (None, 14, 14, 8)),
        ('tf.placeholder("float", [None, 28, 28, 1])', (None, 14, 14, 8)),
        ("tf.compat.v1.placeholder(tf.float32, shape=[None, 28, 28, 1])", (None, 14, 14, 8)),
        ("tf.placeholder(shape=[None, 28, 28, 1], dtype=tf.float32)", (None, 14, 14, 8)),
        ("keras.backend.placeholder((2, 28, 28, 1))", (2, 14, 14, 8)),
    ],
)
@pytest.mark.parametrize("weights", ["tf.zeros([3, 3, 1, 8])", "tf.get_variable('w', [3, 3, 1, 8])"])
def test_a_placeholder_has_its_shape_behind_its_dtype(line: str, output: tuple[int | None, ...], weights: str) -> None:
    told = cw.explain(f"x = {line}\ny = tf.nn.conv2d(x, {weights}, [1, 2, 2, 1], 'SAME')")
    assert told.output == output


def test_the_deep_mnist_script() -> None:
    told = cw.explain(DEEP_MNIST)
    assert (told.input, told.output) == ((None, 28, 28, 1), (None, 10))
    assert told.params == 3_274_634
    assert [step.output for step in told.steps if "max_pool" in step.kind] == [(None, 14, 14, 32), (None, 7, 7, 64)]
    assert cw.read(DEEP_MNIST).trace().totals.params == 3_274_634


def test_a_sum_that_is_no_bias_is_a_step_of_the_network() -> None:
    text = "x = tf.placeholder(tf.float32, [None, 8, 8, 1])\ny = tf.nn.relu(tf.nn.conv2d(x, tf.zeros([3, 3, 1, 8]), 1, 'SAME') + tf.zeros([8, 8, 8]))"
    told = cw.explain(text)
    assert (told.kind, told.params) == ("Network", 72)
    assert [step.kind for step in told.steps] == ["tf.nn.conv2d", "+", "relu"]
    with pytest.raises(cw.ShapeError, match="add of sizes 7 and 8"):
        cw.explain(text.replace("[8, 8, 8]", "[8, 7, 8]"))


@pytest.mark.parametrize(
    ("call", "now"),
    [
        ("tf.layers.conv2d(x, 32, 5, activation=tf.nn.relu)", "keras.layers.Conv2D"),
        ("tf.layers.conv2d(inputs=x, filters=32, kernel_size=[5, 5], padding='same')", "keras.layers.Conv2D"),
        ("tf.layers.max_pooling2d(x, 2, 2)", "keras.layers.MaxPooling2D"),
        ("tf.layers.Conv2D(32, 5)", "keras.layers.Conv2D"),
        ("tf.contrib.layers.fully_connected(x, 10)", "tf.keras.layers"),
    ],
)
def test_layers_of_tensorflow_one_are_refused_by_name(call: str, now: str) -> None:
    with pytest.raises(CodeError) as raised:
        cw.explain(f"x = tf.placeholder(tf.float32, [None, 28, 28, 1])\nx = {call}\nx = tf.layers.flatten(x)")
    assert f"{call.partition('(')[0]} is a layer of TensorFlow 1, which is not read" in raised.value.message
    assert now in raised.value.hint
    assert "line 2" in raised.value.detail


def test_what_is_not_modelled_is_called_as_it_is_written() -> None:
    text = "x = tf.keras.Input((28, 28, 1))\ny = tf.nn.strange(x)\nmodel = tf.keras.Model(x, tf.concat([y, y], 3))"
    with pytest.raises(CodeError, match=r"convwise does not model tf\.nn\.strange"):
        cw.read(text)
