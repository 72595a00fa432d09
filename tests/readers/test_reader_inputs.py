"""Inputs: where a text names the shape that goes in, and what happens when it names several."""

from __future__ import annotations

import pytest
from readers.reading import names, only, texts

from convwise.readers.source import read_text

LAYER = "keras.layers.Conv2D(8, 3)"


@pytest.mark.parametrize(
    ("text", "shape", "batched"),
    [
        ("Conv2D(8, 3, input_shape=(9, 10, 3))", (9, 10, 3), False),
        ("shape = (9, 10, 3)\nConv2D(8, 3, input_shape=shape)", (9, 10, 3), False),
        ("Conv2D(8, 3, batch_input_shape=(None, 9, 10, 3))", (None, 9, 10, 3), True),
        ("Conv2D(8, 3, input_shape=(9, 10, 3), batch_size=4)", (4, 9, 10, 3), True),
        ("Sequential([Conv2D(8, 3, input_shape=(9, 10, 3)), Flatten()])", (9, 10, 3), False),
        ("Sequential([keras.Input(shape=(9, 10, 3)), Conv2D(8, 3)])", (9, 10, 3), False),
        ("Sequential([keras.layers.Input((9, 10, 3), batch_size=2), Conv2D(8, 3)])", (2, 9, 10, 3), True),
        ("Sequential([InputLayer(input_shape=(9, 10, 3)), Conv2D(8, 3)])", (9, 10, 3), False),
        ("Sequential([keras.Input(batch_shape=(None, 9, 10, 3)), Conv2D(8, 3)])", (None, 9, 10, 3), True),
        ("m = Sequential()\nm.add(keras.Input((9, 10, 3)))\nm.add(Conv2D(8, 3))", (9, 10, 3), False),
        ("m = Sequential([Conv2D(8, 3)])\nm.build((None, 9, 10, 3))", (None, 9, 10, 3), True),
        ("m = Sequential([Conv2D(8, 3)])\nm.build(input_shape=(4, 9, 10, 3))", (4, 9, 10, 3), True),
        ("x = keras.Input(shape=(9, 10, 3))\ny = Conv2D(8, 3)(x)", (9, 10, 3), False),
        ("x = keras.Input((None, None, 3))\ny = Conv2D(8, 3)(x)", (None, None, 3), False),
        ("Sequential([Dense(8, input_dim=20)])", (20,), False),
        ("x = np.zeros((60, 9, 10, 3))\nm = Sequential([Conv2D(8, 3)])\nm.fit(x, y)", (None, 9, 10, 3), True),
        (f"{LAYER}.compute_output_shape((None, 9, 10, 3))", (None, 9, 10, 3), True),
    ],
)
def test_inputs_that_keras_texts_declare(text: str, shape: tuple[int | None, ...], batched: bool) -> None:
    found = only(text)
    assert (found.input_shape, found.batched) == (shape, batched)


@pytest.mark.parametrize(
    "array",
    [
        "tf.zeros((1, 9, 10, 3))",
        "tf.zeros((1,) + (9, 10, 3))",
        "tf.ones([1, 9, 10, 3])",
        "tf.random.normal((1, 9, 10, 3))",
        "tf.random.normal(shape=(1, 9, 10, 3))",
        "tf.random.uniform([1, 9, 10, 3], 0, 1)",
        "keras.random.normal((1, 9, 10, 3))",
        "keras.ops.zeros((1, 9, 10, 3))",
        "np.zeros((1, 9, 10, 3))",
        "np.ones((1, 9, 10, 3), dtype='float32')",
        "np.empty((1, 9, 10, 3))",
        "np.full((1, 9, 10, 3), 7)",
        "np.random.rand(1, 9, 10, 3)",
        "np.random.randn(1, 9, 10, 3).astype('float32')",
        "np.random.random((1, 9, 10, 3))",
        "np.random.normal(0, 1, (1, 9, 10, 3))",
        "np.random.normal(size=(1, 9, 10, 3))",
        "np.random.uniform(0, 1, size=(1, 9, 10, 3))",
        "np.random.randint(0, 255, (1, 9, 10, 3))",
        "np.random.default_rng(0).random((1, 9, 10, 3))",
        "np.zeros((9, 10, 3))[None]",
        "np.zeros((9, 10, 3))[np.newaxis, ...]",
        "np.expand_dims(np.zeros((9, 10, 3)), axis=0)",
        "tf.expand_dims(tf.zeros((9, 10, 3)), 0)",
        "np.zeros(270).reshape(1, 9, 10, 3)",
        "np.zeros((1, 270)).reshape((-1, 9, 10, 3))",
        "np.transpose(np.zeros((1, 3, 9, 10)), (0, 2, 3, 1))",
        "tf.cast(tf.zeros((1, 9, 10, 3)), tf.float32) / 255.0",
        "tf.zeros_like(tf.zeros((1, 9, 10, 3)))",
        "tf.constant(np.zeros((1, 9, 10, 3)))",
    ],
)
def test_arrays_have_their_batch(array: str) -> None:
    for text in (f"{LAYER}({array})", f"x = {array}\nm = keras.Sequential([{LAYER}])\nm.predict(x)"):
        found = only(text)
        assert (found.input_shape, found.batched) == ((1, 9, 10, 3), True)


@pytest.mark.parametrize(
    "array",
    [
        "torch.randn(1, 3, 9, 10)",
        "torch.rand((1, 3, 9, 10))",
        "torch.zeros(size=(1, 3, 9, 10))",
        "torch.ones([1, 3, 9, 10]).to(device)",
        "torch.empty(1, 3, 9, 10).cuda().float()",
        "torch.full((1, 3, 9, 10), 2.0)",
        "torch.randint(0, 9, (1, 3, 9, 10))",
        "torch.randn(3, 9, 10).unsqueeze(0)",
        "torch.randn(3, 9, 10)[None]",
        "torch.randn(1, 270).view(1, 3, 9, 10)",
        "torch.randn(1, 9, 10, 3).permute(0, 3, 1, 2)",
        "torch.autograd.Variable(torch.randn(1, 3, 9, 10))",
        "torch.from_numpy(np.zeros((1, 3, 9, 10)))",
        "torch.Tensor(1, 3, 9, 10)",
    ],
)
def test_torch_arrays(array: str) -> None:
    found = only(f"x = {array}\ny = nn.Conv2d(3, 8, 3)(x)")
    assert (found.input_shape, found.batched) == ((1, 3, 9, 10), None)


def test_an_array_without_batch_stays_so_in_torch() -> None:
    assert only("nn.Conv2d(3, 8, 3)(torch.randn(3, 9, 10))").input_shape == (3, 9, 10)


@pytest.mark.parametrize("call", ["summary(model, (3, 9, 10))", "torchinfo.summary(model, input_size=(3, 9, 10))"])
def test_printed_summaries_name_an_input(call: str) -> None:
    assert only(f"import torchinfo\nmodel = nn.Sequential(nn.Conv2d(3, 8, 3))\n{call}").input_shape == (3, 9, 10)


def test_a_concrete_array_wins_over_a_declared_shape() -> None:
    text = """
model = keras.Sequential([keras.layers.Conv2D(8, (3, 2), input_shape=(64, 60, 3))])
print(model.output_shape)
result = model.predict(tf.zeros((1,) + (64, 60, 3)))
"""
    found = only(text)
    assert found.input_shape == (1, 64, 60, 3)
    assert found.name == "model"
    assert found.line == 4


def test_one_layer_on_three_inputs_gives_three() -> None:
    text = """
import tensorflow as tf
layer = tf.keras.layers.Conv2D(filters=8, kernel_size=3)
a = layer(tf.random.normal(shape=(1, 8, 9, 3)))
print(f"{a.shape}")
b = layer(tf.random.normal(shape=(1, 10, 9, 3)))
c = layer(tf.random.normal(shape=(1, 5, 9, 3)))
"""
    found = read_text(text).found
    assert [one.input_shape for one in found] == [(1, 8, 9, 3), (1, 10, 9, 3), (1, 5, 9, 3)]
    assert [one.line for one in found] == [4, 6, 7]
    assert {one.name for one in found} == {"layer"}
    assert len({id(one.layers[0]) for one in found}) == 1


def test_layers_applied_as_variables_are_one_chain() -> None:
    text = """
x = tf.random.normal(shape=(2, 28, 27, 3))
first = tf.keras.layers.Conv2D(8, 3, strides=2)
y = first(x)
print("shape:", y.shape)
second = tf.keras.layers.Conv2D(16, 3, padding='same')
z = second(y)
"""
    found = only(text)
    assert names(found) == ["first", "second"]
    assert found.input_shape == (2, 28, 27, 3)
    assert found.name is None


def test_an_unknown_input_is_none() -> None:
    text = "x_train = load()\nmodel = Sequential([Conv2D(8, 3)])\nmodel.fit(x_train, y)\nmodel.predict(x_test)"
    assert only(text).input_shape is None


def test_a_loop_over_one_input_tells_it_once() -> None:
    text = "conv = nn.Conv2d(3, 8, 3)\nx = torch.randn(1, 3, 8, 8)\nfor step in range(20):\n    y = conv(x)"
    assert texts(only(text)) == ["nn.Conv2d(3, 8, 3)"]


def test_sizes_that_are_not_in_the_text_are_unknown() -> None:
    assert only("nn.Conv2d(3, 8, 3)(torch.randn(batch, 3, 9, 10))").input_shape == (None, 3, 9, 10)
    assert only("Conv2D(8, 3, input_shape=(height, 10, 3))").input_shape == (None, 10, 3)


def test_an_unknown_array_beside_a_concrete_one() -> None:
    text = (
        "m = Sequential([Conv2D(8, 3, input_shape=(9, 10, 3))])\nm.predict(x_test)\nm.predict(np.zeros((4, 9, 10, 3)))"
    )
    assert only(text).input_shape == (4, 9, 10, 3)


def test_an_unknown_array_leaves_the_declared_shape() -> None:
    found = only("m = Sequential([Conv2D(8, 3)])\nm.build((None, 9, 10, 3))\nm.predict(x_test)")
    assert (found.input_shape, found.batched) == ((None, 9, 10, 3), True)
