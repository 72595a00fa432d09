"""The messages that the installed frameworks really print are known."""

from __future__ import annotations

import pytest

import convwise as cw

pytestmark = pytest.mark.oracle


def test_what_pytorch_prints_is_explained() -> None:
    import torch
    from torch import nn

    zeros = torch.zeros
    cases = {
        "1568 features": lambda: nn.Linear(1050, 10)(zeros(2, 1568)),
        "channels last": lambda: nn.Conv2d(3, 16, 3)(zeros(1, 28, 20, 3)),
        "takes 3 channels, and 4 reach it": lambda: nn.Conv2d(3, 16, 3)(zeros(1, 4, 28, 28)),
        "5 cells are left where the kernel needs 7": lambda: nn.Conv2d(3, 16, 7)(zeros(3, 9, 5)),
        "differ: 43 and 42": lambda: torch.cat([zeros(1, 3, 43, 43), zeros(1, 3, 42, 43)], 1),
        "differ: 20 and 17": lambda: zeros(1, 3, 5, 20) + zeros(1, 3, 5, 17),
    }
    for words, run in cases.items():
        with pytest.raises(RuntimeError) as caught:
            run()
        assert words in cw.explain(f"RuntimeError: {caught.value}").headline


def test_what_keras_prints_is_explained() -> None:
    import keras
    import numpy as np

    dense = keras.layers.Dense(10)
    dense(np.zeros((2, 1568), "float32"))
    with pytest.raises(ValueError, match="incompatible") as caught:
        dense(np.zeros((2, 2048), "float32"))
    assert "built for 1568 on its last axis, and 2048 reach it" in cw.explain(f"ValueError: {caught.value}").headline
    with pytest.raises(ValueError, match="ndim") as caught:
        keras.layers.Conv2D(4, 3)(np.zeros((28, 28, 3), "float32"))
    assert "wants 4 axes and got 3: the batch axis is missing" in cw.explain(f"ValueError: {caught.value}").headline
