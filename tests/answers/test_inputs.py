"""Whether an input shape has a batch: told by the layers, by what the text declares, and guessed only where neither tells."""

from __future__ import annotations

import numpy as np
import pytest

import convwise as cw

FUNCTIONAL = "inputs = keras.Input(shape=(15, 3))\nx = Reshape((-1,))(inputs)\nx = RepeatVector(3)(x)\n"


def test_a_declared_input_tells_whether_a_given_shape_has_the_batch():
    assert cw.explain(FUNCTIONAL).output == (3, 45)
    assert cw.explain(FUNCTIONAL, (15, 3)).output == (3, 45)
    assert cw.explain(FUNCTIONAL, (2, 15, 3)).output == (2, 3, 45)
    assert cw.output_shape(FUNCTIONAL, (2, 15, 3)) == (2, 3, 45)
    flat = "model = Sequential([Flatten(input_shape=(9, 2)), Dense(19)])"
    assert cw.output_shape(flat, (4, 9, 2)) == (4, 19)
    assert cw.output_shape(flat, (9, 2)) == (19,)


def test_a_declared_input_of_four_sizes_is_one_sample():
    e = cw.explain("inputs = keras.Input(shape=(5, 8, 6, 2))\nx = Reshape((480,))(inputs)\nx = Dense(7)(x)\n")
    assert (e.input, e.output) == ((5, 8, 6, 2), (7,))
    assert e.findings == ()


def test_a_batch_inside_the_declared_shape_is_refused_as_keras_does():
    with pytest.raises(cw.ShapeError, match="5 axes where 4 are needed") as caught:
        cw.explain("inputs = keras.Input(shape=(1, 28, 28, 3))\nx = Conv2D(3, 3)(inputs)\n")
    assert "(None, 1, 28, 28, 3) must be (batch, height, width, channels)" in caught.value.detail


def test_a_given_shape_follows_the_layer_where_the_text_declares_another():
    assert cw.output_shape("SeparableConv1D(8, 5, input_shape=(8, 8, 3))", (9, 1)) == (5, 8)
    assert cw.output_shape("SeparableConv1D(8, 5, input_shape=(8, 8, 3))", (1, 9, 1)) == (1, 5, 8)


def test_a_guess_is_told():
    (note,) = cw.explain("Flatten()", (19, 2)).findings
    assert note.code == "CW509"
    assert note.text == "19 x 2 is read as one sample: a batch of unknown size is put before it."


@pytest.mark.parametrize("size", [True, 1.0])
def test_what_was_asked_before_changes_no_answer(size):
    text = "nn.Conv2d(1, 16, 3)"
    assert cw.output_shape(text, (1, 28, 28)) == (16, 26, 26)
    with pytest.raises(cw.ArgumentError, match=f"{size} in the shape is not an integer") as caught:
        cw.output_shape(text, (size, 28, 28))
    assert caught.value.code == "CW601"


CHAIN = "nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU())"
CLASS = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.c(x) + self.c(x)
"""
TAKERS = (
    lambda shape: cw.explain("nn.Conv2d(3, 16, 3)", shape).output,
    lambda shape: cw.output_shape("nn.Conv2d(3, 16, 3)", shape),
    lambda shape: cw.diff("nn.Conv2d(3, 16, 3)", "nn.Conv2d(3, 16, 3)", shape).a.output,
    lambda shape: cw.read(CHAIN).trace(shape).outputs["output"],
    lambda shape: cw.read(CHAIN).trace({"input": shape}).outputs["output"],
    lambda shape: cw.read(CHAIN).check(shape) or (1, 16, 26, 26),
    lambda shape: cw.read(CHAIN, input_shape=shape).trace().outputs["output"],
    lambda shape: (1, 16, *cw.read(CLASS, input_shape=shape).trace().rows[-1].output[2:]),
)


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(
    "shape", [(1, 3, 28, 28), [1, 3, 28, 28], "1x3x28x28", (np.int64(1), 3, 28, 28), np.array([1, 3, 28, 28])]
)
def test_every_answer_takes_a_shape_in_every_form(take, shape):
    assert take(shape) == (1, 16, 26, 26)


@pytest.mark.parametrize("take", TAKERS)
@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (np.zeros((1, 3, 28, 28)), "pass x.shape, which is (1, 3, 28, 28) here"),
        (np.zeros(9), "pass x.shape, which is (9,) here"),
        (350, "a tuple of integers, not 350"),
        (np.array(350), "a tuple of integers, not array(350)"),
        (b"3x8x8", "a tuple of integers, not b'3x8x8'"),
        ({3, 28}, "a tuple of integers, not {"),
        ((1, 3, 28.5, 28), "28.5 in the shape is not an integer"),
    ],
)
def test_what_is_no_shape_is_told_what_to_pass(take, shape, words):
    with pytest.raises(cw.ArgumentError) as caught:
        take(shape)
    assert caught.value.code == "CW601"
    assert words in str(caught.value)


def test_a_tensor_is_told_to_pass_its_shape():
    class Tensor:
        """As a framework's tensor: it has a shape, and cannot be asked whether it is true."""

        shape = (1, 3, 28, 28)

        def __iter__(self):
            yield self

        def __bool__(self):
            raise RuntimeError("ambiguous")

    for take in TAKERS:
        with pytest.raises(cw.ArgumentError, match=r"x.shape, which is \(1, 3, 28, 28\) here"):
            take(Tensor())


def test_numpy_sizes_are_wanted_like_pythons():
    for want in ((np.int64(13), 13), np.int64(13)):
        assert cw.explain("nn.Conv2d(3, 16, 3)", (3, 28, 28), want=want).fixes
    assert cw.solve(np.int64(28), np.int64(14)) == cw.solve(28, 14)
    with pytest.raises(cw.ArgumentError, match="a wanted size is a positive integer"):
        cw.explain("nn.Conv2d(3, 16, 3)", (3, 28, 28), want=(True, 13))
