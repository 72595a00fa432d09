"""Input shapes and wanted sizes as callers give them: text, or any sequence of integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from convwise.dialects.base import Dialect, Entered
from convwise.errors import ArgumentError
from convwise.ops import Shape
from convwise.readers.shapes import parse_shape, parse_want
from convwise.readers.source import Found


def as_shape(given: Any) -> Shape:
    """Text such as "64x64x3" or a sequence of integers (None: not known) as a shape.

    Raises:
        ArgumentError: CW601.

    >>> as_shape([64, 64, 3])
    (64, 64, 3)
    """
    if isinstance(given, str):
        return parse_shape(given)
    if isinstance(given, Iterable):
        sizes = tuple(_size(size, given) for size in given)
        if sizes:
            return sizes
    raise ArgumentError(
        "CW601",
        f"an input shape is text such as 64x64x3 or a tuple of integers, not {given!r}",
        received=repr(given),
        hint="for example (64, 64, 3) for Keras, (3, 64, 64) for PyTorch",
    )


def as_want(given: Any) -> tuple[int, ...]:
    """A wanted spatial size: "32x32", "32", 32 or (32, 32).

    Raises:
        ArgumentError: CW604.
    """
    return parse_want(str(given) if isinstance(given, int) and not isinstance(given, bool) else given)


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


def _size(size: Any, given: Any) -> int | None:
    if size is None or (isinstance(size, int) and not isinstance(size, bool)):
        return None if size is None else int(size)
    # NumPy integers and the like say by __index__ that they are integers.
    index = getattr(type(size), "__index__", None)
    if index is not None and not isinstance(size, bool):
        return int(index(size))
    raise ArgumentError(
        "CW601",
        f"{size!r} in the shape is not an integer",
        received=repr(given),
        hint="sizes are whole numbers, or None where not known",
    )
