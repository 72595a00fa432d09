"""The frameworks' ways of naming things: star imports, and activations as methods of a tensor."""

from __future__ import annotations

import numpy as np
import pytest

import convwise.torch as torch


@pytest.mark.parametrize("home", ["convwise.keras.layers", "convwise.tensorflow.keras.layers"])
def test_all_keras_layers_come_with_a_star(home):
    names: dict[str, object] = {}
    exec(f"from {home} import *", names)
    assert {"Conv2D", "MaxPool2D", "Conv3DTranspose", "Dense", "Input", "Layer"} <= set(names)
    assert "layer_class" not in names


def test_all_torch_layers_come_with_a_star():
    names: dict[str, object] = {}
    exec("from convwise.torch.nn import *", names)
    assert {"Conv2d", "ReLU", "Sequential", "Module", "functional"} <= set(names)


def test_activations_are_methods_of_a_tensor():
    x = torch.tensor([[-1.0, 0.0, 2.0], [3.0, -4.0, 0.5]])
    assert np.array_equal(x.relu(), [[0, 0, 2], [3, 0, 0.5]])
    assert np.allclose(x.sigmoid(), 1 / (1 + np.exp(-np.asarray(x))))
    assert np.allclose(x.tanh(), np.tanh(np.asarray(x)))
    assert np.allclose(x.softmax(1).sum(1), 1)
    assert np.allclose(x.log_softmax(dim=0).exp().sum(0), 1)
    assert isinstance(x.softmax(dim=1), type(x))
