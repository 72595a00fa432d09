"""Groups that are calls of their own: all in one call of the library, shared by the threads or taken whole by each."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import Case, drawn_for, expected, scale

import convwise as cw
from convwise.axis import Pads, Window
from convwise.engine import Conv, compiled, native, planning, running
from convwise.engine.calls import problem_of
from convwise.engine.families import direct
from convwise.engine.tiles import direct_tiles
from convwise.errors import ArgumentError
from convwise.ops import ConvTranspose, Layout

pytestmark = pytest.mark.skipif(native.library() is None, reason="no kernels here")
FAMILIES = ("direct", "winograd", "planes")


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set whether threads take whole groups; what the costs say of it counts for nothing."""

    def force(apart: bool) -> None:
        monkeypatch.setattr(planning, "DEALT", -1e3 if apart else 1e3)
        planning.choose.cache_clear()

    yield force
    monkeypatch.undo()
    planning.choose.cache_clear()


def ran(conv: Conv, x: np.ndarray, residual: np.ndarray | None) -> tuple[np.ndarray, planning.Choice]:
    result = conv(x, residual)
    (prepared, *_) = next(iter(conv._prepared.values()))
    return result, prepared.choice


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_threads_may_take_whole_groups(family: str, apart: bool, forced: Any) -> None:
    forced(apart)
    seen = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn_for(family), st.sampled_from([2, 3, 7]), st.integers(2, 4))
    def every(case: Case, groups: int, threads: int) -> None:
        each_in, each_out = case.channels // case.groups, case.filters // case.groups
        if case.layout == "NHWC":
            each_out = max(each_out, planning.APART)  # of fewer, threads would write into one cache line
        case = replace(case, groups=groups, channels=each_in * groups, filters=each_out * groups, threads=threads)
        x, w, bias = case.arrays()
        wanted = expected(case)
        conv = Conv(w, bias, algorithm=family, threads=threads, **case.options())
        try:
            result, choice = ran(conv, x, case.residual_like(wanted.shape))
        except ArgumentError as error:
            if error.code != "CW607":
                raise
            return
        assert np.allclose(result, wanted, rtol=1e-5, atol=1e-5 * scale(case))
        if not choice.together:
            assert bool(choice.apart) == apart
            seen.append(choice.symbol)

    every()
    assert len(seen) >= 10


@pytest.mark.parametrize(("family", "kernel"), [("direct", 3), ("winograd", 3), ("planes", 1)])
@pytest.mark.parametrize("groups", [65, 130])
@pytest.mark.parametrize("threads", [1, 3])
def test_there_may_be_as_many_groups_as_there_are(family: str, kernel: int, groups: int, threads: int) -> None:
    rng = np.random.default_rng(groups)
    w = rng.integers(-4, 5, (9 * groups, 8, kernel, kernel)).astype(np.float32)
    x, bias = rng.integers(-4, 5, (2, 8 * groups, 9, 10)).astype(np.float32), rng.integers(-4, 5, 9 * groups)
    result = cw.conv2d(
        x, w, bias.astype(np.float32), groups=groups, padding=kernel // 2, algorithm=family, threads=threads
    )
    slow = cw.conv2d(x, w, bias.astype(np.float32), groups=groups, padding=kernel // 2, algorithm="windows")
    assert np.allclose(result, slow, rtol=1e-5, atol=1e-5 * abs(slow).max())


@pytest.mark.parametrize("last", [False, True])
def test_transposed_layers_of_many_groups_are_compiled(last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    op = ConvTranspose((Window(4, stride=2, padding=Pads(1, 1)),) * 2, 144, 72 * 8, 72, bias=False)
    rng = np.random.default_rng(0)
    w, x = (rng.standard_normal(shape).astype(np.float32) for shape in ((144, 8, 4, 4), (2, 144, 9, 10)))
    layout = Layout(channels_last=last)
    given = np.ascontiguousarray(np.moveaxis(x, 1, -1)) if last else x
    calls, run = [], compiled.Run.__call__
    monkeypatch.setattr(compiled.Run, "__call__", lambda self, *places: (calls.append(self.symbol), run(self, *places)))
    fast = running.run(op, given, {"weight": w}, layout)
    assert calls
    slow = running.run(op, given, {"weight": w}, layout, method="reference")
    assert np.allclose(fast, slow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_pools_are_not_dealt_out_by_groups(kind: str, layout: str, forced: Any) -> None:
    """Their programs compute all channels, so a cut for one thread would be all that there is."""
    forced(True)
    axes = [Window(3, padding=Pads(1, 1)).over(14)] * 2
    problem = problem_of((1, 64, 14, 14), 64, 64, axes, layout, threads=4, kind=kind)
    assert problem is not None
    choice = planning.choose(problem, None)
    assert choice is not None
    assert (choice.family, choice.together, choice.apart) == ("pool", True, 0)


def test_few_filters_take_narrow_tiles_where_their_input_fits() -> None:
    """Steps of 50 columns: seven pixels' input would be more than may be copied, four pixels' is not."""
    kernels = native.library()
    assert kernels is not None
    vectors = min(vectors for _, vectors in direct_tiles(kernels.isa))
    filters = vectors * kernels.isa.lanes
    for stride, dilation, narrow in ((1, 1, True), (50, 200, False)):
        axes = [Window(3, dilation=dilation).over(402), Window(9, stride=stride).over(409)]
        problem = problem_of((1, 64, 402, 409), filters, 1, axes, "NCHW", threads=1)
        assert problem is not None
        found = direct.choices(problem, kernels.isa)
        assert found
        assert all(dict(choice.tiles)["channels"] == filters for choice in found) is narrow


def test_threads_do_not_write_into_one_cache_line() -> None:
    """With channels last, groups of few outputs are dealt out as many together as fill some; or not at all."""
    for groups, filters, layout, wanted in (
        (7, 24, "NHWC", 2),
        (7, 24, "NCHW", 1),
        (64, 8, "NHWC", 8),
        (8, 4, "NHWC", 0),
        (8, 4, "NCHW", 1),
        (6, 5, "NHWC", 0),
    ):
        kernels, size = native.library(), 14
        assert kernels is not None
        axes = [Window(3, padding=Pads(1, 1)).over(size)] * 2
        sizes = (1, 24 * groups, size, size)
        problem = problem_of(sizes, filters * groups, groups, axes, layout, threads=2)
        assert problem is not None
        found = planning.choices(planning.FAMILIES["direct"], problem, kernels)
        assert {choice.apart for choice in found} == {0, wanted}
        assert all(choice.workspace <= problem.most_workspace for choice in found)


def test_long_groups_are_cut_into_slices_of_groups_and_rows(forced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five groups by two, three rows of tiles at a time, with the pass behind the last one."""
    rng = np.random.default_rng(1)
    w = rng.integers(-4, 5, (5 * 20, 24, 3, 3)).astype(np.float32)
    x, residual = rng.integers(-4, 5, (2, 30, 31, 120)).astype(np.float32), rng.integers(-9, 10, (2, 30, 31, 100))
    bias = rng.integers(-99, 100, 100).astype(np.float32)
    slow = cw.Conv(w, bias, groups=5, padding=1, layout="NHWC", activation="silu", algorithm="windows")
    wanted = slow(x, residual.astype(np.float32))
    macs = 30 * 31 * 20 * 24 * 9
    for apart in (True, False):
        for slice_ in (3 * macs, macs, macs // 3):
            forced(apart)
            monkeypatch.setattr(compiled, "SLICE", slice_)
            conv = Conv(w, bias, groups=5, padding=1, layout="NHWC", activation="silu", algorithm="direct", threads=2)
            result, choice = ran(conv, x, residual.astype(np.float32))
            assert bool(choice.apart) == apart
            assert np.allclose(result, wanted, rtol=1e-5, atol=1e-4)
            (prepared, *_) = next(iter(conv._prepared.values()))
            assert len(prepared.idle[0].parts) > 2


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("apart", [True, False])
def test_groups_whose_channels_are_added_up_in_parts(
    layout: str, apart: bool, forced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second part begins with zeros where the first began with its group's bias."""
    forced(apart)
    monkeypatch.setattr(direct, "_depths", lambda problem, block, form: (5,))
    rng = np.random.default_rng(3)
    w, bias = (
        rng.integers(-4, 5, (300 * 3, 12, 2, 3)).astype(np.float32),
        rng.integers(-99, 100, 900).astype(np.float32),
    )
    x = rng.integers(-4, 5, (1, 9, 10, 3600) if layout == "NHWC" else (1, 3600, 9, 10)).astype(np.float32)
    options: dict[str, Any] = {"groups": 300, "layout": layout, "activation": "relu"}
    result, choice = ran(Conv(w, bias, algorithm="direct", threads=2, **options), x, None)
    assert (choice.depth, bool(choice.apart)) == (5, apart)
    assert np.array_equal(result, Conv(w, bias, algorithm="windows", **options)(x))


def test_a_plan_says_who_takes_the_groups(forced: Any) -> None:
    for apart in (True, False):
        forced(apart)
        told = cw.plan((1, 168, 28, 28), (168, 24, 3, 3), groups=7, padding=1, threads=2, algorithm="direct")
        assert bool(told.apart) == bool(told.to_dict()["apart"]) == apart
        assert ("2 threads, each of whole groups)" in str(told)) is apart


def test_groups_of_real_networks_run_on_winograd() -> None:
    """RegNet: 7 groups of 24 channels, 14 of 56, 9 of 48."""
    for channels, groups, size in ((168, 7, 28), (784, 14, 14), (432, 9, 14)):
        shape = (channels, channels // groups, 3, 3)
        for threads in (1, 2):
            told = cw.plan((1, size, size, channels), shape, groups=groups, padding=1, layout="NHWC", threads=threads)
            assert told.algorithm == "winograd"


def test_longer_argument_lists_are_refused() -> None:
    """The library copies them to a place of fixed size."""
    kernels = native.library()
    assert kernels is not None
    groups = native.Groups(count=1, arguments_count=33)
    call = (ctypes.c_void_p * 1)(ctypes.addressof(groups))
    assert kernels.run(kernels.groups, ctypes.addressof(call), 1) == -1
