"""A chain as the steps that two frameworks can be compared by: each convolution, pool, norm or dense layer with the padding and cropping laid around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from convwise.answers.porting.reading import Chain, Piece
from convwise.axis import NO_PADS, Axis, Pads, Window, sliding_share
from convwise.dialects.base import Layer
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

    `axes` are over the input, for a transposed convolution over the output; empty where no window slides. `anchor` and `end` are the numbers of
    the op's piece and of the last one. `fills` says what stands in the padding: "zeros", "-inf", a number, or a mode.
    """

    op: Op
    piece: Piece
    axes: tuple[Axis, ...]
    anchor: int
    end: int
    fills: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return layer_name(self.piece.layer)


def layer_name(layer: Layer) -> str:
    """What a layer is called where one of a chain is named."""
    return f"{layer.name} ({layer.kind})" if layer.name else layer.kind


def units(chain: Chain) -> list[Unit]:
    """The steps of a chain in order."""
    found: list[Unit] = []
    waiting: list[Pads] | None = None
    fills: tuple[str, ...] = ()
    for number, piece in enumerate(chain.pieces()):
        op = piece.op
        if isinstance(op, Pad | Crop) and len(piece.input) == op.rank + 2:
            pads = op.pads if isinstance(op, Pad) else tuple(Pads(-cut.low, -cut.high) for cut in op.cuts)
            if found and isinstance(found[-1].op, ConvTranspose) and all(p.low <= 0 and p.high <= 0 for p in pads):
                found[-1] = replace(_cropped(found[-1], pads), end=number)
                continue
            waiting = (
                [Pads(a.low + b.low, a.high + b.high) for a, b in zip(waiting, pads, strict=True)]
                if waiting
                else list(pads)
            )
            fills = (*fills, _filled(op)) if isinstance(op, Pad) else fills
        elif found and waiting is None and _thins(found[-1].op, op):
            assert isinstance(op, Pool)
            found[-1] = _thinned(found[-1], op, number)
        elif isinstance(op, ANCHORS):
            found.append(_unit(piece, op, number, waiting, fills))
            waiting, fills = None, ()
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


def _unit(piece: Piece, op: Op, number: int, waiting: list[Pads] | None, fills: tuple[str, ...]) -> Unit:
    axes = _axes(piece, op)
    if isinstance(op, ConvTranspose):
        return Unit(op, piece, axes, number, number)
    if any(axis.pad_low or axis.pad_high for axis in axes):
        biggest = isinstance(op, Pool) and op.kind == "max"
        fills = (*fills, op.padding_mode if isinstance(op, Conv) else "-inf" if biggest else "zeros")
    if waiting is not None and axes:
        axes = tuple(
            replace(axis, size=axis.size - pad.total, pad_low=axis.pad_low + pad.low, pad_high=axis.pad_high + pad.high)
            for axis, pad in zip(axes, waiting, strict=True)
        )
    return Unit(op, piece, axes, number, number, tuple(dict.fromkeys(fills)))


def _axes(piece: Piece, op: Op) -> tuple[Axis, ...]:
    """The windows of an op on its own input, or output; none where no windows of one size slide."""
    layout = Layout(piece.layer.channels_last)
    windows: list[Window | None] = []
    if isinstance(op, ConvTranspose):
        windows += [window.fixed() for window in op.windows]
        sizes = layout.split(piece.output)[2]
    elif isinstance(op, Conv | Pool | Unfold | GlobalPool | AdaptivePool):
        sizes = layout.split(piece.input)[2]
        if isinstance(op, GlobalPool):
            windows += [Window(size or 1, size or 1) for size in sizes]
        elif isinstance(op, AdaptivePool):
            outs = layout.split(piece.output)[2]
            windows += [sliding_share(size or 0, out) if out else None for size, out in zip(sizes, outs, strict=True)]
        else:
            windows += op.windows
    if None in windows or not windows:
        return ()
    return tuple(window.over(size or 0) for window, size in zip(windows, sizes, strict=True) if window is not None)


def _filled(op: Pad) -> str:
    if op.mode != "constant":
        return op.mode
    return f"{op.value:g}" if op.value else "zeros"


def same_cells(a: Axis, b: Axis, *, pooled: bool) -> bool:
    """Whether every window of the one stands on the cells of the other's; of a pool those of the data alone."""
    if (a.kernel, a.stride, a.dilation, a.pad_low) == (b.kernel, b.stride, b.dilation, b.pad_low):
        return True
    return all(_cells(a, index, pooled) == _cells(b, index, pooled) for index in range(min(a.out, b.out)))


def _cells(axis: Axis, index: int, pooled: bool) -> range:
    taps = axis.taps(index)
    if not pooled:
        return taps
    seen = axis.taps_in_data(index)
    return taps[seen.start : seen.stop]


def start(axis: Axis) -> int:
    """The data cell on which the first window starts."""
    return -axis.pad_low


def span_of(axis: Axis) -> int:
    return Window(axis.kernel, dilation=axis.dilation).span
