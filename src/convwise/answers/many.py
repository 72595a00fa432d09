"""One layer on several inputs: what holds for all of them, told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.answers.explanation import Explanation, Fact, show
from convwise.answers.headline import ANY_INPUT
from convwise.answers.wording import listed

MOST_COUNTS = 4


@dataclass(frozen=True, slots=True)
class Many:
    """The sentence for all inputs, the rows before their outputs, and those behind."""

    headline: str
    before: tuple[Fact, ...] = ()
    after: tuple[Fact, ...] = ()


def many(worked: Sequence[Explanation]) -> Many:
    """What the explanations of one layer have in common; there is at least one.

    >>> from convwise import explain
    >>> both = [explain("nn.Conv1d(3, 4, 3)", (3, size)) for size in (10, 20)]
    >>> many(both).after[0].lines
    ('the channels, once the layer is built; length is free',)
    """
    first = worked[0]
    if first.parts or not first.axes:
        return Many(first.headline)
    headline = ANY_INPUT if any(axis.kernel for axis in first.axes) else first.headline
    counts = {one.params: show(one.input) for one in reversed(worked)}
    shared = f"; {first.params:,} parameters serve all" if first.params and len(counts) == 1 else ""
    rule = _any_size(first)
    alike = all(_any_size(one) == rule for one in worked)
    before = (Fact("any size", (rule + shared,)),) if alike else ()
    return Many(headline, before, (_fixed(first, counts),) if first.params else ())


def _any_size(told: Explanation) -> str:
    """`n -> n - 2, n >= 3, each axis apart`, or the rule of each axis with its name."""
    texts: dict[str, list[str]] = {}
    for axis in told.axes:
        texts.setdefault(axis.any_size, []).append(axis.name)
    if len(texts) == 1:
        return f"n -> {next(iter(texts))}{', each axis apart' if len(told.axes) > 1 else ''}"
    return "; ".join(f"{listed(names)}: n -> {text}" for text, names in texts.items())


def _fixed(told: Explanation, counts: dict[int | None, str]) -> Fact:
    """What a built layer keeps; inputs that need other parameters are no inputs of one layer."""
    names = [axis.name for axis in told.axes]
    free = f"{listed(names)} {'is' if len(names) == 1 else 'are'} free"
    apart = sorted((count, shape) for count, shape in counts.items() if count is not None)[:MOST_COUNTS]
    needs = ", ".join(f"{count:,} for {shape}" for count, shape in apart)
    own = f": the inputs need layers of their own, parameters {needs}" if len(counts) > 1 else ""
    return Fact("fixed", (f"the channels, once the layer is built{own}; {free}",))
