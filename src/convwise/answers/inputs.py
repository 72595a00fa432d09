"""Input shapes and wanted sizes as callers give them: text, or any sequence of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convwise.dialects.base import Dialect, Entered
from convwise.ops import Shape
from convwise.ops.shape import whole
from convwise.readers.shapes import as_shape, parse_want

if TYPE_CHECKING:
    from convwise.readers.source import Found

__all__ = ["as_shape", "as_want", "enter"]


def as_want(given: Any) -> tuple[int, ...]:
    """A wanted spatial size: "32x32", "32", 32 or (32, 32).

    Raises:
        ArgumentError: CW604.
    """
    number = whole(given)
    return parse_want(given if number is None else str(number))


def enter(spoken: Dialect, found: Found, shape: Shape) -> Entered:
    """`shape` as the first layer sees it; whether it has a batch is told by the input that the text declares, if it does.

    A shape that is given with the text is told by the layers first: the input in the text may be another one.

    >>> from convwise import dialects
    >>> from convwise.readers.source import read_text
    >>> keras = dialects.get("keras")
    >>> (found,) = read_text("Flatten(input_shape=(9, 2))").found
    >>> enter(keras, found, (9, 2)).shape, enter(keras, found, (4, 9, 2)).shape
    ((None, 9, 2), (4, 9, 2))
    """
    guessed = spoken.enter(found.layers, shape)
    if found.batched is None or found.input_shape is None:
        return guessed
    if shape != found.input_shape and not any(note.code == "CW509" for note in guessed.notes):
        return guessed
    axes = len(found.input_shape) + (not found.batched)
    if len(shape) not in (axes - 1, axes):
        return guessed
    added = len(shape) < axes
    full = (None, *shape) if added else shape
    # What is left to say about the order of the sizes is said of the full shape; nothing is guessed any more.
    notes = tuple(note for note in spoken.enter(found.layers, full).notes if note.code != "CW509")
    return Entered(full, added, notes)
