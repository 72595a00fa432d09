"""`set_image_data_format` holds for the Keras layers that are made after it and do not say theirs."""

from __future__ import annotations

import pytest

import convwise as cw

SET = "from tensorflow.keras import backend as K\nK.set_image_data_format('channels_first')\n"

MODELS = [
    (
        "Input((3, 9, 10)), Conv2D(4, 3), UpSampling2D(2), ZeroPadding2D(1), SeparableConv2D(6, 3), GlobalAveragePooling2D()",
        (6,),
    ),
    ("Input((3, 9, 10)), Conv2D(4, 3), MaxPooling2D()", (4, 3, 4)),
    ("Input((3, 9)), Conv1D(4, 3), MaxPooling1D(2), Cropping1D(1)", (2, 3)),
    ("Input((3, 9, 10)), DepthwiseConv2D(3), SpatialDropout2D(.5), Cropping2D(1), AveragePooling2D(2)", (3, 2, 3)),
    ("Input((3, 9, 10)), Conv2D(4, 3, data_format='channels_last')", (1, 7, 4)),
    ("Input((3, 9, 10)), MaxPooling2D(2, 2, 'valid', 'channels_last')", (1, 4, 10)),
]
"""Run in Keras 3.15: the test of the oracle asks again."""


@pytest.mark.parametrize(("layers", "output"), MODELS)
def test_the_format_that_is_set_holds(layers: str, output: tuple[int, ...]) -> None:
    text = f"model = Sequential([{layers}])\n"
    assert cw.explain(SET + text).output == output
    assert cw.read(SET + text).trace().rows[-1].output == (None, *output)


def test_the_format_can_be_set_back_and_asked_for() -> None:
    text = "model = Sequential([Input((9, 10, 3)), Conv2D(4, 3)])\n"
    assert cw.explain(SET + "K.set_image_data_format('channels_last')\n" + text).output == (7, 8, 4)
    asked = "s = (3, 9, 10) if K.image_data_format() == 'channels_first' else (9, 10, 3)\nm = Sequential([Input(s), Conv2D(4, 3)])\n"
    assert cw.explain(SET + asked).output == (4, 7, 8)
    assert cw.explain(asked).output == (7, 8, 4)
