"""The one function that opens a path."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from convwise.ask import ask
from convwise.errors import ArgumentError, CodeError
from convwise.readers.files import LONGEST_NOTEBOOK, Block, read_path_or_text
from convwise.readers.models import read
from convwise.readers.source import read_text

CODE = "import keras\nkeras.layers.Conv2D(8, 3)"


@pytest.mark.parametrize(
    "code", ["Conv2D(8, 3)", "model.py(3)", "nn.Conv2d", "x = 1\nmodel.py", "", "a" * 5000 + ".py", "m\0.py", "🙂"]
)
def test_text_is_text(code: str) -> None:
    text, origin = read_path_or_text(code)
    assert (text, origin.kind, origin.path) == (code, "text", None)


def test_a_source_file(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_bytes(b"\xef\xbb\xbf# coding: rot13\r\n" + CODE.encode().replace(b"\n", b"\r\n"))
    text, origin = read_path_or_text(str(path))
    assert text == "# coding: rot13\n" + CODE
    assert (origin.kind, origin.path) == ("py", str(path))


def test_a_markdown_file(tmp_path: Path) -> None:
    path = tmp_path / "question.md"
    path.write_text(f"# Why\n\n```python\n{CODE}\n```\n\nor\n\n```python\nReLU()\n```\n", encoding="utf-8")
    text, origin = read_path_or_text(str(path))
    assert origin.kind == "md"
    assert origin.blocks == (Block(CODE, 4), Block("ReLU()", 11))
    assert [found.line for found in read_text(text).found] == [5, 11]


def notebook(*cells: object) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4})


def test_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "net.ipynb"
    cells = notebook(
        ["%matplotlib inline\n", "import keras\n"],
        "!pip install keras\nx = 3",
        "%%bash\nls",
        "%%time\nkeras.layers.Conv2D(8, x)\nmodel?",
    )
    path.write_text(cells.replace('"nbformat"', '"more": [{"cell_type": "code"}], "nbformat"'), encoding="utf-8")
    text, origin = read_path_or_text(str(path))
    assert [block.text.strip() for block in origin.blocks] == ["import keras", "x = 3", "keras.layers.Conv2D(8, x)"]
    for block in origin.blocks:
        assert text.split("\n")[block.line - 1 :][: block.text.count("\n") + 1] == block.text.split("\n")
    assert read_text(text).found[0].layers[0].call.args == (8, 3)


def test_an_old_notebook(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    path.write_text(
        json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["ReLU()"]}]}]}), encoding="utf-8"
    )
    assert read_path_or_text(str(path))[0] == "ReLU()"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.py", None, "no such file"),
        ("model.onnx", b"x", "a .onnx file"),
        ("model.keras", b"x", "`convwise inspect model.keras` reads model files"),
        ("gone.keras", None, "no such file"),
        ("gone.pt", None, "no such file"),
        ("folder/gone", None, "no such file"),
        ("Makefile", b"x", "a file whose name has no ending"),
        ("long.py", b"x" * 200_000, "200,000 bytes"),
        ("long.ipynb", b" " * (LONGEST_NOTEBOOK + 1), "too long"),
        ("deep.ipynb", b"[" * 100_000, "nested more than 64 deep"),
        ("wide.ipynb", b'{"cells": [' + b"1," * 1_100_000 + b"1]}", "too many items"),
        ("broken.ipynb", b'{"cells": [', "no notebook"),
        ("list.ipynb", b"[1, 2]", "no cells"),
        ("number.ipynb", b'{"cells": ' + b"9" * 5000 + b"}", "no cells"),
        ("empty.ipynb", b'{"cells": []}', "no code"),
        ("odd.ipynb", b'{"cells": [1, {}, {"cell_type": "code", "source": 3}]}', "no code"),
        ("escape\x1b.py", None, "\\x1b"),
    ],
)
def test_paths_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, says: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a long path would be elided in the message
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(ArgumentError) as caught:
        read_path_or_text(name)
    assert caught.value.code == "CW608"
    assert says in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    paths = [str(tmp_path / "folder.py"), str(tmp_path)]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.py")  # opening it for reading would wait for ever
        paths.append(str(tmp_path / "pipe.py"))
    for path in paths:
        with pytest.raises(ArgumentError) as caught:
            read_path_or_text(path)
        assert caught.value.code == "CW608"


def test_text_must_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("# é".encode("latin-1"))
    with pytest.raises(CodeError) as caught:
        read_path_or_text(str(tmp_path / "latin.py"))
    assert caught.value.code == "CW312"
    assert "0xe9" in caught.value.fact


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(raw: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    given(CODE.encode())
    text, origin = read_path_or_text("-")
    assert (text, origin.kind) == (CODE, "stdin")
    given(b"x" * 200_000)
    with pytest.raises(ArgumentError, match="too long"):
        read_path_or_text("-")


# notebooks as they are


def written(tmp_path: Path, *cells: object) -> str:
    path = tmp_path / "net.ipynb"
    path.write_text(notebook(*cells), encoding="utf-8")
    return str(path)


def test_magics_of_all_kinds(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "files = !ls\nfor name in files:\n    !echo $name\nif files:\n    %matplotlib inline",
        "%time net = nn.Sequential(nn.Conv2d(3, 8, 3),\n    nn.ReLU())",
        "share = (50\n  % 7)",
    )
    text, origin = read_path_or_text(path)
    assert origin.notes == ()
    assert text.startswith("files = ...\nfor name in files:\n    pass\nif files:\n    pass")
    assert "share = (50\n  % 7)" in text, "a line of an expression is no magic"
    assert [layer.kind for layer in read_text(text).found[0].layers] == ["Conv2d", "ReLU"]


def test_a_cell_that_is_no_python_is_left_out_and_told(tmp_path: Path) -> None:
    path = written(tmp_path, "x = 8", "y = 1\nprint 'ready'", "nn.Conv2d(3, x, 3)")
    text, origin = read_path_or_text(path)
    assert "ready" not in text
    assert [block.cell for block in origin.blocks] == [1, 3]
    assert [note.code for note in origin.notes] == ["CW510"]
    assert origin.notes[0].text.startswith("cell 2 was left out: syntax error on line 2: ")
    told = ask({"command": "why", "code": path, "inputs": ["3x8x8"]}, files=True)["explanations"][0]
    assert told["output"] == [8, 6, 6]
    assert told["findings"][0]["text"] == origin.notes[0].text
    network = read(path, input_shape=(1, 3, 8, 8))
    assert network.notes == origin.notes
    assert network.nodes[0].place == "cell 3, line 1"


def test_a_notebook_without_any_python(tmp_path: Path) -> None:
    with pytest.raises(CodeError, match="cell 2: syntax error on line 1") as caught:
        read_path_or_text(written(tmp_path, "%%bash\nls", "print 'x'"))
    assert caught.value.code == "CW301"


@pytest.mark.parametrize("command", ["why", "inspect", "port", "supports", "plan", "check"])
def test_errors_tell_the_cell_and_its_line(tmp_path: Path, command: str) -> None:
    path = written(tmp_path, "x = 3\n\ny = 4", "print 'x'", "import torch.nn as nn", "\n\nnn.Conv2d(3, 8, 3, q=1)")
    name = "model" if command in ("inspect", "check") else "code"
    error = ask({"command": command, name: path}, files=True)["error"]
    assert error["code"] == "CW305"
    assert "cell 4, line 3: nn.Conv2d(3, 8, 3, q=1)" in error["detail"]
    assert "cell 2 was left out" in error["detail"]
