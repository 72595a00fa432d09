"""Transposed convolutions: which forward sizes they come from, which of them is picked, and how to pick another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from convwise.answers.explanation import AxisFacts, Fact, Fix
from convwise.answers.respelled import Reader, respelled, spatial
from convwise.answers.vocabulary import no_pads, padding_words, picking, spelled
from convwise.answers.wording import cells, listed
from convwise.axis import NO_PADS, SAME_UPPER, Pads, Window
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
            picks = f"; {picking(layer)} picks one" if picking(layer) else ""
            yield Fact("which size", (f"{text} {facts.size} on the way forward{picks}", *filter(None, [default])))
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
        named = spelled(layer, changes)
        if named is None:
            continue
        if want is not None and picking(layer) == "output_shape":
            named["output_shape"] = _full(layer, want)
        tried = respelled(layer, named, shape, read)
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
    words = [word for word, _ in padding_words(layer)]
    picks = "output_padding" in layer.arguments
    yield {}
    if picks:
        yield from ({"output_padding": extra} for extra in range(min(max(strides), 8)))
    if want is None or sizes is None:
        return
    none: dict[str, Any] = {"output_padding": 0 if layer.dialect == "torch" else None} if picks else {}
    plain: dict[str, Any] = {} if words else {"padding": no_pads(layer), **none}
    yield from ({"stride": stride} for stride in range(1, LARGEST_STRIDE + 1))
    yield from ({"kernel": stride, "stride": stride, **plain} for stride in range(2, LARGEST_STRIDE + 1))
    cuts = [_cut(window, size, out) for window, size, out in zip(op.windows, sizes, want, strict=True)]
    paddings: list[Any] = words or [(Pads(amount, amount),) * len(strides) for amount in range(4)]
    extras = [none, *({"output_padding": extra} for extra in range(min(max(strides), 4)))] if picks else [{}]
    yield from ({"padding": padding, **extra} for padding, extra in product(paddings, extras))
    if None not in cuts:
        yield {"padding": tuple(cuts), **none}
    yield from _strides(op, sizes, want, words, none)
    yield from ({"kernel": kernel, "padding": padding} for kernel, padding in product(range(1, 8), paddings))
    # Without padding, the stride and the kernel of each axis by itself.
    chosen = [_nearest(*axis) for axis in zip(op.windows, sizes, want, strict=True)]
    found = [window for window in chosen if window is not None]
    if len(found) == len(chosen):
        windows = {"kernel": [window.kernel for window in found], "stride": [window.stride for window in found]}
        yield {**windows, "padding": words[0] if words else no_pads(layer), **none}


def _cut(window: Window, size: int, out: int) -> Pads | None:
    """What is cut off all that the windows reach, so that `out` is left; below 0 cells are added behind, less than a step of them."""
    more = replace(window, padding=NO_PADS).transposed(size) - out
    if not -window.stride < more <= 2 * (window.span - 1):
        return None
    return Pads(more // 2, more - more // 2) if more >= 0 else Pads(0, more)


def _strides(
    op: ConvTranspose, sizes: tuple[int, ...], want: tuple[int, ...], words: Sequence[str], none: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """The stride of each axis by itself, nearest to today's: one that gives the size as the layer is, or one whose share of it is the input."""
    axes = list(zip(op.windows, op.output_padding or (0,) * op.rank, sizes, want, strict=True))
    steps = range(1, LARGEST_STRIDE + 1)
    alone = [
        _closest(window, [step for step in steps if replace(window, stride=step).transposed(size, more) == out])
        for window, more, size, out in axes
    ]
    if None not in alone:
        yield {"stride": alone}
    shares = [
        _closest(window, [step for step in steps if Window(1, step).over(out).out == size])
        for window, _, size, out in axes
    ]
    if None in shares:
        return
    yield from ({"stride": shares, "padding": word, **none} for word in words)
    windows = [replace(window, stride=stride or 1) for window, stride in zip(op.windows, shares, strict=True)]
    cuts = [_cut(window, size, out) for window, size, out in zip(windows, sizes, want, strict=True)]
    if None not in cuts:
        yield {"stride": shares, "padding": tuple(cuts), **none}


def _closest(window: Window, strides: Sequence[int]) -> int | None:
    return min(strides, key=lambda stride: abs(stride - window.stride), default=None)


def _full(layer: Layer, want: tuple[int, ...]) -> tuple[Any, ...]:
    """TensorFlow's output_shape with the wanted sizes in it."""
    given = layer.arguments["output_shape"]
    return (given[0], *want, given[-1]) if layer.channels_last else (*given[:2], *want)


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
