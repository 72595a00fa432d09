"""One layer in a text: how it may be spelled, and which framework it speaks to."""

from __future__ import annotations

import pytest
from readers.reading import only, refused

from convwise.dialects.base import Call, Unknown
from convwise.errors import CodeError
from convwise.readers.source import read_layer, read_text


@pytest.mark.parametrize(
    ("text", "dialect", "kind"),
    [
        ("Conv2D(32, 3)", "keras", "Conv2D"),
        ("keras.layers.Conv2D(32, 3)", "keras", "Conv2D"),
        ("layers.Conv2D(32, 3)", "keras", "Conv2D"),
        ("tf.keras.layers.Conv2D(32, 3)", "keras", "Conv2D"),
        ("tensorflow.keras.layers.Conv2D(32, 3)", "keras", "Conv2D"),
        ("keras.layers.convolutional.Conv2D(32, 3)", "keras", "Conv2D"),
        ("import keras.layers as L\nL.Conv2D(32, 3)", "keras", "Conv2D"),
        ("from tensorflow.keras import layers as kl\nkl.Conv2D(32, 3)", "keras", "Conv2D"),
        ("from keras.layers import Conv2D as C\nC(32, 3)", "keras", "Conv2D"),
        ("from keras.layers import *\nConv2D(32, 3)", "keras", "Conv2D"),
        ("layer = Conv2D(32, 3)", "keras", "Conv2D"),
        ("nn.Conv2d(3, 16, 3)", "torch", "Conv2d"),
        ("Conv2d(3, 16, 3)", "torch", "Conv2d"),
        ("torch.nn.Conv2d(3, 16, 3)", "torch", "Conv2d"),
        ("torch.nn.modules.conv.Conv2d(3, 16, 3)", "torch", "Conv2d"),
        ("from torch import nn as N\nN.Conv2d(3, 16, 3)", "torch", "Conv2d"),
        ("import torch\nDropout(0.5)", "torch", "Dropout"),
        ("import keras\nDropout(0.5)", "keras", "Dropout"),
        ("MaxPool2d(2)", "torch", "MaxPool2d"),
        ("MaxPool2D(2)", "keras", "MaxPool2D"),
    ],
)
def test_spellings_and_dialects(text: str, dialect: str, kind: str) -> None:
    snippet = read_text(text)
    assert snippet.dialect == dialect
    (found,) = snippet.found
    (layer,) = found.layers
    assert (layer.dialect, layer.kind) == (dialect, kind)
    assert found.input_shape is None


def test_the_dialect_can_be_forced() -> None:
    assert read_text("Dropout(0.5)", dialect="torch").dialect == "torch"
    assert read_text("Dropout(0.5)", dialect="keras").dialect == "keras"
    assert refused("nn.Conv2d(3, 16, 3)", dialect="keras").code == "CW302"
    assert refused("Conv2D(3, 3)", dialect="caffe").code == "CW602"
    assert refused("Conv2D(3, 3)", release="99.9").code == "CW603"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("pytorch", "torch"), ("PyTorch", "torch"), ("tf", "tensorflow"), ("flax", "jax"), ("ONNX", "onnx")],
)
def test_another_name_of_a_dialect_is_understood(name: str, meant: str) -> None:
    assert refused("Conv2D(3, 3)", dialect=name).hint == f"did you mean {meant!r}?"


def test_a_dialect_like_no_other_lists_them() -> None:
    assert refused("Conv2D(3, 3)", dialect="caffe").hint == "the dialects are keras, torch, tensorflow, jax, onnx"


@pytest.mark.parametrize("call", ["Conv2D(8, {})", "nn.Conv2d(3, 8, {})"])
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("n", "write a number for kernel_size, or give the line that assigns n"),
        ("cfg.k", "write a number for kernel_size, or give the line that assigns cfg.k"),
        ("cfg['k']", "write a number for kernel_size, or give the line that assigns cfg"),
        ("2 * n + int(w)", "write a number for kernel_size, or give the lines that assign n and w"),
        *(
            (value, "write a number for kernel_size in its place")
            for value in ("1j", "...", "f'{n}'", "b'3'", "random.randint(1, 5)", "3 if a else 5", "lambda x: x")
        ),
    ],
)
def test_what_to_do_about_a_missing_value_fits_how_it_is_written(call: str, value: str, hint: str) -> None:
    error = refused(call.format(value))
    assert (error.code, error.hint) == ("CW314", hint)


def test_the_lines_that_are_asked_for_give_the_value() -> None:
    for lines, value in (
        ("n = 3", "n"),
        ("cfg.k = 3", "cfg.k"),
        ("cfg = {'k': 3}", "cfg['k']"),
        ("n, w = 1, 1.5", "2 * n + int(w)"),
    ):
        (found,) = read_text(f"{lines}\nConv2D(8, {value})").found
        assert found.layers[0].window_op.kernel == (3, 3)


def test_the_call_keeps_its_text_and_line() -> None:
    (layer,) = only("import keras\n\nx = keras.layers.Conv2D(32, (3, 5), padding='same')").layers
    assert layer.call == Call(
        "Conv2D", (32, (3, 5)), (("padding", "same"),), "keras.layers.Conv2D(32, (3, 5), padding='same')", 3
    )
    assert layer.name == "x"


def test_names_and_sums_are_filled_in() -> None:
    text = "n = 4\nk = (3,) * 2\nConv2D(\n    2 ** n,  # filters\n    k, strides=[1, 7 // 3])"
    (layer,) = only(text).layers
    assert layer.call.text == "Conv2D(16, (3, 3), strides=(1, 2))"
    assert layer.call.args == (16, (3, 3))
    assert layer.call.line == 3


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 1", 6),
        ("7 // 2", 3),
        ("-7 // 2 * -1", 4),
        ("2 ** 5", 32),
        ("1 << 4", 16),
        ("7 % 4", 3),
        ("(3, 5)[1]", 5),
        ("[2, 4, 6][-1]", 6),
        ("{'a': 9}['a']", 9),
        ("max(3, 8)", 8),
        ("int(64 / 4)", 16),
        ("len((1, 2, 3))", 3),
        ("8 if True else 9", 8),
        ("math.ceil(7 / 2)", 4),
        ("sum(range(4))", 6),
        ("(lambda v: v * 2)(6)", 12),
        ("round(2.6)", 3),
        ("abs(-3)", 3),
        ("min([4, 2])", 2),
        ("dict(a=5).get('a')", 5),
    ],
)
def test_small_arithmetic(expression: str, value: int) -> None:
    assert only(f"Conv2D({expression}, 3)").layers[0].call.args == (value, 3)


def test_what_is_not_in_the_text_is_unknown() -> None:
    (layer,) = only("Conv2D(8, 3, kernel_initializer=start(), activation=my_function)").layers
    assert dict(layer.call.kwargs) == {"kernel_initializer": Unknown("start()"), "activation": Unknown("my_function")}
    error = refused("filters = int(input())\nConv2D(filters, 3)")
    assert error.code == "CW314"
    assert "filters" in error.fact
    assert "line 2" in error.detail


def test_a_framework_function_is_an_activation_by_its_name() -> None:
    (layer,) = only("Conv2D(8, 3, activation=tf.nn.relu)").layers
    assert dict(layer.call.kwargs) == {"activation": "relu"}
    (layer,) = only("Conv2D(8, 3, activation=keras.layers.LeakyReLU(0.2))").layers
    assert isinstance(dict(layer.call.kwargs)["activation"], Call)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("nn.Conv2D(3, 16, 3)", "Conv2d"),
        ("keras.layers.Conv2d(16, 3)", "Conv2D"),
        ("Conv2DD(16, 3)", "Conv2D"),
        ("conv2d(16, 3)", "Conv2D"),
        ("nn.Conv3(3, 16, 3)", "Conv3d"),
        ("layers.MaxPoling2D(2)", "MaxPool"),
    ],
)
def test_an_unknown_layer_gets_the_nearest_name(text: str, hint: str) -> None:
    error = refused(text)
    assert isinstance(error, CodeError)
    assert error.code == "CW302"
    assert hint in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "from evil import Conv2D\nConv2D(8, 3)",
        "import evil as nn\nnn.Conv2d(3, 8, 3)",
        "class Conv2D: ...\nConv2D(8, 3)",
    ],
)
def test_the_import_decides_what_a_name_means(text: str) -> None:
    error = refused(text)
    assert error.code == "CW302"
    assert "line" in error.detail


def test_layers_that_are_not_modelled_are_told_so() -> None:
    assert refused("nn.LSTM(3, 4)").code == "CW317"
    assert refused("layers.LSTM(3)").code == "CW317"


def test_things_that_are_no_layers_are_passed_over() -> None:
    text = """
import torch.nn as nn
from torch.utils.data import DataLoader
criterion = nn.CrossEntropyLoss()
loader = DataLoader(data, batch_size=32)
conv = nn.Conv2d(3, 8, 3)
optimizer = torch.optim.SGD(conv.parameters(), lr=0.1)
for epoch in range(100):
    for x, y in loader:
        loss = criterion(conv(x), y)
        loss.backward()
plt.plot(history['loss'])
"""
    assert [layer.kind for layer in only(text).layers] == ["Conv2d"]


def test_read_layer_takes_one_layer_or_one_chain() -> None:
    assert [layer.kind for layer in read_layer("nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())")] == ["Conv2d", "ReLU"]
    with pytest.raises(CodeError) as caught:
        read_layer("Conv2D(8, 3)\nConv2D(9, 3)")
    assert caught.value.code == "CW309"


def test_errors_of_a_layer_learn_its_name_and_line() -> None:
    error = refused("import torch.nn as nn\nstem = nn.Conv2d(3, 16, 3, stride=0)\n")
    assert error.layer == "'stem' (PyTorch Conv2d)"
    assert "line 2: nn.Conv2d(3, 16, 3, stride=0)" in error.detail
    assert "line" not in refused("nn.Conv2d(3, 16, 3, stride=0)").detail


def test_given_twice_and_spread_arguments() -> None:
    assert refused("Conv2D(8, kernel_size=3, kernel_size=5)").code == "CW306"
    assert refused("Conv2D(8, 3, **options)").code == "CW314"
    assert refused("Conv2D(*sizes)").code == "CW314"
    (layer,) = only("options = dict(padding='same')\nsizes = [8, 3]\nConv2D(*sizes, **options)").layers
    assert layer.call.args == (8, 3)
    assert dict(layer.call.kwargs) == {"padding": "same"}


def test_texts_of_calls_behind_letters_of_several_bytes() -> None:
    assert only("größe = 3; é = nn.Conv2d(3, 8, 3)  # ü").layers[0].call.text == "nn.Conv2d(3, 8, 3)"


def test_a_layer_of_nobody_knows_whom_is_told_beside_others() -> None:
    evil, good = read_text("from evil import Conv2D\nConv2D(8, 3)\nnn.Conv2d(3, 8, 3)").found
    assert evil.error is not None
    assert evil.error.code == "CW302"
    assert good.layers[0].kind == "Conv2d"
