"""Attributes of `convwise.keras`'s layers that are set after the layer was made, against Keras: its `call` reads them every time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convwise import keras as ours

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.oracle

X = np.random.default_rng(0).normal(size=(2, 9, 10, 4)).astype(np.float32)


def triple(x: Any) -> Any:
    return x * 3


CASES: list[tuple[str, Callable[[Any], Any], Callable[[Any], dict[str, Any]]]] = [
    ("strides", lambda k: k.layers.Conv2D(4, 3), lambda k: {"strides": (2, 1)}),
    ("no activation", lambda k: k.layers.Conv2D(4, 3, activation="softmax"), lambda k: {"activation": None}),
    (
        "an activation",
        lambda k: k.layers.Dense(4, activation="softmax"),
        lambda k: {"activation": k.activations.linear},
    ),
    ("a function", lambda k: k.layers.Dense(4, activation="softmax"), lambda k: {"activation": triple}),
    ("no function", lambda k: k.layers.Dense(4, activation=triple), lambda k: {"activation": k.activations.relu}),
    ("of an activation", lambda k: k.layers.Activation("relu"), lambda k: {"activation": k.activations.tanh}),
    (
        "what weights settle",
        lambda k: k.layers.Conv2D(4, 3),
        lambda k: {"kernel_size": (5, 5), "filters": 4, "padding": "same"},
    ),
    ("epsilon", lambda k: k.layers.BatchNormalization(), lambda k: {"epsilon": 0.5}),
    ("groups", lambda k: k.layers.GroupNormalization(4), lambda k: {"groups": 2}),
    ("slope", lambda k: k.layers.LeakyReLU(), lambda k: {"negative_slope": 0.9}),
    ("window of a pool", lambda k: k.layers.MaxPooling2D(2), lambda k: {"pool_size": (3, 3), "padding": "same"}),
    ("transposed", lambda k: k.layers.Conv2DTranspose(3, 2), lambda k: {"strides": (2, 2)}),
    ("separable", lambda k: k.layers.SeparableConv2D(4, 3), lambda k: {"activation": k.activations.relu}),
]


@pytest.mark.parametrize(("make", "changes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("built", [True, False])
def test_attributes_that_are_set_are_what_runs(make: Any, changes: Any, built: bool) -> None:
    real, own = make(keras), make(ours)
    if built:
        real(X), own(X)
    for one, lib in ((real, keras), (own, ours)):
        for name, value in changes(lib).items():
            if built or name != "kernel_size":
                setattr(one, name, value)
                assert getattr(one, name) == value
    if not built:
        real(X), own(X)
    own.set_weights(real.get_weights())
    np.testing.assert_allclose(own(X), np.asarray(real(X)), rtol=1e-5, atol=1e-5)


def test_a_model_that_does_not_train_has_no_layers_that_do() -> None:
    for lib in (keras, ours):
        model = lib.Sequential([lib.Input((9, 10, 3)), lib.layers.Conv2D(4, 3), lib.layers.Dense(2)])
        model.trainable = False
        assert [layer.trainable for layer in model.layers] == [False, False]
        assert not model.trainable_weights
