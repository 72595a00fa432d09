"""Where a kernel finds no memory, the call says so, keeps nothing, and the next one is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import POSSIBLE, compile_c, python

from convwise.engine import native

needed = pytest.mark.skipif(native.library() is None or not POSSIBLE, reason="no kernels, compiler or glibc here")

CODE = """
import ctypes, sys, threading
import numpy as np
from convwise.engine import Conv
from convwise.errors import ConvwiseError
counting = ctypes.CDLL(sys.argv[1])
counting.counting_left.restype = counting.counting_peak.restype = ctypes.c_long
counting.counting_refuse.argtypes = (ctypes.c_long,)
rng = np.random.default_rng(0)
# Outputs of a few kilobytes and workspaces of hundreds.
for family, x, w, options in (
    ("direct", (1, 64, 65, 256), (8, 256, 3, 3), {"stride": 4}),
    ("winograd", (1, 28, 29, 256), (8, 256, 3, 3), {"padding": 1}),
    ("winograd", (1, 7, 7, 512), (128, 512, 3, 3), {"padding": 1}),
    ("grouped", (1, 64, 65, 240), (8, 120, 3, 3), {"groups": 2, "stride": 5}),
    ("planes", (1, 4096, 9, 10), (8, 4096, 1, 1), {"layout": "NCHW"}),
    ("first", (1, 400, 500, 3), (8, 3, 3, 3), {"stride": 20}),
):
    x, w = (rng.integers(-4, 5, shape).astype(np.float32) for shape in (x, w))
    for threads in (1, 3):
        conv = Conv(w, algorithm=family, threads=threads, **{"layout": "NHWC", **options})
        wanted = conv(x)
        conv(x)
        for least in (150_000, 60_000):
            counting.counting_refuse(least)
            counting.counting_start()
            try:
                conv(x)
                told = "ran"
            except ConvwiseError as error:
                told = f"{error.code} {error.fact}"
            left = counting.counting_left()
            counting.counting_peak()
            print(family, threads, np.array_equal(conv(x), wanted), left, told, sep="|")
"""


@needed
def test_memory_that_runs_out_is_told(tmp_path: Path) -> None:
    done = python(["-c", CODE], compile_c("counting_malloc.c", tmp_path))
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr[-500:]}"
    lines = [line.split("|") for line in done.stdout.splitlines()]
    assert len(lines) == 24
    for family, threads, right, left, told in lines:
        assert right == "True", (family, threads)
        # Some objects of the error itself, and no workspace.
        assert int(left) < 40_000, (family, threads, left)
        if told != "ran":
            assert told.startswith("CW507 too large to run here: the memory ran out in the kernel cw_"), told
    refused = {family for family, *_, told in lines if told != "ran"}
    assert refused >= {"direct", "winograd", "first"}, lines


TAKEN = """
import ctypes, sys
import numpy as np
from convwise.engine import Conv, compiled, plan
counting = ctypes.CDLL(sys.argv[1])
counting.counting_peak.restype = ctypes.c_long
call, peaks = compiled.Run.__call__, []
def counted(self, *places):
    counting.counting_start()
    call(self, *places)
    peaks.append(counting.counting_peak())
compiled.Run.__call__ = counted
for layout, x, w, options in (
    ("NHWC", (1, 90, 80, 16), (1, 16, 1, 7), {}),
    ("NHWC", (1, 70, 60, 33), (40, 33, 5, 5), {"stride": 2, "padding": 1}),
    ("NHWC", (2, 40, 41, 64), (3, 64, 3, 3), {"padding": 1}),
    ("NHWC", (1, 30, 31, 32), (40, 8, 3, 3), {"groups": 4}),
    ("NCHW", (1, 128, 1, 900), (1, 128, 1, 7), {"stride": 2, "dilation": 4, "padding": "same"}),
    ("NCHW", (1, 300, 7, 900), (1, 300, 7, 7), {"stride": (1, 2)}),
    ("NCHW", (1, 16, 40, 41), (24, 16, 3, 3), {"stride": 2}),
):
    for threads in (1, 3):
        options = {"algorithm": "direct", "layout": layout, "threads": threads, **options}
        conv = Conv(np.ones(w, "f4"), **options)
        for _ in range(3):
            conv(np.ones(x, "f4"))
        told = plan(x, w, **options)
        print(threads, told.kernel, told.workspace, max(peaks))
        peaks.clear()
"""


@needed
def test_a_direct_kernel_takes_the_memory_that_is_told(tmp_path: Path) -> None:
    """No more than the plan's workspace but for what malloc adds to each block, and, on one thread, hardly less."""
    done = python(["-c", TAKEN], compile_c("counting_malloc.c", tmp_path))
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 14, done.stderr[-500:]
    for threads, kernel, told, peak in lines:
        assert int(peak) <= int(told) + 4096, (threads, kernel, told, peak)
        assert threads != "1" or int(peak) > 0.7 * int(told), (threads, kernel, told, peak)
    assert sum("_edges" in kernel for _, kernel, *_ in lines) >= 4
