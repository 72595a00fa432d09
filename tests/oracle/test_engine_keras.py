"""The engine's numbers against Keras's (on TensorFlow), with the same weights, where its rules are not PyTorch's."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from convwise.axis import SAME_UPPER, Pads, Window
from convwise.engine import avg_pool2d, conv2d, max_pool2d, run
from convwise.ops import AdaptivePool, Conv, ConvTranspose, GlobalPool, Layout, Norm, Pointwise, Pool, Resize

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.oracle

LAST = Layout(channels_last=True)
SIZES = {1: (11,), 2: (9, 10), 3: (6, 7, 5)}


def agree(ours: np.ndarray, theirs: Any, share: float = 1e-5) -> None:
    expected = keras.ops.convert_to_numpy(theirs)
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= share * max(np.abs(expected).max(), 1e-30)


def numbers(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("seed", range(40))
def test_conv(seed: int) -> None:
    rng = random.Random(seed)
    rank, word = rng.choice([1, 2, 2, 3]), rng.choice(["same", "valid"])
    kernel = tuple(rng.randint(1, 3) for _ in range(rank))
    stride = tuple(rng.randint(1, 3) for _ in range(rank))
    dilation = tuple(rng.randint(1, 2) if max(stride) == 1 else 1 for _ in range(rank))
    layer = getattr(keras.layers, f"Conv{rank}D")(
        5, kernel, stride, word, dilation_rate=dilation, bias_initializer="normal"
    )
    x = numbers(seed, 2, *SIZES[rank], 3)
    expected = layer(x)
    kernel_values, bias = layer.get_weights()
    windows = tuple(
        Window(k, s, d, SAME_UPPER if word == "same" else Pads())
        for k, s, d in zip(kernel, stride, dilation, strict=True)
    )
    weights = {"weight": np.moveaxis(kernel_values, (-1, -2), (0, 1)), "bias": bias}
    for method in ("reference", "windows"):
        agree(run(Conv(windows, 3, 5), x, weights, LAST, method=method), expected)
    if rank == 2:
        agree(
            conv2d(x, weights["weight"], bias, stride=stride, padding=word, dilation=dilation, layout="NHWC"), expected
        )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_conv(stride: int, multiplier: int) -> None:
    layer = keras.layers.DepthwiseConv2D((3, 2), stride, "same", depth_multiplier=multiplier, use_bias=False)
    x = numbers(1, 2, 9, 10, 4)
    expected = layer(x)
    (kernel,) = layer.get_weights()
    op = Conv(
        (Window(3, stride, 1, SAME_UPPER), Window(2, stride, 1, SAME_UPPER)),
        groups=None,
        bias=False,
        multiplier=multiplier,
    )
    weight = kernel.reshape(3, 2, 1, -1).transpose(3, 2, 0, 1)
    for method in ("reference", "windows"):
        agree(run(op, x, {"weight": weight}, LAST, method=method), expected)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_conv_transpose_valid(kernel: int, stride: int) -> None:
    layer = keras.layers.Conv2DTranspose(4, kernel, stride, "valid", use_bias=False)
    x = numbers(1, 2, 4, 5, 3)
    expected = layer(x)
    (values,) = layer.get_weights()
    extra = expected.shape[1] - Window(kernel, stride).transposed(4)
    op = ConvTranspose((Window(kernel, stride),) * 2, 3, 4, 1, False, (extra, extra))
    for method in ("reference", "windows"):
        agree(run(op, x, {"weight": values.transpose(3, 2, 0, 1)}, LAST, method=method), expected)


@pytest.mark.parametrize("seed", range(30))
def test_pools(seed: int) -> None:
    rng = random.Random(seed)
    rank, word, kind = rng.choice([1, 2, 2, 3]), rng.choice(["same", "valid"]), rng.choice(["max", "average"])
    kernel = tuple(rng.randint(1, 4) for _ in range(rank))
    stride = tuple(rng.randint(1, 4) for _ in range(rank))
    layer = getattr(keras.layers, f"{'Max' if kind == 'max' else 'Average'}Pooling{rank}D")(kernel, stride, word)
    x = numbers(seed, 2, *SIZES[rank], 3)
    windows = tuple(
        Window(k, s, 1, SAME_UPPER if word == "same" else Pads()) for k, s in zip(kernel, stride, strict=True)
    )
    for method in ("reference", "windows"):
        agree(run(Pool(kind, windows), x, None, LAST, method=method), layer(x))
    if rank == 2:
        plain = max_pool2d if kind == "max" else avg_pool2d
        agree(plain(x, kernel, stride, word, layout="NHWC"), layer(x))


@pytest.mark.parametrize("keep", [False, True])
def test_global_pools(keep: bool) -> None:
    x = numbers(0, 2, 9, 10, 3)
    agree(run(GlobalPool("max", 2, keep), x, None, LAST), keras.layers.GlobalMaxPooling2D(keepdims=keep)(x))
    agree(run(GlobalPool("average", 2, keep), x, None, LAST), keras.layers.GlobalAveragePooling2D(keepdims=keep)(x))


@pytest.mark.parametrize("sizes", [(1, 1), (3, 4), (5, 7), (9, 10)])
def test_adaptive_pools(sizes: tuple[int, int]) -> None:
    x = numbers(0, 2, 9, 10, 3)
    # Keras's AdaptiveMaxPooling2D((1, 1)) ends the process.
    if sizes != (1, 1):
        agree(run(AdaptivePool("max", sizes), x, None, LAST), keras.layers.AdaptiveMaxPooling2D(sizes)(x))
    agree(run(AdaptivePool("average", sizes), x, None, LAST), keras.layers.AdaptiveAveragePooling2D(sizes)(x))


@pytest.mark.parametrize("factor", [1, 2, 3, 7])
@pytest.mark.parametrize("word", ["nearest", "bilinear"])
def test_up_sampling(word: str, factor: int) -> None:
    x = numbers(0, 2, 5, 6, 3)
    op = Resize(scales=(Fraction(factor), Fraction(2)), mode="linear" if word == "bilinear" else word)
    agree(run(op, x, None, LAST), keras.layers.UpSampling2D((factor, 2), interpolation=word)(x))


@pytest.mark.parametrize("sizes", [(3, 20), (14, 3), (50, 49), (5, 6)])
@pytest.mark.parametrize("word", ["nearest-exact", "linear"])
def test_resizing(word: str, sizes: tuple[int, int]) -> None:
    x = numbers(0, 2, 5, 6, 3)
    layer = keras.layers.Resizing(*sizes, interpolation={"nearest-exact": "nearest", "linear": "bilinear"}[word])
    agree(run(Resize(sizes, mode=word), x, None, LAST), layer(x))


def test_norms() -> None:
    x = numbers(0, 2, 9, 10, 6) * 2 + 1
    batch = keras.layers.BatchNormalization()
    batch.build(x.shape)
    values = [np.abs(numbers(i, 6)) for i in range(4)]
    batch.set_weights(values)
    weights = dict(zip(("scale", "shift", "mean", "variance"), values, strict=True))
    agree(run(Norm("batch", axes=(-1,), moments=True, epsilon=1e-3), x, weights, LAST), batch(x, training=False))
    layer = keras.layers.LayerNormalization()
    agree(run(Norm("layer", axes=(-1,), epsilon=1e-3), x, {"scale": np.ones(6), "shift": np.zeros(6)}, LAST), layer(x))
    wide = keras.layers.LayerNormalization(axis=[1, 2], center=False)
    agree(run(Norm("layer", axes=(1, 2), center=False, epsilon=1e-3), x, {"scale": np.ones((9, 10))}, LAST), wide(x))
    group = keras.layers.GroupNormalization(3)
    affine = {"scale": np.ones(6, np.float32), "shift": np.zeros(6, np.float32)}
    agree(run(Norm("group", axes=(-1,), groups=3, epsilon=1e-3), x, affine, LAST), group(x))
    instance = keras.layers.GroupNormalization(-1)
    agree(run(Norm("instance", axes=(-1,), epsilon=1e-3), x, affine, LAST), instance(x))
    rms = keras.layers.RMSNormalization()
    agree(run(Norm("rms", axes=(-1,), center=False, epsilon=rms.epsilon), x, {"scale": affine["scale"]}, LAST), rms(x))
    unit = keras.layers.UnitNormalization(axis=(1, 3))
    agree(run(Norm("unit", axes=(1, 3), scale=False, center=False, epsilon=1e-12), x, None, LAST), unit(x))


ACTIVATIONS = [
    "relu",
    "relu6",
    "selu",
    "gelu",
    "silu",
    "sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "exponential",
    "linear",
    "mish",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "log_sigmoid",
    "tanh_shrink",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "softmax",
    "log_softmax",
    "celu",
    "elu",
    "hard_shrink",
    "soft_shrink",
    "squareplus",
]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_names(name: str) -> None:
    x = numbers(0, 4, 5, 7) * 3
    agree(run(Pointwise(name), x, None, LAST), keras.activations.get(name)(keras.ops.convert_to_tensor(x)))


def test_activation_layers() -> None:
    x = numbers(0, 2, 5, 6, 3) * 4
    cases = [
        (Pointwise("leaky_relu", (("negative_slope", 0.3),)), keras.layers.LeakyReLU()),
        (
            Pointwise("relu", (("max_value", 2.0), ("negative_slope", 0.1), ("threshold", 0.5))),
            keras.layers.ReLU(2.0, 0.1, 0.5),
        ),
        (Pointwise("softmax", (("axis", (1, 2)),)), keras.layers.Softmax((1, 2))),
        (
            Pointwise("rescaling", (("scale", (1.0, 2.0, 3.0)), ("offset", 0.5))),
            keras.layers.Rescaling([1.0, 2.0, 3.0], 0.5),
        ),
        (Pointwise("dropout", (("rate", 0.5),)), keras.layers.Dropout(0.5)),
    ]
    for op, layer in cases:
        agree(run(op, x, None, LAST), layer(x))
    steps = numbers(0, 2, 4, 3)
    steps[:, 1] = 7
    agree(run(Pointwise("masking", (("mask_value", 7),)), steps, None, LAST), keras.layers.Masking(7)(steps))
    for shared in (None, [1, 2], [1]):
        layer = keras.layers.PReLU("normal", shared_axes=shared)
        expected = layer(x)
        agree(run(Pointwise("prelu"), x, {"slope": layer.get_weights()[0]}, LAST), expected)
