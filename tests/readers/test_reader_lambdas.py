"""Keras's Lambda and TimeDistributed in a text: the function or model that they are given is followed."""

from __future__ import annotations

import pytest
from readers.keras_lambda_texts import BODIES, text

import convwise as cw
from convwise.errors import CodeError

STEPS = {
    "a Sequential": """import keras
from keras import layers
model = keras.Sequential([keras.Input((5, 9, 10, 3)),
    layers.TimeDistributed(keras.Sequential([layers.Conv2D(4, 3), layers.MaxPooling2D(), layers.Flatten()])),
    layers.LSTM(8), layers.Dense(2)])
""",
    "a Model": """import keras
from keras import layers
frame = keras.Input((9, 10, 3))
y = layers.BatchNormalization()(layers.Conv2D(4, 3)(frame))
eye = keras.Model(frame, layers.GlobalAveragePooling2D()(y))
film = keras.Input((5, 9, 10, 3))
z = layers.TimeDistributed(eye)(film)
model = keras.Model(film, layers.Dense(2)(layers.GRU(6)(z)))
""",
    "a Lambda": """import keras
from keras import layers
model = keras.Sequential([keras.Input((5, 9, 10, 3)), layers.TimeDistributed(layers.Conv2D(4, 3)),
    layers.Lambda(lambda x: x[:, -1]), layers.Flatten(), layers.Dense(2)])
""",
}
VAE = """import tensorflow as tf
import keras
from keras import layers, ops
class Sampling(layers.Layer):
    def call(self, inputs):
        mean, spread = inputs
        batch, dim = ops.shape(mean)[0], ops.shape(mean)[1]
        noise = keras.random.normal(shape=(batch, dim))
        return mean + ops.exp(0.5 * spread) * noise
def drawn(args):
    mean, spread = args
    noise = tf.random.normal(shape=(tf.shape(mean)[0], 2), mean=0.0, stddev=1.0)
    return mean + tf.exp(spread / 2) * noise
image = keras.Input((9, 10, 1))
flat = layers.Flatten()(layers.Conv2D(4, 3)(image))
mean, spread = layers.Dense(2)(flat), layers.Dense(2)(flat)
one, other = Sampling()([mean, spread]), layers.Lambda(drawn, output_shape=(2,))([mean, spread])
model = keras.Model(image, layers.Dense(3)(layers.add([one, other])))
"""
DECLARED = """import keras
from keras import layers
model = keras.Sequential([keras.Input((9,)), layers.Lambda(lambda x: x[:, :5], output_shape={}), layers.Dense(3)])
"""


@pytest.mark.parametrize("body", BODIES)
def test_a_function_of_the_text_gives_its_shape(body: str) -> None:
    net = cw.read(text(body))
    rows = net.trace((2, 8, 10, 6)).rows
    assert (rows[-1].output if rows else (2, 8, 10, 6)) == (2, *BODIES[body])


@pytest.mark.parametrize("which", STEPS)
def test_a_model_at_every_step(which: str) -> None:
    trace = cw.read(STEPS[which]).trace((2, 5, 9, 10, 3))
    assert trace.rows[-1].output == (2, 2)
    assert {row.output[0] for row in trace.rows} == {2, 10}


def test_sampling_is_followed() -> None:
    trace = cw.read(VAE).trace((2, 9, 10, 1))
    assert (trace.rows[-1].output, trace.totals.params) == ((2, 3), 40 + 2 * (224 * 2 + 2) + 9)


def test_a_named_function_with_arguments() -> None:
    body = "def cut(x, size):\n    return x[:, :size, :-size]\n"
    text = f"from keras import layers, Sequential, Input\n{body}model = Sequential([Input((9, 10, 3)), layers.Lambda(cut, arguments={{'size': 4}}, name='cut'), layers.Conv2D(8, 3)])\n"
    trace = cw.read(text).trace((1, 9, 10, 3))
    assert trace.rows[-1].output == (1, 2, 4, 8)


def test_a_function_of_the_framework_itself() -> None:
    text = "import tensorflow as tf\nfrom keras import layers, Sequential, Input\nmodel = Sequential([Input((9, 10, 3)), layers.Conv2D(8, 3), layers.Lambda(tf.nn.relu), layers.Conv2D(4, 3)])\n"
    assert cw.read(text).trace((1, 9, 10, 3)).rows[-1].output == (1, 5, 6, 4)


def test_a_straight_line_is_explained_with_its_lambda() -> None:
    text = "from keras.layers import *\nfrom keras.models import Sequential\nmodel = Sequential()\nmodel.add(Lambda(lambda x: x / 127.5 - 1.0, input_shape=(9, 10, 3)))\nmodel.add(Conv2D(8, 3))\n"
    found = cw.explain(text)
    assert (found.input, found.output, found.params) == ((9, 10, 3), (7, 8, 8), 224)


def test_what_a_lambda_computes_of_nothing_that_is_known_is_told_by_its_own_words() -> None:
    for body in ("helper(x)", "tf.numpy_function(work, [x], tf.float32)", "3"):
        with pytest.raises(CodeError) as caught:
            cw.read(text(body))
        assert caught.value.code in ("CW314", "CW315")
        assert body[:6] in caught.value.fact


def test_a_declared_shape_that_the_function_does_not_give_is_an_error() -> None:
    assert cw.read(DECLARED.format("(5,)")).trace((2, 9)).rows[-1].output == (2, 3)
    with pytest.raises(CodeError, match=r"gives \(5,\) behind the batch and declares output_shape=\(4,\)") as caught:
        cw.read(DECLARED.format("(4,)"))
    assert "output_shape=(5,)" in caught.value.hint


def test_matrices_that_are_not_turned_do_not_fit() -> None:
    with pytest.raises(cw.ShapeError):
        cw.read(text("tf.matmul(x, x)")).trace((2, 8, 10, 6))


def test_random_numbers_for_more_places_than_the_other_side_has_widen_it() -> None:
    body = "tf.multiply(x[:, :1], tf.random.normal((tf.shape(x)[0], count, 10, 1)))"
    with pytest.raises(CodeError):
        cw.read(text(body))


def test_images_are_prepared_without_a_change_of_shape() -> None:
    text = "import tensorflow as tf\nfrom tensorflow.keras.applications.vgg16 import preprocess_input\nfrom keras import layers\ni = layers.Input((9, 10, 3))\nx = preprocess_input(i)\nx = tf.keras.applications.resnet50.preprocess_input(x)\nmodel = tf.keras.Model(i, layers.Conv2D(8, 3)(x))\n"
    assert cw.read(text).trace((1, 9, 10, 3)).rows[-1].output == (1, 7, 8, 8)
    assert cw.explain(text).output[-3:] == (7, 8, 8)
