"""Every program in bench/ tells what it does before it does anything that takes long."""

from __future__ import annotations

import subprocess
import sys

import pytest
from source_code import ROOT

PROGRAMS = [path for path in sorted((ROOT / "bench").glob("*.py")) if "__main__" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_help_is_help(program: object) -> None:
    told = subprocess.run([sys.executable, str(program), "--help"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("usage: ")
