"""Winograd: exact transforms, accuracy, every cut of an image, and what a NaN reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import ISAS

from convwise.axis import Pads, Window
from convwise.engine import Conv, conv2d, native
from convwise.engine.families import winograd
from convwise.engine.isa import ALL, AVX2, AVX512
from convwise.engine.problem import Machine, Problem
from convwise.engine.transforms import POINTS, Transform, construct, transform

HERE = Path(__file__).parents[1]
needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
fractions = st.fractions(min_value=-4, max_value=4, max_denominator=6)


@given(
    st.integers(1, 7).flatmap(
        lambda m: st.tuples(st.just(m), st.lists(fractions, min_size=m + 1, max_size=m + 1, unique=True))
    )
)
def test_any_points_give_exact_transforms(drawn: tuple[int, list[Fraction]]) -> None:
    assert construct(*drawn).is_exact()


def test_a_wrong_coefficient_is_no_transform() -> None:
    right = transform(4)
    rows = [list(row) for row in right.data]
    rows[2][1] += Fraction(1, 1000)
    assert not Transform(4, right.output, right.weight, tuple(map(tuple, rows))).is_exact()


def test_points_that_are_equal_or_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="4 outputs need 5 different points, not"):
        construct(4, [Fraction(p) for p in (0, 1, -1, 2, 2)])
    with pytest.raises(ValueError, match="2 outputs need 3 different points"):
        construct(2, [Fraction(0)])


def test_the_points_in_use_amplify_least() -> None:
    """The usual points lose four times as much; no pair of small fractions is better."""
    assert all(transform(m).is_exact() for m in POINTS)
    usual = construct(4, [Fraction(p) for p in (0, 1, -1, 2, -2)]).amplification
    assert usual > 4 * transform(4).amplification
    small = sorted({Fraction(a, b) for a in range(1, 6) for b in range(1, 6)})
    pairs = [(a, b) for a in small for b in small if a < b]
    best = min(construct(4, [Fraction(0), a, -a, b, -b]).amplification for a, b in pairs)
    assert transform(4).amplification == best


def problem(**changes: object) -> Problem:
    sizes = {"height": 30, "width": 31, "pads": (1, 1, 1, 1), **changes}
    top, bottom, left, right = sizes.pop("pads")  # type: ignore[misc]
    machine = Machine(peak=5e10, bandwidth=2e10, l1=32768, l2=1 << 20)
    rows = Window(3, padding=Pads(top, bottom)).over(sizes["height"])  # type: ignore[arg-type]
    columns = Window(3, padding=Pads(left, right)).over(sizes["width"])  # type: ignore[arg-type]
    usual = Problem("conv", 1, 32, 30, 31, 32, 1, rows, columns, "NHWC", "NHWC", None, False, 2, machine)
    return replace(usual, **sizes)  # type: ignore[arg-type]


REFUSED = {
    "the window is 5 x 5": {"rows": Window(5).over(30), "columns": Window(5).over(31)},
    "the window is 1 x 3": {"rows": Window(1).over(30)},
    "the stride is 1 x 2": {"columns": Window(3, stride=2).over(31)},
    "the dilation is 9 x 9; it would take 81 calls": {
        "rows": Window(3, dilation=9).over(30),
        "columns": Window(3, dilation=9).over(31),
    },
    "only for convolutions": {"kind": "max"},
    "32 groups would be 32 calls": {"groups": 32},
    "3 channels to 32": {"channels": 3},
    "weights that are infinite or NaN": {"finite": False},
    "more than 2**31 numbers": {"channels": 8000, "filters": 8000},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_why_not(reason: str) -> None:
    assert winograd.why_not(problem(), AVX512) is None
    told = winograd.why_not(problem(**REFUSED[reason]), AVX512)
    assert told is not None
    assert reason in told


@given(
    st.integers(1, 3),
    st.integers(8, 600),
    st.integers(1, 600),
    st.integers(1, 600),
    st.integers(8, 600),
    st.integers(1, 16),
    st.sampled_from(ALL),
)
@settings(deadline=None, max_examples=60)
def test_every_cut_keeps_to_its_workspace(n: int, c: int, h: int, w: int, k: int, threads: int, isa: object) -> None:
    asked = problem(batch=n, channels=c, height=h, width=w, filters=k, threads=threads)
    found = winograd.choices(asked, isa)  # type: ignore[arg-type]
    assert found
    for choice in found:
        assert 0 < choice.workspace <= max(8_000_000, 4 * n * k * h * w)
        assert choice.seconds > 0
        wide, tall, images, pixels, blocks = choice.extra
        assert min(wide, tall, images, pixels, blocks) > 0
        assert choice.row_step % dict(choice.tiles)["outputs"] == 0


def float64(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return conv2d(x.astype(np.float64), w.astype(np.float64), padding=1, algorithm="windows")


@needed
@pytest.mark.parametrize("channels", [16, 64, 256, 512])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_accuracy_on_unit_variance_data(channels: int, layout: str) -> None:
    """4e-6 of the largest output is the promise."""
    rng = np.random.default_rng(channels)
    x = rng.standard_normal((1, channels, 30, 29)).astype(np.float32)
    w = rng.standard_normal((64, channels, 3, 3)).astype(np.float32)
    right = float64(x, w)
    given_x = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    got = Conv(w, padding=1, layout=layout, algorithm="winograd")(given_x)
    got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
    assert abs(got - right).max() <= 4e-6 * abs(right).max()


@needed
@pytest.mark.parametrize("dilation", [(2, 2), (1, 3), (4, 2), (6, 6)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((6, 5), (1, 9))])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_dilation_is_as_many_images_of_every_second_cell(
    dilation: tuple[int, int], padding: tuple[tuple[int, int], tuple[int, int]], layout: str
) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 40, 29, 30) if layout == "NCHW" else (2, 29, 30, 40)).astype(np.float32)
    w = rng.standard_normal((40, 40, 3, 3)).astype(np.float32)
    options = {"dilation": dilation, "padding": padding, "layout": layout, "activation": "silu", "threads": 2}
    right = Conv(w.astype(np.float64), algorithm="windows", **options)(x.astype(np.float64))
    conv = Conv(w, algorithm="winograd", **options)
    assert abs(conv(x) - right).max() <= 4e-6 * abs(right).max()
    residual = rng.standard_normal(right.shape).astype(np.float32)
    assert (
        abs(conv(x, residual) - Conv(w, algorithm="windows", **options)(x, residual)).max() <= 4e-5 * abs(right).max()
    )
    assert np.array_equal(conv(x), conv(x.swapaxes(1, 2).copy().swapaxes(1, 2)))


@needed
def test_a_nan_stays_within_the_tiles_that_read_it() -> None:
    """It spoils its 9 outputs, and at most the whole tiles that they lie in: never a far place."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 16, 24, 24)).astype(np.float32)
    x[0, 3, 11, 13] = np.nan
    w = rng.standard_normal((16, 16, 3, 3)).astype(np.float32)
    got = np.isnan(Conv(w, padding=1, algorithm="winograd", activation="relu")(x))[0]
    assert got[:, 10:13, 12:15].all()
    assert not got[:, :4].any()
    assert not got[:, 16:].any()
    assert not got[:, :, :8].any()
    assert not got[:, :, 20:].any()
    exact = np.isnan(Conv(w, padding=1, algorithm="direct")(x))[0]
    assert exact.sum() == 9 * 16


@needed
@pytest.mark.parametrize("isa", ISAS or ["none"])
def test_every_cut_on_random_problems_between_forbidden_pages(isa: str) -> None:
    """Not only the cuts that the planner likes: any rectangle, register tile and group, in both schedules."""
    paths = os.pathsep.join([str(HERE), *sys.path])
    done = subprocess.run(
        [sys.executable, str(HERE / "winograd_guard.py"), "120", "0"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "CONVWISE_KERNELS": isa},
    )
    if f"{native.machine.SWITCH}={isa}, but" in done.stderr:
        pytest.skip(f"this processor has no {isa}")
    last = done.stdout.strip().splitlines()[-1:]
    assert done.returncode == 0, f"{last}\n{done.stderr[-2000:]}"
    assert "120 cuts between forbidden pages" in last[0]


def test_blocks_of_weights_are_padded_with_zeros() -> None:
    choice = winograd.choices(problem(channels=9, filters=11), AVX2)[0]
    packed = winograd.pack(choice, np.ones((11, 9, 3, 3), np.float32))
    blocks, products, chunks, lanes, wide = packed.shape
    assert (blocks, chunks, lanes, wide) == (1, 2, 8, 16)
    flat = packed.reshape(products, chunks * lanes, wide)
    assert not flat[:, 9:].any()
    assert not flat[:, :, 11:].any()
    assert flat[0, :9, :11].all()
