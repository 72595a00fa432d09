"""Windows as emitted code on arrays with their channels last, in the names of Keras's ops, TensorFlow or JAX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from convwise.answers.porting.composing import average_factors
from convwise.answers.porting.ways import over
from convwise.axis import NO_PADS, Axis
from convwise.ops import AdaptivePool, Fold, Pool, Shape, Unfold

Names = Mapping[str, str]
"""`np` (the module), `array`, `max`, `mean`, `pool`: how a framework calls them."""

INDEX = {
    "reflect": "({n} - 1 - abs({n} - 1 - abs(i)))",
    "replicate": "min(max(i, 0), {n} - 1)",
    "circular": "i % {n}",
}
"""The cell of an axis of `n` cells that stands at place `i` of the padded one."""


def slices(axes: Sequence[Axis]) -> str:
    """As many strided slices of `x` as a window has cells, one for each of its cells."""
    slices, loops = [], []
    for name, axis in zip("ijk", axes, strict=False):
        length = (axis.out - 1) * axis.stride + 1
        step = f":{axis.stride}" if axis.stride > 1 else ""
        slices.append(f"{name}:{name} + {length}{step}")
        loops.append(f"for {name} in range(0, {axis.span}, {axis.dilation})")
    return f"[x[:, {', '.join(slices)}] {' '.join(loops)}]"


def by_slices(op: Pool, shape: Shape, around: str) -> str | None:
    """A pool as strided slices, one for each cell of its window, put into `around`."""
    if any(window.padding != NO_PADS or window.ceil for window in op.windows):
        return None
    return around.format(slices(over(op.windows, tuple(size or 0 for size in shape[1:-1]))))


def averaged(op: Pool, shape: Shape, names: Names, data: str = "x") -> str | None:
    """Padded, averaged whole, and corrected by what every window counts."""
    found = average_factors(op, shape[1:-1])
    if found is None:
        return None
    pads, factors = found
    pairs = ((0, 0), *((pad.low, pad.high) for pad in pads), (0, 0))
    kernel, stride = tuple(w.kernel for w in op.windows), tuple(w.stride for w in op.windows)
    inner = data if all(pad == NO_PADS for pad in pads) else f"{names['np']}.pad({data}, {pairs})"
    scales = []
    for axis, factor in enumerate(factors):
        if factor is not None:
            ones = (-1, *(1 for _ in factors[axis:]))
            scales.append(f" * {names['np']}.reshape({names['array']}({factor}), {ones})")
    return names["pool"].format(x=inner, rank=op.rank, kernel=kernel, stride=stride) + "".join(scales)


def adaptive(op: AdaptivePool, shape: Shape, names: Names) -> str:
    """An axis after the other: means of means over equal parts, maxima of maxima."""
    reduce = names["max" if op.kind == "max" else "mean"]
    text = "x"
    for axis, (size, out) in enumerate(zip(shape[1:-1], op.sizes, strict=True), 1):
        lead = ":, " * axis
        name = "i" * axis
        part = f"[{lead}{name} * {size} // {out}:-(-({name} + 1) * {size} // {out})]"
        text = f"{names['np']}.stack([{reduce}(({text}){part}, {axis}) for {name} in range({out})], {axis})"
    return text


def unfolded(op: Unfold, shape: Shape, np: str, stack: str) -> str | None:
    """PyTorch's columns: the channels, and in each the window's cells."""
    axes = over(op.windows, tuple(size or 0 for size in shape[1:-1]))
    if any(axis.pad_low or axis.pad_high for axis in axes):
        return None
    windows, taps = prod(axis.out for axis in axes), prod(axis.kernel for axis in axes)
    columns = (-1, windows, (shape[-1] or 0) * taps)
    return f"{np}.transpose({np}.reshape({stack.format(slices(axes))}, {columns}), (0, 2, 1))"


def folded(op: Fold, shape: Shape, einsum: str, reshape: str, tensor: str) -> str:
    """Columns added up into a map (N, C, *sizes): on each axis a table says which cell of which window is which cell of the map."""
    axes = over(op.windows, op.sizes)
    taps = tuple(axis.kernel for axis in axes)
    split = (-1, (shape[-2] or 0) // prod(taps), *taps, *(axis.out for axis in axes))
    cells, places, outs = ("abc"[: len(axes)], "ijk"[: len(axes)], "xyz"[: len(axes)])
    terms = ",".join(f"{out}{cell}{place}" for out, cell, place in zip(outs, cells, places, strict=True))
    tables = []
    for size, axis in zip(op.sizes, axes, strict=True):
        start = f"i * {axis.stride} + a * {axis.dilation} - {axis.pad_low} == h"
        tables.append(
            tensor.format(
                f"[[[float({start}) for i in range({axis.out})] for a in range({axis.kernel})] for h in range({size})]"
            )
        )
    data = reshape.format("x", split)
    return f"{einsum}('nm{cells}{places},{terms}->nm{outs}', {data}, {', '.join(tables)})"
