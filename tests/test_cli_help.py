"""The words of the command line and what they tell of themselves: help, rules, the doctor."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from command_line import GOOD, SNIPPET, TOO_SMALL, process, runner
from hypothesis import given
from hypothesis import strategies as st

import convwise
from convwise.commands import parse
from convwise.commands.parsing import COMMANDS
from convwise.words import plain


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return runner(capsys, monkeypatch)


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
