"""Ops that only rearrange: flatten, reshape, permute. Axes are numbered in the whole shape, the batch included."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from convwise.errors import ShapeError
from convwise.ops.shape import Flow, Layout, Shape, elements


@dataclass(frozen=True, slots=True)
class Flatten:
    """Axes `start` to `end` (both counted, negative from the back) become one.

    `channels_to_last` moves the channels behind the spatial axes first (Keras with channels_first), which changes the order of the values and not the size.
    """

    start: int = 1
    end: int = -1
    channels_to_last: bool = False

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        rank = max(len(shape), 1)
        start, end = _axis(self.start, rank), _axis(self.end, rank)
        if start > end:
            raise ShapeError(
                "CW101",
                f"flattening from axis {start} to axis {end} of {shape}",
                received=shape,
                hint="start must not lie behind end",
            )
        if not shape:
            return Flow(shape, (1,))
        return Flow(shape, (*shape[:start], elements(shape[start : end + 1]), *shape[end + 1 :]))

    def joined(self, shape: Shape) -> Shape:
        """The sizes that become one."""
        rank = max(len(shape), 1)
        return shape[_axis(self.start, rank) : _axis(self.end, rank) + 1]


@dataclass(frozen=True, slots=True)
class Reshape:
    """A new shape for the same elements; one -1 is what the others leave. `keeps_batch`: the target is without the batch."""

    target: tuple[int, ...]
    keeps_batch: bool = True

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        batch, rest = (shape[:1], shape[1:]) if self.keeps_batch else ((), shape)
        return Flow(shape, (*batch, *fill(rest, self.target)))


def joins_batch(op: object) -> bool:
    """Whether the op makes one axis of the batch and others: a Flatten from axis 0 on, a reshape into one line.

    >>> joins_batch(Flatten(0)), joins_batch(Reshape((-1,), keeps_batch=False)), joins_batch(Flatten())
    (True, True, False)
    """
    if isinstance(op, Reshape):
        return op.target == (-1,) and not op.keeps_batch
    return isinstance(op, Flatten) and op.start == 0 and op.end != 0


@dataclass(frozen=True, slots=True)
class Unflatten:
    """One axis split into several; one of `sizes` may be -1."""

    axis: int
    sizes: tuple[int, ...]

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        axis = _axis(self.axis, len(shape))
        return Flow(shape, (*shape[:axis], *fill(shape[axis : axis + 1], self.sizes), *shape[axis + 1 :]))


@dataclass(frozen=True, slots=True)
class Permute:
    """Output axis i is input axis order[i]."""

    order: tuple[int, ...]

    def flow(self, shape: Shape, layout: Layout) -> Flow:
        if sorted(self.order) != list(range(len(shape))):
            raise ShapeError("CW101", f"{self.order} does not order the {len(shape)} axes of {shape}", received=shape)
        return Flow(shape, tuple(shape[axis] for axis in self.order))


def fill(shape: Shape, target: tuple[int, ...]) -> Shape:
    """`target` with its -1, if any, replaced by what the elements of `shape` leave.

    Raises:
        ShapeError: CW106 where the elements do not fit.

    >>> fill((7, 7, 32), (-1, 32))
    (49, 32)
    """
    count, fixed = elements(shape), prod(size for size in target if size != -1)
    if count is None:
        return tuple(None if size == -1 else size for size in target)
    if -1 not in target:
        if fixed != count:
            raise _misfit(shape, count, target, fixed)
        return target
    if fixed == 0 or count % fixed:
        raise _misfit(shape, count, target, fixed)
    return tuple(count // fixed if size == -1 else size for size in target)


def _misfit(shape: Shape, count: int, target: tuple[int, ...], fixed: int) -> ShapeError:
    given = " x ".join(map(str, shape))
    wanted = " x ".join("?" if size == -1 else str(size) for size in target)
    relation = f"not a multiple of {fixed}" if -1 in target else f"not {fixed}"
    return ShapeError(
        "CW106",
        f"{count} elements do not fit into {wanted}",
        received=shape,
        detail=f"{given} = {count}, {relation}",
        hint=f"make the target hold {count} elements, or change the layers before it",
    )


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ShapeError(
            "CW101",
            f"there is no axis {axis} in a shape of {rank} axes",
            received=axis,
            hint=f"axes are numbered {-rank} to {rank - 1}",
        )
    return axis % rank
