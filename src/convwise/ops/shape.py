"""Shapes, the places of their axes, and what one op does to one shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from operator import index
from typing import Any

from convwise.axis import Axis, Window
from convwise.errors import EnlargeInput, MatchChannels, ShapeError

Size = int | None
"""Cells on one axis; None is a size that is not known, a value of its own."""

Shape = tuple[Size, ...]
LARGEST = 2**63 - 1
"""The largest count of elements that frameworks and files can address."""

SPATIAL_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the batch and the channels stand in a shape; the other axes are spatial, in order.

    >>> Layout(channels_last=True).split((None, 64, 48, 3))
    ((None,), 3, (64, 48))
    """

    channels_last: bool = False
    batched: bool = True

    def split(self, shape: Shape) -> tuple[Shape, Size, Shape]:
        """(batch, channels, spatial sizes); batch is an empty tuple where there is none."""
        batch, rest = (shape[:1], shape[1:]) if self.batched else ((), shape)
        return (batch, rest[-1], rest[:-1]) if self.channels_last else (batch, rest[0], rest[1:])

    def join(self, batch: Shape, channels: Size, spatial: Shape) -> Shape:
        """The inverse of `split`."""
        return (*batch, *spatial, channels) if self.channels_last else (*batch, channels, *spatial)


@dataclass(frozen=True, slots=True)
class AxisFlow:
    """One spatial axis through one op: its name, its sizes, and the window where one slides over it."""

    name: str
    size: Size
    out: Size
    window: Window | None = None
    axis: Axis | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """What one op does to one shape. Counts are exact; None where they need a size that is not known.

    `params` counts all stored numbers, `trainable` those that training changes. `macs` are multiply-accumulates of
    convolutions and dense layers for the whole input, the batch included, without bias and normalisation.
    """

    input: Shape
    output: Shape
    axes: tuple[AxisFlow, ...] = ()
    params: int | None = 0
    trainable: int | None = 0
    macs: int | None = 0


def elements(shape: Shape) -> int | None:
    """The product of the sizes; None where one is not known.

    >>> elements((2, 3, 4)), elements((2, None))
    (24, None)
    """
    return None if None in shape else prod(shape)  # type: ignore[arg-type]


def times(*factors: int | None) -> int | None:
    """The product; None where a factor is not known."""
    return elements(factors)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum; None where a number is not known."""
    found = list(counts)
    return None if None in found else sum(found)  # type: ignore[arg-type]


def known(batch: Shape) -> int:
    """How many samples a batch holds; 1 where that is not known or there is no batch."""
    return prod(size for size in batch if size is not None)


def spatial_names(rank: int) -> tuple[str, ...]:
    """What the spatial axes are called: length; height, width; depth, height, width."""
    return SPATIAL_NAMES.get(rank) or tuple(f"axis {i + 1}" for i in range(rank))


def slide(windows: tuple[Window, ...], spatial: Shape) -> tuple[AxisFlow, ...]:
    """Each window over its axis.

    Raises:
        ShapeError: CW103 where a size is zero or negative, CW104 where a window does not fit, with the names of all axes concerned.
    """
    names = spatial_names(len(windows))
    flows = []
    for name, window, size in zip(names, windows, spatial, strict=True):
        axis = None if size is None else window.over(size)
        flows.append(AxisFlow(name, size, None if axis is None else axis.out, window, axis))
    broken = [flow for flow in flows if flow.axis is not None and not flow.axis.fits]
    if broken:
        raise _does_not_fit(broken)
    return tuple(flows)


def _does_not_fit(broken: list[AxisFlow]) -> ShapeError:
    axis = broken[0].axis
    assert axis is not None
    assert broken[0].window is not None
    alike = [flow for flow in broken if flow.axis == axis]
    name = " and ".join(flow.name for flow in alike)
    if axis.size < 0:
        return ShapeError("CW103", f"the size is {axis.size}, which is negative", axis=name, received=axis.size)
    span = f"span {axis.span}"
    if axis.dilation > 1:
        span = f"span = dilation {axis.dilation} x (kernel {axis.kernel} - 1) + 1 = {axis.span}"
    return ShapeError(
        "CW104",
        f"the window spans {axis.span} but only {max(axis.padded, 0)} cell{'s exist' if axis.padded != 1 else ' exists'}",
        axis=name,
        received=axis.size,
        detail=f"size {axis.size} + padding {axis.pad_low} + {axis.pad_high} = {axis.padded}; {span}",
        hint=EnlargeInput.to(broken[0].window.minimum),
    )


def check_rank(shape: Shape, layout: Layout, rank: int) -> tuple[Shape, Size, Shape]:
    """`layout.split(shape)`, if it leaves `rank` spatial axes.

    Raises:
        ShapeError: CW101.
    """
    wanted = rank + 1 + layout.batched
    if len(shape) != wanted:
        raise ShapeError(
            "CW101",
            f"{len(shape)} axes where {wanted} are needed",
            received=shape,
            detail=f"the shape {shape} must hold {'batch, ' if layout.batched else ''}channels and {rank} spatial sizes",
        )
    return layout.split(shape)


def check_channels(received: Size, wanted: int | None) -> None:
    """Channels must be what the weights were made for.

    Raises:
        ShapeError: CW102.
    """
    if received is not None and received < 1:
        raise ShapeError("CW102", f"{received} channels; at least 1 is needed", axis="channels", received=received)
    if received is not None and wanted is not None and received != wanted:
        raise ShapeError(
            "CW102",
            f"the layer takes {wanted} channel{'s' if wanted != 1 else ''}, the input has {received}",
            axis="channels",
            received=received,
            hint=MatchChannels.of(received, wanted, plural=received != 1),
        )


def check_groups(channels: int, groups: int) -> None:
    """Groups must share the input channels evenly.

    Raises:
        ShapeError: CW105.
    """
    if channels % groups:
        raise ShapeError(
            "CW105",
            f"{channels} input channels do not divide into {groups} groups",
            axis="channels",
            received=channels,
            detail=f"{channels} = {channels // groups} x {groups} + {channels % groups}",
            hint=f"use groups that divide {channels}",
        )


def check_countable(shape: Shape, output: Shape) -> None:
    """An op must not turn an addressable input into an output of more than 2**63 - 1 elements.

    Raises:
        ShapeError: CW107.
    """
    before, after = elements(shape), elements(output)
    largest = max((size for size in output if size is not None), default=0)
    if largest > LARGEST or (after is not None and after > LARGEST and (before is None or before <= LARGEST)):
        count = largest if largest > LARGEST else after
        raise ShapeError("CW107", f"the output would have {count:,} elements, more than 2**63 - 1", received=count)


def whole(value: Any) -> int | None:
    """An integer, of Python, NumPy or a framework, as Python's own; None where it is none.

    >>> whole(28), whole(True), whole(28.0)
    (28, None, None)
    """
    # NumPy integers and the like say by __index__ that they are integers.
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        return None
    try:
        return index(value)
    except TypeError:  # an array of several numbers
        return None
