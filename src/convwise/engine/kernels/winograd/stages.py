"""What the stages of Winograd have in common."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import halide as hl

from convwise.engine.isa import Isa
from convwise.engine.transforms import Transform, transform
from convwise.engine.winograd_tiles import size_of


def variables(*names: str) -> list[Any]:
    return [hl.Var(name) for name in names]


def transform_of(stage: str) -> Transform:
    """The one that a stage's name stands for."""
    used = transform(*size_of(stage))
    return used.monic if "_monic" in stage else used


def combine(row: Sequence[Fraction], terms: Sequence[Any]) -> Any:
    """The sum of `terms`, each times its factor."""
    total = None
    for factor, term in zip(row, terms, strict=True):
        if factor == 0:
            continue
        if total is None:
            total = term if factor == 1 else hl.f32(float(factor)) * term
        elif abs(factor) == 1:
            total = total + term if factor == 1 else total - term
        else:
            total = total + hl.f32(float(factor)) * term
    return total


def whole_vectors(products: Any, isa: Isa) -> None:
    """Groups of output channels begin and end with whole vectors."""
    k = products.output_buffer().dim(0)
    k.set_bounds(k.min() / isa.lanes * isa.lanes, k.extent() / isa.lanes * isa.lanes)
