"""The plain case of the command line, read by hand: a command, its values and its options, each written out.

Typer reads everything else (help, abbreviations of form, mistakes, completion) and says the same where both can; a test
compares the two. It is here because loading typer takes longer than finding the answer does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

VALUED = {
    "why": ("--want", "--dialect", "--release", "--model", "--format"),
    "rule": ("--format",),
    "doctor": ("--format",),
}
"""The options of each command that take a value."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the words come to: a request for `ask`, and how its answer shall look."""

    request: dict[str, object]
    as_json: bool = False
    form: str | None = None
    shown: dict[str, object] = field(default_factory=dict)
    """How the answer is laid out: sorted, folded, filtered. It changes no answer, only which rows of it are told."""


def plain(words: Sequence[str]) -> Wanted | None:
    """The request that plain words make; None where typer must look.

    >>> plain(["why", "Conv2D(32, 3)", "64x64x3", "--json"]).as_json
    True
    >>> plain(["why", "--help"]) is None
    True
    """
    if not words or words[0] not in VALUED or "_CONVWISE_COMPLETE" in os.environ:
        return None
    command, rest = words[0], iter(words[1:])
    values: list[str] = []
    options: dict[str, str] = {}
    for word in rest:
        if word == "-" or not word.startswith("-"):
            values.append(word)
            continue
        value = "yes" if word == "--json" else next(rest, "") if word in VALUED[command] else ""
        if not value or value.startswith("-") or word in options:
            return None
        options[word] = value
    request = _request(command, values, options)
    if request is None:
        return None
    return Wanted(request, "--json" in options, options.get("--format") or os.environ.get("CONVWISE_FORMAT") or None)


def _request(command: str, values: list[str], options: dict[str, str]) -> dict[str, object] | None:
    """The request of a command with these values; None where their number is wrong."""
    if command == "why" and values:
        given = {name: options.get(f"--{name}") for name in ("want", "dialect", "release", "model")}
        return {"command": "why", "code": values[0], "inputs": values[1:], **given}
    if command == "rule" and len(values) <= 1:
        return {"command": "rule", "code": values[0] if values else None}
    if command == "doctor" and not values:
        return {"command": "doctor"}
    return None
