"""One door for every face: a request in, an answer out, both plain JSON values.

    >>> reply = ask({"command": "rule", "code": "CW104"})
    >>> reply["schema"], reply["rule"]["title"]
    (1, 'The window is longer than its padded input')

The command line, a notebook, a page and any program come through here, so they cannot disagree. `answer` is the same
door for a face that lays out the values itself.

`form` is what a request may say, `layers` and `networks` answer it, `outcomes` are what comes of it, `door` leads through.
"""

from __future__ import annotations

from convwise.ask.door import answer, ask, attempt, bug
from convwise.ask.form import KEYS, MOST_INPUTS
from convwise.ask.outcomes import (
    SCHEMA,
    Answer,
    Checked,
    Doctor,
    Inspected,
    Rules,
    Sized,
    Solved,
    Why,
    exit_code,
    failure,
    to_json,
)

__all__ = [
    "KEYS",
    "MOST_INPUTS",
    "SCHEMA",
    "Answer",
    "Checked",
    "Doctor",
    "Inspected",
    "Rules",
    "Sized",
    "Solved",
    "Why",
    "answer",
    "ask",
    "attempt",
    "bug",
    "exit_code",
    "failure",
    "to_json",
]
