"""inspect, sizes and check through the one door, on source text; and `read` on what is no model."""

from __future__ import annotations

import json

import pytest

import convwise as cw
from convwise.ask import ask, attempt, exit_code
from convwise.cli import main

NET = (
    "nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), "
    "nn.Conv2d(8, 16, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))"
)


def test_inspect_gives_rows_and_totals_that_add_up() -> None:
    told = ask({"command": "inspect", "model": NET, "input": "2x3x33x40"})
    assert told["schema"] == 1
    assert [row["output"] for row in told["rows"]][:2] == [[2, 8, 16, 19], [2, 8, 16, 19]]
    assert (
        told["totals"]["params"]
        == sum(row["params"] for row in told["rows"])
        == 3 * 8 * 9 + 8 + 16 + 8 * 16 * 9 + 16 + 170
    )
    assert told["totals"]["flops"] == 2 * told["totals"]["macs"]
    assert told["rows"][3]["receptive_field"] == [5, 5]


def test_sizes_tells_the_set_and_the_nearest() -> None:
    told = ask({"command": "sizes", "model": NET, "near": "4x50"})
    assert told["axes"]["height"]["text"] == "n >= 5"
    assert told["axes"]["height"]["minimum"] == 5
    assert [(fit["axis"], fit["above"], fit["below"]) for fit in told["near"]] == [
        ("height", 5, None),
        ("width", 50, 50),
    ]
    for size in (5, 4):
        works = "error" not in ask({"command": "inspect", "model": NET, "input": [1, 3, size, 9]})
        assert works == (size in cw.read(NET).legal_sizes()["height"])


def test_check_is_a_no_where_an_error_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", NET, "--input", "1x3x33x40"]) == 0
    assert main(["check", NET, "--input", "1x3x4x40"]) == 1
    assert "error" in capsys.readouterr().out
    outcome = attempt({"command": "check", "model": NET, "input": "1x3x33x40", "strict": True})
    assert exit_code(outcome) in (0, 1)


def test_the_table_can_be_sorted_filtered_folded_and_written_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", NET, "--input", "1x3x33x40", "--only", "conv2d", "--sort", "macs"]) == 0
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "Conv2d" in line]
    assert lines == ["4", "0"]
    assert main(["inspect", NET, "--input", "1x3x33x40", "--csv"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("name,op,module,input,output,params")
    assert second.startswith("0,Conv2d,")
    assert main(["inspect", NET, "--sort", "height"]) == 2
    assert "no order 'height'" in capsys.readouterr().err
    assert main(["inspect", NET, "--input", "1x3x33x40", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "0"


def test_levels_come_from_pyproject(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "pyproject.toml").write_text('[tool.convwise.levels]\nCW502 = "error"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    assert main(["check", NET, "--input", "1x3x34x40"]) == 1
    assert "error CW502" in capsys.readouterr().out
    (folder / "pyproject.toml").write_text('[tool.convwise.levels]\nCW502 = "loud"\n', encoding="utf-8")
    assert main(["check", NET, "--input", "1x3x34x40"]) == 2
    assert "no level 'loud'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing.onnx", "missing.onnx"),
        (b"PK\x03\x04", "the archive has no end record"),
        (b"", "empty"),
        (42, "a network is a path, source text or a live model, not int"),
        ("nn.Linear(3, 4)", "no input shape"),
    ],
)
def test_what_is_no_model_is_said(source: object, words: str) -> None:
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.read(source)
    assert words in str(caught.value)


def test_our_own_models_are_networks_too() -> None:
    from convwise import keras

    model = keras.Sequential([keras.layers.Conv2D(8, 3), keras.layers.MaxPooling2D((2, 3)), keras.layers.Flatten()])
    network = cw.read(model, input_shape=(9, 10, 3))
    assert [row.output for row in network.trace()] == [(None, 7, 8, 8), (None, 3, 2, 8), (None, 48)]
