"""`convwise.keras` against Keras: the same weights moved over give the same numbers; models look and print alike."""

from __future__ import annotations

import io
import itertools
import random
import re
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest

import convwise as cw
import convwise.keras as ours
from convwise.dialects.keras.kinds import ALIASES, KINDS, canonical

keras = pytest.importorskip("keras")

SIZES = (11, 8, 9)
SEEDS = 6
ACTIVATIONS = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "celu",
    "selu",
    "gelu",
    "silu",
    "swish",
    "sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "softplus",
    "softsign",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "exponential",
    "linear",
    "mish",
    "squareplus",
    "tanh_shrink",
    "log_sigmoid",
]


def each(rng: random.Random, rank: int, low: int, high: int) -> Any:
    """One number, or one for every axis."""
    values = tuple(rng.randint(low, high) for _ in range(rank))
    return values[0] if rng.random() < 0.3 else values


def window(rng: random.Random, rank: int, *, causal: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"padding": rng.choice(["valid", "same", *(["causal"] if causal else [])])}
    if rng.random() < 0.5:
        found["strides"] = each(rng, rank, 1, 3)
    elif rng.random() < 0.6:
        found["dilation_rate"] = each(rng, rank, 1, 3)
    return found


def trimmings(rng: random.Random) -> dict[str, Any]:
    return {"use_bias": rng.random() < 0.7, "activation": rng.choice([None, "relu", "tanh", "sigmoid"])}


def depthwise_window(rng: random.Random, rank: int) -> dict[str, Any]:
    """TensorFlow's depthwise kernel takes one stride for both axes."""
    found: dict[str, Any] = {"padding": rng.choice(["valid", "same"])}
    if rng.random() < 0.5:
        found["strides"] = rng.randint(1, 3)
    elif rng.random() < 0.6:
        found["dilation_rate"] = each(rng, rank, 1, 2)
    return found


def arguments(rng: random.Random, kind: str) -> dict[str, Any]:
    """Arguments of one layer that Keras is likely to run on channels-last data of SIZES with 4 channels."""
    family, rank = KINDS[kind]
    n = rank or 2
    kernel = {"kernel_size": each(rng, n, 1, 3)}
    simple: dict[str, dict[str, Any]] = {
        "max_pool": {
            "pool_size": each(rng, n, 1, 3),
            "strides": rng.choice([None, each(rng, n, 1, 3)]),
            "padding": rng.choice(["valid", "same"]),
        },
        "adaptive_max": {"output_size": each(rng, n, 2, 5)},
        "zero_padding": {
            "padding": tuple((rng.randint(0, 3), rng.randint(0, 3)) for _ in range(n))
            if n > 1
            else (rng.randint(0, 3), rng.randint(0, 3))
        },
        "cropping": {
            "cropping": tuple((rng.randint(0, 2), rng.randint(0, 2)) for _ in range(n))
            if n > 1
            else (rng.randint(0, 2), rng.randint(0, 2))
        },
        "up_sampling": {"size": each(rng, n, 1, 3) if n > 1 else rng.randint(1, 3)},
        "resizing": {
            "height": rng.randint(3, 19),
            "width": rng.randint(3, 19),
            "interpolation": rng.choice(["bilinear", "nearest", "area"]),
        },
        "center_crop": {"height": rng.randint(3, 9), "width": rng.randint(3, 7)},
        **{family: {"factor": 0.2} for family in ("random_rotation", "random_contrast")},
        **{family: {"height_factor": 0.2, "width_factor": 0.1} for family in ("random_zoom", "random_translation")},
        "rescaling": {"scale": rng.choice([1 / 255, (0.5, 2.0, 3.0, 4.0)]), "offset": rng.choice([0.0, -1.5])},
        "reshape": {"target_shape": rng.choice([(-1,), (-1, 4), (2, -1, 2)])},
        "permute": {"dims": rng.choice(list(itertools.permutations((1, 2, 3))))},
        "repeat_vector": {"n": rng.randint(1, 5)},
        "dense": {"units": rng.randint(1, 6), **trimmings(rng)},
        "batch_norm": {
            "axis": rng.choice([-1, 1, 2, 3]),
            "epsilon": 0.01,
            "center": rng.random() < 0.7,
            "scale": rng.random() < 0.7,
        },
        "layer_norm": {
            "axis": rng.choice([-1, [1, 2], [1, 2, 3], [2, 3], 1]),
            "center": rng.random() < 0.7,
            "scale": rng.random() < 0.7,
        },
        "group_norm": {
            "groups": rng.choice([1, 2, 4, -1]),
            "epsilon": 0.01,
            "center": rng.random() < 0.7,
            "scale": rng.random() < 0.7,
        },
        "unit_norm": {"axis": rng.choice([-1, 1, (1, 2)])},
        "gaussian_noise": {"stddev": 0.3},
        "activation": {"activation": rng.choice(ACTIVATIONS)},
        "relu": {
            "max_value": rng.choice([None, 1.5]),
            "negative_slope": rng.choice([0.0, 0.25]),
            "threshold": rng.choice([0.0, 0.5]),
        },
        "leaky_relu": {"negative_slope": rng.choice([0.1, 0.3])},
        "prelu": {"shared_axes": rng.choice([None, [1, 2], [1]])},
        "elu": {"alpha": rng.choice([1.0, 0.7])},
        "softmax": {"axis": rng.choice([-1, 1, 2])},
    }
    simple["average_pool"], simple["adaptive_average"] = simple["max_pool"], simple["adaptive_max"]
    simple["global_max"] = simple["global_average"] = {"keepdims": rng.random() < 0.5}
    for name in ("dropout", "alpha_dropout", "gaussian_dropout", "spatial_dropout"):
        simple[name] = {"rate": 0.4}
    match family:
        case "conv":
            groups = rng.choice([1, 1, 2])
            return {
                "filters": groups * rng.randint(1, 3),
                **kernel,
                **window(rng, n, causal=n == 1),
                "groups": groups,
                **trimmings(rng),
            }
        case "transpose":
            found = {"filters": rng.randint(1, 4), **kernel, **window(rng, n), **trimmings(rng)}
            steps = found.get("strides")
            if steps is not None and rng.random() < 0.5:
                least = min(steps) if isinstance(steps, tuple) else steps
                found["output_padding"] = rng.randint(0, least - 1)
            return found
        case "depthwise":
            return {**kernel, **depthwise_window(rng, n), "depth_multiplier": rng.randint(1, 3), **trimmings(rng)}
        case "separable":
            return {
                "filters": rng.randint(1, 4),
                **kernel,
                **depthwise_window(rng, n),
                "depth_multiplier": rng.randint(1, 2),
                **trimmings(rng),
            }
    return simple.get(family, {})


def data(rng: np.random.Generator, kind: str) -> np.ndarray:
    _, rank = KINDS[kind]
    shape = (2, 6) if rank == 0 else (2, *SIZES[: rank or 2], 4)
    return rng.normal(size=shape).astype(np.float32)


def some_weights(rng: np.random.Generator, layer: Any) -> list[np.ndarray]:
    """Weights of the layer's shapes, all positive where they may be a variance."""
    return [
        (rng.random(weight.shape) + 0.5 if weight.name == "moving_variance" else rng.normal(size=weight.shape)).astype(
            np.float32
        )
        for weight in layer.weights
    ]


def close(a: Any, b: Any) -> None:
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(float(np.abs(b).max(initial=0)), 1e-3))


CASES = [
    (kind, seed)
    for kind in KINDS
    for seed in range(SEEDS if KINDS[kind][0] not in ("identity", "masking", "gaussian_noise") else 1)
]


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_a_layer_gives_keras_numbers(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    given = arguments(random.Random(f"{kind}{seed}"), kind)
    x = data(rng, kind)
    real = getattr(keras.layers, kind)(**given)
    own = getattr(ours.layers, kind)(**given)
    try:
        expected = real(x, training=False)
    except Exception as error:
        with pytest.raises(cw.ConvwiseError):
            own(x)
        pytest.skip(f"both refuse: {str(error)[:80]}")
    own(x)
    assert [(weight.name, tuple(weight.shape)) for weight in own.weights] == [
        (weight.name, tuple(weight.shape)) for weight in real.weights
    ]
    weights = some_weights(rng, real)
    real.set_weights(weights)
    own.set_weights(weights)
    assert all(np.array_equal(a, b) for a, b in zip(own.get_weights(), weights, strict=True))
    close(own(x), real(x, training=False))
    assert own.count_params() == real.count_params()
    assert tuple(own.compute_output_shape(x.shape)) == tuple(expected.shape)


FORMATTED = [
    kind
    for kind, (family, rank) in KINDS.items()
    if rank
    and family
    in (
        "conv",
        "transpose",
        "depthwise",
        "separable",
        "max_pool",
        "average_pool",
        "global_max",
        "global_average",
        "adaptive_max",
        "adaptive_average",
        "zero_padding",
        "cropping",
        "up_sampling",
        "center_crop",
        "resizing",
    )
    and (family, rank) != ("cropping", 1)
    and (family, rank) != ("up_sampling", 1)
]


@pytest.mark.parametrize(("kind", "seed"), [(kind, seed) for kind in FORMATTED for seed in range(3)])
def test_channels_first_is_channels_last_turned(kind: str, seed: int) -> None:
    """TensorFlow runs most channels-first layers on no processor, so the channels-last layer on the turned input is the truth."""
    rng = np.random.default_rng(seed)
    given = arguments(random.Random(f"first{kind}{seed}"), kind)
    if given.get("padding") == "causal":
        given["padding"] = "same"
    x = data(rng, kind)
    real = getattr(keras.layers, kind)(**given)
    own = getattr(ours.layers, kind)(**given, data_format="channels_first")
    real(x)
    turned = np.moveaxis(x, -1, 1)
    own(turned)
    weights = some_weights(rng, real)
    real.set_weights(weights)
    own.set_weights(weights)
    expected = np.asarray(real(x))
    close(own(turned), np.moveaxis(expected, -1, 1) if expected.ndim == x.ndim else expected)


@pytest.mark.parametrize("shape", [(2, 5, 6, 3)])
def test_flatten_turns_channels_first_around(shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    close(ours.layers.Flatten(data_format="channels_first")(x), keras.layers.Flatten(data_format="channels_first")(x))


def random_model(rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """A few layers on two-dimensional data, then a vector."""
    spatial = [
        "Conv2D",
        "DepthwiseConv2D",
        "SeparableConv2D",
        "MaxPooling2D",
        "AveragePooling2D",
        "BatchNormalization",
        "ReLU",
        "ZeroPadding2D",
        "UpSampling2D",
        "Conv2DTranspose",
        "PReLU",
        "Dropout",
        "LayerNormalization",
        "Activation",
    ]
    chain = []
    for _ in range(rng.randint(2, 5)):
        kind = rng.choice(spatial)
        given = arguments(rng, kind)
        if kind in ("BatchNormalization", "LayerNormalization"):
            given["axis"] = -1
        given.pop("groups", None)
        if "filters" in given or KINDS[kind][0] == "depthwise":
            given["padding"] = "same"
        chain.append((kind, given))
    chain.append(rng.choice([("GlobalAveragePooling2D", {}), ("Flatten", {})]))
    chain.append(("Dense", {"units": rng.randint(1, 5), "activation": rng.choice(["softmax", None])}))
    return chain


@pytest.mark.parametrize("seed", range(40))
def test_a_sequential_gives_keras_numbers_and_summary(seed: int) -> None:
    chain = random_model(random.Random(seed))
    keras.backend.clear_session()
    ours.backend.clear_session()

    def build(module: Any) -> Any:
        return module.Sequential(
            [module.Input((13, 12, 4)), *(getattr(module.layers, kind)(**given) for kind, given in chain)]
        )

    try:
        real = build(keras)
    except ValueError:
        with pytest.raises(cw.ConvwiseError):
            build(ours)
        return
    own = build(ours)
    rng = np.random.default_rng(seed)
    weights = some_weights(rng, real)
    real.set_weights(weights)
    own.set_weights(weights)
    x = rng.normal(size=(3, 13, 12, 4)).astype(np.float32)
    predicted = own.predict(x, verbose=0, batch_size=2)
    assert type(predicted) is np.ndarray
    close(predicted, real.predict(x, verbose=0, batch_size=2))
    assert own.input_shape == real.input_shape
    assert own.output_shape == real.output_shape
    assert [weight.path for weight in own.weights] == [
        re.sub(r"^sequential(_\d+)?/", "", weight.path) for weight in real.weights
    ]
    assert printed(own) == printed(real)


def printed(model: Any) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda text: lines.append(text))
    return "\n".join(lines).rstrip("\n")


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_second_names_are_the_same_classes(alias: str) -> None:
    assert getattr(ours.layers, alias) is getattr(ours.layers, canonical(alias))
    assert getattr(keras.layers, alias).__name__ == getattr(ours.layers, alias).__name__


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name in (
            "glorot_uniform",
            "glorot_normal",
            "he_uniform",
            "he_normal",
            "lecun_uniform",
            "lecun_normal",
            "random_normal",
            "random_uniform",
            "truncated_normal",
            "zeros",
            "ones",
            "orthogonal",
            "variance_scaling",
        )
        for shape in ((3, 5, 16, 32), (3, 3, 16, 4), (40, 60))
    ],
)
def test_weights_start_with_keras_distribution(name: str, shape: tuple[int, ...]) -> None:
    """Mean, spread and largest value of some thousand weights."""
    ours.utils.set_random_seed(3)
    own = np.asarray(ours.initializers.get(name)(shape))
    keras.utils.set_random_seed(4)
    real = np.asarray(keras.initializers.get(name)(shape))
    assert own.shape == real.shape
    assert own.dtype == real.dtype
    spread = max(float(real.std()), 1e-9)
    assert abs(own.mean() - real.mean()) < 8 * spread / np.sqrt(own.size)
    assert own.std() == pytest.approx(real.std(), rel=0.12)
    if "normal" not in name and name not in ("orthogonal", "variance_scaling"):
        assert np.abs(own).max() == pytest.approx(np.abs(real).max(), rel=0.02)


@pytest.mark.parametrize(
    "kind",
    [kind for kind, (family, _) in KINDS.items() if family in ("conv", "transpose", "depthwise", "separable", "dense")],
)
def test_default_weights_of_layers_are_spread_alike(kind: str) -> None:
    given: dict[str, Any] = {"kernel_size": 3} if "Conv" in kind else {"units": 64}
    if KINDS[kind][0] != "depthwise" and "Conv" in kind:
        given["filters"] = 64
    if KINDS[kind][0] == "conv":
        given["groups"] = 4
    shape = (None, *(9,) * (KINDS[kind][1] or 0), 64)
    real, own = getattr(keras.layers, kind)(**given), getattr(ours.layers, kind)(**given)
    real.build(shape)
    own.build(shape)
    for a, b in zip(own.get_weights(), real.get_weights(), strict=True):
        assert a.shape == b.shape
        assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=0.1)


@pytest.mark.parametrize("kind", ["Conv2D", "Dense", "BatchNormalization"])
def test_reprs_are_alike(kind: str) -> None:
    given = {"Conv2D": {"filters": 3, "kernel_size": 3}, "Dense": {"units": 2}}.get(kind, {})
    keras.backend.clear_session()
    ours.backend.clear_session()
    assert repr(getattr(ours.layers, kind)(**given)) == repr(getattr(keras.layers, kind)(**given))


def test_float64_layers_agree_to_twelve_digits() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, 9, 10, 3))
    real = keras.layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", dtype="float64")
    own = ours.layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", dtype="float64")
    expected = real(x)
    own(x)
    own.set_weights(real.get_weights())
    np.testing.assert_allclose(np.asarray(own(x)), np.asarray(expected), rtol=1e-12, atol=1e-12)


def test_printing_goes_to_standard_output() -> None:
    stream = io.StringIO()
    with redirect_stdout(stream):
        ours.Sequential([ours.layers.Conv2D(2, 3)]).summary()
    assert "0 (unbuilt)" in stream.getvalue()
