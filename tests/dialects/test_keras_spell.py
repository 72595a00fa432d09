"""The way back: ops as the shortest Keras call, and the user's own call with changes."""

from __future__ import annotations

import pytest
from keras_cases import cases
from keras_text import parse

from convwise.axis import NO_PADS, SAME_LOWER, SAME_UPPER, Pads, Window
from convwise.dialects.keras import DIALECT
from convwise.errors import ConvwiseError, Refusal
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Crop, Norm, Pad, Pointwise, Pool, Resize


def read(text: str):
    return DIALECT.read(parse(text), None)


def test_spelling_and_reading_back_gives_the_same_ops():
    count = 0
    for case in cases(3000, seed=5, bad=0.0):
        try:
            layer = DIALECT.read(case.call, None)
        except ConvwiseError:
            continue
        text = DIALECT.spell(layer.ops, layer.channels_last)
        again = read(text)
        assert again.ops == layer.ops, f"{case.text} -> {text}"
        assert again.channels_last == layer.channels_last or layer.rank is None, f"{case.text} -> {text}"
        count += 1
    assert count > 2500


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        (
            "keras.layers.Conv2D(filters=32, kernel_size=(3, 3), strides=(2, 2), padding='same')",
            "Conv2D(32, 3, strides=2, padding='same')",
        ),
        ("Conv2D(32, (3, 5), (1, 1), 'valid', activation='relu')", "Conv2D(32, (3, 5), activation='relu')"),
        (
            "Conv2D(8, 3, dilation_rate=(2, 1), use_bias=False, groups=4)",
            "Conv2D(8, 3, dilation_rate=(2, 1), groups=4, use_bias=False)",
        ),
        ("Conv1D(4, 3, padding='causal', dilation_rate=2)", "Conv1D(4, 3, dilation_rate=2, padding='causal')"),
        ("Convolution2D(4, 1, padding='same')", "Conv2D(4, 1, padding='same')"),
        ("DepthwiseConv2D((3, 3), depth_multiplier=2)", "DepthwiseConv2D(3, depth_multiplier=2)"),
        (
            "SeparableConv2D(8, (3, 3), depth_multiplier=2, use_bias=False)",
            "SeparableConv2D(8, 3, depth_multiplier=2, use_bias=False)",
        ),
        ("Conv2DTranspose(8, (2, 2), strides=(2, 2), padding='valid')", "Conv2DTranspose(8, 2, strides=2)"),
        (
            "Conv2DTranspose(8, 3, strides=2, padding='same', output_padding=1)",
            "Conv2DTranspose(8, 3, strides=2, padding='same')",
        ),
        (
            "Conv2DTranspose(8, 3, strides=2, padding='same', output_padding=0)",
            "Conv2DTranspose(8, 3, strides=2, padding='same', output_padding=0)",
        ),
        ("MaxPool2D(pool_size=(2, 2), strides=2)", "MaxPooling2D(2)"),
        ("AveragePooling1D(3, strides=2, padding='same')", "AveragePooling1D(3, strides=2, padding='same')"),
        ("GlobalAvgPool2D(keepdims=True)", "GlobalAveragePooling2D(keepdims=True)"),
        ("ZeroPadding2D(((1, 1), (2, 2)))", "ZeroPadding2D((1, 2))"),
        ("ZeroPadding2D(((0, 1), (0, 1)))", "ZeroPadding2D(((0, 1), (0, 1)))"),
        ("Cropping1D((2, 2))", "Cropping1D(2)"),
        ("UpSampling2D((2, 2), interpolation='bilinear')", "UpSampling2D(interpolation='bilinear')"),
        ("Resizing(32, 48, 'nearest')", "Resizing(32, 48, interpolation='nearest')"),
        ("Dense(10, 'softmax')", "Dense(10, activation='softmax')"),
        ("Conv2D(4, 3, activation=layers.LeakyReLU(0.1))", "Conv2D(4, 3, activation=LeakyReLU(0.1))"),
        ("Conv2D(4, 3, activation=tf.nn.relu)", "Conv2D(4, 3, activation='relu')"),
        ("Conv2D(4, 3, activation=my_function)", "Conv2D(4, 3, activation=my_function)"),
        ("ReLU(max_value=6.0)", "ReLU(6)"),
        ("BatchNormalization(axis=-1, momentum=0.9)", "BatchNormalization()"),
        ("GroupNormalization(-1)", "GroupNormalization(-1)"),
        ("RepeatVector(3)", "RepeatVector(3)"),
        ("Permute((2, 1, 3))", "Permute((2, 1, 3))"),
        ("Reshape([7, -1])", "Reshape((7, -1))"),
        ("MaxPooling2D(2, data_format='channels_first')", "MaxPooling2D(2, data_format='channels_first')"),
        ("Flatten('channels_first')", "Flatten(data_format='channels_first')"),
    ],
)
def test_the_shortest_natural_call(written: str, spelled: str):
    layer = read(written)
    assert DIALECT.spell(layer.ops, layer.channels_last) == spelled
    assert read(spelled).ops == layer.ops


def test_ops_of_other_frameworks_are_said_where_they_can_be():
    keeping = Conv((Window(3, padding=Pads(1, 1)),) * 2, 3, 16, 1)
    assert DIALECT.spell((keeping,), True) == "Conv2D(16, 3, padding='same')"
    depthwise = Conv((Window(3),) * 2, 6, 12, 6, bias=False)
    assert DIALECT.spell((depthwise,), True) == "DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)"
    assert DIALECT.spell((Norm("batch", 16, moments=True, epsilon=1e-5),), True) == "BatchNormalization(epsilon=1e-05)"


@pytest.mark.parametrize(
    ("op", "code", "says"),
    [
        (Conv((Window(3, stride=2, padding=Pads(1, 1)),) * 2, 3, 16, 1), "CW209", "ZeroPadding2D(1)"),
        (Conv((Window(3, padding=Pads(0, 2)),), 3, 16, 1), "CW209", "ZeroPadding1D((0, 2))"),
        (Conv((Window(3, padding=SAME_LOWER),) * 2, 3, 16, 1), "CW207", "odd cell at the end"),
        (Conv((Window(3, stride=2, dilation=2),) * 2, 3, 16, 1), "CW203", "stride together with a dilation"),
        (Conv((Window(3, padding=Pads(1, 1)),) * 2, 3, 16, 1, padding_mode="reflect"), "CW207", "zeros only"),
        (Conv((Window(3),) * 3, 4, 4, 4), "CW317", "three dimensions"),
        (ConvTranspose((Window(3, stride=2, padding=Pads(1, 1)),) * 2, 3, 16, 2), "CW317", "no groups"),
        (
            ConvTranspose((Window(5, stride=2, padding=Pads(1, 1)),) * 2, 3, 16, 1, output_padding=(0, 0)),
            "CW209",
            "Cropping2D",
        ),
        (Pool("max", (Window(3, stride=2, ceil=True),) * 2), "CW207", "ceil_mode"),
        (Pool("max", (Window(3, stride=2, padding=Pads(1, 1)),) * 2), "CW209", "ZeroPadding2D(1)"),
        (Pool("max", (Window(3, dilation=2),) * 2), "CW203", "no dilation"),
        (Pool("lp", (Window(3),) * 2, power=2.0), "CW317", "no lp pooling"),
        (Pool("average", (Window(3, padding=Pads(1, 1)),) * 2, count_padding=True), "CW317", "cells that are data"),
        (Pad((Pads(1, 1),) * 2, mode="reflect"), "CW317", "zeros"),
        (Pad((Pads(-1, 1),) * 2), "CW201", "Cropping2D"),
        (AdaptivePool("average", (None, 3)), "CW317", "AdaptivePool"),
        (Resize(sizes=(3, 4), align_corners=True), "CW317", "aligns the corners"),
        (Resize(sizes=(3, 4, 5)), "CW317", "height and width"),
        (Pointwise("unheard_of"), "CW317", "unheard_of"),
        (Norm("local_response", 3), "CW317", "local_response"),
    ],
)
def test_what_keras_cannot_say_is_refused_with_what_comes_nearest(op, code: str, says: str):
    with pytest.raises(Refusal) as caught:
        DIALECT.spell((op,), True)
    assert caught.value.code == code
    assert says in str(caught.value)


def test_one_dimension_has_no_data_format_for_cropping():
    with pytest.raises(Refusal, match="has no data_format"):
        DIALECT.spell((Crop((Pads(1, 1),)),), False)


@pytest.mark.parametrize(
    ("written", "changes", "expected"),
    [
        (
            "Conv2D(32, (3, 3), strides=(2, 2), padding='valid')",
            {"padding": "same", "strides": 1},
            "Conv2D(32, (3, 3), padding='same')",
        ),
        ("keras.layers.Conv2D(32, 3, strides=2)", {"strides": 3}, "Conv2D(32, 3, strides=3)"),
        ("Conv2D(32, (3, 3))", {"kernel_size": 4}, "Conv2D(32, (4, 4))"),
        ("Conv2D(32, (3, 3), strides=(2, 2))", {"strides": 3}, "Conv2D(32, (3, 3), strides=(3, 3))"),
        (
            "Conv2D(kernel_size=3, filters=8, strides=2, activation='relu')",
            {"strides": 1},
            "Conv2D(kernel_size=3, filters=8, activation='relu')",
        ),
        ("Conv2D(32, 3, 2, 'same')", {"padding": "valid"}, "Conv2D(32, 3, 2)"),
        ("Conv2D(32, 3, 2, 'same')", {"strides": 1}, "Conv2D(32, 3, 1, 'same')"),
        ("Conv2D(32, 3, 2)", {"strides": (1, 1), "padding": "same"}, "Conv2D(32, 3, padding='same')"),
        ("Conv2D(32, 3)", {"padding": "same", "dilation_rate": 2}, "Conv2D(32, 3, padding='same', dilation_rate=2)"),
        ("MaxPool2D(2, strides=3)", {"strides": 2}, "MaxPool2D(2)"),
        ("MaxPooling2D((2, 2))", {"pool_size": 3}, "MaxPooling2D((3, 3))"),
        (
            "Conv2D(32, 3, activation=my_function, name='conv1')",
            {"padding": "same"},
            "Conv2D(32, 3, activation=my_function, name='conv1', padding='same')",
        ),
        (
            "Conv2D(4, 3, activation=LeakyReLU(0.1), use_bias=False)",
            {"use_bias": True},
            "Conv2D(4, 3, activation=LeakyReLU(0.1))",
        ),
        ("Reshape((5, 5))", {"target_shape": (-1,)}, "Reshape((-1,))"),
        ("Dense(10, 'relu')", {"units": 12}, "Dense(12, 'relu')"),
    ],
)
def test_respelling_keeps_the_users_style(written: str, changes: dict, expected: str):
    layer = read(written)
    text = DIALECT.respell(layer, changes)
    assert text == expected
    changed = read(text).arguments
    for name, wanted in changes.items():
        got = changed[name]
        assert (
            got == wanted
            or (got is None and name == "strides")
            or set(got if isinstance(got, tuple) else (got,)) == set(wanted if isinstance(wanted, tuple) else (wanted,))
        )


def test_respelling_an_unknown_argument_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="no 'stride'"):
        DIALECT.respell(read("Conv2D(32, 3)"), {"stride": 2})


def test_same_padding_stays_a_rule():
    layer = read("Conv2D(32, 3, strides=2, padding='same')")
    assert layer.window_op is not None
    assert [window.padding for window in layer.window_op.windows] == [SAME_UPPER] * 2
    assert read("Conv2D(32, 3)").window_op.windows[0].padding == NO_PADS
