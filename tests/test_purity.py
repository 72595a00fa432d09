"""`import convwise` is light: no NumPy, no framework; each is imported on first use only."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "torch", "keras", "tensorflow", "jax", "onnx", "onnxruntime")
LIGHT_FACES = (*HEAVY, "rich", "typer")


def loaded(code: str, names: tuple[str, ...] = HEAVY) -> list[str]:
    """Which of `names` are in sys.modules after running `code` in an interpreter of its own."""
    script = f"{code}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()


def test_importing_convwise_loads_nothing_heavy() -> None:
    assert loaded("import convwise", LIGHT_FACES) == []


@pytest.mark.parametrize(
    "module",
    [
        "cli",
        "commands",
        "ask",
        "rules",
        "doctor",
        "answers.why",
        "readers.source",
        "faces.text",
        "dialects.keras",
        "dialects.torch",
    ],
)
def test_no_room_of_the_answers_loads_an_array_library(module: str) -> None:
    assert loaded(f"import convwise.{module}") == []


@pytest.mark.parametrize("module", ["ask", "answers.why", "dialects.keras", "dialects.torch"])
def test_answers_need_no_terminal_library(module: str) -> None:
    assert loaded(f"import convwise.{module}", LIGHT_FACES) == []


def test_a_whole_answer_loads_nothing_heavy() -> None:
    assert loaded("import convwise as cw; str(cw.explain('Conv2D(32, 3)', (64, 64, 3)))") == []


def test_the_command_line_loads_nothing_heavy() -> None:
    code = "from convwise.cli import main; main(['why', 'nn.Conv2d(3, 16, 3)', '3x28x28', '--json']); print('|')"
    assert loaded(code)[-1] == "|"


def test_the_doctor_imports_no_framework() -> None:
    assert loaded("from convwise.doctor import examine; examine()") == []


def test_this_test_can_fail() -> None:
    assert loaded("import numpy") == ["numpy"]
    assert loaded("import convwise as cw; cw.conv2d") == ["numpy"]
