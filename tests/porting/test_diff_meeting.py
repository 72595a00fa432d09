"""Layers that take any number of axes: the same array in either framework, with its batch or without, whichever comes first."""

from __future__ import annotations

import pytest

import convwise as cw

PAIRS = [
    ("nn.Sigmoid()", "Activation('sigmoid')", "1x3x9x10"),
    ("nn.ReLU6()", "ReLU(6)", "2x3x9x10"),
    ("nn.GELU()", "Activation('gelu')", "3x9x10"),
    ("nn.Tanh()", "Activation('tanh')", "9x10"),
    ("nn.Linear(8, 4)", "Dense(4)", "2x8"),
    ("nn.Linear(8, 4)", "Dense(4)", "8"),
    ("nn.Linear(8, 4)", "Dense(4)", "2x3x8"),
    ("nn.LayerNorm(8)", "LayerNormalization(epsilon=1e-5)", "9x8"),
    ("nn.Dropout()", "Dropout(0.5)", "3x9x10"),
    ("nn.Flatten()", "Flatten()", "3x9x10"),
    ("nn.Softmax(-1)", "Softmax()", "9x10"),
    ("nn.Sequential(nn.Linear(8, 4), nn.ReLU())", "Sequential([Dense(4), ReLU()])", "2x8"),
    ("nn.ReLU()", "nn.relu(x)", "3x9x10"),
]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("a", "b", "shape"), PAIRS)
def test_layers_of_any_rank_read_one_array(a: str, b: str, shape: str, swapped: bool) -> None:
    options = {"dialect_b" if not swapped else "dialect_a": "jax"} if b == "nn.relu(x)" else {}
    found = cw.diff(*((b, a) if swapped else (a, b)), shape, **options)
    assert found.equal, str(found)
    assert found.a.input == found.b.input == tuple(map(int, shape.split("x")))
    assert found.facts[0].lines == (f"{' x '.join(map(str, found.a.output))} in both",)


@pytest.mark.parametrize(
    ("a", "b", "shape", "taken"),
    [
        ("nn.Upsample(scale_factor=2)", "UpSampling2D()", (3, 9, 10), (9, 10, 3)),
        ("nn.PReLU(3)", "PReLU(shared_axes=[1, 2])", (3, 9, 10), (9, 10, 3)),
        ("nn.GroupNorm(2, 4)", "GroupNormalization(2, epsilon=1e-5)", (4, 9, 10), (9, 10, 4)),
        ("nn.ReLU()", "Sequential([MaxPooling2D(1), ReLU()])", (3, 9, 10), (9, 10, 3)),
        ("nn.ReLU()", "Sequential([MaxPooling2D(1), ReLU()])", (2, 3, 9, 10), (2, 9, 10, 3)),
        ("ReLU()", "nn.Sequential(nn.MaxPool1d(1), nn.ReLU())", (2, 9, 3), (2, 3, 9)),
    ],
)
def test_the_layer_that_knows_its_map_tells_the_batch_and_the_order(
    a: str, b: str, shape: tuple[int, ...], taken: tuple[int, ...]
) -> None:
    found = cw.diff(a, b, shape)
    assert found.equal, str(found)
    assert (found.a.input, found.b.input) == (shape, taken)
    back = cw.diff(b, a, taken)
    assert back.equal, str(back)


def test_maps_made_on_the_way_are_laid_on_each_other() -> None:
    found = cw.diff(
        "nn.Sequential(nn.Unflatten(1, (1, 9, 10)), nn.Conv2d(1, 4, 3))",
        "Sequential([Reshape((9, 10, 1)), Conv2D(4, 3)])",
        "90",
    )
    assert found.equal, str(found)
    assert found.facts[0].lines == ("4 x 7 x 8 and 7 x 8 x 4: the same, channels first and channels last",)


def test_a_missing_batch_is_no_question_mark() -> None:
    with pytest.raises(cw.ShapeError, match=r"did you mean 3x24x25\?"):
        cw.diff("nn.Conv2d(3, 64, 3)", "Conv2D(64, 3)", "24x25x3")
    with pytest.raises(cw.ShapeError, match=r"C, H, W: did you mean 3x24x25\?"):
        cw.diff("nn.BatchNorm2d(3)", "BatchNormalization()", "24x25x3")
    with pytest.raises(cw.ShapeError, match=r"N, C, H, W: did you mean 2x3x24x25\?"):
        cw.diff("nn.BatchNorm2d(3)", "BatchNormalization()", "2x24x25x3")
