"""Two chains on one input: whether it has its batch, and where either keeps the channels of its maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from convwise.answers.inputs import as_shape
from convwise.answers.porting.arrangement import Arrangement, map_order, plain
from convwise.answers.porting.reading import Chain, channels_last, entered, found_in, read_chain
from convwise.dialects.base import Layer
from convwise.errors import ShapeError
from convwise.ops import Norm, Op, Pointwise, Shape
from convwise.readers.source import Found


def meet(
    layer_a: Any, layer_b: Any, input_shape: Any, dialect_a: str | None = None, dialect_b: str | None = None
) -> tuple[Chain, Chain]:
    """Both read, the second on the first one's input as its own framework orders the axes.

    Raises:
        ConvwiseError: as `read_chain`; CW101 where they slide over another number of axes.
    """
    given = None if input_shape is None else as_shape(input_shape)
    mine = found_in(layer_a, dialect_a, None, "first layer", given)
    theirs = found_in(layer_b, dialect_b, None, "second layer")
    error: ShapeError | None = None
    for full in _readings(mine, theirs, given):
        try:
            shape = given if full is None else full
            one = read_chain(layer_a, shape, dialect=dialect_a, role="first layer", batched=full is not None)
            if full is not None and given is not None:
                one = replace(one, added=len(full) > len(given))
            _check_ranks(one.layers, theirs.layers)
            order = order_between(one.layers, theirs.layers, len(one.input))
            other = read_chain(layer_b, order.shape(one.input), dialect=dialect_b, role="second layer", batched=True)
            return one, replace(other, added=one.added)
        except ShapeError as failed:
            error = error or failed
    assert error is not None
    raise error


def _readings(mine: Found, theirs: Found, shape: Shape | None) -> list[Shape | None]:
    """The shapes with their batch to try in turn; None where the first layers read it as they do without the second.

    Layers that take any number of axes do not tell whether the batch is there: a map of the other chain does, and
    where there is none, the other framework may.
    """
    if shape is None or rank_of(mine.layers) is not None:
        return [None]
    rank = rank_of(theirs.layers)
    if rank is not None:
        return [{rank + 1: (None, *shape), rank + 2: shape}.get(len(shape))]
    added = not entered(mine, shape)[1] and entered(theirs, shape)[1]
    return [None, (None, *shape)] if added else [None]


def rank_of(layers: Sequence[Layer]) -> int | None:
    """The number of axes of the first map whose layer knows it."""
    return next((layer.rank for layer in layers if layer.rank), None)


def order_between(a: Sequence[Layer], b: Sequence[Layer], axes: int) -> Arrangement:
    """How data of `axes` axes goes from the layers `a` to the layers `b`: a map's channels move, anything else stays as it is."""
    if not 3 <= axes <= 5 or not (_on_maps(a) or _on_maps(b)):
        return plain(axes)
    return map_order(axes - 2, channels_last(a), channels_last(b))


def fronted(chain: Chain, other: Chain) -> bool:
    """Whether the channels of a chain's maps move to the front, so that the maps of both can be laid on each other.

    Layers that know nothing of channels read one and the same array in any framework: there nothing moves.
    """
    same = chain.channels_last == other.channels_last
    return chain.channels_last and (same or _on_maps(chain.layers) or _on_maps(other.layers))


def _on_maps(layers: Sequence[Layer]) -> bool:
    """Whether one of the layers knows which axis holds the channels."""
    return any(layer.rank or any(_knows_channels(op, layer) for op in layer.ops) for layer in layers)


def _knows_channels(op: Op, layer: Layer) -> bool:
    if isinstance(op, Norm):
        return op.kind in ("batch", "instance", "group")
    if isinstance(op, Pointwise) and op.kind == "prelu":
        return layer.dialect == "torch" and dict(op.options).get("num_parameters", 1) != 1
    return isinstance(op, Pointwise) and op.kind in ("channel_shuffle", "local_response_norm")


def _check_ranks(mine: Sequence[Layer], theirs: Sequence[Layer]) -> None:
    """Raises ShapeError CW101 where the first layers that know their number of axes have not the same one."""
    first, second = (next((layer for layer in layers if layer.rank), None) for layers in (mine, theirs))
    if first is not None and second is not None and first.rank != second.rank:
        a, b = (
            f"{layer.kind} slides over {layer.rank} {'axis' if layer.rank == 1 else 'axes'}"
            for layer in (first, second)
        )
        raise ShapeError(
            "CW101",
            f"{a}, {b}: there is no input that both read",
            layer=second.kind,
            received=second.rank,
            hint=f"compare layers of one kind of map, such as {_renamed(second, first)}",
        )


def _renamed(layer: Layer, like: Layer) -> str:
    """The layer's name with the number of axes of the other."""
    return layer.kind.replace(f"{layer.rank}d", f"{like.rank}d").replace(f"{layer.rank}D", f"{like.rank}D")
