"""Which arrays and options are taken, what comes back, and what every refusal says."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convwise.axis import Pads, Window
from convwise.engine import Conv, avg_pool2d, conv2d, max_pool2d, native, plan, remembered, run
from convwise.engine.activations import KINDS
from convwise.errors import ArgumentError, ConvwiseError, ShapeError
from convwise.ops import (
    AdaptivePool,
    Crop,
    Dense,
    Flatten,
    Fold,
    GlobalPool,
    Layout,
    Norm,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Unflatten,
)
from convwise.ops import Conv as ConvOp

RNG = np.random.default_rng(0)
X = RNG.integers(-9, 10, (2, 4, 9, 10)).astype(np.float32)
W = RNG.integers(-9, 10, (6, 4, 3, 2)).astype(np.float32)
B = RNG.integers(-9, 10, 6).astype(np.float32)
Y = conv2d(X, W, B, padding=1)
ALGORITHMS = ["reference", "windows", None]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_layouts_batches_and_memory_orders_give_the_same_numbers(layout: str, algorithm: Any) -> None:
    last = layout == "NHWC"
    x, y = (X.transpose(0, 2, 3, 1), Y.transpose(0, 2, 3, 1)) if last else (X, Y)
    spread = np.zeros((4, *(2 * n for n in x.shape[1:])), np.float32)
    spread[::2, ::2, ::2, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    others = [
        x,
        np.ascontiguousarray(x),
        np.asfortranarray(x),
        spread[::2, ::2, ::2, ::2],
        x[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
        read_only,
    ]
    for given in others:
        before = given.copy()
        ours = conv2d(given, W, B, padding=1, layout=layout, algorithm=algorithm)
        assert (ours == y).all()
        assert (given == before).all()
        assert ours.flags.c_contiguous
        assert ours.flags.owndata or ours.base is not None
        assert not np.shares_memory(ours, given)
    for turned in (np.asfortranarray(W), W[::-1].copy()[::-1]):
        assert (conv2d(x, turned, B[::-1].copy()[::-1], padding=1, layout=layout, algorithm=algorithm) == y).all()
    assert (conv2d(x[1], W, B, padding=1, layout=layout, algorithm=algorithm) == y[1]).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_an_empty_batch_gives_an_empty_batch(layout: str, algorithm: Any) -> None:
    x = X[:0] if layout == "NCHW" else X[:0].transpose(0, 2, 3, 1)
    assert conv2d(x, W, B, padding=1, layout=layout, algorithm=algorithm).shape == (
        (0, 6, 9, 11) if layout == "NCHW" else (0, 9, 11, 6)
    )
    assert max_pool2d(x, 2, layout=layout).shape == ((0, 4, 4, 5) if layout == "NCHW" else (0, 4, 5, 4))
    assert run(Pointwise("softmax"), x).shape == x.shape
    assert run(Flatten(), x).shape == (0, 360)
    assert run(Dense(x.shape[-1], 3, False), x, {"weight": np.ones((3, x.shape[-1]))}).shape == (*x.shape[:-1], 3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_number_types(algorithm: Any) -> None:
    def kind(x: Any, w: Any, bias: Any = None) -> np.ndarray:
        return conv2d(x, w, bias, padding=1, algorithm=algorithm)

    exact = kind(X.astype(np.float64), W.astype(np.float64), B.astype(np.float64))
    assert exact.dtype == np.float64
    assert (exact == Y).all()
    half = kind(X.astype(np.float16), W.astype(np.float16), B.astype(np.float16))
    assert half.dtype == np.float16
    assert (half == Y.astype(np.float16)).all()
    for integer in (np.int8, np.int16, np.int32, np.int64):
        ours = kind(X.astype(integer), W.astype(integer), B.astype(integer))
        assert ours.dtype == np.int64
        assert (ours == Y).all()
    assert kind(np.abs(X).astype(np.uint8), W).dtype == np.float32
    assert kind(X, W.astype(np.float64)).dtype == np.float64
    assert (kind(X.astype(">f4"), W.astype(">f8"), B) == Y).all()
    assert kind(X.tolist(), W.tolist()).dtype == np.float64


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_large_integers_are_exact_or_refused(algorithm: Any) -> None:
    x, w = np.full((1, 2, 3, 3), 2**40 + 1), np.full((1, 2, 2, 2), 2**15 + 1)
    assert (conv2d(x, w, algorithm=algorithm) == 8 * (2**40 + 1) * (2**15 + 1)).all()
    with pytest.raises(ArgumentError, match=r"may reach [\d,]+, more than int64 holds \[CW605\]"):
        conv2d(x * 2**10, w * 2**10, algorithm=algorithm)
    smallest = np.full((1, 1, 1, 1), -(2**63))
    assert conv2d(smallest, np.zeros((1, 1, 1, 1), int), algorithm=algorithm).tolist() == [[[[0]]]]


def test_float16_is_added_up_in_float32() -> None:
    x = np.full((1, 4096, 1, 1), 1, np.float16)
    assert conv2d(x, x, algorithm="reference").item() == 4096
    assert conv2d(x, x).item() == 4096
    assert conv2d(np.full((1, 1, 1, 1), 60000, np.float16), np.full((1, 1, 1, 1), 2, np.float16)).item() == np.inf


BAD_ARRAYS = [
    (np.ones((1, 1, 3, 3), bool), "x has dtype bool", "astype('float32')"),
    (np.ones((1, 1, 3, 3), complex), "x has dtype complex128", "real and the imaginary"),
    (np.ones((1, 1, 3, 3), object), "x has dtype object", "float32"),
    (np.ones((1, 1, 3, 3), np.uint64), "x has dtype uint64", "astype('int64')"),
    (np.full((1, 1, 3, 3), "a"), "x has dtype <U1", "float32"),
    (np.zeros((1, 1, 3, 3), "M8[s]"), "x has dtype datetime64[s]", "float32"),
    (np.zeros((1, 1, 3, 3), [("a", float)]), "x has dtype", "float32"),
    (np.ma.masked_array(np.ones((1, 1, 3, 3))), "x is a masked array", "filled"),
    ([[1.0], [1.0, 2.0]], "x is no array", "NumPy array"),
    ("photo.png", "x has dtype <U9", "float32"),
    (None, "x has dtype object", "float32"),
]


@pytest.mark.parametrize(("x", "fact", "hint"), BAD_ARRAYS, ids=lambda value: str(value)[:18])
def test_refused_arrays(x: Any, fact: str, hint: str) -> None:
    w = np.ones((1, 1, 2, 2))
    for call in (
        lambda: conv2d(x, w),
        lambda: Conv(w)(x),
        lambda: max_pool2d(x, 2),
        lambda: avg_pool2d(x, 2),
        lambda: run(Flatten(), x),
    ):
        with pytest.raises(ArgumentError) as caught:
            call()
        assert caught.value.code == "CW605"
        assert fact in str(caught.value)
        assert hint in caught.value.hint


def test_subclasses_are_seen_as_plain_arrays(tmp_path: Any) -> None:
    class Sub(np.ndarray):
        pass

    ours = conv2d(X.view(Sub), W.view(Sub), B, padding=1)
    assert type(ours) is np.ndarray
    assert (ours == Y).all()
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    mapped[:] = X
    assert (conv2d(mapped, W, B, padding=1) == Y).all()


def call(**options: Any) -> np.ndarray:
    return conv2d(X, W, B, **options)


BAD_OPTIONS: list[tuple[Callable[[], object], str, str]] = [
    (lambda: call(stride=0), "CW606", "stride must be an integer of at least 1, not 0"),
    (lambda: call(stride=(1, -2)), "CW606", "stride[1] must be an integer of at least 1, not -2"),
    (lambda: call(stride=1.0), "CW606", "not 1.0"),
    (lambda: call(stride=True), "CW606", "not True"),
    (lambda: call(stride=(1, 2, 3)), "CW606", "stride has 3 values where 2 are needed"),
    (lambda: call(stride=2**70), "CW606", "stride must be an integer"),
    (lambda: call(stride="2"), "CW606", "not '2'"),
    (lambda: call(stride=None), "CW606", "not None"),
    (lambda: call(dilation=0), "CW606", "dilation must be"),
    (lambda: call(padding=-1), "CW606", "padding must be an integer of at least 0, not -1"),
    (lambda: call(padding=((0, 1), (-1, 0))), "CW606", "padding[1][0] must be"),
    (lambda: call(padding="full"), "CW606", "no padding 'full'"),
    (lambda: call(padding=0.5), "CW606", "not 0.5"),
    (lambda: call(groups=4), "CW606", "6 filters do not divide into 4 groups"),
    (lambda: call(groups=0), "CW606", "groups must be"),
    (lambda: call(layout="CHWN"), "CW606", "no layout 'CHWN'"),
    (lambda: call(layout=None), "CW606", "no layout None"),
    (lambda: call(activation="rellu"), "CW606", "did you mean 'relu'?"),
    (lambda: call(activation=len), "CW606", "no activation"),
    (lambda: call(algorithm="fft"), "CW607", "no algorithm 'fft'"),
    (lambda: call(algorithm=["windows"]), "CW607", "no algorithm"),
    (lambda: call(threads=0), "CW606", "threads must be"),
    (lambda: call(threads=1.5), "CW606", "threads must be"),
    (lambda: conv2d(X, W[0], B), "CW605", "w has 3 axes where 4 are needed"),
    (lambda: conv2d(X, W[:0]), "CW605", "every size must be at least 1"),
    (lambda: conv2d(X, W[:, :, :0]), "CW605", "every size must be at least 1"),
    (lambda: conv2d(X, W, B[:5]), "CW605", "bias has shape (5,) where (6,) is needed"),
    (lambda: conv2d(X, W, 1.0), "CW605", "bias has shape ()"),
    (lambda: conv2d(X[0, 0], W), "CW605", "x has 2 axes where 3 or 4 are needed"),
    (lambda: conv2d(X[None], W), "CW605", "x has 5 axes"),
    (lambda: max_pool2d(X, 0), "CW606", "kernel must be"),
    (lambda: max_pool2d(X, 2, ceil=1), "CW606", "ceil must be True or False, not 1"),
    (lambda: avg_pool2d(X, 2, count_padding=None), "CW606", "count_padding must be True or False"),
    (lambda: avg_pool2d(X, 2, divisor=0), "CW606", "divisor must be"),
    (lambda: avg_pool2d(X.astype(int), 2), "CW605", "the average of integers is not an integer"),
    (lambda: run(Flatten(), X, method="fast"), "CW607", "no method 'fast'"),
    (lambda: run(Flatten(), X, [X]), "CW605", "weights must be a mapping"),
    (lambda: run(Flatten(), X, {"weight": X}), "CW605", "Flatten takes no 'weight'"),
    (lambda: run(Dense(10, 3), X, {"weight": X[0, 0, :3]}), "CW605", "Dense needs 'bias'"),
    (
        lambda: run(Dense(10, 3, False), X, {"weight": X[0, 0]}),
        "CW605",
        "weight has shape (9, 10) where (3, 10) is needed",
    ),
    (lambda: run(Pointwise("gleu"), X), "CW606", "did you mean 'gelu'?"),
    (lambda: run(Pointwise("sigmoid"), X.astype(int)), "CW605", "sigmoid of integers"),
    (lambda: run(Pointwise("prelu"), X, {"slope": np.ones(3)}), "CW605", "slope has shape"),
    (lambda: run(Pool("lp", (Window(2), Window(2)), power=0.0), X), "CW606", "a power mean needs a power other than 0"),
    (lambda: run(Pointwise("softmax", (("axis", 4),)), X), "CW606", "softmax does not run with {'axis': 4}"),
    (lambda: run(Flatten(), X, None, "NHWC"), "CW606", "layout must be a Layout, not 'NHWC'"),
    (lambda: run("conv", X), "CW606", "str is no op"),
    (lambda: run(Norm("batch"), X[0, 0, 0]), "CW605", "x has 1 axes, too few for Norm"),
    (lambda: run(Fold((4,), (Window(2),)), X[0, 0, 0]), "CW605", "x has 1 axes, too few for Fold"),
    (lambda: run(Pool("median", (Window(2), Window(2))), X), "CW606", "no pooling of kind 'median'"),
    (
        lambda: run(Norm("spectral"), X, {"scale": np.ones(4), "shift": np.ones(4)}),
        "CW208",
        "normalisation of kind 'spectral'",
    ),
    (
        lambda: run(Norm("batch"), X, {"scale": np.ones(3), "shift": np.ones(4)}),
        "CW605",
        "scale has shape (3,) where (4,) is needed",
    ),
    (lambda: run(Resize((4, 4), mode="cubic"), X), "CW208", "resizing with mode 'cubic'"),
    (lambda: run(Resize((4, 4), mode="linear"), X.astype(int)), "CW605", "resizing with mode linear of integers"),
    (lambda: run(Pad((Pads(1, 1), Pads(1, 1)), value=0.5), X.astype(int)), "CW605", "padding with 0.5 of integers"),
    (lambda: run(Pad((Pads(1, 1), Pads(1, 1)), mode="mirror"), X), "CW606", "no padding mode 'mirror'"),
]


@pytest.mark.parametrize(("wrong", "code", "words"), BAD_OPTIONS)
def test_refused_options(wrong: Callable[[], object], code: str, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        wrong()
    assert caught.value.code == code
    assert words in str(caught.value)
    assert caught.value.hint


def test_sizes_that_do_not_work() -> None:
    with pytest.raises(ShapeError, match=r"width: the window spans 11 but only 10 cells exist \[CW104\]"):
        conv2d(X, np.ones((1, 4, 1, 11)))
    with pytest.raises(ShapeError, match=r"the layer takes 3 channels, the input has 4 \[CW102\]"):
        conv2d(X, W[:, :3])
    with pytest.raises(ShapeError, match="CW108"):
        run(
            ConvOp((Window(3, padding=Pads(9, 9)), Window(3)), 4, 1, 1, False, padding_mode="reflect"),
            X,
            {"weight": np.ones((1, 4, 3, 3))},
        )
    with pytest.raises(ShapeError) as caught:
        conv2d(X, W, padding=2**62)
    assert caught.value.code == "CW507"


def test_memory_that_runs_out_for_weights_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ShapeError, match=r"too large to run here: Unable to allocate 25[.\d]+ PiB.*CW507"):
        Conv(np.broadcast_to(np.float32(1), (2**24, 2**24, 5, 5)))
    if native.library() is None:
        return
    x, w = np.ones((1, 3, 9, 10), "f4"), np.ones((16, 3, 3, 2), "f4")
    conv2d(x, w)

    def no_room(*given: object) -> None:
        raise MemoryError("no room for 3 KiB")

    monkeypatch.setattr("convwise.engine.calls.Prepared.once", no_room)
    with pytest.raises(ShapeError, match=r"too large to run here: no room for 3 KiB \[CW507\]"):
        conv2d(x, w)


def test_kept_weights_are_a_copy() -> None:
    w, b = W.copy(), B.copy()
    for layout, x, y in (("NCHW", X, Y), ("NHWC", X.transpose(0, 2, 3, 1), Y.transpose(0, 2, 3, 1))):
        layer = Conv(w, b, padding=1, layout=layout)
        w[:], b[:] = 0, 0
        assert (layer(x) == y).all()
        assert (layer(x[0]) == y[0]).all()
        assert layer(x.astype(np.float64)).dtype == np.float64
        assert (layer(x) == y).all()
        w[:], b[:] = W, B
    assert "6 x 4 x 3 x 2 float32" in repr(layer)


def test_activation_is_applied_to_the_result() -> None:
    assert (conv2d(X, W, B, padding=1, activation="relu") == np.maximum(Y, 0)).all()
    soft = conv2d(X, W, B, padding=1, activation="softmax")
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(
        conv2d(X.transpose(0, 2, 3, 1), W, B, padding=1, activation="softmax", layout="NHWC"),
        soft.transpose(0, 2, 3, 1),
        rtol=1e-5,
        atol=1e-30,
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_warning_leaks(algorithm: Any) -> None:
    huge = np.full((1, 1, 3, 3), 3e38, np.float32)
    broken = np.full((1, 1, 3, 3), np.nan, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isposinf(conv2d(huge, huge, algorithm=algorithm)).all()
        assert np.isnan(conv2d(broken, huge, algorithm=algorithm)).all()
        for kind in KINDS:
            run(Pointwise(kind), np.array([[np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0]], np.float32))
        assert np.isinf(avg_pool2d(huge, 3)).all()


@pytest.mark.parametrize("algorithm", ["reference", "windows"])
def test_nan_spoils_what_reads_it_and_nothing_else(algorithm: str) -> None:
    x = np.ones((1, 1, 9, 10))
    x[0, 0, 4, 5] = np.nan
    y = conv2d(x, np.ones((1, 1, 3, 3)), padding=1, algorithm=algorithm)[0, 0]
    assert np.argwhere(np.isnan(y)).tolist() == [[i, j] for i in (3, 4, 5) for j in (4, 5, 6)]
    op = Pool("max", (Window(3, padding=Pads(1, 1)),) * 2)
    assert (np.isnan(run(op, x, method=algorithm)[0, 0]) == np.isnan(y)).all()
    depthwise = conv2d(
        np.concatenate([x, np.ones_like(x)], axis=1), np.ones((2, 1, 3, 3)), padding=1, groups=2, algorithm=algorithm
    )
    assert np.isnan(depthwise[0, 0]).sum() == 9
    assert not np.isnan(depthwise[0, 1]).any()


@pytest.mark.parametrize("method", ["reference", "windows"])
def test_the_maximum_of_nothing_is_minus_infinity(method: str) -> None:
    op = Pool("max", (Window(2, 2, padding=Pads(2, 0)),))
    assert run(op, np.array([[[1.0, 2.0]]]), method=method).tolist() == [[[-np.inf, 2.0]]]
    assert run(op, np.array([[[1, 2]]]), method=method).tolist() == [[[-(2**63), 2]]]
    mean = Pool("average", (Window(2, 2, padding=Pads(2, 0)),))
    assert run(mean, np.array([[[1.0, 2.0]]]), method=method).tolist() == [[[0.0, 1.5]]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_windows_larger_than_the_data_and_wide_strides(algorithm: Any) -> None:
    x = np.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    big = np.arange(1.0, 64.0).reshape(1, 1, 7, 9)
    assert conv2d(x, big, padding=((3, 2), (4, 2)), algorithm=algorithm).tolist() == [
        [[[(x[0, 0] * big[0, 0, 3:5, 4:7]).sum()]]]
    ]
    assert conv2d(x, np.ones((1, 1, 1, 1)), stride=2**40, algorithm=algorithm).tolist() == [[[[1.0]]]]
    assert conv2d(x, np.ones((1, 1, 1, 1)), stride=2**63 - 1, dilation=2**63 - 1, algorithm=algorithm).tolist() == [
        [[[1.0]]]
    ]
    assert conv2d(x, np.ones((1, 1, 2, 2)), stride=2**62, padding=((0, 0), (1, 0)), algorithm=algorithm).tolist() == [
        [[[5.0]]]
    ]
    far = conv2d(x, np.ones((1, 1, 1, 2)), dilation=(1, 5), padding=((0, 0), (5, 5)), algorithm=algorithm)
    assert far.tolist() == [[[[1, 2, 3, 0, 0, 1, 2, 3], [4, 5, 6, 0, 0, 4, 5, 6]]]]


def test_padding_that_nobody_reads_takes_no_memory() -> None:
    x = np.ones((1, 1, 4, 4))
    y = conv2d(x, np.ones((1, 1, 1, 1)), padding=2**40, stride=2**40)
    assert y.shape == (1, 1, 3, 3)
    assert y.sum() == 1
    assert max_pool2d(x, 1, 2**40, 2**40)[0, 0, 1].tolist() == [-np.inf, 1.0, -np.inf]


def test_what_does_not_fit_the_memory_is_refused_before_it_is_tried() -> None:
    image = X[:1, :1]
    for wrong in (
        lambda: conv2d(image, W[:1, :1], padding=2**30),
        lambda: run(Resize((2**33, 2**20)), image),
        lambda: run(Pad((Pads(2**40, 0), Pads())), image),
        lambda: run(AdaptivePool("max", (2**45, 1)), image),
        lambda: conv2d(image, W[:1, :1], padding=2**40, stride=2**40, algorithm="windows"),
    ):
        with pytest.raises(ShapeError, match=r"would take [\d,]+ bytes \[CW507\]"):
            wrong()


def test_a_pooling_window_far_larger_than_the_data() -> None:
    huge = Pool("max", (Window(2**40, padding=Pads(2**40, 2**39)),))
    assert set(run(Pool("max", (Window(5000, padding=Pads(2500, 2500)),)), X[:, :, 0, :4])[0, 0]) <= {*X[0, 0, 0, :4]}
    with pytest.raises(ShapeError, match="CW507"):
        run(huge, X[:, :, 0])
    strided = Pool("average", (Window(2**40, 2**40, padding=Pads(2**39, 2**39)),))
    np.testing.assert_allclose(run(strided, X[:, :, 0])[..., 0], X[:, :, 0].mean(axis=-1), rtol=1e-6)


def test_every_other_op_in_both_orders() -> None:
    last, single = Layout(channels_last=True), Layout(batched=False)
    ops: list[Any] = [
        Pad((Pads(1, 2), Pads(0, 3)), value=2.0),
        Pad((Pads(1, 2), Pads(0, 3)), "reflect"),
        Crop((Pads(1, 2), Pads(0, 3))),
        Resize((4, 21)),
        Resize((4, 21), mode="linear"),
        PixelShuffle(2),
        PixelShuffle(3, inverse=True),
        GlobalPool("max", 2),
        GlobalPool("average", 2, keep_dims=True),
        AdaptivePool("average", (4, 3)),
        AdaptivePool("max", (None, 12)),
    ]
    for op in ops:
        x = X if not (isinstance(op, PixelShuffle) and op.inverse) else X[:, :, :9, :9]
        ours = run(op, x)
        assert ours.shape == op.flow(x.shape, Layout()).output
        turned = run(op, x.transpose(0, 2, 3, 1), None, last)
        assert (turned == (np.moveaxis(ours, 1, -1) if ours.ndim == 4 else ours)).all()
        assert (run(op, x[0], None, single) == ours[0]).all()
        assert not np.shares_memory(ours, x)
    assert (run(Flatten(), X) == X.reshape(2, 360)).all()
    assert (run(Flatten(channels_to_last=True), X) == X.transpose(0, 2, 3, 1).reshape(2, 360)).all()
    assert run(Reshape((6, -1)), X).shape == (2, 6, 60)
    assert run(Unflatten(1, (2, -1)), X).shape == (2, 2, 2, 9, 10)
    assert (run(Permute((0, 3, 1, 2)), X) == X.transpose(0, 3, 1, 2)).all()
    assert run(Flatten(), X.astype(np.int8)).dtype == np.int64


def test_threads_at_once_agree() -> None:
    from concurrent.futures import ThreadPoolExecutor

    layer = Conv(W, B, padding=1)
    with ThreadPoolExecutor(8) as pool:
        assert all((y == Y).all() for y in pool.map(lambda _: layer(X), range(40)))


@pytest.mark.parametrize("wrong", [lambda: conv2d(X, W, stride=0), lambda: conv2d(X, np.ones((1, 4, 99, 1)))])
def test_errors_are_convwise_errors_and_value_errors(wrong: Callable[[], object]) -> None:
    with pytest.raises(ConvwiseError):
        wrong()
    with pytest.raises(ValueError, match="CW"):
        wrong()


class Whole:
    """An integer to `index`, with no text of its own."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


def test_options_are_known_again_by_their_values() -> None:
    """Objects of one text may hold different numbers, and one object another number by the next call."""
    x, w = np.ones((1, 3, 19, 20), np.float32), np.ones((16, 3, 3, 2), np.float32)
    one = Whole(1)
    for number in (1, 2, 3, 1):
        one.number = number
        assert (
            conv2d(x, w, stride=one).shape
            == conv2d(x, w, stride=Whole(number)).shape
            == conv2d(x, w, stride=number).shape
        )
        assert max_pool2d(x, one).shape == avg_pool2d(x, Whole(number)).shape == max_pool2d(x, number).shape
    for pads in (0, 1):
        assert conv2d(x, w, padding=[Whole(pads), 0]).shape == conv2d(x, w, padding=(pads, 0)).shape


class Broken:
    def __index__(self) -> int:
        raise KeyError("no number")

    def __array__(self, *given: object) -> Any:
        raise KeyError("no numbers")

    def __repr__(self) -> str:
        raise KeyError("no text")


def _nested(depth: int) -> object:
    return 1 if not depth else [_nested(depth - 1)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"stride": 10**5000}, r"stride must be an integer of at least 1, not this int"),
        ({"stride": Broken()}, r"stride must be an integer of at least 1, not this Broken"),
        ({"stride": _nested(500)}, r"stride has 1 values where 2 are needed"),
        ({"stride": "2" * 100}, r"stride must be an integer of at least 1, not '2{76}\.\.\."),
        ({"threads": 1025}, r"threads must be an integer from 1 to 1024, not 1025"),
        ({"threads": 2**32}, r"threads must be an integer from 1 to 1024, not 4294967296"),
        ({"algorithm": np.array(["direct", "first"])}, r"no algorithm array"),
        ({"algorithm": Broken()}, r"no algorithm this Broken"),
        ({"layout": Broken()}, r"no layout this Broken"),
        ({"activation": Broken()}, r"no activation this Broken"),
        ({"padding": "x" * 100}, r"no padding 'x{76}\.\.\."),
    ],
    ids=[
        *("huge", "broken", "nested", "long", "many threads", "threads past 32 bits", "array"),
        *("broken algorithm", "broken layout", "broken activation", "long padding"),
    ],
)
def test_odd_options_are_refused_in_our_words(options: dict[str, Any], told: str) -> None:
    x, w = np.ones((1, 3, 9, 10), np.float32), np.ones((16, 3, 3, 2), np.float32)
    for call in (
        lambda: conv2d(x, w, **options),
        lambda: Conv(w, **options),
        lambda: plan(x.shape, w.shape, **options),
    ):
        with pytest.raises(ArgumentError, match=told):
            call()


def test_numbers_of_numpy_are_numbers() -> None:
    x, w = np.ones((1, 3, 9, 10), np.float32), np.ones((16, 3, 3, 2), np.float32)
    for threads in (np.int8(100), np.array(2)):
        assert conv2d(x, w, threads=threads).shape == Conv(w, threads=threads)(x).shape == (1, 16, 7, 9)  # type: ignore[arg-type]


def test_what_an_object_raises_where_an_array_is_wanted_is_told() -> None:
    with pytest.raises(ArgumentError, match=r"x is no array: 'no numbers' \[CW605\]"):
        conv2d(Broken(), np.ones((1, 1, 1, 1)))


def test_a_convolution_can_be_copied_and_pickled_after_use() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 8, 9, 10)).astype(np.float32)
    one = Conv(rng.standard_normal((16, 8, 3, 2)).astype(np.float32), np.ones(16, np.float32), padding=1)
    wanted = one(x)
    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):
        assert np.array_equal(other(x), wanted)
        assert repr(other) == repr(one)
    with pytest.raises(ValueError, match="read-only"):
        one.weight[0] = 0  # packed already


def test_integers_stay_exact_with_a_bias_and_a_residual_or_are_refused() -> None:
    big, one = np.full((1, 1, 2, 3), 2**62), np.ones((1, 1, 1, 1), int)
    assert Conv(one)(big, big - 1).tolist() == [[[[2**63 - 1] * 3] * 2]]
    with pytest.raises(ArgumentError, match=r"may reach 9,223,372,036,854,775,808, more than int64 holds \[CW605\]"):
        Conv(one)(big, big)
    with pytest.raises(ArgumentError, match=r"may reach 11,529,215,046,068,469,760, more than int64 holds \[CW605\]"):
        conv2d(big, one, np.array([2**62 + 2**61]))


def test_weights_of_the_last_call_are_used_again_only_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    op = ConvOp((Window(3), Window(2)), 4, 2, 1, True)
    x, weight, bias = (np.ones(shape, np.float32) for shape in ((1, 4, 9, 10), (2, 4, 3, 2), (2,)))
    weight[:] = -0.0
    bias[:] = 0.0
    for sign in (False, True, False):
        bias[1] = -0.0 if sign else 0.0
        result = run(op, x, {"weight": weight, "bias": bias})
        assert np.signbit(result[0, 1]).all() == sign
    shelf = remembered.Shelf()
    monkeypatch.setattr(remembered, "_shelf", shelf)
    monkeypatch.setattr(remembered, "MOST", 3)
    kept = [np.full((2, 4, 3, 2), number, np.float32) for number in range(9)]
    for array in (*kept, kept[0], kept[0]):
        assert run(op, x, {"weight": array, "bias": bias})[0, 0, 0, 0] == 24 * array[0, 0, 0, 0]
    assert len(shelf.kept) <= 3
    assert shelf.bytes == sum(conv.weight.nbytes for conv in shelf.kept.values())
    monkeypatch.setattr(remembered, "MOST_BYTES", kept[0].nbytes)
    run(op, x, {"weight": kept[5], "bias": bias})
    assert len(shelf.kept) == 1
