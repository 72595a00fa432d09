"""`x = nn.ReLU(self.conv(x))`: a layer that is made of data, where it should be applied to it."""

from __future__ import annotations

import pytest

import convwise as cw

FORWARD = """
import torch
import torch.nn as nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(448, 5)
    def forward(self, x):
        x = {made}
        x = torch.flatten(x, 1)
        return self.fc(x)
net = Net()
y = net(torch.randn(2, 3, 9, 10))
"""
MADE = [
    ("nn.ReLU(self.conv(x))", "nn.ReLU()(self.conv(x))"),
    ("nn.MaxPool2d(F.relu(self.conv(x)), 1, stride=1)", "nn.MaxPool2d(1, stride=1)(F.relu(self.conv(x)))"),
    ("nn.Upsample(self.conv(x), scale_factor=1)", "nn.Upsample(scale_factor=1)(self.conv(x))"),
    ("nn.Dropout(self.conv(x), 0.5)", "self.dropout(self.conv(x))"),
    ("nn.BatchNorm2d(self.conv(x))", "self.batchnorm(self.conv(x))"),
    ("F.relu(nn.ReLU(nn.Tanh(self.conv(x))))", "nn.Tanh()(self.conv(x))"),
]


@pytest.mark.parametrize(("made", "meant"), MADE)
def test_a_layer_made_of_data_is_told_as_what_it_is(made: str, meant: str) -> None:
    text = FORWARD.format(made=made)
    for ask in (cw.explain, cw.explain_all, lambda text: cw.read(text).trace((2, 3, 9, 10))):
        with pytest.raises(cw.CodeError) as caught:
            ask(text)
        assert caught.value.code == "CW318"
        assert "makes a layer and applies none" in str(caught.value)
        assert meant in caught.value.hint
        assert "line 11" in caught.value.detail


def test_the_message_of_pytorch_below_it_does_not_hide_it() -> None:
    below = "Traceback (most recent call last):\n  File \"a.py\", line 14\nTypeError: linear(): argument 'input' (position 1) must be Tensor, not ReLU"
    with pytest.raises(cw.CodeError) as caught:
        cw.explain(FORWARD.format(made="nn.ReLU(self.conv(x))") + below)
    assert caught.value.code == "CW318"


@pytest.mark.parametrize(
    ("made", "meant"),
    [("Flatten(x)", "Flatten()(x)"), ("Conv2D(x, 8, 3)", "Conv2D(8, 3)(x)"), ("Concatenate([x, inp])", "Concatenate()([x, inp])")],
)  # fmt: skip
def test_keras_layers_made_of_data(made: str, meant: str) -> None:
    text = (
        "from keras.layers import *\nfrom keras import Model\ninp = Input((9, 10, 3))\nx = Conv2D(3, 3, padding='same')(inp)\n"
        f"x = {made}\nmodel = Model(inp, Dense(5)(x))\n"
    )
    with pytest.raises(cw.CodeError) as caught:
        cw.explain(text)
    assert caught.value.code == "CW318"
    assert meant in caught.value.hint


def test_sizes_and_counts_of_data_are_options() -> None:
    text = "import numpy as np\ny = np.zeros((60, 7))\nmodel = Sequential([Input((9, 10, 3)), Flatten(), Dense(y.shape[1])])"
    assert cw.explain(text).output == (7,)
    text = "x = torch.randn(2, 3, 9, 10)\nx = nn.Conv2d(x.size(1), 8, 3)(x)\nx = nn.Conv2d(x.shape[1], 4, 3)(x)"
    assert cw.explain(text).output == (2, 4, 5, 6)
