"""Which programs are built."""

from __future__ import annotations

from collections.abc import Callable

from convwise.engine.isa import Isa
from convwise.engine.kernels import depthwise, direct, first, grouped, planes, pool, transposed, winograd
from convwise.engine.kernels.common import Variants

TABLE: dict[str, Callable[[Isa], Variants]] = {
    "direct": direct.variants,
    "depthwise": depthwise.variants,
    "grouped": grouped.variants,
    "first": first.variants,
    "planes": planes.variants,
    "transposed": transposed.variants,
    "pool": pool.variants,
}
"""By family; no underscore in a name."""

STAGES: dict[str, Callable[[Isa], Variants]] = winograd.STAGES
"""Programs that those of winograd call; nothing else does."""

FAMILIES = (*TABLE, winograd.NAME)
