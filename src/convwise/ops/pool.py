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
    """Pooling to a fixed size: output i reads cells floor(i n / out) to ceil((i + 1) n / out) - 1.

    A size of None keeps that axis. Source of the rule: PyTorch's `AdaptiveAvgPool2d` (aten/native/AdaptivePooling.h).
    """

    kind: str
    sizes: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        return len(self.sizes)

    @staticmethod
    def window(index: int, size: int, out: int) -> range:
        """The cells that output `index` of `out` reads on an axis of `size` cells."""
        return range(index * size // out, -(-(index + 1) * size // out))

    @staticmethod
    def sliding(size: int, out: int) -> Window | None:
        """The one window that slides over the same cells; None where the adaptive windows are not alike.

        They are alike where size mod out is 0, and also where it is 1: then they overlap by one cell. With a rest r of
        2 or more the starts floor(i size / out) = i floor(size / out) + floor(i r / out) are no longer one step apart.

        >>> AdaptivePool.sliding(28, 7), AdaptivePool.sliding(7, 3).kernel, AdaptivePool.sliding(8, 3)
        (Window(kernel=4, stride=4, dilation=1, padding=Pads(low=0, high=0), ceil=False), 3, None)
        """
        share, rest = divmod(size, out)
        return Window(share + rest, share) if share and rest <= 1 else None

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        axes = tuple(
            AxisFlow(name, size, size if wanted is None else wanted)
            for name, size, wanted in zip(spatial_names(self.rank), spatial, self.sizes, strict=True)
        )
        output = layout.join(batch, channels, tuple(flow.out for flow in axes))
        check_countable(shape, output)
        return Flow(shape, output, axes)
