"""Python in a process of its own, if wanted with a malloc before the C library's that was compiled for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from convwise.engine import native

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc")
POSSIBLE = COMPILER is not None and sys.platform == "linux"
"""Whether there is a compiler, and a loader that knows LD_PRELOAD."""


def compile_c(source: str, folder: Path) -> Path:
    """The library made in `folder` of a C file beside the engine's tests."""
    assert COMPILER is not None
    made = (folder / source).with_suffix(".so")
    subprocess.run([COMPILER, "-O2", "-shared", "-fPIC", str(HERE / "engine" / source), "-o", str(made)], check=True)
    return made


def python(
    arguments: Sequence[str], preload: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python *arguments *preload` with this process's paths and those of the tests."""
    paths = [str(HERE), str(HERE / "engine"), *sys.path]
    library = {"LD_PRELOAD": str(preload)} if preload else {}
    return subprocess.run(
        [sys.executable, *arguments, *([str(preload)] if preload else [])],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OPENBLAS_NUM_THREADS": "1",
            **library,
            **environment,
        },
    )


def guard(script: str, *arguments: str, isa: str, preload: Path | None = None) -> str:
    """The last line that one of the guards beside this file wrote, with the kernels of `isa`."""
    done = python([str(HERE / script), *arguments, "0"], preload, CONVWISE_KERNELS=isa)
    if f"{native.machine.SWITCH}={isa}, but" in done.stderr:
        pytest.skip(f"this processor has no {isa}")
    last = done.stdout.strip().splitlines()[-1:]
    assert done.returncode == 0, f"{last}\n{done.stderr[-2000:]}"
    return last[0]
