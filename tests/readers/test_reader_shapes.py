"""Shapes as people write them, and where a malformed one breaks."""

from __future__ import annotations

import pytest

from convwise.errors import ArgumentError
from convwise.readers.shapes import parse_shape, parse_want


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("64x48x3", (64, 48, 3)),
        ("64,48,3", (64, 48, 3)),
        ("(64, 48, 3)", (64, 48, 3)),
        ("[64, 48, 3]", (64, 48, 3)),
        ("1×3×224×226", (1, 3, 224, 226)),
        ("1 x 3 X 9 * 10", (1, 3, 9, 10)),
        ("None x 28x27x1", (None, 28, 27, 1)),
        ("(None, 28, 27, 1)", (None, 28, 27, 1)),
        ("?x?x3", (None, None, 3)),
        ("64x64", (64, 64)),
        ("7", (7,)),
        ("(7,)", (7,)),
        ("0x3x3", (0, 3, 3)),
        ("  64x64x3\n", (64, 64, 3)),
        ("9223372036854775807x1", (2**63 - 1, 1)),
    ],
)
def test_shapes_are_read(text: str, shape: tuple[int | None, ...]) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("64xx3", 3, "a size is missing here"),
        ("x", 0, "a size is missing here"),
        ("64x-3", 3, "cannot be negative"),
        ("1e3x2", 1, "whole number"),
        ("1.5x2", 1, "whole number"),
        ("64x64,3", 5, "mixed"),
        ("64x64x", 6, "missing at the end"),
        ("64, 48,", 7, "missing at the end"),
        ("64 48", 3, "an 'x' is missing before this size"),
        ("8 8 3", 2, "an 'x' is missing before this size"),
        ("8 by 8", 2, "'b' is neither a digit nor 'x'"),
        ("64xthree", 3, "'t' is not a size"),
        ("(64, 48", 7, "not closed"),
        ("9" * 30, 0, "30 digits"),
        ("3x" + "9" * 20, 2, "20 digits"),
        ("9223372036854775808x1", 0, "too large"),
        ("6\u202e4x3", 1, "'\\u202e'"),
        ("٣x٣", 0, "is not a size"),
    ],
)
def test_a_malformed_shape_is_shown_with_a_caret(text: str, column: int, says: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_shape(text)
    error = caught.value
    assert error.code == "CW601"
    assert says in error.fact
    caret = error.detail.split("\n")[1]
    assert caret == " " * column + "^"
    assert "\u202e" not in str(error)
    assert "64x64x3" in error.hint


@pytest.mark.parametrize("text", ["", "   ", "()", "[ ]", "x" * 500, "1x" * 20 + "1"])
def test_no_shape_at_all(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_shape(text)
    assert caught.value.code == "CW601"


def test_a_shape_is_text() -> None:
    with pytest.raises(ArgumentError, match="text, not int"):
        parse_shape(64)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("want", "sizes"),
    [("32x30", (32, 30)), ("32", (32,)), (32, (32,)), ((32, 30), (32, 30)), ([7], (7,)), ("(4, 5, 6)", (4, 5, 6))],
)
def test_wanted_sizes_are_read(want: object, sizes: tuple[int, ...]) -> None:
    assert parse_want(want) == sizes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "want", ["32xx32", "", "0x3", "None x 3", 0, -1, (), (3, 0), (3.0,), True, (True,), None, "ax3"]
)
def test_a_malformed_want(want: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse_want(want)  # type: ignore[arg-type]
    assert caught.value.code == "CW604"
    assert "32x32" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("torch.Size([1, 64, 64, 3])", (1, 64, 64, 3)),
        ("TensorShape([None, 64, 64, 3])", (None, 64, 64, 3)),
        ("tf.TensorShape((None, 64, 64, 3))", (None, 64, 64, 3)),
        ("Nx64x64x3", (None, 64, 64, 3)),
        ("(batch, 64, 64, 3)", (None, 64, 64, 3)),
        ("b x 3 x 8 x 9", (None, 3, 8, 9)),
        ("\uff0864\uff0c64\uff0c3\uff09", (64, 64, 3)),
    ],
)
def test_shapes_as_they_are_printed(text: str, shape: tuple[int | None, ...]) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize("text", ["3xNx8", "N", "BxCxHxW", "Nx", "torch.Size(64)", "torch.Size([64", "Size([64, 3])"])
def test_letters_elsewhere_are_no_sizes(text: str) -> None:
    with pytest.raises(ArgumentError):
        parse_shape(text)
