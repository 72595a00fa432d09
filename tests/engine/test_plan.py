"""A plan shows all that it promises, in the terminal and in JSON, and its numbers are those of what runs."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import Case, cases, drawn_for

from convwise import cli
from convwise.answers.planned import planned
from convwise.axis import Window
from convwise.engine import Conv, conv2d, native, plan, tuning
from convwise.engine.calls import dense_steps, prepare, problem_of
from convwise.errors import ArgumentError, ShapeError

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")

CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "direct": ((1, 40, 18, 19), (33, 40, 3, 2), {"stride": 2}),
    "winograd": ((1, 40, 28, 29), (50, 40, 3, 3), {"padding": 1}),
    "depthwise": ((2, 48, 18, 19), (48, 1, 3, 3), {"groups": 48}),
    "grouped": ((2, 48, 18, 19), (96, 4, 3, 3), {"groups": 12}),
    "first": ((1, 3, 40, 41), (40, 3, 7, 7), {"stride": 2, "padding": 3}),
    "planes": ((1, 40, 18, 19), (33, 40, 1, 1), {}),
    "groups apart": ((1, 80, 18, 19), (66, 40, 3, 2), {"groups": 2, "algorithm": "direct"}),
}


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", CASES)
def test_packed_bytes_are_those_that_are_packed(case: str, layout: str) -> None:
    x, w, options = CASES[case]
    if case == "planes" and layout == "NHWC":
        pytest.skip("only for channels first")
    options = {"algorithm": case, **options, "layout": layout, "threads": 2}
    x = x if layout == "NCHW" else (x[0], x[2], x[3], x[1])
    told = plan(x, w, **options)
    conv = Conv(np.ones(w, np.float32), **options)
    conv(np.ones(x, np.float32))
    (packed,) = conv._kernel_weights.values()
    assert told.packed == packed.array.nbytes


@needed
@pytest.mark.parametrize("family", ["direct", "winograd", "depthwise", "grouped", "first", "planes"])
def test_the_plan_names_the_kernel_that_runs(family: str) -> None:
    """With its tiles, for layers of every kind, those too whose rows are stepped over and whose windows are low or narrow."""
    narrow = cases(kernels=st.integers(1, 3), groups=st.integers(8, 40), each_in=st.just(1), each_out=st.just(1))

    @settings(max_examples=150, deadline=None)
    @given(st.one_of(drawn_for(family), narrow))
    def every(case: Case) -> None:
        x, w, bias = case.arrays()
        options = {**case.options(), "threads": case.threads}
        conv = Conv(w, bias, **options)
        conv(x)
        ran = [(prepared.choice.symbol, prepared.choice.tiles) for prepared, *_ in conv._prepared.values()]
        told = plan(x.shape, w.shape, **options)
        assert ran == ([(told.kernel, told.tiles)] if told.kernel else [])

    every()


@needed
def test_a_plan_packs_nothing() -> None:
    """2050 channels are no whole chunks, and their weights would be 151 MB."""
    tracemalloc.start()
    plan((1, 2050, 7, 7), (2050, 2050, 3, 3), padding=1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10**6


@needed
@pytest.mark.parametrize("case", CASES)
def test_the_terminal_and_json_show_all_of_it(case: str) -> None:
    x, w, options = CASES[case]
    found = plan(x, w, **{"algorithm": case, **options})
    text, told = str(found), json.loads(json.dumps(found.to_dict()))
    assert found.peak
    assert found.bandwidth
    assert found.seconds
    for part in (
        f"chosen     {found.algorithm} ({found.kernel}; {found.threads} threads)",
        f"work       {found.macs:,} MACs",
        f"{found.bytes:,} moved at least, {found.workspace:,} of workspace, {found.packed:,} of packed weights",
        f"{found.seconds * 1e6:,.0f} us by the cost model, bound by {found.bound}, {found.fraction:.0%} of ",
        f"{found.fraction_of_bandwidth:.0%} of the bandwidth; the model assumes {found.bandwidth / 1e9:.0f} GB/s",
        f"a peak of {found.peak / 1e9:,.0f} GMAC/s",
        *(f"{name} {number}" for name, number in found.tiles),
        *(f"{one.algorithm}: {one.why}" for one in found.rejected),
    ):
        assert part in text
    assert {one["algorithm"] for one in told["rejected"]} == {
        *("direct", "winograd", "depthwise", "grouped", "first", "planes", "transposed", "pool", "windows")
    } - {found.algorithm}
    assert all(one["why"] for one in told["rejected"])
    names = "kernel tiles macs done bytes packed workspace seconds bound fraction peak bandwidth fraction_of_bandwidth"
    assert all(told[name] not in (None, "", {}) for name in names.split())
    assert told["bound"] in ("compute", "memory")
    assert told["measured"] is None


@needed
def test_a_plan_tells_of_the_pass_behind_the_kernel() -> None:
    line = "\n  then       the activation, in a pass of its own over what the kernel wrote\n"
    for activation, behind in ((None, False), ("relu", False), ("silu", True)):
        found = plan((1, 5, 9, 10), (7, 5, 3, 2), activation=activation, algorithm="direct")
        assert found.finish == found.to_dict()["finish"] == behind
        assert (line in str(found)) == behind
    assert not plan((1, 32, 28, 30), (32, 32, 3, 3), activation="silu", algorithm="winograd").finish


@needed
def test_the_fractions_follow_from_the_other_numbers() -> None:
    found = plan((1, 64, 30, 31), (64, 64, 5, 5), algorithm="direct", threads=2)
    assert found.fraction == pytest.approx(found.macs / found.peak / found.seconds)  # type: ignore[operator]
    assert found.fraction_of_bandwidth == pytest.approx(found.bytes / found.bandwidth / found.seconds)  # type: ignore[operator]
    one = plan((1, 64, 30, 31), (64, 64, 5, 5), algorithm="direct", threads=1)
    assert found.peak == 2 * one.peak  # type: ignore[operator]


@needed
def test_products_with_padding_that_are_left_out_are_no_speed() -> None:
    """Else most of a window of padding would count as work done far above the peak."""
    found = plan((1, 64, 28, 28), (64, 64, 3, 3), padding=24, dilation=24, algorithm="direct", threads=1)
    assert found.done < found.macs
    assert found.fraction < 1  # type: ignore[operator]


@needed
@pytest.mark.parametrize("json_too", [False, True])
def test_the_command_line_measures(json_too: bool, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("CONVWISE_CACHE", str(tmp_path))
    tuning.forget()
    words = ["plan", "nn.Conv2d(8, 16, 3, padding=1)", "8x16x17", "--tune", "--threads", "1"]
    assert cli.main([*words, *(["--json"] if json_too else [])]) == 0
    shown = capsys.readouterr().out
    assert (tmp_path / "measured.json").exists()
    if json_too:
        (told,) = json.loads(shown)["plans"]
        assert told["measured"]["seconds"] > 0
        assert told["measured"]["gain"] >= 1
    else:
        assert "  measured   " in shown
        assert str(tmp_path) in "".join(shown.split()), shown


@needed
def test_a_plan_promises_no_kernel_for_images_that_none_reaches() -> None:
    """Indices have 32 bits: from 2**30 numbers on NumPy runs, in the plan as in the call."""
    shapes, shorter = ((1, 1, 2**15 + 1, 2**15), (1, 1, 3, 3)), ((1, 1, 2**15, 2**15), (1, 1, 3, 3))
    assert plan(*shorter).kernel is not None
    far = plan(*shapes)
    assert (far.algorithm, far.kernel, far.threads) == ("windows", None, None)
    assert "chosen     windows (NumPy)\n  because    an image of more than 2**30 numbers" in str(far)
    assert far.workspace > 4 * 2**30  # NumPy pads a copy
    for shape, wanted in ((shapes[0], None), (shorter[0], far)):
        problem = problem_of(shape, 1, 1, [Window(3).over(size) for size in shape[2:]], "NCHW")
        assert problem is not None
        assert (prepare(problem, dense_steps(shape, "NCHW"), None) is None) == (wanted is None)
    with pytest.raises(ArgumentError, match=r"winograd cannot run here: an image of more than 2\*\*30.*CW607"):
        plan(*shapes, algorithm="winograd")


def test_a_plan_refuses_what_the_call_refuses() -> None:
    shapes = (2, 16, 20, 21), (24, 16, 3, 3)
    with pytest.raises(ArgumentError, match=r"no activation 'nonsense' \[CW606\]"):
        plan(*shapes, activation="nonsense")
    with pytest.raises(ShapeError, match=r"the output would take [\d,]+ bytes \[CW507\]"):
        plan(*shapes, padding=2**62)


@needed
def test_the_bound_is_what_takes_longer() -> None:
    busy, moving = plan((1, 256, 30, 31), (256, 256, 5, 5), threads=1), plan((1, 8, 300, 310), (8, 1, 1, 1), groups=8)
    for found in (busy, moving):
        compute, memory = found.macs / found.peak, found.bytes / found.bandwidth  # type: ignore[operator]
        assert found.bound == ("memory" if memory > compute else "compute")
    assert (busy.bound, moving.bound) == ("compute", "memory")


@needed
def test_left_out_products_count_for_nothing() -> None:
    found = plan((1, 64, 28, 28), (64, 64, 3, 3), padding=24, dilation=24, algorithm="direct", threads=1)
    assert found.fraction == pytest.approx(found.done / found.peak / found.seconds)  # type: ignore[operator]


def test_one_thread_is_one() -> None:
    assert str(plan((1, 4, 9, 10), (2, 4, 3, 2), threads=1)).count("1 threads") == 0


@pytest.mark.parametrize("layer", ["nn.MaxPool2d(2)", "nn.ConvTranspose2d(4, 3, 2)", "nn.ReLU()"])
def test_what_has_no_plan_is_told(layer: str) -> None:
    with pytest.raises(ArgumentError, match="there is no convolution over one or two axes to plan") as caught:
        planned(layer, (4, 9, 10))
    assert "kernels run pools and transposed convolutions too" in caught.value.hint


@needed
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_winograd_tells_what_infinities_do(bad: float) -> None:
    """They spoil their tile, and the plan says so; direct spoils the nine outputs that read the cell."""
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=shape).astype(np.float32) for shape in ((1, 16, 40, 41), (16, 16, 3, 3)))
    x[0, 3, 20, 20] = bad
    for algorithm, more in (("winograd", True), ("direct", False)):
        told = "spoils the tile of outputs around it" in str(plan(x.shape, w.shape, padding=1, algorithm=algorithm))
        spoiled = int((~np.isfinite(conv2d(x, w, padding=1, algorithm=algorithm)[0, 0])).sum())
        assert (told, spoiled > 9) == (more, more)
        assert spoiled >= 9
