"""Functions that torchvision keeps out of a trace: stochastic depth, and the windows of its Swin transformers."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from convwise.dialects.base import Call
from convwise.ops.several import Attention, Concat, Constant, Expand, PadTo, Slice, Split, Term
from convwise.readers.torch_live.indexing import sliced
from convwise.readers.torch_live.place import Place, tensor_of
from convwise.readers.torch_live.values import NotFollowed, Tensor, combine


def patch_merging_pad(place: Place, x: Any) -> Tensor:
    """Each 2 x 2 patch of an N x H x W x C map beside one another: padded to even sizes, then 4 C channels."""
    tensor = tensor_of(x, place.kind)
    rank = place.rank(tensor)
    height, width = (combine("mod", place.building.size(tensor, axis), 2) for axis in (-3, -2))
    padded = place.one(PadTo((rank - 3, rank - 2), ((0, height), (0, width))), tensor)
    parts = [
        sliced(place, sliced(place, padded, rank - 3, slice(low, None, 2)), rank - 2, slice(side, None, 2))
        for side in (0, 1)
        for low in (0, 1)
    ]
    return place.one(Concat(-1), *parts)


def relative_position_bias(place: Place, table: Any, index: Any, window_size: Any) -> Tensor:
    """(1, heads, cells of a window, the same again)."""
    cells = 1
    for size in window_size:
        cells *= size
    weights = tensor_of(table, place.kind)
    heads = place.building.size(weights, -1)
    return place.one(Constant((1, heads, cells, cells)), weights)


def shifted_window_attention(
    place: Place,
    input: Any,
    qkv_weight: Any,
    proj_weight: Any,
    relative_position_bias: Any,
    window_size: Any,
    num_heads: Any,
    shift_size: Any,
    attention_dropout: Any = 0.0,
    dropout: Any = 0.0,
    qkv_bias: Any = None,
    proj_bias: Any = None,
    logit_scale: Any = None,
    training: Any = True,
) -> Tensor:
    """Attention inside windows of an N x H x W x C map, which is padded to whole windows and cut back."""
    x = tensor_of(input, place.kind)
    sizes = place.building.sizes(x)
    if len(sizes) != 4:
        raise NotFollowed(f"attention in windows of {len(sizes)} axes")
    pads: list[tuple[Term, Term]] = []
    for size, window in zip(sizes[1:3], window_size, strict=True):
        rest = combine("sub", window, combine("mod", size, window))
        pads.append((0, combine("mod", rest, window)))
    padded = place.one(PadTo((1, 2), tuple(pads)), x)
    mixed = _dense(place, padded, qkv_weight, qkv_bias)
    channels = place.building.shape(mixed)[-1]
    if channels is None:
        raise NotFollowed("the weight's shape follows from the input")
    parts = place.emit(Split(-1, (channels // 3,) * 3), (mixed,), outputs=3)
    extra = tuple(value for value in (relative_position_bias, logit_scale) if isinstance(value, Tensor))
    attended = _attended(place, parts, extra, prod(window_size))
    out = _dense(place, attended, proj_weight, proj_bias)
    for axis, size in ((1, sizes[1]), (2, sizes[2])):
        out = place.one(Slice(axis, None, size), out)
    return out


def _attended(place: Place, parts: tuple[Tensor, ...], extra: tuple[Tensor, ...], cells: int) -> Tensor:
    """The three shapes are equal and so is the result's; what else is read (a bias on the scores) does not change it."""
    joined = place.one(Attention(cells=cells), *parts)
    return place.one(Expand((-1,) * 4), joined, *extra) if extra else joined


def _dense(place: Place, x: Tensor, weight: Any, bias: Any) -> Tensor:
    stored = tensor_of(weight, place.kind)
    out, features = place.building.shape(stored)
    more = (bias,) if isinstance(bias, Tensor) else ()
    return place.layer(Call("Linear", (features, out), (("bias", bool(more)),)), x, stored, *more)


HANDLERS: dict[str, Callable[..., Any]] = {
    "_patch_merging_pad": patch_merging_pad,
    "_get_relative_position_bias": relative_position_bias,
    "shifted_window_attention": shifted_window_attention,
}
"""By the function's name."""
