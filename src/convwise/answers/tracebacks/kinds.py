"""One sentence of a framework, and the pieces that its pattern is made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from convwise.answers.tracebacks.clue import Clue
from convwise.answers.tracebacks.telling import Told

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sentence of a framework: what it means, and the clue it gives."""

    dialect: str
    pattern: re.Pattern[str]
    tell: Callable[[Match], Told]
    clue: Callable[[Match], Clue] | None


NUMBER = r"\d{1,12}"
SIZES = r"[\[(]\d{1,12}[\d, ]{0,100}[\])]"
"""Sizes that are all numbers, one at least."""
SHAPE = r"[\[({][\d, Nonex?]{1,200}[\])}]"


def kinds(dialect: str, *rows: tuple[str, Callable[[Match], Told], Callable[[Match], Clue] | None]) -> tuple[Kind, ...]:
    """The rows of one framework: the pattern, what it means, and the clue."""
    return tuple(Kind(dialect, re.compile(pattern), tell, clue) for pattern, tell, clue in rows)
