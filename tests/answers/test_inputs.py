"""Whether an input shape has a batch: told by the layers, by what the text declares, and guessed only where neither tells."""

from __future__ import annotations

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
