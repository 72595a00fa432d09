"""How the target's tensor holds the values of the source's: in another order of axes, or flattened in another order.

Frameworks differ in where the channels stand; what follows from it (a transposed map, a Flatten whose cells come in
another order, a Dense layer whose rows must follow them) is followed here, from layer to layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from convwise.ops import Layout, Shape


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Axis i of the target's tensor is axis `axes[i]` of the source's; the batch is axis 0 in both.

    Where `cells` is given, the last axis of the source's tensor is these axes flattened in this order, and the target's the
    same ones flattened in the order `order`.

    >>> Arrangement((0, 3, 1, 2)).shape((2, 9, 10, 3))
    (2, 3, 9, 10)
    """

    axes: tuple[int, ...]
    cells: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether both tensors are the same."""
        return self.axes == tuple(range(len(self.axes))) and not self.shuffled

    @property
    def shuffled(self) -> bool:
        """Whether the cells of the flattened axis come in another order."""
        return self.order != tuple(range(len(self.order)))

    def shape(self, source: Shape) -> Shape:
        """The target's shape for a shape of the source."""
        return tuple(source[axis] for axis in self.axes)

    def target_axis(self, source_axis: int) -> int:
        """Where an axis of the source stands in the target."""
        return self.axes.index(source_axis % len(self.axes))

    def moved(self, order: tuple[int, ...]) -> Arrangement:
        """After the target's tensor was transposed by `order`."""
        return replace(self, axes=tuple(self.axes[axis] for axis in order))

    def source_moved(self, order: tuple[int, ...]) -> Arrangement:
        """After the source's tensor was transposed by `order` and the target's stayed as it is."""
        return Arrangement(tuple(order.index(axis) for axis in self.axes))

    def flattened(self, source: Shape, channels_to_last: bool) -> Arrangement:
        """After both tensors were flattened behind the batch, each in its own order."""
        cells = tuple(size or 0 for size in source[1:])
        order = tuple(axis - 1 for axis in self.axes[1:])
        if channels_to_last:
            # The source moved its channels (its first cell axis) behind the others before flattening.
            cells, moved = (*cells[1:], cells[0]), (*range(1, len(cells)), 0)
            order = tuple(moved.index(axis) for axis in order)
        kept = tuple(axis for axis in order if cells[axis] != 1)
        if list(kept) == sorted(kept):
            # Axes of one cell may stand anywhere without changing the order of the values.
            return plain(2)
        return Arrangement((0, 1), cells, order)

    def count(self) -> int:
        """How many cells the flattened axis has."""
        return prod(self.cells)


def plain(axes: int) -> Arrangement:
    """Both tensors alike."""
    return Arrangement(tuple(range(axes)))


def map_order(rank: int, source_last: bool, target_last: bool) -> Arrangement:
    """A map of `rank` spatial axes, channels first or last in each."""
    axes = tuple(range(rank + 2))
    if source_last == target_last:
        return Arrangement(axes)
    return Arrangement((0, rank + 1, *axes[1:-1]) if source_last else (0, *axes[2:], 1))


def way(have: Arrangement, want: Arrangement) -> tuple[int, ...]:
    """The order that transposes the target's tensor from one arrangement to another of as many axes."""
    return tuple(have.axes.index(axis) for axis in want.axes)


def is_identity(order: tuple[int, ...]) -> bool:
    return order == tuple(range(len(order)))


def layout_of(channels_last: bool) -> Layout:
    return Layout(channels_last=channels_last)
