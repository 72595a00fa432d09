"""What PyTorch and Keras make of a layer's class that is called with data: never an array, and the way that is proposed gives one."""

from __future__ import annotations

from contextlib import suppress

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize(
    "kind", ["ReLU", "Flatten", "MaxPool2d", "Upsample", "Softmax", "Dropout", "BatchNorm2d", "Sigmoid", "Linear"]
)
def test_pytorch_gives_no_array_of_a_layer_made_of_data(kind: str) -> None:
    data = torch.randn(2, 3, 9, 10)
    try:
        made = getattr(nn, kind)(data)
    except (TypeError, RuntimeError, ValueError):
        return
    assert isinstance(made, nn.Module)


def test_the_layer_applied_gives_one() -> None:
    data = torch.randn(2, 3, 9, 10)
    assert nn.MaxPool2d(2)(data).shape == (2, 3, 4, 5)
    assert nn.Upsample(scale_factor=2)(nn.ReLU()(data)).shape == (2, 3, 18, 20)


def test_keras_gives_no_array_of_a_layer_made_of_data() -> None:
    keras = pytest.importorskip("keras")
    data = keras.Input((9, 10, 3))
    for kind in ("Flatten", "Conv2D", "Concatenate", "Add", "ReLU", "BatchNormalization", "MaxPooling2D"):
        with suppress(TypeError, ValueError, NotImplementedError):
            made = getattr(keras.layers, kind)([data, data] if kind in ("Concatenate", "Add") else data)
            assert isinstance(made, keras.Layer), kind
