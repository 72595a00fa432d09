"""What is said of words that make no sense."""

from __future__ import annotations

from convwise.errors import ArgumentError


class UsageError(Exception):
    """Words that typer could not make sense of; `told` is the error in our own form, `usage` the line before it."""

    def __init__(self, told: ArgumentError, usage: str) -> None:
        super().__init__(str(told))
        self.told = told
        self.usage = usage
