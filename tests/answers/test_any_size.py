"""The rule for any size, where the window alone does not tell it."""

from __future__ import annotations

import pytest

import convwise as cw


@pytest.mark.parametrize(
    ("text", "shape", "rules"),
    [
        # ceil_mode in closed form, a stride beyond the kernel included
        ("nn.MaxPool2d(3, 2, ceil_mode=True)", (3, 9, 10), ["ceil((n - 1) / 2), n >= 2"] * 2),
        ("nn.MaxPool2d((3, 1), (4, 3), ceil_mode=True)", (3, 9, 10), ["ceil(n / 4)", "ceil(n / 3)"]),
        ("nn.AvgPool2d(3, 2, 1, ceil_mode=True)", (3, 9, 10), ["ceil((n + 1) / 2)"] * 2),
        # PyTorch's AvgPool3d does not count its padding when it asks whether the kernel fits
        ("nn.AvgPool3d((1, 3, 4), 1, (0, 1, 2))", (2, 5, 6, 7), ["n", "n, n >= 3", "n + 1, n >= 4"]),
        # a border made of data needs the data
        ("nn.Conv2d(3, 4, 3, padding=(2, 3), padding_mode='reflect')", (3, 9, 10), ["n + 2, n >= 3", "n + 4, n >= 4"]),
        ("nn.ReflectionPad2d((3, 1, 0, 2))", (3, 9, 10), ["n + 2, n >= 3", "n + 4, n >= 4"]),
        ("ZeroPadding2D(((1, 2), (0, 0)))", (9, 10, 3), ["n + 3", "n"]),
        ("Cropping2D(((1, 2), (0, 0)))", (9, 10, 3), ["n - 3, n >= 4", "n"]),
        ("nn.ConvTranspose2d(3, 4, 1, stride=2, padding=(2, 0))", (3, 9, 10), ["2 n - 5, n >= 3", "2 n - 1"]),
        ("nn.PixelShuffle(3)", (9, 5, 6), ["3 n"] * 2),
        ("nn.PixelUnshuffle(3)", (1, 9, 6), ["n / 3, n a multiple of 3"] * 2),
        ("nn.PixelShuffle(1)", (9, 5, 6), ["n"] * 2),
        ("nn.AdaptiveAvgPool2d((None, 4))", (9, 5, 6), ["n", "4"]),
    ],
)
def test_any_size(text, shape, rules):
    assert [axis.any_size for axis in cw.explain(text, shape).axes] == rules


def test_no_smaller_size_is_promised_than_the_layer_takes():
    facts = cw.explain("nn.AvgPool3d(2, (4, 3, 1), (0, 0, 1), True)", (2, 3, 3, 5)).axes
    assert [axis.preimage for axis in facts] == [(2, 4), (2, 3), (5, 5)]
    with pytest.raises(cw.ShapeError, match="the window spans 2 but only 1 cells exist") as caught:
        cw.explain("nn.AvgPool3d(2, (4, 3, 1), (0, 0, 1), True)", (2, 1, 3, 5))
    assert caught.value.detail == "PyTorch's AvgPool3d does not count the padding here"


def test_the_way_back_keeps_the_order_of_the_axes():
    e = cw.explain("SeparableConv1D(3, 2, strides=2, padding='same', data_format='channels_first')", (2, 6, 6))
    (back,) = e.undo
    assert back.code == "Conv1DTranspose(3, 2, strides=2, data_format='channels_first')"
    assert cw.output_shape(back.code, e.output) == (2, 3, 6)


def test_parameters_are_counted_as_the_framework_counts():
    """Running moments are weights in Keras and buffers in PyTorch."""
    torch = cw.explain("nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))", (2, 3, 9, 10))
    assert (torch.params, torch.trainable) == (112 + 8, 112 + 8)
    keras = cw.explain("Sequential([Conv2D(4, 3), BatchNormalization()])", (2, 9, 10, 3))
    assert (keras.params, keras.trainable) == (112 + 16, 112 + 8)


def test_an_input_of_too_few_axes_is_told_and_breaks_nothing():
    for shape in ((3, 7), (2,)):
        with pytest.raises(cw.ShapeError, match=f"{len(shape)} axes where 5 are needed|are needed"):
            cw.explain("Conv3D(3, 1, (3, 2, 2))", shape)


def test_the_way_back_has_an_output_padding_for_each_axis():
    e = cw.explain("Conv2D(4, (2, 3), strides=(2, 3), padding='same')", (7, 10, 3))
    (back,) = e.undo
    assert back.code == "Conv2DTranspose(4, (2, 3), strides=(2, 3), padding='same', output_padding=(1, 0))"
    assert cw.output_shape(back.code, e.output) == (7, 10, 4)
