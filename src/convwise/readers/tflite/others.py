"""Operators without windows: place by place, along axes, and those that move cells."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from convwise.axis import Pads
from convwise.ops import Dense, GlobalPool, Pad, Permute, PixelShuffle, Pointwise, Reshape
from convwise.ops.several import (
    Arithmetic,
    Concat,
    Elementwise,
    Expand,
    Gather,
    MatMul,
    PadTo,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Slice,
    Split,
    Squeeze,
    Term,
    Tile,
    Unsqueeze,
)
from convwise.readers.tflite.arithmetic import slices
from convwise.readers.tflite.graph import Step
from convwise.readers.torch_live.values import Tensor, combine

POINTWISE = {
    **{
        name: name.lower()
        for name in ("FLOOR", "TANH", "EXP", "NEG", "SIN", "LOG", "SQRT", "RSQRT", "SQUARE", "ABS", "CEIL")
    },
    **{
        name: name.lower()
        for name in ("COS", "ELU", "ROUND", "SOFTMAX", "LOG_SOFTMAX", "RELU", "RELU6", "GELU", "SIGN")
    },
    **{name: name.lower() for name in ("LEAKY_RELU", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGICAL_NOT", "L2_NORMALIZATION")},
    **{name: name.lower() for name in ("LOCAL_RESPONSE_NORMALIZATION", "ZEROS_LIKE", "CUMSUM", "REVERSE_V2")},
    **{name: name.lower() for name in ("QUANTIZE", "DEQUANTIZE", "FAKE_QUANT", "CAST")},
    "LOGISTIC": "sigmoid",
    "HARD_SWISH": "hard_silu",
}
"""Operators whose outputs have the shape of their first input."""

ELEMENTWISE = {
    "ADD": "add",
    "SUB": "subtract",
    "MUL": "multiply",
    "DIV": "divide",
    "MAXIMUM": "maximum",
    "MINIMUM": "minimum",
    "POW": "power",
    "SQUARED_DIFFERENCE": "squared_difference",
    "FLOOR_DIV": "floor_divide",
    "FLOOR_MOD": "modulo",
    "PRELU": "prelu",
    "ATAN2": "atan2",
    **{name: name.lower() for name in ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")},
    "LOGICAL_AND": "and",
    "LOGICAL_OR": "or",
    "SELECT_V2": "where",
    "ADD_N": "add",
}
"""Operators that broadcast their inputs."""

ENDED = ("ADD", "SUB", "MUL", "DIV")
"""Those of them that end with an activation."""

REDUCED = {
    "MEAN": "mean",
    "SUM": "sum",
    "REDUCE_MAX": "max",
    "REDUCE_MIN": "min",
    "REDUCE_PROD": "product",
    "REDUCE_ANY": "any",
    "REDUCE_ALL": "all",
}


def pointwise(step: Step) -> tuple[Tensor, ...]:
    return step.emit((Pointwise(POINTWISE[step.operator.kind]),), [step.input(0)])


def elementwise(step: Step) -> tuple[Tensor, ...]:
    kind = step.operator.kind
    inputs = [step.input(place) for place in range(len(step.operator.inputs))]
    (made,) = step.emit(Elementwise(ELEMENTWISE[kind]), inputs)
    return step.ending(made, 0) if kind in ENDED else (made,)


def dense(step: Step) -> tuple[Tensor, ...]:
    """FULLY_CONNECTED: the weights are (out, in); but for `keep_num_dims` all axes before the last `in` numbers become one."""
    found = step.weights(1, 2)
    if found is None:
        return step.lost("the sizes of its weights are not known")
    (out, inner), stored = found
    biased, bias = step.bias(2)
    flat = () if step.flag(2) or step.rank() == 2 else (Reshape((-1, inner), keeps_batch=False),)
    ops = (*flat, Dense(inner, out, biased), *step.activation(0))
    return step.emit(ops, [step.input(0)], (*stored, *bias))


def joined(step: Step) -> tuple[Tensor, ...]:
    inputs = [step.input(place) for place in range(len(step.operator.inputs))]
    (made,) = step.emit(Concat(step.whole(0)), inputs)
    return step.ending(made, 1)


def reshaped(step: Step) -> tuple[Tensor, ...]:
    target = step.sizes(1)
    if target is None and step.options is not None and not step.has(1):
        target = step.options.numbers(0)
    if target is None:
        return step.lost("its new shape is not known")
    return step.emit(ReshapeTo(target), [step.input(0)])


def permuted(step: Step) -> tuple[Tensor, ...]:
    order = step.numbers(1)
    if order is None:
        return step.lost("the order of its axes is not known")
    return step.emit((Permute(order),), [step.input(0)])


def reduced(step: Step) -> tuple[Tensor, ...]:
    """MEAN and the like; over height and width the mean and the largest are pools."""
    axes = step.numbers(1)
    if axes is None:
        return step.lost("the axes that it reduces are not known")
    kind, keeps, rank = REDUCED[step.operator.kind], step.flag(0), step.rank()
    kinds = {"mean": "average", "max": "max"}
    if kind in kinds and rank == 4 and sorted(axis % rank for axis in axes) == [1, 2]:
        return step.emit((GlobalPool(kinds[kind], 2, keeps),), [step.input(0)])
    return step.emit(Reduce(kind, axes, keeps), [step.input(0)])


def largest(step: Step) -> tuple[Tensor, ...]:
    """ARG_MAX and ARG_MIN: the axis is an input."""
    axes = step.numbers(1)
    if axes is None or len(axes) != 1:
        return step.lost("the axis that it searches is not known")
    return step.emit(Reduce(step.operator.kind.lower(), axes, keep_dims=False), [step.input(0)])


def padded(step: Step) -> tuple[Tensor, ...]:
    """PAD, PADV2 and MIRROR_PAD: (before, after) of each axis."""
    sizes, rank = step.sizes(1), step.rank()
    if sizes is None or len(sizes) != 2 * rank:
        return step.lost("its pads are not known")
    mirrored = step.operator.kind == "MIRROR_PAD"
    if mirrored and step.byte(0) == 1:
        return step.lost("how many cells a symmetric border needs is not followed")
    mode = "reflect" if mirrored else "constant"
    pairs = [(sizes[2 * axis], sizes[2 * axis + 1]) for axis in range(rank)]
    plain = [Pads(low, high) for low, high in pairs if isinstance(low, int) and isinstance(high, int)]
    if rank in (3, 4) and len(plain) == rank and plain[0] == plain[-1] == Pads(0, 0):
        return step.emit((Pad(tuple(plain[1:-1]), mode),), [step.input(0)])
    axes = tuple(axis for axis, pair in enumerate(pairs) if pair != (0, 0))
    return step.emit(PadTo(axes, tuple(pairs[axis] for axis in axes), mode), [step.input(0)])


def resized(step: Step) -> tuple[Tensor, ...]:
    """RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR to (height, width)."""
    sizes = step.sizes(1)
    if sizes is None or len(sizes) != 2 or step.rank() != 4:
        return step.lost("its new sizes are not known")
    # The first two options of RESIZE_BILINEAR are gone from the schema, and their places stay empty.
    bilinear = step.operator.kind == "RESIZE_BILINEAR"
    aligned = step.flag(2 if bilinear else 0)
    return step.emit(ResizeTo((1, 2), sizes, "linear" if bilinear else "nearest", aligned), [step.input(0)])


def squeezed(step: Step) -> tuple[Tensor, ...]:
    axes = step.options.numbers(0) if step.options is not None else None
    return step.emit(Squeeze(axes or None), [step.input(0)])


def expanded(step: Step) -> tuple[Tensor, ...]:
    axes = step.numbers(1)
    return (
        step.lost("the place of its new axis is not known")
        if axes is None
        else step.emit(Unsqueeze(axes), [step.input(0)])
    )


def sliced(step: Step) -> tuple[Tensor, ...]:
    """SLICE: starts and sizes of each axis, -1 for all that is left."""
    starts, sizes = step.sizes(1), step.sizes(2)
    if starts is None or sizes is None or len(starts) != len(sizes):
        return step.lost("where it cuts is not known")
    made = step.input(0)
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if start == 0 and size == -1:
            continue
        stop = None if size == -1 else combine("add", start, size)
        (made,) = step.emit(Slice(axis, start, stop, within=True), [made])
    return (made,)


def strided(step: Step) -> tuple[Tensor, ...]:
    """STRIDED_SLICE: starts, stops and steps of each axis, with open ends and axes that go away."""
    ends = [step.numbers(place) for place in (1, 2, 3)]
    masks = [step.whole(field) for field in range(5)]
    cut = None if None in ends else slices(tuple(one or () for one in ends), masks)
    if cut is None or len(cut) > step.rank():
        return step.lost("where it cuts is not known")
    made = step.input(0)
    for axis, (part, gone) in enumerate(cut):
        if gone:
            continue
        if (part.start in (None, 0)) and part.stop is None and part.step in (None, 1):
            continue
        (made,) = step.emit(Slice(axis, part.start, part.stop, part.step or 1), [made])
    # Axes that go away keep their places until the last of them is taken.
    for axis, (part, gone) in reversed(list(enumerate(cut))):
        if gone:
            (made,) = step.emit(Gather(axis, (), (part.start,)), [made])
    return (made,)


def gathered(step: Step) -> tuple[Tensor, ...]:
    """GATHER: chosen cells of one axis."""
    if step.whole(1):
        return step.lost("what it chooses differs from image to image")
    chosen = step.graph.sizes(step.operator.inputs[1]) if step.has(1) else None
    shape = step.graph.building.shape(step.input(1)) if chosen is None else chosen.dims
    cells = chosen.numbers if chosen is not None else None
    return step.emit(Gather(step.whole(0), shape, cells or ()), [step.input(0)])


def packed(step: Step) -> tuple[Tensor, ...]:
    """PACK: tensors of one shape along a new axis."""
    axis = step.whole(1)
    made = [step.emit(Unsqueeze((axis,)), [step.input(place)])[0] for place in range(len(step.operator.inputs))]
    return step.emit(Concat(axis), made)


def unpacked(step: Step) -> tuple[Tensor, ...]:
    """UNPACK: every cell of an axis by itself."""
    axis, x = step.whole(1), step.input(0)
    count = len(step.operator.outputs)
    return tuple(step.emit(Gather(axis, (), (cell,)), [x])[0] for cell in range(count))


def split(step: Step) -> tuple[Tensor, ...]:
    """SPLIT(axis, x) and SPLIT_V(x, sizes, axis)."""
    count = len(step.operator.outputs)
    if step.operator.kind == "SPLIT":
        axis, x, work = step.numbers(0), step.input(1), None
        if axis is not None and len(axis) == 1:
            work = Split(axis[0], None, count, even=True)
    else:
        sizes, axis, x = step.numbers(1), step.numbers(2), step.input(0)
        work = (
            Split(axis[0], sizes)
            if sizes is not None and -1 not in sizes and axis is not None and len(axis) == 1
            else None
        )
    return step.lost("where it cuts is not known") if work is None else step.emit(work, [x], outputs=count)


def tiled(step: Step) -> tuple[Tensor, ...]:
    repeats = step.numbers(1)
    return (
        step.lost("how often it repeats is not known") if repeats is None else step.emit(Tile(repeats), [step.input(0)])
    )


def broadcast(step: Step) -> tuple[Tensor, ...]:
    target = step.sizes(1)
    return step.lost("its new shape is not known") if target is None else step.emit(Expand(target), [step.input(0)])


def multiplied(step: Step) -> tuple[Tensor, ...]:
    """BATCH_MATMUL: a product of the last two axes, each side turned where its option says so."""
    sides = []
    for place in (0, 1):
        made, rank = step.input(place), step.rank(place)
        if step.flag(place) and rank > 1:
            (made,) = step.emit((Permute((*range(rank - 2), rank - 1, rank - 2)),), [made])
        sides.append(made)
    return step.emit(MatMul(), sides)


def shuffled(step: Step) -> tuple[Tensor, ...]:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH, whose channels hold whole pixels."""
    inverse = step.operator.kind == "SPACE_TO_DEPTH"
    factor = step.whole(0)
    if factor < 1:
        return step.lost(f"its blocks are of {factor}")
    return step.emit((PixelShuffle(factor, inverse, pixels_first=True),), [step.input(0)])


def to_batch(step: Step) -> tuple[Tensor, ...]:
    """SPACE_TO_BATCH_ND: the phases of a dilation become images."""
    blocks, pads = step.numbers(1), step.sizes(2)
    if blocks is None or pads is None or len(pads) != 2 * len(blocks) or min(blocks, default=0) < 1:
        return step.lost("its blocks or pads are not known")
    axes = tuple(range(1, len(blocks) + 1))
    pairs = tuple((pads[2 * place], pads[2 * place + 1]) for place in range(len(blocks)))
    (made,) = step.emit(PadTo(axes, pairs), [step.input(0)])
    sizes = list(step.graph.building.sizes(made))
    # Sizes that the blocks do not divide are left over, so that the elements do not fit the new shape.
    target: list[Term] = [combine("mul", sizes[0], prod(blocks))]
    target += [combine("floordiv", sizes[axis], block) for axis, block in zip(axes, blocks, strict=True)]
    return step.emit(ReshapeTo((*target, *sizes[len(axes) + 1 :])), [made])


def from_batch(step: Step) -> tuple[Tensor, ...]:
    """BATCH_TO_SPACE_ND: images become the phases of one, and cells are cut off."""
    blocks, crops = step.numbers(1), step.sizes(2)
    if blocks is None or crops is None or len(crops) != 2 * len(blocks) or min(blocks, default=0) < 1:
        return step.lost("its blocks or crops are not known")
    axes = tuple(range(1, len(blocks) + 1))
    x = step.input(0)
    sizes = list(step.graph.building.sizes(x))
    target: list[Term] = [combine("floordiv", sizes[0], prod(blocks))]
    target += [combine("mul", sizes[axis], block) for axis, block in zip(axes, blocks, strict=True)]
    (made,) = step.emit(ReshapeTo((*target, *sizes[len(axes) + 1 :])), [x])
    pairs = tuple((_less(crops[2 * place]), _less(crops[2 * place + 1])) for place in range(len(blocks)))
    return step.emit(PadTo(axes, pairs), [made])


def _less(term: Term) -> Term:
    return -term if isinstance(term, int) else Arithmetic("subtract", 0, term)


Rule = Callable[[Step], tuple[Tensor, ...]]
RULES: dict[str, Rule] = {
    **dict.fromkeys(POINTWISE, pointwise),
    **dict.fromkeys(ELEMENTWISE, elementwise),
    **dict.fromkeys(REDUCED, reduced),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), padded),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), resized),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), split),
    **dict.fromkeys(("DEPTH_TO_SPACE", "SPACE_TO_DEPTH"), shuffled),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), largest),
    "FULLY_CONNECTED": dense,
    "CONCATENATION": joined,
    "RESHAPE": reshaped,
    "TRANSPOSE": permuted,
    "SQUEEZE": squeezed,
    "EXPAND_DIMS": expanded,
    "SLICE": sliced,
    "STRIDED_SLICE": strided,
    "GATHER": gathered,
    "PACK": packed,
    "UNPACK": unpacked,
    "TILE": tiled,
    "BROADCAST_TO": broadcast,
    "BATCH_MATMUL": multiplied,
    "SPACE_TO_BATCH_ND": to_batch,
    "BATCH_TO_SPACE_ND": from_batch,
}
