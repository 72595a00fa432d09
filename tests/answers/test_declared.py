"""A Keras model that declares its input meets what is fed to it with the weights it has; the oracle test asks Keras the same."""

from __future__ import annotations

import pytest

import convwise as cw

MODELS = {
    "sequential": "model = Sequential([Input((9, 10, 1)), Conv2D(3, 3), MaxPooling2D(2)])",
    "first layer": "model = Sequential([Conv2D(3, 3, input_shape=(9, 10, 1)), Flatten(), Dense(4)])",
    "functional": "i = Input((9, 10, 1))\nmodel = Model(i, MaxPooling2D(2)(Conv2D(3, 3)(i)))",
    "colour": "i = Input((9, 10, 3))\nmodel = Model(i, MaxPooling2D(2)(Conv2D(3, 3)(i)))",
    "any size": "i = Input((None, None, 3))\nmodel = Model(i, MaxPooling2D(2)(Conv2D(3, 3)(i)))",
    "features": "model = Sequential([Input((90,)), Dense(7)])",
}
FED = [
    ("sequential", (5, 12, 13, 1), (5, 5, 5, 3)),
    ("sequential", (5, 9, 10), (5, 3, 4, 3)),
    ("sequential", (5, 9, 10, 1, 1), (5, 3, 4, 3)),
    (
        "sequential",
        (5, 9, 10, 3),
        "expected axis -1 of input shape to have value 1, but received input with shape (5, 9, 10, 3)",
    ),
    ("sequential", (9, 10), "Expected shape (None, 9, 10, 1), but input has incompatible shape (9, 10)"),
    (
        "first layer",
        (5, 12, 13, 1),
        "expected axis -1 of input shape to have value 168, but received input with shape (5, 330)",
    ),
    ("first layer", (5, 9, 10), (5, 4)),
    ("functional", (5, 12, 13, 1), "expected shape=(None, 9, 10, 1), found shape=(5, 12, 13)"),
    ("functional", (5, 9, 10), (5, 3, 4, 3)),
    ("functional", (9, 10), "expected shape=(None, 9, 10, 1), found shape=(9, 10)"),
    (
        "colour",
        (4, 9, 10, 1),
        "expected axis -1 of input shape to have value 3, but received input with shape (4, 9, 10, 1)",
    ),
    ("colour", (4, 9, 12, 3), "expected shape=(None, 9, 10, 3), found shape=(4, 9, 12, 3)"),
    ("any size", (4, 12, 13, 3), (4, 5, 5, 3)),
    ("features", (5, 9, 10), "Expected shape (None, 90), but input has incompatible shape (5, 9, 10)"),
    ("features", (5, 90, 1), (5, 7)),
]


@pytest.mark.parametrize(("model", "shape", "told"), FED)
def test_what_is_fed_meets_the_weights_of_the_declaration(model: str, shape: tuple[int, ...], told: object) -> None:
    text = f"{MODELS[model]}\nmodel.predict(np.zeros({shape}))\n"
    if isinstance(told, tuple):
        assert cw.explain(text).output == told
        return
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text)
    assert caught.value.quote == told


def test_an_array_of_whole_samples_is_to_be_reshaped() -> None:
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(f"{MODELS['features']}\nmodel.predict(np.zeros((5, 9, 10)))\n")
    assert caught.value.hint == "x.reshape(-1, 90) makes it 5 x 90"


def test_a_model_that_cannot_be_made_breaks_as_it_is_declared() -> None:
    text = "model = Sequential([Conv2D(3, 5, input_shape=(4, 10, 3))])\nmodel.predict(np.zeros((2, 9, 10, 3)))\n"
    with pytest.raises(cw.ShapeError, match="window spans 5 but only 4 cells exist"):
        cw.explain(text)
