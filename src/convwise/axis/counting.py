"""Counting cells in plain integers: what windows and axes are built on."""

from __future__ import annotations


def span_of(kernel: int, dilation: int) -> int:
    """Cells from the first of `kernel` taps that lie `dilation` apart to the last, both counted."""
    return dilation * (kernel - 1) + 1


def in_blocks(first: int, stop: int, *, length: int, step: int, blocks: int) -> int:
    """How many of first..stop-1 lie in one of `blocks` runs of `length` cells that start every `step` cells from 0."""
    if length >= step:
        return max(min(stop, (blocks - 1) * step + length) - max(first, 0), 0)

    def below(limit: int) -> int:
        whole, rest = divmod(max(limit, 0), step)
        return blocks * length if whole >= blocks else whole * length + min(rest, length)

    return below(stop) - below(first) if stop > first else 0
