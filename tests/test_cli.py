"""The command line: what goes where, the exit codes, JSON, and terminals of all kinds."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convwise
from convwise import cli
from convwise.cli import main
from convwise.commands import parse
from convwise.commands.parsing import COMMANDS
from convwise.faces.fit import STYLE, fit
from convwise.words import plain

GOOD = ["why", "Conv2D(32, (3, 3), strides=(2, 2), padding='valid')", "64x64x3"]
TOO_SMALL = ["why", "nn.Conv2d(3, 16, 7)", "3x5x5"]
REFUSED = ["why", "nn.Conv2d(3, 16, 3, stride=2, padding='same')", "3x28x28"]
UNKNOWN = ["why", "Conv2F(32, 3)", "64x64x3"]
MALFORMED = ["why", "Conv2D(32, 3)", "64xx3"]


class Output:
    """One run: its exit code and its two streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, "exactly one object on one line"
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("CONVWISE_FORMAT", raising=False)
    monkeypatch.delenv("CONVWISE_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str) -> Output:
        capsys.readouterr()
        code = main(words)
        return Output(code, *capsys.readouterr())

    return call


def process(*words: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "convwise", *words],
        capture_output=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        **options,
    )


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
    assert "convwise why" in answer.out


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


SNIPPET = """\
import keras
x = keras.Input(shape=(64, 48, 3))
x = keras.layers.Conv2D(32, 3, strides=2)(x)
"""


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


PLAIN = [
    "64x64x3",
    "-",
    "--json",
    "--format",
    "full",
    "--want",
    "3x3",
    "--dialect",
    "torch",
    "--release",
    "2.13",
    "CW104",
]
WORDS = st.sampled_from([*PLAIN, "--help", "--", "-x", "--js", "--format=full", ""])


@given(st.sampled_from(["why", "rule", "doctor"]), st.lists(WORDS, max_size=7))
def test_words_read_by_hand_mean_what_typer_reads(command: str, words: list[str]) -> None:
    by_hand = plain([command, *words])
    if by_hand is not None:
        assert by_hand == parse([command, *words])


def test_common_words_need_no_typer() -> None:
    for words in (
        GOOD,
        TOO_SMALL,
        [*GOOD, "--json"],
        ["rule", "CW104"],
        ["doctor"],
        [*GOOD, "--format", "full", "--want", "3x3"],
    ):
        assert plain(words) is not None
    for words in (
        [],
        ["why"],
        ["why", "--help"],
        ["--version"],
        ["rule", "a", "b"],
        ["why", "x", "--want"],
        ["why", "--", "x"],
    ):
        assert plain(words) is None


def test_the_version(run: Any) -> None:
    answer = run("--version")
    assert (answer.code, answer.out) == (0, f"convwise {convwise.__version__}\n")


@pytest.mark.parametrize(
    "words", [["--help"], ["why", "--help"], ["plan", "--help"], ["rule", "-h"], ["doctor", "--help"]]
)
def test_help_has_examples_and_fits(run: Any, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answer = run(*words)
    assert answer.code == 0
    assert max(map(len, answer.out.splitlines())) <= 80
    if words[0] != "doctor":
        assert f"convwise {words[0] if len(words) > 1 else 'why'} " in answer.out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_the_help_prints_every_word_of_its_text(
    run: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = " ".join(
        run(command.__name__, "--help").out.translate({ord("\N{BOX DRAWINGS LIGHT VERTICAL}"): " "}).split()
    )
    texts = [line for line in (command.__doc__ or "").splitlines() if line.strip(" \b")]
    for hint in get_type_hints(command, include_extras=True).values():
        texts += [part for told in getattr(hint, "__metadata__", ()) for part in (told.help, told.metavar) if part]
    for text in texts:
        assert " ".join(text.split()) in shown


def test_examples_in_the_help_work(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import shlex

    (tmp_path / "model.py").write_text(SNIPPET, encoding="utf-8")
    (tmp_path / "net.py").write_text("net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(1050, 10))")
    monkeypatch.setenv("CONVWISE_CACHE", str(tmp_path))  # what --tune measures is not for the user's own folder
    (tmp_path / "error.txt").write_text("RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)")
    monkeypatch.chdir(tmp_path)
    lines = [
        line.strip(" \u2502")
        for words in (["--help"], ["why", "--help"], ["plan", "--help"], ["rule", "--help"])
        for line in run(*words).out.splitlines()
    ]
    examples = [
        line.split("  ")[0]
        for line in lines
        if line.startswith("convwise ") and "<" not in line and not line.startswith("convwise [")
    ]
    assert len(examples) >= 9
    for example in examples:
        answer = run(*shlex.split(example)[1:])
        assert answer.code == (1 if "2x2x3" in example else 0), (example, answer.out, answer.err)


def test_the_help_of_plan_names_every_algorithm(run: Any) -> None:
    from convwise.engine.options import ALGORITHMS

    told = run("plan", "--help").out.partition("The algorithms:")[2].partition("Examples")[0]
    assert set(ALGORITHMS) - set(re.findall(r"\w+", told)) == set()


def test_completion_is_offered(run: Any) -> None:
    assert "install-completion" in run("--help").out
    env = {"_CONVWISE_COMPLETE": "complete_bash", "COMP_WORDS": "convwise rule CW10", "COMP_CWORD": "2"}
    assert b"CW104" in process(env=env).stdout


# rule and doctor


def test_a_rule_tells_meaning_example_and_what_to_do(run: Any) -> None:
    answer = run("rule", "CW104")
    assert answer.code == 0
    for text in (
        "CW104  The window is longer",
        "Example",
        "convwise why 'nn.Conv2d(3, 16, 7)' 3x5x5",
        "spans 7",
        "What to do",
    ):
        assert text in answer.out
    assert run("rule", "cw104").out == answer.out
    assert run("rule", "CW104", "--format", "concise").out == "CW104  The window is longer than its padded input\n"
    told = run("rule", "CW104", "--json").json["rule"]
    assert set(told) == {"code", "title", "text", "remedy", "example"}


def test_all_rules_are_listed(run: Any) -> None:
    from convwise.rules import RULES

    answer = run("rule")
    assert answer.code == 0
    assert all(code in answer.out and rule.title in answer.out for code, rule in RULES.items())
    assert [rule["code"] for rule in run("rule", "--json").json["rules"]] == list(RULES)


def test_the_doctor_tells_versions_and_what_is_missing(run: Any) -> None:
    answer = run("doctor")
    assert answer.code == 0
    for text in (
        f"convwise {convwise.__version__}",
        "numpy",
        "rich",
        "typer",
        "Dialects",
        "keras",
        "torch",
        "instructions",
        "Missing",
    ):
        assert text in answer.out
    told = run("doctor", "--json").json
    assert told["convwise"] == convwise.__version__
    assert told["packages"]["numpy"]
    assert {part["name"] for part in told["dialects"]} == {"keras", "torch", "tensorflow", "jax", "onnx"}
    onnx = next(part for part in told["dialects"] if part["name"] == "onnx")
    assert (onnx["installed"], onnx["tested"]) == (None, None), "an operator set is no version of a package"
    assert run("doctor", "--format", "concise").out.count("\n") == 1


def test_the_doctor_sees_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from convwise import doctor

    real = doctor.version
    monkeypatch.setattr(
        doctor, "version", lambda name: None if name == "rich" else "2.99.0" if name == "torch" else real(name)
    )
    missing = " ".join(doctor.examine().missing)
    assert "pip install rich" in missing
    assert "torch 2.99.0 is installed" in missing


# terminals


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_colour_only_on_a_terminal(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" not in run(*GOOD).out
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert cli.color(sys.stdout)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not cli.color(sys.stdout)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not cli.color(sys.stdout)


@pytest.mark.parametrize("words", [GOOD, TOO_SMALL, REFUSED, ["rule", "CW104"], ["rule"], ["doctor"]])
def test_colour_changes_no_words(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import re

    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = {}
    for colour in ("", "1"):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("NO_COLOR", colour)
        main(words)
        shown[colour] = terminal.getvalue()
    assert "\x1b[" in shown[""]
    assert "\x1b[" not in shown["1"]
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown[""]) == shown["1"]


@pytest.mark.parametrize("columns", [40, 60, 80, 132])
@pytest.mark.parametrize(
    "words",
    [
        GOOD,
        TOO_SMALL,
        REFUSED,
        UNKNOWN,
        ["why", "Conv2D(32, 3)", "8x8x3", "2x2x3"],
        [
            "why",
            "nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(10, 10))",
            "3x32x32",
        ],
        ["rule", "CW104"],
        ["rule"],
        ["doctor"],
    ],
)
def test_nothing_is_wider_than_the_terminal(
    run: Any, words: list[str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = run(*words)
    wide = [line for line in (answer.out + answer.err).splitlines() if len(line) > columns]
    assert wide == []


@pytest.mark.parametrize("columns", [20, 30, 40])
def test_a_narrow_terminal_breaks_no_word_and_indents_what_goes_on(
    run: Any, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("why", "Conv2D(32, 3, strides=2)", "64x64x3").out.splitlines()
    assert [line for line in lines if line and not line.startswith((" ", "Conv2D", "The stride halves", "try"))] == []
    assert "3-wide" in " ".join(lines).split()
    assert "parameters," in " ".join(lines).split()


@pytest.mark.parametrize(
    "words", [GOOD, TOO_SMALL, ["rule"], ["doctor"], ["--help"], ["why", "Conv2D('é', '\u202e')", "64x64x3"]]
)
def test_a_terminal_without_unicode_gets_plainer_signs(words: list[str]) -> None:
    child = process(*words, env={"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert child.returncode in (0, 1, 2)
    assert b"Traceback" not in child.stderr
    (child.stdout + child.stderr).decode("ascii")


@given(
    st.lists(st.sampled_from(["ab", "x" * 17, " ", "   ", "\x1b[1m", "\x1b[31m", "\x1b[0m"]), max_size=40).map("".join),
    st.integers(20, 60),
)
def test_folding_loses_no_word_and_no_style(text: str, columns: int) -> None:
    folded = fit(text, columns)
    assert all(len(STYLE.sub("", line)) <= columns for line in folded.split("\n"))
    assert "".join(STYLE.sub("", folded).split()) == "".join(STYLE.sub("", text).split())
    assert STYLE.findall(folded) == STYLE.findall(text)


def test_folding_leaves_what_fits() -> None:
    assert fit("  try  a   b", 20) == "  try  a   b"
    assert fit("\x1b[1m" + "a" * 20 + "\x1b[0m", 20) == "\x1b[1m" + "a" * 20 + "\x1b[0m"


def test_bytes_that_are_no_text_are_told_so() -> None:
    child = process(b"why", b"Conv2D(32, 3) # \xff", b"64x64x3")
    assert child.returncode == 2
    assert b"CW312" in child.stderr


def test_a_long_and_hostile_text_is_answered_quickly() -> None:
    start = time.perf_counter()
    child = process("why", "-", "64x64x3", input=b"{" * 1_000_000)
    assert child.returncode == 2
    assert b"too long" in child.stderr
    assert time.perf_counter() - start < 20  # a fraction of a second, where nothing else runs


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("words", ["why 'nn.Conv2d(3, 16, 3)' 3x8x8", "--help", "rule", "why 'x(' --json"])
def test_an_answer_to_a_closed_output_is_told(words: str) -> None:
    line = f'"{sys.executable}" -m convwise {words} >&-'
    child = subprocess.run(["sh", "-c", line], capture_output=True, timeout=60)
    assert child.returncode == 2
    assert child.stderr.decode().strip() == "convwise: the answer cannot be written: standard output is closed"
    assert subprocess.run(["sh", "-c", f"{line} 2>&-"], timeout=60, check=False).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_refusal_that_cannot_be_written_ends_with_2() -> None:
    for output in ("", ">/dev/full"):
        line = f'"{sys.executable}" -m convwise why "x(" 2>/dev/full {output}'
        assert subprocess.run(["sh", "-c", line], timeout=60, check=False).returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    line = f'cd "{tmp_path}" && rmdir "{tmp_path}" && "{sys.executable}" -m convwise check "nn.Conv2d(3, 16, 3)" --input 1x3x8x8'
    # A path of modules that is not absolute would lead nowhere from there.
    paths = [str(Path(part).absolute()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.run(["sh", "-c", line], capture_output=True, timeout=60, env=environment)
    assert child.returncode == 2
    assert "the working folder cannot be read: no such file or directory" in " ".join(child.stderr.decode().split())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "wb") as full:
        child = subprocess.run(
            [sys.executable, "-m", "convwise", *GOOD], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert child.returncode == 2
    assert b"cannot be written" in child.stderr
    assert b"Traceback" not in child.stderr
