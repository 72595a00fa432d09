"""What a text without layers, or one that is no code, is told."""

from __future__ import annotations

import sys

import pytest
from readers.reading import only, refused

from convwise.errors import ArgumentError, CodeError
from convwise.readers.source import read_text

PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor}"


def test_a_syntax_error_has_line_text_and_caret() -> None:
    error = refused("import keras\nx = Conv2D(32, 3))\n")
    assert isinstance(error, CodeError)
    assert error.code == "CW301"
    assert "line 2" in error.fact
    line, caret = error.detail.split("\n")
    assert line == "line 2: x = Conv2D(32, 3))"
    assert line[caret.index("^")] == ")"
    assert caret.index("^") == len(line) - 1
    assert PYTHON in error.hint


def test_the_caret_counts_characters_not_bytes() -> None:
    line, caret = refused("é = 'ä'; x = (1 2)").detail.split("\n")
    assert line[caret.index("^")] == "1"


def test_the_caret_counts_columns_of_wide_characters() -> None:
    line, caret = refused("x = '漢字'; y = (1 2)").detail.split("\n")
    assert caret.index("^") == line.index("1 2") + 2


def test_a_long_line_is_elided_around_the_caret() -> None:
    error = refused("x = [" + "1, " * 2000 + "2 3, " + "4, " * 2000 + "]")
    assert all(len(line) < 130 for line in error.detail.split("\n"))


def test_control_characters_are_escaped_in_every_echo() -> None:
    for text in ("x = (1 2) # \x1b[31m\u202e", "nn.Conv\u202e2d(3)", "Conv2D('\x1b[31m', 3)", "x = 1 +\x07"):
        assert not set(str(refused(text))) & {"\x1b", "\u202e", "\x07"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# only a comment",
        "x = 1",
        "print('hello')",
        "import keras",
        "def f(x):\n    return x",
        "'Conv2D(8, 3)'",
    ],
)
def test_no_layers(text: str) -> None:
    error = refused(text)
    assert error.code == "CW307"
    assert "nn.Conv2d" in error.hint


def test_bidirectional_controls_are_told() -> None:
    (note,) = read_text("Conv2D(8, 3)  # \u202e").notes
    assert note.code == "CW511"
    assert "line 1" in note.text
    assert "\\u202e" in note.text


def test_a_traceback_is_no_code() -> None:
    text = """Traceback (most recent call last):
  File "train.py", line 31, in <module>
    y = net(x)
  File "net.py", line 17, in forward
    return self.fc(x)
RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)
"""
    for pasted in (text, text.split("\n", 1)[1], "Epoch 1/10\n" + text):
        error = refused(pasted)
        assert error.code == "CW316"
        assert "2x1568 and 1050x10" in error.detail


def test_text_must_be_text() -> None:
    with pytest.raises(ArgumentError) as caught:
        read_text(b"Conv2D(8, 3)")  # type: ignore[arg-type]
    assert caught.value.code == "CW606"
    assert refused("Conv2D(8\0, 3)").code == "CW312"
    assert refused("Conv2D(8, 3) # \ud800").code == "CW312"
    assert only("\ufeffConv2D(8, 3)").layers[0].kind == "Conv2D"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * 131_073, "CW308"),
        ("é" * 70_000, "CW308"),
        ("(" * 101 + ")" * 101, "CW308"),
        ("-" * 100_000 + "1", "CW308"),
        ("Conv2D(" + "9" * 4301 + ", 3)", "CW313"),
        ("Conv2D(1e999, 3)", "CW313"),
        ("Conv2D(9**9**9, 3)", "CW313"),
        ("Conv2D(2**64, 3)", "CW313"),
    ],
)
def test_limits(text: str, code: str) -> None:
    assert refused(text).code == code


def test_just_inside_the_limits() -> None:
    assert only("Conv2D(8, 3)" + " " * (131_072 - 12)).layers[0].kind == "Conv2D"
    assert only("x = " + "(" * 90 + ")" * 90 + "\nConv2D(8, 3)").layers[0].kind == "Conv2D"
    assert refused("Conv2D(2**63, 3)").code not in ("CW313", "CW308")


def test_the_same_text_is_read_the_same_way_twice() -> None:
    text = "model = Sequential([Conv2D(8, 3, input_shape=(9, 9, 3)), ReLU()])"
    assert read_text(text).found[0].input_shape == read_text(text).found[0].input_shape
    assert str(refused("Conv2D(8, 3, stride=2)")) == str(refused("Conv2D(8, 3, stride=2)"))


def test_the_caret_in_an_indented_line() -> None:
    line, caret = refused("def f():\n    x = (1 2)").detail.split("\n")
    assert line == "line 2: x = (1 2)"
    assert line[caret.index("^")] == "1"


@pytest.mark.parametrize(
    ("text", "fact", "here"),
    [
        ("nn.Conv(8, 3)", "PyTorch has no layer 'Conv'; that is flax's name", "nn.Conv1d, nn.Conv2d or nn.Conv3d"),
        ("nn.Dense(5)", "PyTorch has no layer 'Dense'; that is Keras's and flax's name", "nn.Linear"),
    ],
)
def test_names_of_flax_under_a_prefix_that_may_be_pytorchs(text: str, fact: str, here: str) -> None:
    error = refused(text)
    assert (error.code, error.fact) == ("CW302", fact)
    assert f"here it is {here}; did you mean flax's?" in error.hint
    # What the hint says to do is enough.
    assert only(f"import flax.linen as nn\n{text}").layers[0].dialect == "jax"
    assert read_text(text, dialect="jax").found[0].layers[0].dialect == "jax"


@pytest.mark.parametrize("package", ["haiku", "equinox.nn"])
def test_a_layer_of_another_framework_is_told_whose_layers_are_known(package: str) -> None:
    error = refused(f"from {package} import Conv2D\nlayer = Conv2D(8, 3)")
    assert error.code == "CW302"
    assert f"it comes from '{package}', which is no framework known here" in error.fact
    for known in ("keras.layers", "torch.nn", "flax.nnx", "tf.nn", "jax.lax"):
        assert known in error.hint
