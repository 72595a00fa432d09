"""Chains that go down and up again: whether the size comes back, which layer drops cells, and which sizes do come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from convwise.answers.chain_sizes import called
from convwise.answers.explanation import Fact, Fix, show
from convwise.answers.respelled import Reader, spatial
from convwise.answers.wording import cells, positions
from convwise.dialects.base import Dialect, Layer, LayerFlow
from convwise.errors import ConvwiseError
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Flatten, GlobalPool, Pool, Resize, Shape

MOST_TRIED = 64
FARTHEST = 128
MOST_LAYERS = 100
"""Longer chains are not run again and again to look for the next size that comes back."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A chain that shrinks and grows by the same factor: where it starts and where it ends."""

    factor: int
    start: tuple[int, ...]
    end: tuple[int, ...]


def trip(layers: Sequence[Layer], flows: Sequence[LayerFlow]) -> Trip | None:
    """The chain as a way down and up again; None where it is something else."""
    ranks = {layer.rank for layer in layers if layer.window_op is not None}
    whole = any(isinstance(op, AdaptivePool | Flatten | GlobalPool) for layer in layers for op in layer.ops)
    if len(ranks) != 1 or whole or len(flows[0].input) != len(flows[-1].output):
        return None
    down = up = 1
    for layer in layers:
        for op in layer.ops:
            if isinstance(op, Conv | Pool):
                down *= max(window.stride for window in op.windows)
            elif isinstance(op, ConvTranspose):
                up *= max(window.stride for window in op.windows)
            elif isinstance(op, Resize) and op.scales is not None and op.scales[0].denominator == 1:
                up *= op.scales[0].numerator
    start, end = spatial(_ranked(flows[0], ranks), flows[0].input), spatial(_ranked(flows[-1], ranks), flows[-1].output)
    if down != up or down == 1 or start is None or end is None or len(start) != len(end):
        return None
    # What is lost to rounding is less than the factor; more is lost on purpose, by windows without padding.
    close = all(abs(one - other) < down for one, other in zip(start, end, strict=True))
    return Trip(down, start, end) if close else None


def _ranked(flow: LayerFlow, ranks: set[int | None]) -> Layer:
    """A layer of any rank (an activation) seen as one of the chain's."""
    (rank,) = ranks
    return replace(flow.layer, rank=rank)


def comes_back(spoken: Dialect, layers: Sequence[Layer], flows: Sequence[LayerFlow], found: Trip) -> tuple[Fact, ...]:
    """Told only where the size does not come back: who drops cells, and the nearest sizes that do come back."""
    if found.start == found.end:
        return ()
    lines = [
        f"{show(found.start)} goes down by {found.factor} and up by {found.factor}, and comes back as {show(found.end)}"
    ]
    for flow in flows:
        axis = next((part.axis for part in flow.axes if part.axis is not None and part.axis.unread_data.tail), None)
        if axis is not None:
            names = [part.name for part in flow.axes if part.axis == axis]
            lines.append(
                f"{flow.layer.kind} drops {cells(names, axis.unread_data.tail)} {positions(axis, tail_only=True)} of {axis.size}"
            )
            break
    if len(set(found.start)) == 1 and len(layers) <= MOST_LAYERS:
        near = [_nearest(spoken, layers, flows[0], found, step) for step in (-1, 1)]
        sizes = [str(size) for size in near if size is not None]
        if sizes:
            lines.append(f"sizes next to it that come back: {' and '.join(sizes)}")
    return (Fact("comes back", tuple(lines)),)


def _nearest(spoken: Dialect, layers: Sequence[Layer], flow: LayerFlow, found: Trip, step: int) -> int | None:
    size, rank = found.start[0], len(found.start)
    stop = len(flow.input) - (1 if flow.layer.channels_last else 0)
    for _ in range(min(2 * found.factor, FARTHEST)):
        size += step
        if size < 1:
            return None
        shape = (*flow.input[: stop - rank], *(size,) * rank, *flow.input[stop:])
        if _end(spoken, layers, shape, rank) == (size,) * rank:
            return size
    return None


def _end(spoken: Dialect, layers: Sequence[Layer], shape: Shape, rank: int) -> tuple[int, ...] | None:
    current = shape
    try:
        for layer in layers:
            current = spoken.flow(layer, current).output
    except ConvwiseError:
        return None
    return spatial(replace(layers[-1], rank=rank), current)


def ways_back(
    spoken: Dialect, layers: Sequence[Layer], flows: Sequence[LayerFlow], found: Trip, read: Callable[[Layer], Reader]
) -> tuple[Fix, ...]:
    """The output_padding of the transposed layers under which the size comes back."""
    places = [
        number
        for number, layer in enumerate(layers)
        if isinstance(layer.window_op, ConvTranspose) and "output_padding" in layer.arguments
    ]
    if found.start == found.end or not places:
        return ()
    strides = [max(window.stride for window in layers[place].window_op.windows) for place in places]  # type: ignore[union-attr]
    if prod(strides) > MOST_TRIED:
        return ()
    for extras in sorted(product(*(range(stride) for stride in strides)), key=sum):
        changed = list(layers)
        codes = {}
        try:
            for place, extra in zip(places, extras, strict=True):
                if extra != layers[place].arguments["output_padding"]:
                    codes[place] = spoken.respell(layers[place], {"output_padding": extra})
                    (changed[place],) = read(layers[place])(codes[place])
        except ConvwiseError:
            continue
        if codes and _end(spoken, changed, flows[0].input, len(found.start)) == found.start:
            output = flows[0].input
            for layer in changed:
                output = spoken.flow(layer, output).output
            named = " and ".join(_called(layers[place], place) for place in codes)
            set_to = {extra for place, extra in zip(places, extras, strict=True) if place in codes}
            label = f"output_padding={set_to.pop()} at {named}" if len(set_to) == 1 else ", ".join(codes.values())
            return (Fix("\n".join(layer.call.text for layer in changed), output, label, "the size comes back"),)
    return ()


def _called(layer: Layer, place: int) -> str:
    return called(layer) if layer.name else f"layer {place + 1} ({layer.kind})"
