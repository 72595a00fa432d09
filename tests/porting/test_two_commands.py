"""`convwise diff`, `port` and `supports`: what they print, their JSON, and how they end."""

from __future__ import annotations

import json

import pytest

from convwise.ask import ask
from convwise.cli import main

KERAS = "Conv2D(4, 3, strides=2, padding='same')"
TORCH = "nn.Conv2d(3, 4, 3, stride=2, padding=1)"


def test_diff_ends_with_one_where_they_are_not_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", KERAS, TORCH, "8x8x3"]) == 1
    assert "all are shifted by 1 cell" in capsys.readouterr().out.replace("\n                  ", " ")
    assert main(["diff", KERAS, TORCH, "9x9x3"]) == 0
    assert main(["diff", KERAS, TORCH, "8x8x3", "--format", "concise"]) == 1
    assert len(capsys.readouterr().out.splitlines()) > 1


def test_diff_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", KERAS, TORCH, "8x8x3", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["equal"], told["same_shape"], told["same_windows"]) == (1, False, True, False)
    assert told["proved_by"] == "reference"
    assert told["max_abs_difference"] > 0.5
    assert told["exact"] == "nn.ZeroPad2d((0, 1, 0, 1)), then nn.Conv2d(3, 4, 3, stride=2)"


def test_an_infinite_difference_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["diff", "nn.LeakyReLU(1e308)", "nn.LeakyReLU(-1e308)", "1x2x5x5"]
    assert main([*words, "--json"]) == 1
    streams = capsys.readouterr()
    told = json.loads(streams.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (told["equal"], told["max_abs_difference"], told["max_rel_difference"]) == (False, None, None)
    assert told["largest_output"] > 1e307
    assert streams.err == ""
    request = {"command": "diff", "code": words[1], "other": words[2], "input": words[3]}
    assert json.dumps(ask(request), allow_nan=False)
    assert main(words) == 1
    assert "the largest difference is inf" in " ".join(capsys.readouterr().out.split())


def test_port_prints_code_and_proof_or_the_code_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["port", KERAS, "--to", "torch", "--input", "8x8x3"]) == 0
    full = capsys.readouterr().out
    assert "proof           equal" in full
    assert main(["port", KERAS, "--input", "8x8x3", "--format", "concise"]) == 0
    code = capsys.readouterr().out
    assert code.rstrip("\n") in full
    assert code.startswith("from torch import nn")
    compile(code, "port", "exec")
    assert main(["port", KERAS, "--to", "keras", "--input", "8x8x3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["proof"]["equal"] is True


def test_port_ends_with_one_where_nothing_exact_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["port", "nn.Upsample(scale_factor=2, mode='bicubic')", "--to", "keras", "--input", "1x3x9x10"]
    assert main(words) == 1
    assert "CW211" in capsys.readouterr().out
    assert main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "Refusal"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["port", KERAS, "--to", "caffe"], "CW602"),
        (["port", "Conv2D(4)"], "CW303"),
        (["port", KERAS, "--release", "9.9"], "CW603"),
        (["diff", KERAS, "nn.Conv2d(", "8x8x3"], "CW301"),
        (["diff", KERAS, TORCH, "8xx"], "CW601"),
    ],
)
def test_what_is_not_understood_ends_with_two(words: list[str], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert code in capsys.readouterr().err


def test_other_channels_are_a_no_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", KERAS, "nn.Conv2d(3, 5, 3)", "8x8x3"]) == 1
    told = capsys.readouterr().out
    assert "CW102" in told
    assert "give both 4 channels, or both 5" in told


def test_supports_as_table_json_and_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["supports", KERAS, "--input", "8x8x3"]) == 0
    assert "padding='same' is not supported" in capsys.readouterr().out.replace("\n    ", " ")
    assert main(["supports", KERAS, "--input", "8x8x3", "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("| framework |")
    assert main(["supports", KERAS, "--input", "8x8x3", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["framework"].split()[0] for row in rows] == ["Keras", "PyTorch", "TensorFlow", "JAX", "ONNX"]


def test_a_layer_that_its_own_framework_refuses_is_a_no(capsys: pytest.CaptureFixture[str]) -> None:
    for options in ((), ("--json",), ("--markdown",), ("--format", "concise")):
        assert main(["supports", "nn.Conv2d(3, 4, 3, stride=2, padding='same')", *options]) == 1
        told = capsys.readouterr()
        assert "refused" in told.out
        assert not told.err
    assert main(["supports", "nn.Conv2d(3, 4, 3, stride=2, padding=1)"]) == 0


def test_a_request_of_another_form_is_told_so() -> None:
    assert "'other' must be text" in ask({"command": "diff", "code": KERAS})["error"]["message"]
    assert (
        "'real' must be" in ask({"command": "diff", "code": KERAS, "other": TORCH, "real": "yes"})["error"]["message"]
    )
    assert "'to' must be text" in ask({"command": "port", "code": KERAS, "to": 3})["error"]["message"]
    assert "did you mean 'input'" in ask({"command": "port", "code": KERAS, "inputs": ["8x8x3"]})["error"]["hint"]
