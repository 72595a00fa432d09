"""Answers that rest on the order in which print(model) shows the layers: there is no flat "no" where it conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from convwise.errors import CodeError, Meant, ShapeError

NOT_SHOWN = (
    "a printed model shows neither the order in which {owner} runs its layers, nor whether one of them runs twice"
)
GIVE = "give the code of the class, with its forward, or the live model"


@contextmanager
def in_order(owner: str) -> Iterator[None]:
    """Where `owner` is the class of a printed module, a break in the order of the print is told as an open question.

    Raises:
        CodeError: CW314 in the place of a ShapeError.
    """
    try:
        yield
    except ShapeError as error:
        if owner:
            raise unsettled(error, owner) from None
        raise


def unsettled(error: ShapeError, owner: str) -> CodeError:
    """What stands in the place of a break whose chain is only the printed order of the layers of `owner`.

    >>> told = unsettled(ShapeError("CW109", "the layer takes 400 features, the input has 1600", layer="'fc1'"), "Net")
    >>> told.fact
    "the printed model does not settle it: if Net's layers ran once each in the printed order, 'fc1' would not fit: the layer takes 400 features, the input has 1600"
    """
    place = error.layer or "a layer"
    missing = f"{NOT_SHOWN.format(owner=owner)}, nor functions between them such as pooling, relu or flatten"
    found = CodeError(
        "CW314",
        f"the printed model does not settle it: if {owner}'s layers ran once each in the printed order, {place} would not fit: {error.fact}",
        detail=f"{error.detail}\n{missing}".strip(),
        # An input in another framework's order is wrong in every order of the layers.
        hint=f"{error.hint}\n{GIVE}" if isinstance(error.hint, Meant) else GIVE,
        received=error.received,
    )
    found.dialect, found.call = error.dialect, error.call
    if error.explanation is not None:
        headline = f"Not settled. In the printed order it breaks at {place}, but that order need not be forward's."
        facts = tuple(fact for fact in error.explanation.facts if fact.label != "would work")
        found.explanation = replace(error.explanation, headline=headline, facts=facts, fixes=(), error=found)
    return found
