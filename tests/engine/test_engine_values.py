"""Numbers worked out by hand, and activations on arrays of every rank."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from convwise.engine import conv2d, run
from convwise.engine.activations import KINDS, erf
from convwise.ops import Gate, Norm, PixelShuffle, Pointwise, Resize

RNG = np.random.default_rng(0)
X = RNG.integers(-9, 10, (2, 4, 9, 10)).astype(np.float32)


def test_nearest_and_linear_resizing_by_hand() -> None:
    x = np.array([[[0.0, 10.0, 20.0]]])
    assert run(Resize((6,)), x)[0, 0].tolist() == [0, 0, 10, 10, 20, 20]
    assert run(Resize((2,)), x)[0, 0].tolist() == [0, 10]
    assert run(Resize((2,), mode="nearest-exact"), x)[0, 0].tolist() == [0, 20]
    assert run(Resize((6,), mode="linear"), x)[0, 0].tolist() == [0, 2.5, 7.5, 12.5, 17.5, 20]
    assert run(Resize((5,), mode="linear", align_corners=True), x)[0, 0].tolist() == [0, 5, 10, 15, 20]
    assert run(Resize((1,), mode="linear", align_corners=True), x)[0, 0].tolist() == [0]
    assert run(Resize((2,), mode="area"), x)[0, 0].tolist() == [5, 15]
    assert run(Resize(scales=(Fraction(41),)), x)[0, 0].tolist() == [0] * 41 + [10] * 41 + [20] * 41


def test_norms_by_hand() -> None:
    x = np.array([[[1.0, 3.0], [10.0, 30.0]], [[5.0, 7.0], [50.0, 70.0]]])
    plain = {"scale": False, "center": False, "epsilon": 0.0}
    np.testing.assert_allclose(run(Norm("instance", **plain), x), [[[-1, 1], [-1, 1]]] * 2)
    np.testing.assert_allclose(run(Norm("layer", axes=(-1,), **plain), x), [[[-1, 1], [-1, 1]]] * 2)
    spread = np.sqrt(5)
    np.testing.assert_allclose(run(Norm("batch", **plain), x)[:, 0], np.array([[-3, -1], [1, 3]]) / spread)
    whole_group = run(Norm("group", groups=1, **plain), x)
    np.testing.assert_allclose(whole_group.reshape(2, -1).mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(whole_group.reshape(2, -1).std(axis=1), 1)
    np.testing.assert_allclose(
        run(Norm("rms", axes=(-1,), **plain), np.array([[3.0, 4.0]])), np.array([[3, 4]]) / np.sqrt(12.5)
    )
    np.testing.assert_allclose(run(Norm("unit", axes=(-1,), **plain), np.array([[3.0, 4.0], [0, 0]])[:1]), [[0.6, 0.8]])
    moments = {
        "mean": np.array([1.0, 2.0]),
        "variance": np.array([4.0, 16.0]),
        "scale": np.array([1.0, 3.0]),
        "shift": np.array([0.0, 5.0]),
    }
    stored = run(Norm("batch", moments=True, epsilon=0.0), x, moments)
    np.testing.assert_allclose(stored[0], [[0, 1], [11, 26]])


def test_pixel_shuffle_by_hand() -> None:
    x = np.arange(4.0).reshape(1, 4, 1, 1)
    assert run(PixelShuffle(2), x).tolist() == [[[[0, 1], [2, 3]]]]
    assert (run(PixelShuffle(2, inverse=True), run(PixelShuffle(2), x)) == x).all()
    assert run(Pointwise("channel_shuffle", (("groups", 2),)), x).ravel().tolist() == [0, 2, 1, 3]
    assert run(Gate(1), np.array([[2.0, 4.0, 0.0, 0.0]])).tolist() == [[1.0, 2.0]]


def test_activations_by_hand() -> None:
    x = np.array([-2.0, -0.5, 0.0, 1.0, 8.0])
    expected = {
        "relu": [0, 0, 0, 1, 8],
        "relu6": [0, 0, 0, 1, 6],
        "leaky_relu": [-0.02, -0.005, 0, 1, 8],
        "hard_sigmoid": [1 / 6, 2.5 / 6, 0.5, 4 / 6, 1],
        "hardswish": [-2 / 6, -1.25 / 6, 0, 4 / 6, 8],
        "hard_tanh": [-1, -0.5, 0, 1, 1],
        "softsign": [-2 / 3, -1 / 3, 0, 0.5, 8 / 9],
        "sigmoid": 1 / (1 + np.exp(-x)),
        "silu": x / (1 + np.exp(-x)),
        "softplus": np.log(1 + np.exp(x)),
        "elu": [np.exp(-2) - 1, np.exp(-0.5) - 1, 0, 1, 8],
        "gelu": [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x],
        "softmax": np.exp(x) / np.exp(x).sum(),
        "identity": x,
    }
    for kind, values in expected.items():
        np.testing.assert_allclose(run(Pointwise(kind), x), values, rtol=1e-14, atol=1e-15, err_msg=kind)


def test_the_error_function() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), [0.0, 1e-300, -1e-12]])
    assert np.abs(erf(x) - [math.erf(v) for v in x]).max() < 1e-15
    assert np.isnan(erf(np.array([np.nan]))).all()
    assert erf(np.array([np.inf, -np.inf])).tolist() == [1, -1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_activations_take_every_rank(kind: str) -> None:
    table = RNG.standard_normal((3, 4)).astype(np.float32)
    ours = run(Pointwise(kind), table)
    assert ours.shape == table.shape
    assert ours.dtype == np.float32
    assert not np.shares_memory(ours, table)
    if "max" not in kind and "softmin" not in kind and kind != "masking":
        single = run(Pointwise(kind), table[0, 0])
        assert single.shape == ()
        np.testing.assert_allclose(single, ours[0, 0], rtol=1e-6)


def test_every_activation_that_the_dialects_name_runs() -> None:
    from convwise.dialects.keras.activations import ACTIVATIONS
    from convwise.dialects.torch.elementwise import DROPOUTS, PLAIN

    kinds = (
        {kind for kind, _ in ACTIVATIONS.values()} | {kind for kind, _, _ in PLAIN.values()} | set(DROPOUTS.values())
    )
    assert len(kinds) > 30
    for kind in kinds:
        assert run(Pointwise(kind), X).shape == X.shape


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_memory_stays_bounded(layout: str) -> None:
    import tracemalloc

    x = np.ones((1, 32, 160, 150) if layout == "NCHW" else (1, 160, 150, 32), np.float32)
    w = np.ones((32, 32, 5, 5), np.float32)
    columns = 160 * 150 * w[0].nbytes
    tracemalloc.start()
    y = conv2d(x, w, padding=2, layout=layout)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert columns > 64 * 2**20
    assert peak < 2 * x.nbytes + y.nbytes + 4 * 2**22
