"""Input shapes and wanted sizes as callers give them: text, or any sequence of integers."""

from __future__ import annotations

from typing import Any

from convwise.ops.shape import whole
from convwise.readers.entering import enter
from convwise.readers.shapes import as_shape, parse_want

__all__ = ["as_shape", "as_want", "enter"]


def as_want(given: Any) -> tuple[int, ...]:
    """A wanted spatial size: "32x32", "32", 32 or (32, 32).

    Raises:
        ArgumentError: CW604.
    """
    number = whole(given)
    return parse_want(given if number is None else str(number))
