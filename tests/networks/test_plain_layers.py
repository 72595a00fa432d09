"""Keras layers that are taken as their ops alone: what the dialect's own checks would have said, or no answer."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from convwise.answers.network.flowing import Done, _layer_flow, _plain_flow
from convwise.answers.network.plan import Deed
from convwise.dialects import keras
from convwise.dialects.base import Call, Layer
from convwise.errors import ConvwiseError
from convwise.ops import Layout, Shape

KERAS = keras.DIALECT
CALLS = {
    "Conv2D": {"filters": 6, "kernel_size": (3, 2), "strides": 2, "padding": "same", "groups": 2},
    "Conv1D": {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "padding": "causal", "activation": "relu"},
    "Conv3D": {"filters": 2, "kernel_size": (1, 2, 3), "data_format": "channels_first", "use_bias": False},
    "DepthwiseConv2D": {"kernel_size": (2, 3), "depth_multiplier": 2},
    "SeparableConv2D": {"filters": 5, "kernel_size": 3, "depth_multiplier": 3, "activation": "softmax"},
    "Conv2DTranspose": {"filters": 5, "kernel_size": 3, "strides": 2},
    "MaxPooling2D": {"pool_size": (2, 3), "padding": "same"},
    "AveragePooling2D": {"pool_size": 2, "strides": (1, 3), "data_format": "channels_first"},
    "GlobalAveragePooling2D": {"keepdims": True, "data_format": "channels_first"},
    "GlobalMaxPooling1D": {},
    "BatchNormalization": {"axis": 3},
    "LayerNormalization": {"axis": (-1, 3)},
    "GroupNormalization": {"groups": 2},
    "UnitNormalization": {"axis": -1},
    "RMSNormalization": {},
    "Dense": {"units": 7, "activation": "gelu"},
    "Activation": {"activation": "swish"},
    "ReLU": {"max_value": 6.0},
    "Softmax": {"axis": 2},
    "PReLU": {"shared_axes": (1, 2)},
    "Rescaling": {"scale": (0.5, 0.25, 0.125)},
    "Dropout": {"rate": 0.2},
    "SpatialDropout2D": {"rate": 0.2},
    "GaussianNoise": {"stddev": 0.1},
    "ZeroPadding2D": {"padding": ((1, 0), (2, 1))},
    "Permute": {"dims": (3, 1, 2)},
    "Flatten": {},
    "Reshape": {"target_shape": (-1, 3)},
    "RepeatVector": {"n": 3},
    "UpSampling2D": {"size": (2, 3)},
}
LAYERS = {kind: KERAS.read(Call(kind, (), tuple(given_.items())), None) for kind, given_ in CALLS.items()}
HUGE = 2**62
SIZES = st.one_of(st.none(), st.integers(0, 9), st.just(2), st.just(3), st.sampled_from([HUGE, 2 * HUGE - 1, 2 * HUGE]))


def plainly(layer: Layer, shape: Shape) -> Done | None:
    return _plain_flow(Deed(layer, Layout(), (0, 0)), layer, shape)


def outcome(layer: Layer, shape: Shape) -> object:
    try:
        found = _layer_flow(layer, shape)
    except ConvwiseError as error:
        return error.code
    return found.outputs, found.bytes, found.params, found.trainable, found.macs, found.moments, found.detail


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(sorted(LAYERS)), st.lists(SIZES, max_size=5).map(tuple))
def test_a_plain_layer_is_what_the_dialect_says(kind: str, shape: Shape) -> None:
    found = plainly(LAYERS[kind], shape)
    if found is not None:
        parts = (found.outputs, found.bytes, found.params, found.trainable, found.macs, found.moments, found.detail)
        assert parts == outcome(LAYERS[kind], shape)


def test_the_layers_of_common_networks_are_plain() -> None:
    common = ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "BatchNormalization", "Activation", "ReLU", "Dropout")
    assert [kind for kind in common if plainly(LAYERS[kind], (2, 9, 10, 4)) is None] == []


def test_what_keras_checks_beyond_the_ops_is_left_to_it() -> None:
    assert plainly(LAYERS["SpatialDropout2D"], (2, 9, 4)) is None
    assert plainly(LAYERS["Activation"], (2, 0, 10, 4)) is None
    assert plainly(LAYERS["Rescaling"], (2, 9, 10, 4)) is None
    assert plainly(LAYERS["PReLU"], (2, 9, 10, 4)) is None
