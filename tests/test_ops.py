"""Ops without a framework: sizes, counts and refusals, on asymmetric shapes in one, two and three axes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from convwise.axis import SAME_UPPER, Pads, Window
from convwise.errors import ShapeError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Fold,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
    Unflatten,
    Unfold,
)

FIRST, LAST = Layout(), Layout(channels_last=True)
W, H = Window(3, 2, 1, Pads(0, 1)), Window(4, 1, 2, Pads(1, 2))


@pytest.mark.parametrize(
    ("op", "shape", "output", "params", "macs"),
    [
        (Conv((H, W), 6, 8), (5, 6, 9, 10), (5, 8, 6, 5), 8 * 6 * 12 + 8, 5 * 6 * 5 * 8 * 6 * 12),
        (Conv((H, W), 6, 8, groups=2, bias=False), (1, 6, 9, 10), (1, 8, 6, 5), 8 * 3 * 12, 6 * 5 * 8 * 3 * 12),
        (Conv((H, W), None, None, None, multiplier=2), (1, 6, 9, 10), (1, 12, 6, 5), 12 * 12 + 12, 6 * 5 * 12 * 12),
        (Conv((W,), 3, 4), (2, 3, 10), (2, 4, 5), 4 * 9 + 4, 2 * 5 * 4 * 9),
        (ConvTranspose((W, H), 6, 4, 2, True, (1, 0)), (1, 6, 5, 6), (1, 4, 11, 9), 6 * 2 * 12 + 4, 30 * 6 * 2 * 12),
        (Pool("max", (H, W)), (1, 3, 9, 10), (1, 3, 6, 5), 0, 0),
        (GlobalPool("average", 2), (2, 3, 9, 10), (2, 3), 0, 0),
        (GlobalPool("max", 2, keep_dims=True), (2, 3, 9, 10), (2, 3, 1, 1), 0, 0),
        (AdaptivePool("average", (7, None)), (2, 3, 9, 10), (2, 3, 7, 10), 0, 0),
        (Pad((Pads(1, 2), Pads(-1, 3))), (1, 3, 9, 10), (1, 3, 12, 12), 0, 0),
        (Crop((Pads(1, 2), Pads(0, 3))), (1, 3, 9, 10), (1, 3, 6, 7), 0, 0),
        (Resize(scales=(Fraction(2), Fraction(1, 3))), (1, 3, 9, 10), (1, 3, 18, 3), 0, 0),
        (PixelShuffle(2), (1, 12, 9, 10), (1, 3, 18, 20), 0, 0),
        (PixelShuffle(3, inverse=True), (1, 2, 9, 12), (1, 18, 3, 4), 0, 0),
        (Unfold((W, Window(2))), (1, 3, 9, 10), (1, 18, 36), 0, 0),
        (Fold((9, 10), (W, Window(2))), (1, 18, 36), (1, 3, 9, 10), 0, 0),
        (Flatten(), (2, 3, 9, 10), (2, 270), 0, 0),
        (Flatten(2, 3), (2, 3, 9, 10), (2, 3, 90), 0, 0),
        (Reshape((-1, 15)), (2, 9, 10), (2, 6, 15), 0, 0),
        (Unflatten(1, (3, -1)), (2, 12, 5), (2, 3, 4, 5), 0, 0),
        (Permute((0, 2, 1)), (2, 9, 10), (2, 10, 9), 0, 0),
        (Dense(None, 7), (2, 5, 3), (2, 5, 7), 28, 2 * 5 * 21),
        (Norm("batch", None, moments=True), (2, 6, 9, 10), (2, 6, 9, 10), 24, 0),
        (Pointwise("relu"), (2, 3), (2, 3), 0, 0),
    ],
)
def test_output_parameters_and_macs(op: Op, shape: Shape, output: Shape, params: int, macs: int) -> None:
    flow = op.flow(shape, FIRST)
    assert (flow.output, flow.params, flow.macs) == (output, params, macs)


def test_channels_last_is_the_same_layer_on_moved_axes() -> None:
    op = Conv((H, W), None, 8)
    assert op.flow((2, 9, 10, 6), LAST).output == (2, 6, 5, 8)
    assert op.flow((9, 10, 6), Layout(True, batched=False)).output == (6, 5, 8)
    assert op.flow((2, 9, 10, 6), LAST).params == op.flow((2, 6, 9, 10), FIRST).params


def test_unknown_sizes_flow_through() -> None:
    flow = Conv((H, Window(3, 2, 1, SAME_UPPER)), None, 8).flow((None, None, 10, 6), LAST)
    assert flow.output == (None, None, 5, 8)
    assert (flow.params, flow.macs) == (6 * 12 * 8 + 8 - 0, None)
    assert Conv((W,), None, 8).flow((None, 10, None), LAST).params is None
    assert Flatten().flow((None, None, 8), LAST).output == (None, None)


def test_macs_without_a_known_batch_count_one_sample() -> None:
    op = Conv((H, W), 6, 8)
    assert op.flow((None, 6, 9, 10), FIRST).macs == op.flow((1, 6, 9, 10), FIRST).macs


def test_batch_norm_has_numbers_that_training_does_not_change() -> None:
    flow = Norm("batch", 6, moments=True).flow((2, 6, 9), FIRST)
    assert (flow.params, flow.trainable) == (24, 12)


@pytest.mark.parametrize(
    ("op", "shape", "code", "words"),
    [
        (Conv((Window(3), Window(7)), 6, 8), (1, 6, 9, 5), "CW104", "width: the window spans 7 but only 5 cells exist"),
        (Conv((Window(7), Window(7)), 6, 8), (1, 6, 5, 5), "CW104", "height and width: the window spans 7"),
        (Conv((Window(4, 1, 2),), 6, 8), (1, 6, 5), "CW104", r"span = dilation 2 x \(kernel 4 - 1\) \+ 1 = 7"),
        (Conv((H, W), 6, 8), (1, 5, 9, 10), "CW102", "channels: the layer takes 6 channels, the input has 5"),
        (Conv((H, W), None, 8, groups=4), (1, 6, 9, 10), "CW105", "6 input channels do not divide into 4 groups"),
        (Conv((H, W), 6, 8), (6, 9, 10), "CW101", "3 axes where 4 are needed"),
        (Conv((H, W), 1, 2**62), (1, 1, 9, 10), "CW107", "more than 2[*][*]63 - 1"),
        (
            Conv((Window(3, padding=Pads(9, 9)),), 2, 2, padding_mode="reflect"),
            (1, 2, 9),
            "CW108",
            "reflect padding of 9",
        ),
        (ConvTranspose((Window(2, padding=Pads(3, 3)),), 2, 2), (1, 2, 5), "CW104", "the output would be 0"),
        (GlobalPool("average", 2), (1, 3, 0, 5), "CW103", "height: the size is 0: there is nothing to pool"),
        (AdaptivePool("max", (2**40, 2**40)), (1, 3, 9, 10), "CW107", "more than 2[*][*]63 - 1"),
        (Crop((Pads(5, 4), Pads())), (1, 3, 9, 10), "CW104", "height: cutting 9 of 9 cells leaves nothing"),
        (PixelShuffle(2), (1, 6, 9, 10), "CW105", r"6 channels are not a multiple of 2\^2 = 4"),
        (PixelShuffle(2, inverse=True), (1, 6, 9, 10), "CW105", "height: 9 is not a multiple of 2"),
        (Reshape((5, 5)), (1, 9, 10), "CW106", r"90 elements do not fit into 5 x 5"),
        (Reshape((-1, 7)), (1, 9, 10), "CW106", r"9 x 10 = 90, not a multiple of 7"),
        (Permute((0, 2, 2)), (1, 9, 10), "CW101", r"\(0, 2, 2\) does not order the 3 axes"),
        (Flatten(3), (1, 9, 10), "CW101", "there is no axis 3 in a shape of 3 axes"),
        (Fold((9, 10), (W, Window(2))), (1, 18, 35), "CW106", "35 columns, but 9 x 10 has 36 windows"),
        (Dense(1050, 10), (2, 1568), "CW109", "features: the layer takes 1050 features, the input has 1568"),
        (Norm("group", 6, groups=4), (1, 6, 9), "CW105", "6 channels do not divide into 4 groups"),
        (Resize(scales=(Fraction(1, 16),)), (1, 3, 9), "CW103", "resizing 9 cells gives 0"),
    ],
)
def test_what_does_not_work_says_so_with_numbers(op: Op, shape: Shape, code: str, words: str) -> None:
    with pytest.raises(ShapeError, match=words) as caught:
        op.flow(shape, FIRST)
    assert caught.value.code == code
