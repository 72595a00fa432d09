"""The command line: what goes where, the exit codes, JSON, and terminals of all kinds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import GOOD, MALFORMED, REFUSED, SNIPPET, TOO_SMALL, UNKNOWN, process, runner


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return runner(capsys, monkeypatch)


# exit codes and streams


def test_an_answer_goes_to_standard_output(run: Any) -> None:
    answer = run(*GOOD)
    assert (answer.code, answer.err) == (0, "")
    assert "64 x 64 x 3 -> 31 x 31 x 32" in answer.out
    assert "floor((64 + 0 + 0 - 3) / 2) + 1 = 31" in answer.out


def test_a_shape_that_does_not_work_is_an_answer_too(run: Any) -> None:
    answer = run(*TOO_SMALL)
    assert (answer.code, answer.err) == (1, "")
    assert "the window spans 7 but only 5 cells exist" in answer.out
    assert "CW104" in answer.out
    assert "Kernel size can't be greater than actual input size" in " ".join(answer.out.split())


def test_a_refusal_is_an_answer_too(run: Any) -> None:
    answer = run(*REFUSED)
    assert (answer.code, answer.err) == (1, "")
    assert "padding='same' is not supported for strided convolutions" in answer.out
    assert "CW202" in answer.out
    assert "padding=1" in answer.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (UNKNOWN, "CW302"),
        (MALFORMED, "CW601"),
        (["why", "Conv2D(32, 3"], "CW301"),
        (["why", "Conv2D(32, 3)", "64x64x3", "--dialect", "caffe"], "CW602"),
        (["why", "Conv2D(32, 3)", "64x64x3", "--release", "0.1"], "CW603"),
        (["why", "Conv2D(32, 3)", "64x64x3", "--want", "32by32"], "CW604"),
        (["why", "Conv2D(32, 3)", "64x64x3", "--format", "long"], "CW606"),
        (["why", "Conv2D(32, 3)", "-5x5x3"], "CW601"),
        (["why", "no-such-file.py"], "CW608"),
        (["why"], "CW606"),
        (["why", "x", "--jason"], "CW606"),
        (["wyh"], "CW606"),
        (["rule", "CW999"], "CW606"),
        (["doctor", "strange"], "CW606"),
        (["--nothing"], "CW606"),
    ],
)
def test_what_cannot_be_understood_goes_to_standard_error(run: Any, words: list[str], code: str) -> None:
    answer = run(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert code in answer.err
    assert "Traceback" not in answer.err
    told = run(*words, "--json")
    assert told.code == 2
    assert told.json["schema"] == 1
    assert told.json["error"]["code"] == code
    assert told.json["error"]["kind"] in ("CodeError", "ArgumentError")


def test_a_slip_gets_the_nearest_word(run: Any) -> None:
    assert "Conv2D" in run(*UNKNOWN).err
    assert "--json" in run("why", "x", "--jsn").err
    assert "why" in run("whi").err
    assert "CW104" in run("rule", "CW1044").err


@pytest.mark.parametrize("rule", ["-" * 64, "-" * 75])
def test_a_text_that_begins_with_dashes_is_told_the_ways_in(run: Any, rule: str) -> None:
    """torchsummary's tables and Jupyter's tracebacks do."""
    text = f"{rule}\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (1x1600 and 400x120)"
    answer = run("why", text)
    assert answer.code == 2
    told = " ".join(answer.err.split())
    assert "a text that begins with a dash is read as an option" in told
    assert "put -- before it" in told
    assert "`convwise why - < FILE`" in told
    assert run("why", "--", text).code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["why", "A"],
        ["plan", "A"],
        ["diff", "A", "B"],
        ["port", "A"],
        ["supports", "A"],
        ["inspect", "A"],
        ["check", "A"],
    ],
)
def test_the_input_stands_behind_the_code_or_is_named(run: Any, words: list[str]) -> None:
    layers = {"A": "nn.Conv2d(3, 4, (3, 2))", "B": "Conv2D(4, (3, 2))"}
    command = [layers.get(word, word) for word in words]
    behind, named = run(*command, "3x9x10", "--json"), run(*command, "--input", "3x9x10", "--json")
    assert behind.code == 0
    assert behind.json == named.json
    if words[0] != "why":
        both = run(*command, "3x9x10", "--input", "3x10x9")
        assert both.code == 2
        assert "two inputs: 3x9x10 behind the code, and --input 3x10x9" in both.err


def test_inputs_of_both_kinds_are_several(run: Any) -> None:
    told = run("why", "nn.Conv2d(3, 4, (3, 2))", "3x9x10", "--input", "3x10x9", "--input", "3x5x6", "--json").json
    assert [one["output"] for one in told["explanations"]] == [[4, 7, 9], [4, 8, 8], [4, 3, 5]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--json", "why", "Conv2D(3, 3)"], 'options stand behind it: convwise why "Conv2D(32, 3)" 8x8x3 --json'),
        (["--dialect", "torch", "why", "Conv2D(3, 3)"], "--dialect stands before the command"),
        (["Conv2D(3, 3)", "8x8x3"], "`convwise why CODE` explains code"),
        (["solve", "28", "14"], "the sizes are given by name: --input 28 --output 14"),
        (["sizes", "nn.Conv2d(3, 4, 3)", "3x9x10"], "--near 350 tells the nearest to a size"),
        (["sizes", "nn.Conv2d(3, 4, 3)", "--input", "3x9x10"], "--near 350 tells the nearest to a size"),
    ],
)
def test_words_in_the_wrong_place_are_told_the_right_one(run: Any, words: list[str], says: str) -> None:
    answer = run(*words)
    assert answer.code == 2
    assert says in (answer.json["error"]["message"] + answer.json["error"]["hint"] if "--json" in words else answer.err)


def test_no_words_show_the_help_and_are_no_success(run: Any) -> None:
    answer = run()
    assert answer.code == 2
    assert "convwise why" in answer.err
    assert answer.out == ""


def test_a_bug_of_ours_is_three_lines_and_exit_code_3(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("convwise.answers.why.explain", broken)
    answer = run(*GOOD)
    assert answer.code == 3
    assert answer.out == ""
    assert "a bug of ours: ZeroDivisionError [CW901]" in answer.err
    assert "report" in answer.err
    assert "Traceback" not in answer.err
    assert "secret" not in answer.err
    told = run(*GOOD, "--json")
    assert told.code == 3
    assert told.json["error"]["code"] == "CW901"


def test_a_bug_in_the_faces_is_told_too(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr("convwise.faces.text.render", broken)
    monkeypatch.setattr("convwise.faces.text.render_error", broken)
    answer = run(*GOOD)
    assert (answer.code, answer.out) == (3, "")
    assert "a bug of ours: KeyError [CW901]" in answer.err


def test_the_traceback_is_there_when_asked_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("convwise.answers.why.explain", broken)
    monkeypatch.setenv("CONVWISE_DEBUG", "1")
    answer = run(*GOOD)
    assert answer.code == 3
    assert "Traceback (most recent call last)" in answer.err


def test_ctrl_c_is_130(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("convwise.answers.why.explain", interrupted)
    answer = run(*GOOD)
    assert (answer.code, answer.out) == (130, "")
    assert "Traceback" not in answer.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_while_waiting_for_text() -> None:
    words = [sys.executable, "-m", "convwise", "why", "-", "64x64x3"]
    # A shell starts what runs in its background with SIGINT ignored, and a child inherits that.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, preexec_fn=heeding) as child:
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert (out, err) == (b"", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell's pipe")
@pytest.mark.parametrize("words", [GOOD, ["rule"], ["--help"], ["doctor"]])
def test_a_closed_pipe_is_quiet(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        child = subprocess.run(
            [sys.executable, "-m", "convwise", *words], stdout=closed, stderr=subprocess.PIPE, timeout=60
        )
    assert child.stderr == b""


# inputs


def test_several_inputs_are_a_line_each(run: Any) -> None:
    answer = run("why", "Conv2D(32, 3, padding='valid', activation='relu')", "8x8x3", "10x10x3", "5x5x3", "2x2x3")
    assert answer.code == 1
    assert answer.err == ""
    for text in ("6 x 6 x 32", "8 x 8 x 32", "3 x 3 x 32", "refused", "Computed output size would be zero or negative"):
        assert text in answer.out


def test_several_inputs_that_all_work(run: Any) -> None:
    assert run("why", "Conv2D(32, 3)", "8x8x3", "10x10x3").code == 0


def test_several_inputs_as_json(run: Any) -> None:
    answer = run("why", "Conv2D(32, 3)", "8x8x3", "2x2x3", "--json")
    assert answer.code == 1
    works, refused = answer.json["explanations"]
    assert works["output"] == [6, 6, 32]
    assert refused["error"]["code"] == "CW104"
    assert refused["error"]["axis"] == "height and width"


def test_one_malformed_input_among_several_spoils_the_request(run: Any) -> None:
    answer = run("why", "Conv2D(32, 3)", "8x8x3", "8xx3")
    assert (answer.code, answer.out) == (2, "")


def test_what_is_wanted_reaches_the_answer(run: Any) -> None:
    answer = run("why", "nn.Conv2d(3, 16, 3, stride=2, padding=0)", "3x28x28", "--want", "14x14")
    assert answer.code == 0
    assert "one less than 14 x 14" in answer.out
    assert "padding=1" in answer.out


def test_a_dialect_can_be_forced(run: Any) -> None:
    answer = run("why", "Conv2d(3, 16, 3)", "3x28x28", "--dialect", "torch", "--json")
    assert answer.code == 0
    assert answer.json["explanations"][0]["dialect"] == "torch"


def test_a_file_is_read(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(SNIPPET, encoding="utf-8")
    answer = run("why", str(path))
    assert answer.code == 0
    assert "31 x 23 x 32" in answer.out


def test_standard_input_is_read() -> None:
    child = process("why", "-", input=SNIPPET.encode())
    assert child.returncode == 0, child.stderr
    assert b"31 x 23 x 32" in child.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("command", ["why -", "port -"])
@pytest.mark.parametrize(("given", "reason"), [("<&-", "it is closed"), ("0>/dev/null", "")])
def test_standard_input_that_cannot_be_read_is_told(command: str, given: str, reason: str) -> None:
    child = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m convwise {command} {given}'], capture_output=True, timeout=60
    )
    assert (child.returncode, child.stdout) == (2, b"")
    assert f"'standard input' cannot be read: {reason}" in child.stderr.decode()
    assert b"CW608" in child.stderr


def test_several_layers_in_one_text_are_each_explained(run: Any, tmp_path: Path) -> None:
    text = "import torch\nfrom torch import nn\nx = torch.randn(1, 3, 28, 28)\na = nn.Conv2d(3, 16, 3)\nb = nn.Conv2d(3, 16, 5)\nprint(a(x).shape)\nprint(b(x).shape)\n"
    path = tmp_path / "two.py"
    path.write_text(text, encoding="utf-8")
    answer = run("why", str(path), "--json")
    assert answer.code == 0
    assert [told["output"] for told in answer.json["explanations"]] == [[1, 16, 26, 26], [1, 16, 24, 24]]


# forms


def test_json_is_the_same_as_ask(run: Any) -> None:
    from convwise.ask import ask

    request = {"command": "why", "code": GOOD[1], "inputs": [GOOD[2]]}
    assert run(*GOOD, "--json").json == json.loads(json.dumps(ask(request)))


def test_json_names_are_those_of_python(run: Any) -> None:
    (told,) = run(*GOOD, "--json").json["explanations"]
    assert (told["input"], told["output"], told["params"], told["macs"]) == ([64, 64, 3], [31, 31, 32], 896, 830304)
    height, width = told["axes"]
    assert (height["name"], width["name"]) == ("height", "width")
    assert (height["places"], height["out"], height["unread_data"]) == (62, 31, {"count": 1, "tail": 1, "gaps": 0})


def test_an_error_as_json_has_the_fields_of_the_contract(run: Any) -> None:
    error = run(*TOO_SMALL, "--json").json["error"]
    assert {"kind", "code", "message", "layer", "axis", "received", "hint"} <= set(error)
    assert (error["kind"], error["code"], error["axis"], error["received"]) == (
        "ShapeError",
        "CW104",
        "height and width",
        5,
    )
    assert run(*REFUSED, "--json").json["error"]["kind"] == "Refusal"
    assert run(*REFUSED, "--json").code == 1


@pytest.mark.parametrize("words", [GOOD, TOO_SMALL, REFUSED])
def test_concise_is_one_line(run: Any, words: list[str]) -> None:
    assert run(*words, "--format", "concise").out.count("\n") == 1
    assert run(*words, "--format", "full").out.count("\n") > 2


def test_concise_with_several_inputs_is_a_line_each(run: Any) -> None:
    assert run("why", "Conv2D(32, 3)", "8x8x3", "10x10x3", "2x2x3", "--format", "concise").out.count("\n") == 3


def test_a_refused_line_among_several_names_its_input(run: Any) -> None:
    lines = run("why", "nn.Conv2d(3, 4, (3, 2))", "3x9x10", "3x2x9", "4x9x10", "--format", "concise").out.splitlines()
    assert lines[0].startswith("nn.Conv2d(3, 4, (3, 2)): 3 x 9 x 10 -> ")
    assert lines[1].startswith("CW104 3 x 2 x 9: height of PyTorch Conv2d: ")
    assert lines[2].startswith("CW102 4 x 9 x 10: ")


def test_the_format_comes_from_the_environment_too(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVWISE_FORMAT", "concise")
    assert run(*GOOD).out.count("\n") == 1
    assert run(*GOOD, "--format", "full").out.count("\n") > 2
    monkeypatch.setenv("CONVWISE_FORMAT", "long")
    assert run(*GOOD).code == 2
