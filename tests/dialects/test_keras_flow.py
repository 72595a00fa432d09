"""Shapes, parameters and operations of Keras layers, the published facts among them, and the shape on the way in."""

from __future__ import annotations

import pytest
from keras_text import parse

from convwise.dialects.keras import DIALECT
from convwise.errors import Refusal, ShapeError


def read(text: str):
    return DIALECT.read(parse(text), None)


def output(text: str, shape: tuple[int | None, ...]):
    """The output of a chain, in the form in which the input is given."""
    layers = [read(one) for one in text.split(" | ")]
    entered = DIALECT.enter(layers, shape)
    current = entered.shape
    for layer in layers:
        current = DIALECT.flow(layer, current).output
    return entered.leave(current)


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        ("Conv2D(32, (3, 3), strides=(2, 2), padding='valid')", (64, 64, 3), (31, 31, 32)),
        ("Conv2D(32, (3, 3), strides=(1, 1), padding='same')", (64, 64, 3), (64, 64, 32)),
        ("Conv2D(32, (7, 7), padding='valid')", (64, 64, 3), (58, 58, 32)),
        ("Conv2D(32, 3, strides=2, padding='valid') | Conv2D(64, 3, padding='same')", (28, 28, 3), (13, 13, 64)),
        ("Conv2D(16, 5, padding='same') | Conv2D(32, 3, padding='same')", (64, 64, 1), (64, 64, 32)),
        ("Conv2D(8, 3, strides=4, padding='valid') | Conv2D(16, 3, padding='same')", (2, 128, 128, 3), (2, 32, 32, 16)),
        ("Conv2D(32, 3, strides=1, padding='same')", (65, 65, 3), (65, 65, 32)),
        ("Conv2D(32, 3, strides=2, padding='same')", (65, 65, 3), (33, 33, 32)),
        ("Conv2D(32, 3, strides=2, padding='same')", (64, 64, 3), (32, 32, 32)),
        ("Conv2D(32, 3, padding='valid')", (8, 10, 3), (6, 8, 32)),
        ("Conv2D(32, 3, padding='valid')", (5, 5, 3), (3, 3, 32)),
        ("Conv2D(32, 3, strides=2, padding='valid')", (11, 12, 3), (5, 5, 32)),
        # Keras's output_padding=None is not 0.
        ("Conv1DTranspose(1, 2, strides=3)", (5, 1), (15, 1)),
        ("Conv1DTranspose(1, 2, strides=3, output_padding=0)", (5, 1), (14, 1)),
        ("Conv1DTranspose(1, 3, strides=2, padding='same')", (5, 1), (10, 1)),
        ("Conv1DTranspose(1, 3, strides=2, padding='same', output_padding=0)", (5, 1), (9, 1)),
        ("Conv2DTranspose(4, (3, 2), strides=(2, 3), padding='same')", (9, 10, 3), (18, 30, 4)),
        # Dumoulin & Visin, those that Keras can say.
        ("Conv1D(1, 3)", (4, 1), (2, 1)),
        ("Conv1D(1, 3, padding='same')", (5, 1), (5, 1)),
        ("Conv1D(1, 3, strides=2)", (5, 1), (2, 1)),
        ("ZeroPadding1D(2) | Conv1D(1, 4)", (5, 1), (6, 1)),
        ("ZeroPadding1D(1) | Conv1D(1, 3, strides=2)", (6, 1), (3, 1)),
        ("Conv1D(1, 3, dilation_rate=2)", (7, 1), (3, 1)),
        ("Conv1DTranspose(1, 3)", (2, 1), (4, 1)),
        ("Conv1DTranspose(1, 3, strides=2)", (2, 1), (5, 1)),
        # The rest of the house, asymmetric on purpose.
        ("Conv3D(4, (3, 2, 1), strides=(2, 1, 3))", (9, 10, 8, 3), (4, 9, 3, 4)),
        ("Conv2D(4, (3, 5), data_format='channels_first')", (3, 9, 10), (4, 7, 6)),
        ("DepthwiseConv2D(3, strides=(1, 2), depth_multiplier=2)", (9, 10, 3), (7, 4, 6)),
        ("SeparableConv1D(5, 3, strides=2, dilation_rate=2, padding='same')", (9, 3), (5, 5)),
        ("MaxPooling2D((2, 3), strides=(3, 1))", (9, 10, 3), (3, 8, 3)),
        ("AveragePooling3D(2, padding='same')", (5, 6, 7, 3), (3, 3, 4, 3)),
        ("GlobalMaxPooling2D(data_format='channels_first')", (3, 9, 10), (3,)),
        ("AdaptiveAveragePooling2D((2, 3))", (9, 10, 3), (2, 3, 3)),
        ("ZeroPadding2D(((1, 2), (3, 4)))", (9, 10, 3), (12, 17, 3)),
        ("Cropping2D(((1, 2), (0, 3)))", (9, 10, 3), (6, 7, 3)),
        ("UpSampling2D((2, 3))", (9, 10, 3), (18, 30, 3)),
        ("Resizing(7, 8)", (9, 10, 3), (7, 8, 3)),
        ("CenterCrop(4, 12)", (9, 10, 3), (4, 12, 3)),
        ("Flatten() | Dense(5)", (9, 10, 3), (5,)),
        ("Permute((3, 1, 2))", (9, 10, 3), (3, 9, 10)),
        ("Reshape((-1, 6))", (9, 10, 3), (45, 6)),
        ("Dense(4) | RepeatVector(3)", (7,), (3, 4)),
        ("Flatten()", (None, 10, 3), (None,)),
        ("Conv2D(4, 3, padding='same')", (None, None, 3), (None, None, 4)),
    ],
)
def test_shapes(text: str, shape, expected):
    assert output(text, shape) == expected


@pytest.mark.parametrize(
    ("text", "shape", "params", "trainable"),
    [
        ("Conv2D(32, 3)", (1, 8, 8, 3), 896, 896),
        ("Conv2D(6, (3, 2), groups=3, use_bias=False)", (1, 8, 8, 3), 36, 36),
        ("DepthwiseConv2D(3, depth_multiplier=2)", (1, 8, 8, 3), 60, 60),
        ("SeparableConv2D(4, 3)", (1, 8, 8, 3), 43, 43),
        ("Conv2DTranspose(4, 3)", (1, 8, 8, 3), 112, 112),
        ("Dense(5)", (1, 7), 40, 40),
        ("BatchNormalization()", (1, 8, 8, 6), 24, 12),
        ("LayerNormalization(axis=(1, 2))", (1, 4, 5, 6), 40, 40),
        ("GroupNormalization(2, axis=1)", (1, 4, 5, 6), 8, 8),
        ("RMSNormalization()", (1, 4, 5, 6), 6, 6),
        ("UnitNormalization()", (1, 4, 5, 6), 0, 0),
        ("PReLU()", (2, 4, 5, 6), 120, 120),
        ("PReLU(shared_axes=[1, 2])", (2, 4, 5, 6), 6, 6),
        ("Conv2D(4, 3, activation=PReLU())", (2, 7, 8, 3), 112 + 120, 112 + 120),
    ],
)
def test_parameters(text: str, shape, params: int, trainable: int):
    found = DIALECT.flow(read(text), shape)
    assert (found.params, found.trainable) == (params, trainable)


def test_operations_are_counted_exactly():
    assert DIALECT.flow(read("Conv2D(32, (3, 3), strides=(2, 2))"), (None, 64, 64, 3)).macs == 830_304
    assert DIALECT.flow(read("SeparableConv2D(4, 3)"), (1, 8, 8, 3)).macs == 36 * 27 + 36 * 12


def test_same_padding_puts_the_odd_cell_at_the_end():
    axis = DIALECT.flow(read("Conv2D(8, 3, strides=2, padding='same')"), (None, 64, 65, 3)).axes
    assert [(one.axis.pad_low, one.axis.pad_high) for one in axis] == [(0, 1), (1, 1)]


def test_a_stride_wider_than_the_window_leaves_rows_unread():
    axis = DIALECT.flow(read("Conv2D(8, 3, strides=4)"), (None, 128, 128, 3)).axes[0].axis
    assert axis.unread_data == 32
    assert list(axis.unread_cells())[:2] == [3, 7]


def test_keras_words_for_a_window_that_does_not_fit():
    with pytest.raises(ShapeError) as caught:
        DIALECT.flow(read("Conv2D(32, 3, padding='valid', name='last')"), (None, 2, 2, 3))
    error = caught.value
    assert error.message == "height and width of 'last' (Keras Conv2D): the window spans 3 but only 2 cells exist"
    assert error.quote == (
        "Computed output size would be zero or negative. Received `inputs shape=(None, 2, 2, 3)`, "
        "`kernel shape=(3, 3, 3, 32)`, `dilation_rate=[1 1]`, `strides=(1, 1)`, `padding=valid`."
    )


def test_keras_words_for_channels_that_do_not_divide():
    with pytest.raises(ShapeError) as caught:
        DIALECT.flow(read("Conv2D(4, 3, groups=2)"), (2, 7, 8, 3))
    assert caught.value.code == "CW105"
    assert "Received groups=2, but the input has 3 channels (full input shape is (2, 7, 8, 3))." in caught.value.quote


@pytest.mark.parametrize(
    ("text", "shape", "seen", "added", "codes"),
    [
        ("Conv2D(4, 3)", (64, 48, 3), (None, 64, 48, 3), True, []),
        ("Conv2D(4, 3)", (2, 64, 48, 3), (2, 64, 48, 3), False, []),
        ("Conv1D(4, 3)", (64, 3), (None, 64, 3), True, []),
        ("BatchNormalization() | ReLU() | Conv2D(4, 3)", (64, 48, 3), (None, 64, 48, 3), True, []),
        ("Dense(4) | MaxPooling3D(2)", (4, 5, 6, 3), (None, 4, 5, 6, 3), True, []),
        ("Dense(4)", (7,), (None, 7), True, ["CW509"]),
        ("Flatten()", (9, 10, 3), (None, 9, 10, 3), True, ["CW509"]),
        ("Flatten() | Dense(4)", (2, 9, 10, 3), (2, 9, 10, 3), False, ["CW509"]),
        ("Flatten() | Conv1D(4, 3)", (9, 10, 3), (None, 9, 10, 3), True, ["CW509"]),
        ("Conv2D(4, 3)", (3, 224, 224), (None, 3, 224, 224), True, ["CW508"]),
        ("Conv2D(4, 3)", (1, 3, 224, 224), (1, 3, 224, 224), False, ["CW508"]),
        ("Conv2D(4, 3, data_format='channels_first')", (3, 224, 224), (None, 3, 224, 224), True, []),
        ("Conv2D(4, 3)", (3, 64, 4), (None, 3, 64, 4), True, []),
        ("Conv2D(4, 3)", (None, None, 3), (None, None, None, 3), True, []),
        ("Resizing(7, 8)", (9, 10, 3), (None, 9, 10, 3), True, []),
        ("Permute((2, 1))", (9, 10), (None, 9, 10), True, []),
    ],
)
def test_who_decides_about_the_batch(text: str, shape, seen, added: bool, codes: list[str]):
    entered = DIALECT.enter([read(one) for one in text.split(" | ")], shape)
    assert (entered.shape, entered.added, [note.code for note in entered.notes]) == (seen, added, codes)


def test_the_order_of_pytorch_is_told():
    note = DIALECT.enter([read("Conv2D(4, 3)")], (3, 224, 200)).notes[0]
    assert "Did you mean 224 x 200 x 3" in note.text


def test_a_negative_size_is_refused_at_the_door():
    with pytest.raises(ShapeError) as caught:
        DIALECT.enter([read("Conv2D(4, 3)")], (-8, 8, 3))
    assert caught.value.code == "CW103"
    assert caught.value.quote == "Cannot convert '(-8, 8, 3)' to a shape. Negative dimensions are not allowed."


def test_one_image_without_a_batch_is_taken_by_the_layers_that_take_it():
    assert DIALECT.flow(read("Resizing(7, 8)"), (9, 10, 3)).output == (7, 8, 3)
    assert DIALECT.flow(read("Flatten()"), (4,)).output == (4, 1)


def test_scales_that_do_not_line_up():
    assert DIALECT.flow(read("Rescaling((1, 2, 3))"), (1, 4, 5, 3)).output == (1, 4, 5, 3)
    with pytest.raises(ShapeError, match="scale has 3 numbers, the input has 2 channels"):
        DIALECT.flow(read("Rescaling((1, 2, 3))"), (1, 4, 5, 2))
    with pytest.raises(ShapeError, match="do not line up"):
        DIALECT.flow(read("RMSNormalization(axis=1)"), (1, 4, 5, 2))


AUGMENTATION = (
    "RandomFlip()",
    "RandomRotation(0.1)",
    "RandomZoom(-0.2)",
    "RandomTranslation(0.1, 0.2)",
    "RandomContrast(0.2)",
)


@pytest.mark.parametrize("text", [*AUGMENTATION, "RandomBrightness((-0.1, 0.2))"])
def test_augmentation_leaves_images_their_size(text: str):
    for shape in ((2, 9, 10, 3), (9, 10, 3), (None, None, None, 3)):
        assert DIALECT.flow(read(text), shape).output == shape
    with pytest.raises(ShapeError, match="5 axes where 4 are needed"):
        DIALECT.flow(read(text), (2, 5, 9, 10, 3))


@pytest.mark.parametrize(
    "text", ["RandomRotation(2)", "RandomZoom(-1)", "RandomContrast(-0.1)", "RandomTranslation(0.1, (0.1,))"]
)
def test_factors_of_augmentation_have_a_range(text: str):
    with pytest.raises(Refusal, match="is not in range") as caught:
        read(text)
    assert caught.value.quote == "should be a number (or a list of two numbers) in the range"
