"""What ops on several tensors do to sizes that are maps of the input's sizes, and the sizes that networks compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from convwise.answers.network.conditions import Conditions
from convwise.answers.network.dims import Dim, Dims, of, product, ratio, single
from convwise.answers.network.symbolic_ops import along, fill, positive, scaled, through
from convwise.answers.network.symbolic_pieces import chunk, split
from convwise.errors import ShapeError
from convwise.ops.several import (
    Arithmetic,
    Attention,
    Chunk,
    Concat,
    Constant,
    Einsum,
    Elementwise,
    Expand,
    Gather,
    MatMul,
    Opaque,
    PadTo,
    Recurrent,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Scale,
    Several,
    SizeOf,
    Slice,
    Split,
    Squeeze,
    Term,
    Tile,
    Unsqueeze,
    Windows,
)
from convwise.ops.shaping import new_axes, place
from convwise.ops.terms import KINDS
from convwise.sizes import SizeMap, TooComplex, at_least, chosen, constant, equal, maximum, minimum

Outputs = tuple[Dims | None, ...]

ENDLESS = 2**31 - 1
"""From here on a slice's end means "to the last cell": files write it so."""


def apply(work: Several, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    """The outputs' sizes; None for an output of which not even the number of axes is known."""
    try:
        return RULES[type(work)](work, shapes, asks)
    except ShapeError as error:
        asks.refuse(error.fact)
        return (None,)


def term(wanted: Term, shapes: tuple[Dims, ...], asks: Conditions) -> Dim:
    """The size that a term means."""
    if isinstance(wanted, int):
        return wanted
    if isinstance(wanted, SizeOf):
        shape = shapes[wanted.input]
        return shape[wanted.axis] if -len(shape) <= wanted.axis < len(shape) else None
    if isinstance(wanted, Scale):
        inner = term(wanted.term, shapes, asks)
        if isinstance(inner, int):
            return wanted.floor(inner)
        return scaled(wanted.factor, wanted.exact, inner, asks, resize=False)
    left, right = term(wanted.left, shapes, asks), term(wanted.right, shapes, asks)
    if asks.unknown("computes with a size that is not known", left, right) or left is None or right is None:
        return None
    try:
        found = arithmetic(wanted, left, right)
    except TooComplex as error:
        asks.unclear(f"computes a size: {error.fact}", left, right)
        return None
    if found is None:
        asks.unclear(f"computes a size in a way that is not followed ({wanted.kind})", left, right)
    return found


def arithmetic(wanted: Arithmetic, left: Dim, right: Dim) -> Dim:
    """Two sizes put together; None where the result is no map of one axis."""
    kind = wanted.kind
    if isinstance(left, int) and isinstance(right, int):
        return None if right == 0 and kind.endswith(("divide", "modulo")) else KINDS[kind](left, right)
    if kind == "multiply":
        return product((left, right))
    quotient = ratio(left, right) if kind.endswith("divide") else None
    if quotient is not None and not quotient.under and quotient.coefficient.denominator == 1:
        return quotient.whole()
    axes = [axis for axis in (single(left), single(right)) if axis is not None]
    known = [dim for dim in (left, right) if isinstance(dim, int)]
    if len(axes) + len(known) != 2 or len({key for key, _ in axes}) != 1:
        return None
    key = axes[0][0]
    f, g = (_map(left), _map(right))
    out = _combined(kind, f, g, right)
    return None if out is None else of(key, out)


def _map(dim: Dim) -> SizeMap:
    axis = single(dim)
    if axis is not None:
        return axis[1]
    assert isinstance(dim, int)
    return constant(dim)


def _combined(kind: str, f: SizeMap, g: SizeMap, right: Dim) -> SizeMap | None:
    match kind:
        case "add":
            return f + g
        case "subtract":
            return f - g
        case "minimum":
            return minimum(f, g)
        case "maximum":
            return maximum(f, g)
    if not isinstance(right, int) or right < 1:
        return None
    match kind:
        case "floor_divide":
            return f // right
        case "ceil_divide":
            return f.ceil_divided(right)
        case "truncate_divide":
            return f.truncated(right)
        case "modulo":
            return f % right
    return None


def _elementwise(work: Elementwise, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    out = padded[0]
    for other in padded[1:]:
        out = tuple(asks.broadcast(one, two) for one, two in zip(out, other, strict=True))
    return (out,)


def _concat(work: Concat, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    first = shapes[0]
    axis = place(work.axis, first)
    if any(len(shape) != len(first) for shape in shapes):
        asks.refuse("concatenates tensors with different numbers of axes")
        return (None,)
    out = list(first)
    for shape in shapes[1:]:
        for number, dim in enumerate(shape):
            if number != axis:
                asks.equal(out[number], dim, "the sizes")
                out[number] = dim if out[number] is None else out[number]
    out[axis] = first[axis]
    for shape in shapes[1:]:
        out[axis] = _sum(out[axis], shape[axis], asks)
    return (tuple(out),)


def _sum(one: Dim, other: Dim, asks: Conditions) -> Dim:
    if asks.unknown("adds sizes of which one is not known", one, other) or one is None or other is None:
        return None
    if one == 0 or other == 0:
        return other if one == 0 else one
    total = arithmetic(Arithmetic("add", 0, 0), one, other)
    if total is None:
        both = ratio(one, other)
        if both is not None and not both.over and not both.under and both.coefficient.denominator == 1:
            return product((other, int(both.coefficient) + 1))
        asks.unclear("adds sizes of several axes", one, other)
    return total


def _matmul(work: MatMul, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    left, right = shapes
    inner = right[-2] if len(right) > 1 else right[-1]
    asks.product_is(left[-1], inner, "needs as many rows as the other has columns")
    if len(left) == 1 or len(right) == 1:
        return ((*left[:-1], *(right[:-2] + right[-1:] if len(right) > 1 else ())),)
    batch: Dims = ()
    if left[:-2] or right[:-2]:
        (found,) = _elementwise(Elementwise("multiply"), (left[:-2], right[:-2]), asks)
        batch = found or ()
    return ((*batch, left[-2], right[-1]),)


def _einsum(work: Einsum, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    sizes: dict[str, Dim] = {}
    for letters, shape in zip(work.terms, shapes, strict=True):
        if len(letters) != len(shape):
            asks.refuse(f"names {len(letters)} axes of a tensor that has {len(shape)}")
            return (None,)
        own: dict[str, Dim] = {}
        for letter, dim in zip(letters, shape, strict=True):
            asks.equal(own.setdefault(letter, dim), dim, f"the sizes of {letter}")
        for letter, dim in own.items():
            sizes[letter] = asks.broadcast(sizes[letter], dim) if letter in sizes else dim
    return (tuple(sizes[letter] for letter in work.out),)


def _attention(work: Attention, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    return (work.given(shapes),)


def _recurrent(work: Recurrent, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    if len(shape) not in (2, 3):
        asks.refuse(f"takes 2 or 3 axes, not {len(shape)}")
        return (None,) * len(work.states)
    asks.product_is(shape[-1], work.features, f"needs {work.features} features")
    return work.given(shape)


def _reduce(work: Reduce, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    gone = set(range(len(shape))) if work.axes is None else {place(axis, shape) for axis in work.axes}
    return (tuple(1 if n in gone else dim for n, dim in enumerate(shape) if work.keep_dims or n not in gone),)


def _slice(work: Slice, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    axis = place(work.axis, shape)
    start = 0 if work.start is None else term(work.start, shapes, asks)
    stop = shape[axis] if work.stop is None else term(work.stop, shapes, asks)
    if work.within:
        along(start, asks, lambda f: f.at_least(0), lambda n: n if n >= 0 else None, f"starting inside axis {axis}")
        _holds(shape[axis], stop, axis, asks)
    out = _cut(work, shape[axis], start, stop, asks)
    return ((*shape[:axis], out, *shape[axis + 1 :]),)


def _holds(size: Dim, least: Dim, axis: int, asks: Conditions) -> None:
    """The axis must have so many cells."""
    unknown = asks.unknown(f"takes cells of axis {axis}, and a size is not known", size, least)
    if unknown or size is None or least is None or size == least:
        return
    if isinstance(least, int):

        def held(n: int) -> int | None:
            return n if n >= least else None

        along(size, asks, lambda f: f.at_least(least), held, f"cell {least - 1} of axis {axis}")
        return
    axes = {single(dim) and single(dim)[0] for dim in (size, least) if not isinstance(dim, int)}  # type: ignore[index]
    key = axes.pop()
    try:
        if key is None or axes:
            raise TooComplex("CW308", "they follow from several axes")
        asks.keep(key, at_least(_map(size), _map(least)), f"needs the cells of axis {axis} that it takes")
    except TooComplex as error:
        asks.unclear(f"takes cells of axis {axis} by computed sizes: {error.fact}", size, least)


def _cut(work: Slice, size: Dim, start: Dim, stop: Dim, asks: Conditions) -> Dim:
    """How many cells a slice takes: both ends counted from the back where negative, and held inside."""
    unknown = asks.unknown("slices by sizes of which one is not known", size, start, stop)
    if unknown or size is None or start is None or stop is None:
        return None
    if work.step < 1:
        if work.start is None and work.stop is None and work.step == -1:
            return size
        asks.unclear("slices backwards", size)
        return None
    if isinstance(size, int) and isinstance(start, int) and isinstance(stop, int):
        return len(range(*slice(start, stop, work.step).indices(size)))
    axes = {key for dim in (size, start, stop) if (axis := single(dim)) is not None for key in (axis[0],)}
    if len(axes) != 1 or any(single(dim) is None and not isinstance(dim, int) for dim in (size, start, stop)):
        asks.unclear("slices by sizes of several axes", size, start, stop)
        return None
    if start == 0 and (work.stop is None or (isinstance(stop, int) and stop >= ENDLESS)) and work.step == 1:
        return size
    try:
        length = _taken(_map(size), _map(start), _map(stop))
        return of(next(iter(axes)), length if work.step == 1 else length.ceil_divided(work.step))
    except TooComplex as error:
        asks.unclear(f"slices: {error.fact}", size)
        return None


@lru_cache(maxsize=512)
def _taken(n: SizeMap, start: SizeMap, stop: SizeMap) -> SizeMap:
    """How many cells lie from start to stop."""
    first, last = _inside(start, n), _inside(stop, n)
    if first.value == 0:
        return last
    length = last - first
    return length if at_least(length, 0) == length.legal else maximum(length, constant(0))


def _inside(end: SizeMap, n: SizeMap) -> SizeMap:
    """An end of a slice as Python reads it on n cells."""
    if end == n or end.value == 0:
        return end
    from_back = at_least(end, 0)
    if from_back != end.legal:
        end = chosen(from_back, end, maximum(end + n, constant(0)))
    return end if at_least(n, end) == n.legal & end.legal else minimum(end, n)


def _resize(work: ResizeTo, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    out = list(shapes[0])
    for number, wanted in zip(work.axes, work.sizes, strict=True):
        axis = place(number, tuple(out))
        positive(out[axis], asks)
        out[axis] = positive(term(wanted, shapes, asks), asks)
    return (tuple(out),)


def _pad(work: PadTo, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    out = list(shapes[0])
    mosts = work.most or (None,) * len(work.axes)
    for number, (before, after), most in zip(work.axes, work.pads, mosts, strict=True):
        axis = place(number, tuple(out))
        ends = (term(before, shapes, asks), term(after, shapes, asks))
        if ends == (0, 0):
            continue
        out[axis] = _padded(work.mode, out[axis], ends, asks, most)
    return (tuple(out),)


def _padded(mode: str, size: Dim, ends: tuple[Dim, Dim], asks: Conditions, most: int | None = None) -> Dim:
    dims = (size, *ends)
    axes = {axis[0] for dim in dims if (axis := single(dim)) is not None}
    if asks.unknown("pads by sizes of which one is not known", *dims):
        return None
    if any(single(dim) is None and not isinstance(dim, int) for dim in dims) or len(axes) > 1:
        asks.unclear("pads by sizes of several axes", *dims)
        return None
    n, low, high = (_map(dim) for dim in dims)
    least = minimum(low, constant(0)) + minimum(high, constant(0)) + n
    out = n + low + high
    legal = at_least(least, 0) & at_least(out, 0)
    if mode in ("reflect", "circular"):
        wider = maximum(low, high) + (1 if mode == "reflect" else 0)
        legal = legal & at_least(n, wider)
    if most is not None:
        legal = legal & at_least(high, 0) & at_least(constant(most), high)
    if not axes:
        if not legal:
            asks.refuse("cuts off more than there is" if most is None else "asks for an output_size that is not given")
        return out.value
    key = axes.pop()
    asks.keep(key, legal & n.legal, "", None)
    return of(key, out.within(legal))


def _reshape(work: ReshapeTo, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    target = tuple(term(wanted, shapes, asks) for wanted in work.target)
    if work.memory is not None:
        asks.unclear("views cells that do not lie in order in memory", *shapes[0])
    shape, goal = list(shapes[0]), list(target)
    same = [number for number, wanted in enumerate(work.target) if _left_out(wanted, shape, target[number])]
    for number in same:
        goal[number] = 1
    filled = fill(tuple(shape), tuple(goal), asks)
    return (tuple(None if number in same else dim for number, dim in enumerate(filled)),)


def _left_out(wanted: Term, shape: list[Dim], dim: Dim) -> bool:
    """Whether the term is an axis of the shape whose size is not known: it stands on both sides, and is then taken out of the shape."""
    if dim is not None or not isinstance(wanted, SizeOf) or wanted.input or shape[wanted.axis] is not None:
        return False
    shape[wanted.axis] = 1
    return True


def _expand(work: Expand, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = (1,) * (len(work.target) - len(shapes[0])) + shapes[0]
    wanted: Dims = (-1,) * (len(shape) - len(work.target)) + tuple(term(one, shapes, asks) for one in work.target)
    return (tuple(dim if want == -1 else _widened(dim, want, asks) for dim, want in zip(shape, wanted, strict=True)),)


def _widened(dim: Dim, want: Dim, asks: Conditions) -> Dim:
    axis = single(dim)
    if axis is not None and isinstance(want, int) and want != 1:
        asks.keep(axis[0], equal(axis[1], 1) | equal(axis[1], want), f"needs a size of 1 or {want}")
        return want
    return asks.broadcast(dim, want)


def _tile(work: Tile, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = (1,) * (len(work.repeats) - len(shapes[0])) + shapes[0]
    repeats = (1,) * (len(shape) - len(work.repeats)) + work.repeats
    return (tuple(product((dim, times)) for dim, times in zip(shape, repeats, strict=True)),)


def _squeeze(work: Squeeze, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    if work.axes is None or not work.strict:
        chosen_axes = range(len(shape)) if work.axes is None else {place(axis, shape) for axis in work.axes}
        for axis in chosen_axes:
            if not isinstance(shape[axis], int):
                asks.unclear("takes away axes of one cell, and which have one depends on the size", shape[axis])
                return (None,)
        return (tuple(dim for n, dim in enumerate(shape) if n not in chosen_axes or dim != 1),)
    gone = {place(axis, shape) for axis in work.axes}
    for axis in sorted(gone):
        asks.product_is(shape[axis], 1, f"needs a size of 1 on axis {axis}")
    return (tuple(dim for n, dim in enumerate(shape) if n not in gone),)


def _unsqueeze(work: Unsqueeze, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    rank = len(shapes[0]) + len(work.axes)
    new = new_axes(work.axes, rank)
    rest = iter(shapes[0])
    return (tuple(1 if axis in new else next(rest) for axis in range(rank)),)


def _gather(work: Gather, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    axis = place(work.axis, shape)
    # One sample stands for a batch of any size, of which a later one may well be chosen.
    if work.least and not (axis == 0 and shape[0] == 1):
        _holds(shape[axis], work.least, axis, asks)
    return ((*shape[:axis], *work.indices, *shape[axis + 1 :]),)


def _windows(work: Windows, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    shape = shapes[0]
    axis = place(work.axis, shape)
    return ((*shape[:axis], through(work.window, shape[axis], asks), *shape[axis + 1 :], work.window.kernel),)


def _constant(work: Constant, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    return (tuple(term(size, shapes, asks) for size in work.shape),)


def _opaque(work: Opaque, shapes: tuple[Dims, ...], asks: Conditions) -> Outputs:
    asks.unclear(work.reason, *(dim for shape in shapes for dim in shape))
    return (None,) * work.outputs


RULES: dict[type, Callable[[Any, tuple[Dims, ...], Conditions], Outputs]] = {
    Elementwise: _elementwise,
    Concat: _concat,
    Split: split,
    Chunk: chunk,
    MatMul: _matmul,
    Einsum: _einsum,
    Attention: _attention,
    Recurrent: _recurrent,
    Reduce: _reduce,
    Slice: _slice,
    ResizeTo: _resize,
    PadTo: _pad,
    ReshapeTo: _reshape,
    Expand: _expand,
    Tile: _tile,
    Squeeze: _squeeze,
    Unsqueeze: _unsqueeze,
    Gather: _gather,
    Windows: _windows,
    Constant: _constant,
    Opaque: _opaque,
}
"""The rule of every op on several tensors."""
