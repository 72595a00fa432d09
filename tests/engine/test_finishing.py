"""Residual and activation behind a kernel: the pass over what it wrote, and that calls with a residual are planned once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import Case, cases, expected, scale

from convwise.engine import Conv, compiled, convolution, native, planning
from convwise.engine.families import FAMILIES
from convwise.engine.problem import CLAMP, Choice, Problem

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
ONE = np.ones((1, 1, 1, 1), np.float32)
LAYER: dict[str, Any] = {"padding": 1, "layout": "NHWC", "algorithm": "direct", "threads": 2}


def chosen(conv: Conv) -> list[Choice]:
    return [prepared.choice for prepared, *_ in conv._prepared.values()]


@needed
@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if not family.fuses and name != "pool"])
def test_a_family_that_does_not_fuse_leaves_what_follows_to_the_pass(name: str) -> None:
    assert name in ("direct", "depthwise", "grouped", "first", "transposed")
    if name == "transposed":
        pytest.skip("nothing follows it")
    shape, weight, groups = {
        "direct": ((1, 9, 10, 5), (7, 5, 3, 2), 1),
        "depthwise": ((1, 9, 10, 20), (20, 1, 3, 3), 20),
        "grouped": ((1, 9, 10, 24), (24, 4, 3, 3), 6),
        "first": ((1, 9, 10, 3), (17, 3, 3, 3), 1),
    }[name]
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, shape).astype(np.float32), rng.integers(-9, 10, weight).astype(np.float32)
    options: dict[str, Any] = {"groups": groups, "layout": "NHWC", "algorithm": name}
    for activation, residual in ((None, False), ("relu", False), ("relu", True), ("silu", False), ("hardswish", True)):
        conv = Conv(w, activation=activation, **options)
        plain = Conv(w, layout="NHWC", groups=groups, algorithm="windows", activation=activation)
        added = rng.integers(-99, 100, plain(x).shape).astype(np.float32) if residual else None
        got, wanted = conv(x, added), plain(x, added)
        assert np.allclose(got, wanted, rtol=1e-6, atol=1e-6 * abs(wanted).max())
        (choice,) = chosen(conv)
        assert choice.finish == (residual or activation in ("silu", "hardswish"))


@needed
def test_every_case_is_right_in_small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice of images and rows has a pass of its own, over as little as one row."""
    monkeypatch.setattr(compiled, "SLICE", 3000)

    @settings(max_examples=150, deadline=None)
    @given(cases(most=24), st.sampled_from(["direct", "grouped", "first", "depthwise"]))
    def every(case: Case, family: str) -> None:
        x, w, bias = case.arrays()
        wanted = expected(case)
        try:
            conv = Conv(w, bias, algorithm=family, threads=case.threads, **case.options())
            result = conv(x, case.residual_like(wanted.shape))
        except convolution.ArgumentError as error:
            if error.code != "CW607":
                raise
            return
        assert np.allclose(result, wanted, rtol=1e-5, atol=4e-6 * scale(case))

    every()


@needed
@pytest.mark.parametrize("channels", [1, 15, 16, 17, 100])
def test_activations_over_all_numbers(channels: int) -> None:
    """Against float64, from the smallest to the largest, at every place of a vector, in several tasks."""
    powers = np.concatenate([10.0 ** np.linspace(-44, 38.5, 10000), np.linspace(0.01, 120, 12000)])
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 88.7, -88.7, 88.8, -88.8, -103.9, -104.1, 3e-45, 3.4e38]
    numbers = np.concatenate([powers, -powers, special]).astype(np.float32)
    numbers = np.resize(numbers, -(-len(numbers) // channels) * channels).reshape(1, -1, channels, 1)
    x = numbers.astype(np.float64)
    with np.errstate(all="ignore"):
        silu = x / (1 + np.exp(-x))
        swish = x * np.clip(x + 3, 0, 6) / 6
    # -inf times what goes to 0, and NaN itself.
    nothing = np.isnan(x) | np.isneginf(x)
    # What float32 loses by its own formulas: silu below -88.7, where the power is infinite and the answer at most 3e-37, and
    # hard-swish near -3, where x + 3 cancels.
    for activation, wanted, most, near in (("silu", silu, 3.4e38, 3e-37), ("hardswish", swish, 3.4e38, 1e-6)):
        got = Conv(ONE, layout="NHWC", activation=activation, algorithm="direct")(numbers)
        assert np.isnan(got[nothing]).all(), activation
        kept = ~nothing & (abs(wanted) < most)
        assert np.allclose(got[kept], wanted[kept], rtol=4e-7, atol=near), activation
        assert (got[np.isposinf(x)] == np.inf).all()
    clamped = Conv(ONE, layout="NHWC", activation="relu6", algorithm="direct")
    got = clamped(numbers, np.zeros_like(numbers))
    assert np.array_equal(got, np.clip(numbers, 0, 6), equal_nan=True)


@needed
def test_a_residual_is_added_before_the_activation_and_a_nan_stays() -> None:
    x = np.full((1, 2, 3, 1), -5.0, np.float32)
    residual = np.array([1.0, 6.0, np.nan, np.inf, -np.inf, 5.0], np.float32).reshape(x.shape)
    got = Conv(ONE, layout="NHWC", activation="relu", algorithm="direct")(x, residual)
    assert np.array_equal(got.ravel(), np.array([0, 1, np.nan, np.inf, 0, 0], np.float32), equal_nan=True)


@needed
def test_calls_with_a_residual_are_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors made anew take longer than a small layer."""
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (2, 9, 10, 5)).astype(np.float32)
    w = rng.integers(-9, 10, (7, 5, 3, 3)).astype(np.float32)
    conv = Conv(w, activation="relu", **LAYER)
    bare = conv(x)
    first = rng.integers(-99, 100, bare.shape).astype(np.float32)
    sums = Conv(w, **LAYER)(x)
    wanted = np.maximum(sums + first, 0)
    assert np.array_equal(conv(x, first), wanted)

    def again(*_: object, **__: object) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr(convolution, "prepare", again)
    assert np.array_equal(conv(x, first), wanted)
    assert np.array_equal(conv(x, first[::-1].copy()), np.maximum(sums + first[::-1], 0))
    assert np.array_equal(conv(x), bare)
    monkeypatch.undo()
    # What does not lie as kernels read it takes the way on which it is looked at, and is right too.
    raw = np.zeros(4 * first.size + 1, np.uint8)[1:].view(np.float32).reshape(first.shape)
    raw[...] = first
    for other in (
        np.asfortranarray(first),
        first.astype(np.float64),
        first.tolist(),
        np.concatenate([first, first], axis=-1)[..., :7],
        raw,
    ):
        assert np.array_equal(conv(x, other), wanted)
    with pytest.raises(convolution.ArgumentError) as caught:
        conv(x, first[:1])
    assert caught.value.code == "CW605"
    assert "residual has shape (1, 9, 10, 7) where (2, 9, 10, 7) is needed" in str(caught.value)


@needed
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_groups_that_are_calls_of_their_own_share_one_pass(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channels of one group are short pieces where they come last, and a pass over each would go through them one by one."""
    monkeypatch.setattr(compiled, "SLICE", 10_000)
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (3, 15, 9, 10)).astype(np.float32)
    w, bias = (rng.integers(-4, 5, shape).astype(np.float32) for shape in ((21, 5, 3, 2), (21,)))
    x = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    options: dict[str, Any] = {"groups": 3, "layout": layout, "activation": "relu6", "padding": 1}
    plain = Conv(w, bias, algorithm="windows", **options)
    residual = rng.integers(-99, 100, plain(x).shape).astype(np.float32)
    conv = Conv(w, bias, algorithm="direct", threads=2, **options)
    for _ in range(2):
        assert np.array_equal(conv(x, residual), plain(x, residual))
    ((prepared, *_),) = conv._prepared.values()
    (run,) = prepared.idle
    endings = [part.ending for part in run.parts if part.ending is not None]
    assert not prepared.choice.together
    assert len(run.parts) == 3 * len(endings) > 3
    assert {ending[0].dim[0].extent for ending in endings} == {21}


@needed
def test_kernels_that_fuse_are_not_given_a_pass() -> None:
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 32, 28, 30), (32, 32, 3, 3)))
    conv = Conv(w, padding=1, activation="silu", algorithm="winograd")
    conv(x)
    assert [choice.finish for choice in chosen(conv)] == [False]


@needed
def test_the_cost_model_counts_the_pass() -> None:
    """Else a kernel that needs one would be taken for as fast as one that does not."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 9, 10, 40), (32, 40, 3, 3)))
    found: dict[str | None, Problem] = {}
    for activation in (None, "silu", "hardswish"):
        conv = Conv(w, activation=activation, **LAYER)
        conv(x)
        ((prepared, *_),) = conv._prepared.values()
        found[activation] = prepared.problem
    kernels = native.library()
    assert kernels is not None
    best = {
        name: min(choice.seconds for choice in planning.choices(FAMILIES["direct"], problem, kernels))
        for name, problem in found.items()
    }
    assert found[None].form == CLAMP
    assert best[None] < best["hardswish"] < best["silu"]
