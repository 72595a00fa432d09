"""`Conv` and the options of the plain functions: what cannot be set, and what wrong values are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convwise.engine import Conv, conv2d
from convwise.errors import ArgumentError

X, W = np.ones((1, 4, 9, 10), np.float32), np.ones((2, 4, 3, 2), np.float32)


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("name", ["weight", "bias", "layout", "activation", "stride", "foo"])
def test_nothing_public_is_set(name: str, called: bool) -> None:
    one = Conv(W)
    wanted = one(X) if called else conv2d(X, W)
    with pytest.raises(AttributeError, match=f"a Conv's {name} cannot be set: weights are packed once"):
        setattr(one, name, None)
    assert np.array_equal(one(X), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "Relu"}, "did you mean 'relu'"),
        ({"activation": "HardSwish"}, "did you mean 'hardswish'"),
        ({"padding": (1, 1, 1, 1)}, r"padding=\(height, width\), \(\(top, bottom\), \(left, right\)\), or one integer"),
        ({"stride": (1, 1, 1)}, r"stride=\(height, width\), or one integer for both"),
    ],
)
def test_wrong_options_are_told_the_right_forms(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        conv2d(X, W, **options)
