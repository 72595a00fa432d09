"""Ops that move cells in space without weights: padding, cropping, resizing, shuffling channels into pixels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, prod

from convwise.axis import Pads
from convwise.errors import ShapeError
from convwise.ops.shape import AxisFlow, Flow, Layout, Shape, check_countable, check_rank, spatial_names

PAD_MODES = ("constant", "reflect", "replicate", "circular")


@dataclass(frozen=True, slots=True)
class Pad:
    """Cells added around the spatial axes: a constant, the mirrored, the repeated or the wrapped-around border.

    Negative pads crop.
    """

    pads: tuple[Pads, ...]
    mode: str = "constant"
    value: float = 0.0

    @property
    def rank(self) -> int:
        return len(self.pads)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        check_wrap(self.pads, spatial, self.mode)
        return _grow(shape, layout, batch, channels, spatial, self.pads)


@dataclass(frozen=True, slots=True)
class Crop:
    """Cells cut off the spatial axes."""

    cuts: tuple[Pads, ...]

    @property
    def rank(self) -> int:
        return len(self.cuts)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        return _grow(shape, layout, batch, channels, spatial, tuple(Pads(-cut.low, -cut.high) for cut in self.cuts))


@dataclass(frozen=True, slots=True)
class Resize:
    """Resampling to `sizes`, or by `scales`: floor(size * scale), computed exactly from the scale's own binary value.

    Whether a framework computes the product in floating point instead is the dialect's matter: it passes the product's
    rule as `exact=False`, and then floor(float(size) * float(scale)) holds. `mode` is nearest, linear (per axis), cubic, area; `align_corners` as PyTorch means it.
    """

    sizes: tuple[int | None, ...] | None = None
    scales: tuple[Fraction, ...] | None = None
    mode: str = "nearest"
    align_corners: bool = False
    exact: bool = True

    @property
    def rank(self) -> int:
        return len(self.sizes or self.scales or ())

    def out(self, axis: int, size: int) -> int:
        """The size of the spatial axis numbered `axis` after resizing `size` cells."""
        if self.sizes is not None:
            wanted = self.sizes[axis]
            return size if wanted is None else wanted
        assert self.scales is not None
        scale = self.scales[axis]
        return floor(size * scale) if self.exact else floor(float(size) * float(scale))

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        axes = []
        for i, (name, size) in enumerate(zip(spatial_names(self.rank), spatial, strict=True)):
            out = (
                self.sizes[i]
                if size is None and self.sizes is not None
                else None
                if size is None
                else self.out(i, size)
            )
            if (out is not None and out < 1) or (size is not None and size < 1):
                raise ShapeError(
                    "CW103", f"resizing {size} cells gives {out}; both must be at least 1", axis=name, received=size
                )
            axes.append(AxisFlow(name, size, out))
        output = layout.join(batch, channels, tuple(axis.out for axis in axes))
        check_countable(shape, output)
        return Flow(shape, output, tuple(axes))


@dataclass(frozen=True, slots=True)
class PixelShuffle:
    """Channels to pixels: (C r^2, H, W) -> (C, H r, W r); with `inverse`, back (Shi et al., arXiv 1609.05158).

    Channel c r^2 + i r + j is pixel (i, j) of channel c; with `pixels_first` it is channel (i r + j) C + c, as TensorFlow
    and ONNX's mode DCR have it.
    """

    factor: int
    inverse: bool = False
    rank: int = 2
    pixels_first: bool = False

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        area = prod((self.factor,) * self.rank)
        names = spatial_names(self.rank)
        if self.inverse:
            for name, size in zip(names, spatial, strict=True):
                if size is not None and size % self.factor:
                    raise ShapeError("CW105", f"{size} is not a multiple of {self.factor}", axis=name, received=size)
            out = tuple(None if size is None else size // self.factor for size in spatial)
            deep = None if channels is None else channels * area
        else:
            if channels is not None and channels % area:
                raise ShapeError(
                    "CW105",
                    f"{channels} channels are not a multiple of {self.factor}^{self.rank} = {area}",
                    axis="channels",
                    received=channels,
                )
            out = tuple(None if size is None else size * self.factor for size in spatial)
            deep = None if channels is None else channels // area
        axes = tuple(AxisFlow(name, size, after) for name, size, after in zip(names, spatial, out, strict=True))
        return Flow(shape, layout.join(batch, deep, out), axes)


def check_wrap(pads: tuple[Pads, ...], spatial: Shape, mode: str) -> None:
    """Reflected padding must be smaller than the data; circular padding at most as large; a repeated border needs data.

    Raises:
        ShapeError: CW108.
    """
    for name, pad, size in zip(spatial_names(len(pads)), pads, spatial, strict=True):
        if size is None or mode in ("constant", "zeros"):
            continue
        most = {"reflect": size - 1, "circular": size}.get(mode)
        widest = max(pad.low, pad.high)
        if size < 1 or (most is not None and widest > most):
            raise ShapeError(
                "CW108",
                f"{mode} padding of {widest} needs {'more than ' if mode == 'reflect' else 'at least '}{widest} cells, but only {size} exist",
                axis=name,
                received=widest,
                hint=f"pad at most {most}" if most else "use zero padding, or a larger input",
            )


def _grow(
    shape: Shape, layout: Layout, batch: Shape, channels: int | None, spatial: Shape, pads: tuple[Pads, ...]
) -> Flow:
    axes = []
    for name, size, pad in zip(spatial_names(len(pads)), spatial, pads, strict=True):
        out = None if size is None else size + pad.total
        low, high = min(pad.low, 0), min(pad.high, 0)
        if out is not None and size is not None and (out < 1 or size + low + high < 0):
            raise ShapeError(
                "CW104",
                f"cutting {-low - high} of {size} cells leaves nothing" if low + high < 0 else f"the size is {size}",
                axis=name,
                received=size,
                detail=f"{size} + {pad.low} + {pad.high} = {out}",
                hint="cut less, or take a larger input",
            )
        axes.append(AxisFlow(name, size, out))
    output = layout.join(batch, channels, tuple(axis.out for axis in axes))
    check_countable(shape, output)
    return Flow(shape, output, tuple(axes))
