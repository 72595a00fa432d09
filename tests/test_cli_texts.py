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
