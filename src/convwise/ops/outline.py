"""The output shape and the counts of ops, without the axes in between: most of a trace asks for nothing else.

Only what is plainly right is answered here; for everything else the answer is None, and `flow` says what it is, or what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from convwise.axis import Window
from convwise.ops.conv import Conv
from convwise.ops.dense import Dense, Norm, Pointwise
from convwise.ops.pool import GlobalPool, Pool
from convwise.ops.rearrange import Permute
from convwise.ops.shape import LARGEST, Layout, Shape


class Outline(NamedTuple):
    """The output, and the counts of `Flow`; `moments` are stored numbers that training does not change."""

    output: Shape
    params: int | None = 0
    trainable: int | None = 0
    macs: int | None = 0
    moments: int = 0


def outlined(ops: tuple[Any, ...], shape: Shape, layout: Layout) -> Outline | None:
    """What ops that run one after the other give and count; None where `flow` has to look."""
    if len(ops) == 1:
        rule = RULES.get(type(ops[0]))
        return None if rule is None else rule(ops[0], shape, layout)
    params = trainable = macs = moments = 0
    for op in ops:
        rule = RULES.get(type(op))
        found = None if rule is None else rule(op, shape, layout)
        if found is None or found.params is None or found.trainable is None or found.macs is None:
            return None
        shape = found.output
        params += found.params
        trainable += found.trainable
        macs += found.macs
        moments += found.moments
    return Outline(shape, params, trainable, macs, moments) if ops else None


def _slid(
    windows: tuple[Window, ...], shape: Shape, layout: Layout, channels: int | None
) -> tuple[Shape, int | None] | None:
    """(the output with so many channels, its places times its batch: None with an open size); None where a window does not fit."""
    first = int(layout.batched)
    if len(shape) != first + 1 + len(windows):
        return None
    place = first if layout.channels_last else first + 1
    batch = shape[:first]
    count = batch[0] if first else 1
    # A batch of unknown size counts as one sample.
    count = 1 if count is None else count
    outs: list[int | None] = []
    for size, window in zip(shape[place:], windows, strict=False):
        if size is None:
            count = None
            outs.append(None)
            continue
        out = window.out(size) if size > 0 else 0
        if out < 1:
            return None
        outs.append(out)
        if count is not None:
            count *= out
    return ((*batch, *outs, channels) if layout.channels_last else (*batch, channels, *outs)), count


def _channels(shape: Shape, layout: Layout) -> int | None:
    place = -1 if layout.channels_last else int(layout.batched)
    return shape[place] if -len(shape) <= place < len(shape) else None


def _conv(op: Conv, shape: Shape, layout: Layout) -> Outline | None:
    channels, out, groups = _channels(shape, layout), op.out_channels, op.groups
    if op.multiplier is not None and channels is not None:
        out, groups = channels * op.multiplier, channels
    if channels is None or channels < 1 or not out or not groups or channels % groups:
        return None
    if op.padding_mode != "zeros" or op.in_channels not in (None, channels):
        return None
    slid = _slid(op.windows, shape, layout, out)
    if slid is None:
        return None
    weights = out * (channels // groups)
    for window in op.windows:
        weights *= window.kernel
    if weights > LARGEST:
        return None
    params = weights + out if op.bias else weights
    return Outline(slid[0], params, params, None if slid[1] is None else weights * slid[1])


def _pool(op: Pool, shape: Shape, layout: Layout) -> Outline | None:
    slid = _slid(op.windows, shape, layout, _channels(shape, layout))
    return None if slid is None else Outline(slid[0])


def _global_pool(op: GlobalPool, shape: Shape, layout: Layout) -> Outline | None:
    if layout.channels_last or not op.keep_dims or len(shape) != op.rank + 1 + layout.batched:
        return None
    front = 1 + layout.batched
    return None if 0 in shape[front:] else Outline((*shape[:front], *(1,) * op.rank))


def _norm(op: Norm, shape: Shape, layout: Layout) -> Outline | None:
    features: int | None
    if isinstance(op.axes, str):
        features = _channels(shape, layout) if op.axes == "channels" else None
    else:
        sizes = [shape[axis] for axis in op.axes if -len(shape) <= axis < len(shape)]
        features = None if None in sizes or len(sizes) < len(op.axes) else prod(sizes)  # type: ignore[arg-type]
    if features is None or op.groups or op.features not in (None, features):
        return None
    trainable, moments = features * (op.scale + op.center), 2 * features * op.moments
    return Outline(shape, trainable + moments, trainable, 0, moments)


def _pointwise(op: Pointwise, shape: Shape, layout: Layout) -> Outline:
    return Outline(shape, op.params, op.params)


def _dense(op: Dense, shape: Shape, layout: Layout) -> Outline | None:
    if len(shape) < 2 or None in shape[1:] or op.in_features not in (None, shape[-1]):
        return None
    sizes: tuple[int, ...] = shape[1:]  # type: ignore[assignment]
    weights = sizes[-1] * op.out_features
    params = weights + op.out_features * op.bias
    batch = shape[0]
    macs = (1 if batch is None else batch) * prod(sizes[:-1]) * weights
    return Outline((*shape[:-1], op.out_features), params, params, macs)


def _permute(op: Permute, shape: Shape, layout: Layout) -> Outline | None:
    if sorted(op.order) != list(range(len(shape))):
        return None
    return Outline(tuple([shape[axis] for axis in op.order]))


RULES: dict[type, Callable[[Any, Shape, Layout], Outline | None]] = {
    Conv: _conv,
    Pool: _pool,
    GlobalPool: _global_pool,
    Norm: _norm,
    Pointwise: _pointwise,
    Dense: _dense,
    Permute: _permute,
}
"""The ops that are outlined."""
