"""Messages of losses, single layers and tensors beside a model, each printed by the framework; and the ways out that are told do work."""

from __future__ import annotations

import re

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle


def told(error: BaseException) -> cw.Explanation:
    return cw.explain(f"{type(error).__name__}: {error}")


def test_what_pytorch_prints_of_targets_and_tensors() -> None:
    import torch
    from torch import nn
    from torch.nn import functional as F

    zeros = torch.zeros

    def numbers(*shape: int) -> torch.Tensor:
        return torch.zeros(shape).long()

    up = nn.ConvTranspose2d(4, 4, 3, stride=2)
    cases = {
        "more than one value a channel, and 1 x 64 has one": lambda: nn.BatchNorm1d(64)(zeros(1, 64)),
        "more than one value a channel, and 1 x 8 x 1 x 1 has one": lambda: nn.BatchNorm2d(8)(zeros(1, 8, 1, 1)),
        "more than one value a channel, and 1 x 6 x 1 x 1 has one": lambda: nn.GroupNorm(6, 6)(zeros(1, 6, 1, 1)),
        "more than one cell a sample, and 2 x 8 x 1 x 1 has one": lambda: nn.InstanceNorm2d(8)(zeros(2, 8, 1, 1)),
        "one class number for each sample, and the targets have": lambda: nn.CrossEntropyLoss()(
            zeros(9, 7), numbers(9, 1)
        ),
        "targets of 3 axes (batch x height x width) and got 4": lambda: nn.CrossEntropyLoss()(
            zeros(2, 5, 9, 8), numbers(2, 1, 9, 8)
        ),
        "wants targets of 9 x 7, and they are 9 x 5": lambda: nn.CrossEntropyLoss()(zeros(9, 5, 7), numbers(9, 5)),
        "wants targets of 9 x 7, and they are 9.": lambda: nn.CrossEntropyLoss()(zeros(9, 5, 7), numbers(9)),
        "3 x 9 x 10 and 3 x 9 x 11": lambda: torch.stack([zeros(3, 9, 10), zeros(3, 9, 11)]),
        "a tensor of 1 x 9 x 8 would make 3 x 9 x 8 of it": lambda: zeros(1, 9, 8).sub_(zeros(3, 1, 1)),
        "Tensors of 3 and of 2 axes": lambda: torch.cat([zeros(2, 3, 4), zeros(2, 3)], 1),
        "32 columns of the first, 48 rows of the second": lambda: torch.bmm(zeros(2, 10, 32), zeros(2, 48, 7)),
        "2 and 3 of them": lambda: torch.bmm(zeros(2, 10, 32), zeros(3, 32, 7)),
        "294 numbers cannot be laid out as 8 x 7 x 7": lambda: nn.Unflatten(1, (8, 7, 7))(zeros(3, 294)),
        "Axis 1 is repeated to 5 cells, and it has 3": lambda: zeros(3, 4).expand(2, 5, 4),
        "recurrent layer has 8 features; its weights are made for 10": lambda: nn.LSTM(10, 20)(zeros(2, 5, 8)),
        "asks for 20 x 21, and of 5 x 6 this layer makes 11 x 13 to 12 x 14": lambda: up(
            zeros(1, 4, 5, 6), output_size=(20, 21)
        ),
        "3 is not, with stride 2 and dilation 1 (width)": lambda: nn.ConvTranspose2d(
            6, 4, 3, stride=(4, 2), output_padding=3
        )(zeros(1, 6, 4, 5)),
        "2 is not, with stride 2 and dilation 1 (width)": lambda: nn.ConvTranspose1d(
            6, 4, 3, stride=2, output_padding=2
        )(zeros(1, 6, 5)),
        "Of 1 x 2 cells the transposed convolution makes -2 x -1": lambda: nn.ConvTranspose2d(4, 4, 2, padding=2)(
            zeros(1, 4, 1, 2)
        ),
        "mode='bilinear' takes 4 axes, batch and channels among them, and got 3": lambda: F.interpolate(
            zeros(3, 9, 8), scale_factor=2, mode="bilinear"
        ),
    }
    for words, run in cases.items():
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)) as caught:
            run()
        assert words in told(caught.value).headline, str(caught.value)
    # The ways out.
    nn.BatchNorm1d(64).eval()(zeros(1, 64))
    nn.CrossEntropyLoss()(zeros(9, 7), numbers(9, 1).squeeze(1))
    nn.CrossEntropyLoss()(zeros(2, 5, 9, 8), numbers(2, 1, 9, 8).squeeze(1))
    nn.CrossEntropyLoss()(zeros(9, 5, 7).permute(0, 2, 1), numbers(9, 5))
    nn.Unflatten(1, (6, 7, 7))(zeros(3, 294))
    assert up(zeros(1, 4, 5, 6), output_size=(12, 14)).shape[2:] == (12, 14)
    F.interpolate(zeros(3, 9, 8)[None], scale_factor=2, mode="bilinear")
    F.interpolate(zeros(3, 9, 8), scale_factor=2, mode="linear")


def test_a_loss_of_pytorch_is_known_by_its_traceback() -> None:
    import traceback

    import torch
    from torch import nn

    for loss in (nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.HuberLoss()):
        with pytest.warns(UserWarning, match="target size"), pytest.raises(RuntimeError) as caught:
            loss(torch.zeros(8, 1, 25, 27), torch.zeros(8, 1, 25, 28))
        text = "".join(traceback.format_exception(caught.value))
        assert cw.explain(text).headline == "The loss compares outputs and targets whose axis 3 differs: 27 and 28."


def test_a_view_of_rows_is_no_missing_flatten() -> None:
    import torch
    from torch import nn

    for rows, have, need, out in ((64, 3136, 12544, 128), (8, 256, 1024, 32)):
        x = torch.zeros(rows, have)
        with pytest.raises(RuntimeError) as caught:
            nn.Linear(need, out)(x)
        assert x.flatten(1).shape == x.shape
        assert [fix.code for fix in told(caught.value).fixes] == [f"nn.Linear({have}, {out})"]
    maps = torch.zeros(4, 32, 7, 7)
    with pytest.raises(RuntimeError) as caught:
        nn.Linear(1568, 10)(maps)
    assert told(caught.value).fixes[0].code == "x.flatten(1)"
    assert nn.Linear(1568, 10)(maps.flatten(1)).shape == (*told(caught.value).fixes[0].output[:1], 10)


def test_what_a_generator_is_fed() -> None:
    import torch
    from torch import nn

    noise, first = torch.zeros(16, 100), nn.ConvTranspose2d(100, 8, 4)
    with pytest.raises(RuntimeError) as caught:
        first(noise)
    (fix,) = told(caught.value).fixes
    assert fix.code == "x[:, :, None, None]"
    assert tuple(noise[:, :, None, None].shape) == fix.output
    assert first(noise[:, :, None, None]).shape == (16, 8, 4, 4)


def test_what_keras_and_tensorflow_print() -> None:
    import keras
    import numpy as np
    import tensorflow as tf
    from keras import Input, Sequential, layers

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, "float32")

    cases = {
        "not both: strides=2 and dilation_rate=(2, 3)": lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=(2, 3))(
            Input((9, 10, 3))
        ),
        "a stride of 2 can give, and is less than it: 2 is not": lambda: layers.Conv2DTranspose(
            4, 3, strides=2, output_padding=2
        )(Input((9, 10, 3))),
        "440 numbers cannot be laid out as 10 x 40": lambda: tf.function(lambda x: tf.reshape(x, (10, 40)))(
            zeros(11, 40)
        ),
        "450 numbers cannot be laid out as 10 x 40": lambda: zeros(9, 50).reshape(10, 40),
        "11 x 40 cannot be laid out as rows of 30": lambda: layers.Reshape((-1, 30))(zeros(2, 11, 40)),
        "would have weights of ? x 10": lambda: Sequential(
            [Input((None, None, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)]
        ),
        "read in 3 groups, which do not divide the 16": lambda: tf.nn.conv2d(
            zeros(1, 8, 9, 9), zeros(3, 3, 3, 16), 1, "SAME"
        ),
        "14 + 15 cells are cut off": lambda: layers.Cropping2D(((14, 15), (14, 15)))(Input((28, 28, 1))),
        "3 + 4 cells are cut off an axis of ? x 7 x 2": lambda: layers.Cropping1D((3, 4))(Input((7, 2))),
        "Dot sums over axes that differ: 10 (axis 1) and 12 (axis 1)": lambda: layers.Dot(1)(
            [Input((10, 5)), Input((12, 5))]
        ),
        "Tensors of 3 and of 2 axes": lambda: tf.concat([zeros(1, 2, 3), zeros(1, 2)], 1),
        "one batch: 2 x 3 and 2 x 4": lambda: tf.stack([zeros(2, 3), zeros(2, 4)]),
        "at least 32 x 32, and input_shape is 28 x 30 x 3": lambda: keras.applications.ResNet50(
            weights=None, include_top=False, input_shape=(28, 30, 3)
        ),
        "the steps are missing": lambda: Sequential([Input((10, 8)), layers.LSTM(32), layers.LSTM(16)]),
        "made for ? x 90 and was given 5 x 9 x 10": lambda: Sequential([Input((90,)), layers.Dense(3)])(
            zeros(5, 9, 10)
        ),
        "maps differ: 15 and 29": lambda: layers.Add()([Input((15, 16, 8)), Input((29, 32, 4))]),
        "makes 8 channels, and output_shape asks for 4": lambda: tf.nn.conv2d_transpose(
            zeros(1, 4, 4, 8), zeros(3, 3, 8, 8), (1, 8, 8, 4), 2
        ),
    }
    for words, run in cases.items():
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError)) as caught:
            run()
        said = re.sub(r"\s*Arguments received by[\s\S]*", "", str(caught.value))
        assert words in cw.explain(f"{type(caught.value).__module__}.{type(caught.value).__name__}: {said}").headline, (
            said
        )
    # The ways out.
    Sequential([Input((10, 8)), layers.LSTM(32, return_sequences=True), layers.LSTM(16)])
    Sequential([Input((90,)), layers.Dense(3)])(zeros(5, 9, 10).reshape(-1, 90))
    layers.Add()([Input((15, 16, 8)), layers.Conv2D(8, 1, strides=2)(Input((29, 32, 4)))])
    filter_ = tf.transpose(zeros(3, 3, 8, 4), (0, 1, 3, 2))
    assert tf.nn.conv2d_transpose(zeros(1, 4, 4, 8), filter_, (1, 8, 8, 4), 2).shape == (1, 8, 8, 4)


def test_class_numbers_go_with_the_sparse_loss_or_as_rows() -> None:
    import keras
    import numpy as np

    def fit(loss: str, target: np.ndarray) -> None:
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(10, activation="softmax")])
        model.compile(loss=loss)
        model.fit(np.zeros((4, 6)), target, verbose=0)

    numbers = np.array([[0], [3], [9], [1]])
    with pytest.raises(ValueError, match="same shape") as caught:
        fit("categorical_crossentropy", numbers)
    lines = [line for fact in told(caught.value).facts if fact.label == "then" for line in fact.lines]
    assert "loss='sparse_categorical_crossentropy', or rows of 10 by keras.utils.to_categorical(y, 10)" in lines[0]
    fit("sparse_categorical_crossentropy", numbers)
    fit("categorical_crossentropy", keras.utils.to_categorical(numbers, 10))


@pytest.mark.parametrize("batch", [None, 5])
def test_inputs_that_are_found_make_pytorch_say_the_message_again(batch: int | None) -> None:
    """Random chains: what is told as `such as` gives the very numbers, its batch too, when the model is run on it."""
    import random

    import torch
    from torch import nn

    chosen = random.Random(11)
    said = 0
    for _ in range(120):
        a, b = chosen.choice([4, 8, 6]), chosen.choice([4, 8, 16])
        text = (
            f"nn.Sequential(nn.Conv2d(3, {a}, {chosen.choice([3, 5])}, padding={chosen.choice([0, 1])}), nn.ReLU(), "
            f"nn.MaxPool2d({chosen.choice([2, 3])}), nn.Conv2d({a}, {b}, 3, stride={chosen.choice([1, 2])}), "
            f"nn.Flatten(), nn.Linear({chosen.choice([100, 256, 400])}, 7))"
        )
        module = eval(text, {"nn": nn})
        sample = (3, chosen.randint(14, 40), chosen.randint(14, 40))
        try:
            module(torch.zeros((batch, *sample) if batch else sample))
        except RuntimeError as error:
            message = str(error)
        else:
            continue
        if "mat1" not in message:
            continue
        found = cw.explain(f"RuntimeError: {message}", model=text)
        where = " ".join(
            line for fact in found.facts if fact.label in ("its input", "in the model") for line in fact.lines
        )
        such = re.search(r"such as (?:input )?(\d+(?: x \d+)+)", where)
        assert such is not None, (text, message, where)
        with pytest.raises(RuntimeError) as again:
            module(torch.zeros(tuple(map(int, such.group(1).split(" x ")))))
        assert str(again.value) == message
        said += 1
    assert said > 60
