"""Receptive fields through ops on several tensors, and through a whole run."""

from __future__ import annotations

from dataclasses import replace

from convwise.answers.network.fields import (
    Field,
    Fields,
    Following,
    merged,
    reshaped,
    resized,
    start,
    through_ops,
)
from convwise.answers.network.flowing import NodeFlow, Run
from convwise.answers.network.symbolic import AxisKey, layer_layout
from convwise.dialects.base import Layer
from convwise.ops import Shape
from convwise.ops.several import (
    Attention,
    Chunk,
    Concat,
    Einsum,
    Elementwise,
    Expand,
    Gather,
    MatMul,
    PadTo,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Several,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
    Windows,
)
from convwise.ops.shaping import place
from convwise.ops.terms import Term, value

Shapes = tuple[Shape, ...]


def follow_fields(run: Run, keys: tuple[AxisKey, ...]) -> Following:
    """The fields of every tensor of a run whose shape is known."""
    following = Following()
    start(following, keys, run.inputs)
    for step in run.nodes:
        outputs = _step(step, following)
        following.tensors.update(zip(step.node.outputs, outputs, strict=False))
    return following


def _step(step: NodeFlow, following: Following) -> list[Fields]:
    done, node = step.done, step.node
    if None in step.inputs or None in done.outputs or not done.outputs:
        return []
    shapes: Shapes = step.inputs  # type: ignore[assignment]
    outs: Shapes = done.outputs  # type: ignore[assignment]
    fields = [
        following.tensors.get(name) or Fields((None,) * len(shape))
        for name, shape in zip(node.inputs, shapes, strict=True)
    ]
    work = node.work
    if isinstance(work, tuple):
        return [through_ops(fields[0], step.ops, step.flows, node.layout)]
    if isinstance(work, Layer):
        return [through_ops(fields[0], step.ops, step.flows, layer_layout(work, shapes[0]))]
    if isinstance(work, Elementwise):
        return [merged(fields, list(shapes), outs[0], step, following)]
    return _several(work, fields, shapes, outs, step, following)


def _several(
    work: Several, fields: list[Fields], shapes: Shapes, outs: Shapes, step: NodeFlow, following: Following
) -> list[Fields]:
    if isinstance(work, Concat):
        return [_concat(work, fields, shapes, outs[0], step, following)]
    if isinstance(work, Split):
        return _split(work, fields[0], outs)
    if isinstance(work, MatMul):
        return [_matmul(fields, outs[0])]
    if isinstance(work, Einsum):
        return [_einsum(work, fields)]
    if isinstance(work, Attention) and not work.cells:
        sees = [one.whole | one.seeing(*range(len(one.axes))) for one in fields]
        return [Fields((None,) * len(outs[0]), frozenset[int]().union(*sees))]
    if not fields:
        return [Fields((None,) * len(out)) for out in outs]
    first = _one(work, fields[0], shapes, outs[0])
    return [first] + [Fields((None,) * len(out), first.whole) for out in outs[1:]]


def _one(work: Several, fields: Fields, shapes: Shapes, out: Shape) -> Fields:
    """Ops whose data is the first input; the others give sizes alone."""
    match work:
        case Slice():
            return _slice(work, fields, shapes)
        case Chunk():
            axis = place(work.axis, shapes[0])
            piece = work.cells(shapes[0][axis] or 0)
            moved = shifted(fields.axes[axis], 0 if piece is None else piece.start)
            return replace(fields, axes=(*fields.axes[:axis], moved, *fields.axes[axis + 1 :]))
        case ResizeTo():
            axes, whole = list(fields.axes), fields.whole
            for number in work.axes:
                axis = place(number, shapes[0])
                here = axes[axis]
                if here is not None:
                    axes[axis] = resized(here, work.mode, work.align_corners, shapes[0][axis], out[axis])
                    whole = whole if axes[axis] is not None else whole | {here.key}
            return Fields(tuple(axes), whole)
        case PadTo():
            axes = list(fields.axes)
            for number, (before, _) in zip(work.axes, work.pads, strict=True):
                axis = place(number, shapes[0])
                axes[axis] = shifted(axes[axis], -_number(before, shapes))
            return replace(fields, axes=tuple(axes))
        case ReshapeTo():
            return reshaped(fields, shapes[0], out)
        case Reduce():
            gone = range(len(shapes[0])) if work.axes is None else [place(axis, shapes[0]) for axis in work.axes]
            kept = [None if n in gone else field for n, field in enumerate(fields.axes)]
            axes = kept if work.keep_dims else [field for n, field in enumerate(kept) if n not in gone]
            return Fields(tuple(axes), fields.whole | fields.seeing(*gone))
        case Expand() | Tile():
            return _stretched(fields, shapes[0], out)
        case Squeeze() | Unsqueeze() | Gather():
            return _moved(work, fields, shapes[0], out)
        case Windows():
            axis, cells = place(work.axis, shapes[0]), work.window.kernel
            here = fields.axes[axis]
            # One cell of a window sees one cell; by the window's place alone it may be any of them.
            seen = None if here is None else here.under(cells, work.window.stride, 0, cells - 1)
            return replace(fields, axes=(*fields.axes[:axis], seen, *fields.axes[axis + 1 :], None))
        case Attention():
            return fields
    return Fields((None,) * len(out), fields.whole | fields.seeing(*range(len(fields.axes))))


def shifted(field: Field | None, cells: int) -> Field | None:
    """The field of an axis whose cell 0 is now the old cell `cells`."""
    return None if field is None else field.under(1, 1, cells, 2 * cells)


def _number(term: Term | None, shapes: Shapes) -> int:
    found = None if term is None else value(term, shapes)
    return found or 0


def _slice(work: Slice, fields: Fields, shapes: Shapes) -> Fields:
    axis = place(work.axis, shapes[0])
    size, here = shapes[0][axis], fields.axes[axis]
    if size is None or here is None:
        return fields
    begin = None if work.start is None else value(work.start, shapes)
    end = None if work.stop is None else value(work.stop, shapes)
    first = slice(begin, end, work.step).indices(size)[0]
    cut = here.under(1, work.step, first, 2 * first)
    return replace(fields, axes=(*fields.axes[:axis], cut, *fields.axes[axis + 1 :]))


def _stretched(fields: Fields, shape: Shape, out: Shape) -> Fields:
    axes: list[Field | None] = [None] * (len(out) - len(shape))
    whole = fields.whole
    for field, before, after in zip(fields.axes, shape, out[len(out) - len(shape) :], strict=True):
        if field is not None and before != after:
            whole, field = whole | {field.key}, None
        axes.append(field)
    return Fields(tuple(axes), whole)


def _moved(work: Squeeze | Unsqueeze | Gather, fields: Fields, shape: Shape, out: Shape) -> Fields:
    """Axes taken away or put in; one cell chosen from an axis, or some, stands for the whole of it."""
    if isinstance(work, Unsqueeze):
        new = {place(axis, out) for axis in work.axes}
        rest = iter(fields.axes)
        return Fields(tuple(None if n in new else next(rest) for n in range(len(out))), fields.whole)
    if isinstance(work, Gather):
        axis = place(work.axis, shape)
        axes = (*fields.axes[:axis], *(None,) * len(work.indices), *fields.axes[axis + 1 :])
        return Fields(axes, fields.whole | fields.seeing(axis))
    wanted = range(len(shape)) if work.axes is None else [place(axis, shape) for axis in work.axes]
    gone = {axis for axis in wanted if shape[axis] == 1}
    kept = tuple(field for n, field in enumerate(fields.axes) if n not in gone)
    return Fields(kept, fields.whole | fields.seeing(*gone))


def _concat(
    work: Concat, fields: list[Fields], shapes: Shapes, out: Shape, step: NodeFlow, following: Following
) -> Fields:
    axis = place(work.axis, out)
    seen: frozenset[int] = frozenset()
    flat = []
    for one in fields:
        seen |= one.seeing(axis)
        flat.append(Fields((*one.axes[:axis], None, *one.axes[axis + 1 :]), one.whole))
    # Along the joined axis nothing is broadcast, so a size of 1 there must not look stretched.
    even = [(*shape[:axis], out[axis], *shape[axis + 1 :]) for shape in shapes]
    both = merged(flat, even, out, step, following)
    return replace(both, whole=both.whole | seen)


def _split(work: Split, fields: Fields, outs: Shapes) -> list[Fields]:
    pieces, before = [], 0
    for out in outs:
        axis = place(work.axis, out)
        moved = shifted(fields.axes[axis], before)
        pieces.append(replace(fields, axes=(*fields.axes[:axis], moved, *fields.axes[axis + 1 :])))
        before += out[axis] or 0
    return pieces


def _matmul(fields: list[Fields], out: Shape) -> Fields:
    """Rows of the left, columns of the right; the axis that is summed over is seen whole."""
    left, right = fields
    whole = left.whole | right.whole | left.seeing(-1)
    if len(right.axes) > 1:
        whole |= right.seeing(-2)
    axes: list[Field | None] = [None] * len(out)
    if len(left.axes) > 1 and len(right.axes) > 1:
        axes[-2:] = [left.axes[-2], right.axes[-1]]
        for back in range(3, len(out) + 1):
            found = [one.axes[-back] for one in fields if len(one.axes) >= back and one.axes[-back] is not None]
            axes[-back] = found[0] if found else None
    return Fields(tuple(axes), whole)


def _einsum(work: Einsum, fields: list[Fields]) -> Fields:
    """An axis by its letter in the first input that follows it; what is summed over is seen whole."""
    whole: frozenset[int] = frozenset()
    axes: dict[str, Field] = {}
    for letters, one in zip(work.terms, fields, strict=True):
        whole |= one.whole | one.seeing(*(axis for axis, letter in enumerate(letters) if letter not in work.out))
        for letter, field in zip(letters, one.axes, strict=True):
            if field is not None:
                axes.setdefault(letter, field)
    return Fields(tuple(axes.get(letter) for letter in work.out), whole)
