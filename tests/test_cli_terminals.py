"""What terminals of all kinds get: colour, width, signs, and outputs that are closed or full."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import GOOD, REFUSED, TOO_SMALL, UNKNOWN, process, runner
from hypothesis import given
from hypothesis import strategies as st

from convwise import cli
from convwise.cli import main
from convwise.faces.fit import STYLE, fit


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return runner(capsys, monkeypatch)


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
