"""Reading Keras calls: arguments, defaults, ops, notes, refusals in Keras's words, releases."""

from __future__ import annotations

import pytest
from keras_text import parse

from convwise.axis import NO_PADS, SAME_UPPER, Pads, Window
from convwise.dialects import get
from convwise.dialects.base import Call, Unknown
from convwise.dialects.keras import DIALECT
from convwise.dialects.keras.kinds import KINDS, REMOVED, UNMODELLED
from convwise.dialects.keras.signatures import parameters
from convwise.errors import ArgumentError, CodeError, ConvwiseError, Refusal, ShapeError
from convwise.ops import Conv, ConvTranspose, Dense, Flatten, GlobalPool, Norm, Pad, Pointwise, Pool, Reshape, Resize


def read(text: str, release: str | None = None):
    return DIALECT.read(parse(text), release)


def refused(text: str, release: str | None = None) -> ConvwiseError:
    with pytest.raises(ConvwiseError) as caught:
        read(text, release)
    return caught.value


def test_the_dialect_is_found_by_its_name():
    assert get("keras") is DIALECT
    assert (DIALECT.title, DIALECT.release) == ("Keras", "3.15")
    assert set(KINDS) <= DIALECT.kinds


def test_all_arguments_are_there_by_name():
    layer = read("keras.layers.Conv2D(32, (3, 3), (2, 2), 'same', activation='relu', name='conv1')")
    assert layer.arguments["filters"] == 32
    assert layer.arguments["strides"] == (2, 2)
    assert layer.arguments["kernel_initializer"] == "glorot_uniform"
    assert layer.arguments["trainable"] is True
    assert (layer.kind, layer.name, layer.rank, layer.channels_last) == ("Conv2D", "conv1", 2, True)
    assert layer.ops == (Conv((Window(3, 2, 1, SAME_UPPER),) * 2, None, 32, 1, True), Pointwise("relu"))


@pytest.mark.parametrize(
    ("text", "ops"),
    [
        (
            "Conv1D(4, 3, padding='causal', dilation_rate=2)",
            (Conv((Window(3, dilation=2, padding=Pads(4, 0)),), None, 4, 1),),
        ),
        ("DepthwiseConv2D((3, 2), depth_multiplier=2)", (Conv((Window(3), Window(2)), groups=None, multiplier=2),)),
        (
            "SeparableConv2D(8, 3, strides=2, activation='swish')",
            (
                Conv((Window(3, 2),) * 2, groups=None, bias=False, multiplier=1),
                Conv((Window(1),) * 2, None, 8, 1, True),
                Pointwise("silu"),
            ),
        ),
        ("MaxPool2D()", (Pool("max", (Window(2, 2),) * 2),)),
        ("AveragePooling1D(3, 2, 'same')", (Pool("average", (Window(3, 2, padding=SAME_UPPER),)),)),
        ("GlobalAveragePooling3D(keepdims=True)", (GlobalPool("average", 3, True),)),
        ("ZeroPadding2D(((1, 2), (3, 4)))", (Pad((Pads(1, 2), Pads(3, 4))),)),
        ("Flatten(data_format='channels_first')", (Flatten(channels_to_last=True),)),
        ("Dense(10, use_bias=False)", (Dense(None, 10, False),)),
        ("RepeatVector(3)", (Reshape((1, -1)), Resize(scales=(3,)))),
        ("Resizing(32, 48)", (Resize(sizes=(32, 48), mode="linear"),)),
        ("BatchNormalization(scale=False)", (Norm("batch", axes=(-1,), scale=False, moments=True, epsilon=1e-3),)),
        ("LayerNormalization(axis=[1, 2])", (Norm("layer", axes=(1, 2), epsilon=1e-3),)),
        ("LeakyReLU(alpha=0.2)", (Pointwise("leaky_relu", (("negative_slope", 0.2),)),)),
        ("ReLU(6)", (Pointwise("relu6"),)),
        ("Activation('linear')", (Pointwise("linear"),)),
        ("Dense(4, activation=None)", (Dense(None, 4),)),
    ],
)
def test_what_a_layer_is_without_keras(text: str, ops):
    assert read(text).ops == ops


@pytest.mark.parametrize(
    ("text", "window", "extra"),
    [
        # One axis each: the pads of the forward convolution, and what the size lacks.
        ("Conv1DTranspose(1, 3)", Window(3), 0),
        ("Conv1DTranspose(1, 2, strides=3)", Window(2, 3), 1),
        ("Conv1DTranspose(1, 2, strides=3, output_padding=0)", Window(2, 3), 0),
        ("Conv1DTranspose(1, 3, strides=2, padding='same')", Window(3, 2, padding=Pads(0, 1)), 0),
        ("Conv1DTranspose(1, 3, strides=2, padding='same', output_padding=0)", Window(3, 2, padding=Pads(1, 1)), 0),
        ("Conv1DTranspose(1, 4, strides=2, padding='same')", Window(4, 2, padding=Pads(1, 1)), 0),
        ("Conv1DTranspose(1, 2, strides=3, padding='same')", Window(2, 3), 1),
        ("Conv1DTranspose(1, 3, dilation_rate=2, padding='same')", Window(3, 1, 2, Pads(2, 2)), 0),
    ],
)
def test_transposed_convolutions_become_explicit_pads(text: str, window: Window, extra: int):
    op = read(text).ops[0]
    assert isinstance(op, ConvTranspose)
    assert (op.windows, op.output_padding) == ((window,), (extra,))


def test_second_names_are_the_same_layers():
    assert read("Convolution2D(4, 3)").ops == read("Conv2D(4, 3)").ops
    assert read("GlobalMaxPool1D()").ops == read("GlobalMaxPooling1D()").ops
    assert read("Convolution2D(4, 3)").kind == "Convolution2D"


def test_every_layer_has_a_signature_and_the_base_keywords():
    for kind in KINDS:
        names = [parameter.name for parameter in parameters(kind, "3.15")]
        assert len(names) == len(set(names)), kind
        assert "name" in names, kind
        assert ("trainable" in names) == (not kind.startswith("SpatialDropout")), kind


def test_an_activation_can_be_a_layer_or_a_function():
    assert read("Conv2D(4, 3, activation=layers.LeakyReLU(0.1))").ops[1] == Pointwise(
        "leaky_relu", (("negative_slope", 0.1),)
    )
    assert read("Conv2D(4, 3, activation=tf.nn.relu)").ops[1] == Pointwise("relu")
    assert read("Conv2D(4, 3, activation=mine)").ops[1].kind == "activation"


def test_values_that_the_text_does_not_give():
    error = refused("Conv2D(n, 3)")
    assert (type(error), error.code) == (CodeError, "CW314")
    assert "the value of filters is not in the text: n" in str(error)
    assert error.hint == "write a number for filters, or give the line that assigns n"
    assert refused("Conv2D(4, (k, 3))").code == "CW314"
    # What does not change the answer may stay unknown.
    assert read("Conv2D(4, 3, kernel_initializer=init, name=label, dtype=policy)").name is None
    assert read("Conv2D(4, 3, kernel_regularizer=regularizers.l2(1e-4))").ops


def test_a_call_that_reads_like_pytorch_gets_a_note():
    notes = read("Conv2D(3, 16, 3)").notes
    assert [note.code for note in notes] == ["CW508"]
    assert notes[0].text == "Keras reads 3 filters of 16 x 16 and stride 3; did you mean nn.Conv2d(3, 16, 3)?"
    assert "nn.ConvTranspose2d(64, 128, 2)" in read("Conv2DTranspose(64, 128, 2)").notes[0].text


@pytest.mark.parametrize(
    "text",
    [
        "Conv2D(96, 11, 4)",
        "Conv2D(64, 7, 2)",
        "Conv2D(768, 16, 16)",
        "Conv2D(3, 3)",
        "Conv2D(3, 16, 3, 'same')",
        "Conv2D(1, 5, 1)",
    ],
)
def test_honest_keras_calls_get_no_such_note(text: str):
    assert read(text).notes == ()


@pytest.mark.parametrize(
    ("text", "code", "quote", "hint"),
    [
        (
            "Conv2D(4, (3, 0))",
            "CW201",
            "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(3, 0), including values {0} that do not satisfy `value > 0`",
            "1 or more",
        ),
        (
            "Conv2D(0, 3)",
            "CW201",
            "Invalid value for argument `filters`. Expected a strictly positive value. Received filters=0.",
            "1 or more",
        ),
        ("Conv2D(4, 3, groups=3)", "CW205", "Received: groups=3, filters=4.", "filters=6"),
        (
            "Conv2D(4, 3, strides=2, dilation_rate=(1, 2))",
            "CW203",
            "Received: strides=(2, 2) and dilation_rate=(1, 2)",
            "MaxPooling2D(1, strides=2)",
        ),
        ("Conv2D(4, 3, padding=1)", "CW209", "'int' object has no attribute 'lower'", "ZeroPadding2D(1)"),
        (
            "Conv2D(3, 16, 3, padding=1)",
            "CW209",
            "'int' object has no attribute 'lower'",
            "did you mean nn.Conv2d(3, 16, 3)?",
        ),
        ("Conv2D(4, 3, padding=0)", "CW209", "'int' object has no attribute 'lower'", "padding='valid'"),
        ("Conv2D(4, 3, padding='full')", "CW207", "Received: full", "ZeroPadding"),
        ("Conv1D(4, 3, padding='casual')", "CW207", "{'causal', 'same', 'valid'}", "did you mean 'causal'?"),
        ("Conv2D(4, 3, data_format='NHWC')", "CW207", "Received: data_format=nhwc", "did you mean 'channels_last'?"),
        ("Conv2DTranspose(4, 3, strides=2, padding=1)", "CW209", "", "Cropping2D(1)"),
        (
            "Conv2DTranspose(4, 3, strides=2, output_padding=2)",
            "CW201",
            "At dimension 0, `output_padding` is 2 but `strides` is 2.",
            "0 to 1",
        ),
        (
            "Conv2D(4, 3, trainable=1)",
            "CW204",
            "Expected `trainable` to be a boolean. Received: trainable=1 (of type <class 'int'>)",
            "True or False",
        ),
        ("Conv2D(4, 3, dtype='flaot32')", "CW207", "Cannot convert 'flaot32'", "did you mean 'float32'?"),
        (
            "Dense(10.0)",
            "CW204",
            "Received an invalid value for `units`, expected a positive integer. Received: units=10.0",
            "write 10, not 10.0",
        ),
        ("Dropout(30)", "CW201", "Received: rate=30", "write 0.3"),
        ("RepeatVector(2.0)", "CW204", "Expected an integer value for `n`, got <class 'float'>.", "write 2"),
        ("Cropping2D(-1)", "CW201", "`cropping` cannot be negative. Received: cropping=-1.", "ZeroPadding2D(1)"),
        ("Resizing(7, 8, 'magic')", "CW207", "Received: interpolation=magic", "bilinear"),
        ("GroupNormalization(0)", "CW201", "Received: groups=0", "-1"),
        ("LeakyReLU(-1)", "CW201", "Received: negative_slope=-1", "0 or more"),
    ],
)
def test_refusals_quote_keras_and_say_what_to_do(text: str, code: str, quote: str, hint: str):
    error = refused(text)
    assert type(error) is Refusal
    assert error.code == code
    assert quote in error.quote
    assert hint in error.hint
    assert "Keras" in error.place


def test_the_name_of_the_layer_is_in_its_message():
    assert refused("Conv2D(4, 0, name='stem')").message == "'stem' (Keras Conv2D): kernel_size=0: at least 1 is needed"


def test_what_keras_runs_and_nobody_means_is_our_own_error():
    for text in (
        "Conv2D(4, True)",
        "MaxPooling2D((2.0, 2))",
        "Reshape((True, -1))",
        "CenterCrop(0, 3)",
        "Softmax(None)",
    ):
        error = refused(text)
        assert (type(error), error.code, error.quote) == (ShapeError, "CW210", ""), text


def test_foreign_words_are_translated():
    assert "'strides'" in refused("Conv2D(4, 3, stride=2)").hint
    assert "'dilation_rate'" in refused("Conv2D(4, 3, dilation=2)").hint
    assert "'pool_size'" in refused("MaxPooling2D(kernel_size=2)").hint
    assert "'use_bias'" in refused("Conv2D(4, 3, bias=False)").hint
    assert "'padding'" in refused("Conv2D(4, 3, border_mode='same')").hint
    error = refused("Conv2D(4, 3, padding_mode='reflect')")
    assert (error.code, error.quote) == (
        "CW311",
        "Unrecognized keyword arguments passed to Conv2D: {'padding_mode': 'reflect'}",
    )


def test_names_that_are_no_layer_here():
    assert refused("LSTM(4)").code == "CW317"
    assert refused("Concatenate()").code == "CW317"
    assert refused("Input((3, 4))").code == "CW317"
    assert refused("ThresholdedReLU(1.0)").code == "CW208"
    assert refused("Conv2DD(4, 3)").hint == "did you mean Conv2D?"
    for kind in UNMODELLED | set(REMOVED):
        with pytest.raises(ConvwiseError):
            DIALECT.read(Call(kind), None)


def test_settings_that_change_the_weights_are_not_guessed():
    for text in (
        "Dense(4, lora_rank=2)",
        "Conv2D(4, 3, lora_rank=2)",
        "BatchNormalization(renorm=True)",
        "Conv2D(4, 3, activation='glu')",
    ):
        assert refused(text).code == "CW317", text


def test_releases_differ_as_measured():
    both = "DepthwiseConv2D(3, strides=2, dilation_rate=2)"
    assert read(both, "3.15").ops
    assert "Keras 3.15 takes both" in refused(both, "3.14").hint
    assert read("Conv2DTranspose(4, 3, strides=2, padding='same', output_padding=0)", "3.11.3").ops
    assert "value > 0" in refused("Conv2DTranspose(4, 3, strides=2, padding='same', output_padding=0)", "3.10").quote
    # The fifth positional argument was data_format before output_padding had a place.
    assert refused("Conv2DTranspose(4, 3, 2, 'same', 1)", "3.9").code == "CW207"
    assert read("Conv2DTranspose(4, 3, 2, 'same', 1)", "3.15").ops
    assert refused("AdaptiveAveragePooling2D(2)", "3.12").code == "CW208"
    assert refused("Conv2D(4, 3, activation='glu')", "3.5").code == "CW208"
    assert refused("ZeroPadding1D(1, data_format='channels_first')", "3.0").code == "CW305"
    assert refused("UpSampling2D(2, interpolation='area')", "3.5").code == "CW207"
    with pytest.raises(ArgumentError, match="CW603"):
        read("Conv2D(4, 3)", "2.15")


def test_unknown_values_stay_as_they_were_written():
    assert read("Conv2D(4, 3, activation=f(x))").call.kwargs == (
        ("activation", Call("f", (Unknown("x"),), (), "f(x)")),
    )


def test_padding_words_of_any_case_and_no_pads():
    assert read("Conv2D(4, 3, padding='VALID')").ops[0].windows[0].padding == NO_PADS
    assert read("MaxPooling2D(2, padding='Same')").ops[0].windows[0].padding == SAME_UPPER
