"""What a text changes on the way counts: a part of the input, a layer after it was made, a list of layers."""

from __future__ import annotations

import pytest
from readers.changed_texts import (
    ARGUMENTS,
    CHANGED,
    CONV,
    CUT,
    GIVEN,
    KERAS,
    NOT_MODELLED,
    PARTS,
    SIZED,
    TORCH,
    torch_net,
)
from readers.reading import only, refused, texts

import convwise as cw
from convwise.readers.source.graphs import read_network_text

PLAIN = torch_net(CONV, "return self.conv(x)")


@pytest.mark.parametrize("name", CUT)
def test_a_subscript_on_the_input_counts(name: str) -> None:
    text, shape, output = CUT[name]
    assert cw.read(text).trace(shape).rows[-1].output == output
    refused(text)


@pytest.mark.parametrize("data", GIVEN)
def test_a_subscript_on_data_gives_the_shape_that_is_left(data: str) -> None:
    shape, output = GIVEN[data]
    text = f"{TORCH}x = {data}\nnn.Conv2d(3, 8, (3, 5))(x)"
    assert only(text).input_shape == shape
    assert cw.explain(text).output == output


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ("torch.rand(5, 3, 9, 10)[:, :, :n]", (5, 3, None, 10)),
        ("np.zeros((5, 3, 9, 10))[:, :, ::-1]", (5, 3, None, 10)),
        ("torch.rand(5, 3, 9, 10)[where]", None),
        ("torch.rand(3, 9, 10)[0, 0, 0, 0]", None),
    ],
)
def test_a_subscript_that_does_not_tell_leaves_no_size(data: str, shape: tuple[int | None, ...] | None) -> None:
    assert only(f"{TORCH}x = {data}\nnn.Conv2d(3, 8, 3)(x)").input_shape == shape


def test_legal_sizes_and_the_difference_see_the_subscript() -> None:
    # PyTorch: a height of 12 leaves 2 rows, "Kernel size can't be greater than actual input size".
    text = CUT["rows"][0]
    legal = cw.read(text).legal_sizes()
    assert (legal.takes((12, 31)), legal.takes((13, 31))) == (False, True)
    with pytest.raises(cw.ShapeError) as caught:
        cw.read(text).trace((1, 3, 12, 31))
    assert "height" in str(caught.value)
    difference = cw.diff(PLAIN, text, (1, 3, 32, 31))
    assert not difference.equal
    assert "8 x 30 x 27 and 8 x 20 x 27" in str(difference)


def test_a_subscript_that_nobody_knows_is_named() -> None:
    error = refused(torch_net(CONV, "return self.conv(x[:, :, n:])"))
    assert (error.code, error.fact) == ("CW315", "`x[:, :, n:]` is not a straight line of layers")
    error = refused(torch_net(CONV, "return self.conv(x.mT)"))
    assert (error.code, error.fact) == (
        "CW314",
        "`self.conv(x.mT)` is on the way, and the text does not say what x.mT is",
    )


def test_a_part_of_a_functions_input_is_not_its_input() -> None:
    # tf.nn.conv1d(x[:, 0], ...) of a 1 x 9 x 10 x 3 gives 1 x 8 x 8 (TensorFlow 2.21): it reads the 10 x 3.
    layer = "tf.nn.conv1d(x[:, 0], tf.zeros((3, 3, 8)), 1, 'VALID')"
    assert cw.explain(f"x = tf.zeros((1, 9, 10, 3))\ny = {layer}").output == (1, 8, 8)
    assert refused(layer).fact == "`x[:, 0]` is not a straight line of layers"


def test_an_input_that_is_found_by_its_name_is_an_input() -> None:
    text = torch_net(CONV, 'return self.conv(x["image"])')
    assert texts(only(text)) == ["nn.Conv2d(3, 8, (3, 5))"]
    assert read_network_text(PLAIN).trace((1, 3, 9, 10)).rows[-1].output == (1, 8, 7, 6)


@pytest.mark.parametrize("name", [name for name, case in SIZED.items() if not isinstance(case[2], str)])
def test_an_output_size_is_the_size(name: str) -> None:
    text, shape, output = SIZED[name]
    assert cw.read(text).trace(shape).rows[-1].output == output
    if name != "none":
        error = refused(text)
        assert error.code == "CW315"
        assert "what ConvTranspose2d does with " in error.fact


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("too high", "output_size asks for 21, but the transposed convolution gives 19 to 20 from this input"),
        ("too narrow", "output_size asks for 30, but the transposed convolution gives 31 to 33 from this input"),
        ("of the input", "output_size asks for 13, but the transposed convolution gives 15 to 16 from this input"),
    ],
)
def test_an_output_size_that_the_stride_does_not_give_is_refused(name: str, fact: str) -> None:
    text, shape, _ = SIZED[name]
    with pytest.raises(cw.ShapeError) as caught:
        cw.read(text).trace(shape)
    assert caught.value.code == "CW103"
    assert fact in caught.value.fact
    assert caught.value.axis == ("width" if name == "too narrow" else "height")
    assert not cw.read(text).legal_sizes().takes(shape[2:])


def test_an_output_size_of_as_many_sizes_as_pytorch_does_not_read() -> None:
    # PyTorch 2.13: "ConvTranspose2D: for 4D input, output_size must have 2 or 4 elements (got 3)".
    text = SIZED["literal"][0].replace("(19, 33)", "(8, 19, 33)")
    with pytest.raises(cw.CodeError) as caught:
        cw.read(text).trace((1, 3, 9, 10))
    assert "output_size has 3 sizes where 2 or 4 are read" in caught.value.fact


@pytest.mark.parametrize("call", ARGUMENTS)
def test_what_a_block_is_handed_counts(call: str) -> None:
    text, shape, output = ARGUMENTS[call]
    assert cw.explain(text, shape).output == output
    assert cw.read(text).trace(shape).rows[-1].output == output


@pytest.mark.parametrize(
    ("layer", "call", "said"),
    [
        ("nn.Conv2d(3, 8, 3)", "x, 3", "another argument"),
        ("nn.Sequential(nn.Conv2d(3, 8, 3))", "x, scale=n", "scale="),
        ("nn.MaxPool2d(2)", "x, **more", "**"),
    ],
)
def test_an_argument_of_a_layers_call_is_not_dropped(layer: str, call: str, said: str) -> None:
    text = torch_net(f"self.layer = {layer}", f"return self.layer({call})")
    assert f"does with {said}" in refused(text).fact
    with pytest.raises(cw.CodeError) as caught:
        read_network_text(text)
    assert f"does with {said} is not modelled" in caught.value.fact


def test_arguments_that_change_no_shape_stay_accepted() -> None:
    for call in ("x, training=True", "x, True", "x, is_training", "inputs=x"):
        assert texts(only(f"y = keras.layers.Conv2D(8, 3)({call})")) == ["keras.layers.Conv2D(8, 3)"]
    model = "m = Sequential([Conv2D(8, 3, input_shape=(9, 10, 3))])"
    assert only(f"{model}\nm.predict(np.zeros((4, 9, 10, 3)), 32, verbose=0)").input_shape == (4, 9, 10, 3)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_model_is_the_model(name: str) -> None:
    text, shape, output = PARTS[name]
    assert cw.read(text).trace(shape).rows[-1].output == output


def test_two_parts_of_a_model_are_two() -> None:
    model = "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))"
    with pytest.raises(cw.CodeError, match=r"models in one text: .*a, b \[CW309\]"):
        cw.read(f"{TORCH}f = {model}\na = f[:1]\nb = f[1:]\n")


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_of_layers_counts(name: str) -> None:
    text, shape, output = CHANGED[name]
    assert cw.explain(text, shape).output == output
    assert cw.read(text).trace(shape).rows[-1].output == output


@pytest.mark.parametrize(
    ("template", "change"), [(template, change) for template, changes in NOT_MODELLED.items() for change in changes]
)
def test_a_change_that_is_not_followed_is_told(template: str, change: str) -> None:
    text = torch_net(template.format(change=change), "return self.f(x)")
    for error in (refused(text), told(text)):
        assert error.code in ("CW314", "CW315")
        assert error.code == "CW314" or "not modelled" in error.fact or "straight line" in error.fact


def told(text: str) -> cw.CodeError:
    with pytest.raises(cw.CodeError) as caught:
        read_network_text(text)
    return caught.value


def test_an_attribute_that_a_layer_works_by_is_named_with_its_line() -> None:
    # PyTorch 2.13 gives 1 x 8 x 34 x 31 after the change, Keras 3.15 1 x 4 x 3 x 8.
    error = refused(torch_net(f"{CONV}\nself.conv.padding = (2, 2)", "return self.conv(x)"))
    assert error.fact == "'padding' of a layer is changed after the layer was made, which is not modelled"
    assert "line 8: self.conv.padding" in error.detail
    model = f"{KERAS}model = keras.Sequential([layers.Conv2D(8, 3, name='c', input_shape=(9, 10, 3))])\n"
    for change in ("model.layers[0]", "model.get_layer('c')", "model.get_layer(index=0)"):
        assert "'strides' of a layer" in refused(f"{model}{change}.strides = (2, 3)").fact
        assert texts(only(f"{model}{change}.trainable = False"))


@pytest.mark.parametrize("size", ["max([3, -5], key=abs)", "sorted([3, 5], reverse=True)[0]", "sum([3], start=2)"])
def test_a_keyword_of_a_built_in_function_is_not_dropped(size: str) -> None:
    assert "is not in the text" in refused(f"nn.Conv2d(3, 8, {size})").fact


def test_numpys_integers_are_numbers_to_pytorch_alone() -> None:
    # PyTorch 2.13 gives 1 x 300 x 4 x 3; Keras 3.15: "The `strides` argument must be a tuple of 2 integers".
    layer = "nn.Conv2d(np.int8(3), np.int64(300), np.uint8(3), stride=(np.int64(2), 3))"
    assert cw.explain(f"{TORCH}import numpy as np\nmodel = {layer}", (1, 3, 9, 10)).output == (1, 300, 4, 3)
    keras = "import keras, numpy as np\nkeras.layers.Conv2D(8, 3, strides=np.int64(2))"
    assert "np.int64(2)" in refused(keras).fact
    assert "np.int8(300)" in refused(f"{TORCH}import numpy as np\nnn.Conv2d(3, 8, np.int8(300))").fact


def test_an_attribute_of_a_class_that_changes_reaches_the_classes_that_have_it_from_there() -> None:
    text = (
        "import torch\nimport torch.nn as nn\nclass A(nn.Module):\n    wide = 1\n    def __init__(self, c):\n        super().__init__()\n"
        "        self.c = nn.Conv2d(3, c * self.wide, 3)\n    def forward(self, x):\n        return self.c(x)\n"
        "class B(A):\n    pass\nclass D(A):\n    wide = 3\nclass E(B):\n    pass\n{change}\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a, self.b, self.d, self.e = A(4), B(4), D(4), E(4)\n"
        "    def forward(self, x):\n        return torch.cat([self.a(x), self.b(x), self.d(x), self.e(x)], 1)\n"
    )
    for change, widths in (
        ("", [4, 4, 12, 4]),
        ("A.wide = 2", [8, 8, 12, 8]),
        ("B.wide = 2", [4, 8, 12, 8]),
        ("B.wide = 2\nA.wide += 4", [20, 8, 12, 8]),
        ("def widen():\n    D.wide = 5\nwiden()", [4, 4, 20, 4]),
    ):
        rows = cw.read(text.format(change=change)).trace((1, 3, 9, 10))
        assert [row.output[1] for row in rows if row.output and row.name != "cat"] == widths, change
