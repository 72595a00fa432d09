"""How weights are to lie in memory for a kernel: what a family answers, and `packing` brings about."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.engine.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """(block, the three axes of `weight` behind its filters, filter in block), zeros where the last block is not full.

    `weight` is (filters, axis, axis, axis), a view with its axes in the order wanted; `lanes` the filters of a block; `shape`
    is how a kernel sees the result, which may take neighbouring axes for one.
    """

    weight: Array
    lanes: int
    shape: tuple[int, ...]

    @classmethod
    def blocks(cls, weight: Array, lanes: int) -> Order:
        """Seen as it lies."""
        return cls(weight, lanes, (-(-len(weight) // lanes), *weight.shape[1:], lanes))


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """(vector, frequency, chunk and part, channel in chunk, filter in vector), transformed in float64 and rounded once; or
    `raw`, as they are: (vector, chunk and part, channel in chunk, tap of the part, filter in vector).

    `weight` is (filters, channels, rows, columns); `outputs` and `taps` name the transform; chunks of channels and vectors of
    filters are `lanes` long, and there are `vectors` of them, zeros where filters, channels or the window end.
    """

    weight: Array
    outputs: int
    taps: int
    lanes: int
    vectors: int
    raw: bool = False

    @property
    def products(self) -> int:
        return self.outputs + self.taps - 1

    @property
    def chunks(self) -> int:
        """Of channels, those of all parts of the window."""
        _, channels, rows, columns = self.weight.shape
        down, across = -(-rows // self.taps), -(-columns // self.taps)
        return int(-(-channels // self.lanes) * down * across)

    @property
    def shape(self) -> tuple[int, ...]:
        if self.raw:
            return self.vectors, self.chunks, self.lanes, self.taps**2, self.lanes
        return self.vectors, self.products**2, self.chunks, self.lanes, self.lanes
