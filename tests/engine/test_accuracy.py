"""How many digits sums of many products lose: direct kernels to 2e-6 of the largest output on unit-variance data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import Case, drawn_for, expected

import convwise as cw
from convwise.engine import Conv, native, planning
from convwise.engine.families import FAMILIES, direct
from convwise.engine.families.direct import CHAIN, LEAST, chain_of

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
PROMISE = 2e-6


def error(channels: int, layout: str, algorithm: str) -> float:
    """The largest of three layers, beside the largest output; channels come first where they are added up in float64."""
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((1, channels, 9, 10), np.float32)
        weight = rng.standard_normal((70, channels, 1, 1), np.float32)
        right = np.einsum("kc,nchw->nkhw", weight[:, :, 0, 0].astype(float), x.astype(float), optimize=True)
        given = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        got = cw.conv2d(given, weight, layout=layout, algorithm=algorithm)
        got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
        found.append(abs(got - right).max() / abs(right).max())
    return float(max(found))


@needed
@pytest.mark.parametrize("channels", [512, 960, 1536, 2053, 8192])
@pytest.mark.parametrize(("layout", "algorithm"), [("NHWC", "direct"), ("NCHW", "direct"), ("NCHW", "planes")])
def test_one_cell_windows_of_many_channels(channels: int, layout: str, algorithm: str) -> None:
    assert error(channels, layout, algorithm) <= PROMISE


@needed
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_wider_windows_of_many_channels(layout: str) -> None:
    """3 x 5 windows of 4096 channels: their rows are chains of 20,480 products where no call takes parts of the channels."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 4096, 9, 10), np.float32), rng.standard_normal((33, 4096, 3, 5), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (3, 5), axis=(2, 3))
    right = np.einsum("kcij,nchwij->nkhw", weight.astype(float), windows, optimize=True)
    given = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    got = cw.conv2d(given, weight, layout=layout, algorithm="direct")
    got = got if layout == "NCHW" else got.transpose(0, 3, 1, 2)
    assert abs(got - right).max() <= PROMISE * abs(right).max()


def programs(family: str) -> list[str]:
    """Those that add up parts."""
    kernels = native.library()
    return (
        sorted(name for name in kernels.symbols if name.startswith(f"cw_{family}_") and "_long_" in name)
        if kernels
        else []
    )


@needed
@pytest.mark.parametrize("symbol", [*programs("direct"), *programs("planes")])
def test_every_program_that_adds_up_parts_gives_the_answer(symbol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of chains that are short already with few channels; by fours, which follow each other, and by odd numbers."""
    family, ran = symbol.split("_")[1], []
    module = FAMILIES[family]

    def choices(*problem: Any) -> list[Any]:
        return [choice for choice in module.choices(*problem) if choice.symbol == symbol]

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(drawn_for("long"), st.sampled_from([4, 7, 8, 12]))
    def every(case: Case, chain: int) -> None:
        exact = replace(case, activation=None if case.activation in ("silu", "hardswish") else case.activation)
        exact = replace(exact, layout="NHWC" if "_nhwc_" in symbol else "NCHW")
        exact = replace(exact, stride=(1, 1)) if family == "planes" else exact
        x, w, bias = exact.arrays()
        wanted = expected(exact)
        with monkeypatch.context() as patch:
            patch.setattr(direct, "CHAIN", chain)
            patch.setattr(direct, "LEAST", 1)
            direct.chain_of.cache_clear()
            planning.choose.cache_clear()
            patch.setattr(planning, "FAMILIES", {**FAMILIES, family: replace(module, choices=choices)})
            if chain_of(exact.channels // exact.groups) == exact.channels // exact.groups:
                return
            conv = Conv(w, bias, algorithm=family, threads=exact.threads, **exact.options())
            result = conv(x, exact.residual_like(wanted.shape))
        ran.append(1)
        assert np.array_equal(result, wanted)

    every()
    direct.chain_of.cache_clear()
    planning.choose.cache_clear()
    assert len(ran) >= 10


@pytest.mark.parametrize("channels", [1, 64, 511, 512])
def test_few_channels_are_one_chain(channels: int) -> None:
    assert chain_of(channels) == channels


@pytest.mark.parametrize("channels", [513, 728, 960, 1536, 2048, 4095, 8192])
def test_parts_of_many_channels_are_of_one_size(channels: int) -> None:
    assert channels % chain_of(channels) == 0
    assert LEAST <= chain_of(channels) <= CHAIN


def test_a_prime_number_of_channels_has_no_parts() -> None:
    """Those are added up by calls for some channels each, where they are many."""
    assert chain_of(2053) == 2053
