"""Activations in a diff: what random data never reach, settings that lie close together, and the layer that is named."""

from __future__ import annotations

import pytest

import convwise as cw


@pytest.mark.parametrize(
    ("a", "b", "note"),
    [
        (
            "nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU6())",
            "Sequential([Conv2D(8, 1), ReLU()])",
            "given 7, 1 (ReLU6) in PyTorch makes it 6, ReLU in Keras makes it 7",
        ),
        ("nn.ReLU6()", "nn.ReLU()", "given 7, ReLU6 makes it 6, ReLU makes it 7"),
        ("ReLU(6)", "ReLU()", "given 7, ReLU makes it 6, ReLU makes it 7"),
        ("nn.Hardtanh(-5, 5)", "nn.Identity()", "given -6, Hardtanh makes it -5, no activation makes it -6"),
        ("nn.Threshold(-10, 0)", "nn.Identity()", "given -10, Threshold makes it 0, no activation makes it -10"),
        ("nn.Hardtanh(-1e5, 1e5)", "nn.Identity()", "given -100001, Hardtanh makes it -100000"),
        ("nn.Hardshrink(0.5)", "nn.Hardshrink(0.5001)", "given -0.50005, Hardshrink makes it -0.50005, Hardshrink makes it 0"),
        ("nn.Hardshrink(1e-5)", "nn.Identity()", "Hardshrink makes it 0"),
        ("nn.LeakyReLU()", "LeakyReLU()", "given -1, LeakyReLU in PyTorch makes it -0.01, LeakyReLU in Keras makes it -0.3"),
        (
            "nn.Sequential(nn.Conv2d(3, 8, 1), nn.LayerNorm((8, 9, 10)), nn.Hardtanh(-30, 30))",
            "nn.Sequential(nn.Conv2d(3, 8, 1), nn.LayerNorm((8, 9, 10)))",
            "given -31, 2 (Hardtanh) makes it -30, no activation makes it -31",
        ),
    ],
)  # fmt: skip
def test_activations_are_told_apart_where_random_data_do_not_reach(a: str, b: str, note: str) -> None:
    found = cw.diff(a, b, (3, 9, 10))
    assert found.headline.startswith("Not equal: ")
    assert note in found.note
    assert note in " ".join(str(found).split())
    assert found.max_abs_difference is not None
    assert found.max_abs_difference > 1e-6 or "1e-05" in a


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("nn.ReLU6()", "ReLU(6)"),
        ("nn.ReLU6()", "nn.Hardtanh(0, 6)"),
        ("nn.Softplus()", "Activation('softplus')"),
        ("nn.GELU()", "Activation('gelu')"),
        ("nn.Hardswish()", "Activation('hard_swish')"),
        ("nn.ELU()", "nn.CELU()"),
        ("nn.Dropout(0.3)", "Dropout(0.5)"),
        # What reaches the second function decides: a sigmoid never passes 6, a convolution does.
        ("nn.Sequential(nn.Sigmoid(), nn.MaxPool2d(2), nn.ReLU6())", "nn.Sequential(nn.Sigmoid(), nn.MaxPool2d(2), nn.ReLU())"),
        ("nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.ReLU())", "nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))"),
        ("nn.Sequential(nn.ReLU(), nn.ReLU6())", "nn.ReLU6()"),
        # In another order, which does not matter here.
        ("nn.Sequential(nn.ReLU(), nn.MaxPool2d(2), nn.Tanh())", "nn.Sequential(nn.Tanh(), nn.MaxPool2d(2), nn.ReLU())"),
    ],
)  # fmt: skip
def test_the_same_function_in_other_words_is_equal(a: str, b: str) -> None:
    found = cw.diff(a, b, (3, 9, 10))
    assert found.equal, str(found)
    assert found.note == ""


def test_wider_data_are_told() -> None:
    found = cw.diff("nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU6())", "Sequential([Conv2D(8, 1), ReLU()])", (3, 9, 10))
    assert found.note.endswith("random data of about -3 to 3 show no difference; these are 16 times as wide")


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        (
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())",
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.LeakyReLU(0.5))",
            "2 (ReLU) and 2 (LeakyReLU)",
        ),
        (
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, eps=1e-3), nn.ReLU6(), nn.MaxPool2d(2))",
            "Sequential([Conv2D(6, 3), BatchNormalization(), ReLU(), MaxPooling2D(2)])",
            "2 (ReLU6) and ReLU",
        ),
        (
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(), nn.ReLU())",
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))",
            "3 (ReLU)",
        ),
        (
            "nn.Sequential(nn.Tanh(), nn.Conv2d(3, 6, 3))",
            "nn.Sequential(nn.Sigmoid(), nn.Conv2d(3, 6, 3))",
            "0 (Tanh) and 0 (Sigmoid)",
        ),
        (
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU())",
            "nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, eps=1e-2), nn.ReLU())",
            "1 (BatchNorm2d)",
        ),
        ("nn.Conv2d(3, 6, 3)", "Conv2D(6, 3, activation='relu')", "Conv2D"),
    ],
)
def test_the_layer_whose_values_part_is_named(a: str, b: str, first: str) -> None:
    assert cw.diff(a, b, (3, 9, 10)).first == first
