"""How the cells of a tensor lie in memory, as far as it decides whether a view can be taken of them.

PyTorch's rule (ATen's `computeStride`): axes that lie behind one another in memory without a gap may be cut and joined as
one; a view may not reach over the border of two that do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from convwise.ops.shape import Shape

WORDS = "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."


@dataclass(frozen=True, slots=True)
class Memory:
    """`order` names the axes from the slowest to the fastest in memory; `joined` says of each but the last whether one step
    on it is the whole length of the next. A gap that may or may not be there counts as none.
    """

    order: tuple[int, ...]
    joined: tuple[bool, ...]

    @staticmethod
    def whole(rank: int) -> Memory:
        """A contiguous tensor's."""
        return Memory(tuple(range(rank)), (True,) * max(rank - 1, 0))

    @property
    def contiguous(self) -> bool:
        return self == Memory.whole(len(self.order))

    @property
    def compact(self) -> Memory:
        """What an elementwise function makes: the same order, and no gaps."""
        return replace(self, joined=(True,) * len(self.joined))

    def permuted(self, order: tuple[int, ...]) -> Memory:
        """Axis i is now the old axis order[i]."""
        return replace(self, order=tuple(order.index(axis) for axis in self.order))

    def cut(self, axis: int) -> Memory:
        """Cells of one axis left out at an end: a step on the axis around it is longer than what is left."""
        at = self.order.index(axis)
        return replace(self, joined=tuple(joined and place + 1 != at for place, joined in enumerate(self.joined)))

    def stepped(self, axis: int) -> Memory:
        """Every so many-th cell of an axis: whether that leaves a gap around it depends on its size."""
        at = self.order.index(axis)
        return replace(self, joined=tuple(joined or place + 1 == at for place, joined in enumerate(self.joined)))

    def without(self, axis: int, *, gap: bool) -> Memory:
        """One cell chosen from an axis; `gap` where it had more than that one."""
        at = self.order.index(axis)
        joined = list(self.joined)
        if 0 < at < len(self.order) - 1:
            joined[at - 1 : at + 1] = [joined[at - 1] and joined[at] and not gap]
        elif joined:
            del joined[min(at, len(joined) - 1)]
        return Memory(tuple(other - (other > axis) for other in self.order if other != axis), tuple(joined))

    def with_axis(self, axis: int) -> Memory:
        """A new axis of one cell, which joins with any."""
        order = (axis, *(other + (other >= axis) for other in self.order))
        return Memory(order, ((True,) if self.order else ()) + self.joined)

    def shows(self, shape: Shape, target: Shape) -> bool:
        """Whether a tensor of this shape can be viewed as `target`, which has as many cells; True where a size is not known."""
        if None in shape or None in target or 0 in shape:
            return True
        rest = iter([size or 0 for size in target if size != 1])
        for cells in self._pieces(shape):
            taken = 1
            while taken < cells:
                taken *= next(rest, cells + 1)
            if taken != cells:
                return False
        return True

    def _pieces(self, shape: Shape) -> list[int]:
        """The cells of each run of axes that lie behind one another in memory as they do in the shape."""
        behind: dict[int, int] = {}
        last, joined = None, True
        for place, axis in enumerate(self.order):
            if shape[axis] != 1:
                if last is not None and joined:
                    behind[last] = axis
                last, joined = axis, True
            joined = joined and (place == len(self.joined) or self.joined[place])
        pieces: list[int] = []
        before = None
        for axis, size in enumerate(shape):
            if size is None or size == 1:
                continue
            if before is not None and behind.get(before) == axis:
                pieces[-1] *= size
            else:
                pieces.append(size)
            before = axis
        return pieces
