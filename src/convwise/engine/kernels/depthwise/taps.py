"""The taps of a depthwise window, with branches for the usual kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import halide as hl

from convwise.engine.kernels.common import Shared

LARGEST_WHOLE = 5
"""Kernels of this side at most are instructions from the first tap to the last."""


def taps_of(shared: Shared, name: str) -> Any:
    return hl.RDom([(0, shared.weights.dim(1).extent()), (0, shared.weights.dim(2).extent())], name)


def usual_branches(shared: Shared, update: Any, usual: Sequence[tuple[int, int]]) -> Iterator[tuple[Any, int, int]]:
    """Branches for the usual kernels, whose taps are known then, each with its kernel's side and stride."""
    w = shared.weights
    for size, stride in usual:
        asked = (w.dim(1).extent() == size) & (w.dim(2).extent() == size)
        asked &= (shared.dilation_x == 1) & (shared.dilation_y == 1)
        asked &= (shared.stride_x == stride) & (shared.stride_y == stride)
        yield update.specialize(asked), size, stride
