"""How much memory calls of kernels take at once, by a malloc of our own before the C library's."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def counted(module: str, tmp_path: Path) -> list[tuple[str, str, int, int]]:
    """For each of the calls that `module.runs(threads)` gives: threads, kernel, the bytes that are told and those that were taken."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not hasattr(ctypes.CDLL(None), "__libc_malloc"):
        pytest.skip("nothing to compile a counting malloc with, or no C library to put it before")
    made = tmp_path / "counting.so"
    source = HERE / "counting_malloc.c"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(made)], check=True)
    code = """
import ctypes, importlib, os, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
tests = importlib.import_module(sys.argv[3])
counting = ctypes.CDLL(sys.argv[2])
counting.counting_peak.restype = ctypes.c_long
for threads in (1, 2):
    for choice, call in tests.runs(threads):
        call()
        counting.counting_start()
        call()
        print(threads, choice.variant, choice.workspace, counting.counting_peak())
"""
    paths = os.pathsep.join(map(str, (HERE, HERE / "engine")))
    done = subprocess.run(
        [sys.executable, "-c", code, paths, str(made), module],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "LD_PRELOAD": str(made)},
    )
    assert done.returncode == 0, done.stderr[-500:]
    lines = (line.split() for line in done.stdout.splitlines())
    return [(threads, variant, int(told), int(peak)) for threads, variant, told, peak in lines]
