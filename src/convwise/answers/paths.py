"""What a straight path of layers asks of its input: for a wanted interval of output sizes, the sizes that give it.

Every step of a path is monotone, so the sizes behind an interval are an interval again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convwise.axis import Pads, Window
from convwise.dialects.base import Layer
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
)


@dataclass(frozen=True, slots=True)
class Span:
    """The sizes from `low` to `high`, both counted; no end where `high` is None."""

    low: int
    high: int | None = None

    @property
    def empty(self) -> bool:
        return self.high is not None and self.high < self.low


ANY = Span(1)


def sources(layers: Sequence[Layer], wanted: Sequence[Span]) -> tuple[Span, ...] | None:
    """The sizes, an axis each, that the layers map into `wanted`; None where an op on the way is no window or shift.

    Layers from the first `Flatten` on are not looked at: after it there are no spatial axes.
    """
    return through([op for layer in until_flatten(layers) for op in layer.ops], wanted)


def through(ops: Sequence[Op], wanted: Sequence[Span]) -> tuple[Span, ...] | None:
    """The same for ops, one after the other.

    >>> through([Conv((Window(3, 2),)), Conv((Window(3, 2),))], [ANY])
    (Span(low=7, high=None),)
    """
    spans = tuple(wanted)
    for op in reversed(ops):
        stepped = [_before(op, number, span) for number, span in enumerate(spans)]
        if any(span is None for span in stepped):
            return None
        spans = tuple(span for span in stepped if span is not None)
    return spans


def until_flatten(layers: Sequence[Layer]) -> Sequence[Layer]:
    """The layers before the first one that flattens."""
    for number, layer in enumerate(layers):
        if any(isinstance(op, Flatten) for op in layer.ops):
            return layers[:number]
    return layers


def _before(op: Op, number: int, span: Span) -> Span | None:
    """The sizes that one op maps into `span` on its spatial axis `number`."""
    match op:
        case Conv() | Pool():
            window = op.windows[number]
            return Span(
                max(window.smallest(span.low), 1), None if span.high is None else window.smallest(span.high + 1) - 1
            )
        case ConvTranspose():
            return _before_transpose(op.windows[number], op.output_padding[number] if op.output_padding else 0, span)
        case Pad():
            return _shifted(span, op.pads[number])
        case Crop():
            return _shifted(span, Pads(-op.cuts[number].low, -op.cuts[number].high))
        case GlobalPool():
            return ANY
        case AdaptivePool():
            return ANY if op.sizes[number] is not None else span
        case Pointwise() | Norm() | Dense():
            return span
    return None


def _before_transpose(window: Window, extra: int, span: Span) -> Span:
    # transposed(n) >= low holds from the first n on that the window does not reach with low - 1 cells.
    low = max(window.over(max(span.low - extra - 1, 0)).out + 1, 1)
    return Span(low, None if span.high is None else window.over(max(span.high - extra, 0)).out)


def _shifted(span: Span, pads: Pads) -> Span:
    return Span(max(span.low - pads.total, 1), None if span.high is None else span.high - pads.total)
