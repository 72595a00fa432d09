"""Convolution by tile registers: parts that are exact, sums as of float32, and processes in which they cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting import counted

from convwise.engine import Conv, conv2d, native, plan, planning
from convwise.engine.calls import Prepared
from convwise.engine.families import amx
from convwise.engine.families.amx import BLOCK, DEEP, PARTS, SIDE
from convwise.engine.kernels import amx as kernels
from convwise.engine.order import Parts
from convwise.engine.packing import Laying
from convwise.engine.problem import Choice, Problem
from convwise.errors import ArgumentError

LIBRARY = native.library()
needed = pytest.mark.skipif(
    LIBRARY is None or not LIBRARY.has(kernels.SYMBOL), reason="no kernels for tile registers here"
)
HERE = Path(__file__).parent


def child(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    assert done.returncode == 0, done.stderr[-800:]
    return done.stdout.strip()


def parts_of(packed: np.ndarray) -> np.ndarray:
    """The bfloat16 numbers of packed weights as float32: (block, step, part, half, pair, channel, of the pair)."""
    halves = packed.view(np.uint16).reshape(*packed.shape, 2)
    return (halves.astype(np.uint32) << 16).view(np.float32)


@needed
@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize(("filters", "channels", "window"), [(33, 9, (3, 2)), (64, 32, (2, 3)), (5, 70, (1, 4))])
def test_three_parts_are_the_weight(filters: int, channels: int, window: tuple[int, int], joined: bool) -> None:
    """Bit by bit, from the smallest to the largest, each at its place, and nothing where there is no weight."""
    assert LIBRARY is not None
    rng = np.random.default_rng(0)
    w = rng.standard_normal((filters, channels, *window)) * 2.0 ** rng.integers(-100, 100, (filters, channels, *window))
    w = w.astype(np.float32)
    w.flat[:2] = np.finfo(np.float32).max, -np.finfo(np.float32).max
    order = Parts(w.transpose(0, 2, 3, 1), joined)
    lay = Laying(LIBRARY, order, 1, 0, threads=2)
    packed = np.full(lay.shape, np.nan, np.float32)
    assert lay(w.ctypes.data, packed.ctypes.data)
    found = parts_of(packed[0])
    # A bfloat16 has eight bits: what is left of a float32 behind the first two parts fits the third.
    whole = (found[:, :, 2] + found[:, :, 1]) + found[:, :, 0]
    count, length = order.runs
    filled = -(-length // DEEP) * DEEP
    wanted = np.zeros((-(-filters // BLOCK) * BLOCK, count, filled), np.float32)
    wanted[:filters, :, :length] = w.transpose(0, 2, 3, 1).reshape(filters, count, length)
    # (block, half, channel, run, step of the run, pair, of the pair)
    wanted = wanted.reshape(-1, 2, SIDE, count, filled // DEEP, DEEP // 2, 2)
    back = whole.reshape(-1, count, filled // DEEP, 2, DEEP // 2, SIDE, 2).transpose(0, 3, 5, 1, 2, 4, 6)
    assert np.array_equal(back, wanted)
    assert found.shape[2] == PARTS


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((1, 64, 19, 23), (70, 64, 3, 3), {"padding": 1}),
        ((1, 512, 9, 10), (40, 512, 3, 2), {"padding": 1, "stride": (2, 1)}),
        ((1, 1500, 9, 10), (40, 1500, 1, 1), {}),
        ((2, 3, 40, 41), (33, 3, 7, 5), {"padding": 3, "stride": 2}),
        ((1, 48, 23, 29), (33, 48, 3, 3), {"dilation": (5, 6), "padding": 5}),
    ],
)
def test_sums_are_as_near_as_those_of_float32(
    x: tuple[int, ...], w: tuple[int, ...], options: dict[str, Any], layout: str
) -> None:
    """Two parts would give errors of 4e-6 and more, and the order of all nine none that is smaller."""
    rng = np.random.default_rng(1)
    data, weight = (rng.standard_normal(shape).astype(np.float32) for shape in (x, w))
    exact = conv2d(data.astype(np.float64), weight.astype(np.float64), **options)
    given = data if layout == "NCHW" else np.ascontiguousarray(data.transpose(0, 2, 3, 1))
    got = conv2d(given, weight, algorithm="amx", layout=layout, threads=2, **options)
    got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
    assert abs(got - exact).max() <= 1e-6 * abs(exact).max()


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_every_task_gives_the_same_bits(layout: str) -> None:
    """Rows, columns and blocks of a task, tiles that go on to the next row, and the number of threads."""
    assert LIBRARY is not None
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 40, 21, 37) if layout == "NCHW" else (2, 21, 37, 40)).astype(np.float32)
    w = rng.standard_normal((100, 40, 3, 2)).astype(np.float32)
    options: dict[str, Any] = {"stride": (2, 1), "padding": ((1, 2), (1, 0)), "layout": layout}
    wanted = Conv(w, algorithm="amx", threads=1, **options)(x)
    planned: list[Problem] = []

    def forced(problem: Problem, name: str | None, task: amx.Task, flat: bool) -> Choice:
        planned.append(problem)
        (parted,) = [one for one in amx._parted(problem, task) if one.flat == flat]
        return amx._choice(problem, LIBRARY.isa, task, parted)  # type: ignore[union-attr]

    for threads in (1, 3):
        for task, flat in (
            *(
                (amx.Task(rows, 37, blocks), flat)
                for rows in (2, 4, 10)
                for blocks in (1, 3, 4)
                for flat in (False, True)
            ),
            *((amx.Task(rows, columns, 2), False) for rows in (1, 3) for columns in (5, 16, 33)),
        ):
            conv = Conv(w, algorithm="amx", threads=threads, **options)
            conv._chooser = lambda task=task, flat=flat: lambda p, n: forced(p, n, task, flat)  # type: ignore[method-assign]
            assert np.array_equal(conv(x), wanted), (task, flat, threads)
    assert len(planned) == 2 * (18 + 6)


@needed
def test_small_numbers_lose_digits_and_nothing_else() -> None:
    """Last parts below 1.2e-38 count as 0."""
    rng = np.random.default_rng(3)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 33, 9, 10), (20, 33, 3, 2)))
    for scale, error in ((1e-30, 2e-6), (1e-34, 1e-3), (1e-37, 1e-1)):
        exact = conv2d(x.astype(np.float64) * scale, w.astype(np.float64))
        got = conv2d(x * np.float32(scale), w, algorithm="amx")
        assert abs(got - exact).max() <= error * abs(exact).max()
    huge = conv2d(np.full((1, 1, 4, 4), 3e38, np.float32), np.full((1, 1, 2, 2), 0.25, np.float32), algorithm="amx")
    assert np.array_equal(huge, np.full((1, 1, 3, 3), 3e38, np.float32))


@needed
def test_weights_that_are_not_finite_run_elsewhere() -> None:
    x, w = np.ones((1, 8, 5, 6), np.float32), np.ones((4, 8, 3, 3), np.float32)
    w[1, 2, 1, 1] = np.inf
    with pytest.raises(ArgumentError) as caught:
        conv2d(x, w, algorithm="amx")
    assert caught.value.code == "CW607"
    assert "weights that are infinite or NaN cannot be split into parts" in str(caught.value)


def runs(threads: int) -> Iterator[tuple[Choice, Callable[[], object]]]:
    """Calls of tasks of several kinds, which leave their results' memory to each other."""
    rng = np.random.default_rng(4)
    for shape, window, options in (
        ((1, 64, 28, 30), (96, 64, 3, 3), {"padding": 1}),
        ((2, 40, 41, 23), (33, 40, 3, 2), {"stride": 2}),
        ((1, 3, 64, 61), (32, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((1, 256, 14, 14), (64, 256, 1, 1), {}),
    ):
        x, w = (rng.standard_normal(sizes).astype(np.float32) for sizes in (shape, window))
        conv = Conv(w, algorithm="amx", threads=threads, **options)  # type: ignore[arg-type]
        conv(x)
        prepared: Prepared
        ((prepared, weights, bias),) = conv._prepared.values()
        out = np.empty(prepared.shape, np.float32)

        def call(prepared=prepared, weights=weights, bias=bias, x=x, out=out) -> None:  # type: ignore[no-untyped-def]
            (run,) = prepared.idle
            run(x.ctypes.data, weights.place, bias.place, out.ctypes.data, out.ctypes.data)

        yield prepared.choice, call


@needed
def test_a_call_takes_the_memory_that_is_told(tmp_path: Path) -> None:
    found = counted("test_kernels_amx", tmp_path)
    assert len(found) == 8
    for threads, variant, told, peak in found:
        assert peak <= told + 4096, (threads, variant, told, peak)
        assert threads != "1" or peak > 0.95 * told, (threads, variant, told, peak)


LISTED = (
    "from convwise.engine import native, conv2d\nprint(*sorted({s.split('_')[1] for s in native.library().symbols}))"
)


@needed
def test_to_name_an_instruction_set_forbids_tile_registers() -> None:
    assert "amx" in child(LISTED).split()
    assert "amx" in child(LISTED, CONVWISE_KERNELS="amx").split()
    for name in ("avx512", "avx2"):
        assert "amx" not in child(LISTED, CONVWISE_KERNELS=name).split()
    refused = child("from convwise.engine import native; print(native.why_none())", CONVWISE_KERNELS="amx9")
    assert refused.startswith("CONVWISE_KERNELS=amx9, but the kernels that can be used are for amx, avx512")


SMALL_STACK = """
import ctypes, sys
class Stack(ctypes.Structure):
    _fields_ = (("place", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))
memory = ctypes.create_string_buffer(8192)
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(Stack(ctypes.addressof(memory), 0, 8192)), None) == 0
import numpy as np
from convwise.engine import native, conv2d
x, w = np.ones((1, 40, 9, 10), np.float32), np.ones((33, 40, 3, 2), np.float32)
assert (conv2d(x, w) == 240).all()
try:
    conv2d(x, w, algorithm="amx")
except Exception as error:
    print(error)
"""


@needed
def test_where_the_system_does_not_allow_them_other_kernels_run() -> None:
    """Linux refuses tile registers to a process whose stack for signals is too small for them."""
    told = child(SMALL_STACK)
    assert "no such kernel was built for avx512, or the environment or the system forbids it" in told


FORKED = """
import os, numpy as np
from convwise.engine import Conv
rng = np.random.default_rng(0)
x, w = (rng.integers(-9, 10, shape).astype(np.float32) for shape in ((1, 40, 19, 20), (33, 40, 3, 2)))
conv = Conv(w, algorithm="amx", threads=2)
wanted = Conv(w, algorithm="windows")(x)
assert np.array_equal(conv(x), wanted)
child = os.fork()
if not child:
    os._exit(0 if np.array_equal(conv(x), wanted) else 1)
print(os.waitpid(child, 0)[1], np.array_equal(conv(x), wanted))
"""


@needed
def test_a_fork_keeps_them() -> None:
    assert child(FORKED) == "0 True"


def test_processors_without_them_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    if LIBRARY is None:
        pytest.skip("no kernels here")
    monkeypatch.setattr("convwise.machine.flags", lambda: frozenset({"avx512f", "avx2"}))
    planning.choose.cache_clear()
    reasons = {one.algorithm: one.why for one in plan((1, 8, 9, 10), (8, 8, 3, 3)).rejected}
    planning.choose.cache_clear()
    assert reasons["amx"] == "this processor has no tile registers for bfloat16 (amx_tile and amx_bf16)"


def test_a_problem_of_another_kind_is_refused() -> None:
    assert LIBRARY is None or amx.why_not(replace(_problem(), kind="max"), LIBRARY.isa) == "only for convolutions"


def _problem() -> Problem:
    conv = Conv(np.ones((4, 3, 3, 3), np.float32))
    conv(np.ones((1, 3, 9, 10), np.float32))
    ((prepared, _, _),) = conv._prepared.values()
    return prepared.problem
