"""Names of files as people have them: with brackets, in capitals, and where a text is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import convwise as cw
from convwise.ask import ask
from convwise.cli import main
from convwise.readers.endings import is_path

LAYER = "import torch.nn as nn\nmodel = nn.Conv2d(3, 4, (3, 2))\n"
KERAS = '{"class_name": "Sequential", "config": {"name": "s", "layers": []}}'


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs the command line in a folder with files; the exit code, and what was said on either stream."""
    monkeypatch.chdir(tmp_path)
    Path("dir (2)").mkdir()
    for name in ("model (1).py", "dir (2)/m.py", "UP.PY"):
        Path(name).write_text(LAYER, encoding="utf-8")

    def call(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(words)
        streams = capsys.readouterr()
        return code, " ".join((streams.out + streams.err).split())

    return call


@pytest.mark.parametrize("name", ["model (1).py", "dir (2)/m.py", "UP.PY"])
def test_every_command_takes_the_name_of_a_file_that_exists(told: Any, name: str) -> None:
    for words in (
        ("why", name, "3x9x10"),
        ("inspect", name, "--input", "1x3x9x10"),
        ("check", name, "--input", "1x3x9x10"),
        ("sizes", name),
        ("port", name, "--to", "keras", "--input", "3x9x10"),
        ("plan", name, "3x9x10"),
    ):
        code, said = told(*words)
        assert code == 0, (words, said)
    assert cw.read(name).trace((1, 3, 9, 10)).rows[-1].output == (1, 4, 7, 9)
    assert cw.read(str(Path(name).absolute())).trace((1, 3, 9, 10)).rows[-1].output == (1, 4, 7, 9)


def test_code_with_a_bracket_is_code_unless_a_file_is_called_so(told: Any) -> None:
    for code in ("Conv2D(8, 3)  # as in net.py", "nn.Conv2d(3, 4, 3)"):
        assert not is_path(code)
    Path("net (3).onnx").write_bytes(b"")
    assert is_path("net (3).onnx")
    assert not is_path("net (4).onnx")


def test_a_model_file_with_a_bracket_is_opened_and_its_name_quoted(told: Any) -> None:
    Path("net (1).json").write_text(KERAS, encoding="utf-8")
    _, said = told("inspect", "net (1).json")
    assert "CW307" not in said
    assert "CW301" not in said
    code, said = told("why", "net (1).json")
    assert code == 2
    assert "`convwise inspect 'net (1).json'` reads model files" in said


@pytest.mark.parametrize("name", ["n.json", "n.keras", "N.H5"])
def test_a_file_named_as_keras_names_them_is_not_called_a_broken_onnx_file(told: Any, name: str) -> None:
    Path(name).write_text("this is a story", encoding="utf-8")
    code, said = told("check", name)
    assert code == 2
    assert "neither a zip archive (.keras), nor HDF5 (.h5), nor a JSON object" in said
    assert "ModelProto" not in said


@pytest.mark.parametrize("given", ["model.py", "nets/unet", "unet.onnx", Path("model.py")])
def test_python_is_told_what_to_do_with_a_path_where_text_is_wanted(told: Any, given: object) -> None:
    for asked in (cw.explain, cw.port, cw.supports):
        with pytest.raises(cw.ConvwiseError) as caught:
            asked(given)
        assert "open(path).read(); convwise.read(path) opens source and model files itself" in caught.value.hint


def test_a_stranger_does_not_learn_which_files_exist(told: Any) -> None:
    replies = [ask({"command": "why", "code": name}) for name in ("model (1).py", "model (2).py")]
    assert replies[0]["error"]["message"] == replies[1]["error"]["message"]
