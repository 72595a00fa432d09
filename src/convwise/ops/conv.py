"""Convolution, its transpose, and the unfolding of windows into columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TypeVar

from convwise.axis import Pads, Window
from convwise.errors import ShapeError
from convwise.ops.shape import (
    LARGEST,
    AxisFlow,
    Flow,
    Layout,
    Shape,
    Size,
    check_channels,
    check_groups,
    check_rank,
    elements,
    known,
    slide,
    spatial_names,
    times,
)
from convwise.ops.space import check_wrap

_Layer = TypeVar("_Layer", "Conv", "ConvTranspose")


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution (cross-correlation: the kernel is not flipped).

    `in_channels` is None until an input is seen (Keras). A depthwise convolution made before that has a
    `multiplier` (outputs per input channel) instead of `out_channels` and `groups`; `bound` settles it.
    Output channel g * (out / groups) + j reads the input channels of group g alone. `padding_mode` is one of zeros, reflect, replicate, circular.
    """

    windows: tuple[Window, ...]
    in_channels: int | None = None
    out_channels: int | None = None
    groups: int | None = 1
    bias: bool = True
    multiplier: int | None = None
    padding_mode: str = "zeros"

    @property
    def rank(self) -> int:
        return len(self.windows)

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(window.kernel for window in self.windows)

    def bound(self, channels: Size) -> Conv:
        """The same convolution for an input of `channels` channels.

        Raises:
            ShapeError: CW102 where the channels do not match, CW105 where the groups do not divide them.
        """
        return _bound(self, channels)

    def weight_shape(self) -> tuple[int, ...] | None:
        """(out, in / groups, *kernel); None while the channels are not known."""
        if self.in_channels is None or self.out_channels is None or self.groups is None:
            return None
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        op = self.bound(channels)
        if op.padding_mode != "zeros":
            check_wrap(
                tuple(_pads(window, size) for window, size in zip(op.windows, spatial, strict=True)),
                spatial,
                op.padding_mode,
            )
        axes = slide(op.windows, spatial)
        output = layout.join(batch, op.out_channels, tuple(flow.out for flow in axes))
        weights, params = _counts(op.weight_shape(), op.out_channels if op.bias else 0)
        macs = times(known(batch), weights, *(flow.out for flow in axes))
        return Flow(shape, output, axes, params, params, macs)


@dataclass(frozen=True, slots=True)
class ConvTranspose:
    """The transpose of the convolution that `windows` describe: the kernel is scattered, not flipped by the user.

    Its size is the smallest one that those windows map to the input's size, plus `output_padding`.
    """

    windows: tuple[Window, ...]
    in_channels: int | None = None
    out_channels: int | None = None
    groups: int | None = 1
    bias: bool = True
    output_padding: tuple[int, ...] = ()
    multiplier: int | None = None

    @property
    def rank(self) -> int:
        return len(self.windows)

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(window.kernel for window in self.windows)

    def bound(self, channels: Size) -> ConvTranspose:
        """The same layer for an input of `channels` channels; raises ShapeError CW102 or CW105."""
        return _bound(self, channels)

    def weight_shape(self) -> tuple[int, ...] | None:
        """(in, out / groups, *kernel); None while the channels are not known."""
        if self.in_channels is None or self.out_channels is None or self.groups is None:
            return None
        return (self.in_channels, self.out_channels // self.groups, *self.kernel)

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, self.rank)
        op = self.bound(channels)
        extra = self.output_padding or (0,) * self.rank
        axes = tuple(
            AxisFlow(name, size, None if size is None else window.transposed(size, more), window)
            for name, window, size, more in zip(spatial_names(self.rank), self.windows, spatial, extra, strict=True)
        )
        for flow in axes:
            if flow.size is not None and flow.out is not None and (flow.size < 1 or flow.out < 1):
                raise _no_transpose(flow)
        output = layout.join(batch, op.out_channels, tuple(flow.out for flow in axes))
        weights, params = _counts(op.weight_shape(), op.out_channels if op.bias else 0)
        macs = times(known(batch), weights, *spatial)
        return Flow(shape, output, axes, params, params, macs)


@dataclass(frozen=True, slots=True)
class Unfold:
    """Windows laid out as columns: (N, C, *spatial) -> (N, C * taps, windows)."""

    windows: tuple[Window, ...]

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, channels, spatial = check_rank(shape, layout, len(self.windows))
        axes = slide(self.windows, spatial)
        columns = times(channels, *(window.kernel for window in self.windows))
        return Flow(shape, (*batch, columns, elements(tuple(flow.out for flow in axes))), axes)


@dataclass(frozen=True, slots=True)
class Fold:
    """The transpose of `Unfold`: columns added up into a map of `sizes`."""

    sizes: tuple[int, ...]
    windows: tuple[Window, ...]

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        *batch, columns, count = shape
        taps = prod(window.kernel for window in self.windows)
        axes = slide(self.windows, self.sizes)
        wanted = elements(tuple(flow.out for flow in axes))
        if columns is not None and columns % taps:
            raise ShapeError(
                "CW105",
                f"{columns} rows are not a multiple of the {taps} taps of a window",
                axis="channels",
                received=columns,
            )
        if count is not None and count != wanted:
            sizes = " x ".join(str(size) for size in self.sizes)
            raise ShapeError(
                "CW106", f"{count} columns, but {sizes} has {wanted} windows", axis="length", received=count
            )
        return Flow(shape, (*batch, None if columns is None else columns // taps, *self.sizes))


def _bound(op: _Layer, channels: Size) -> _Layer:
    check_channels(channels, op.in_channels)
    count = channels if channels is not None else op.in_channels
    if count is None:
        return op
    if op.multiplier is not None:
        return replace(op, in_channels=count, out_channels=count * op.multiplier, groups=count, multiplier=None)
    assert op.groups is not None
    check_groups(count, op.groups)
    return replace(op, in_channels=count)


def _pads(window: Window, size: Size) -> Pads:
    if isinstance(window.padding, Pads):
        return window.padding
    return window.pads(size) if size is not None else Pads()


def _counts(weight: tuple[int, ...] | None, bias: int | None) -> tuple[int | None, int | None]:
    """(weights, weights and bias)."""
    if weight is None or bias is None:
        return None, None
    weights = prod(weight)
    if weights > LARGEST:
        raise ShapeError("CW107", f"the weights would have {weights:,} elements, more than 2**63 - 1", received=weights)
    return weights, weights + bias


def _no_transpose(flow: AxisFlow) -> ShapeError:
    fact = (
        f"the output would be {flow.out}"
        if flow.size and flow.size > 0
        else f"the size is {flow.size}; at least 1 is needed"
    )
    return ShapeError("CW104", fact, axis=flow.name, received=flow.size, hint="try less padding, or a larger input")
