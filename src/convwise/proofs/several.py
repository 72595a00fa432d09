"""Ops on several tensors, and on sizes, run by NumPy: what joins the branches of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.ops import Layout, Resize
from convwise.ops.several import (
    Chunk,
    Concat,
    Elementwise,
    Expand,
    MatMul,
    Opaque,
    PadTo,
    Reduce,
    ReshapeTo,
    ResizeTo,
    Several,
    Slice,
    Split,
    Squeeze,
    Tile,
    Unsqueeze,
    Windows,
)
from convwise.ops.shaping import place
from convwise.ops.terms import value
from convwise.proofs.running import run_op

Array = NDArray[Any]


class CannotRunError(Exception):
    """Why a node is not run, in a few words."""


COMBINED: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "iadd": np.add,
    "sub": np.subtract,
    "subtract": np.subtract,
    "mul": np.multiply,
    "imul": np.multiply,
    "multiply": np.multiply,
    "div": np.divide,
    "divide": np.divide,
    "truediv": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
REDUCED: dict[str, Callable[..., Array]] = {
    "mean": np.mean,
    "average": np.mean,
    "sum": np.sum,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
}


def run_several(work: Several, inputs: Sequence[Array]) -> list[Array]:
    """The outputs.

    Raises:
        CannotRunError: where the op's settings beside the shapes are not known.
    """
    x = inputs[0] if inputs else np.zeros(())
    shapes = tuple(array.shape for array in inputs)
    match work:
        case Elementwise() if work.kind in ("mean", "average"):
            return [np.asarray(sum(inputs[1:], x) / len(inputs))]
        case Elementwise() if work.kind in COMBINED and len(inputs) > 1:
            for other in inputs[1:]:
                x = COMBINED[work.kind](x, other)
            return [x]
        case Concat():
            return [np.concatenate(inputs, work.axis)]
        case Split():
            pieces = [shape[work.axis] or 0 for shape in work.flows(shapes)]
            return np.split(x, np.cumsum(pieces)[:-1].tolist(), work.axis)
        case Chunk():
            cells = work.cells(x.shape[work.axis])
            return [np.take(x, list(cells or ()), work.axis)]
        case MatMul() if len(inputs) == 2:
            return [np.matmul(x, inputs[1])]
        case Reduce() if work.kind in REDUCED:
            axes = work.axes if work.axes is None else tuple(work.axes)
            return [np.asarray(REDUCED[work.kind](x, axis=axes, keepdims=work.keep_dims))]
        case ResizeTo() if work.told and min(place(axis, shapes[0]) for axis in work.axes) > 1:
            return [_resized(work, x, shapes)]
        case Opaque():
            raise CannotRunError(work.reason)
    return [_reshaped(work, x, shapes)]


def _resized(work: ResizeTo, x: Array, shapes: tuple[tuple[int, ...], ...]) -> Array:
    (shape,) = work.flows(shapes)
    sizes = tuple(size or 0 for size in shape[2:])
    if work.mode == "linear" and 1 in sizes:
        raise CannotRunError("frameworks differ in what one cell of a map is")
    return run_op(Resize(sizes, None, work.mode, work.align_corners), x, {}, Layout(False), "torch")


def _reshaped(work: Several, x: Array, shapes: tuple[tuple[int, ...], ...]) -> Array:
    """Ops that take cells away, repeat them, or lay them out anew."""
    match work:
        case Slice():
            cut: list[slice] = [slice(None)] * x.ndim
            ends = [None if term is None else value(term, shapes) for term in (work.start, work.stop)]
            cut[work.axis] = slice(ends[0], ends[1], work.step)
            return x[tuple(cut)]
        case PadTo() if work.mode in ("reflect", "circular"):
            return _padded(work, x, shapes)
        case ReshapeTo() | Squeeze() | Unsqueeze():
            (shape,) = work.flows(shapes)
            return x.reshape(tuple(size or 0 for size in shape or ()))
        case Expand():
            (shape,) = work.flows(shapes)
            return np.broadcast_to(x, tuple(size or 0 for size in shape))
        case Tile():
            return np.tile(x, work.repeats)
        case Windows():
            places: list[slice] = [slice(None)] * x.ndim
            places[work.axis] = slice(None, None, work.window.stride)
            return np.lib.stride_tricks.sliding_window_view(x, work.window.kernel, axis=work.axis)[tuple(places)]
    raise CannotRunError("its settings are not read from the network")


def _padded(work: PadTo, x: Array, shapes: tuple[tuple[int, ...], ...]) -> Array:
    widths = [(0, 0)] * x.ndim
    for axis, (before, after) in zip(work.axes, work.pads, strict=True):
        widths[axis] = (value(before, shapes) or 0, value(after, shapes) or 0)
    if any(side < 0 for pair in widths for side in pair):
        raise CannotRunError("it crops by a mode of padding")
    return np.pad(x, widths, mode="reflect" if work.mode == "reflect" else "wrap")
