"""What cutting an axis into pieces does to sizes that are maps of the input's sizes."""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.network.conditions import Conditions
from convwise.answers.network.dims import Dim, Dims, of, single
from convwise.ops.several import Chunk, Split
from convwise.ops.shaping import place
from convwise.sizes import SizeMap, SizeSet, at_least, chosen, minimum


def split(work: Split, shapes: tuple[Dims, ...], asks: Conditions) -> tuple[Dims | None, ...]:
    """The shape of every piece; each must have a cell."""
    shape = shapes[0]
    axis = place(work.axis, shape)
    size = shape[axis]
    pieces: tuple[Dim, ...]
    if work.sizes is not None:
        asks.product_is(size, sum(work.sizes), f"needs {sum(work.sizes)} cells on axis {axis}")
        pieces = work.sizes
    elif isinstance(size, int):
        outputs = work.flows((tuple(size if n == axis else 1 for n in range(len(shape))),))
        pieces = tuple(out[axis] for out in outputs)
    elif (along := single(size)) is not None:
        if work.even:
            asks.divides(work.parts, size, f"needs {work.parts} to divide axis {axis}")
        key, f = along
        piece = f.ceil_divided(work.parts)
        full = at_least(f - piece * (work.parts - 1), 1)
        asks.keep(key, full, f"needs {work.parts} pieces of axis {axis}")
        f, piece = f.within(full), piece.within(full)
        rests = [minimum(piece, f - piece * number) for number in range(1, work.parts)]
        pieces = (of(key, piece), *(of(key, rest) for rest in rests))
    else:
        pieces = (None,) * work.parts
    return tuple((*shape[:axis], one, *shape[axis + 1 :]) for one in pieces)


def chunk(work: Chunk, shapes: tuple[Dims, ...], asks: Conditions) -> tuple[Dims | None, ...]:
    """The shape of one piece, which must be there."""
    shape = shapes[0]
    axis = place(work.axis, shape)
    size = shape[axis]
    out: Dim = None
    if isinstance(size, int):
        ((out,),) = replace(work, axis=0).flows(((size,),))
    elif (found := single(size)) is not None:
        key, f = found
        piece = piece_of(work, f)
        asks.keep(key, piece.legal, f"needs a piece {work.number} of axis {axis}")
        out = of(key, piece)
    elif size is not None:
        asks.unclear("cuts an axis that is put together from several", size)
    return ((*shape[:axis], out, *shape[axis + 1 :]),)


def piece_of(work: Chunk, f: SizeMap) -> SizeMap:
    """The cells of the piece, legal where it has one at least."""
    piece = f.ceil_divided(work.parts)
    lefts = [f - piece * number for number in range(work.parts)]
    if work.number == -1:
        last = f
        for left in lefts[1:]:
            last = chosen(at_least(left, 1), left, last)
        return last
    before = work.number if work.number >= 0 else -work.number - 1
    if before >= work.parts:
        return f.within(SizeSet.none())
    there = at_least(lefts[before], 1)
    whole = piece if work.number < 0 else minimum(piece, lefts[before])
    return whole.within(there)
