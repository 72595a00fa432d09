"""Shape errors of the frameworks, pasted as they were printed: what they mean, in sizes, and what to change.

messages    the sentences that are known, and for each what it means (telling) and the numbers it holds (clues)
locate      the node of a model that can have said it (equations), and the input sizes that make it say so
in_model    both together
"""

from __future__ import annotations

import re
from dataclasses import replace

from convwise.answers.explanation import Explanation, Fact
from convwise.answers.tracebacks import clues, losses
from convwise.answers.tracebacks.clue import Clue
from convwise.answers.tracebacks.in_model import in_model
from convwise.answers.tracebacks.kinds import Kind, Match
from convwise.answers.tracebacks.messages import LONGEST, TITLES, last_message
from convwise.answers.tracebacks.telling import factored
from convwise.answers.tracebacks.texts import hints, rejoined, without_prose, without_report
from convwise.answers.wording import listed
from convwise.errors import ConvwiseError
from convwise.graph import Network
from convwise.ops import Shape
from convwise.readers.models import from_text

__all__ = ["LONGEST", "error_sources", "explain_traceback", "factored", "holds_report"]


def explain_traceback(
    text: str,
    model: Network | None = None,
    input_shape: Shape | None = None,
    dialect: str | None = None,
    *,
    alone: bool = True,
) -> Explanation | None:
    """The explanation of the last shape error in a pasted traceback; None where none is known.

    With the `model`, or where the text holds its code too, the layer that says it is found: `.name`. Without `alone`, None where there
    is no model.

    >>> told = explain_traceback("RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)")
    >>> told.headline
    'What reaches the Linear layer has 1568 features; its weights are made for 1050.'
    """
    text, found = _found(text)
    if found is None:
        return None
    kind, match, start = found
    if kind.clue is clues.joined and match.groupdict().get("at") and _inside_loss(text[: start + match.start()]):
        kind = replace(kind, tell=losses.compared_sizes, clue=clues.compared)
    told = _told(kind, match)
    names: tuple[str, ...] = ()
    if model is None:
        rest = without_report(text, start + match.start(), start + match.end())
        model = _model(rest, input_shape, dialect)
        names = hints("\n".join(a for a, b in zip(text.split("\n"), rest.split("\n"), strict=True) if a != b))
    else:
        names = hints(text)
    if model is None:
        return told if alone else None
    clue: Clue | None = kind.clue(match) if kind.clue is not None else None
    return in_model(told, clue, model, input_shape, names)


def _found(text: str) -> tuple[str, tuple[Kind, Match, int] | None]:
    """The last known message and the text it is found in: the one that is given, or that with its broken lines joined."""
    found = last_message(text)
    if found is not None or len(text) > LONGEST:
        return text, found
    whole = rejoined(text)
    return whole, last_message(whole) if whole != text else None


def _inside_loss(before: str) -> bool:
    """Whether the last traceback of the text before a message ends inside a loss."""
    return (
        losses.IN_LOSS.search(before[max(before.rfind("Traceback (most recent"), len(before) - LONGEST, 0) :])
        is not None
    )


def holds_report(text: str) -> bool:
    """Whether a known message stands in the text, outside of comments."""
    text, found = _found(text)
    if found is None:
        return False
    _, match, start = found
    line = text[text.rfind("\n", 0, start + match.start()) + 1 :]
    return not line.lstrip().startswith("#")


def error_sources() -> str:
    """The frameworks whose messages are known."""
    return listed(list(TITLES.values()))


def _told(kind: Kind, match: Match) -> Explanation:
    headline, facts, fixes = kind.tell(match)
    # What TensorFlow prints behind the message is read, not said again.
    said = " ".join(re.split(r"\s*\[Op:|\x1b", match.group(0))[0].split())
    return Explanation(
        dialect=kind.dialect,
        title=TITLES[kind.dialect],
        release="",
        kind="error message",
        code=said,
        input=(),
        output=(),
        headline=headline,
        facts=(Fact("it says", (said,)), *facts),
        fixes=fixes,
        params=None,
        macs=None,
    )


def _model(text: str, input_shape: Shape | None, dialect: str | None) -> Network | None:
    """The model in what is left of a text, if there is one."""
    for candidate in dict.fromkeys((text, without_prose(text))):
        if not candidate.strip():
            return None
        # A text that can be read with its sizes open takes the given input as any model does, with the batch put before it.
        for shape in dict.fromkeys((None, input_shape)):
            try:
                return from_text(candidate, shape, dialect)
            except ConvwiseError:
                continue
    return None
