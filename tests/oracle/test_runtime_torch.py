"""`convwise.torch` against PyTorch: the same state moved over gives the same numbers; modules and tensors print alike."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.torch as ours
from convwise.dialects.torch import KINDS

torch = pytest.importorskip("torch")

SIZES = (11, 8, 9)
SEEDS = 6


def each(rng: random.Random, rank: int, low: int, high: int) -> Any:
    """One number, or one for every axis."""
    values = tuple(rng.randint(low, high) for _ in range(rank))
    return values[0] if rng.random() < 0.3 else values


def conv(rng: random.Random, rank: int, lazy: bool) -> dict[str, Any]:
    groups = rng.choice([1, 1, 2])
    found: dict[str, Any] = {
        "out_channels": groups * rng.randint(1, 3),
        "kernel_size": each(rng, rank, 1, 3),
        "groups": groups,
        "bias": rng.random() < 0.7,
    }
    if not lazy:
        found["in_channels"] = 4
    found["dilation"] = each(rng, rank, 1, 2)
    if rng.random() < 0.25:
        found["padding"] = rng.choice(["same", "valid"])
    else:
        found["padding"], found["stride"] = each(rng, rank, 0, 2), each(rng, rank, 1, 3)
    found["padding_mode"] = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
    return found


def transposed(rng: random.Random, rank: int, lazy: bool) -> dict[str, Any]:
    groups = rng.choice([1, 1, 2])
    stride = each(rng, rank, 1, 3)
    least = stride if isinstance(stride, int) else min(stride)
    found: dict[str, Any] = {
        "out_channels": groups * rng.randint(1, 3),
        "kernel_size": each(rng, rank, 2, 3),
        "stride": stride,
        "padding": each(rng, rank, 0, 1),
        "groups": groups,
    }
    found |= {
        "bias": rng.random() < 0.7,
        "dilation": each(rng, rank, 1, 2),
        "output_padding": rng.randint(0, least - 1),
    }
    return found if lazy else {"in_channels": 4, **found}


def pool(rng: random.Random, rank: int, kind: str) -> dict[str, Any]:
    kernel = each(rng, rank, 2, 3)
    found: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": rng.choice([None, each(rng, rank, 1, 3)]),
        "ceil_mode": rng.random() < 0.5,
    }
    if kind.startswith("LP"):
        return {"norm_type": rng.choice([1, 2, 3.5]), **found}
    found["padding"] = rng.choice([0, 1])
    if kind.startswith("Max"):
        found["dilation"] = each(rng, rank, 1, 2)
    else:
        found["count_include_pad"] = rng.random() < 0.5
        if rank > 1:
            found["divisor_override"] = rng.choice([None, None, 3])
    return found


def upsample(rng: random.Random) -> dict[str, Any]:
    mode = rng.choice(["nearest", "bilinear", "nearest-exact", "area", "bicubic"])
    found: dict[str, Any] = {"mode": mode}
    if rng.random() < 0.5:
        found["size"] = (rng.randint(3, 20), rng.randint(3, 20))
    else:
        found["scale_factor"] = rng.choice([2, 1.7, (1.5, 2.0), 0.6])
    if mode in ("bilinear", "bicubic"):
        found["align_corners"] = rng.choice([None, True, False])
    return found


def arguments(rng: random.Random, kind: str) -> dict[str, Any]:
    """Arguments of one module that PyTorch is likely to run on data of SIZES with 4 channels."""
    rank, lazy = KINDS[kind].rank or 2, kind.startswith("Lazy")
    if "ConvTranspose" in kind:
        return transposed(rng, rank, lazy)
    if "Conv" in kind:
        return conv(rng, rank, lazy)
    if kind.startswith(("MaxPool", "AvgPool", "LPPool")):
        return pool(rng, rank, kind)
    if kind.startswith("Adaptive"):
        return {
            "output_size": rng.choice([each(rng, rank, 1, 6), tuple(rng.choice([None, 2, 5]) for _ in range(rank))])
        }
    if kind[:-2].endswith("Pad"):
        declared = int(kind[-2])
        found = {
            "padding": tuple(rng.randint(0, 3) for _ in range(2 * declared))
            if rng.random() < 0.7
            else rng.randint(0, 3)
        }
        return {**found, "value": 1.5} if kind.startswith("Constant") else found
    norm = {"eps": 0.01, "affine": rng.random() < 0.7, "track_running_stats": rng.random() < 0.7}
    simple: dict[str, dict[str, Any]] = {
        "Upsample": upsample(rng),
        "UpsamplingNearest2d": rng.choice([{"scale_factor": 2}, {"size": (5, 13)}]),
        "UpsamplingBilinear2d": rng.choice([{"scale_factor": 2}, {"size": (5, 13)}]),
        "PixelShuffle": {"upscale_factor": rng.choice([1, 2])},
        "PixelUnshuffle": {"downscale_factor": 1},
        "ChannelShuffle": {"groups": rng.choice([1, 2, 4])},
        "Unfold": {
            "kernel_size": each(rng, 2, 1, 3),
            "dilation": each(rng, 2, 1, 2),
            "padding": each(rng, 2, 0, 2),
            "stride": each(rng, 2, 1, 3),
        },
        "Flatten": rng.choice([{}, {"start_dim": 0}, {"start_dim": 1, "end_dim": 2}, {"start_dim": -2}]),
        "Unflatten": {"dim": 1, "unflattened_size": rng.choice([(2, 2), (-1, 2), (1, 4)])},
        "Linear": {"in_features": 8, "out_features": rng.randint(1, 5), "bias": rng.random() < 0.7},
        "LazyLinear": {"out_features": rng.randint(1, 5), "bias": rng.random() < 0.7},
        "GroupNorm": {
            "num_groups": rng.choice([1, 2, 4]),
            "num_channels": 4,
            "eps": 0.01,
            "affine": rng.random() < 0.7,
        },
        "LayerNorm": {
            "normalized_shape": rng.choice([8, (11, 8), (4, 11, 8)]),
            "elementwise_affine": rng.random() < 0.7,
            "bias": rng.random() < 0.7,
        },
        "RMSNorm": {
            "normalized_shape": rng.choice([8, (11, 8)]),
            "eps": rng.choice([None, 0.01]),
            "elementwise_affine": rng.random() < 0.7,
        },
        "LocalResponseNorm": {"size": rng.randint(1, 4), "alpha": 0.3},
        "LeakyReLU": {"negative_slope": rng.choice([0.01, 0.3])},
        "ELU": {"alpha": rng.choice([1.0, 0.6])},
        "CELU": {"alpha": rng.choice([1.0, 0.6])},
        "GELU": {"approximate": rng.choice(["none", "tanh"])},
        "Softmax": {"dim": rng.choice([None, 1, -1])},
        "LogSoftmax": {"dim": rng.choice([None, 1, -1])},
        "Softmin": {"dim": rng.choice([None, 1, -1])},
        "GLU": {"dim": rng.choice([-1, 1])},
        "Softplus": {"beta": rng.choice([1.0, 2.0]), "threshold": rng.choice([20.0, 1.0])},
        "Softshrink": {"lambd": 0.3},
        "Hardshrink": {"lambd": 0.3},
        "Hardtanh": rng.choice([{}, {"min_val": -0.5, "max_val": 0.7}]),
        "PReLU": {"num_parameters": rng.choice([1, 4]), "init": 0.3},
        "Threshold": {"threshold": 0.2, "value": -3.0},
    }
    if "Norm" in kind and "num_features" in KINDS[kind].names:
        return {"num_features": 4, **norm}
    if kind.startswith("Lazy") and "Norm" in kind:
        return norm
    return simple.get(kind, {})


def data(rng: np.random.Generator, kind: str, given: dict[str, Any]) -> np.ndarray:
    if kind == "Fold":
        return rng.normal(size=(2, 3 * 6, 25)).astype(np.float32)
    rank = int(kind[-2]) if kind[-1] == "d" and kind[-2] in "123" else 2
    return rng.normal(size=(2, 4, *SIZES[:rank])).astype(np.float32)


FIXED = {"Fold": {"output_size": (7, 6), "kernel_size": (3, 2), "padding": 0}}


def make(module: Any, kind: str, given: dict[str, Any]) -> Any:
    return getattr(module.nn, kind)(**given).eval()


def move(rng: np.random.Generator, real: Any, own: Any) -> None:
    """Random numbers into the real module's state, and its state into ours."""
    state = {name: value.clone() for name, value in real.state_dict().items()}
    for name, value in state.items():
        if value.dtype.is_floating_point:
            numbers = (
                rng.random(tuple(value.shape)) + 0.5
                if name.endswith("running_var")
                else rng.normal(size=tuple(value.shape))
            )
            state[name] = torch.from_numpy(np.asarray(numbers, np.float32))
    real.load_state_dict(state)
    assert own.load_state_dict(real.state_dict()) == ([], [])
    assert list(own.state_dict()) == list(real.state_dict())
    assert [(name, tuple(value.shape)) for name, value in own.named_parameters()] == [
        (name, tuple(value.shape)) for name, value in real.named_parameters()
    ]


def close(a: Any, b: Any) -> None:
    a, b = np.asarray(a), np.asarray(b.detach())
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(float(np.abs(b[np.isfinite(b)]).max(initial=0)), 1e-3))


@pytest.mark.parametrize(("kind", "seed"), [(kind, seed) for kind in KINDS for seed in range(SEEDS)])
def test_a_module_gives_pytorch_numbers(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = FIXED.get(kind) or arguments(random.Random(f"{kind}{seed}"), kind)
    x = data(rng, kind, given)
    try:
        real = make(torch, kind, given)
        real(torch.from_numpy(x))
    except Exception as error:
        with pytest.raises(cw.ConvwiseError):
            make(ours, kind, given)(ours.from_numpy(x))
        pytest.skip(f"both refuse: {str(error)[:80]}")
    own = make(ours, kind, given)
    if kind.startswith("Lazy"):
        own(ours.from_numpy(x))
    move(rng, real, own)
    output = own(ours.from_numpy(x))
    assert isinstance(output, ours.Tensor)
    close(output, real(torch.from_numpy(x)))
    # PyTorch's lazy norms without any weights never learn their number of features and print 0.
    assert repr(own) == repr(real).replace("Norm3d(0,", "Norm3d(4,").replace("Norm2d(0,", "Norm2d(4,").replace(
        "Norm1d(0,", "Norm1d(4,"
    )


UNBATCHED = [kind for kind in KINDS if KINDS[kind].rank and not kind.startswith(("Batch", "Sync", "LazyBatch"))]


@pytest.mark.parametrize("kind", UNBATCHED)
def test_the_batch_may_be_left_out_where_pytorch_takes_it(kind: str) -> None:
    rng = np.random.default_rng(3)
    given = FIXED.get(kind) or arguments(random.Random(kind), kind)
    x = data(rng, kind, given)[0]
    try:
        real = make(torch, kind, given)
        real(torch.from_numpy(x))
    except Exception:
        with pytest.raises(cw.ConvwiseError):
            make(ours, kind, given)(ours.from_numpy(x))
        return
    own = make(ours, kind, given)
    if kind.startswith("Lazy"):
        own(ours.from_numpy(x))
    move(rng, real, own)
    close(own(ours.from_numpy(x)), real(torch.from_numpy(x)))


def random_chain(rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    chain: list[tuple[str, dict[str, Any]]] = []
    channels = 4
    for _ in range(rng.randint(2, 5)):
        kind = rng.choice(
            [
                "Conv2d",
                "BatchNorm2d",
                "MaxPool2d",
                "ReLU",
                "ConvTranspose2d",
                "ZeroPad2d",
                "Upsample",
                "GELU",
                "PReLU",
                "InstanceNorm2d",
            ]
        )
        given = {"scale_factor": 2} if kind == "Upsample" else arguments(rng, kind)
        for name in ("in_channels", "num_features"):
            if name in given:
                given[name] = channels
        if kind == "PReLU":
            given["num_parameters"] = channels
        if "out_channels" in given:
            given["groups"] = 1
            channels = given["out_channels"]
        chain.append((kind, given))
    return [
        *chain,
        ("AdaptiveAvgPool2d", {"output_size": (2, 3)}),
        ("Flatten", {}),
        ("Linear", {"in_features": channels * 6, "out_features": 3}),
    ]


@pytest.mark.parametrize("seed", range(40))
def test_a_sequential_gives_pytorch_numbers(seed: int) -> None:
    chain = random_chain(random.Random(seed))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 4, 13, 12)).astype(np.float32)

    def build(module: Any) -> Any:
        return module.nn.Sequential(*(getattr(module.nn, kind)(**given) for kind, given in chain)).eval()

    try:
        real = build(torch)
        real(torch.from_numpy(x))
    except Exception:
        with pytest.raises(cw.ConvwiseError):
            build(ours)(ours.from_numpy(x))
        return
    own = build(ours)
    move(rng, real, own)
    close(own(ours.from_numpy(x)), real(torch.from_numpy(x)))
    assert repr(own) == repr(real)
    assert repr(own[1:3]) == repr(real[1:3])


@pytest.mark.parametrize(
    ("name", "shape", "args", "kwargs"),
    [
        ("conv1d", (2, 4, 11), [(6, 2, 3)], {"groups": 2, "padding": 1, "stride": 2}),
        ("conv2d", (2, 4, 11, 9), [(5, 4, 3, 2), (5,)], {"padding": (1, 0), "dilation": (1, 2)}),
        ("conv2d", (4, 11, 9), [(5, 4, 3, 2)], {"padding": "same"}),
        ("conv3d", (1, 2, 5, 6, 7), [(3, 2, 2, 3, 1), (3,)], {"stride": (1, 2, 1)}),
        ("conv_transpose1d", (2, 4, 6), [(4, 3, 3)], {"stride": 2, "output_padding": 1}),
        ("conv_transpose2d", (2, 4, 6, 5), [(4, 3, 3, 2), (6,)], {"stride": (2, 3), "padding": 1, "groups": 2}),
        ("conv_transpose3d", (1, 2, 3, 4, 5), [(2, 3, 2, 2, 2), (3,)], {"dilation": 2}),
        ("linear", (2, 5, 8), [(3, 8), (3,)], {}),
        ("max_pool2d", (2, 4, 11, 9), [3], {"stride": 2, "padding": 1, "ceil_mode": True}),
        ("avg_pool1d", (2, 4, 11), [3, 2, 1, True, False], {}),
        ("avg_pool2d", (2, 4, 11, 9), [(3, 2), None, (1, 0)], {"count_include_pad": False}),
        ("lp_pool2d", (2, 4, 11, 9), [2, 3], {}),
        ("adaptive_avg_pool2d", (2, 4, 11, 9), [(3, 5)], {}),
        ("adaptive_max_pool1d", (2, 4, 11), [3], {}),
        ("pad", (2, 4, 11, 9), [(1, 2, 0, 3)], {"mode": "reflect"}),
        ("pad", (2, 4, 11, 9), [(1, 2)], {"value": 1.5}),
        ("pad", (2, 4, 11, 9), [(1, 2, 3, 0, 1, 1, 2, 0)], {}),
        ("pad", (2, 4, 11, 9), [(-1, 2, 0, -3)], {}),
        ("interpolate", (2, 4, 11, 9), [], {"scale_factor": 2, "mode": "bilinear", "align_corners": True}),
        ("interpolate", (2, 4, 11, 9), [(5, 20)], {}),
        ("pixel_shuffle", (2, 8, 5, 6), [2], {}),
        ("unfold", (2, 4, 11, 9), [(3, 2)], {"stride": 2, "padding": 1}),
        ("relu", (2, 4), [], {}),
        ("leaky_relu", (2, 4), [0.2], {}),
        ("elu", (2, 4), [0.7], {}),
        ("gelu", (2, 4), [], {"approximate": "tanh"}),
        ("softmax", (2, 4), [], {"dim": 1}),
        ("log_softmax", (2, 4), [-1], {}),
        ("softplus", (2, 4), [2], {}),
        ("hardtanh", (2, 4), [-0.3, 0.3], {}),
        ("threshold", (2, 4), [0.1, 20.0], {}),
        ("glu", (2, 4), [], {}),
        ("dropout", (2, 4), [0.3], {"training": False}),
        ("group_norm", (2, 4, 5), [2], {}),
        ("layer_norm", (2, 4, 5), [(4, 5)], {}),
        ("instance_norm", (2, 4, 5), [], {}),
        ("normalize", (2, 4, 5), [], {"dim": 2}),
        ("prelu", (2, 4, 5), [(4,)], {}),
        ("local_response_norm", (2, 4, 5, 6), [3], {"alpha": 0.5}),
        ("rrelu", (2, 4), [], {}),
    ],
)
def test_a_function_gives_pytorch_numbers(
    name: str, shape: tuple[int, ...], args: list[Any], kwargs: dict[str, Any]
) -> None:
    """Tuples among the arguments of convolutions, linear and prelu are shapes of random weights."""
    rng = np.random.default_rng(7)
    weighted = name.startswith("conv") or name in ("linear", "prelu")
    made = [rng.normal(size=arg).astype(np.float32) if weighted else arg for arg in args]
    x = rng.normal(size=shape).astype(np.float32)
    real = getattr(torch.nn.functional, name)(
        torch.from_numpy(x), *(torch.from_numpy(arg) if weighted else arg for arg in made), **kwargs
    )
    own = getattr(ours.nn.functional, name)(
        ours.from_numpy(x), *(ours.from_numpy(arg) if weighted else arg for arg in made), **kwargs
    )
    close(own, real)


def test_batch_norm_as_a_function() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    rest = [rng.random(3).astype(np.float32) + 0.5 for _ in range(4)]
    real = torch.nn.functional.batch_norm(torch.from_numpy(x), *map(torch.from_numpy, rest), eps=0.1)
    close(ours.nn.functional.batch_norm(x, *rest, eps=0.1), real)


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d", "Linear", "PReLU", "BatchNorm2d", "LayerNorm"])
def test_weights_start_with_pytorch_distribution(kind: str) -> None:
    given: dict[str, Any] = {
        "Linear": {"in_features": 60, "out_features": 80},
        "PReLU": {"num_parameters": 3},
        "BatchNorm2d": {"num_features": 5},
        "LayerNorm": {"normalized_shape": 6},
    }.get(kind, {"in_channels": 24, "out_channels": 48, "kernel_size": (3, 5), "groups": 4})
    torch.manual_seed(1)
    ours.manual_seed(2)
    real, own = getattr(torch.nn, kind)(**given).state_dict(), getattr(ours.nn, kind)(**given).state_dict()
    assert list(own) == list(real)
    for name, value in real.items():
        theirs, mine = value.numpy(), np.asarray(own[name])
        assert mine.dtype == theirs.dtype
        assert np.abs(mine).max() == pytest.approx(np.abs(theirs).max(), rel=0.1)
        assert mine.std() == pytest.approx(theirs.std(), rel=0.25)


TENSORS = [
    np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    np.array([0.5, 1e-5, 123.25], np.float32),
    np.array([[0.123456, -7.5], [3.0, 2.25]], np.float32),
    np.array([True, False]),
    np.array([[1, -20], [300, 4]]),
    np.array(2.5, np.float32),
    np.zeros((0, 3), np.float32),
    np.zeros((2, 2), np.float64),
    np.array([1e10, 1.0], np.float32),
    np.array([np.nan, np.inf, 1.0], np.float32),
    np.linspace(0, 1, 2000, dtype=np.float32).reshape(40, 50),
    np.array([1, 2], np.int32),
]


@pytest.mark.parametrize("array", TENSORS, ids=range(len(TENSORS)))
def test_tensors_print_alike(array: np.ndarray) -> None:
    assert repr(ours.from_numpy(array)) == repr(torch.from_numpy(array))
    assert str(ours.from_numpy(array).shape) == str(torch.from_numpy(array).shape)


def test_words_that_numpy_and_pytorch_share_are_pytorchs() -> None:
    array = np.random.default_rng(2).normal(size=(2, 3, 4)).astype(np.float32)
    own, real = ours.from_numpy(array.copy()), torch.from_numpy(array.copy())
    for do in (
        lambda x: x.std(),
        lambda x: x.var(dim=1),
        lambda x: x.max(dim=2).values,
        lambda x: x.max(dim=2).indices,
        lambda x: x.min(1, keepdim=True)[0],
        lambda x: x.transpose(1, 2),
        lambda x: x.repeat(2, 1, 1),
        lambda x: x.flatten(1),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.sort(dim=1, descending=True).values,
        lambda x: x.squeeze(1),
        lambda x: x.sum(dim=[0, 2]),
        lambda x: (x > 0).nonzero(),
        lambda x: x.mean((1, 2), keepdim=True),
        lambda x: x.expand(5, -1, -1, -1),
        lambda x: x.argmax(dim=1),
        lambda x: x.clamp(-0.5, 0.5),
        lambda x: x[0].t(),
        lambda x: x * 2 + 1,
        lambda x: (x > 0).long() / 3,
        lambda x: x.permute(2, 0, 1).contiguous(),
    ):
        a, b = do(own), do(real)
        assert tuple(a.shape) == tuple(b.shape)
        assert np.asarray(a).dtype == b.numpy().dtype
        np.testing.assert_allclose(np.asarray(a), b.numpy(), rtol=1e-5)
    np.testing.assert_allclose(np.std(own), array.std(), rtol=1e-6)
    np.testing.assert_allclose(np.max(own, axis=1), array.max(axis=1))
    assert np.transpose(own, (2, 0, 1)).shape == (4, 2, 3)
