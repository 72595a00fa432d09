"""Pools and transposed convolutions on compiled kernels: the reference's numbers, inside their buffers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import ISAS
from pooling_guard import Layer, layers
from processes import guard

from convwise.axis import Pads, Window
from convwise.engine import avg_pool2d, max_pool2d, native, pooling
from convwise.engine.running import run
from convwise.ops import ConvTranspose, Layout, Pool

needed = pytest.mark.skipif(native.library() is None, reason="no kernels here")
KINDS = ("pool", "transposed")
SPECIAL = (np.nan, np.inf, -np.inf, -0.0, 1e-42)


@needed
@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_gives_the_answer(kind: str) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(kind))
    def every(layer: Layer) -> None:
        result = layer.by("auto")
        assert result.dtype == np.float32
        assert np.allclose(result, layer.by("windows"), rtol=1e-6, atol=1e-6)

    every()


@needed
@pytest.mark.parametrize("kind", KINDS)
def test_small_layers_agree_with_the_literal_form(kind: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(kind, most=9))
    def every(layer: Layer) -> None:
        assert np.allclose(layer.by("auto"), layer.by("reference"), rtol=1e-6, atol=1e-6)

    every()


@needed
@pytest.mark.parametrize("kind", KINDS)
def test_special_values_reach_the_outputs_that_read_them(kind: str) -> None:
    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(kind, most=12), st.sampled_from(SPECIAL), st.data())
    def every(layer: Layer, value: float, data: st.DataObject) -> None:
        x, weights = layer.arrays()
        for _ in range(3):
            x.reshape(-1)[data.draw(st.integers(0, x.size - 1))] = value
        result = run(layer.op, x, weights, layer.layout)
        wanted = run(layer.op, x, weights, layer.layout, method="reference")
        assert np.array_equal(np.isnan(result), np.isnan(wanted))
        assert np.allclose(result, wanted, rtol=1e-6, atol=1e-6, equal_nan=True)

    every()


@needed
@pytest.mark.parametrize("isa", ISAS or ["none"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_byte_outside_is_touched(kind: str, isa: str) -> None:
    assert "cases between forbidden pages" in guard("pooling_guard.py", kind, "60", isa=isa)


MAX = Pool("max", (Window(3, 2, padding=Pads(1, 1)), Window(2, 1)))
UP = ConvTranspose((Window(4, 2, padding=Pads(1, 1)), Window(3, 3)), 5, 6, 1, False)
X = np.random.default_rng(0).integers(-9, 10, (2, 5, 17, 19)).astype(np.float32)
W = {"weight": np.random.default_rng(1).integers(-9, 10, (5, 6, 4, 3)).astype(np.float32)}


@needed
@pytest.mark.parametrize("op", [MAX, UP], ids=["max", "transposed"])
def test_memory_orders_give_the_same_numbers(op: Pool | ConvTranspose) -> None:
    weights = W if op is UP else {}
    wanted = run(op, X, weights, method="windows")
    spread = np.zeros([3 * n for n in X.shape], np.float32)
    spread[::3, ::3, ::3, ::3] = X
    flipped = X[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]
    bytes_ = np.zeros(X.nbytes + 64, np.uint8)
    for offset in range(1, 64, 7):
        place = bytes_[offset : offset + X.nbytes].view(np.float32).reshape(X.shape)
        place[...] = X
        assert np.array_equal(run(op, place, weights), wanted), offset
    last = Layout(channels_last=True)
    for x in (X, np.asfortranarray(X), spread[::3, ::3, ::3, ::3], flipped):
        assert np.array_equal(run(op, x, weights), wanted)
        turned = run(op, x.transpose(0, 2, 3, 1), weights, last)
        assert np.array_equal(turned, wanted.transpose(0, 2, 3, 1))
    same = np.broadcast_to(X[:1, :1, :1, :1], X.shape)
    assert np.array_equal(run(op, same, weights), run(op, np.ascontiguousarray(same), weights, method="windows"))


@needed
@pytest.mark.parametrize("kind", KINDS)
def test_slices_give_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long work is cut into calls of a few rows; here after very few multiply-adds."""
    from convwise.engine import compiled

    for module in (compiled, pooling):
        monkeypatch.setattr(module, "SLICE", 2000)
    monkeypatch.setattr(pooling, "_prepared", {})
    monkeypatch.setattr(pooling, "_again", {})

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(layers(kind, most=20))
    def every(layer: Layer) -> None:
        assert np.allclose(layer.by("auto"), layer.by("windows"), rtol=1e-6, atol=1e-6)

    every()


@needed
@pytest.mark.parametrize("far", [2**29, 2**31 - 1, 2**31, 2**32, 2**40])
def test_sizes_beyond_32_bits_go_to_numpy(far: int) -> None:
    """ctypes would cut them off in silence, and the kernel would read somewhere else."""
    for windows in (
        (Window(3, far, padding=Pads(far, far)),) * 2,
        (Window(2, far, far, Pads(far, far)),) * 2,
        (Window(1, far), Window(1)),
    ):
        op = Pool("max", windows)
        assert np.array_equal(run(op, X, {}), run(op, X, {}, method="reference"))


VIEWS = {
    "as they lie": lambda x: x[:, :5, :33, :37],
    "every other column": lambda x: x[:, :5, :33, ::2],
    "columns from the last": lambda x: x[:, :5, :33, 36::-1],
    "turned": lambda x: x[:, :5, :37, :33].transpose(0, 1, 3, 2),
    "channels last": lambda x: np.ascontiguousarray(x[:, :5, :33, :37].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "one column again and again": lambda x: np.broadcast_to(x[:, :5, :33, :1], (2, 5, 33, 37)),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 1), ((3, 2), (1, 2), (1, 0))])
@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
def test_columns_need_not_be_neighbours(pool: Any, kernel: Any, stride: Any, padding: Any, view: str) -> None:
    x = VIEWS[view](np.random.default_rng(3).standard_normal((2, 10, 70, 74)).astype(np.float32))
    assert np.allclose(pool(x, kernel, stride, padding), pool(x.copy(), kernel, stride, padding), rtol=1e-6, atol=1e-6)


@needed
@pytest.mark.parametrize("divisor", [3, 2**24 - 1, 2**24, 2**31, 2**40])
def test_a_divisor_of_any_size_divides(divisor: int) -> None:
    x = np.full((1, 3, 20, 21), 2.0**30, np.float32)
    assert avg_pool2d(x, 2, divisor=divisor) == pytest.approx(np.full((1, 3, 10, 10), 2.0**32 / divisor))


@needed
def test_padding_that_kernels_cannot_count_is_numpys() -> None:
    """Beyond 2**30 cells of padding the kernels' own numbers would not hold them."""
    op = Pool("average", (Window(1, 2**29, padding=Pads(2**30, 2**30)), Window(1)), count_padding=True)
    x = np.ones((1, 2, 1, 3), np.float32)
    assert run(op, x).tolist() == run(op, x, method="reference").tolist()
