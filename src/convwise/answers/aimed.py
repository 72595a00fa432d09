"""A chain that shall end at a wanted size: which change of one of its layers does that, each tried on the whole chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from convwise.answers.explanation import Fact, Fix, show
from convwise.answers.fixes import fixes
from convwise.answers.paths import Span, sources
from convwise.answers.respelled import Reader, spatial
from convwise.answers.transposed import transposed_fixes
from convwise.answers.wanted import for_axes
from convwise.answers.wording import listed
from convwise.dialects.base import Dialect, Layer, LayerFlow, in_use
from convwise.errors import ConvwiseError
from convwise.ops import AdaptivePool, ConvTranspose, Flatten, GlobalPool, Shape, spatial_names

MOST_TRIED = 24
"""Layers of a chain that are tried; a change near the end is told as well as one near the start."""

MOST_TOLD = 3


def aim(layers: Sequence[Layer], want: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The wanted size of every spatial axis; None where no one size goes through the whole chain.

    Raises:
        ArgumentError: CW604 where `want` has another number of axes.
    """
    ranks = {layer.rank for layer in layers if layer.window_op is not None}
    if want is None or len(ranks) != 1:
        return None
    if any(isinstance(op, Flatten | GlobalPool | AdaptivePool) for layer in layers for op in layer.ops):
        return None
    return for_axes(want, ranks.pop() or 0)


def not_aimed(
    want: tuple[int, ...] | None, layers: Sequence[Layer], verdict: str, found: Sequence[Fix]
) -> tuple[Fact, ...]:
    """What is said of a wanted size that no change was found for; nothing where it is there already."""
    if want is None or found or verdict == "as wanted":
        return ()
    if aim(layers, want):
        return (Fact("wanted", (f"no small change of one layer gives {show(want)}",)),)
    return (Fact("wanted", (f"{show(want)} is not aimed at: {_why_not(layers)}",)),)


def _why_not(layers: Sequence[Layer]) -> str:
    ranks = sorted({layer.rank for layer in layers if layer.window_op is not None and layer.rank is not None})
    if not ranks:
        return "no layer has a window that could change"
    if len(ranks) > 1:
        return f"the layers' windows have {' and '.join(map(str, ranks))} axes"
    for layer in layers:
        for op in layer.ops:
            if isinstance(op, Flatten):
                return f"{layer.kind} leaves no {listed(spatial_names(ranks[0]))}"
            if isinstance(op, GlobalPool | AdaptivePool):
                return f"{layer.kind} gives its own size, whatever comes in"
    return "the layers have no such axes"


def aimed(
    spoken: Dialect,
    layers: Sequence[Layer],
    flows: Sequence[LayerFlow],
    want: tuple[int, ...] | None,
    read: Callable[[Layer], Reader],
    called: Callable[[Layer], str],
) -> tuple[Fix, ...]:
    """Changes of one layer with which the chain ends at `want`: the smallest of each layer first; `code` is the whole chain.

    The shapes that they give are the dialect's own, with the batch.
    """
    sizes = aim(layers, want)
    if not sizes or _end(flows[-1].layer, flows[-1].output, len(sizes)) == sizes:
        return ()
    places = [place for place, layer in enumerate(layers) if layer.window_op is not None][-MOST_TRIED:]
    ways = [list(_ways(spoken, layers, flows[place], place, sizes, read, called)) for place in places]
    told = [fix for row in zip_longest(*ways) for fix in row if fix is not None]
    return tuple(told[:MOST_TOLD])


def _ways(
    spoken: Dialect,
    layers: Sequence[Layer],
    flow: LayerFlow,
    place: int,
    sizes: tuple[int, ...],
    read: Callable[[Layer], Reader],
    called: Callable[[Layer], str],
) -> Iterator[Fix]:
    layer, outs = flow.layer, spatial(flow.layer, flow.output)
    spans = sources(layers[place + 1 :], [Span(size, size) for size in sizes])
    if outs is None or spans is None or len(outs) != len(spans) or any(span.empty for span in spans):
        return
    target = tuple(_nearest(size, span) for size, span in zip(outs, spans, strict=True))
    propose = transposed_fixes if isinstance(layer.window_op, ConvTranspose) else fixes
    for fix in propose(layer, flow.input, read(layer), outs, target):
        try:
            changed = [*layers[:place], *read(layer)(fix.code), *layers[place + 1 :]]
            shape = flow.input
            for one in changed[place:]:
                shape = in_use(spoken, one, shape).output
        except ConvwiseError:
            continue
        if _end(changed[-1], shape, len(sizes)) == sizes:
            code = "\n".join(one.call.text for one in changed)
            name = called(layer)
            if [called(one) for one in layers].count(name) > 1:
                name = f"{name} (layer {place + 1})"
            yield Fix(code, shape, f"{name} {fix.label or fix.code}", fix.why)


def _nearest(size: int, span: Span) -> int:
    return max(span.low, size if span.high is None else min(size, span.high))


def _end(last: Layer, shape: Shape, rank: int) -> tuple[int, ...] | None:
    return spatial(replace(last, rank=rank), shape)
