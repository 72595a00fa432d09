"""Commands about convwise itself: its codes, and how it stands on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from convwise.commands.options import Form, Json
from convwise.words import Wanted


def _codes(incomplete: str) -> list[tuple[str, str]]:
    from convwise.rules import RULES

    return [(code, rule.title) for code, rule in RULES.items() if code.startswith(incomplete.upper())]


def rule(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE", help="A code such as CW104; without one, all are listed.", autocompletion=_codes
        ),
    ] = None,
    form: Form = None,
    json: Json = False,
) -> Wanted:
    """Tell the long text of a code: what it means, an example, what to do.

    \b
    Examples:
      convwise rule CW104
      convwise rule          all codes with their titles
    """
    return Wanted({"command": "rule", "code": code}, json, form)


def doctor(form: Form = None, json: Json = False) -> Wanted:
    """Show versions, the machine, which engine is in use, and what is missing."""
    return Wanted({"command": "doctor"}, json, form)
