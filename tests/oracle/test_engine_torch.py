"""The engine's numbers against PyTorch's, with the same weights, on random layers of every kind."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from convwise.axis import Pads, Window, keeping_pads
from convwise.engine import avg_pool2d, conv2d, max_pool2d, run
from convwise.errors import ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Fold,
    Gate,
    Layout,
    Norm,
    Pad,
    PixelShuffle,
    Pointwise,
    Pool,
    Resize,
    Unfold,
)

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
F = torch.nn.functional

DTYPES = [np.float32, np.float64]
METHODS = ["reference", "windows"]
SIZES = {1: (11,), 2: (9, 10), 3: (6, 7, 5)}


def agree(ours: np.ndarray, theirs: Any) -> None:
    """Equal to 1e-5 (float32) or 1e-12 (float64) of the largest number, in the same places infinite or NaN."""
    expected = theirs.numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    assert ours.flags.c_contiguous
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(ours[~finite], expected[~finite])
    if finite.any():
        limit = (1e-5 if ours.dtype == np.float32 else 1e-12) * max(np.abs(expected[finite]).max(), 1e-30)
        assert np.abs(ours[finite] - expected[finite]).max() <= limit


def numbers(rng: np.random.Generator, *shape: int, dtype: Any) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def pick(rng: random.Random, rank: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(rng.randint(low, high) for _ in range(rank))


def both_layouts(x: np.ndarray) -> list[tuple[np.ndarray, Layout]]:
    return [(x, Layout()), (np.moveaxis(x, 1, -1), Layout(channels_last=True))]


def first(y: np.ndarray, layout: Layout) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(y, -1, 1)) if layout.channels_last else y


MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(120))
def test_conv(seed: int, dtype: Any) -> None:
    rng, data = random.Random(seed), np.random.default_rng(seed)
    rank = rng.choice([1, 2, 2, 3])
    groups = rng.choice([1, 1, 2, 3])
    each_in, each_out = rng.randint(1, 3), rng.choice([1, 2, 3, 10])
    kernel, stride, dilation = pick(rng, rank, 1, 3), pick(rng, rank, 1, 4), pick(rng, rank, 1, 2)
    pads = pick(rng, rank, 0, 2)
    mode = rng.choice(list(MODES))
    layer = getattr(torch.nn, f"Conv{rank}d")(
        groups * each_in,
        groups * each_out,
        kernel,
        stride,
        pads,
        dilation,
        groups,
        padding_mode=mode,
        dtype=torch.float32 if dtype == np.float32 else torch.float64,
    )
    windows = tuple(Window(k, s, d, Pads(p, p)) for k, s, d, p in zip(kernel, stride, dilation, pads, strict=True))
    op = Conv(windows, groups * each_in, groups * each_out, groups, True, padding_mode=mode)
    x = numbers(data, 2, groups * each_in, *SIZES[rank], dtype=dtype)
    weights = {"weight": layer.weight.detach().numpy(), "bias": layer.bias.detach().numpy()}
    with torch.no_grad():
        expected = layer(torch.from_numpy(x))
    for given, layout in both_layouts(x):
        for method in METHODS:
            agree(first(run(op, given, weights, layout, method=method), layout), expected)
    agree(run(op, x[0], weights, Layout(batched=False)), expected[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (4, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_of_pytorch(kernel: tuple[int, int], dilation: int, dtype: Any) -> None:
    data = np.random.default_rng(1)
    x, w = numbers(data, 2, 3, 9, 10, dtype=dtype), numbers(data, 4, 3, *kernel, dtype=dtype)
    pads = tuple(keeping_pads(k, dilation) for k in kernel)
    ours = conv2d(x, w, padding=tuple((p.low, p.high) for p in pads), dilation=dilation)
    agree(ours, F.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding="same", dilation=dilation))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(80))
def test_conv_transpose(seed: int, dtype: Any) -> None:
    rng, data = random.Random(seed), np.random.default_rng(seed)
    rank, groups = rng.choice([1, 2, 2, 3]), rng.choice([1, 1, 2, 3])
    each_in, each_out = rng.randint(1, 3), rng.randint(1, 3)
    kernel, stride, dilation = pick(rng, rank, 2, 4), pick(rng, rank, 1, 4), pick(rng, rank, 1, 3)
    pads = pick(rng, rank, 0, 1)
    extra = tuple(rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    layer = getattr(torch.nn, f"ConvTranspose{rank}d")(
        groups * each_in,
        groups * each_out,
        kernel,
        stride,
        pads,
        extra,
        groups,
        True,
        dilation,
        dtype=torch.float32 if dtype == np.float32 else torch.float64,
    )
    windows = tuple(Window(k, s, d, Pads(p, p)) for k, s, d, p in zip(kernel, stride, dilation, pads, strict=True))
    op = ConvTranspose(windows, groups * each_in, groups * each_out, groups, True, extra)
    x = numbers(data, 2, groups * each_in, *(n // 2 + 1 for n in SIZES[rank]), dtype=dtype)
    weights = {"weight": layer.weight.detach().numpy(), "bias": layer.bias.detach().numpy()}
    with torch.no_grad():
        expected = layer(torch.from_numpy(x))
    for given, layout in both_layouts(x):
        for method in METHODS:
            agree(first(run(op, given, weights, layout, method=method), layout), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(120))
def test_pool(seed: int, dtype: Any) -> None:
    rng, data = random.Random(seed), np.random.default_rng(seed)
    rank, kind = rng.choice([1, 2, 2, 3]), rng.choice(["max", "average", "lp"])
    kernel, stride, ceil = pick(rng, rank, 1, 4), pick(rng, rank, 1, 4), rng.choice([False, True])
    pads = tuple(rng.randint(0, k // 2) for k in kernel) if kind != "lp" else (0,) * rank
    dilation = pick(rng, rank, 1, 2) if kind == "max" else (1,) * rank
    count, divisor = rng.choice([False, True]), rng.choice([None, None, 5]) if rank > 1 else None
    windows = tuple(
        Window(k, s, d, Pads(p, p), ceil) for k, s, d, p in zip(kernel, stride, dilation, pads, strict=True)
    )
    x = numbers(data, 2, 3, *SIZES[rank], dtype=dtype)
    if kind == "max":
        op = Pool("max", windows)
        layer = getattr(torch.nn, f"MaxPool{rank}d")(kernel, stride, pads, dilation, ceil_mode=ceil)
    elif kind == "average":
        op = Pool("average", windows, count, divisor)
        options = {"divisor_override": divisor} if divisor else {}
        layer = getattr(torch.nn, f"AvgPool{rank}d")(
            kernel, stride, pads, ceil_mode=ceil, count_include_pad=count, **options
        )
    else:
        op, x = Pool("lp", windows, power=3.0), np.abs(x)
        layer = getattr(torch.nn, f"LPPool{rank}d")(
            3.0, kernel if rank > 1 else kernel[0], stride if rank > 1 else stride[0], ceil_mode=ceil
        )
    if kind == "max" and rng.random() < 0.3:
        x.flat[rng.randrange(x.size)] = np.nan
    try:
        expected = layer(torch.from_numpy(x))
    except RuntimeError:
        with pytest.raises(ShapeError):
            run(op, x)
        return
    for given, layout in both_layouts(x):
        for method in METHODS:
            agree(first(run(op, given, None, layout, method=method), layout), expected)


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 4), (9, 10), (12, 7), (None, 3)])
def test_adaptive_pool(kind: str, sizes: tuple[int | None, int]) -> None:
    x = numbers(np.random.default_rng(0), 2, 3, 9, 10, dtype=np.float64)
    layer = (torch.nn.AdaptiveMaxPool2d if kind == "max" else torch.nn.AdaptiveAvgPool2d)(sizes)
    agree(run(AdaptivePool(kind, sizes), x), layer(torch.from_numpy(x)))


PAD_CASES = [(2, 1, 3, 0), (0, 4, 2, 2), (-1, 2, 3, -2), (-2, -1, 0, -3), (4, 0, -1, 1)]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", PAD_CASES)
def test_pad(mode: str, pads: tuple[int, int, int, int]) -> None:
    left, right, top, bottom = pads
    x = numbers(np.random.default_rng(0), 2, 3, 7, 6, dtype=np.float32)
    options = {"value": 1.5} if mode == "constant" else {}
    expected = F.pad(torch.from_numpy(x), pads, mode=mode, **options)
    op = Pad((Pads(top, bottom), Pads(left, right)), mode, 1.5 if mode == "constant" else 0.0)
    agree(run(op, x), expected.contiguous())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "area"])
@pytest.mark.parametrize("sizes", [(3, 20), (14, 3), (7, 6), (1, 1), (50, 49)])
def test_resize_to_sizes(sizes: tuple[int, int], mode: str, dtype: Any) -> None:
    x = numbers(np.random.default_rng(0), 2, 3, 7, 6, dtype=dtype)
    name = "bilinear" if mode == "linear" else mode
    agree(run(Resize(sizes, mode=mode, exact=False), x), F.interpolate(torch.from_numpy(x), sizes, mode=name))
    if mode == "linear":
        theirs = F.interpolate(torch.from_numpy(x), sizes, mode=name, align_corners=True)
        agree(run(Resize(sizes, mode=mode, align_corners=True, exact=False), x), theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
@pytest.mark.parametrize("scale", [2.0, 3.0, 0.7, 1.3, 41.0, 0.33])
def test_resize_by_scale(scale: float, mode: str, dtype: Any) -> None:
    x = numbers(np.random.default_rng(0), 1, 2, 11, 13, dtype=dtype)
    name = "bilinear" if mode == "linear" else mode
    op = Resize(scales=(Fraction(scale), Fraction(scale)), mode=mode, exact=False)
    agree(run(op, x), F.interpolate(torch.from_numpy(x), scale_factor=scale, mode=name))


@pytest.mark.parametrize("rank", [1, 3])
def test_linear_resize_of_other_ranks(rank: int) -> None:
    x = numbers(np.random.default_rng(0), 2, 3, *SIZES[rank], dtype=np.float64)
    sizes = tuple(2 * n - 3 for n in SIZES[rank])
    expected = F.interpolate(torch.from_numpy(x), sizes, mode={1: "linear", 3: "trilinear"}[rank])
    agree(run(Resize(sizes, mode="linear"), x), expected)


def test_pixel_shuffle_and_back() -> None:
    x = numbers(np.random.default_rng(0), 2, 18, 4, 5, dtype=np.float32)
    agree(run(PixelShuffle(3), x), F.pixel_shuffle(torch.from_numpy(x), 3))
    y = numbers(np.random.default_rng(0), 2, 2, 12, 15, dtype=np.float32)
    agree(run(PixelShuffle(3, inverse=True), y), F.pixel_unshuffle(torch.from_numpy(y), 3))


@pytest.mark.parametrize("axis", [1, -1])
def test_gate(axis: int) -> None:
    x = numbers(np.random.default_rng(0), 2, 6, 4, dtype=np.float64)
    agree(run(Gate(axis), x), F.glu(torch.from_numpy(x), axis))


@pytest.mark.filterwarnings("ignore:Implicit dimension")
@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_softmax_without_an_axis(shape: tuple[int, ...]) -> None:
    x = numbers(np.random.default_rng(0), *shape, dtype=np.float64)
    agree(run(Pointwise("softmax", (("axis", None),)), x), torch.nn.Softmax()(torch.from_numpy(x)))


def test_channel_shuffle() -> None:
    x = numbers(np.random.default_rng(0), 2, 6, 4, 5, dtype=np.float32)
    agree(run(Pointwise("channel_shuffle", (("groups", 3),)), x), F.channel_shuffle(torch.from_numpy(x), 3))


@pytest.mark.parametrize("method", METHODS)
def test_unfold_and_fold(method: str) -> None:
    windows = (Window(2, 2, 2, Pads(1, 1)), Window(3, 1, 1, Pads(2, 2)))
    x = numbers(np.random.default_rng(0), 2, 3, 9, 10, dtype=np.float64)
    options = {"dilation": (2, 1), "padding": (1, 2), "stride": (2, 1)}
    columns = F.unfold(torch.from_numpy(x), (2, 3), **options)
    agree(run(Unfold(windows), x, method=method), columns)
    agree(run(Fold((9, 10), windows), columns.numpy(), method=method), F.fold(columns, (9, 10), (2, 3), **options))
    single = run(Fold((9, 10), windows), columns[0].numpy(), None, Layout(batched=False), method=method)
    agree(single, F.fold(columns[0], (9, 10), (2, 3), **options))


def test_dense_flatten_crop() -> None:
    data = np.random.default_rng(0)
    x, w, b = (
        numbers(data, 2, 3, 5, dtype=np.float64),
        numbers(data, 4, 5, dtype=np.float64),
        numbers(data, 4, dtype=np.float64),
    )
    for method in METHODS:
        agree(run(Dense(5, 4), x, {"weight": w, "bias": b}, method=method), F.linear(*map(torch.from_numpy, (x, w, b))))
    agree(run(Flatten(1, 2), x), torch.from_numpy(x).flatten(1, 2))
    agree(run(Crop((Pads(1, 2),)), x), torch.from_numpy(x)[:, :, 1:3].contiguous())


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms(dtype: Any) -> None:
    data = np.random.default_rng(0)
    x = numbers(data, 3, 6, 5, 4, dtype=dtype) * 2 + 1
    scale, shift, mean = (numbers(data, 6, dtype=dtype) for _ in range(3))
    variance = np.abs(numbers(data, 6, dtype=dtype))
    t = torch.from_numpy
    weights = {"scale": scale, "shift": shift}
    moments = {"mean": mean, "variance": variance}
    expected = F.batch_norm(t(x), t(mean), t(variance), t(scale), t(shift))
    for given, layout in both_layouts(x):
        agree(first(run(Norm("batch", 6, moments=True), given, weights | moments, layout), layout), expected)
        agree(
            first(run(Norm("group", 6, groups=3), given, weights, layout), layout),
            F.group_norm(t(x), 3, t(scale), t(shift)),
        )
        ours = run(Norm("instance", 6, scale=False, center=False), given, None, layout)
        agree(first(ours, layout), F.instance_norm(t(x)))
    agree(run(Norm("batch", 6), x, weights), F.batch_norm(t(x), None, None, t(scale), t(shift), training=True))
    last, moved = numbers(data, 5, 4, dtype=dtype), numbers(data, 5, 4, dtype=dtype)
    layer = Norm("layer", 20, axes=(-2, -1))
    agree(run(layer, x, {"scale": last, "shift": moved}), F.layer_norm(t(x), (5, 4), t(last), t(moved)))
    rms = Norm("rms", 4, axes=(-1,), center=False, epsilon=1e-6)
    agree(run(rms, x, {"scale": last[0]}), F.rms_norm(t(x), (4,), t(last[0]), 1e-6))


ACTIVATIONS: list[tuple[str, dict[str, Any], Any]] = [
    ("relu", {}, torch.nn.ReLU()),
    ("relu6", {}, torch.nn.ReLU6()),
    ("leaky_relu", {"negative_slope": 0.3}, torch.nn.LeakyReLU(0.3)),
    ("leaky_relu", {}, torch.nn.LeakyReLU()),
    ("elu", {"alpha": 0.7}, torch.nn.ELU(0.7)),
    ("celu", {"alpha": 0.7}, torch.nn.CELU(0.7)),
    ("selu", {}, torch.nn.SELU()),
    ("gelu", {}, torch.nn.GELU()),
    ("gelu", {"approximate": "tanh"}, torch.nn.GELU("tanh")),
    ("gelu", {"approximate": "none"}, torch.nn.GELU()),
    ("silu", {}, torch.nn.SiLU()),
    ("swish", {}, torch.nn.SiLU()),
    ("sigmoid", {}, torch.nn.Sigmoid()),
    ("log_sigmoid", {}, torch.nn.LogSigmoid()),
    ("tanh", {}, torch.nn.Tanh()),
    ("tanhshrink", {}, torch.nn.Tanhshrink()),
    ("softplus", {"beta": 2.0, "threshold": 20.0}, torch.nn.Softplus(2.0, 20.0)),
    ("softsign", {}, torch.nn.Softsign()),
    ("softmax", {"axis": 1}, torch.nn.Softmax(1)),
    ("softmin", {"dim": 2}, torch.nn.Softmin(2)),
    ("log_softmax", {"axis": -1}, torch.nn.LogSoftmax(-1)),
    ("hardsigmoid", {}, torch.nn.Hardsigmoid()),
    ("hardswish", {}, torch.nn.Hardswish()),
    ("hardtanh", {"min_val": -0.5, "max_val": 2.0}, torch.nn.Hardtanh(-0.5, 2.0)),
    ("softshrink", {"lambd": 0.4}, torch.nn.Softshrink(0.4)),
    ("hardshrink", {"lambd": 0.4}, torch.nn.Hardshrink(0.4)),
    ("threshold", {"threshold": 0.2, "value": 7.0}, torch.nn.Threshold(0.2, 7.0)),
    ("rrelu", {"lower": 0.1, "upper": 0.3}, torch.nn.RReLU(0.1, 0.3).eval()),
    ("mish", {}, torch.nn.Mish()),
    ("identity", {}, torch.nn.Identity()),
    ("dropout", {"p": 0.5}, torch.nn.Dropout().eval()),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kind", "options", "layer"), ACTIVATIONS, ids=lambda value: str(value)[:20])
def test_activations(kind: str, options: dict[str, Any], layer: Any, dtype: Any) -> None:
    x = numbers(np.random.default_rng(0), 4, 5, 60, dtype=dtype) * 4
    x[0, 0, :4] = [0.0, 30.0, -30.0, 1e-6]
    op = Pointwise(kind, tuple(options.items()))
    agree(run(op, x), layer(torch.from_numpy(x)))
    # PyTorch's vectorised exact GELU gives NaN for inf in float32; ours gives inf.
    if ("soft" not in kind or kind == "softsign") and not (kind == "gelu" and options.get("approximate") != "tanh"):
        special = np.array([np.nan, np.inf, -np.inf, -0.0, 200.0, -200.0], dtype)
        ours, theirs = run(op, special), layer(torch.from_numpy(special)).numpy()
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=kind)


def test_prelu() -> None:
    x = numbers(np.random.default_rng(0), 2, 3, 4, 5, dtype=np.float64)
    for slope in (np.array([0.25]), np.array([0.1, 0.2, 0.3])):
        expected = F.prelu(torch.from_numpy(x), torch.from_numpy(slope))
        for given, layout in both_layouts(x):
            agree(first(run(Pointwise("prelu", params=slope.size), given, {"slope": slope}, layout), layout), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_spread_as_in_pytorch(dtype: Any) -> None:
    data = np.random.default_rng(0)
    x, w = numbers(data, 1, 4, 9, 10, dtype=dtype), numbers(data, 4, 4, 3, 3, dtype=dtype)
    x[0, 0, 3, 4], x[0, 1, 0, 0] = np.nan, np.inf
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(w), padding=1)
    for algorithm in METHODS:
        agree(conv2d(x, w, padding=1, algorithm=algorithm), expected)
    w[0, 0, 0, 0] = np.inf
    clean = numbers(data, 1, 4, 9, 10, dtype=dtype)
    # With groups PyTorch takes other paths, some of which skip the padding; ours always multiplies it.
    expected = F.conv2d(torch.from_numpy(clean), torch.from_numpy(w), padding=1)
    for algorithm in METHODS:
        agree(conv2d(clean, w, padding=1, algorithm=algorithm), expected)


def test_plain_pools() -> None:
    x = numbers(np.random.default_rng(0), 2, 3, 9, 10, dtype=np.float32)
    t = torch.from_numpy(x)
    agree(
        max_pool2d(x, (3, 2), padding=1, dilation=(2, 1), ceil=True),
        F.max_pool2d(t, (3, 2), padding=1, dilation=(2, 1), ceil_mode=True),
    )
    agree(avg_pool2d(x, 3, 2, 1, True, True), F.avg_pool2d(t, 3, 2, 1, True, True))
    agree(avg_pool2d(x, 3, 2, 1, divisor=7), F.avg_pool2d(t, 3, 2, 1, divisor_override=7))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("channels", "filters", "groups", "kernel"),
    [(128, 64, 1, 3), (96, 96, 96, 3), (128, 128, 32, 3), (64, 256, 1, 1), (3, 64, 1, 7)],
)
def test_layers_of_real_size(channels: int, filters: int, groups: int, kernel: int, dtype: Any) -> None:
    """The sums are long here, and the columns fill several blocks."""
    data = np.random.default_rng(0)
    x, w = (
        numbers(data, 2, channels, 57, 64, dtype=dtype),
        numbers(data, filters, channels // groups, kernel, kernel, dtype=dtype),
    )
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(w), stride=(1, 2), padding=kernel // 2, groups=groups)
    for given, layout in both_layouts(x):
        name = "NHWC" if layout.channels_last else "NCHW"
        agree(first(conv2d(given, w, stride=(1, 2), padding=kernel // 2, groups=groups, layout=name), layout), expected)
