"""Chains run an activation together with the convolution before it, with the numbers of one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import convwise.engine as engine
import convwise.tensorflow as tf
import convwise.torch as torch
import convwise.torch.nn as nn
from convwise.keras import Input, Model, Sequential, layers
from convwise.ops import Conv, Pointwise
from convwise.runtime.running import TOGETHER, following, together

Run = tuple[str, str | None]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """The ops that the engine was asked to run, with the activations that it was to apply along."""
    kept, seen = engine.run, []

    def run(op: Any, *told: Any, activation: str | None = None, **more: Any) -> Any:
        seen.append((type(op).__name__, activation))
        return kept(op, *told, activation=activation, **more)

    monkeypatch.setattr(engine, "run", run)
    return seen


def one_by_one(chain: Any, x: Any) -> Any:
    for layer in chain if isinstance(chain, nn.Sequential) else chain.layers:
        x = layer(x)
    return x


def close(one: Any, other: Any) -> None:
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-6, atol=2e-6)


TORCH: dict[str, Callable[[], Any]] = {
    "relu": lambda: nn.ReLU(),
    "relu6": lambda: nn.ReLU6(),
    "silu": lambda: nn.SiLU(),
    "hard_silu": lambda: nn.Hardswish(),
    "hardtanh": lambda: nn.Hardtanh(),
}
CONVOLUTIONS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "2d": (lambda: nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), (2, 4, 9, 10)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), (2, 4, 9, 10)),
    "no batch": (lambda: nn.Conv2d(4, 6, 3, padding="same"), (4, 9, 10)),
    "reflect": (lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (2, 4, 9, 10)),
    "1d": (lambda: nn.Conv1d(4, 6, 3), (2, 4, 11)),
    "3d": (lambda: nn.Conv3d(4, 6, 2), (2, 4, 5, 6, 7)),
}


@pytest.mark.parametrize("activation", TORCH)
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_torch(convolution: str, activation: str, runs: list[Run]) -> None:
    torch.manual_seed(1)
    make, shape = CONVOLUTIONS[convolution]
    chain = nn.Sequential(make(), TORCH[activation](), nn.Conv2d(6, 3, 1) if len(shape) == 4 else nn.Tanh())
    x = torch.randn(*shape) * 5
    wanted = one_by_one(chain, x)
    runs.clear()
    close(chain(x), wanted)
    assert runs[0] == ("Conv", activation)
    assert len(runs) == 2, "one for the convolution and its activation, one for what follows"


KERAS: dict[str, Callable[[], Any]] = {
    "relu": lambda: layers.ReLU(),
    "relu6": lambda: layers.ReLU(max_value=6),
    "silu": lambda: layers.Activation("swish"),
    "hard_silu": lambda: layers.Activation("hard_swish"),
}


@pytest.mark.parametrize("activation", KERAS)
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "functional", "tensorflow"])
def test_keras_and_tensorflow(kind: str, activation: str, runs: list[Run]) -> None:
    tf.random.set_seed(1)
    act = KERAS[activation]()
    if kind == "functional":
        start = Input((9, 10, 4))
        chain: Any = Model(start, act(layers.Conv2D(6, (3, 2), strides=(2, 1), padding="same")(start)))
    elif kind == "tensorflow":
        chain = tf.keras.Sequential([tf.keras.layers.Conv2D(6, 3, dilation_rate=2), act])
    else:
        made = {"Conv2D": lambda: layers.Conv2D(6, (3, 2)), "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3)}
        chain = Sequential([made.get(kind, lambda: layers.SeparableConv2D(6, 3))(), act])
    x = tf.random.normal((2, 9, 10, 4)) * 5
    wanted = one_by_one(chain, x)
    runs.clear()
    got = chain(x)
    close(got, wanted)
    assert runs == [("Conv", None)] * (kind == "SeparableConv2D") + [("Conv", activation)]
    assert act.input_shape[1:] == act.output_shape[1:] == tuple(got.shape[1:])


def test_shapes_are_seen_and_weights_are_made_as_one_by_one() -> None:
    chain = Sequential([layers.Conv2D(6, 3), layers.ReLU(), layers.Flatten()])
    chain(np.zeros((2, 9, 10, 4), np.float32))
    assert [layer.built for layer in chain.layers] == [True] * 3
    assert [layer.output_shape[1:] for layer in chain.layers] == [(7, 8, 6), (7, 8, 6), (336,)]
    assert chain.count_params() == 3 * 3 * 4 * 6 + 6


class Doubled(nn.ReLU):
    def forward(self, input: Any) -> Any:
        return 2 * super().forward(input)


class Louder(nn.Conv2d):
    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return super().__call__(*inputs, **options) + 100


class DoubledLayer(layers.ReLU):
    def call(self, inputs: Any) -> Any:
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    "modules",
    [
        (nn.Conv2d(4, 6, 3), Doubled()),
        (Louder(4, 6, 3), nn.ReLU()),
        (nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU()),
        (nn.Conv2d(4, 6, 3), nn.Hardtanh(-2.0, 2.0)),
        (nn.Conv2d(4, 6, 3), nn.LeakyReLU()),
        (nn.MaxPool2d(2), nn.ReLU()),
        (nn.Conv2d(4, 6, 3, dtype=np.float64), nn.SiLU()),
        (nn.Conv2d(4, 6, 3, dtype=np.float16), nn.SiLU()),
        (nn.LazyConv2d(6, 3), nn.ReLU()),
        (nn.Conv2d(4, 6, 3),),
        (),
    ],
    ids=lambda modules: "-".join(type(module).__name__ for module in modules) or "empty",
)
def test_what_is_left_as_it_is(modules: tuple[Any, ...], runs: list[Run]) -> None:
    chain = nn.Sequential(*modules)
    dtype = next((parameter.dtype for parameter in chain.parameters()), np.float32)
    x = torch.randn(2, 4, 9, 10).to(dtype)
    got = chain(x)
    assert all(activation is None for _, activation in runs)
    assert np.array_equal(np.asarray(got), np.asarray(one_by_one(chain, x)))


def test_a_module_whose_forward_was_replaced_is_called() -> None:
    chain = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU())
    chain[1].forward = lambda input: input * 0 + 7
    assert np.all(np.asarray(chain(torch.randn(2, 4, 9, 10))) == 7)


@pytest.mark.parametrize(
    "pair",
    [
        (lambda: layers.Conv2D(6, 3), lambda: DoubledLayer()),
        (lambda: layers.Conv2D(6, 3, activation="relu"), lambda: layers.ReLU()),
        (lambda: layers.Conv2D(6, 3, activation=lambda x: x - 1), lambda: layers.ReLU()),
        (lambda: layers.Conv2D(6, 3, dtype="float16"), lambda: layers.ReLU()),
        (lambda: layers.Conv2D(6, 3), lambda: layers.ReLU(negative_slope=0.5)),
    ],
)
def test_what_keras_layers_are_left_as_they_are(pair: tuple[Any, Any]) -> None:
    chain = Sequential([make() for make in pair])
    x = np.random.default_rng(0).standard_normal((2, 9, 10, 4)).astype(np.float32)
    chain(x)
    assert chain.layers[0]._joined(chain.layers[1]) is None
    assert np.array_equal(np.asarray(chain(x)), np.asarray(one_by_one(chain, x)))


def test_nan_passes_through() -> None:
    chain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    x = torch.zeros(1, 1, 5, 6)
    x[0, 0, 2, 2] = np.nan
    assert np.isnan(np.asarray(chain(x))[0, :, :, :3]).all()
    assert not np.isnan(np.asarray(chain(x))[0, :, :, 3:]).any()


@pytest.mark.parametrize("kind", sorted(TOGETHER))
def test_every_kind_is_one_that_the_engine_knows(kind: str) -> None:
    assert together(Pointwise(kind)) == kind
    assert engine.plan((1, 4, 9, 10), (6, 4, 3, 3), activation=kind).activation == kind
    assert together(Pointwise(kind, (("threshold", 1.0),))) is None
    assert following([Conv((), 1, 1), Pointwise(kind)], 0) == kind
