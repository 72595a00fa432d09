"""Trainable parameters of Keras texts that freeze layers, against Keras, which runs the same text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from readers.test_reader_training import CHANGES, LINE, WIRED

import convwise as cw

pytestmark = pytest.mark.oracle

HEAD = "import keras\nfrom keras import layers\n"
NESTED = """base = keras.Sequential([layers.Input((9, 10, 3)), layers.Conv2D(8, 3), layers.BatchNormalization()])
{}
model = keras.Sequential([layers.Input((9, 10, 3)), base, layers.GlobalAveragePooling2D(), layers.Dense(5)])
{}
"""
WIRED_INSIDE = """start = layers.Input((9, 10, 3))
base = keras.Model(start, layers.BatchNormalization()(layers.Conv2D(8, 3)(start)))
{}
i = layers.Input((9, 10, 3))
x = layers.GlobalAveragePooling2D()(base(i, training=False))
model = keras.Model(i, layers.Dense(5)(x))
{}
"""
OWN = """class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.c = layers.Conv2D(8, 3)
        self.n = layers.BatchNormalization()
        self.d = layers.Conv2D(4, 3)
{}
    def call(self, x):
        return self.d(self.n(self.c(x)))
model = Net()
{}
"""
INSIDE = (
    ("base.trainable = False", ""),
    ("", "base.trainable = False"),
    ("", "model.trainable = False"),
    ("base.trainable = False", "base.trainable = True\nfor one in base.layers[:-1]:\n    one.trainable = False"),
    ("for one in base.layers:\n    one.trainable = False", ""),
    ("", "base.layers[1].trainable = False"),
    ("base.trainable = False\nbase.layers[1].trainable = True", ""),
)
IN_CLASSES = (
    ("        self.c.trainable = False", ""),
    ("        self.trainable = False", ""),
    ("        for one in (self.c, self.n):\n            one.trainable = False", ""),
    ("", "model.trainable = False"),
    ("", "model.c.trainable = False"),
    ("", "model.trainable = False\nmodel.d.trainable = True"),
)
NOT_FOLLOWED = (
    *("model.layers[1].trainable = False", "for one in model.layers:\n    one.trainable = False"),
    *("base.trainable = False\nmodel.trainable = True", "model.get_layer(index=1).trainable = False"),
)


def of_keras(text: str) -> tuple[int, int]:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "text", "exec"), space)
    model = space["model"]
    model(np.zeros((1, 9, 10, 3), "float32"))
    return model.count_params(), sum(int(np.prod(one.shape)) for one in model.trainable_weights)


def told(text: str) -> tuple[int | None, int | None]:
    totals = cw.read(text, input_shape=(1, 9, 10, 3)).trace().totals
    return totals.params, totals.trainable


@pytest.mark.parametrize("change", [change for change in CHANGES if not change.startswith("unknown")])
@pytest.mark.parametrize("text", [LINE, WIRED])
def test_a_word_afterwards(text: str, change: str) -> None:
    assert told(text + change) == of_keras(text + change)


@pytest.mark.parametrize("text", [NESTED, WIRED_INSIDE])
@pytest.mark.parametrize("changes", INSIDE)
def test_a_model_inside_a_model(text: str, changes: tuple[str, str]) -> None:
    assert told(HEAD + text.format(*changes)) == of_keras(HEAD + text.format(*changes))


@pytest.mark.parametrize("changes", IN_CLASSES)
def test_a_class_of_layers(changes: tuple[str, str]) -> None:
    assert told(HEAD + OWN.format(*changes)) == of_keras(HEAD + OWN.format(*changes))


@pytest.mark.parametrize("change", NOT_FOLLOWED)
def test_what_is_not_followed_is_left_out(change: str) -> None:
    params, trainable = told(HEAD + WIRED_INSIDE.format("", change))
    assert trainable is None
    assert params == of_keras(HEAD + WIRED_INSIDE.format("", change))[0]
