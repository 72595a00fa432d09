"""What TensorFlow and JAX share as targets: functions on arrays with their channels last, in either one's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod

from convwise.answers.porting.array_functions import function, normalised
from convwise.answers.porting.resampling import in_parts, matrix, place_of
from convwise.answers.porting.to_keras import more as keras_more
from convwise.answers.porting.windowing import INDEX, adaptive, averaged, by_slices, folded, unfolded
from convwise.axis import NO_PADS
from convwise.dialects.writing import write
from convwise.ops import (
    AdaptivePool,
    Crop,
    Fold,
    Gate,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
    Resize,
    Shape,
    Unfold,
)

Names = Mapping[str, str]
"""`np` and `nn` (the modules), `mean`, `max`, `take`, `sum`: how a framework calls them."""


def adapt(op: Op, shape: Shape) -> Op:
    """Kinds by the names that these dialects use."""
    match op:
        case AdaptivePool() if None in op.sizes:
            sizes = tuple(w if w is not None else s for w, s in zip(op.sizes, shape[1:-1], strict=True))
            return replace(op, sizes=sizes)
        case Norm() if op.axes == (len(shape) - 1,) or op.axes == (-1,):
            return replace(op, axes="channels" if op.kind == "batch" else (-1,))
        case Resize() if op.mode == "nearest-exact" and op.scales is not None:
            whole = all(scale.denominator == 1 for scale in op.scales)
            return replace(op, mode="nearest") if whole else op
    return op


def more(op: Op, shape: Shape) -> Iterator[tuple[Op, ...]]:
    """Other ops that mean the same."""
    if isinstance(op, Pool) and op.kind == "average" and _counts_padding(op):
        pads = tuple(window.pads(size or 0) for window, size in zip(op.windows, shape[1:-1], strict=True))
        bare = replace(op, windows=tuple(replace(w, padding=NO_PADS) for w in op.windows), count_padding=False)
        yield (Pad(pads), bare)
    if isinstance(op, Resize):
        yield from in_parts(op, [size or 0 for size in shape[1:-1]])
    yield from keras_more(op, shape)


def _counts_padding(op: Pool) -> bool:
    return op.count_padding and not any(window.ceil for window in op.windows)


def express(op: Op, shape: Shape, names: Names) -> str | None:
    """The op as a function of `x`."""
    np, nn = names["np"], names["nn"]
    axes = tuple(range(1, len(shape) - 1))
    match op:
        case Crop():
            sides = [f"{cut.low or ''}:{-cut.high or ''}" for cut in op.cuts]
            return f"x[:, {', '.join(sides)}]"
        case GlobalPool() if op.kind in ("max", "average"):
            keep = f", {names['keep']}=True" if op.keep_dims else ""
            return f"{names['max' if op.kind == 'max' else 'mean']}(x, {axes}{keep})"
        case AdaptivePool():
            return adaptive(op, shape, names)
        case Pad() if op.mode in INDEX:
            return _indexed(op, shape, names)
        case Resize() if op.mode in ("nearest", "nearest-exact", "linear"):
            return _resized(op, shape, names)
        case Pool() if op.kind == "average" and all(window.dilation == 1 for window in op.windows):
            return averaged(op, shape, names)
        case Pool() if op.kind == "average":
            return by_slices(op, shape, f"{names['mean']}({np}.stack({{}}), 0)")
        case Pool() if op.kind == "lp":
            return _power(op, shape, names)
        case Norm():
            return normalised(op, shape, names)
        case Unfold():
            return unfolded(op, shape, np, f"{np}.stack({{}}, -1)")
        case Fold():
            return folded(op, shape, f"{np}.einsum", f"{np}.reshape({{}}, {{}})", f"{names['array']}({{}})")
        case Pool() if op.kind == "max":
            return by_slices(op, shape, f"{names['max']}({np}.stack({{}}), 0)")
        case Gate():
            half = (shape[op.axis] or 0) // 2
            lead = ":, " * (op.axis % len(shape))
            return f"x[{lead}:{half}] * {nn}.sigmoid(x[{lead}{half}:])"
        case Pointwise():
            return function(op, shape, names)
    return None


def _indexed(op: Pad, shape: Shape, names: Names) -> str | None:
    text = "x"
    for axis, pads in enumerate(op.pads, 1):
        if pads.low < 0 or pads.high < 0:
            return None
        if pads.low or pads.high:
            size = shape[axis] or 0
            index = INDEX[op.mode].format(n=size)
            cells = f"{names['array']}([{index} for i in range({-pads.low}, {size + pads.high})])"
            text = f"{names['take']}({text}, {cells}, axis={axis})"
    return text


def _resized(op: Resize, shape: Shape, names: Names) -> str | None:
    np, text = names["np"], "x"
    for axis, size in enumerate(shape[1:-1], 1):
        cells = size or 0
        out = op.out(axis - 1, cells)
        if op.mode.startswith("nearest"):
            places = f"{names['array']}([{place_of(op, axis - 1, cells)} for i in range({out})])"
            text = f"{names['take']}({text}, {places}, axis={axis})"
            continue
        order = (*range(1, axis + 1), 0, *range(axis + 1, len(shape)))
        rows = matrix(op, axis - 1, cells)
        mixed = f"{np}.tensordot({names['array']}({rows}), {text}, axes=([1], [{axis}]))"
        text = f"{np}.transpose({mixed}, {order})"
    return text


def _power(op: Pool, shape: Shape, names: Names) -> str | None:
    """The root of the sums of powers: PyTorch's, a window that overhangs scaled up to a whole one."""
    power, taps = write(op.power), prod(window.kernel for window in op.windows)
    if not op.power or any(window.padding != NO_PADS for window in op.windows):
        return None
    if any(window.dilation > 1 for window in op.windows):
        text = by_slices(op, shape, f"{names['total']}({names['np']}.stack({{}}), 0)")
        return None if text is None else f"{text.replace('[x[', f'[(x ** {power})[', 1)} ** {write(1 / op.power)}"
    mean = averaged(replace(op, kind="average"), shape, names, f"x ** {power}")
    return None if mean is None else f"({mean} * {taps}) ** {write(1 / op.power)}"


def keeps(op: Op) -> bool:
    """Whether nothing happens in inference."""
    return isinstance(op, Pointwise) and op.kind in ("identity", "dropout", "spatial_dropout", "alpha_dropout")
