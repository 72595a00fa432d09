"""Operators that are met seldom: attention as one node, columns to images, unpooling."""

from __future__ import annotations

from math import prod

from convwise.dialects.onnx.given import Given, Made, of, opaque
from convwise.dialects.onnx.moves import NO_RANK, fixed
from convwise.ops.several import Arithmetic, Constant


def attention(given: Given) -> Made:
    """Attention (operator set 23): the queries' steps with the values' features; heads are an axis, or lie side by side."""
    if (
        len([name for name in given.node.outputs if name]) > 1
        or given.rank(0) != given.rank(2)
        or given.input(1) is None
    ):
        return opaque(given, "attention with states, or on tensors of different ranks, is not followed")
    queries = given.sizes(0)
    if given.rank() == 4:
        return of(Constant((*queries[:3], given.size(2, 3))), 0, 1, 2)
    heads, groups = given.integer("q_num_heads"), given.integer("kv_num_heads")
    features = given.size(2, 2) if given.rank() == 3 else None
    if heads < 1 or groups < 1 or not isinstance(features, int) or features % groups:
        return opaque(given, "how its features are shared among heads is not known")
    return of(Constant((*queries[:2], heads * (features // groups))), 0, 1, 2)


def columns(given: Given) -> Made:
    """Col2Im: blocks of an image, laid down where they came from."""
    image, block = fixed(given, 1), fixed(given, 2)
    if image is None or block is None or given.rank() != 3 or not prod(block):
        return opaque(given, NO_RANK if given.rank() != 3 else "the sizes of its image depend on the data")
    rows = given.size(0, 1)
    if not isinstance(rows, int) or rows % prod(block):
        return opaque(given, "its columns are not whole blocks")
    return of(Constant((given.size(0, 0), rows // prod(block), *image)))


def unpool(given: Given) -> Made:
    """MaxUnpool, where the windows lie side by side or the size is given; else the pooling's own rounding decides."""
    told = fixed(given, 2) if given.input(2) is not None else None
    rank = given.rank()
    if given.input(2) is not None or rank is None:
        return of(Constant(told), 0, 1) if told is not None and len(told) == rank else opaque(given, NO_RANK)
    kernel = given.ints("kernel_shape") or ()
    strides = given.ints("strides") or (1,) * len(kernel)
    if kernel != strides or any(given.ints("pads") or ()) or len(kernel) != rank - 2:
        return opaque(given, "its windows overlap or leave gaps")
    sizes = given.sizes()
    spatial = tuple(
        size * window if isinstance(size, int) else Arithmetic("multiply", size, window)
        for size, window in zip(sizes[2:], kernel, strict=True)
    )
    return of(Constant((*sizes[:2], *spatial)), 0, 1)
