"""Shapes and wanted sizes as people write them: `64x64x3`, `1×3×224×224`, `(None, 28, 28, 1)`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from convwise.errors import ArgumentError
from convwise.ops import Shape
from convwise.readers.echo import pointed, shown

LONGEST = 400
"""Characters of a shape's text; a shape of any network is far shorter."""

LARGEST_RANK = 16
UNKNOWN_SIZES = ("none", "?")
EXAMPLE = "write it as 64x64x3 (Keras: height x width x channels) or 3x64x64 (PyTorch: channels x height x width)"
WANT_EXAMPLE = "write it as 32x32, or 32 for every axis"


def parse_shape(text: str) -> Shape:
    """The sizes in `text`, in the order written; `None` and `?` are unknown sizes.

    >>> parse_shape("64x64x3"), parse_shape("(None, 28, 28, 1)"), parse_shape("1×3×224×224")
    ((64, 64, 3), (None, 28, 28, 1), (1, 3, 224, 224))

    Raises:
        ArgumentError: CW601, with a caret under the place where the text stops being a shape.
    """
    return tuple(_sizes(text, "CW601", "shape", EXAMPLE, unknown_allowed=True))


def parse_want(want: str | int | Sequence[int]) -> tuple[int, ...]:
    """The wanted output sizes of the spatial axes.

    >>> parse_want("32x32"), parse_want("32"), parse_want((14, 28))
    ((32, 32), (32,), (14, 28))

    Raises:
        ArgumentError: CW604.
    """
    if isinstance(want, str):
        sizes = [size for size in _sizes(want, "CW604", "wanted size", WANT_EXAMPLE) if size is not None]
        if 0 in sizes:
            raise ArgumentError("CW604", "a wanted size must be at least 1", received=shown(want), hint=WANT_EXAMPLE)
        return tuple(sizes)
    given: tuple[Any, ...] = (want,) if isinstance(want, int) else _as_tuple(want)
    if not given or not all(isinstance(size, int) and not isinstance(size, bool) and size >= 1 for size in given):
        raise ArgumentError(
            "CW604",
            "a wanted size is a positive integer for each spatial axis",
            received=shown(repr(want)),
            hint=WANT_EXAMPLE,
        )
    return given


def _as_tuple(want: object) -> tuple[Any, ...]:
    return tuple(want) if isinstance(want, tuple | list) else (None,)


def _sizes(text: object, code: str, what: str, example: str, *, unknown_allowed: bool = False) -> list[int | None]:
    if not isinstance(text, str):
        raise ArgumentError(
            code, f"a {what} is text, not {type(text).__name__}", received=shown(repr(text)), hint=example
        )
    if len(text) > LONGEST:
        raise ArgumentError(code, f"a {what} of {len(text):,} characters", received=shown(text), hint=example)
    start, end = _inside_brackets(text, code, what, example)
    sizes: list[int | None] = []
    position = start
    separator = ""
    while True:
        position = _skip_blanks(text, position, end)
        if position == end and separator == "," and sizes and (start, end) != (0, len(text)):
            break  # the comma of a one-element tuple: (64,)
        sizes.append(_size(text, position, end, code, what, example, unknown_allowed))
        position = _skip_blanks(text, _end_of_word(text, position, end), end)
        if position == end:
            break
        separator = _separator(text, position, separator, code, what, example)
        position += 1
    if len(sizes) > LARGEST_RANK:
        raise ArgumentError(code, f"a {what} of {len(sizes)} axes", received=shown(text), hint=example)
    return sizes


def _inside_brackets(text: str, code: str, what: str, example: str) -> tuple[int, int]:
    """Where the sizes start and end: blanks and one pair of brackets taken off."""
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if start >= end:
        raise ArgumentError(code, f"an empty {what}", received=text, hint=example)
    if text[start] in "([":
        closing = ")" if text[start] == "(" else "]"
        if text[end - 1] != closing or end - 1 == start:
            raise _broken(text, end, f"the bracket {text[start]!r} is not closed", code, what, example)
        start, end = start + 1, end - 1
        if not text[start:end].strip():
            raise ArgumentError(code, f"an empty {what}", received=text, hint=example)
    return start, end


def _skip_blanks(text: str, position: int, end: int) -> int:
    while position < end and text[position].isspace():
        position += 1
    return position


def _end_of_word(text: str, position: int, end: int) -> int:
    found = re.match(r"[0-9]+|none|\?", text[position:end], re.IGNORECASE)
    return position + (found.end() if found else 0)


def _size(text: str, position: int, end: int, code: str, what: str, example: str, unknown_allowed: bool) -> int | None:
    stop = _end_of_word(text, position, end)
    word = text[position:stop]
    if word.lower() in UNKNOWN_SIZES:
        if unknown_allowed:
            return None
        raise _broken(text, position, "a number is needed here", code, what, example)
    if not word:
        raise _broken(text, position, _complaint(text, position, end), code, what, example)
    if len(word) > 19 or int(word) > 2**63 - 1:
        raise _broken(text, position, f"a number of {len(word)} digits is too large", code, what, example)
    return int(word)


def _complaint(text: str, position: int, end: int) -> str:
    if position >= end:
        return "a size is missing at the end"
    if text[position] in "-−":
        return "a size cannot be negative"
    return "a size is missing here" if text[position] in "xX×*," else f"'{shown(text[position])}' is not a size"


def _separator(text: str, position: int, before: str, code: str, what: str, example: str) -> str:
    """The separator at `position`; all separators of one shape are alike, so that a typo is not read as one."""
    sign = {"X": "x", "×": "x", "*": "x"}.get(text[position], text[position])
    if sign not in ("x", ","):
        if text[position] in "eE.":
            raise _broken(text, position, "a size is a whole number, written in digits", code, what, example)
        raise _broken(text, position, f"'{shown(text[position])}' is neither a digit nor 'x'", code, what, example)
    if before and sign != before:
        raise _broken(text, position, f"{before!r} and {sign!r} are mixed", code, what, example)
    return sign


def _broken(text: str, position: int, complaint: str, code: str, what: str, example: str) -> ArgumentError:
    return ArgumentError(
        code,
        f"'{shown(text)}' is not a {what}: {complaint}",
        detail=pointed(text, position),
        received=shown(text),
        hint=example,
    )
