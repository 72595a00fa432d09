"""Sizes that a graph computes from its tensors' sizes: SHAPE, STRIDED_SLICE, PACK, and sums and products of what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod

from convwise.ops.several import Arithmetic, Term
from convwise.ops.shape import Shape
from convwise.ops.terms import truncated
from convwise.readers.tflite.flatbuffers import INT
from convwise.readers.tflite.model import TfliteOperator
from convwise.readers.torch_live.values import combine, is_long, is_term

MOST_ITEMS = 64
"""Numbers of a tensor that are followed: shapes have at most 8, and pads two for each axis."""


@dataclass(frozen=True, slots=True)
class Known:
    """A tensor of whole numbers, each a number or a size: its own sizes, and the numbers in their order."""

    dims: tuple[int, ...]
    items: tuple[Term, ...]

    @property
    def numbers(self) -> tuple[int, ...] | None:
        """The numbers, where all of them are known."""
        found = tuple(item for item in self.items if isinstance(item, int))
        return found if len(found) == len(self.items) else None


def fold(operator: TfliteOperator, inputs: Sequence[Known | None]) -> tuple[Known, ...] | None:
    """What the operator gives; None where not all that it reads is known, or where it is none of these."""
    rule = RULES.get(operator.kind)
    if rule is None or not inputs or any(one is None for one in inputs):
        return None
    found = rule(operator, [one for one in inputs if one is not None])
    if found is None or any(len(one.items) > MOST_ITEMS for one in found):
        return None
    return found


def shape_of(sizes: tuple[Term, ...]) -> Known:
    return Known((len(sizes),), sizes)


Rule = Callable[[TfliteOperator, list[Known]], tuple[Known, ...] | None]


def _same(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    return (inputs[0],)


def _elementwise(kind: str) -> Rule:
    def rule(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
        if len(inputs) != 2:
            return None
        left, right = inputs
        longer = left if len(left.items) >= len(right.items) else right
        if len(left.dims) > 1 or len(right.dims) > 1:
            return None
        pairs = [one.items * (len(longer.items) if len(one.items) == 1 else 1) for one in inputs]
        if len(pairs[0]) != len(pairs[1]):
            return None
        items = tuple(_combined(kind, one, other) for one, other in zip(*pairs, strict=True))
        known = tuple(item for item in items if item is not None)
        return (Known(longer.dims, known),) if len(known) == len(items) else None

    return rule


def _combined(kind: str, left: Term, right: Term) -> Term | None:
    if kind in ("floordiv", "mod", "truncate") and right == 0:
        return None
    if kind == "truncate":
        if isinstance(left, int) and isinstance(right, int):
            return truncated(left, right)
        return None if is_long(left, right) else Arithmetic("truncate_divide", left, right)
    found = combine(kind, left, right)
    return found if is_term(found) else None


def _pack(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    axis = operator.options.number(1, INT) if operator.options else 0
    if axis or any(one.dims != inputs[0].dims for one in inputs):
        return None
    return (Known((len(inputs), *inputs[0].dims), tuple(item for one in inputs for item in one.items)),)


def _joined(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    items = tuple(item for one in inputs for item in one.items)
    return (Known((len(items),), items),) if all(len(one.dims) == 1 for one in inputs) else None


def _unpack(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    return tuple(Known((), (item,)) for item in inputs[0].items) if len(inputs[0].dims) == 1 else None


def _gather(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    chosen = inputs[1].numbers
    if len(inputs[0].dims) != 1 or chosen is None or any(not 0 <= cell < len(inputs[0].items) for cell in chosen):
        return None
    return (Known(inputs[1].dims, tuple(inputs[0].items[cell] for cell in chosen)),)


def _strided(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    table, ends = operator.options, [one.numbers for one in inputs[1:]]
    if table is None or len(ends) != 3 or None in ends:
        return None
    cut = slices(tuple(one or () for one in ends), [table.number(field, INT) for field in range(5)])
    if cut is None or len(cut) > len(inputs[0].dims):
        return None
    return _cut(inputs[0], [part for part, _ in cut], [gone for _, gone in cut])


def _sliced(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    starts, sizes = (one.numbers for one in inputs[1:3])
    if starts is None or sizes is None or len(starts) != len(inputs[0].dims) or len(sizes) != len(starts):
        return None
    parts = [slice(start, None if size == -1 else start + size) for start, size in zip(starts, sizes, strict=True)]
    return _cut(inputs[0], parts, [False] * len(parts))


def _cut(known: Known, parts: list[slice], gone: list[bool]) -> tuple[Known, ...] | None:
    """Some cells along each axis; axes that are `gone` have one cell left and are taken away."""
    parts = parts + [slice(None)] * (len(known.dims) - len(parts))
    gone = gone + [False] * (len(known.dims) - len(gone))
    cells = [range(size)[part] for size, part in zip(known.dims, parts, strict=True)]
    if any(away and len(one) != 1 for one, away in zip(cells, gone, strict=True)):
        return None
    steps = [prod(known.dims[axis + 1 :]) for axis in range(len(known.dims))]
    places = (sum(at * step for at, step in zip(where, steps, strict=True)) for where in product(*cells))
    dims = tuple(len(one) for one, away in zip(cells, gone, strict=True) if not away)
    return (Known(dims, tuple(known.items[place] for place in places)),)


def slices(ends: tuple[tuple[int, ...], ...], masks: Sequence[int]) -> list[tuple[slice, bool]] | None:
    """For each axis what STRIDED_SLICE takes of it, and whether the axis goes away; None for new axes and ellipses.

    `ends` are starts, stops and steps; `masks` say by their bits where a start and a stop are left open, and which axes go away.
    """
    starts, stops, steps = ends
    begin, end, ellipsis, new, shrink = masks
    if ellipsis or new or len({len(starts), len(stops), len(steps)}) > 1 or 0 in steps:
        return None
    found = []
    for axis, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        if shrink >> axis & 1:
            found.append((slice(start, start + 1 or None), True))
        else:
            found.append((slice(None if begin >> axis & 1 else start, None if end >> axis & 1 else stop, step), False))
    return found


def _reshaped(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    target = inputs[1].numbers if len(inputs) > 1 else None
    if target is None or target.count(-1) > 1 or min(target, default=0) < -1:
        return None
    rest = prod(size for size in target if size != -1)
    count = len(inputs[0].items)
    dims = tuple(count // rest if size == -1 and rest else size for size in target)
    return (Known(dims, inputs[0].items),) if prod(dims) == count else None


def _squeezed(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    return (Known((), inputs[0].items),) if len(inputs[0].items) == 1 else None


def _expanded(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    return (Known((1, *inputs[0].dims), inputs[0].items),) if len(inputs) > 1 and inputs[1].numbers == (0,) else None


def _product(operator: TfliteOperator, inputs: list[Known]) -> tuple[Known, ...] | None:
    if len(inputs[0].dims) != 1:
        return None
    whole: Term = reduce(lambda left, right: combine("mul", left, right), inputs[0].items, 1)
    keeps = operator.options is not None and operator.options.flag(0)
    return (Known((1,) if keeps else (), (whole,)),) if is_term(whole) else None


RULES: dict[str, Rule] = {
    "CAST": _same,
    "ADD": _elementwise("add"),
    "SUB": _elementwise("sub"),
    "MUL": _elementwise("mul"),
    "DIV": _elementwise("truncate"),
    "FLOOR_DIV": _elementwise("floordiv"),
    "FLOOR_MOD": _elementwise("mod"),
    "MAXIMUM": _elementwise("max"),
    "MINIMUM": _elementwise("min"),
    "PACK": _pack,
    "CONCATENATION": _joined,
    "UNPACK": _unpack,
    "GATHER": _gather,
    "STRIDED_SLICE": _strided,
    "SLICE": _sliced,
    "RESHAPE": _reshaped,
    "SQUEEZE": _squeezed,
    "EXPAND_DIMS": _expanded,
    "REDUCE_PROD": _product,
}


def linear(term: Term) -> tuple[Term, int, int] | None:
    """(size, a, b) of a term that is a x size + b; None for any other."""
    if not isinstance(term, Arithmetic):
        return None if isinstance(term, int) else (term, 1, 0)
    left, right = linear(term.left), linear(term.right)
    if isinstance(term.right, int) and left is not None:
        size, times, more = left
        if term.kind == "multiply":
            return size, times * term.right, more * term.right
        if term.kind in ("add", "subtract"):
            return size, times, more + (term.right if term.kind == "add" else -term.right)
    if isinstance(term.left, int) and right is not None and term.kind in ("add", "multiply"):
        size, times, more = right
        return (size, times, more + term.left) if term.kind == "add" else (size, times * term.left, more * term.left)
    return None


def all_numbers(shape: Shape) -> tuple[int, ...] | None:
    """The sizes, where all of them are known."""
    found = tuple(size for size in shape if size is not None)
    return found if len(found) == len(shape) else None
