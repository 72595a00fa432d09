"""Multiply-accumulates of ops on several tensors: products of matrices, sums of products by letters, attention, recurrences."""

from __future__ import annotations

from collections.abc import Sequence

from convwise.ops.several import Attention, Einsum, MatMul, Recurrent, Several
from convwise.ops.shape import Shape, elements, times
from convwise.ops.shaping import place


def multiplies(work: object) -> bool:
    """Whether the op multiplies and adds up at all.

    >>> from convwise.ops.several import Elementwise
    >>> multiplies(MatMul()), multiplies(Elementwise("multiply"))
    (True, False)
    """
    return isinstance(work, MatMul | Einsum | Attention | Recurrent)


def multiplied(work: Several, shapes: tuple[Shape, ...], outputs: Sequence[Shape | None]) -> int | None:
    """How many; None where a size is not known.

    >>> multiplied(MatMul(), ((2, 3, 4), (4, 5)), ((2, 3, 5),))
    120
    """
    out = outputs[0] if outputs else None
    match work:
        case MatMul():
            return times(elements(out) if out is not None else None, shapes[0][-1])
        case Einsum():
            return _einsum(work, shapes)
        case Recurrent():
            return times(elements(shapes[0][:-1]), work.weights)
        case Attention():
            return _attention(work, shapes)
    return 0


def _attention(work: Attention, shapes: tuple[Shape, ...]) -> int | None:
    """The weights of each pair of steps, and the sum of what they weigh."""
    first, last = shapes[0], shapes[-1]
    attended = (work.cells,) if work.cells else tuple(last[place(axis, last)] for axis in work.axes)
    meeting = first[-1] if work.meeting is None else work.meeting
    width = last[-1] if work.width is None else work.width
    if meeting is None or width is None:
        return None
    return times(elements(first[:-1]), *attended, meeting + width)


def _einsum(work: Einsum, shapes: tuple[Shape, ...]) -> int | None:
    """Two operands at a time, from the left, as PyTorch takes them.

    A letter that one operand alone has and nobody asks for is summed before; where no letter is summed over both, nothing is added up.
    """
    sizes = {
        letter: size
        for letters, shape in zip(work.terms, shapes, strict=True)
        for letter, size in zip(letters, shape, strict=True)
        if size != 1
    }
    total, held = 0, set(work.terms[0]) & set(sizes)
    for number, letters in enumerate(work.terms[1:], 2):
        other, later = set(letters) & set(sizes), set(work.out).union(*work.terms[number:])
        summed = (held & other) - later
        held = (held | other) & later
        if not summed:
            continue
        count = times(*(sizes[letter] for letter in sorted(held | summed)))
        if count is None:
            return None
        total += count
    return total
