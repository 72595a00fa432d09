"""Squares of numbers turned in registers: where an array lies by rows and the vectors of a kernel are columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import halide as hl


@dataclass(frozen=True)
class Turned:
    """Squares of lanes x lanes numbers, turned: `last[lane * lanes + row, *rest]` is the source's `rows(row, lane, *rest)`.

    With 16 lanes in four rounds, each of which interleaves pairs of vectors: 64 shuffles, where one interleaving of all
    sixteen vectors becomes 170.
    """

    rounds: tuple[Any, ...]
    ways: int
    lanes: int

    @property
    def last(self) -> Any:
        return self.rounds[-1]

    def compute_at(self, consumer: Any, var: Any, hoisted: Any = None) -> None:
        """Schedule all rounds for one square in each iteration of `var`; storage at `hoisted`, if that is given."""
        whole, part, lane, way = (hl.Var(name) for name in ("whole", "part", "lane", "way"))
        for func in self.rounds:
            place = func.args()[0]
            func.compute_at(consumer, var).bound(place, 0, self.lanes**2)
            if hoisted is not None:
                func.hoist_storage(consumer, hoisted)
            func.split(place, whole, part, self.lanes * self.ways).split(part, lane, way, self.ways)
            func.reorder(lane, way, whole).vectorize(lane).unroll(way).unroll(whole).never_partition_all()


def turned(name: str, rows: Callable[..., Any], lanes: int, rest: Sequence[Any]) -> Turned:
    """The Funcs that turn squares of `rows(row, lane, *rest)`."""
    ways = 2 if lanes == 16 else lanes
    place, apart = hl.Var("place"), lanes // ways
    rounds: list[Any] = []
    while ways ** len(rounds) < lanes:
        func = hl.Func(f"{name}{len(rounds)}")
        part = place % (lanes * ways)
        row, lane = part % ways * apart + place / (lanes * ways), part / ways
        func[[place, *rest]] = rounds[-1][[row * lanes + lane, *rest]] if rounds else rows(row, lane, *rest)
        rounds.append(func)
    return Turned(tuple(rounds), ways, lanes)
