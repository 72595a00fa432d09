"""One op on an array as a framework runs it: the engine's `run`, and the few ops that are a framework's own way of doing a thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.axis import Pads
from convwise.ops import Conv, Crop, Layout, Op, Pad, Pointwise, Resize
from convwise.runtime import resampling

Array = NDArray[Any]
Weights = Mapping[str, Any] | None

TOGETHER = frozenset({"relu", "relu6", "silu", "swish", "hardswish", "hard_swish", "hard_silu", "hardsilu"})
"""Activations that cost nothing right after a convolution."""
CLAMPS: Mapping[tuple[object, ...], str] = {(1.0, -1.0): "hardtanh", (6.0, 0.0): "relu6"}
"""The upper and the lower end of a hard tanh, to the engine's name of that clamp."""


def following(ops: Sequence[Op], number: int) -> str | None:
    """The activation after op `number` that the engine applies together with it, if there is one."""
    if not isinstance(ops[number], Conv) or number + 1 >= len(ops):
        return None
    return together(ops[number + 1])


def together(op: Op) -> str | None:
    """The engine's name of an activation that costs nothing right after a convolution; None for any other op.

    >>> together(Pointwise("hard_tanh", (("min_val", 0.0), ("max_val", 6.0))))
    'relu6'
    """
    if not isinstance(op, Pointwise):
        return None
    if op.kind in ("hard_tanh", "hardtanh"):
        return CLAMPS.get(tuple(value for _, value in sorted(op.options)))
    return op.kind if op.kind in TOGETHER and not op.options else None


def joined(ops: Sequence[Op], after: Sequence[Op]) -> str | None:
    """The activation that a layer of one op, `after`, adds to a layer that ends in a convolution, `ops`."""
    return together(after[0]) if len(after) == 1 and ops and isinstance(ops[-1], Conv) else None


def run(op: Op, x: Array, weights: Weights, layout: Layout, dialect: str, activation: str | None = None) -> Array:
    """What `op` makes of `x` in the framework called `dialect`; whole numbers keep their type where they stay whole.

    `activation` is one that `following` found.

    Raises:
        ShapeError, ArgumentError: the engine's.
    """
    result = _run(op, x, weights, layout, dialect, activation)
    return result.astype(x.dtype) if x.dtype.kind in "biu" and result.dtype.kind in "biu" else result


def _run(op: Op, x: Array, weights: Weights, layout: Layout, dialect: str, activation: str | None) -> Array:
    from convwise import engine

    if isinstance(op, Resize) and dialect == "torch" and op.scales is not None:
        op = _copying(op, _sizes(x, layout))
    if isinstance(op, Resize) and op.mode != "linear":
        if dialect == "keras" and op.scales is not None and op.mode != "nearest":
            # Keras enlarges by whole numbers, and resizes to that many cells with TensorFlow's kernels.
            op = replace(
                op, sizes=tuple(op.out(axis, size) for axis, size in enumerate(_sizes(x, layout))), scales=None
            )
        if dialect == "keras" and op.sizes is not None:
            return _keras_resize(op, x, layout)
        if op.mode == "cubic":
            return _cubic(op, x, layout)
    if isinstance(op, Pointwise) and op.kind == "local_response_norm":
        return _local_response(x, dict(op.options))
    return engine.run(op, x, weights, layout, activation=activation)


def _sizes(x: Array, layout: Layout) -> tuple[int, ...]:
    return tuple(size for size in layout.split(x.shape)[2] if size is not None)


SMALL = 128
"""Height and width of the output together, up to which PyTorch's nearest has a kernel of its own for images."""


def _copying(op: Resize, sizes: Sequence[int]) -> Resize:
    """With the true ratio for a scale where PyTorch looks at the sizes instead.

    linear copies an axis whose size stays; nearest copies it, or doubles its cells where the size doubles, for images that are small.
    """
    assert op.scales is not None
    outs = [op.out(axis, size) for axis, size in enumerate(sizes)]
    small = op.mode == "nearest" and len(outs) == 2 and sum(outs) <= SMALL
    plain = {"linear": (1,), "nearest": (1, 2) if small else ()}.get(op.mode, ())
    ratios = [Fraction(out, size) for size, out in zip(sizes, outs, strict=True)]
    scales = zip(op.scales, ratios, strict=True)
    return replace(op, scales=tuple(ratio if ratio in plain else scale for scale, ratio in scales))


def _first(layout: Layout) -> int:
    """The number of the first spatial axis."""
    return int(layout.batched) + int(not layout.channels_last)


def _cubic(op: Resize, x: Array, layout: Layout) -> Array:
    sizes = _sizes(x, layout)
    outs = [op.out(axis, size) for axis, size in enumerate(sizes)]
    steps = [size / out for size, out in zip(sizes, outs, strict=True)]
    if op.scales is not None and op.mode == "cubic":
        steps = [float(1 / scale) for scale in op.scales]
    matrices = [resampling.held_cubic(*each, op.align_corners) for each in zip(sizes, outs, steps, strict=True)]
    return resampling.apply(x, matrices, _first(layout))


def _keras_resize(op: Resize, x: Array, layout: Layout) -> Array:
    """Keras's `Resizing` and `CenterCrop`: `cubic+crop+antialias` names the kernel and what comes before it."""
    from convwise import engine

    assert op.sizes is not None
    kernel, *extras = op.mode.split("+")
    height, width = _sizes(x, layout)
    target = (op.sizes[0] or height, op.sizes[1] or width)
    if kernel == "center_crop":
        if height >= target[0] and width >= target[1]:
            starts = ((height - target[0]) // 2, (width - target[1]) // 2)
            return engine.run(_cut((height, width), starts, target), x, None, layout)
        kernel, extras = "linear", ["crop"]
    if "crop" in extras:
        shape = _of_same_ratio((height, width), target, wider=False)
        starts = ((height - shape[0]) // 2, (width - shape[1]) // 2)
        x = engine.run(_cut((height, width), starts, shape), x, None, layout)
    elif "pad" in extras:
        shape = _of_same_ratio((height, width), target, wider=True)
        edges = ((shape[0] - height) // 2, (shape[1] - width) // 2)
        x = engine.run(Pad(tuple(Pads(edge, edge) for edge in edges)), x, None, layout)
    return _resample(replace(op, mode=kernel), x, layout, "antialias" in extras)


def _of_same_ratio(size: tuple[int, int], target: tuple[int, int], *, wider: bool) -> tuple[int, int]:
    """The largest part of the image, or with `wider` the smallest frame around it, of the target's proportions (in float32, as Keras)."""
    height = int(np.float32(size[1] * target[0]) / np.float32(target[1]))
    width = int(np.float32(size[0] * target[1]) / np.float32(target[0]))
    if wider:
        return max(size[0], height), max(size[1], width)
    return max(min(size[0], height), 1), max(min(size[1], width), 1)


def _cut(size: tuple[int, int], starts: tuple[int, int], keep: tuple[int, int]) -> Crop:
    return Crop(tuple(Pads(start, whole - start - kept) for whole, start, kept in zip(size, starts, keep, strict=True)))


def _resample(op: Resize, x: Array, layout: Layout, antialias: bool) -> Array:
    from convwise import engine

    if op.mode == "nearest":
        return engine.run(replace(op, mode="nearest-exact"), x, None, layout)
    if op.mode == "linear" and not antialias:
        return engine.run(op, x, None, layout)
    matrices = []
    for size, out in zip(_sizes(x, layout), op.sizes or (), strict=True):
        count = size if out is None else out
        if op.mode == "area":
            matrices.append(resampling.shares(size, count))
        elif op.mode == "cubic" and not antialias:
            matrices.append(resampling.tabled_cubic(size, count))
        else:
            matrices.append(resampling.scaled(size, count, op.mode, antialias))
    return resampling.apply(x, matrices, _first(layout))


def _local_response(x: Array, options: Mapping[str, Any]) -> Array:
    """PyTorch's: x / (k + alpha times the mean square of `size` neighbouring channels) ** beta, channels on axis 1 (Krizhevsky et al. 2012)."""
    size = options["size"]
    squares = np.square(x)
    widths = [(0, 0)] * x.ndim
    widths[1] = (size // 2, (size - 1) // 2)
    padded = np.pad(squares, widths)
    channels = x.shape[1]
    total = np.zeros_like(squares)
    for offset in range(size):
        total += padded[:, offset : offset + channels]
    kind = x.dtype.type
    return x / (kind(options["k"]) + kind(options["alpha"]) * (total / kind(size))) ** kind(options["beta"])  # type: ignore[no-any-return]
