"""No kernel computes with what happened to lie in memory: denormal numbers there made calls ten times as long, now and then."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from processes import POSSIBLE, compile_c, python

from convwise.engine import native

LIBRARY = native.library()
# Vectors of four have no masked loads: beside what is left of a row lies what a register held, which is compared and never multiplied.
needed = pytest.mark.skipif(
    LIBRARY is None or LIBRARY.isa.lanes == 4 or not POSSIBLE or platform.machine() != "x86_64",
    reason="no kernels for AVX, compiler, glibc or x86-64 here",
)

CODE = """
import ctypes, itertools, sys
import numpy as np
from convwise.engine import Conv, planning
from convwise.engine.families import FAMILIES
garbage = ctypes.CDLL(sys.argv[1])
rng = np.random.default_rng(0)
kernels = planning.library()
layers = {
    "direct": [(11, 21, 3, 1, 2, 1), (19, 50, 3, 1, 1, 2), (40, 17, 1, 1, 1, 1)],
    "winograd": [(15, 21, 3, 1, 1, 1), (33, 12, 3, 1, 1, 2), (20, 36, 5, 1, 1, 1), (256, 64, 3, 1, 1, 1)],
    "depthwise": [(5, 5, 3, 5, 1, 1), (19, 19, 3, 19, 2, 1), (20, 20, 5, 20, 1, 1)],
    "grouped": [(24, 24, 3, 6, 1, 1), (12, 30, 3, 2, 1, 1), (40, 40, 3, 5, 2, 1)],
    "first": [(3, 21, 3, 1, 2, 1), (1, 50, 5, 1, 1, 1)],
    "planes": [(9, 21, 1, 1, 1, 1), (20, 40, 1, 1, 1, 1)],
}
def met(conv, x):
    conv(x)
    garbage.garbage_start()
    conv(x)
    return garbage.garbage_met()
for family, cases in layers.items():
    for (channels, filters, side, groups, stride, dilation), layout, size in itertools.product(
        cases, ("NHWC", "NCHW"), ((7, 7), (13, 19))
    ):
        options = {"groups": groups, "stride": stride, "dilation": dilation, "padding": side // 2 * dilation}
        x = rng.integers(1, 9, (1, channels, *size)).astype(np.float32)
        x = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        w = rng.integers(1, 9, (filters, channels // groups, side, side)).astype(np.float32)
        found = {}
        def look(problem, name):
            if FAMILIES[family].why_not(problem, kernels.isa) is None:
                for choice in FAMILIES[family].choices(problem, kernels.isa):
                    found.setdefault(choice.variant, choice)
            return planning.choose(problem, None)
        conv = Conv(w, layout=layout, threads=1, **options)
        conv._chooser = lambda: look
        conv(x)
        for variant, choice in found.items():
            conv = Conv(w, layout=layout, threads=1, **options)
            conv._chooser = lambda: lambda problem, name: choice
            print(family, variant, met(conv, x), layout, x.shape, w.shape, sep="|")
one = Conv(np.ones((8, 8, 3, 3), np.float32), algorithm="direct", threads=1)
print("input", "denormal", met(one, np.full((1, 8, 9, 9), 1e-40, np.float32)), sep="|")
"""


@needed
def test_garbage_in_memory_is_not_multiplied(tmp_path: Path) -> None:
    done = python(["-c", CODE], compile_c("garbage_malloc.c", tmp_path))
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr[-500:]}"
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert {family for family, *_ in lines} >= {"direct", "winograd", "depthwise", "grouped", "first", "planes"}
    assert lines.pop() == ["input", "denormal", "1"], "the flag that this test looks at tells nothing"
    assert [line for line in lines if line[2] != "0"] == []
