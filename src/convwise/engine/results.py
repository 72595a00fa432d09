"""Where results go: large ones start at a cache line, and the largest lie where earlier results have lain.

An operating system clears the pages that it hands out, which takes longer than to copy as much (bench/conv.py --roofs
prints both). The C library keeps smaller blocks for itself (glibc: up to 32 MB); larger ones
go back to the system with each result. So the last of them are kept here, and lent again to a result of their size, or to
weights that one call packs for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from convwise.engine.arrays import FLOAT, Array, address, out_of_memory

ALIGNED_FROM = 4096
"""Numbers from which on a result's place is chosen: a store across two cache lines takes twice as long."""
LENT_FROM = 2**24
"""Bytes from which on the memory of a result is used again."""
MOST_KEPT = 2**28
"""Bytes that are kept at most while no result lies there."""
MOST_BLOCKS = 2
"""A loop that replaces its result has two at once, the new one and the last."""
MOST_SPARE = 1.25
"""A block is lent to results of its size, or of a little less."""

_kept: dict[int, Array] = {}
"""Blocks that nobody uses, by their address, the oldest first. One step each way, so that threads never share a block."""


class Loan:
    """A block as NumPy sees it. Every array on it holds the loan; with the last of them it ends, and the block is kept."""

    __slots__ = ("__array_interface__", "_block")

    def __init__(self, block: Array, interface: dict[str, Any]) -> None:
        self._block = block
        self.__array_interface__ = interface

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ending():
            _keep(self._block)


def empty(shape: tuple[int, ...]) -> tuple[Array, int]:
    """An array for a result, and its address."""
    count = prod(shape)
    if count < ALIGNED_FROM:
        out = np.empty(shape, FLOAT)
        return out, address(out)
    size = 4 * count + 64
    block = _taken(size) if size >= LENT_FROM else None
    if block is None:
        block = _new(size)
    place = address(block)
    start = -place % 64
    if size < LENT_FROM:
        return block[start : start + 4 * count].view(FLOAT).reshape(shape), place + start
    interface = {"shape": shape, "typestr": FLOAT.str, "data": (place + start, False), "version": 3}
    return np.asarray(Loan(block, interface)), place + start


def _new(size: int) -> Array:
    try:
        return np.empty(size, np.uint8)
    except MemoryError:
        _kept.clear()
    try:
        return np.empty(size, np.uint8)
    except MemoryError as error:
        raise out_of_memory(error) from None


def _taken(size: int) -> Array | None:
    for place, block in _kept.copy().items():
        if size <= block.nbytes <= MOST_SPARE * size:
            # Another thread may have been faster.
            found = _kept.pop(place, None)
            if found is not None:
                return found
    return None


def _keep(block: Array) -> None:
    if block.nbytes > MOST_KEPT:
        return
    while len(_kept) >= MOST_BLOCKS or sum(kept.nbytes for kept in _kept.copy().values()) + block.nbytes > MOST_KEPT:
        oldest = next(iter(_kept.copy()), None)
        if oldest is None:
            break
        _kept.pop(oldest, None)
    _kept[address(block)] = block
