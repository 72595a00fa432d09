"""Numbers that a text computes or names: infinities, what is not a number, and the length of an array."""

from __future__ import annotations

import pytest

import convwise as cw


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nn.Conv2d(3, 4, 3, stride=float('nan'))", "stride is nan, not an integer"),
        ("nn.Conv2d(3, 4, float(' Inf '))", "kernel_size is inf, not an integer"),
        ("nn.Upsample(scale_factor=float('inf'))", "scale_factor is inf"),
        ("Conv2D(4, 3, strides=float('-inf'))", "strides=-inf is not an integer or a tuple of 2 integers"),
        ("Dense(float('nan'))", "units=nan is not a positive integer"),
        ("Dropout(float('nan'))", "rate=nan is not between 0 and 1"),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_the_layer(text, message):
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.explain(text, (3, 8, 8) if text.startswith("nn") else (8, 8, 3))
    assert message in caught.value.message
    assert '"nan"' not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    "value",
    ["int(float('nan'))", "round(float('inf'))", "math.floor(float('inf'))", "math.ceil(float('nan'))", "int(1e999)"],
)
def test_rounding_what_is_not_finite_is_a_value_not_known(value):
    with pytest.raises(cw.CodeError, match="the value of 'kernel_size' is not in the text") as caught:
        cw.explain(f"import math\nnn.Conv2d(3, 4, {value})", (3, 8, 8))
    assert caught.value.code == "CW314"


def test_the_length_of_an_array_is_its_first_size():
    text = "x = torch.randn(3, 2, 7, 4)\nx = x.view(len(x), -1)\nx = nn.Linear({}, 9)(x)\n"
    assert cw.explain(text.format(56)).output == (3, 9)
    with pytest.raises(cw.ShapeError, match="the layer takes 57 features, the input has 56"):
        cw.explain(text.format(57))
