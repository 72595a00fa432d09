"""What a chain says of its input sizes is what its layers take: tried size by size, and read in the answer."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.answers.explanation import Explanation
from convwise.answers.taken import taken
from convwise.answers.why import snippet_of
from convwise.dialects import get
from convwise.errors import ConvwiseError

LARGEST = 24

CHAINS = [
    ("Conv2d(3, 4, 3), nn.LayerNorm([4, 7, 8]), nn.ReLU()", (1, 3, 9, 10)),
    ("Conv2d(3, 4, 3), nn.ReLU(), nn.Linear(8, 5)", (3, 9, 10)),
    ("Conv2d(3, 4, 3), nn.Flatten(), nn.Unflatten(1, (4, 7, 8)), nn.Conv2d(4, 2, 3)", (2, 3, 9, 10)),
    ("Conv2d(3, 4, 3), nn.Flatten(2), nn.Linear(56, 5)", (1, 3, 9, 10)),
    ("Conv2d(3, 4, 3), nn.PixelUnshuffle(2), nn.Conv2d(16, 2, 2)", (1, 3, 10, 12)),
    (
        "Conv2d(3, 4, 3, stride=2), nn.MaxPool2d(2, ceil_mode=True), nn.ConvTranspose2d(4, 2, 2, stride=2)",
        (1, 3, 9, 10),
    ),
    ("MaxPool2d(2), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(24, 5), nn.BatchNorm1d(5)", (2, 3, 9, 10)),
    ("Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d((None, 2)), nn.Flatten(), nn.Linear(56, 5)", (1, 3, 9, 10)),
]


def fact(told: Explanation, label: str) -> str:
    return " ".join(line for one in told.facts if one.label == label for line in one.lines)


def works(text: str, shape: tuple[int, ...]) -> bool:
    try:
        cw.output_shape(text, shape)
    except ConvwiseError:
        return False
    return True


@pytest.mark.parametrize(("layers", "shape"), CHAINS)
def test_a_chain_takes_the_sizes_that_its_layers_take_one_by_one(layers: str, shape: tuple[int, ...]) -> None:
    text = f"nn.Sequential(nn.{layers})"
    spoken = get("torch")
    (found,) = snippet_of(text, None, None, shape).found
    flows, current = [], shape
    for layer in found.layers:
        try:
            flows.append(spoken.flow(layer, current))
        except cw.ShapeError:
            break
        current = flows[-1].output
    takes = taken(spoken, found.layers, flows, shape)
    assert takes is not None
    for height in range(1, LARGEST):
        for width in range(1, LARGEST):
            sizes = (height, width)
            assert takes.legal.takes(sizes) == works(text, (*shape[:-2], *sizes)), sizes


def test_would_work_looks_at_every_layer_of_the_chain() -> None:
    text = "nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear({}, 9))"
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text.format(400), (1, 1, 9, 10))
    assert caught.value.code == "CW104"
    assert caught.value.explanation is not None
    assert fact(caught.value.explanation, "would work") == "an input of 32 x 32 to 35 x 35"
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text.format(401), (1, 1, 9, 10))
    assert caught.value.explanation is not None
    assert fact(caught.value.explanation, "would work") == (
        "401 is not 16 x height x width for any size: no input can make it fit"
    )


@pytest.mark.parametrize(
    ("layers", "headline", "size"),
    [
        (
            "nn.LayerNorm([4, 7, 8])",
            "It fits. Between convolutions only channels must match; LayerNorm (1) fixes the size as well.",
            "LayerNorm (1) normalises 7 features and normalises 8 features: an input of 9 x 10",
        ),
        (
            "nn.Linear(8, 5)",
            "It fits. Between convolutions only channels must match; the dense layer fixes the width as well.",
            "Linear (1) takes 8 features: an input with height 3 or more, width 10",
        ),
        (
            "nn.Flatten(), nn.Unflatten(1, (4, 7, 8)), nn.Conv2d(4, 2, 3)",
            "It fits. Between convolutions only channels must match; Unflatten (2) fixes the size as well.",
            "Unflatten (2) needs as many elements as 4 x 7 x 8 has: an input of 9 x 10",
        ),
        (
            "nn.Flatten(2), nn.Linear(56, 5)",
            "It fits. Between convolutions only channels must match; the dense layer fixes the size as well.",
            "Linear (2) takes 56 features: an input of 9 x 10",
        ),
    ],
)
def test_a_size_that_a_layer_fixes_is_not_called_free(layers: str, headline: str, size: str) -> None:
    told = cw.explain(f"nn.Sequential(nn.Conv2d(3, 4, 3), {layers})", (1, 3, 9, 10))
    assert told.headline == headline
    assert fact(told, "size") == size
    assert not fact(told, "free")


def test_sizes_that_must_divide_are_not_called_free() -> None:
    told = cw.explain("nn.Sequential(nn.Conv2d(3, 4, 3), nn.PixelUnshuffle(2))", (3, 10, 12))
    assert told.headline == "It fits."
    assert fact(told, "size") == "an input with height and width n >= 4 and n = 0 (mod 2)"
    assert not fact(told, "free")


def test_where_no_size_works_the_answer_is_no() -> None:
    with pytest.raises(
        cw.ShapeError, match="100 is not 16 x height x width for any size: no input can make it fit"
    ) as caught:
        cw.explain("nn.Sequential(nn.Conv2d(3, 16, 3), nn.Flatten(), nn.Linear(100, 10))")
    assert caught.value.explanation is not None
    assert caught.value.explanation.headline == "No. It breaks at '2' (PyTorch Linear), layer 3 of 3."
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(
            "nn.Sequential(nn.Conv2d(3, 12, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(588, 10))",
            (1, 3, 9, 10),
        )
    assert caught.value.explanation is not None
    assert fact(caught.value.explanation, "would work") == (
        "Linear (3) takes 588 features, and from every input 12 reach it: no input can make it fit"
    )


def test_weights_that_keras_makes_fix_the_size_too() -> None:
    text = "Sequential([Conv2D(4, 3), LayerNormalization(axis=[1, 2, 3]), Flatten(), Dense(5)])"
    told = cw.explain(text, (9, 10, 3))
    assert fact(told, "size").endswith("an input of 9 x 10")
    text = "Sequential([Conv2D(4, 3), MaxPooling2D(2), Flatten(), Dense(5)])"
    assert fact(cw.explain(text, (9, 10, 3)), "size") == (
        "Dense takes 48 features: 3 x 4 x 4, from an input of 8 x 10 to 9 x 11"
    )


def test_rows_that_mix_samples_are_not_offered() -> None:
    """`view(-1, 36)` of four samples takes maps of any size that 9 divides; a row a sample is what is meant."""
    text = (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 4, 3)\n"
        "        self.fc = nn.Linear(36, 10)\n"
        "    def forward(self, x):\n"
        "        x = self.conv(x).view(-1, 36)\n"
        "        return self.fc(x)\n"
        "Net()(torch.randn(4, 3, 9, 10))\n"
    )
    with pytest.raises(cw.ShapeError) as caught:
        cw.explain(text)
    assert caught.value.explanation is not None
    assert "5 x 5" in fact(caught.value.explanation, "would work")
