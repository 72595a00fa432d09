"""Transposed convolutions: which forward sizes they come from, which of them is picked, and how to pick another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from convwise.answers.explanation import AxisFacts, Fact, Fix
from convwise.answers.respelled import Reader, collapse, respelled, spatial
from convwise.answers.wording import cells, listed
from convwise.axis import SAME_UPPER, Window
from convwise.dialects.base import Layer
from convwise.ops import ConvTranspose, Shape

LARGEST_STRIDE = 8


def _both(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} and {high}" if high == low + 1 else f"{low} to {high}"


def _forward(layer: Layer, window: Window) -> Window:
    """The convolution that a reader of the same arguments has in mind: Keras's 'same' pads by the forward size."""
    same = layer.dialect == "keras" and layer.arguments.get("padding") == "same"
    return replace(window, padding=SAME_UPPER) if same else window


def transposed_headline(layer: Layer, op: ConvTranspose, axes: Sequence[AxisFacts]) -> str:
    """Which sizes the forward layer maps to this input, and which of them comes out."""
    told: dict[str, list[str]] = {}
    for window, facts in zip(op.windows, axes, strict=False):
        told.setdefault(_way_back(_forward(layer, window), facts), []).append(facts.name)
    if not told:
        return "A transposed convolution goes the way back: to a size that the convolution would map to its input."
    if len(told) == 1:
        return next(iter(told))
    return " ".join(f"{listed(names).capitalize()}: {text[0].lower()}{text[1:]}" for text, names in told.items())


def _way_back(window: Window, facts: AxisFacts) -> str:
    if facts.size is None or facts.out is None:
        return "A transposed convolution goes the way back: to a size that the convolution would map to its input."
    between = window.preimage(facts.size)
    if between is None or not between[0] <= facts.out <= between[1]:
        known = f" (that would be {_both(*between)})" if between else ""
        return f"It spreads {facts.size} cells over {facts.out}, which no convolution with these settings maps to {facts.size}{known}."
    if between[0] == between[1]:
        return f"It goes the way back: a convolution with these settings turns {facts.out}, and no other size, into {facts.size}."
    return f"It goes the way back: a convolution with these settings turns {_both(*between)} into {facts.size}; this one gives {facts.out}."


def transposed_rows(layer: Layer, op: ConvTranspose, alike: Sequence[Sequence[AxisFacts]]) -> Iterator[Fact]:
    """The formula, the rule for any size, and what a stride does to the overlap."""
    for group in alike:
        facts, window = group[0], group[0].window
        names = [axis.name for axis in group]
        if facts.formula:
            yield Fact(", ".join(names), (facts.formula,))
        yield Fact("any size" if facts.formula else ", ".join(names), (f"n gives {facts.any_size}",))
        between = _forward(layer, window).preimage(facts.size) if window and facts.size else None
        if between and between[0] < between[1]:
            # Without padding, and where nothing is added, None and 0 give the same.
            differs = _is_none(layer) and (layer.arguments.get("padding") != "valid" or any(op.output_padding))
            default = "output_padding=None is not 0: it aims at size x stride" if differs else ""
            text = f"{_both(*between)} all become" if between[1] > between[0] + 1 else f"{_both(*between)} both become"
            yield Fact(
                "which size",
                (f"{text} {facts.size} on the way forward; output_padding picks one", *filter(None, [default])),
            )
        if window and window.dilation == 1 and window.kernel < window.stride:
            yield Fact(
                "gaps", (f"{window.kernel} of every {window.stride} {cells(names)} get data, the others only the bias",)
            )


def _is_none(layer: Layer) -> bool:
    return layer.dialect == "keras" and layer.arguments.get("output_padding", 0) is None


def transposed_fixes(
    layer: Layer, shape: Shape, read: Reader, outs: tuple[int, ...] | None, want: tuple[int, ...] | None
) -> tuple[Fix, ...]:
    """The wanted size, or else the other sizes that output_padding picks; each call is read back and run."""
    op = layer.window_op
    if not isinstance(op, ConvTranspose) or outs is None or want == outs:
        return ()
    found: list[Fix] = []
    for changes in _changes(layer, op, spatial(layer, shape), want):
        tried = respelled(layer, changes, shape, read)
        if tried is None:
            continue
        fix, sizes = tried[0], spatial(tried[1], tried[0].output)
        if sizes == outs or fix.output in [other.output for other in found]:
            continue
        if want is None or sizes == want:
            found.append(fix)
        if len(found) >= (1 if want is not None else 2):
            break
    return tuple(found)


def _changes(
    layer: Layer, op: ConvTranspose, sizes: tuple[int, ...] | None, want: tuple[int, ...] | None
) -> Iterator[dict[str, Any]]:
    strides = [window.stride for window in op.windows]
    extras = [{"output_padding": extra} for extra in range(min(max(strides), 8))]
    yield from extras
    if want is None or sizes is None:
        return
    word = "strides" if layer.dialect == "keras" else "stride"
    plain: dict[str, Any] = {} if layer.dialect == "keras" else {"padding": 0, "output_padding": 0}
    yield from ({word: stride} for stride in range(1, LARGEST_STRIDE + 1))
    yield from ({"kernel_size": stride, word: stride, **plain} for stride in range(2, LARGEST_STRIDE + 1))
    paddings: list[Any] = ["valid", "same"] if layer.dialect == "keras" else list(range(4))
    for padding, extra in product(paddings, [None if layer.dialect == "keras" else 0, *range(min(max(strides), 4))]):
        yield {"padding": padding, "output_padding": extra}
    for kernel, padding in product(range(1, 8), paddings):
        yield {"kernel_size": kernel, "padding": padding}
    # Without padding, the stride and the kernel of each axis by itself.
    chosen = [_nearest(*axis) for axis in zip(op.windows, sizes, want, strict=True)]
    found = [window for window in chosen if window is not None]
    if len(found) == len(chosen):
        values = {"kernel_size": [window.kernel for window in found], word: [window.stride for window in found]}
        none = {"padding": "valid", "output_padding": None} if layer.dialect == "keras" else plain
        yield {**{name: collapse(value) for name, value in values.items()}, **none}


def _nearest(window: Window, size: int, out: int) -> Window | None:
    """The window nearest in stride and kernel that spreads `size` cells over `out`, none of which gets the bias alone."""
    fitting = [
        tried
        for stride in range(1, LARGEST_STRIDE + 1)
        for tried in (Window(kernel, stride) for kernel in range(stride, 2 * LARGEST_STRIDE + 1))
        if tried.transposed(size) == out
    ]
    return min(
        fitting,
        key=lambda one: 2 * abs(one.stride - window.stride) + abs(one.kernel - window.kernel),
        default=None,
    )
