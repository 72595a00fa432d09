"""What a message asks of one node of a network: which sizes there must have been these numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import prod

from convwise.answers.network.dims import Dim, Dims, product
from convwise.answers.network.symbolic import layer_layout
from convwise.answers.tracebacks.clue import Clue
from convwise.axis import Pads, Window
from convwise.dialects.base import Layer
from convwise.graph import Network, Node
from convwise.ops import Conv, ConvTranspose, Dense, Layout, Norm, Pool, Shape
from convwise.ops.several import Concat, Elementwise, MatMul, ReshapeTo

MOST_SAMPLES = 64
"""Batches of up to so many samples are thought of where a message counts the elements of all of them."""

Equation = tuple[Dim, int]


@dataclass(frozen=True, slots=True)
class Case:
    """One way in which the node can have said this: sizes that must be equal; `samples` is the batch where the message tells it."""

    equations: tuple[Equation, ...]
    samples: int | None = None


def cases(network: Network, node: Node, shapes: tuple[Dims, ...], clue: Clue) -> Iterator[Case]:
    """Every way in which `node`, which reads tensors of these shapes, can have caused the message; none where it cannot."""
    ops = node.work.ops if isinstance(node.work, Layer) else node.work if isinstance(node.work, tuple) else ()
    op = ops[0] if ops else None
    layout = layer_layout(node.work, shapes[0]) if isinstance(node.work, Layer) else node.layout
    match clue.what:
        case "dense":
            yield from _dense(op, node, shapes, clue)
        case "conv" if isinstance(op, Conv | ConvTranspose) and _weights(op, clue):
            yield from _channels(shapes[0], layout, clue)
        case "built" if _built(op, shapes[0], layout, clue):
            yield from _spatial(shapes[0], layout, clue)
        case "padding":
            yield from _whole(shapes[0], clue)
        case "norm" if isinstance(op, Norm) and op.features == clue.need and clue.have is not None:
            yield Case(((layout.split(shapes[0])[1], clue.have),))  # type: ignore[arg-type]
        case "window" if isinstance(op, Conv | Pool):
            yield from _window(op, shapes[0], layout, clue)
        case "join" if isinstance(node.work, Concat | Elementwise) and len(shapes) > 1:
            yield from _join(node.work, shapes, clue)
        case "reshape":
            yield from _reshape(node, ops, shapes[0], clue)


def _dense(op: object, node: Node, shapes: tuple[Dims, ...], clue: Clue) -> Iterator[Case]:
    if clue.have is None or not shapes[0]:
        return
    if isinstance(op, Dense) and op.in_features == clue.need and clue.out in (None, op.out_features):
        yield Case(((shapes[0][-1], clue.have),))
    elif isinstance(node.work, MatMul) and len(shapes) == 2 and len(shapes[1]) >= 2:
        need, out = shapes[1][-2:]
        if need == clue.need and clue.out in (None, out):
            yield Case(((shapes[0][-1], clue.have),))


def _weights(op: Conv | ConvTranspose, clue: Clue) -> bool:
    """Whether the layer's weights are those of the message."""
    if isinstance(op, ConvTranspose) != clue.transposed and clue.kernel:
        return False
    told = (
        (clue.need, op.in_channels),
        (clue.out, op.out_channels),
        (clue.groups, op.groups),
        (clue.kernel or None, op.kernel),
    )
    return all(said is None or known is None or said == known for said, known in told)


def _channels(dims: Dims, layout: Layout, clue: Clue) -> Iterator[Case]:
    _, channels, spatial = layout.split(dims)  # type: ignore[arg-type]
    if clue.have is None:
        return
    equations: list[Equation] = [(channels, clue.have)]
    told = clue.shapes[0] if clue.shapes else ()
    if len(told) == len(dims):
        equations += _equal(spatial, layout.split(told)[2])
    yield Case(tuple(equations))


def _built(op: object, dims: Dims, layout: Layout, clue: Clue) -> bool:
    """Whether the layer was made for the channels of the message: by its weights, or by what reaches it in the model."""
    match op:
        case Conv() | ConvTranspose():
            return clue.need in (op.in_channels, layout.split(dims)[1])  # type: ignore[arg-type]
        case Norm():
            return clue.need in (op.features, layout.split(dims)[1])  # type: ignore[arg-type]
        case Dense():
            return clue.need in (op.in_features, dims[-1] if dims else None)
    return False


def _spatial(dims: Dims, layout: Layout, clue: Clue) -> Iterator[Case]:
    """The sizes of the message but for its channels, which are not the model's."""
    told = clue.shapes[0]
    if len(told) == len(dims):
        yield Case(tuple(_equal(layout.split(dims)[2], layout.split(told)[2])))  # type: ignore[arg-type]


def _whole(dims: Dims, clue: Clue) -> Iterator[Case]:
    """All sizes of the message but the batch, which it leaves out where the sample came without one."""
    told = clue.shapes[0]
    if len(told) in (len(dims), len(dims) - 1):
        yield Case(tuple(_equal(dims[1:], told[len(told) - len(dims) + 1 :])))


def _equal(dims: Sequence[Dim], told: Sequence[int | None]) -> list[Equation]:
    return [(dim, size) for dim, size in zip(dims, told, strict=True) if size is not None]


def _window(op: Conv | Pool, dims: Dims, layout: Layout, clue: Clue) -> Iterator[Case]:
    spatial: Sequence[Dim]
    _, channels, spatial = layout.split(dims)  # type: ignore[arg-type]
    windows = op.windows
    if len(windows) != len(spatial):
        return
    if clue.kernel and (tuple(window.kernel for window in windows) != clue.kernel[: len(windows)]):
        return
    if clue.kernel and isinstance(op, Pool) != (
        clue.out is None
    ):  # a pool prints its window, a convolution its weights
        return
    if clue.out is not None and isinstance(op, Conv) and op.out_channels not in (None, clue.out):
        return
    if clue.padded:
        if tuple(window.span for window in windows) == clue.span and isinstance(op, Conv):
            sizes = [_unpadded(window, size) for window, size in zip(windows, clue.padded, strict=True)]
            yield Case(tuple(_equal(spatial, sizes)))
        return
    told = clue.shapes[0] if clue.shapes else ()
    if clue.gives and (not isinstance(op, Pool) or not (told := _pooled(windows, told, clue.gives))):
        return
    equations: list[Equation] = []
    if len(told) == len(dims):
        _, count, sizes_ = layout.split(told)
        equations = [*_equal((channels,), (count,)), *_equal(spatial, sizes_)]
    if clue.need is None:
        if equations:
            yield Case(tuple(equations))
        return
    for window, size in zip(windows, spatial, strict=True):
        if window.span == clue.need and clue.stride in (None, window.stride) and clue.have is not None:
            yield Case((*equations, (size, clue.have)))


def _pooled(windows: tuple[Window, ...], told: Shape, gives: tuple[int, ...]) -> Shape:
    """The shape that was told, without the axis that PyTorch puts before the only one; empty where these windows make other sizes."""
    if len(windows) == 1 and len(gives) == 2 and told[2:3] == gives[:1] == (1,):
        told, gives = (*told[:2], *told[3:]), gives[1:]
    sizes = told[2:]
    if len(windows) != len(sizes) or len(sizes) != len(gives):
        return ()
    fits = (
        size is not None and window.out(size) == out for window, size, out in zip(windows, sizes, gives, strict=True)
    )
    return told if all(fits) else ()


def _unpadded(window: Window, padded: int) -> int | None:
    pads = window.padding
    return padded - pads.low - pads.high if isinstance(pads, Pads) else None


def _join(op: Concat | Elementwise, shapes: tuple[Dims, ...], clue: Clue) -> Iterator[Case]:
    rank = max(len(shape) for shape in shapes)
    whole = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    along = op.axis % rank if isinstance(op, Concat) else None
    if clue.along is not None and clue.along != along:
        return
    for one, other in combinations(range(len(whole)), 2):
        if clue.shapes:
            for a, b in (clue.shapes, clue.shapes[::-1]):
                if len(a) == len(b) == rank:
                    yield Case((*_equal(whole[one][1:], a[1:]), *_equal(whole[other][1:], b[1:])))
            continue
        (first, have), (second, need) = clue.parts
        for axis in range(rank) if clue.axis is None else (clue.axis,):
            if axis == along or axis >= rank:
                continue
            if first in (None, one) and second in (None, other):
                yield Case(((whole[one][axis], have), (whole[other][axis], need)))
            if first is None:
                yield Case(((whole[one][axis], need), (whole[other][axis], have)))


def _reshape(node: Node, ops: tuple[object, ...], dims: Dims, clue: Clue) -> Iterator[Case]:
    """Where every sample is counted, any batch that divides the elements may have been fed."""
    reshaping = isinstance(node.work, ReshapeTo) or any(type(op).__name__ in ("Reshape", "Unflatten") for op in ops)
    if not reshaping:
        return
    if isinstance(node.work, ReshapeTo):
        fixed = {term for term in node.work.target if isinstance(term, int)}
        if not fixed <= {*clue.target, -1, 0, 1}:
            return
    if clue.shapes:
        if len(clue.shapes[0]) == len(dims):
            yield Case(tuple(_equal(dims[1:], clue.shapes[0][1:])))
        return
    for samples in range(1, MOST_SAMPLES + 1):
        if clue.have is not None and clue.have % samples == 0:
            yield Case(((product(dims[1:]), clue.have // samples),), samples)


def batches(case: Case, reached: Shape, clue: Clue) -> Fraction | None:
    """How many times as many samples the message tells as reached its node in a run; None where it does not tell them."""
    told = clue.shapes[0] if clue.shapes else ()
    have, want = (reached[0] if reached else None), case.samples
    if clue.rows is not None:
        sizes = [size for size in reached[:-1] if size is not None]
        have, want = (prod(sizes) if len(sizes) == len(reached) - 1 else None), clue.rows
    elif want is None and len(told) == len(reached) and told:
        want = told[0]
    return Fraction(want, have) if want and have else None


def reads_input(network: Network, node: Node) -> bool:
    """Whether the node reads an input of the network as it is fed."""
    return bool(node.inputs) and node.inputs[0] in {source.name for source in network.sources}


def fed(clue: Clue) -> Shape | None:
    """The whole shape that a message tells of the only tensor of a layer."""
    return clue.shapes[0] if len(clue.shapes) == 1 else None


CODES = {
    "dense": ("CW109",),
    "conv": ("CW102", "CW105"),
    "built": ("CW102", "CW105", "CW109"),
    "padding": ("CW108",),
    "norm": ("CW102",),
    "window": ("CW103", "CW104"),
    "join": ("CW110", "CW101"),
    "reshape": ("CW106",),
}
"""What our own run says where the framework says a message of each kind."""
