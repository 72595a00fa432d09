"""What a Keras text trains: `trainable` where a layer is made and afterwards, of layers and of all that a model holds."""

from __future__ import annotations

import pytest

import convwise as cw

LINE = """import keras
from keras import layers
model = keras.Sequential([layers.Input((9, 10, 3)), layers.Conv2D(8, 3), layers.BatchNormalization(), layers.Conv2D(4, 3)])
"""
WIRED = """import keras
from keras import layers
i = layers.Input((9, 10, 3))
x = layers.Conv2D(8, 3, name="first")(i)
x = layers.BatchNormalization()(x)
x = layers.Conv2D(4, 3)(x)
model = keras.Model(i, x)
"""
CHANGES = {
    "model.layers[0].trainable = False": (308, 532),
    "model.layers[-1].trainable = False": (240, 240),
    "for one in model.layers[:2]:\n    one.trainable = False": (292, 308),
    "model.trainable = False": (0, 0),
    "model.trainable = False\nmodel.trainable = True": (532, 532),
    "model.trainable = False\nmodel.layers[-1].trainable = True": (0, 0),
    "for one in model.layers:\n    if isinstance(one, layers.BatchNormalization):\n        one.trainable = False": (
        516,
        516,
    ),
    "unknown.trainable = False": (None, None),
}
"""What is trained of the 548 parameters of the Sequential, and of the Model, whose first layer is its input."""


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
def test_a_word_afterwards_counts(change: str, which: int) -> None:
    totals = cw.read((LINE, WIRED)[which] + change).trace().totals
    assert (totals.params, totals.trainable) == (548, CHANGES[change][which])


def test_a_layer_is_found_by_the_name_that_the_text_gives_it() -> None:
    assert cw.read(WIRED + "model.get_layer('first').trainable = False").trace().totals.trainable == 308


def test_the_word_of_the_constructor_counts() -> None:
    assert cw.read(WIRED.replace('name="first"', "trainable=False")).trace().totals.trainable == 308
    assert cw.explain("Conv2D(8, 3, trainable=False)", (9, 10, 3)).trainable == 0


INSIDE = """import keras
from keras import layers
start = layers.Input((9, 10, 3))
base = keras.Model(start, layers.BatchNormalization()(layers.Conv2D(8, 3)(start)))
base.trainable = False
i = layers.Input((9, 10, 3))
model = keras.Model(i, layers.Dense(5)(layers.GlobalAveragePooling2D()(base(i))))
"""


@pytest.mark.parametrize(
    ("change", "trainable"),
    [
        ("", 45),
        ("base.trainable = True", 285),
        ("model.trainable = False", 0),
        # The third layer of the model is its pool, and not one of those inside `base`.
        ("model.layers[2].trainable = False", None),
        # TensorFlow passes over the word that the model has already; PyTorch and JAX hand it down.
        ("model.trainable = True", None),
    ],
)
def test_a_model_inside_a_model(change: str, trainable: int | None) -> None:
    totals = cw.read(INSIDE + change).trace().totals
    assert (totals.params, totals.trainable) == (301, trainable)


def test_a_model_made_at_rest_is_not_told() -> None:
    text = LINE.replace(", layers.Conv2D(4, 3)])", "], trainable=False)")
    assert cw.read(text).trace().totals.trainable is None


def test_the_note_names_the_statement() -> None:
    (note,) = cw.read(LINE + "unknown.trainable = False").notes
    assert note.code == "CW315"
    assert "line 4: unknown.trainable" in note.text
    assert "how many parameters are trained is not told" in note.text
    assert "548 parameters" in str(cw.explain(LINE + "unknown.trainable = False"))


def test_sizes_stay_exact_where_the_count_is_left_out() -> None:
    sizes = cw.read(LINE + "unknown.trainable = False").legal_sizes()
    assert all(one.exact for one in sizes.values())
