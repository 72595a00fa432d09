"""Operators that give a tensor another shape: reshape, slice, pad, resize, gather and their kin."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import isfinite

from convwise.dialects.onnx.arithmetic import cast
from convwise.dialects.onnx.given import Given, Made, Piece, of, opaque
from convwise.dialects.onnx.values import Known, combined, never_negative, scaled
from convwise.dialects.onnx.words import PAD_MODES
from convwise.ops import Flatten, Permute, PixelShuffle, Pointwise
from convwise.ops.several import (
    Concat,
    Constant,
    Expand,
    Gather,
    PadTo,
    ReshapeTo,
    ResizeTo,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
)
from convwise.ops.shape import LARGEST
from convwise.ops.terms import Term

BEYOND = 2**31 - 1
"""Ends of slices from here on mean "to the end": exporters write the largest int32 or int64."""

INT64 = 7
LARGEST_ENDS = (2**31 - 1, 2**63 - 1)
SPLIT_WORDS = "Invalid value in 'split' input. All values must be >= 0"
NO_RANK = "the number of axes of its input is not known"


def wanted(given: Given, number: int, attribute: str = "") -> tuple[Term, ...] | None:
    """Sizes or axes that an input gives, or an attribute in older sets; None where they follow from the data."""
    if attribute and given.has(attribute):
        return given.ints(attribute)
    known = given.known(number)
    return None if known is None else known.terms()


def fixed(given: Given, number: int, attribute: str = "") -> tuple[int, ...] | None:
    """The same where only plain integers will do."""
    if attribute and given.has(attribute):
        return given.ints(attribute)
    known = given.known(number)
    return None if known is None else known.ints()


def reshape(given: Given) -> Made:
    """Reshape: 0 copies a size unless `allowzero`, one -1 is what is left."""
    target = wanted(given, 1, "shape")
    rank = given.rank()
    if target is None:
        return opaque(given, "the target shape depends on the data")
    copies = not given.integer("allowzero")
    if sum(size == -1 for size in target) > 1:
        raise given.refuse("CW106", "the target shape has more than one -1", target)
    low = next((size for size in target if isinstance(size, int) and size < -1), None)
    if low is not None:
        raise given.refuse("CW201", f"the target shape holds {low}", target)
    if not copies and 0 in target and -1 in target:
        raise given.refuse("CW106", "the target shape has a 0 and a -1, and allowzero is set", target)
    sizes: list[Term] = []
    for axis, size in enumerate(target):
        if size == 0 and copies:
            if rank is None:
                return opaque(given, NO_RANK)
            if axis >= rank:
                raise given.refuse("CW101", f"the target copies axis {axis} of an input of {rank} axes", target)
            size = given.size(0, axis)
        sizes.append(size)
    return of(ReshapeTo(tuple(sizes)))


def flatten(given: Given) -> Made:
    """Flatten: always two axes, those before `axis` and those from it on."""
    rank = given.rank()
    if rank is None:
        return opaque(given, NO_RANK)
    axis = given.integer("axis", 1)
    if not -rank <= axis <= rank:
        raise given.refuse("CW101", f"axis {axis} in a tensor of {rank} axes", axis, "axis")
    axis += rank if axis < 0 else 0
    if axis in (0, rank):
        return Made((Piece((Flatten(0, -1),)), Piece(Unsqueeze((0 if axis == 0 else 1,)), (-1,))))
    ops = ((Flatten(axis, -1),) if axis < rank - 1 else ()) + ((Flatten(0, axis - 1),) if axis > 1 else ())
    return of(ops or (Pointwise("flatten"),))


def transpose(given: Given) -> Made:
    rank = given.rank()
    order = given.ints("perm")
    if order is None:
        if rank is None:
            return opaque(given, NO_RANK)
        order = tuple(reversed(range(rank)))
    if sorted(order) != list(range(len(order))) or (rank is not None and rank != len(order)):
        raise given.refuse(
            "CW101", f"perm {order} does not order {len(order) if rank is None else rank} axes", order, "perm"
        )
    return of((Permute(order),))


def squeeze(given: Given) -> Made:
    axes = fixed(given, 1, "axes")
    if axes is None and given.input(1) is not None:
        return opaque(given, "the axes depend on the data")
    if axes is not None and given.rank() is not None:
        axes = tuple(given.axis(axis, given.rank() or 0, "axes") for axis in axes)
    return of(Squeeze(axes))


def unsqueeze(given: Given) -> Made:
    axes = fixed(given, 1, "axes")
    if axes is None:
        return opaque(given, "the axes depend on the data")
    rank = given.rank()
    if rank is not None:
        axes = tuple(given.axis(axis, rank + len(axes), "axes") for axis in axes)
        if len(set(axes)) < len(axes):
            raise given.refuse("CW201", f"axes {axes} name one twice", axes, "axes")
    return of(Unsqueeze(axes))


def concat(given: Given) -> Made:
    if not given.has("axis") and given.opset >= 4:
        raise given.refuse("CW303", "axis is missing", axis="axis")
    return of(Concat(given.integer("axis", 1)), *(n for n, one in enumerate(given.inputs) if one is not None))


def split(given: Given) -> Made:
    axis, outputs = given.integer("axis"), len(given.node.outputs)
    if given.input(1) is not None or given.has("split"):
        sizes = wanted(given, 1, "split")
        if sizes is None:
            return opaque(given, "the pieces depend on the data")
        if len(sizes) != outputs:
            raise given.refuse("CW105", f"{len(sizes)} pieces for {outputs} outputs", len(sizes), "split")
        numbers = tuple(size for size in sizes if isinstance(size, int))
        return of(Split(axis, numbers)) if len(numbers) == outputs else _cut(given, axis, sizes)
    parts = given.integer("num_outputs", outputs)
    if parts < 1 or parts != outputs:
        raise given.refuse("CW105", f"{parts} pieces for {outputs} outputs", parts, "num_outputs")
    return of(Split(axis, None, parts, even=not given.has("num_outputs")))


def _cut(given: Given, axis: int, sizes: tuple[Term, ...]) -> Made:
    """Split into pieces whose sizes follow from tensors' sizes: they make up the whole axis, and each is a slice of it."""
    rank = given.rank()
    if rank is None:
        return opaque(given, NO_RANK)
    stops: list[Term] = [0]
    for size in sizes:
        stop = combined("add", stops[-1], size)
        if stop is None:
            return opaque(given, "where the pieces end is not followed")
        stops.append(stop)
    axis = given.axis(axis, rank)
    whole = Piece(ReshapeTo(tuple(stops[-1] if one == axis else given.size(0, one) for one in range(rank))))
    cut = (Slice(axis, *ends, within=True, words=SPLIT_WORDS) for ends in pairwise(stops))
    return Made((whole, *(Piece(one, (-1,)) for one in cut)), tuple(range(1, len(stops))))


def slices(given: Given) -> Made:
    """Slice: one piece an axis."""
    starts, ends = wanted(given, 1, "starts"), wanted(given, 2, "ends")
    count = len(starts or ())
    axes = fixed(given, 3, "axes") if given.input(3) is not None or given.has("axes") else tuple(range(count))
    steps = fixed(given, 4) if given.input(4) is not None else (1,) * count
    if starts is None or ends is None or axes is None or steps is None:
        return opaque(given, "the cells that it takes depend on the data")
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise given.refuse("CW201", f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps")
    _once(given, axes)
    pieces: list[Piece] = []
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if not step:
            raise given.refuse("CW201", "a step of 0", 0, "steps")
        first = _end(start, step, first=True)
        if step < 0 and isinstance(first, int) and first < -1 and given.rank() is not None:
            # Counted from the back beyond the first cell, onnxruntime starts at that cell, Python before it.
            from_front = combined("add", given.size(0, given.axis(axis, given.rank() or 0)), first)
            first = 0 if from_front is None else combined("maximum", from_front, 0)
        work = Slice(axis, first, _end(end, step, first=False), step)
        pieces.append(Piece(work, (-len(pieces) if pieces else 0,)))
    return Made(tuple(pieces)) if pieces else of((Pointwise("slice"),))


def _end(term: Term, step: int, first: bool) -> Term | None:
    """An end of a slice; None where it means all that there is."""
    if not isinstance(term, int):
        return term
    if step > 0:
        return None if (term == 0 if first else term >= BEYOND) else term
    # onnxruntime reads the two largest ends as "to the end" backwards too; the specification clamps them.
    return None if (term == -1 or term >= BEYOND if first else term <= -BEYOND or term in LARGEST_ENDS) else term


def _once(given: Given, axes: tuple[int, ...]) -> None:
    """Refuse axes that are named twice."""
    rank = given.rank()
    places = [given.axis(axis, rank, "axes") for axis in axes] if rank is not None else list(axes)
    if len(set(places)) < len(places):
        raise given.refuse("CW201", f"axes {axes} name one twice", axes, "axes")


def pad(given: Given) -> Made:
    """Pad: (before ..., after ...) of all axes, or of `axes`; negative ones crop."""
    mode = given.text("mode", "constant")
    if mode not in PAD_MODES:
        raise given.refuse("CW207", f"mode is {mode!r}", mode, "mode", "one of " + ", ".join(PAD_MODES))
    ends = wanted(given, 1, "paddings" if given.has("paddings") else "pads")
    rank = given.rank()
    if ends is None or (given.input(3) is not None and given.known(3) is None):
        return opaque(given, "the padding depends on the data")
    axes = fixed(given, 3) if given.input(3) is not None else None
    if axes is None:
        axes = tuple(range(rank if rank is not None else len(ends) // 2))
    if len(ends) != 2 * len(axes):
        raise given.refuse("CW101", f"pads has {len(ends)} values where {2 * len(axes)} are needed", ends, "pads")
    _once(given, axes)
    pairs = [(a, low, high) for a, low, high in zip(axes, ends[: len(axes)], ends[len(axes) :], strict=True)]
    used = [(axis, (low, high)) for axis, low, high in pairs if (low, high) != (0, 0)]
    if any(isinstance(end, int) and abs(end) > LARGEST // 2 for end in ends):
        raise given.refuse("CW107", "pads overflow int64", ends, "pads")
    if not used:
        return of((Pointwise("pad"),))
    return of(PadTo(tuple(one[0] for one in used), tuple(one[1] for one in used), PAD_MODES[mode]))


def expand(given: Given) -> Made:
    target = wanted(given, 1)
    return opaque(given, "the target shape depends on the data") if target is None else of(Expand(target))


def tile(given: Given) -> Made:
    """Tile; how often an axis repeats may follow from sizes, as in `x.repeat(batch, 1)`."""
    repeats = fixed(given, 1)
    if repeats is None:
        times, shape = wanted(given, 1), given.shape()
        if times is None or shape is None or len(times) != len(shape):
            return opaque(given, "how often it repeats depends on the data")
        sizes = [combined("multiply", given.size(0, axis), count) for axis, count in enumerate(times)]
        known = tuple(size for size in sizes if size is not None)
        return (
            of(Constant(known)) if len(known) == len(sizes) else opaque(given, "how often it repeats is not followed")
        )
    if any(times < 0 for times in repeats):
        raise given.refuse("CW201", f"repeats are {repeats}", repeats, "repeats")
    return of(Tile(repeats))


def constant_of_shape(given: Given) -> Made:
    sizes = wanted(given, 0)
    if sizes is None:
        return opaque(given, "the shape depends on the data")
    if any(isinstance(size, int) and size < 0 for size in sizes):
        raise given.refuse("CW103", f"a shape with a negative size: {sizes}", sizes)
    return of(Constant(sizes))


def ranged(given: Given) -> Made:
    """Range: the cells from start to limit; their number where the three are known."""
    ends = [known.terms() if (known := given.known(n)) is not None else None for n in range(3)]
    if any(end is None or len(end) != 1 for end in ends):
        return opaque(given, "its length depends on the data")
    (start,), (limit,), (step,) = (end or () for end in ends)
    if not isinstance(step, int) or step < 1:
        return opaque(given, "its length is not followed")
    distance = combined("subtract", limit, start)
    count = None if distance is None else combined("ceil_divide", distance, step)
    if count is not None and not never_negative(count):
        count = combined("maximum", count, 0)
    return opaque(given, "its length is not followed") if count is None else of(Constant((count,)))


def gather(given: Given) -> Made:
    shape, rank = given.shape(1), given.rank()
    if shape is None or rank is None:
        return opaque(given, "the shape of its indices is not known")
    axis = given.axis(given.integer("axis"), rank)
    known, size = given.known(1), (given.shape() or ())[axis]
    if size is not None and known is not None:
        wrong = next((n for n in known.ints() or () if not -size <= n < size), None)
        if wrong is not None:
            raise given.refuse("CW201", f"index {wrong} of {size} cells", wrong, "indices")
    if None in shape:
        # The sizes of the indices are free, so that the shape is put together from both.
        parts = given.sizes(0)
        return of(Constant((*parts[:axis], *given.sizes(1), *parts[axis + 1 :])), 0, 1)
    return of(Gather(axis, shape))


def gather_elements(given: Given) -> Made:
    return of((Pointwise("gather_elements"),), 1)


def gather_nd(given: Given) -> Made:
    shape, indices = given.shape(0), given.shape(1)
    batch = given.integer("batch_dims")
    if shape is None or indices is None or not indices or indices[-1] is None:
        return opaque(given, "the shape of its indices is not known")
    return of(Constant((*given.sizes(1)[:-1], *given.sizes(0)[batch + indices[-1] :])), 0, 1)


def one_hot(given: Given) -> Made:
    known, rank = given.known(1), given.rank()
    depth = cast(known, INT64).terms() if known is not None else None
    if depth is None or len(depth) != 1 or rank is None:
        return opaque(given, "the depth depends on the data")
    axis = given.axis(given.integer("axis", -1), rank + 1)
    sizes = given.sizes(0)
    return of(Constant((*sizes[:axis], depth[0], *sizes[axis:])))


def top_k(given: Given) -> Made:
    count = (given.integer("k"),) if given.has("k") else wanted(given, 1)
    if count is None or len(count) != 1:
        return opaque(given, "how many it takes depends on the data")
    axis = given.integer("axis", -1)
    shape = given.shape()
    size = shape[given.axis(axis, len(shape))] if shape is not None else None
    if size is not None and isinstance(count[0], int) and count[0] > size:
        raise given.refuse("CW201", f"the largest {count[0]} of {size} cells", count[0], "k")
    number = count[0] if isinstance(count[0], int) else "k"
    words = f"k argument [{number}] should not be greater than specified axis dim value [{{size}}]"
    return Made((Piece(Slice(axis, 0, count[0], within=True, words=words)),), (0,) * len(given.node.outputs))


def shuffle(given: Given) -> Made:
    """DepthToSpace and SpaceToDepth."""
    if not given.has("blocksize"):
        raise given.refuse("CW303", "blocksize is missing", axis="blocksize")
    block = given.integer("blocksize")
    if not 1 <= block < 2**31:
        raise given.refuse("CW201", f"blocksize is {block}; it must be at least 1 and below 2**31", block, "blocksize")
    inverse, order = given.node.op_type == "SpaceToDepth", given.text("mode", "DCR")
    return of((PixelShuffle(block, inverse, pixels_first=order != "CRD"),))


def resize(given: Given) -> Made:
    """Resize and Upsample: sizes, or floor(size x scale) in single precision, as onnxruntime computes it."""
    mode = given.text("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear", "cubic"):
        raise given.refuse("CW207", f"mode is {mode!r}", mode, "mode", "nearest, linear or cubic")
    coordinates = given.text("coordinate_transformation_mode", "half_pixel")
    policy = given.text("keep_aspect_ratio_policy", "stretch")
    rank = given.rank()
    if rank is None:
        return opaque(given, NO_RANK)
    scales, sizes = _factors(given)
    axes = tuple(given.axis(axis, rank, "axes") for axis in given.ints("axes") or range(rank))
    kind = {"nearest": "nearest", "cubic": "cubic"}.get(mode, "linear")
    corners = coordinates == "align_corners"
    if sizes is not None:
        terms = sizes.terms()
        if policy != "stretch" or terms is None:
            reason = f"keep_aspect_ratio_policy {policy}" if terms else "the sizes depend on the data"
            return opaque(given, reason)
        _check_count(given, len(terms), len(axes), "sizes")
        low = next((size for size in terms if isinstance(size, int) and size < 1), None)
        if low is not None:
            raise given.refuse("CW201", f"a size of {low}", low, "sizes")
        kept = [(axis, term) for axis, term in zip(axes, terms, strict=True) if term != given.size(0, axis)]
    elif scales is not None:
        _check_count(given, len(scales), len(axes), "scales")
        wrong = next((scale for scale in scales if not isfinite(scale) or scale <= 0), None)
        if wrong is not None:
            raise given.refuse("CW201", f"a scale of {wrong:g}", wrong, "scales")
        kept = [
            (axis, scaled(given.size(0, axis), Fraction(scale)))
            for axis, scale in zip(axes, scales, strict=True)
            if scale != 1
        ]
    else:
        return opaque(given, "the scales depend on the data")
    if not kept:
        return of((Pointwise("resize"),))
    told = _usual(given, kind, coordinates) and (scales is None or all(float(scale).is_integer() for scale in scales))
    return of(ResizeTo(tuple(axis for axis, _ in kept), tuple(term for _, term in kept), kind, corners, told))


def _usual(given: Given, kind: str, coordinates: str) -> bool:
    """Whether cells are read as PyTorch reads them, from the sizes alone."""
    if given.node.op_type != "Resize" or given.integer("antialias"):
        return False
    if kind == "nearest":
        return coordinates == "asymmetric" and given.text("nearest_mode", "round_prefer_floor") == "floor"
    return kind == "linear" and coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners")


def _factors(given: Given) -> tuple[tuple[float, ...] | None, Known | None]:
    """(scales, sizes) in whichever place this version has them."""
    name, opset = given.node.op_type, given.opset
    if name == "Upsample" and given.has("scales"):
        return given.floats("scales"), None
    if name == "Upsample" and given.has("height_scale"):
        return (1.0, 1.0, given.number("height_scale"), given.number("width_scale")), None
    place = 1 if name == "Upsample" or opset < 11 else 2
    known = given.known(place)
    if known is not None and known.items:
        floats = tuple(float(item) for item in known.items if isinstance(item, int | float))
        return (floats if len(floats) == len(known.items) else None), None
    return None, given.known(3)


def _check_count(given: Given, count: int, needed: int, name: str) -> None:
    if count != needed:
        raise given.refuse("CW101", f"{name} has {count} values where {needed} are needed", count, name)


def center_crop_pad(given: Given) -> Made:
    sizes, rank = wanted(given, 1), given.rank()
    if sizes is None or rank is None:
        return opaque(given, "the sizes depend on the data")
    axes = [given.axis(axis, rank, "axes") for axis in given.ints("axes") or range(rank)]
    out = list(given.sizes(0))
    for axis, size in zip(axes, sizes, strict=True):
        out[axis] = size
    return of(Constant(tuple(out)), 0)


def grid_sample(given: Given) -> Made:
    if given.rank(0) is None or given.rank(1) is None:
        return opaque(given, NO_RANK)
    return of(Constant((*given.sizes(0)[:2], *given.sizes(1)[1:-1])), 0, 1)
