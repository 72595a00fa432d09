"""`ConvTranspose2d(...)(x, output_size=...)`: of the sizes that a convolution maps to the input's, the one that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convwise.dialects.base import Call, Layer
from convwise.ops import ConvTranspose
from convwise.ops.several import PadTo
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import NotFollowed, Tensor, combine, is_term


def smallest(layer: Layer) -> Layer:
    """The layer without its own output_padding, which PyTorch leaves aside where an output_size is given."""
    ops = tuple(replace(op, output_padding=()) if isinstance(op, ConvTranspose) else op for op in layer.ops)
    return replace(layer, ops=ops, arguments={**layer.arguments, "output_padding": 0}, call=Call(layer.kind))


def to_size(place: Place, layer: Layer, out: Tensor, size: Any) -> Tensor:
    """The output of `smallest(layer)` with the cells that are missing to `size` at the end; fewer than the stride.

    Raises:
        NotFollowed: where `size` is not known, or has not as many sizes as PyTorch reads.
    """
    op = layer.window_op
    if not isinstance(size, list | tuple) or not all(is_term(part) for part in size) or op is None:
        raise NotFollowed("output_size is not known")
    rank = place.rank(out)
    if len(size) not in (len(op.windows), rank):
        raise NotFollowed(f"output_size has {len(size)} sizes where {len(op.windows)} or {rank} are read")
    axes = tuple(range(rank - len(op.windows), rank))
    wanted = tuple(size)[-len(axes) :]
    pads = tuple(
        (0, combine("sub", want, place.building.size(out, axis))) for axis, want in zip(axes, wanted, strict=True)
    )
    return place.one(PadTo(axes, pads, most=tuple(window.stride - 1 for window in op.windows)), out)
