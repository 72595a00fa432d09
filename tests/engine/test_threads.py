"""The pool of threads behind the kernels: every task once, no race, no more threads than a call allows, quotas of containers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from convwise import machine

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
STRESS = Path(__file__).with_name("threads_stress.c")


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
@pytest.mark.parametrize("checks", ["", "-fsanitize=thread", "-fsanitize=address,undefined"])
def test_loops_of_many_threads_at_once(tmp_path: Path, checks: str) -> None:
    """Nested loops, failing tasks, memory that runs out, threads that fall asleep; thread and address sanitizers where there are some."""
    assert COMPILER is not None
    program = tmp_path / "stress"
    warnings = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", *filter(None, [checks])]
    sources = ["-I", str(machine.ENGINE / "kernels"), str(STRESS), "-o", str(program), "-lpthread"]
    built = subprocess.run([COMPILER, *warnings, *sources], capture_output=True, text=True, check=False)
    if checks and ("cannot find" in built.stderr or "unsupported option" in built.stderr):
        pytest.skip(f"the compiler's library for {checks} is not installed")
    assert built.returncode == 0, built.stderr
    # The sanitizers do not follow a fork, and they take a malloc of too much for a mistake unless they are told.
    told = "allocator_may_return_null=1"
    ran = subprocess.run(
        [program, *([] if checks else ["forks"])],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "ASAN_OPTIONS": told, "TSAN_OPTIONS": told},
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["150000 100000\n"], [2]),
        (["20000 100000\n"], [1]),
        (["max 100000\n"], []),
        (["400000\n", "100000\n"], [4]),
        (["-1\n", "100000\n"], []),
        (["nonsense"], []),
        ([], []),
    ],
    ids=["one and a half", "a fifth", "no quota", "two files", "two files, no quota", "nonsense", "no file"],
)
def test_the_quota_of_a_container_counts(
    texts: list[str], wanted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(tmp_path / f"quota{number}") for number in range(max(1, len(texts)))]
    for path, text in zip(paths, texts, strict=False):
        Path(path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(machine, "QUOTAS", (tuple(paths),))
    assert machine.quotas() == wanted
    assert machine.cores() >= 1
    if wanted:
        assert machine.cores() <= wanted[0]
