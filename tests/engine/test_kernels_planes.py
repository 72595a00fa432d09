"""Kernels with the pixels of planes in their lanes: every tile and cut of theirs, odd steps, special values, what they refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import Case, drawn_for, expected

from convwise.axis import Pads, Window
from convwise.engine import Conv, conv2d, native, plan, planning
from convwise.engine.families import FAMILIES, first, planes
from convwise.engine.problem import Choice, Machine, Problem
from convwise.errors import ArgumentError
from convwise.instructions import AVX512

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
EXACT = drawn_for("planes").filter(lambda case: case.activation not in ("silu", "hardswish"))
RNG = np.random.default_rng(0)


def arrays(*shapes: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Whole numbers, whose sums are exact in every order."""
    return tuple(RNG.integers(-9, 10, shape).astype(np.float32) for shape in shapes)


@needed
def test_every_tile_and_cut_gives_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the one that seems cheapest; residuals and activations too."""
    seen = set()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(EXACT, st.integers(0, 20))
    def every(case: Case, number: int) -> None:
        x, w, bias = case.arrays()
        wanted = expected(case)
        taken: list[str] = []

        def choices(*problem: Any) -> list[Any]:
            found = planes.choices(*problem)
            taken.append(found[number % len(found)].symbol)
            return [found[number % len(found)]]

        planning.choose.cache_clear()
        with monkeypatch.context() as patch:
            chosen = replace(FAMILIES["planes"], choices=choices)
            patch.setattr(planning, "FAMILIES", {**FAMILIES, "planes": chosen})
            conv = Conv(w, bias, algorithm="planes", threads=case.threads, **case.options())
            result = conv(x, case.residual_like(wanted.shape))
        seen.update(taken)
        assert np.array_equal(result, wanted)

    every()
    planning.choose.cache_clear()
    kernels = native.library()
    assert kernels is not None
    assert seen >= {name for name in kernels.symbols if name.startswith("cw_planes_") and "_plain_" in name}


@needed
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_reach_the_outputs_that_read_them(value: float) -> None:
    """One pixel of all filters, and nothing beside it in the same vector or behind the end."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn_for("planes"), st.data())
    def every(case: Case, data: st.DataObject) -> None:
        x, w, bias = case.arrays()
        x.reshape(-1)[data.draw(st.integers(0, x.size - 1))] = value
        result = Conv(w, bias, algorithm="planes", threads=case.threads, **case.options())(x)
        wanted = Conv(w, bias, algorithm="windows", **case.options())(x)
        assert np.array_equal(np.isnan(result), np.isnan(wanted))
        assert np.allclose(result, wanted, rtol=1e-5, atol=1e-4, equal_nan=True)

    every()


@needed
@pytest.mark.parametrize("shape", [(2, 9, 7, 11), (1, 40, 1, 1), (3, 5, 50, 1), (1, 700, 3, 5), (1, 3, 64, 96)])
@pytest.mark.parametrize("filters", [1, 8, 33])
def test_rows_need_not_lie_one_behind_the_other(shape: tuple[int, ...], filters: int) -> None:
    n, c, h, w = shape
    x, weight, bias = arrays((n, c, 2 * h, 2 * w), (filters, c, 1, 1), (filters,))
    odd = np.asfortranarray(x), x[:, :, ::2], x[..., ::2], x[..., ::-1], x[:, :, ::-1], x[:, ::-1, 1:, 1:], x[::-1]
    for view in odd:
        wanted = conv2d(view, weight, bias, algorithm="windows")
        assert np.array_equal(conv2d(view, weight, bias, algorithm="planes", threads=2), wanted)


@needed
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_parts_of_the_rows_are_found_where_they_lie(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long work is cut into calls of a few rows, whose images are not one row; here after very few multiply-adds."""
    from convwise.engine import compiled

    monkeypatch.setattr(compiled, "SLICE", 2000)
    planning.choose.cache_clear()
    x, weight, bias, residual = arrays((2, 11, 29, 31), (19, 11, 1, 1), (19,), (2, 19, 29, 31))
    wanted = Conv(weight, bias, algorithm="windows", activation="relu")(x, residual)
    conv = Conv(weight, bias, algorithm="planes", activation="relu", threads=threads)
    assert np.array_equal(conv(x, residual), wanted)
    assert np.array_equal(conv(np.asfortranarray(x), residual), wanted)


@needed
def test_first_layers_with_pixels_in_the_lanes_give_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles at the end of a row and of the filters are shifted inwards; a step of 3 is read number by number."""
    kernels = native.library()
    assert kernels is not None
    seen = set()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(1, 4), st.integers(4, 40), st.integers(1, 3), st.integers(1, 5), st.integers(0, 4), st.data())
    def every(channels: int, filters: int, stride: int, kernel: int, pad: int, data: st.DataObject) -> None:
        x, weight, bias = arrays(
            (2, channels, 9, data.draw(st.integers(20, 130))), (filters, channels, 3, kernel), (filters,)
        )
        x[1, -1, data.draw(st.integers(0, 8)), -1] = np.nan
        options: dict[str, Any] = {
            "stride": (1, stride),
            "padding": ((1, 2), (pad, 1)),
            "dilation": (2, 1),
            "activation": "relu",
        }
        wanted = conv2d(x, weight, bias, algorithm="windows", **options)

        def choices(*problem: Any) -> list[Any]:
            found = [choice for choice in first.choices(*problem) if "by" in choice.variant]
            seen.update(choice.symbol for choice in found)
            return data.draw(st.permutations(found))[:1] or first.choices(*problem)

        planning.choose.cache_clear()
        with monkeypatch.context() as patch:
            chosen = replace(FAMILIES["first"], choices=choices)
            patch.setattr(planning, "FAMILIES", {**FAMILIES, "first": chosen})
            assert np.array_equal(conv2d(x, weight, bias, algorithm="first", **options), wanted, equal_nan=True)

    every()
    planning.choose.cache_clear()
    assert len(seen) == sum("by" in symbol for symbol in kernels.symbols)


@needed
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layout": "NHWC"}, r"only for channels first \(NCHW\)"),
        ({"stride": 2}, "only for 1x1 windows with stride 1 and no padding"),
        ({"stride": (1, 3)}, "only for 1x1 windows with stride 1 and no padding"),
        ({"padding": 1}, "only for 1x1 windows with stride 1 and no padding"),
    ],
)
def test_what_it_cannot_run_it_says(options: dict[str, Any], words: str) -> None:
    w = np.ones((72, 72 // options.get("groups", 1), 1, 1), np.float32)
    with pytest.raises(ArgumentError, match=words) as told:
        conv2d(np.ones((1, 72, 72, 72), np.float32), w, algorithm="planes", **options)
    assert told.value.code == "CW607"


@needed
def test_it_is_chosen_where_it_is_the_faster_one() -> None:
    """Planes need not be turned; of very few pixels a vector holds too few."""
    assert plan((1, 64, 56, 56), (256, 64, 1, 1), threads=2).algorithm == "planes"
    assert plan((1, 56, 56, 64), (256, 64, 1, 1), threads=2, layout="NHWC").algorithm == "direct"
    assert plan((1, 512, 1, 1), (512, 512, 1, 1), threads=2).algorithm != "planes"


def cheapest(units: int, channels: int, side: int, filters: int, window: Window, layout: str) -> Choice:
    """Of a processor that multiplies so many vectors in a cycle, with one thread."""
    axis = window.over(side)
    machine = Machine(peak=3.4e10, bandwidth=2e10, l1=1 << 15, l2=1 << 20, units=units)
    problem = Problem("conv", 1, channels, side, side, filters, 1, axis, axis, layout, layout, None, False, 1, machine)
    families = [FAMILIES[name] for name in ("first", "direct", "planes", "depthwise", "grouped")]
    able = [family for family in families if family.why_not(problem, AVX512) is None]
    return min((one for family in able for one in family.choices(problem, AVX512)), key=lambda one: one.seconds)


HALVED = Window(3, stride=2, padding=Pads(1, 1))


@pytest.mark.parametrize(
    ("channels", "side", "filters", "window", "layout", "one", "two"),
    [
        (3, 224, 32, HALVED, "NCHW", "16x1_nchw", "8by2_nchw"),
        (256, 56, 64, Window(1), "NCHW", "16x1_plain", "8x3_plain"),
        (128, 56, 128, HALVED, "NHWC", "14x2_nhwc_plain", "6x4_nhwc_plain"),
        (32, 208, 64, HALVED, "NHWC", "4x4_nhwc_edges", "6x4_nhwc_edges"),
    ],
)
def test_a_processor_that_computes_vectors_in_halves_has_time_to_read_beside_it(
    channels: int, side: int, filters: int, window: Window, layout: str, one: str, two: str
) -> None:
    """Tiles that read more for each multiplication are cheaper there, those that leave fewer lanes empty, and squares."""
    chosen = [cheapest(units, channels, side, filters, window, layout).variant for units in (1, 2)]
    assert chosen == [one, two]


def test_a_panel_leaves_room_in_the_second_cache() -> None:
    """For the lines that it is copied from, and those that are stored."""
    choice = cheapest(2, 40, 56, 240, Window(1), "NCHW")
    assert choice.family == "planes"
    assert choice.workspace <= (1 << 20) // 4 + 4 * 40 * 16
