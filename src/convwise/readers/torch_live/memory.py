"""How each step of a forward leaves its cells in memory, where that is certain: what a later `.view` may be refused for.

Run with torch 2.13 on the CPU. A convolution of a permuted map may keep that map's order or not, so nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from convwise.dialects.base import Layer
from convwise.graph import Work
from convwise.ops import Dense, Op, Permute, Pointwise, Shape
from convwise.ops.memory import Memory
from convwise.ops.several import (
    Concat,
    Elementwise,
    Gather,
    MatMul,
    Reduce,
    ReshapeTo,
    Slice,
    Split,
    Squeeze,
    Unsqueeze,
)

ORDERLY = ("softmax", "log_softmax", "softmin", "log_sigmoid", "contiguous")
"""Functions of one tensor whose output is contiguous whatever they read."""

FOLLOWED = Concat | Elementwise | MatMul | Reduce | ReshapeTo | Split | Squeeze | Unsqueeze | Slice | Gather
Known = tuple[Memory | None, Shape | None]


def after(work: Work, inputs: Sequence[Known], shape: Shape | None) -> Memory | None:
    """How an output of this shape lies; None where that is not certain. `inputs` are how the inputs lie, and their shapes."""
    memory, before = inputs[0] if inputs else (None, None)
    if shape is None or before is None:
        return None
    if isinstance(work, Layer):
        return _through(work.ops, memory, len(shape))
    if isinstance(work, tuple):
        return _through(work, memory, len(shape))
    if not isinstance(work, FOLLOWED):
        return None
    if isinstance(work, MatMul):
        return Memory.whole(len(shape)) if all(len(other or ()) > 1 for _, other in inputs) else None
    moved = _moved(work, memory, before)
    if moved is not None or isinstance(work, Slice | Gather | Split | Unsqueeze):
        return moved
    orderly = all(other is not None and other.contiguous for other, _ in inputs)
    if orderly:
        return Memory.whole(len(shape))
    same = isinstance(work, Elementwise) and memory is not None and len(set(inputs)) == 1
    return memory.compact if same and memory is not None else None


def _through(ops: Sequence[Op], memory: Memory | None, rank: int) -> Memory | None:
    for op in ops:
        if isinstance(op, Dense) or (isinstance(op, Pointwise) and op.kind in ORDERLY):
            memory = Memory.whole(rank)
        elif memory is None:
            return None
        elif isinstance(op, Permute):
            memory = memory.permuted(op.order)
        elif isinstance(op, Pointwise):
            memory = memory.compact
        else:
            memory = Memory.whole(rank) if memory.contiguous else None
    return memory if memory is None or len(memory.order) == rank else None


def _moved(work: Work, memory: Memory | None, shape: Shape) -> Memory | None:
    """Views of a part of the cells."""
    if memory is None:
        return None
    rank = len(shape)
    if isinstance(work, Unsqueeze):
        for axis in sorted(axis % (rank + len(work.axes)) for axis in work.axes):
            memory = memory.with_axis(axis)
        return memory
    if isinstance(work, Gather):
        # More cells are chosen into a new tensor; of a size that is open, it is not known whether it is more than one.
        size = shape[work.axis]
        return None if work.indices else memory.without(work.axis % rank, gap=size is not None and size > 1)
    if isinstance(work, Slice):
        first = isinstance(work.start, int) and work.start > 0
        last = isinstance(work.stop, int) and work.stop < 0
        if work.step != 1:
            return memory.stepped(work.axis % rank)
        return memory.cut(work.axis % rank) if first or last else memory
    if isinstance(work, Split):
        several = sum(size > 0 for size in work.sizes or ()) > 1
        return memory.cut(work.axis % rank) if several else memory
    return None
