"""Layers of `convwise.keras` against Keras's: attributes, number types, functions as activations, and layers of one's own in models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import convwise.keras as ours
import convwise.tensorflow as tf_ours
from convwise.dialects.keras.kinds import KINDS

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.oracle

X = np.random.default_rng(3).normal(size=(2, 9, 10, 4)).astype(np.float32)
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("conv", "transpose", "separable"), (4, 3)),
    **dict.fromkeys(("depthwise", "average_pool", "adaptive_max", "adaptive_average"), (2,)),
    **dict.fromkeys(("resizing", "center_crop"), (6, 7)),
    **dict.fromkeys(("random_rotation", "random_zoom", "random_contrast"), (0.1,)),
    "random_translation": (0.1, 0.2),
    **dict.fromkeys(("dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise", "spatial_dropout"), (0.5,)),
    "rescaling": (0.5,),
    "reshape": ((-1,),),
    "permute": ((2, 1, 3),),
    "repeat_vector": (3,),
    "dense": (4,),
    "activation": ("relu",),
    "group_norm": (2,),
}
APART = (
    "initializer",
    "regularizer",
    "constraint",
    "dtype",
    "name",
    "config",
    "activation",
    "bounding_box_format",
    "alpha",
    "factor",
    "value_range",
)
"""Settings that are objects, that convwise tells by names, or that Keras sorts."""


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_and_configurations(kind: str) -> None:
    family, _ = KINDS[kind]
    arguments = ARGUMENTS.get(family, ())
    theirs, mine = getattr(keras.layers, kind)(*arguments), getattr(ours.layers, kind)(*arguments)
    for name, value in theirs.get_config().items():
        if not name.endswith(APART):
            assert mine.get_config()[name] == value, name
            assert getattr(mine, name) == getattr(theirs, name) if hasattr(theirs, name) else True, name
    if "activation" in theirs.get_config():
        assert mine.get_config()["activation"] == theirs.get_config()["activation"]
        assert mine.activation.__name__ == theirs.activation.__name__


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float64"])
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("Dropout", (0.5,)),
        ("MaxPooling2D", ()),
        ("Flatten", ()),
        ("ZeroPadding2D", ()),
        ("Cropping2D", (1,)),
        ("GlobalMaxPooling2D", ()),
        ("ReLU", ()),
        ("Rescaling", (2.0,)),
    ],
)
def test_types_in_models_and_alone(kind: str, arguments: tuple[Any, ...], dtype: str) -> None:
    x = (X * 5).astype(dtype)
    found = []
    for home in (keras, ours):
        layer = getattr(home.layers, kind)
        found.append(home.Sequential([home.Input(X.shape[1:]), layer(*arguments)]).predict(x, verbose=0))
        try:
            found.append(np.asarray(layer(*arguments)(x)))
        except Exception:
            found.append(None)
    assert found[0].dtype == found[2].dtype == np.float32
    assert np.array_equal(found[0], found[2])
    if found[1] is not None and not (dtype == "bool" and kind == "GlobalMaxPooling2D"):
        assert found[1].dtype == found[3].dtype
        assert np.array_equal(found[1], found[3])


def own(home: Any, functions: Any) -> Any:
    class Block(home.Layer):
        def __init__(self, filters: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.conv = home.layers.Conv2D(filters, 3, strides=2, padding="same")
            self.norm = home.layers.BatchNormalization()

        def call(self, x: Any) -> Any:
            y = functions.nn.relu(self.norm(self.conv(x)))
            return y * functions.nn.sigmoid(functions.reduce_mean(y, axis=[1, 2], keepdims=True))

    class Pair(home.Layer):
        def call(self, inputs: Any) -> Any:
            return [inputs[0] + inputs[1], functions.reshape(inputs[0], (-1, 4))]

    start = home.Input((None, 10, 4))
    a, b = Pair()([start, start + 2.0])
    return home.Sequential([home.Input((9, 10, 4)), Block(5), home.layers.Activation(functions.nn.relu)]), home.Model(
        start, [Block(3)(a), b]
    )


def test_layers_of_ones_own() -> None:
    for theirs, mine in zip(own(keras, tf), own(ours, tf_ours), strict=True):
        assert mine.output_shape == theirs.output_shape
        assert mine.count_params() == theirs.count_params()
        mine.set_weights(theirs.get_weights())
        one, other = theirs.predict(X, verbose=0), mine.predict(X)
        for a, b in zip(*((found if isinstance(found, list) else [found]) for found in (one, other)), strict=True):
            assert np.allclose(a, b, atol=1e-5)


def test_half_precision() -> None:
    theirs, mine = (home.layers.Conv2D(4, 3, dtype="mixed_float16") for home in (keras, ours))
    theirs.build(X.shape), mine.build(X.shape)
    mine.set_weights(theirs.get_weights())
    one, other = np.asarray(theirs(X)), np.asarray(mine(X))
    assert one.dtype == other.dtype == np.float16
    assert np.allclose(one, other, atol=4e-3)
    assert (theirs.dtype, theirs.compute_dtype) == (mine.dtype, mine.compute_dtype)
