"""How many axes the input of a chain has, and where its channels stand: told by what comes before the first windows."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.readers.models import read

TORCH = "import torch.nn as nn\n"
DECODER = f"{TORCH}net = nn.Sequential(nn.Linear(5, 8 * 3 * 4), nn.ReLU(), nn.Unflatten(1, (8, 3, 4)), nn.ConvTranspose2d(8, 2, 3, stride=2))"
VIEWED = f"""{TORCH}
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 8 * 3 * 4)
        self.up = nn.ConvTranspose2d(8, 2, 3, stride=2)
    def forward(self, z):
        return self.up(self.fc(z).view(z.shape[0], 8, 3, 4))
"""
KERAS = """
import keras
from keras import layers
model = keras.Sequential()
model.add(layers.Dense(3 * 4 * 8, input_shape=(5,)))
model.add(layers.Reshape((3, 4, 8)))
model.add(layers.Conv2DTranspose(2, 3, strides=2))
"""
OPEN = KERAS.replace(", input_shape=(5,)", "")


@pytest.mark.parametrize(("text", "features"), [(DECODER, 5), (VIEWED, 5), (KERAS, 5), (OPEN, None)])
def test_a_decoder_that_begins_with_a_dense_layer_takes_a_matrix(text: str, features: int | None) -> None:
    """It was read as one of maps: every size was legal, or none, or the batch was called length."""
    network = read(text)
    assert network.sources[0].declared == (None, features)
    last = (None, 7, 9, 2) if "keras" in text else (None, 2, 7, 9)
    assert network.trace((None, 5)).rows[-1].output == last
    assert cw.explain(text, (2, 5)).output == (2, *last[1:])
    assert [found.level for found in read(text, input_shape=(2, 5)).check()] == []


def test_a_dense_layer_on_the_last_axis_of_maps_leaves_them_maps() -> None:
    network = read(f"{TORCH}net = nn.Sequential(nn.Linear(10, 12), nn.Conv1d(3, 8, 3))")
    assert network.sources[0].declared == (None, 3, None)
    assert network.trace((2, 3, 10)).rows[-1].output == (2, 8, 10)


def test_channels_that_are_permuted_stand_where_they_come_from() -> None:
    """They were said to be the width, which had to be 3."""
    text = f"{TORCH}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.c = nn.Conv2d(3, 8, 3)\n    def forward(self, x):\n        return self.c(x.permute(0, 3, 1, 2))"
    network = read(text)
    assert network.sources[0].declared == (None, None, None, 3)
    legal = network.legal_sizes()
    assert {name: str(sizes) for name, sizes in legal.items()} == {"height": "n >= 3", "width": "n >= 3"}
    assert network.trace((1, 9, 10, 3)).rows[-1].output == (1, 8, 7, 8)


def test_maps_that_are_flattened_before_windows_of_one_axis_are_maps() -> None:
    text = f"{TORCH}net = nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 8, 1))"
    assert read(text).sources[0].declared == (None, 3, None, None)


NEW_AXIS = """
import torch
import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv{rank}d(1, 8, 3, padding=1)
        self.fc = nn.Linear(8, 4)
    def forward(self, x):
        x = {added}
        return self.fc(self.conv(x).mean(dim={dims}))
"""


@pytest.mark.parametrize(
    ("rank", "added", "dims", "shape"),
    [
        (2, "x.unsqueeze(1)", (2, 3), (2, 9, 10)),
        (2, "x[:, None]", (2, 3), (2, 9, 10)),
        (2, "torch.unsqueeze(x, 1)", (2, 3), (3, 9, 10)),
        (1, "x.unsqueeze(1)", (2,), (2, 90)),
        (3, "x[:, None]", (2, 3, 4), (2, 7, 9, 10)),
        (2, "x.permute(0, 2, 1).unsqueeze(1)", (2, 3), (2, 9, 10)),
    ],
)
def test_an_axis_that_the_forward_adds_is_none_of_the_input(
    rank: int, added: str, dims: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    """A batch was put before the input, and PyTorch said to refuse a shape that nobody had given."""
    text = NEW_AXIS.format(rank=rank, added=added, dims=dims)
    network = read(text, input_shape=shape)
    assert network.sources[0].declared == shape
    assert [finding.level for finding in network.check(shape) if finding.level == "error"] == []
    assert read(text).trace(shape).rows[-1].output == (shape[0], 4)
    assert len(read(text).sources[0].declared) == len(shape)


def test_an_image_without_its_batch_has_one_put_before_it_where_the_layers_read_one() -> None:
    text = NEW_AXIS.format(rank=2, added="x + x.mean()", dims=(2, 3))
    assert read(text, input_shape=(1, 9, 10)).sources[0].declared == (1, 1, 9, 10)
    assert read(text).sources[0].declared == (None, 1, None, None)


def test_a_shape_that_fits_in_no_way_is_refused_as_it_was_given() -> None:
    text = NEW_AXIS.format(rank=2, added="x.unsqueeze(1)", dims=(2, 3))
    with pytest.raises(cw.ShapeError) as caught:
        read(text, input_shape=(2, 1, 3, 9, 10))
    assert (caught.value.code, "2x1x3x9x10 (x)" in str(caught.value)) == ("CW101", True)


def test_keras_subclasses_may_add_the_channels_themselves() -> None:
    text = """
import tensorflow as tf
from tensorflow.keras import layers, Model
class MyModel(Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(32, 3)
        self.pool = layers.GlobalAveragePooling2D()
    def call(self, x):
        return self.pool(self.conv1(tf.expand_dims(x, -1)))
"""
    assert read(text, input_shape=(2, 9, 10)).trace((2, 9, 10)).rows[-1].output == (2, 32)
