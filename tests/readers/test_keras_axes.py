"""Keras in a model's text: pieces that do not come out even, and layers that take one image without a batch (keras 3.15)."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.ops import Shape

MODEL = """
import keras
from keras import layers, ops
x = inp = keras.Input((16, 16, 3))
x = layers.Conv2D(8, 3)(x)
{rest}
model = keras.Model(inp, x)
"""


def test_equal_pieces_come_out_even() -> None:
    network = cw.read(MODEL.format(rest="x, y = ops.split(x, 2, axis=2)"))
    assert network.trace((1, 16, 16, 3)).rows[-1].output == (1, 14, 7, 8)
    with pytest.raises(cw.ShapeError, match="15 cells do not divide into 2 equal pieces"):
        network.trace((1, 16, 17, 3))
    legal = network.legal_sizes()
    assert str(legal["width"]) == "n >= 4 and n = 0 (mod 2)"
    assert legal.exact


@pytest.mark.parametrize(
    ("layer", "out"),
    [
        ("Resizing(12, 13)", (12, 13, 14)),
        ("CenterCrop(12, 3)", (12, 3, 14)),
        ("Resizing(12, 13, data_format='channels_first')", (1, 12, 13)),
    ],
)
def test_three_axes_are_one_image(layer: str, out: Shape) -> None:
    network = cw.read(MODEL.format(rest=f"x = layers.{layer}(ops.max(x, -1))"))
    assert network.trace((1, 16, 16, 3)).rows[-1].output == out
    assert str(network.legal_sizes()) == "height: n >= 3\nwidth: n >= 3"
    assert network.legal_sizes().exact
