"""What two layers have in common and where they differ: facts at once, numbers when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from convwise.answers.explanation import Fact
from convwise.answers.present import Presented
from convwise.ops import Shape

MOST_MACS = 20_000_000_000
"""Multiply-adds up to which either side is run, unless more is allowed; NumPy takes some seconds for them."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its framework, its text, and its shapes as its framework orders them."""

    dialect: str
    title: str
    release: str
    code: str
    input: Shape
    output: Shape

    def to_dict(self) -> dict[str, Any]:
        return {
            "dialect": self.dialect,
            "release": self.release,
            "code": self.code,
            "input": list(self.input),
            "output": list(self.output),
        }


@dataclass(frozen=True, slots=True)
class Numbers:
    """Both sides run with the same weights on the same random input.

    `largest` is the largest absolute output; `where` says in words where they differ (nowhere, border, everywhere, part, shifted; order: the
    same numbers in another order) and
    `picture` shows it, `#` different and `.` equal, a few cells of the map each. `first` names the first pair of layers that differ. `proved_by` is "reference",
    or the frameworks that ran with their versions. None where nothing could be run, and `note` says why.
    """

    max_abs: float | None
    max_rel: float | None
    largest: float | None
    where: str
    picture: tuple[str, ...] = ()
    first: str | None = None
    proved_by: str = "reference"
    note: str = ""
    equal: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "max_abs_difference": self.max_abs,
            "max_rel_difference": self.max_rel,
            "largest_output": self.largest,
            "where": self.where,
            "picture": list(self.picture),
            "first": self.first,
            "proved_by": self.proved_by,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Reordered:
    """The second is the first, but that a Flatten's cells come in another order.

    `output`: the outputs are the same numbers in another order; else a dense layer after the Flatten has the rows of its weights in that order.
    `orders` name the axes of either in their order, and `remedy` says what to do.
    """

    output: bool
    orders: tuple[str, str]
    remedy: str

    @property
    def headline(self) -> str:
        if self.output:
            return f"Not equal: the same numbers in another order, {self.orders[0]} against {self.orders[1]}."
        return "Not equal with the same weights: the rows of the dense layer must follow the order of Flatten's cells."


NOT_RUN = Numbers(None, None, None, "not run", note="nothing was run", proved_by="nothing")


def no_offer() -> str:
    """Nothing is offered in the other's words."""
    return ""


def not_run() -> Numbers:
    """Nothing was run."""
    return NOT_RUN


def not_reordered() -> None:
    """No Flatten is looked at."""


@dataclass(frozen=True)
class Difference(Presented):
    """Two layers or chains on one input.

    `facts` tell shape, alignment, padding and weights; `alignment` are the windows of both drawn one above the other. `same_windows` is None where
    the windows cannot be laid on each other, as those of other kinds of layers: there the values decide. `equal` only where nothing differs of the
    shapes, the windows and the values; `several`: they are more than one layer each. The values are computed when one of `equal`, `max_abs_difference`, `numbers` is first asked for.
    """

    a: Side
    b: Side
    facts: tuple[Fact, ...]
    same_shape: bool
    same_windows: bool | None
    alignment: tuple[str, ...] = ()
    offer: Callable[[], str] = field(default=no_offer, repr=False, compare=False)
    run: Callable[[], Numbers] = field(default=not_run, repr=False, compare=False)
    several: bool = False
    reordered: Callable[[], Reordered | None] = field(default=not_reordered, repr=False, compare=False)

    @cached_property
    def numbers(self) -> Numbers:
        """What came out when both were run."""
        found = self.run()
        if found.max_abs is None or found.equal or self.reorder is None or not self.reorder.output:
            return found
        return replace(found, where="order", picture=())

    @cached_property
    def reorder(self) -> Reordered | None:
        """Where only the order of a Flatten's cells tells them apart: asked for where the outputs are not equal."""
        return self.reordered() if self.same_shape and self.same_windows is not False else None

    @property
    def equal(self) -> bool:
        """Whether shape, alignment and values agree."""
        return self.same_shape and self.same_windows is not False and self.numbers.equal

    @property
    def max_abs_difference(self) -> float | None:
        """The largest absolute difference of the outputs; None where the shapes differ."""
        return self.numbers.max_abs

    @property
    def max_rel_difference(self) -> float | None:
        """The same, as a share of the largest output."""
        return self.numbers.max_rel

    @property
    def proved_by(self) -> str:
        """What was run: "reference", or the installed frameworks with their versions."""
        return self.numbers.proved_by

    @property
    def largest_output(self) -> float | None:
        """The largest absolute output of the two."""
        return self.numbers.largest

    @property
    def where(self) -> str:
        """Where in the map they differ, in words."""
        return self.numbers.where

    @property
    def picture(self) -> tuple[str, ...]:
        """The same as a picture, `#` different and `.` equal."""
        return self.numbers.picture

    @property
    def first(self) -> str | None:
        """The first layers after which the values part."""
        return self.numbers.first

    @property
    def note(self) -> str:
        """What else there is to say about the values, such as why nothing was run."""
        return self.numbers.note

    @cached_property
    def exact(self) -> str:
        """Where they are not equal and speak two frameworks: the first in the second's words, exactly."""
        if self.equal:
            return ""
        return self.offer() if self.reorder is None else self.reorder.remedy

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        numbers = self.numbers
        if self.equal:
            return f"Equal: the same shape, {'the same windows, ' if self.same_windows else ''}the same values."
        if not self.same_shape:
            return "Not equal: the shapes differ."
        if self.same_windows is False:
            return "Not equal: the shapes agree, the windows do not stand on the same cells."
        if numbers.max_abs is None:
            return f"Not shown to be equal: {numbers.note}."
        if self.reorder is not None:
            return self.reorder.headline
        where = {"border": "at the border only", "everywhere": "everywhere", "part": "in parts of the map"}.get(
            numbers.where, numbers.where
        )
        agree = "shapes and windows agree" if self.same_windows else "the shapes agree"
        return f"Not equal: {agree}, the values differ {where}."

    def to_dict(self) -> dict[str, Any]:
        return {
            "equal": self.equal,
            "headline": self.headline,
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "same_shape": self.same_shape,
            "same_windows": self.same_windows,
            "facts": [{"label": fact.label, "lines": list(fact.lines)} for fact in self.facts],
            "alignment": list(self.alignment),
            "exact": self.exact,
            **self.numbers.to_dict(),
        }
