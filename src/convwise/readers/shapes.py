"""Shapes and wanted sizes as people write them: `64x64x3`, `1×3×224×224`, `(None, 28, 28, 1)`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from convwise.errors import ArgumentError, said
from convwise.ops import Shape
from convwise.ops.shape import whole
from convwise.readers.echo import pointed, shown

LONGEST = 400
"""Characters of a shape's text; a shape of any network is far shorter."""

LARGEST_RANK = 16
UNKNOWN_SIZES = ("none", "?")
UNORDERED = (bytes, bytearray, Mapping, Set)
"""What can be gone through and is still no shape."""
BATCH = re.compile(r"(?:batch_size|batch|bs|n|b)(?=[ \t]*[xX\u00d7*,])", re.IGNORECASE)
"""What people write for a batch of unknown size, in front of the other sizes."""

WIDE = str.maketrans("\uff08\uff09\uff3b\uff3d\uff0c", "()[],")
CALLS = re.compile(r"\s*(?:torch\.Size|(?:tf\.)?TensorShape)\s*\((?=\s*[(\[])(.*)\)\s*\Z", re.DOTALL)
"""A shape as PyTorch and TensorFlow print it."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a text should be: the code and the words of its errors, and whether sizes may be unknown."""

    code: str
    what: str
    example: str
    open: bool = False

    def error(self, fact: str, received: object, detail: str = "") -> ArgumentError:
        text = received if isinstance(received, str) else repr(received)
        return ArgumentError(self.code, fact, detail=detail, received=shown(text), hint=self.example)

    def wrong(self, fact: str, received: object, hint: str) -> ArgumentError:
        return ArgumentError(self.code, fact, received=said(received), hint=hint)

    def broken(self, text: str, position: int, complaint: str) -> ArgumentError:
        fact = f"'{shown(text)}' is not a {self.what}: {complaint}"
        return self.error(fact, text, pointed(text, position))


SHAPE = Form(
    "CW601",
    "shape",
    "write it as 64x64x3 (Keras: height x width x channels) or 3x64x64 (PyTorch: channels x height x width)",
    open=True,
)
WANT = Form("CW604", "wanted size", "write it as 32x32, or 32 for every axis")


def parse_shape(text: str) -> Shape:
    """The sizes in `text`, in the order written; `None` and `?` are unknown sizes, and so is a batch written as a letter.

    >>> parse_shape("torch.Size([1, 64, 64, 3])"), parse_shape("Nx64x64x3")
    ((1, 64, 64, 3), (None, 64, 64, 3))
    >>> parse_shape("64x64x3"), parse_shape("(None, 28, 28, 1)"), parse_shape("1×3×224×224")
    ((64, 64, 3), (None, 28, 28, 1), (1, 3, 224, 224))

    Raises:
        ArgumentError: CW601, with a caret under the place where the text stops being a shape.
    """
    return tuple(_sizes(text, SHAPE))


def as_shape(given: Any, *, scalar: bool = False) -> Shape:
    """Text such as "64x64x3" or a sequence of integers (None: not known) as a shape; () too with `scalar`.

    Raises:
        ArgumentError: CW601, with the shape to pass where the array itself is given.

    >>> as_shape([64, 64, 3])
    (64, 64, 3)
    """
    if isinstance(given, str):
        return parse_shape(given)
    shape = None if isinstance(given, tuple | list) else _shape_of(given)
    # An array of one axis may hold the sizes themselves.
    if isinstance(given, Iterable) and not isinstance(given, UNORDERED) and (shape is None or len(shape) == 1):
        given = tuple(given)
        sizes = tuple([size if type(size) is int or size is None else whole(size) for size in given])
        wrong = [one for one, size in zip(given, sizes, strict=True) if size is None and one is not None]
        if wrong and shape is None:
            raise SHAPE.wrong(
                f"{said(wrong[0])} in the shape is not an integer",
                given,
                "sizes are whole numbers, or None where not known",
            )
        if not wrong and (sizes or scalar):
            return sizes
    if shape:
        fact = f"an input shape is text or a tuple of integers, not an array of shape {shape}"
        raise SHAPE.wrong(fact, given, f"for an array x, pass x.shape, which is {shape} here")
    raise SHAPE.wrong(
        f"an input shape is text such as 64x64x3 or a tuple of integers, not {said(given)}",
        given,
        "for example (64, 64, 3) for Keras, (3, 64, 64) for PyTorch",
    )


def _shape_of(given: Any) -> tuple[Any, ...] | None:
    """What an array of NumPy or of a framework tells of itself."""
    shape = getattr(given, "shape", None)
    return tuple(shape) if isinstance(shape, Iterable) and not isinstance(shape, str) else None


def parse_want(want: str | int | Sequence[int]) -> tuple[int, ...]:
    """The wanted output sizes of the spatial axes.

    >>> parse_want("32x32"), parse_want("32"), parse_want((14, 28))
    ((32, 32), (32,), (14, 28))

    Raises:
        ArgumentError: CW604.
    """
    if isinstance(want, str):
        sizes = tuple(size for size in _sizes(want, WANT) if size is not None)
        if 0 in sizes:
            raise WANT.error("a wanted size must be at least 1", want)
        return sizes
    given: tuple[Any, ...] = (want,) if isinstance(want, int) else _as_tuple(want)
    numbers = [number for number in map(whole, given) if number is not None and number >= 1]
    if not given or len(numbers) < len(given):
        raise WANT.error("a wanted size is a positive integer for each spatial axis", want)
    return tuple(numbers)


def _as_tuple(want: object) -> tuple[Any, ...]:
    return tuple(want) if isinstance(want, tuple | list) else (None,)


def _sizes(text: object, form: Form) -> list[int | None]:
    if not isinstance(text, str):
        raise form.error(f"a {form.what} is text, not {type(text).__name__}", text)
    if len(text) > LONGEST:
        raise form.error(f"a {form.what} of {len(text):,} characters", text)
    text = text.translate(WIDE)
    start, end = _inside_brackets(text, form)
    sizes: list[int | None] = []
    position = _skip_blanks(text, start, end)
    separator = ""
    batch = BATCH.match(text, position, end) if form.open else None
    if batch:
        sizes.append(None)
        position = _skip_blanks(text, batch.end(), end)
        separator = _separator(text, position, separator, form)
        position += 1
    while True:
        position = _skip_blanks(text, position, end)
        if position == end and separator == "," and text[end : end + 1] in (")", "]"):
            break  # the comma of a tuple that ends in one: (64,)
        sizes.append(_size(text, position, end, form))
        position = _skip_blanks(text, _end_of_word(text, position, end), end)
        if position == end:
            break
        separator = _separator(text, position, separator, form)
        position += 1
    if len(sizes) > LARGEST_RANK:
        raise form.error(f"a {form.what} of {len(sizes)} axes", text)
    return sizes


def _inside_brackets(text: str, form: Form) -> tuple[int, int]:
    """Where the sizes start and end: blanks and one pair of brackets taken off."""
    printed = CALLS.match(text) if form.open else None
    begun, ended = printed.span(1) if printed else (0, len(text))
    start, end = begun + len(text[begun:]) - len(text[begun:].lstrip()), len(text[:ended].rstrip())
    if start < end and text[start] in "([":
        if text[end - 1] != (")" if text[start] == "(" else "]"):
            raise form.broken(text, end, f"the bracket {text[start]!r} is not closed")
        start, end = start + 1, end - 1
    if not text[start:end].strip():
        raise form.error(f"an empty {form.what}", text)
    return start, end


def _skip_blanks(text: str, position: int, end: int) -> int:
    while position < end and text[position].isspace():
        position += 1
    return position


def _end_of_word(text: str, position: int, end: int) -> int:
    found = re.match(r"[0-9]+|none|\?", text[position:end], re.IGNORECASE)
    return position + (found.end() if found else 0)


def _size(text: str, position: int, end: int, form: Form) -> int | None:
    word = text[position : _end_of_word(text, position, end)]
    if word.lower() in UNKNOWN_SIZES:
        if form.open:
            return None
        raise form.broken(text, position, "a number is needed here")
    if not word:
        raise form.broken(text, position, _complaint(text, position, end))
    if len(word) > 19 or int(word) > 2**63 - 1:
        raise form.broken(text, position, f"a number of {len(word)} digits is too large")
    return int(word)


def _complaint(text: str, position: int, end: int) -> str:
    if position >= end:
        return "a size is missing at the end"
    if text[position] in "-−":
        return "a size cannot be negative"
    return "a size is missing here" if text[position] in "xX×*," else f"'{shown(text[position])}' is not a size"


def _separator(text: str, position: int, before: str, form: Form) -> str:
    """The separator at `position`; all separators of one shape are alike, so that a typo is not read as one."""
    sign = {"X": "x", "×": "x", "*": "x"}.get(text[position], text[position])
    if sign in "eE.":
        raise form.broken(text, position, "a size is a whole number, written in digits")
    if sign.isdecimal():
        raise form.broken(text, position, "an 'x' is missing before this size")
    if sign not in "x,":
        raise form.broken(text, position, f"'{shown(text[position])}' is neither a digit nor 'x'")
    if before and sign != before:
        raise form.broken(text, position, f"{before!r} and {sign!r} are mixed")
    return sign
