"""A chain as the steps that two frameworks can be compared by: each convolution, pool, norm or dense layer with the padding and cropping laid around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from convwise.answers.porting.reading import Chain, Piece
from convwise.axis import NO_PADS, Axis, Pads, Window
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Pool,
    Resize,
    Unfold,
)

ANCHORS = (Conv, ConvTranspose, Pool, GlobalPool, AdaptivePool, Dense, Norm, Resize, Unfold)


@dataclass(frozen=True, slots=True)
class Unit:
    """One step: its op, the windows over the unit's own input (layers of padding counted as padding), and where the unit ends.

    `axes` are over the input, for a transposed convolution over the output; empty where no window slides. `end` is the number of its last piece.
    """

    op: Op
    piece: Piece
    axes: tuple[Axis, ...]
    end: int
    padded_by_layer: bool = False

    @property
    def name(self) -> str:
        layer = self.piece.layer
        return f"{layer.name} ({layer.kind})" if layer.name else layer.kind


def units(chain: Chain) -> list[Unit]:
    """The steps of a chain in order."""
    found: list[Unit] = []
    waiting: list[Pads] | None = None
    value = 0.0
    for number, piece in enumerate(chain.pieces()):
        op = piece.op
        if isinstance(op, Pad | Crop) and len(piece.input) == op.rank + 2:
            pads = op.pads if isinstance(op, Pad) else tuple(Pads(-cut.low, -cut.high) for cut in op.cuts)
            if isinstance(op, Pad) and op.mode != "constant":
                waiting = None
                continue
            if found and isinstance(found[-1].op, ConvTranspose) and all(p.low <= 0 and p.high <= 0 for p in pads):
                found[-1] = replace(_cropped(found[-1], pads), end=number)
                continue
            waiting = (
                [Pads(a.low + b.low, a.high + b.high) for a, b in zip(waiting, pads, strict=True)]
                if waiting
                else list(pads)
            )
            value = op.value if isinstance(op, Pad) else value
        elif found and waiting is None and _thins(found[-1].op, op):
            assert isinstance(op, Pool)
            found[-1] = _thinned(found[-1], op, number)
        elif isinstance(op, ANCHORS):
            found.append(_unit(piece, op, number, waiting, value))
            waiting = None
        elif found and waiting is None and len(piece.input) == len(piece.output) and piece.input == piece.output:
            found[-1] = replace(found[-1], end=number)
    return found


def _thins(before: Op, op: Op) -> bool:
    """A pool of one cell after a convolution is that convolution's stride."""
    return (
        isinstance(before, Conv | Pool)
        and isinstance(op, Pool)
        and op.kind == "max"
        and all(window.kernel == 1 and window.padding == NO_PADS for window in op.windows)
    )


def _thinned(unit: Unit, op: Pool, number: int) -> Unit:
    axes = tuple(
        replace(axis, stride=axis.stride * window.stride) for axis, window in zip(unit.axes, op.windows, strict=True)
    )
    return replace(unit, axes=axes, end=number)


def _cropped(unit: Unit, pads: tuple[Pads, ...]) -> Unit:
    axes = tuple(
        replace(axis, size=axis.size + pad.total, pad_low=axis.pad_low - pad.low, pad_high=axis.pad_high - pad.high)
        for axis, pad in zip(unit.axes, pads, strict=True)
    )
    return replace(unit, axes=axes)


def _unit(piece: Piece, op: Op, number: int, waiting: list[Pads] | None, value: float) -> Unit:
    if not isinstance(op, Conv | ConvTranspose | Pool | Unfold):
        return Unit(op, piece, (), number, waiting is not None)
    layout = Layout(piece.layer.channels_last)
    if isinstance(op, ConvTranspose):
        sizes = layout.split(piece.output)[2]
        axes = [window.fixed().over(size or 0) for window, size in zip(op.windows, sizes, strict=True)]
        return Unit(op, piece, tuple(axes), number)
    sizes = layout.split(piece.input)[2]
    axes = [window.over(size or 0) for window, size in zip(op.windows, sizes, strict=True)]
    fits = value == (-inf if isinstance(op, Pool) and op.kind == "max" else 0)
    if waiting is not None and fits:
        axes = [
            replace(axis, size=axis.size - pad.total, pad_low=axis.pad_low + pad.low, pad_high=axis.pad_high + pad.high)
            for axis, pad in zip(axes, waiting, strict=True)
        ]
    return Unit(op, piece, tuple(axes), number, waiting is not None)


def start(axis: Axis) -> int:
    """The data cell on which the first window starts."""
    return -axis.pad_low


def span_of(axis: Axis) -> int:
    return Window(axis.kernel, dilation=axis.dilation).span
