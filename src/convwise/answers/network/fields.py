"""Receptive fields through any network: what part of the input one output cell can depend on, an axis at a time.

A field is a hull: the first and the last input cell that the taps reach, through every branch. Jumps are fractions, because
transposed convolutions and resizes step by less than a cell. What looks at a whole axis (global pooling, flatten, a gate
computed from a global pooling, a norm over space) makes it "all" from there on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import floor

from convwise.answers.network.flowing import NodeFlow
from convwise.answers.network.symbolic import AxisKey
from convwise.axis import Pads, Window, share
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Flow,
    Fold,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
    Unflatten,
    Unfold,
)
from convwise.readers.echo import shown

Key = int
Number = int | Fraction
"""A whole number wherever it can be, because whole numbers are quick."""

REACH = {"nearest": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "cubic": 4, "bicubic": 4}
"""Cells that one resampled cell reads, a mode; others are taken as 2."""


@dataclass(frozen=True, slots=True)
class Field:
    """What one cell of an axis sees of an input axis: output i sees `size` cells from `offset + i jump` on.

    `twice` is twice the middle of what output 0 sees, exact where `offset` is rounded to a cell (transposes, resizes).
    """

    key: Key
    size: Number = 1
    jump: Number = 1
    offset: Number = 0
    twice: Number = 0

    def under(self, cells: int, step: Number, first: int, twice: Number) -> Field:
        """The field of a window of so many cells of this axis: output i starts at cell `first + i step`; 0 has its middle at `twice` / 2."""
        jump = self.jump
        return Field(
            self.key,
            self.size + jump * (cells - 1),
            jump * step if type(step) is int else _plain(jump * step),
            self.offset + jump * first,
            self.twice + jump * twice,
        )

    def last(self, index: int) -> Number:
        """The last input cell that output `index` sees."""
        return self.offset + self.jump * index + self.size - 1


def _plain(number: Number) -> Number:
    return number.numerator if number.denominator == 1 else number


def ratio(one: int, other: int) -> Number:
    """The quotient."""
    return one // other if one % other == 0 else Fraction(one, other)


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one tensor: one an axis, None where the axis has no place in the input; and the input axes seen whole."""

    axes: tuple[Field | None, ...]
    whole: frozenset[Key] = frozenset()

    def of(self, key: Key) -> Field | None:
        for one in self.axes:
            if one is not None and one.key == key:
                return one
        return None

    def seeing(self, *places: int) -> frozenset[Key]:
        """The input axes that lie on these axes."""
        return frozenset(field.key for place in places if (field := self.axes[place]) is not None)


@dataclass(frozen=True, slots=True)
class Misaligned:
    """Branches that meet although their cells look at different places: (axis, steps or centres) of the two."""

    node: str
    key: Key
    what: str
    one: Number
    other: Number


@dataclass(slots=True)
class Following:
    """The fields of every tensor by name, and the branches that do not line up."""

    tensors: dict[str, Fields] = field(default_factory=dict)
    misaligned: list[Misaligned] = field(default_factory=list)


def start(following: Following, keys: tuple[AxisKey, ...], shapes: Mapping[str, Shape]) -> None:
    """The inputs: every cell sees itself."""
    for name, shape in shapes.items():
        places = {axis.place: key for key, axis in enumerate(keys) if axis.source == name}
        following.tensors[name] = Fields(
            tuple(Field(places[place]) if place in places else None for place in range(len(shape)))
        )


def through_ops(fields: Fields, ops: tuple[Op, ...], flows: tuple[Flow, ...], layout: Layout) -> Fields:
    """Ops one after the other, on the sizes that they had."""
    for op, flow in zip(ops, flows, strict=False):
        if isinstance(op, Pointwise) and "soft" not in op.kind:
            continue
        if isinstance(op, Norm) and op.kind == "batch":
            continue
        fields = _through(fields, op, flow, layout)
    return fields


def spatial(fields: Fields, layout: Layout, rank: int) -> tuple[int, ...]:
    """The places of `rank` spatial axes."""
    count = len(fields.axes)
    return tuple(range(count - 1 - rank, count - 1)) if layout.channels_last else tuple(range(count - rank, count))


def _through(fields: Fields, op: Op, flow: Flow, layout: Layout) -> Fields:
    match op:
        case Conv() | Pool() | ConvTranspose() | Pad() | Crop() | Resize() | AdaptivePool() | PixelShuffle():
            return _local(fields, op, flow, layout)
        case GlobalPool():
            seen = fields.seeing(*spatial(fields, layout, op.rank))
            return Fields((None,) * len(flow.output), fields.whole | seen)
        case Permute():
            return Fields(tuple(fields.axes[axis] for axis in op.order), fields.whole)
        case Flatten() | Reshape() | Unflatten() | Unfold() | Fold():
            return reshaped(fields, flow.input, flow.output)
        case Dense():
            return replace(fields, axes=(*fields.axes[:-1], None), whole=fields.whole | fields.seeing(-1))
        case Norm():
            return _normalised(fields, op, layout)
        case Pointwise():
            return _pointwise(fields, op)
    return fields if len(flow.output) == len(fields.axes) else reshaped(fields, flow.input, flow.output)


def _local(fields: Fields, op: Op, flow: Flow, layout: Layout) -> Fields:
    """Ops that work axis by axis; `flow.axes` has the spatial axes in order."""
    rank = len(flow.axes)
    out, whole = list(fields.axes), fields.whole
    for number, place in enumerate(spatial(fields, layout, rank)):
        here = fields.axes[place]
        if here is None:
            continue
        size, wide = flow.axes[number].size, flow.axes[number].out
        found = _axis(here, op, number, size, wide)
        out[place] = found
        if found is None:
            whole = whole | {here.key}
    return Fields(tuple(out), whole)


def _axis(here: Field, op: Op, number: int, size: int | None, out: int | None) -> Field | None:
    """One axis through one op; None where it looks at the whole axis."""
    match op:
        case Conv() | Pool():
            return windowed(here, op.windows[number], size)
        case ConvTranspose():
            return spread(here, op.windows[number])
        case Pad():
            return here.under(1, 1, -op.pads[number].low, -2 * op.pads[number].low)
        case Crop():
            return here.under(1, 1, op.cuts[number].low, 2 * op.cuts[number].low)
        case Resize():
            return resized(here, op.mode, op.align_corners, size, out)
        case AdaptivePool():
            return adapted(here, size, out)
        case PixelShuffle():
            if op.inverse:
                return here.under(op.factor, op.factor, 0, op.factor - 1)
            return here.under(1, Fraction(1, op.factor), 0, ratio(1 - op.factor, op.factor))
    return here


def windowed(here: Field, window: Window, size: int | None) -> Field:
    """Under a sliding window; a padding that depends on the size is that of `size`."""
    padding = window.padding
    if not isinstance(padding, Pads):
        fixed = window.fixed().padding
        padding = fixed if isinstance(fixed, Pads) else Pads() if size is None else window.pads(size)
    span = window.span
    return here.under(span, window.stride, -padding.low, span - 1 - 2 * padding.low)


def spread(here: Field, window: Window) -> Field:
    """Under a transposed window."""
    cells, twice = window.sources
    return here.under(len(cells), ratio(1, window.stride), cells.start, ratio(twice, window.stride))


def resized(here: Field, mode: str, align_corners: bool, size: int | None, out: int | None) -> Field | None:
    """Under resampling from `size` to `out` cells; None where a size is not known."""
    if not size or not out:
        return None
    if size == out:
        return here
    if mode == "area":
        return adapted(here, size, out)
    cells = REACH.get(mode, 2)
    step = ratio(size - 1, max(out - 1, 1)) if align_corners and cells > 1 else ratio(size, out)
    if cells == 1:
        return here.under(1, step, 0, _plain(step - 1))
    twice = 0 if align_corners else _plain(step - 1)
    return here.under(cells, step, floor(Fraction(twice) / 2) - (cells // 2 - 1), twice)


def adapted(here: Field, size: int | None, out: int | None) -> Field | None:
    """Under adaptive pooling: None (the whole axis) for one cell or an unknown size."""
    if not size or not out or out == 1:
        return None
    if size == out:
        return here
    widest = max(len(share(i, size, out)) for i in range(min(out, 4096)))
    step = ratio(size, out)
    return here.under(widest, step, 0, _plain(step - 1))


def _normalised(fields: Fields, op: Norm, layout: Layout) -> Fields:
    """A norm over space sees every cell of it."""
    count = len(fields.axes)
    channels = count - 1 if layout.channels_last else min(1, count - 1)
    if op.kind in ("instance", "group") and not op.moments:
        return replace(fields, whole=fields.whole | fields.seeing(*(n for n in range(count) if n != channels)))
    if op.kind in ("layer", "rms", "unit") and not isinstance(op.axes, str):
        return replace(fields, whole=fields.whole | fields.seeing(*(axis % count for axis in op.axes)))
    return fields


def _pointwise(fields: Fields, op: Pointwise) -> Fields:
    """A softmax along an axis sees all of it."""
    if "softmax" not in op.kind and op.kind != "softmin":
        return fields
    axes = next((option for name, option in op.options if name in ("axis", "axes")), None)
    numbers = axes if isinstance(axes, tuple) else (axes,)
    count = len(fields.axes)
    places = [axis for axis in numbers if isinstance(axis, int) and -count <= axis < count]
    return replace(fields, whole=fields.whole | fields.seeing(*places))


def reshaped(fields: Fields, before: Shape, after: Shape) -> Fields:
    """Axes at the front and the back that stay as they are keep their fields; what is put together or split is seen whole."""
    front = 0
    while front < min(len(before), len(after)) and before[front] == after[front] is not None:
        front += 1
    back = 0
    while back < min(len(before), len(after)) - front and before[-1 - back] == after[-1 - back] is not None:
        back += 1
    # A size of 1 more or less moves nothing.
    inner = tuple(range(front, len(before) - back))
    axes = (*fields.axes[:front], *(None,) * (len(after) - front - back), *fields.axes[len(before) - back :])
    return Fields(axes, fields.whole | fields.seeing(*inner))


def merged(fields: list[Fields], shapes: list[Shape], out: Shape, step: NodeFlow, following: Following) -> Fields:
    """Branches that meet, axes aligned from the back: the hull of all; branches that do not line up are noted."""
    whole: frozenset[Key] = frozenset().union(*(one.whole for one in fields))
    axes: list[Field | None] = []
    for back in range(len(out), 0, -1):
        here: Field | None = None
        for one, shape in zip(fields, shapes, strict=True):
            field = one.axes[-back] if back <= len(one.axes) else None
            if field is None:
                continue
            if shape[-back] == 1 != out[-back]:
                # One cell stretched over many: it is the whole for each of them.
                whole |= {field.key}
            elif here is None or here is field or here == field:
                here = field
            elif here.key != field.key:
                whole |= {here.key, field.key}
                here = None
            else:
                here = hull(here, field, out[-back] or 1, step, following)
        axes.append(here)
    return Fields(tuple(axes), whole)


def _misaligned(name: str, one: Field, other: Field) -> Misaligned:
    if one.jump != other.jump:
        return Misaligned(name, one.key, "steps", one.jump, other.jump)
    return Misaligned(name, one.key, "centres", Fraction(one.twice) / 2, Fraction(other.twice) / 2)


def _together(one: Field, other: Field, index: int) -> Number:
    """The cells from the first to the last that output `index` of either sees."""
    first = min(one.offset + one.jump * index, other.offset + other.jump * index)
    return max(one.last(index), other.last(index)) - first + 1


def hull(one: Field, other: Field, count: int, step: NodeFlow, following: Following) -> Field:
    """What both see together, at its widest over `count` outputs."""
    # With equal steps every output sees alike, so the first one tells.
    ends = (0,) if one.jump == other.jump else (0, max(count - 1, 0))
    if one.jump != other.jump or one.twice != other.twice:
        following.misaligned.append(_misaligned(shown(step.node.name or step.node.kind), one, other))
    size = max([_together(one, other, i) for i in ends])
    wider = one if one.size >= other.size else other
    return Field(one.key, size, wider.jump, min(one.offset, other.offset), wider.twice)
