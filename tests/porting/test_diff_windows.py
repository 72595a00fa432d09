"""Windows of a diff: other kinds of layers on the same cells are equal, and windows on other cells are not, whatever the values say."""

from __future__ import annotations

import pickle

import pytest

import convwise as cw

SAME = "the same cells under every window"


def lines(found: object, label: str) -> tuple[str, ...]:
    return next((fact.lines for fact in found.facts if fact.label == label), ())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ("GlobalAveragePooling2D(keepdims=True)", "nn.AdaptiveAvgPool2d(1)", (9, 10, 3)),
        ("GlobalMaxPooling2D(keepdims=True)", "nn.MaxPool2d((9, 10))", (9, 10, 3)),
        ("AdaptiveAveragePooling2D((7, 5))", "AveragePooling2D((4, 2))", (28, 10, 3)),
        ("nn.AdaptiveMaxPool2d(4)", "nn.MaxPool2d((3, 4), stride=(2, 3))", (3, 9, 13)),
        (
            "nn.Conv2d(3, 8, 3, padding=1, padding_mode='reflect')",
            "nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(3, 8, 3))",
            (3, 9, 10),
        ),
        (
            "nn.Conv2d(3, 8, 3, padding=(1, 2), padding_mode='circular')",
            "nn.Sequential(nn.CircularPad2d((2, 2, 1, 1)), nn.Conv2d(3, 8, 3))",
            (3, 9, 10),
        ),
        ("nn.AvgPool2d((9, 10))", "nn.AvgPool2d((9, 10), 1)", (3, 9, 10)),
        ("nn.Conv2d(3, 8, 1, dilation=2)", "Conv2D(8, 1)", (3, 9, 10)),
        ("nn.MaxPool2d(3, stride=2, padding=1)", "nn.MaxPool2d(2)", (3, 2, 2)),
    ],
)
def test_windows_on_the_same_cells_are_the_same(a: str, b: str, shape: tuple[int, ...]) -> None:
    found = cw.diff(a, b, shape)
    assert found.headline == "Equal: the same shape, the same windows, the same values.", str(found)
    assert found.same_windows is True
    assert lines(found, "windows")[-1].startswith(SAME)
    assert found.alignment == ()


@pytest.mark.parametrize(
    ("a", "b", "shape"),
    [
        ("Conv2D(8, 1)", "Dense(8)", (9, 10, 3)),
        ("nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2))", "MaxPooling2D(4)", (3, 9, 12)),
        ("nn.Identity()", "MaxPooling2D(1)", (3, 9, 10)),
    ],
)
def test_where_no_windows_can_be_laid_on_each_other_the_values_decide(a: str, b: str, shape: tuple[int, ...]) -> None:
    found = cw.diff(a, b, shape)
    assert found.same_windows is None
    assert found.headline == "Equal: the same shape, the same values.", str(found)
    assert found.to_dict()["same_windows"] is None


@pytest.mark.parametrize(
    ("a", "b", "shape", "headline"),
    [
        ("nn.AdaptiveAvgPool2d(4)", "nn.AvgPool2d((3, 4), 2)", (3, 10, 11), "values differ"),
        ("nn.MaxPool2d(3, stride=4)", "nn.MaxPool2d((2, 3), stride=4)", (1, 4, 4), "windows do not stand"),
        ("nn.Sequential(nn.MaxPool2d(2), nn.MaxPool2d(2))", "nn.MaxPool2d(3)", (1, 4, 4), "values differ"),
        ("nn.AvgPool2d(4)", "nn.MaxPool2d(4)", (3, 8, 8), "values differ"),
    ],
)
def test_other_cells_are_not_equal_by_chance(a: str, b: str, shape: tuple[int, ...], headline: str) -> None:
    found = cw.diff(a, b, shape)
    assert found.same_shape
    assert not found.equal
    assert headline in found.headline


@pytest.mark.parametrize(
    ("pad", "mode"), [("nn.ReplicationPad2d(1)", "replicate"), ("nn.ConstantPad2d(1, 0.5)", "0.5")]
)
def test_what_stands_in_the_padding_is_told(pad: str, mode: str) -> None:
    found = cw.diff(
        "nn.Conv2d(3, 8, 3, padding=1, padding_mode='reflect')",
        f"nn.Sequential({pad}, nn.Conv2d(3, 8, 3))",
        (3, 9, 10),
    )
    assert found.same_windows
    assert lines(found, "padding mode") == (f"reflect in the first, {mode} in the second",)
    assert found.where == "border"


def test_answers_go_through_pickle() -> None:
    keras = "Sequential([Conv2D(4, 3, strides=2, padding='same'), ReLU(), Flatten()])"
    torch = "nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU6(), nn.Flatten())"
    ported = cw.port(keras, to="torch", input_shape=(9, 10, 3))
    for answer in (cw.diff(keras, torch, (9, 10, 3)), ported, ported.proof):
        again = pickle.loads(pickle.dumps(answer))
        assert str(again) == str(answer)
        assert again.to_dict() == answer.to_dict()


def test_every_name_of_the_json_is_an_attribute() -> None:
    found = cw.diff("AveragePooling2D(3, 1, 'same')", "nn.AvgPool2d(3, 1, 1)", (9, 10, 3))
    told = found.to_dict()
    for name in told.keys() - {"a", "b", "facts"}:
        value = getattr(found, name)
        assert told[name] == (list(value) if isinstance(value, tuple) else value), name
    assert found.exact == "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)"
    assert cw.diff("Conv2D(4, 3)", "nn.Conv2d(3, 4, 3)", (9, 10, 3)).exact == ""
