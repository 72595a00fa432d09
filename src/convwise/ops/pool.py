"""Pooling: windows reduced to one number each; and the poolings whose windows follow from the output size."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.axis import Window
from convwise.errors import ShapeError
from convwise.ops.shape import AxisFlow, Flow, Layout, Shape, check_countable, check_rank, slide, spatial_names


@dataclass(frozen=True, slots=True)
class Pool:
    """Max, average or power-mean pooling, channel by channel.

    The average divides by `divisor` where it is given, else by the window's cells that are data, or data and padding
    with `count_padding`; never by cells of the overhang that `ceil` allows. `power` is the exponent of kind "lp".
    """

    kind: str
    windows: tuple[Window, ...]
    count_padding: bool = False
    divisor: int | None = None
    power: float | None = None

    @property
    def rank(self) -> int:
        return len(self.windows)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        axes = slide(self.windows, spatial)
        return Flow(shape, layout.join(batch, channels, tuple(flow.out for flow in axes)), axes)


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """One number per channel: the maximum or average over the whole map."""

    kind: str
    rank: int
    keep_dims: bool = False

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        names = spatial_names(self.rank)
        for name, size in zip(names, spatial, strict=True):
            if size is not None and size < 1:
                raise ShapeError("CW103", f"the size is {size}: there is nothing to pool", axis=name, received=size)
        axes = tuple(AxisFlow(name, size, 1) for name, size in zip(names, spatial, strict=True))
        output = layout.join(batch, channels, (1,) * self.rank) if self.keep_dims else (*batch, channels)
        return Flow(shape, output, axes)


@dataclass(frozen=True, slots=True)
class AdaptivePool:
    """Pooling to a fixed size: each output reads its share of the axis (`axis.share`). A size of None keeps that axis."""

    kind: str
    sizes: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        return len(self.sizes)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        axes = tuple(
            AxisFlow(name, size, size if wanted is None else wanted)
            for name, size, wanted in zip(spatial_names(self.rank), spatial, self.sizes, strict=True)
        )
        output = layout.join(batch, channels, tuple(flow.out for flow in axes))
        check_countable(shape, output)
        return Flow(shape, output, axes)
