"""What a plan must know of each kernel family: what it cannot do, what it would cost, and how its weights lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convwise.engine.arrays import Array
from convwise.engine.families import depthwise, direct, first, grouped, planes, pool, transposed, winograd
from convwise.engine.isa import Isa
from convwise.engine.order import Order, Spectrum
from convwise.engine.problem import Choice, Problem


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the candidate table; `pack` is None where there are no weights.

    One that `fuses` adds a residual and applies any activation on the way out. Others do no more than clamp, since they are slower
    when they do: what follows then is a pass of its own.
    """

    name: str
    why_not: Callable[[Problem, Isa], str | None]
    choices: Callable[[Problem, Isa], list[Choice]]
    pack: Callable[[Choice, Array], Order | Spectrum | Array] | None
    fuses: bool = False


FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family("direct", direct.why_not, direct.choices, direct.pack),
        Family("winograd", winograd.why_not, winograd.choices, winograd.pack, fuses=True),
        Family("depthwise", depthwise.why_not, depthwise.choices, depthwise.pack),
        Family("grouped", grouped.why_not, grouped.choices, grouped.pack),
        Family("first", first.why_not, first.choices, first.pack),
        Family("planes", planes.why_not, planes.choices, planes.pack, fuses=True),
        Family("transposed", transposed.why_not, transposed.choices, transposed.pack),
        Family("pool", pool.why_not, pool.choices, None),
    )
}
