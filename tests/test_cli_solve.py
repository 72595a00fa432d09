"""`convwise solve`: what it prints, its exit codes, and the same through `ask`."""

from __future__ import annotations

import json

import pytest

import convwise as cw
from convwise.ask import ask
from convwise.cli import main

ENCODER = "nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.MaxPool2d(2))"


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.delenv("CONVWISE_FORMAT", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words):
        capsys.readouterr()
        code = main(["solve", *words])
        return code, *capsys.readouterr()

    return call


def test_the_most_usual_come_first_and_the_bounds_are_told(run):
    code, out, err = run("--input", "28", "--output", "14")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "28 x 28 -> 14 x 14 · Keras 3.15 · 51 layers, the most usual first"
    assert lines[1] == "  Conv2D(32, 3, strides=2, padding='same')"
    assert lines[11] == "  and 41 more (--all)"
    assert "kernels 1 to 16 (or the stride, or a whole axis to or from one cell), strides 1 to 32" in out


def test_all_of_them(run):
    texts = cw.solve(28, 14, dialect="torch")
    code, out, _ = run("--input", "28", "--output", "14", "--dialect", "torch", "--all")
    assert code == 0
    assert [line.strip() for line in out.splitlines() if line.startswith("  nn.")] == texts
    assert run("--input", "28", "--output", "14", "--dialect", "torch", "--format", "concise")[1].splitlines() == texts


def test_several_sizes_and_fixed_words(run):
    code, out, _ = run(
        *("--input", "28x30", "--input", "56x60", "--output", "14x15", "--output", "28x30"),
        *("--kernel", "3x5", "--dialect", "torch", "--filters", "8", "--in-channels", "1", "--format", "concise"),
    )
    assert code == 0
    assert out == "nn.Conv2d(1, 8, (3, 5), stride=2, padding=(1, 2))\n"


def test_json_holds_one_object(run):
    code, out, _ = run("--input", "28", "--output", "14", "--kernel", "3", "--padding", "same", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["schema"] == 1
    assert told["layers"] == ["Conv2D(32, 3, strides=2, padding='same')"]
    assert (told["input"], told["output"], told["dialect"]) == ([[28, 28]], [[14, 14]], "keras")
    assert told["bounds"].startswith("kernels 1 to 16")
    assert out.count("\n") == 1


def test_nothing_solved_is_a_no_with_its_reason(run):
    code, out, err = run("--input", "28", "--output", "14", "--kernel", "3", "--stride", "1")
    assert (code, err) == (1, "")
    assert "no convolution of Keras gives 28 x 28 -> 14 x 14 with kernel=3, stride=1" in out
    assert "without stride=1: Conv2D(32, 3, strides=2, padding='same')" in out
    code, out, _ = run("--input", "28", "--output", "14", "--kernel", "3", "--stride", "1", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"], error["kind"]) == (1, "CW111", "ShapeError")
    assert "nearest: 28 x 28 -> 26 x 26: Conv2D(32, 3)" in error["hint"]
    code, out, _ = run("--input", "28", "--output", "14", "--padding", "same", "--dialect", "torch")
    assert code == 1
    assert "padding='same' is not supported for strided convolutions" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--input", "28"), "'output' is missing"),
        ((), "'input' is missing"),
        (("--input", "28", "--output", "14", "--output", "7"), "2 outputs for 1 input"),
        (("--input", "28xx", "--output", "14"), "is not a shape"),
        (("--input", "28", "--output", "14", "--kernel", "three"), "kernel='three': no integer"),
        (("--input", "28", "--output", "14", "--op", "pool"), "did you mean 'max_pool'?"),
        (("--input", "28", "--output", "14", "--dialect", "caffe"), "no dialect 'caffe'"),
        (("--input", "28", "--output", "14", "--kernal", "3"), "--kernel"),
    ],
)
def test_what_is_not_understood_is_exit_code_2(run, words, told):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert told in err


def test_a_decoder_is_shown_layer_by_layer(run):
    code, out, _ = run("--mirror", ENCODER, "--input", "27")
    assert code == 0
    assert out.splitlines() == [
        "7 x 7 -> 27 x 27 · PyTorch 2.13 · every size comes back",
        "  7 x 7 -> 14 x 14    nn.ConvTranspose2d(16, 16, 2, stride=2)",
        "  14 x 14 -> 27 x 27  nn.ConvTranspose2d(16, 3, 3, stride=2, padding=1)",
    ]
    told = json.loads(run("--mirror", ENCODER, "--input", "27", "--json")[1])
    assert [part["undoes"] for part in told["decoder"]] == ["MaxPool2d", "Conv2d"]
    assert (told["input"], told["output"]) == ([[7, 7]], [[27, 27]])
    code, out, _ = run("--mirror", ENCODER, "--input", "27", "--input", "28")
    assert code == 1
    assert "no one transposed layer gives every size back" in out


def test_an_adaptive_pool(run):
    assert run("--input", "28", "--output", "7", "--op", "adaptive_avg_pool")[1].splitlines() == [
        "28 x 28 -> 7 x 7 · Keras 3.15 · reads exactly the adaptive pool's windows",
        "  AveragePooling2D(4)",
    ]


def test_ask_takes_what_json_has():
    assert ask({"command": "solve", "input": [28, 56], "output": [14, 28], "kernel": 3})["layers"] == [
        "Conv2D(32, 3, strides=2, padding='same')"
    ]
    told = ask({"command": "solve", "input": [[28, 30]], "output": [[14, 15]], "kernel": [3, 5], "dialect": "torch"})
    assert told["layers"][0] == "nn.Conv2d(3, 32, (3, 5), stride=2, padding=(1, 2))"
    assert ask({"command": "solve", "input": 28})["error"]["message"] == "'output' is missing"
    assert ask({"command": "solve", "input": 28, "output": 14, "dialect": 3})["error"]["code"] == "CW606"
    assert ask({"command": "solve", "input": 28, "output": 14, "mirror": 3})["error"]["code"] == "CW606"
    assert ask({"command": "solve", "input": {"a": 1}, "output": 14})["error"]["code"] in ("CW601", "CW606")


def test_help_has_examples_and_the_bounds(run, capsys):
    assert main(["solve", "--help"]) == 0
    out = capsys.readouterr().out
    assert "convwise solve --input 28 --output 14" in out
    assert "kernels 1 to 16" in out
    assert "--mirror" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--input", "27x30x3", "--output", "14x15x32"), "Conv2D(32, 3, strides=2, padding='same')"),
        (
            ("--input", "3x27x30", "--output", "8x14x15", "--dialect", "torch"),
            "nn.Conv2d(3, 8, 3, stride=2, padding=1)",
        ),
        (("--input", "3x27x30", "--output", "32x14x15"), "Conv2D(32, 3, strides=2, padding='same')"),
        (("--input", "27x30x3", "--output", "14x15x32", "--kernel", "5x3x1"), "Conv2D(32, (5, 3), strides=2"),
        (("--input", "14x15x32", "--output", "28x30x16"), "Conv2DTranspose(16, 3, strides=2, padding='same')"),
    ],
)
def test_channels_among_the_sizes_are_told(run, words, says):
    code, out, _ = run(*words)
    told = " ".join(out.split())
    assert code == 1
    assert "sizes are given without channels: if " in told
    assert says in told
    assert "3D" not in told
    assert "3d" not in told


@pytest.mark.parametrize(("sizes", "noted"), [(("9x10x64", "5x5x32"), True), (("9x9x9", "5x5x5"), False)])
def test_sizes_of_three_axes_are_told_apart_from_channels(run, sizes, noted):
    code, out, _ = run("--input", sizes[0], "--output", sizes[1])
    assert code == 0
    assert "Conv3D" in out
    assert ("channels are no size: leave them out" in out) is noted


def test_sizes_of_four_axes_hold_more_than_sizes(run):
    code, _, err = run("--input", "1x9x10x3", "--output", "1x5x5x8")
    assert code == 2
    assert "spatial sizes alone, without batch and channels" in err
