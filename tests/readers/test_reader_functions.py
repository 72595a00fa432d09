"""Functions of TensorFlow, JAX and ONNX in source text: which framework speaks, what the kernel is, what goes in."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.errors import CodeError, ConvwiseError, Refusal
from convwise.readers.source import read_text

TEXTS = [
    ("tf.nn.conv2d(x, tf.zeros((3, 5, 3, 16)), 2, 'SAME')", (9, 10, 3), "tensorflow", (5, 5, 16)),
    (
        "import tensorflow as tf\nw = tf.random.normal((3, 5, 3, 16))\nx = tf.zeros((1, 9, 10, 3))\n"
        "y = tf.nn.relu(tf.nn.conv2d(x, filters=w, strides=[1, 2, 1, 1], padding='VALID'))\n"
        "y = tf.nn.max_pool2d(y, 2, 2, 'VALID')",
        (1, 9, 10, 3),
        "tensorflow",
        (1, 2, 3, 16),
    ),
    (
        "tf.nn.conv2d_transpose(x, tf.zeros((3, 3, 8, 4)), (1, 17, 19, 8), 2, 'SAME')",
        (1, 9, 10, 4),
        "tensorflow",
        (1, 17, 19, 8),
    ),
    ("from jax import lax\nlax.conv(x, jnp.ones((16, 3, 3, 5)), (2, 1), 'SAME')", (1, 3, 9, 10), "jax", (1, 16, 5, 10)),
    (
        "lax.conv_general_dilated(x, jnp.zeros((3, 5, 3, 16)), (2, 1), ((1, 1), (0, 2)), "
        "dimension_numbers=('NHWC', 'HWIO', 'NCHW'))",
        (1, 9, 10, 3),
        "jax",
        (1, 16, 5, 8),
    ),
    ("lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 2, 1), (1, 2, 2, 1), 'SAME')", (1, 9, 10, 3), "jax", (1, 5, 5, 3)),
    ("nn.Conv(16, (3, 5), strides=2)", (9, 10, 3), "jax", (5, 5, 16)),
    ("from flax import linen as nn\nnn.Dense(features=7)", (2, 5), "jax", (2, 7)),
    ("nnx.Conv(3, 16, kernel_size=(3, 5), padding='VALID', rngs=nnx.Rngs(0))", (9, 10, 3), "jax", (7, 6, 16)),
    ("op.Conv(x, np.zeros((16, 3, 3, 5)), strides=[2, 1], pads=[1, 0, 1, 2])", (1, 3, 9, 10), "onnx", (1, 16, 5, 8)),
    ("Conv(x, np.zeros((16, 3, 3, 5)), kernel_shape=[3, 5])", (1, 3, 9, 10), "onnx", (1, 16, 7, 6)),
    (
        "onnx.helper.make_node('MaxPool', ['x'], ['y'], kernel_shape=[3, 2], ceil_mode=1, strides=[2, 2])",
        (1, 3, 9, 9),
        "onnx",
        (1, 3, 4, 5),
    ),
    ("onnx.helper.make_node('Conv', ['x', 'W'], ['y'], kernel_shape=[3, 5])", (1, 3, 9, 10), "onnx", (1, None, 7, 6)),
]


@pytest.mark.parametrize(("text", "shape", "dialect", "output"), TEXTS)
def test_a_function_is_a_layer(text, shape, dialect, output):
    assert read_text(text).dialect == dialect
    explanation = cw.explain(text, shape)
    assert explanation.output == output
    assert str(explanation)


def test_the_input_that_the_text_makes_is_used():
    text = "x = tf.zeros((1, 9, 10, 3))\ny = tf.nn.avg_pool2d(x, (3, 2), 2, 'SAME')"
    assert cw.explain(text).input == (1, 9, 10, 3)
    assert cw.explain(text).output == (1, 5, 5, 3)


FLAX = """
from flax import linen as nn
class CNN(nn.Module):
  @nn.compact
  def __call__(self, x):
    x = nn.relu(nn.Conv(features=32, kernel_size=(3, 3))(x))
    x = nn.avg_pool(x, window_shape=(2, 2), strides=(2, 2))
    x = x.reshape((x.shape[0], -1))
    return nn.Dense(features=10)(x)
"""
NNX = """
from flax import nnx
class CNN(nnx.Module):
  def __init__(self, rngs: nnx.Rngs):
    self.conv = nnx.Conv(1, 32, kernel_size=(3, 3), rngs=rngs)
    self.linear = nnx.Linear(6272, 10, rngs=rngs)
  def __call__(self, x):
    x = nnx.avg_pool(nnx.relu(self.conv(x)), window_shape=(2, 2), strides=(2, 2))
    return self.linear(x.reshape(x.shape[0], -1))
"""
GRAPH = """
from onnx import TensorProto, helper
X = helper.make_tensor_value_info('X', TensorProto.FLOAT, [1, 3, 33, 32])
W = helper.make_tensor_value_info('W', TensorProto.FLOAT, [8, 3, 3, 3])
nodes = [
    helper.make_node('Conv', ['X', 'W'], ['c'], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    helper.make_node('Relu', ['c'], ['r']),
    helper.make_node('MaxPool', ['r'], ['Y'], kernel_shape=[2, 2], strides=[2, 2]),
]
"""


@pytest.mark.parametrize(
    ("text", "shape", "kinds", "output"),
    [
        (FLAX, (1, 28, 28, 1), ["nn.Conv", "nn.relu", "nn.avg_pool", "jnp.reshape", "nn.Dense"], (1, 10)),
        (NNX, (1, 28, 28, 1), ["nnx.Conv", "nn.relu", "nn.avg_pool", "jnp.reshape", "nnx.Linear"], (1, 10)),
        (GRAPH, (1, 3, 33, 32), ["Conv", "Relu", "MaxPool"], (1, 8, 16, 16)),
        (
            "nnx.Sequential(nnx.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0)), nnx.relu, lambda x: nnx.max_pool(x, (2, 2), (2, 2)))",
            (1, 9, 10, 3),
            ["nnx.Conv", "nn.relu", "nn.max_pool"],
            (1, 4, 5, 8),
        ),
    ],
)
def test_models(text, shape, kinds, output):
    (found,) = read_text(text).found
    assert [layer.kind for layer in found.layers] == kinds
    assert cw.output_shape(text, shape) == output


def test_keras_keeps_what_is_its():
    text = "x = keras.Input((28, 28, 3))\nx = keras.layers.Conv2D(8, 3)(x)\nx = tf.nn.relu(x)\nm = keras.Model(x, x)"
    snippet = read_text(text)
    assert snippet.dialect == "keras"


@pytest.mark.parametrize(
    ("text", "dialect", "shape", "output"),
    [
        ("conv2d(x, tf.zeros((3, 3, 3, 4)), 1, 'SAME')", "tensorflow", (9, 10, 3), (9, 10, 4)),
        ("Conv(16, (3, 3))", "jax", (9, 10, 3), (9, 10, 16)),
        ("MaxPool(x, kernel_shape=[2, 2])", "onnx", (1, 3, 9, 10), (1, 3, 8, 9)),
    ],
)
def test_a_dialect_that_is_given_settles_bare_names(text, dialect, shape, output):
    assert cw.output_shape(text, shape, dialect=dialect) == output


ERRORS = [
    ("tf.nn.conv2d(x, w, 2, 'SAME')", CodeError, "CW314", "the shape of 'filters' is not in the text: w"),
    ("tf.nn.conv2d(x, tf.zeros((3, 3, 3, 16)), 2, 'same')", Refusal, "CW209", "write padding='SAME'"),
    ("tf.nn.conv2d(x, tf.zeros((3, 3, 3, 16)), 1, 1)", Refusal, "CW209", "padding=[[0, 0], [1, 1], [1, 1], [0, 0]]"),
    ("tf.nn.conv2d(x, tf.zeros((3, 3, 3, 16)), 0, 'SAME')", Refusal, "CW201", "Stride must be > 0, but got 0"),
    ("tf.nn.conv2dd(x, tf.zeros((3, 3, 3, 16)), 2, 'SAME')", CodeError, "CW302", "did you mean tf.nn.conv2d?"),
    ("tf.nn.conv2d(x, tf.zeros((3, 3, 3, 16)), stride=2, padding='SAME')", CodeError, "CW311", "'strides'"),
    (
        "tf.nn.convolution(x, tf.zeros((3, 3, 3, 4)), 2, 'SAME', dilations=2)",
        Refusal,
        "CW203",
        "tf.nn.conv2d takes both",
    ),
    ("lax.conv(x, jnp.zeros((8, 3, 3, 3)), 2, 'SAME')", Refusal, "CW204", "'int' object is not iterable"),
    ("lax.conv(x, jnp.zeros((8, 3, 3, 3)), (1, 1), 'FULL')", Refusal, "CW207", "Unrecognized padding type"),
    ("nn.max_pool(x, 2)", Refusal, "CW204", "window_shape=(2, 2)"),
    ("flax.linen.Conv(8, (3, 3), padding='CAUSAL')", Refusal, "CW207", "only implemented for 1D convolutions"),
    ("flax.linen.Conv(filters=8, kernel_size=(3, 3))", CodeError, "CW311", "'features'"),
    ("op.Conv(x, np.zeros((8, 3, 3, 3)), strides=2)", Refusal, "CW204", "strides=[2, 2]"),
    ("op.MaxPool(x, kernel_size=[2, 2])", CodeError, "CW311", "'kernel_shape'"),
    ("op.MaxPool(x, kernel_shape=[2, 2], pads=[2, 0, 0, 0])", Refusal, "CW206", "Pad should be smaller than kernel"),
    ("op.Conv(x, np.zeros((8, 3, 3, 3)), auto_pad='same')", Refusal, "CW207", "SAME_UPPER"),
]


@pytest.mark.parametrize(("text", "kind", "code", "says"), ERRORS)
def test_refusals_read_well(text, kind, code, says):
    with pytest.raises(kind) as caught:
        cw.explain(text, (1, 9, 10, 3) if not text.startswith(("lax.", "op.")) else (1, 3, 9, 10))
    assert caught.value.code == code
    assert says in str(caught.value)


SIZES = [
    (
        "tf.nn.conv2d(x, tf.zeros((5, 3, 3, 8)), 1, 'VALID')",
        (1, 4, 10, 3),
        "CW104",
        "Negative dimension size caused by subtracting 5 from 4",
    ),
    (
        "tf.nn.conv2d(x, tf.zeros((3, 3, 4, 8)), 1, 'VALID')",
        (1, 9, 10, 3),
        "CW102",
        "input depth must be evenly divisible by filter depth: 3 vs 4",
    ),
    (
        "lax.conv(x, jnp.zeros((8, 3, 5, 3)), (1, 1), 'VALID')",
        (1, 3, 4, 10),
        "CW104",
        "an array without elements, (1, 8, 0, 8)",
    ),
    ("nn.max_pool(x, (5, 2))", (1, 4, 10, 3), "CW104", "an array without elements, (1, 0, 9, 3)"),
    (
        "op.MaxPool(x, kernel_shape=[5, 2], strides=[2, 2])",
        (1, 3, 4, 10),
        "CW104",
        "onnxruntime itself gives (1, 3, 1, 5)",
    ),
    (
        "op.Conv(x, np.zeros((8, 4, 3, 3)))",
        (1, 3, 9, 10),
        "CW102",
        "Input channels C is not equal to kernel channels * group",
    ),
]


@pytest.mark.parametrize(("text", "shape", "code", "says"), SIZES)
def test_sizes_that_do_not_work_are_told_in_the_frameworks_words(text, shape, code, says):
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text, shape)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_operator_sets_are_releases():
    text = "op.AveragePool(x, kernel_shape=[3, 3], dilations=[2, 1])"
    assert cw.output_shape(text, (1, 3, 9, 10), release="19") == (1, 3, 5, 8)
    with pytest.raises(Refusal, match="dilations came with operator set 19; this is 18"):
        cw.output_shape(text, (1, 3, 9, 10), release="18")
    with pytest.raises(cw.ArgumentError, match="operator set 99 is not known"):
        cw.output_shape(text, (1, 3, 9, 10), release="99")


def test_two_frameworks_in_one_chain_are_told_apart():
    text = "y = nn.Conv2d(3, 8, 3)(x)\nz = keras.layers.Conv2D(8, 3)(y)"
    with pytest.raises(CodeError, match="two frameworks in one chain"):
        cw.explain(text, (1, 9, 10, 3))


def test_functions_of_tensorflow_stand_between_layers_of_keras():
    text = "y = tf.nn.conv2d(x, tf.zeros((3, 3, 3, 8)), 1, 'SAME')\nz = keras.layers.Conv2D(8, 3)(y)"
    assert cw.explain(text, (1, 9, 10, 3)).output == (1, 7, 8, 8)


@pytest.mark.parametrize("text", ["nn.Conv(3, 16, 3)", "Conv(3, 16, 3)", "nn.Dense(10)"])
def test_a_slip_is_not_taken_for_another_framework(text):
    with pytest.raises(ConvwiseError) as caught:
        cw.explain(text, (3, 9, 10))
    assert caught.value.code == "CW302"
