"""The output shape and the counts of ops, without the axes in between: most of a trace asks for nothing else.

Only what is plainly right is answered here; for everything else the answer is None, and `flow` says what it is, or what is wrong.
What does not depend on the shape is worked out once an op: a rule is what is left, from a shape to its outline.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from convwise.axis import Window
from convwise.ops.conv import Conv
from convwise.ops.dense import Dense, Norm, Pointwise
from convwise.ops.pool import GlobalPool, Pool
from convwise.ops.rearrange import Permute
from convwise.ops.shape import LARGEST, Layout, Shape

Outline = tuple[Shape, int | None, int | None, int | None, int]
"""The output, parameters, trainable ones and multiply-accumulates as `Flow` has them, and the stored numbers that training does not change."""

Rule = Callable[[Shape], Outline | None]

Slide = Callable[[Shape], tuple[Shape, int | None] | None]
"""From a shape to (the sizes that windows leave, their places times the batch: None with an open size); None where a window does not fit."""


def outlined(ops: tuple[Any, ...], shape: Shape, layout: Layout) -> Outline | None:
    """What ops that run one after the other give and count; None where `flow` has to look."""
    return outliner(ops, layout)(shape)


def outliner(ops: tuple[Any, ...], layout: Layout) -> Rule:
    """The rule of ops that run one after the other."""
    rules: list[Rule] = []
    for op in ops:
        make = RULES.get(type(op))
        rule = None if make is None else make(op, layout)
        if rule is None:
            return unanswered
        rules.append(rule)
    if len(rules) == 1:
        return rules[0]
    return (lambda shape: _in_turn(rules, shape)) if rules else unanswered


def unanswered(shape: Shape) -> Outline | None:
    """The rule of what is not outlined."""
    return None


def _in_turn(rules: list[Rule], shape: Shape) -> Outline | None:
    params = trainable = macs = moments = 0
    for rule in rules:
        found = rule(shape)
        if found is None:
            return None
        shape, *counts, stored = found
        if None in counts:
            return None
        params += counts[0] or 0
        trainable += counts[1] or 0
        macs += counts[2] or 0
        moments += stored
    return shape, params, trainable, macs, moments


def _slider(windows: tuple[Window, ...], layout: Layout) -> Slide:
    first = int(layout.batched)
    place = first if layout.channels_last else first + 1
    rank = first + 1 + len(windows)
    counters = [window.counter for window in windows]

    def slide(shape: Shape) -> tuple[Shape, int | None] | None:
        if len(shape) != rank:
            return None
        # A batch of unknown size counts as one sample.
        count = shape[0] if first else 1
        count = 1 if count is None else count
        outs: list[int | None] = []
        for size, count_of in zip(shape[place:], counters, strict=False):
            if size is None:
                count = None
                outs.append(None)
                continue
            out = count_of(size) if size > 0 else 0
            if out < 1:
                return None
            outs.append(out)
            if count is not None:
                count *= out
        return tuple(outs), count

    if len(counters) != 2 or not first:
        return slide
    count_down, count_across = counters

    def slide_image(shape: Shape) -> tuple[Shape, int | None] | None:
        if len(shape) != rank or None in shape:
            return slide(shape)
        batch, height, width = shape[0], shape[place], shape[place + 1]
        if not (height and width):
            return None
        down, across = count_down(height), count_across(width)
        return None if down < 1 or across < 1 else ((down, across), batch * down * across)  # type: ignore[operator]

    return slide_image


def _conv(op: Conv, layout: Layout) -> Rule | None:
    if op.padding_mode != "zeros":
        return None
    known = op.in_channels if op.multiplier is None else None
    fixed = _weights(op, known)
    slide, last, front = _slider(op.windows, layout), layout.channels_last, int(layout.batched)

    def rule(shape: Shape) -> Outline | None:
        slid = slide(shape)
        if slid is None:
            return None
        channels = shape[-1 if last else front]
        counts = fixed if channels == known else _weights(op, channels)
        if counts is None:
            return None
        out, weights, params = counts
        outs, count = slid
        batch = shape[:front]
        output = (*batch, *outs, out) if last else (*batch, out, *outs)
        return output, params, params, None if count is None else weights * count, 0

    return rule


def _weights(op: Conv, channels: int | None) -> tuple[int, int, int] | None:
    """(filters, weights, parameters) on an input of so many channels; None where that does not work."""
    out, groups = op.out_channels, op.groups
    if channels is None or channels < 1:
        return None
    if op.multiplier is not None:
        out, groups = channels * op.multiplier, channels
    if not out or not groups or channels % groups or op.in_channels not in (None, channels):
        return None
    weights = out * (channels // groups)
    for window in op.windows:
        weights *= window.kernel
    return None if weights > LARGEST else (out, weights, weights + out if op.bias else weights)


def _pool(op: Pool, layout: Layout) -> Rule:
    slide, last, front = _slider(op.windows, layout), layout.channels_last, int(layout.batched)

    def rule(shape: Shape) -> Outline | None:
        slid = slide(shape)
        if slid is None:
            return None
        batch = shape[:front]
        return (*batch, *slid[0], shape[-1]) if last else (*batch, shape[front], *slid[0]), 0, 0, 0, 0

    return rule


def _global_pool(op: GlobalPool, layout: Layout) -> Rule | None:
    if layout.channels_last or not op.keep_dims:
        return None
    front = 1 + layout.batched
    rank, ones = front + op.rank, (1,) * op.rank

    def rule(shape: Shape) -> Outline | None:
        if len(shape) != rank or 0 in shape[front:]:
            return None
        return (*shape[:front], *ones), 0, 0, 0, 0

    return rule


def _norm(op: Norm, layout: Layout) -> Rule | None:
    axes, wanted = op.axes, op.features
    if op.groups or (isinstance(axes, str) and axes != "channels"):
        return None
    least = 0
    if isinstance(axes, str):
        least = 1 + layout.batched
        axes = (-1,) if layout.channels_last else (int(layout.batched),)
    each = op.scale + op.center

    def rule(shape: Shape) -> Outline | None:
        if len(shape) < least:
            return None
        features = 1
        for axis in axes:
            size = shape[axis] if -len(shape) <= axis < len(shape) else None
            if size is None:
                return None
            features *= size
        if wanted is not None and wanted != features:
            return None
        trainable, moments = features * each, 2 * features * op.moments
        return shape, trainable + moments, trainable, 0, moments

    return rule


def _pointwise(op: Pointwise, layout: Layout) -> Rule:
    params = op.params
    return lambda shape: (shape, params, params, 0, 0)


def _dense(op: Dense, layout: Layout) -> Rule:
    def rule(shape: Shape) -> Outline | None:
        if len(shape) < 2 or None in shape[1:] or op.in_features not in (None, shape[-1]):
            return None
        sizes: tuple[int, ...] = shape[1:]  # type: ignore[assignment]
        weights = sizes[-1] * op.out_features
        params = weights + op.out_features * op.bias
        batch = shape[0]
        macs = (1 if batch is None else batch) * prod(sizes[:-1]) * weights
        return (*shape[:-1], op.out_features), params, params, macs, 0

    return rule


def _permute(op: Permute, layout: Layout) -> Rule:
    order, straight = op.order, sorted(op.order)

    def rule(shape: Shape) -> Outline | None:
        if straight != list(range(len(shape))):
            return None
        return tuple([shape[axis] for axis in order]), 0, 0, 0, 0

    return rule


RULES: dict[type, Callable[[Any, Layout], Rule | None]] = {
    Conv: _conv,
    Pool: _pool,
    GlobalPool: _global_pool,
    Norm: _norm,
    Pointwise: _pointwise,
    Dense: _dense,
    Permute: _permute,
}
"""The ops that are outlined."""
