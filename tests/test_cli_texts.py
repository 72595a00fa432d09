"""The command line on what people really hand over: paths that are not there, standard input, code as it was copied."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from convwise.cli import main


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and what was said on either stream, on lines as they are laid out."""
    capsys.readouterr()
    code = main(words)
    streams = capsys.readouterr()
    return code, " ".join((streams.out + streams.err).split())


# paths


@pytest.mark.parametrize("command", ["why", "plan", "port", "supports"])
@pytest.mark.parametrize("name", ["gone.keras", "gone.onnx", "gone.pt", "gone/model"])
def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str], command: str, name: str) -> None:
    code, said = told(capsys, command, name)
    assert code == 2
    assert f"'{name}' cannot be read: no such file" in said


@pytest.mark.parametrize("command", ["why", "plan", "port", "supports"])
def test_a_model_file_where_code_is_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.keras").write_bytes(b"PK")
    code, said = told(capsys, command, "m.keras")
    assert code == 2
    assert "it is a .keras file" in said
    assert "`convwise inspect m.keras` reads model files; here, give the code of a layer" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("inspect", "-", "--input", "3x8x8"), "8 x 6 x 6"),
        (("sizes", "-"), "n >= 3"),
        (("check", "-", "--input", "3x8x8"), "nothing to report"),
    ],
)
def test_code_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"nn.Conv2d(3, 8, 3)\n")))
    code, said = told(capsys, *words)
    assert (code, says in said) == (0, True), said


# lines copied out of a forward


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("F.max_pool2d(x, 2)", "1 x 3 x 8 x 8 -> 1 x 3 x 4 x 4"),
        ("F.conv2d(x, torch.zeros(8,3,3,3), padding=1)", "1 x 3 x 8 x 8 -> 1 x 8 x 8 x 8"),
        ("F.conv2d(input=x, weight=torch.zeros(8,3,3,3))", "1 x 3 x 8 x 8 -> 1 x 8 x 6 x 6"),
        ("torch.nn.functional.avg_pool2d(x, 2)", "1 x 3 x 8 x 8 -> 1 x 3 x 4 x 4"),
        ("x = F.max_pool2d(x, 2)\nx = F.relu(x)", "2 layers · PyTorch 2.13 · 1 x 3 x 8 x 8 -> 1 x 3 x 4 x 4"),
        ("F.relu(F.max_pool2d(x, 2))", "2 layers · PyTorch 2.13 · 1 x 3 x 8 x 8 -> 1 x 3 x 4 x 4"),
    ],
)
def test_a_function_of_a_name(capsys: pytest.CaptureFixture[str], code: str, says: str) -> None:
    told_code, said = told(capsys, "why", code, "1x3x8x8")
    assert told_code == 0
    assert says in said


def test_a_function_without_the_shape_of_its_weights(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", "F.conv2d(x, w, padding=1)", "1x3x8x8")
    assert code == 2
    assert "PyTorch F.conv2d: the shape of 'weight' is not in the text: w" in said
    assert "F.conv2d(x, torch.zeros(8, 3, 3, 3), ...)" in said


def test_a_function_of_a_name_is_no_layer_beside_others(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", "net = nn.Conv2d(3, 8, 3)\np = F.softmax(logits, dim=1)", "3x8x8")
    assert code == 0
    assert "Conv2d · PyTorch 2.13 · 3 x 8 x 8 -> 8 x 6 x 6" in said


def test_a_misspelt_layer_is_told_before_a_function_of_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", "x = Conv2F(32, 3)\ny = F.relu(h)", "8x8x3")
    assert code == 2
    assert "did you mean" in said


# lines without what stands around them

ADDED = "model.add(Conv2D(8, 3))\nmodel.add(MaxPooling2D(2))\nmodel.add(Flatten())\nmodel.add(Dense(10))"
HELD = "self.conv1 = nn.Conv2d(3, 8, 3)\nself.pool = nn.MaxPool2d(2)\nself.conv2 = nn.Conv2d(8, 16, 3)"


@pytest.mark.parametrize(
    ("code", "words", "says"),
    [
        (ADDED, ("28x28x1",), "4 layers · Keras 3.15 · 28 x 28 x 1 -> 10"),
        (ADDED, (), "4 layers · Keras 3.15 · ? x ? x ? x ? -> ? x 10"),
        (f"model.add(Input((28, 28, 1)))\n{ADDED}", (), "4 layers · Keras 3.15 · 28 x 28 x 1 -> 10"),
        (
            "model.add(Conv2D(8, 3))\nfor i in range(2):\n    model.add(Conv2D(8, 3))",
            ("28x28x1",),
            "28 x 28 x 1 -> 22 x 22 x 8",
        ),
    ],
)
def test_add_lines_alone_are_one_model(
    capsys: pytest.CaptureFixture[str], code: str, words: tuple[str, ...], says: str
) -> None:
    told_code, said = told(capsys, "why", code, *words)
    assert told_code == 0
    assert says in said


def test_lines_of_a_constructor_alone_have_no_order(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", HELD, "3x32x32")
    assert code == 2
    assert "3 layers, and the text does not show in which order they are applied" in said
    assert "give the code that applies them too (forward or call), or one of them" in said
    assert "or leave the input out: each is then explained by itself" in said
    code, said = told(capsys, "why", HELD)
    assert code == 0
    assert said.count("PyTorch 2.13") == 3


def test_two_models_are_told_with_what_the_command_line_offers(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", f"{ADDED}\nother.add(Conv2D(9, 3))", "28x28x1")
    assert code == 2
    assert "give one of them, or leave the input out" in said


# inputs


def test_sizes_apart_are_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", "Conv2D(32,3)", "64", "64", "3")
    assert code == 2
    assert "3 inputs of one axis each: 64 64 3" in said
    assert "did you mean 64x64x3?" in said
    assert "Reshape" not in said


@pytest.mark.parametrize(
    "words", [("Conv2D(32,3)", "64", "64"), ("nn.Linear(64, 3)", "64", "3"), ("Conv2D(32,3)", "64", "64x64x3")]
)
def test_other_inputs_of_one_axis_are_answered(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    code, said = told(capsys, "why", *words)
    assert code == 1
    assert "did you mean" not in said


# a wanted size

STEM = "nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))"


def test_a_wanted_size_is_told_of_every_input(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", "Conv2D(32, 3, strides=2)", "64x64x3", "65x65x3", "--want", "32x32")
    assert code == 0
    assert "64 x 64 x 3 -> 31 x 31 x 32, one less than 32 x 32" in said
    assert "65 x 65 x 3 -> 32 x 32 x 32, as wanted" in said


def test_a_chain_is_changed_towards_a_wanted_size(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = told(capsys, "why", STEM, "3x32x32", "--want", "16x16")
    assert code == 0
    assert "try Conv2d (0) padding=1 -> 8 x 16 x 16 MaxPool2d (1) padding=1 -> 8 x 16 x 16" in said


@pytest.mark.parametrize(
    ("code", "shape", "want", "says"),
    [
        (STEM, "3x32x32", "30x30", "wanted no small change of one layer gives 30 x 30"),
        (f"{STEM[:-1]}, nn.Flatten())", "1x3x32x32", "30", "30 is not aimed at: Flatten leaves no height and width"),
        (
            f"{STEM[:-1]}, nn.AdaptiveAvgPool2d(4))",
            "3x32x32",
            "5",
            "5 is not aimed at: AdaptiveAvgPool2d gives its own size, whatever comes in",
        ),
        ("nn.Sequential(nn.ReLU(), nn.Dropout())", "3x8x8", "4", "no layer has a window that could change"),
        ("Flatten()", "8x8x3", "12", "12 is not aimed at: Flatten has no window that could change"),
    ],
)
def test_a_wanted_size_that_nothing_aims_at_is_told(
    capsys: pytest.CaptureFixture[str], code: str, shape: str, want: str, says: str
) -> None:
    told_code, said = told(capsys, "why", code, shape, "--want", want)
    assert told_code == 0
    assert says in said
