"""Shape arithmetic worked out while reading: Shape, Gather, Concat, Cast, Mul and their kin on numbers that are known."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

from convwise.dialects.onnx.arithmetic import BINARY, FLOATING, UNARY, cast
from convwise.dialects.onnx.given import Given
from convwise.dialects.onnx.values import MOST_ITEMS, Item, Known, fits, vector

Fold = Callable[[Given], Known | None]


def foldable(given: Given) -> bool:
    """Whether `fold` may give anything: but for a tensor's own shape and size, every rule needs the numbers of the first input."""
    return given.known(0) is not None or given.node.op_type in ("Shape", "Size")


def fold(given: Given) -> Known | None:
    """The numbers that a node gives; None where they are not known, or the node is not of this kind."""
    rule = FOLDS.get(given.node.op_type) if not given.node.domain else None
    return None if rule is None else rule(given)


def _shape(given: Given) -> Known | None:
    rank = given.rank()
    if rank is None:
        return None
    sizes = given.sizes(0)
    start, end = given.integer("start"), given.integer("end", rank)
    return vector(tuple(sizes[slice(*slice(start, end).indices(rank))]))


def _size(given: Given) -> Known | None:
    shape = given.shape()
    if shape is None or None in shape:
        return None
    return Known((), (prod(size for size in shape if size is not None),))


def _cells(dims: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(product(*(range(size) for size in dims)))


def _flat(index: tuple[int, ...], dims: tuple[int, ...]) -> int:
    at = 0
    for one, size in zip(index, dims, strict=True):
        at = at * size + one
    return at


def _stretched(known: Known, dims: tuple[int, ...]) -> list[Item]:
    """The items broadcast to `dims`."""
    if known.dims == dims:
        return list(known.items)
    if len(known.items) == 1:
        return [known.items[0]] * prod(dims)
    own = (1,) * (len(dims) - len(known.dims)) + known.dims
    return [
        known.items[_flat(tuple(0 if size == 1 else one for one, size in zip(index, own, strict=True)), own)]
        for index in _cells(dims)
    ]


def _broadcast(*all_dims: tuple[int, ...]) -> tuple[int, ...] | None:
    rank = max(len(dims) for dims in all_dims)
    out = [1] * rank
    for dims in all_dims:
        for axis, size in enumerate(dims, rank - len(dims)):
            if size != 1 and out[axis] not in (1, size):
                return None
            out[axis] = size if size != 1 else out[axis]
    return tuple(out) if fits(tuple(out)) else None


def _knowns(given: Given) -> list[Known] | None:
    found = [one.known for one in given.inputs if one is not None and one.known is not None]
    return found if found and len(found) == len(given.inputs) else None


def _elementwise(given: Given) -> Known | None:
    knowns = _knowns(given)
    if knowns is None:
        return None
    dims: tuple[int, ...] | None = knowns[0].dims
    if any(one.dims != dims for one in knowns):
        dims = _broadcast(*(one.dims for one in knowns))
    if dims is None:
        return None
    whole = all(one.whole for one in knowns)
    combine = BINARY[given.node.op_type]
    items = _stretched(knowns[0], dims)
    for other in knowns[1:]:
        items = [combine(a, b, whole) for a, b in zip(items, _stretched(other, dims), strict=True)]
    compares = given.node.op_type in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or")
    return Known(dims, tuple(items), whole or compares)


def _unary(given: Given) -> Known | None:
    known = given.known(0)
    if known is None:
        return None
    change = UNARY[given.node.op_type]
    whole = known.whole and given.node.op_type not in FLOATING
    return Known(known.dims, tuple(change(item) for item in known.items), whole)


def _clip(given: Given) -> Known | None:
    """Bounds as inputs; before operator set 11 they were attributes, on data alone."""
    known = given.known(0)
    if known is None or given.opset < 11:
        return None
    items = known.items
    for number, kind in ((1, "Max"), (2, "Min")):
        bound = given.input(number)
        if bound is None:
            continue
        if bound.known is None or len(bound.known.items) != 1:
            return None
        items = tuple(BINARY[kind](item, bound.known.items[0], known.whole) for item in items)
    return Known(known.dims, items, known.whole)


def _cast(given: Given) -> Known | None:
    known = given.known(0)
    to = given.integer("to", 1)
    return None if known is None else cast(known, to)


def _same(given: Given) -> Known | None:
    return given.known(0)


def _where(given: Given) -> Known | None:
    knowns = _knowns(given)
    if knowns is None or len(knowns) != 3:
        return None
    dims = _broadcast(*(one.dims for one in knowns))
    if dims is None:
        return None
    items: list[Item] = []
    for test, yes, no in zip(*(_stretched(one, dims) for one in knowns), strict=True):
        items.append((yes if test else no) if isinstance(test, int | float) else yes if yes == no else None)
    return Known(dims, tuple(items), knowns[1].whole)


def _gather(given: Given) -> Known | None:
    data, indices = given.known(0), given.known(1)
    if data is None or indices is None or not data.dims:
        return None
    axis = given.axis(given.integer("axis"), len(data.dims))
    size = data.dims[axis]
    dims = (*data.dims[:axis], *indices.dims, *data.dims[axis + 1 :])
    chosen = indices.ints()
    if chosen is None or not fits(dims) or any(not -size <= one < size for one in chosen):
        return None
    items = []
    for index in _cells(dims):
        middle = index[axis : axis + len(indices.dims)]
        one = chosen[_flat(middle, indices.dims)] % size
        items.append(data.items[_flat((*index[:axis], one, *index[axis + len(indices.dims) :]), data.dims)])
    return Known(dims, tuple(items), data.whole)


def _concat(given: Given) -> Known | None:
    knowns = _knowns(given)
    if knowns is None or any(len(one.dims) != 1 for one in knowns):
        return None
    items = tuple(item for one in knowns for item in one.items)
    return Known((len(items),), items, knowns[0].whole) if len(items) <= MOST_ITEMS else None


def _take(known: Known, axis: int, cells: range) -> Known:
    dims = (*known.dims[:axis], len(cells), *known.dims[axis + 1 :])
    items = tuple(
        known.items[_flat((*index[:axis], cells[index[axis]], *index[axis + 1 :]), known.dims)]
        for index in _cells(dims)
    )
    return Known(dims, items, known.whole)


def parts(given: Given) -> tuple[Known, ...] | None:
    """The numbers that each output of a Split gives; None where they are not known."""
    known, count = given.known(0), len(given.node.outputs)
    if given.node.op_type != "Split" or given.node.domain or known is None or not known.dims:
        return None
    axis = given.axis(given.integer("axis"), len(known.dims))
    size = known.dims[axis]
    told = given.input(1) is not None or given.has("split")
    sizes = _ints(given, 1, "split") if told else (-(-size // count),) * count
    if sizes is None or len(sizes) != count or any(one < 0 for one in sizes):
        return None
    ends = [sum(sizes[: number + 1]) for number in range(count)]
    if told and ends[-1] != size:
        return None
    return tuple(
        _take(known, axis, range(min(end - one, size), min(end, size))) for end, one in zip(ends, sizes, strict=True)
    )


def _ints(given: Given, number: int, attribute: str) -> tuple[int, ...] | None:
    if given.has(attribute):
        return given.ints(attribute)
    known = given.known(number)
    return None if known is None else known.ints()


def _slice(given: Given) -> Known | None:
    known = given.known(0)
    starts, ends = _ints(given, 1, "starts"), _ints(given, 2, "ends")
    if known is None or starts is None or ends is None:
        return None
    axes = _ints(given, 3, "axes") if given.input(3) is not None or given.has("axes") else tuple(range(len(starts)))
    steps = _ints(given, 4, "steps") if given.input(4) is not None else (1,) * len(starts)
    if axes is None or steps is None or 0 in steps:
        return None
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=False):
        place = given.axis(axis, len(known.dims), "axes")
        size = known.dims[place]
        # Numbers below -size mean the first cell; Python would take -1 as the last one.
        stop = None if step < 0 and (end < -size or end in (2**31 - 1, 2**63 - 1)) else end
        start = 0 if step < 0 and start < -size else start
        known = _take(known, place, range(size)[slice(start, stop, step)])
    return known


def _reshaped(given: Given, dims: tuple[int, ...] | None) -> Known | None:
    known = given.known(0)
    if known is None or dims is None or prod(dims) != len(known.items):
        return None
    return Known(dims, known.items, known.whole)


def _squeeze(given: Given) -> Known | None:
    known = given.known(0)
    axes = _ints(given, 1, "axes")
    if known is None or (axes is None and given.input(1) is not None):
        return None
    rank = len(known.dims)
    gone = {axis for axis in range(rank) if known.dims[axis] == 1}
    if axes is not None:
        gone = {given.axis(axis, rank, "axes") for axis in axes}
    return _reshaped(given, tuple(size for axis, size in enumerate(known.dims) if axis not in gone))


def _unsqueeze(given: Given) -> Known | None:
    known = given.known(0)
    axes = _ints(given, 1, "axes")
    if known is None or axes is None:
        return None
    rank = len(known.dims) + len(axes)
    new = {given.axis(axis, rank, "axes") for axis in axes}
    rest = iter(known.dims)
    return _reshaped(given, tuple(1 if axis in new else next(rest, 1) for axis in range(rank)))


def _reshape(given: Given) -> Known | None:
    known = given.known(0)
    target = _ints(given, 1, "shape")
    if known is None or target is None:
        return None
    copied = [known.dims[n] if size == 0 and n < len(known.dims) else size for n, size in enumerate(target)]
    others = prod(size for size in copied if size != -1)
    return _reshaped(given, tuple(len(known.items) // others if size == -1 and others else size for size in copied))


def _expand(given: Given) -> Known | None:
    known, target = given.known(0), _ints(given, 1, "shape")
    dims = None if known is None or target is None else _broadcast(known.dims, target)
    return None if known is None or dims is None else Known(dims, tuple(_stretched(known, dims)), known.whole)


def _tile(given: Given) -> Known | None:
    known, repeats = given.known(0), _ints(given, 1, "repeats")
    if known is None or repeats is None or len(known.dims) != 1 or len(repeats) != 1:
        return None
    size = known.dims[0] * max(repeats[0], 0)
    return Known((size,), known.items * repeats[0], known.whole) if size <= MOST_ITEMS else None


def _constant_of_shape(given: Given) -> Known | None:
    known = given.known(0)
    dims = None if known is None else known.ints()
    if dims is None or not fits(dims) or any(size < 0 for size in dims):
        return None
    value = given.node.attributes.get("value")
    item: Item = 0.0
    if value is not None:
        values = getattr(value, "values", None)
        if not values:
            return None
        item = values[0]
    return Known(dims, (item,) * prod(dims), not isinstance(item, float))


def _range(given: Given) -> Known | None:
    knowns = _knowns(given)
    if knowns is None or len(knowns) != 3 or any(len(one.items) != 1 or not one.whole for one in knowns):
        return None
    start, limit, step = (one.items[0] for one in knowns)
    if not (isinstance(start, int) and isinstance(limit, int) and isinstance(step, int)) or not step:
        return None
    cells = range(start, limit, step)
    return vector(tuple(cells)) if len(cells) <= MOST_ITEMS else None


def _reduce(given: Given) -> Known | None:
    known = given.known(0)
    if known is None or len(known.dims) > 1 or not known.items:
        return None
    combine = BINARY[
        {"ReduceProd": "Mul", "ReduceSum": "Add", "ReduceMax": "Max", "ReduceMin": "Min"}[given.node.op_type]
    ]
    found = known.items[0]
    for item in known.items[1:]:
        found = combine(found, item, known.whole)
    return Known((1,) * len(known.dims) if given.integer("keepdims", 1) else (), (found,), known.whole)


def _transpose(given: Given) -> Known | None:
    known = given.known(0)
    if known is None:
        return None
    rank = len(known.dims)
    order = given.ints("perm") or tuple(reversed(range(rank)))
    if sorted(order) != list(range(rank)):
        return None
    dims = tuple(known.dims[axis] for axis in order)
    items = []
    for index in _cells(dims):
        back = dict(zip(order, index, strict=True))
        items.append(known.items[_flat(tuple(back[axis] for axis in range(rank)), known.dims)])
    return Known(dims, tuple(items), known.whole)


FOLDS: dict[str, Fold] = {
    "Shape": _shape,
    "Size": _size,
    "Gather": _gather,
    "Concat": _concat,
    "Cast": _cast,
    "Clip": _clip,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Expand": _expand,
    "Tile": _tile,
    "Transpose": _transpose,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Where": _where,
    "Identity": _same,
    **dict.fromkeys(BINARY, _elementwise),
    **dict.fromkeys(UNARY, _unary),
    **dict.fromkeys(("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin"), _reduce),
}
"""Operators that shape arithmetic is made of."""
