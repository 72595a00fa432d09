"""One op of `convwise.ops` on one array: checks, the choice of a form, and the way there and back from the caller's axis order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from convwise.axis import Axis
from convwise.engine import cells, pooling, reference, windows
from convwise.engine.activations import activate, gate, prelu
from convwise.engine.arrays import (
    FLOAT,
    Array,
    check_memory,
    check_sum,
    largest,
    need_floats,
    own,
    quiet,
    result_type,
    take,
    working_type,
)
from convwise.engine.values import dense, norm
from convwise.errors import ArgumentError, ConvwiseError
from convwise.ops import (
    AdaptivePool,
    Conv,
    ConvTranspose,
    Crop,
    Dense,
    Flatten,
    Flow,
    Fold,
    Gate,
    GlobalPool,
    Layout,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Unflatten,
    Unfold,
)
from convwise.ops.images import as_image, without_border

PLAIN = Layout()
METHODS = ("auto", "reference", "windows")

MUCH = 2**27
"""Padded cells per channel from which on "auto" looks whether the literal form, which pads nothing, is cheaper."""


def run(
    op: Op,
    x: object,
    weights: Mapping[str, object] | None = None,
    layout: Layout = PLAIN,
    *,
    method: str = "auto",
    activation: str | None = None,
) -> Array:
    """What `op` makes of `x`, as in inference: dropout is the identity, batch normalisation takes its stored moments.

    Args:
        op: any op of `convwise.ops`.
        x: an array in the order that `layout` says.
        weights: by name. Conv: weight (out, in / groups, *kernel), bias (out,). ConvTranspose: weight (in, out / groups,
            *kernel), bias. Dense: weight (out, in), bias. Norm: scale, shift, mean, variance. Pointwise prelu: slope.
        layout: where the batch and the channels stand.
        method: "reference" (literal loops), "windows" (fast), or "auto" (the fast form, but the literal one where padding
            would take far more memory than the windows read). Ops without windows have one form.
        activation: for a convolution, the plain name of one that is applied to the result.

    Returns:
        A new C-ordered array that shares no memory with the arguments: float64, float32 or float16 (computed in float32)
        by NumPy's common type of `x` and the weights, int64 where all are integers. Overflow and invalid values follow
        IEEE 754 without warnings. The maximum over a window wholly in padding is -inf; NaN in a window gives NaN.

    Raises:
        ShapeError: where the sizes do not work (CW1xx), or the memory does not suffice (CW507).
        ArgumentError: CW605 for arrays of a wrong type or shape, CW607 for a method that is not known.

    >>> from convwise.axis import Window
    >>> run(Pool("max", (Window(2, stride=2),)), np.array([[[1.0, 4.0, 2.0, 3.0]]])).tolist()
    [[[4.0, 3.0]]]
    """
    if method not in METHODS:
        raise ArgumentError(
            "CW607", f"no method {method!r}", received=method, hint=f"the methods are {', '.join(METHODS)}"
        )
    if weights is not None and not isinstance(weights, Mapping):
        raise ArgumentError(
            "CW605",
            f"weights must be a mapping of names to arrays, not {type(weights).__name__}",
            received=type(weights).__name__,
            hint="weights={'weight': w, 'bias': b}",
        )
    if not isinstance(layout, Layout):
        raise ArgumentError(
            "CW606", f"layout must be a Layout, not {layout!r}", received=layout, hint="Layout(channels_last=True)"
        )
    known = isinstance(op, Pool | GlobalPool | AdaptivePool) and method == "auto" and not weights and activation is None
    if known:
        compiled = pooling.again(x, (op, layout))
        if compiled is not None:
            return compiled
    data = take("x", x)
    arrays = {name: take(name, value) for name, value in (weights or {}).items() if value is not None}
    flow = flow_of(op, data, layout)
    output = tuple(size for size in flow.output if size is not None)
    op = settle(op, data, layout, arrays)
    dtype = result_type(data, *arrays.values())
    check_memory(output, dtype.itemsize)
    with quiet():
        if prod(output) == 0 and not isinstance(op, Pointwise):
            return np.zeros(output, dtype)
        work = working_type(dtype)
        ready = {name: array.astype(work, copy=False) for name, array in arrays.items()}
        values = data.astype(work, copy=False)
        result = _computed(op, values, ready, layout, method, activation)
        shown, seen, _ = _shown(op, values, ready, layout)
        if known and values is x and isinstance(shown, Pool | GlobalPool | AdaptivePool):
            pooling.remember(values, (op, layout), enter(seen, layout), shown, layout.channels_last, output)
        return own(result.reshape(output), dtype, data, *arrays.values())


def _computed(
    op: Op, x: Array, weights: Mapping[str, Array], layout: Layout, method: str, activation: str | None
) -> Array:
    """As `run`, of what is known to fit together; lines come back as images of one row."""
    if method == "auto" and x.dtype == FLOAT:
        op, x, weights = _shown(op, x, weights, layout)
    if isinstance(op, Conv) and op.padding_mode != "zeros":
        border, op = without_border(op, [size or 0 for size in layout.split(x.shape)[2]])
        x = leave(cells.pad(enter(x, layout), border.pads, border.mode), border, layout)
    if isinstance(op, Conv) and method == "auto" and x.dtype == FLOAT:
        from convwise.engine import remembered

        fused = remembered.conv(op, x, weights["weight"], weights.get("bias"), layout, activation)
        if fused is not None:
            return fused
    result = _run(op, x, weights, layout, op.flow(x.shape, layout), method)
    return result if activation is None else activate(result, activation, {})


def _shown(op: Op, x: Array, weights: Mapping[str, Array], layout: Layout) -> tuple[Op, Array, Mapping[str, Array]]:
    """A layer over one axis as the kernels see it, which know images: one of one row, without a copy. Any other as it is."""
    image = as_image(op)
    if image is None:
        return op, x, weights
    row = int(layout.batched) + int(not layout.channels_last)
    flat = {name: np.expand_dims(value, 2) if name == "weight" else value for name, value in weights.items()}
    return image, np.expand_dims(x, row), flat


def flow_of(op: Op, x: Array, layout: Layout) -> Flow:
    """`op.flow` on the array's shape.

    Raises:
        ShapeError, ArgumentError: CW605 for too few axes, CW606 for what is no op.
    """
    if not isinstance(op, Op):
        raise ArgumentError(
            "CW606", f"{type(op).__name__} is no op", received=type(op).__name__, hint="pass an op of convwise.ops"
        )
    try:
        return op.flow(x.shape, layout)
    except ConvwiseError:
        raise
    except (IndexError, ValueError):
        hint = "the layout says which axes there must be"
        raise ArgumentError(
            "CW605", f"x has {x.ndim} axes, too few for {type(op).__name__}", received=x.shape, hint=hint
        ) from None


def settle(op: Op, x: Array, layout: Layout, weights: Mapping[str, Array]) -> Op:
    """`op` with its channels known, and its weights found to be those it needs.

    Raises:
        ArgumentError: CW605.
    """
    needed: dict[str, tuple[int, ...] | None] = {}
    if isinstance(op, Conv | ConvTranspose):
        op = op.bound(layout.split(x.shape)[1])
        needed["weight"] = op.weight_shape()
        if op.bias:
            needed["bias"] = (op.out_channels or 0,)
    elif isinstance(op, Dense):
        needed["weight"] = (op.out_features, x.shape[-1])
        if op.bias:
            needed["bias"] = (op.out_features,)
    elif isinstance(op, Norm):
        has = {"scale": op.scale, "shift": op.center, "mean": op.moments, "variance": op.moments}
        needed = {name: None for name, wanted in has.items() if wanted}
    elif isinstance(op, Pointwise) and op.kind == "prelu":
        needed["slope"] = None
    check_weights(type(op).__name__, needed, weights)
    return op


def check_weights(what: str, needed: Mapping[str, tuple[int, ...] | None], given: Mapping[str, Array]) -> None:
    """The names must be those needed, the shapes too where they are known.

    Raises:
        ArgumentError: CW605.
    """
    names = ", ".join(needed) or "none"
    for name in given:
        if name not in needed:
            raise ArgumentError("CW605", f"{what} takes no {name!r}", received=name, hint=f"its weights are: {names}")
    for name, shape in needed.items():
        if name not in given:
            raise ArgumentError(
                "CW605", f"{what} needs {name!r}", received=sorted(given), hint=f"its weights are: {names}"
            )
        if shape is not None and given[name].shape != shape:
            raise ArgumentError(
                "CW605",
                f"{name} has shape {given[name].shape} where {shape} is needed",
                received=given[name].shape,
                hint="weights are (out, in / groups, *kernel), transposed ones (in, out / groups, *kernel), dense ones (out, in)",
            )


def _run(op: Op, x: Array, weights: Mapping[str, Array], layout: Layout, flow: Flow, method: str) -> Array:
    if isinstance(op, Flatten | Reshape | Unflatten | Permute):
        return cells.rearrange(x, op, tuple(size for size in flow.output if size is not None))
    if isinstance(op, Pointwise):
        if op.kind == "prelu":
            need_floats("prelu", x.dtype)
            return prelu(x, weights["slope"], layout.channels_last)
        options = dict(op.options)
        if op.kind == "channel_shuffle":
            return cells.channel_shuffle(x, int(str(options["groups"])), layout.channels_last)
        return activate(x, op.kind, options)
    if isinstance(op, Gate):
        need_floats("a gate", x.dtype)
        return gate(x, op.axis)
    if isinstance(op, Norm):
        need_floats("normalisation", x.dtype)
        return norm(x, op, weights, layout)
    if isinstance(op, Dense):
        return _dense(x, op, weights, method)
    if isinstance(op, Fold):
        batched = x if x.ndim == 3 else x[None]
        result = fold(batched, op, method)
        return result if x.ndim == 3 else result[0]
    outs = tuple(axis.out for axis in flow.axes if axis.out is not None)
    return leave(_on_map(op, enter(x, layout), weights, layout, flow, outs, method), op, layout)


def enter(x: Array, layout: Layout) -> Array:
    """A view of `x` as (batch, channels, *spatial)."""
    batched = x if layout.batched else x[None]
    return np.moveaxis(batched, -1, 1) if layout.channels_last else batched


def leave(result: Array, op: Op, layout: Layout) -> Array:
    """The way back from (batch, channels, *spatial); unfolded columns have no channels-last form."""
    back = np.moveaxis(result, 1, -1) if layout.channels_last and not isinstance(op, Unfold) else result
    return back if layout.batched else back[0]


def _on_map(
    op: Op, x: Array, weights: Mapping[str, Array], layout: Layout, flow: Flow, outs: tuple[int, ...], method: str
) -> Array:
    axes = [axis.axis for axis in flow.axes if axis.axis is not None]
    match op:
        case Conv():
            return conv(x, weights["weight"], weights.get("bias"), op, axes, layout.channels_last, method)
        case ConvTranspose():
            forward = [w.fixed().over(out) for w, out in zip(op.windows, outs, strict=True)]
            return conv_transpose(x, weights["weight"], weights.get("bias"), op, forward, method, layout.channels_last)
        case Pool():
            return pool(x, op, axes, method, layout.channels_last)
        case GlobalPool() | AdaptivePool():
            check_kind(op.kind, ("max", "average"))
            if op.kind != "max":
                need_floats("the average", x.dtype)
            slide = pooling.alike(x.shape[2:], outs) if method == "auto" else None
            compiled = pooling.pool(x, op, slide, layout.channels_last)
            if compiled is not None:
                kept = isinstance(op, AdaptivePool) or op.keep_dims
                return compiled if kept else compiled.reshape(compiled.shape[:2])
            return cells.global_pool(x, op) if isinstance(op, GlobalPool) else cells.adaptive_pool(x, op, outs)
        case Pad():
            return cells.pad(x, op.pads, op.mode, op.value)
        case Crop():
            return cells.crop(x, op.cuts)
        case Resize():
            if op.mode in ("linear", "area"):
                need_floats(f"resizing with mode {op.mode}", x.dtype)
            return cells.resize(x, op, outs)
        case PixelShuffle():
            return cells.pixel_shuffle(x, op)
        case Unfold():
            form = reference.unfold if use_reference(method, axes, windows.padded_cells(axes)) else windows.unfold
            return form(x, axes)
        case _:
            raise AssertionError(f"{type(op).__name__} has no map")


def check_kind(kind: str, kinds: Sequence[str]) -> None:
    if kind not in kinds:
        raise ArgumentError(
            "CW606", f"no pooling of kind {kind!r}", received=kind, hint=f"the kinds are {', '.join(kinds)}"
        )


def use_reference(method: str, axes: Sequence[Axis], padded: int) -> bool:
    """Whether the literal form runs: because it was asked for, or because padding would be most of the work."""
    if method != "auto":
        return method == "reference"
    return padded > MUCH and padded > 4 * max(prod(axis.out for axis in axes), prod(axis.size for axis in axes))


def conv(
    x: Array,
    weight: Array | windows.Packed,
    bias: Array | None,
    op: Conv,
    axes: Sequence[Axis],
    channels_last: bool,
    method: str,
) -> Array:
    """A convolution on (batch, channels, *spatial), padded with zeros."""
    raw = weight.weight if isinstance(weight, windows.Packed) else weight
    literal = use_reference(method, axes, windows.padded_cells(axes))
    wide = _exact_in_floats(x, raw, bias, raw[0].size)
    if literal:
        result = reference.conv(x, raw, op, axes)
    elif wide:
        packed = windows.pack(raw.astype(np.float64), op.groups or 1, channels_last)
        result = windows.conv(x.astype(np.float64), packed, axes, channels_last).astype(x.dtype)
    else:
        packed = weight if isinstance(weight, windows.Packed) else windows.pack(raw, op.groups or 1, channels_last)
        result = windows.conv(x, packed, axes, channels_last)
    return add_bias(result, bias)


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None,
    op: ConvTranspose,
    axes: Sequence[Axis],
    method: str,
    channels_last: bool = False,
) -> Array:
    """A transposed convolution on (batch, channels, *spatial); `axes` are the forward windows over the output."""
    compiled = pooling.transposed(x, weight, bias, op, axes, channels_last) if method == "auto" else None
    if compiled is not None:
        return compiled
    literal = use_reference(method, axes, prod(windows.canvas_lengths(axes, x.shape[2:])))
    wide = _exact_in_floats(x, weight, bias, weight.size // weight.shape[1])
    if literal:
        result = reference.conv_transpose(x, weight, op, axes)
    elif wide:
        result = windows.conv_transpose(x.astype(np.float64), weight.astype(np.float64), op, axes).astype(x.dtype)
    else:
        result = windows.conv_transpose(x, weight, op, axes)
    return add_bias(result, bias)


def _exact_in_floats(x: Array, weight: Array, bias: Array | None, terms: int) -> bool:
    """For integers: whether float64 holds every sum, so that the fast matrix product is exact; checks int64 on the way."""
    if x.dtype.kind == "f":
        return False
    return check_sum(x, largest(weight), terms, 0 if bias is None else largest(bias))


def add_bias(result: Array, bias: Array | None) -> Array:
    if bias is not None:
        result += bias.reshape(-1, *(1 for _ in result.shape[2:]))
    return result


def pool(x: Array, op: Pool, axes: Sequence[Axis], method: str, channels_last: bool = False) -> Array:
    """Pooling on (batch, channels, *spatial)."""
    check_kind(op.kind, ("max", "average", "lp"))
    if op.kind != "max":
        need_floats("the power mean" if op.kind == "lp" else "the average", x.dtype)
    if op.kind == "lp" and not op.power:
        hint = "2 is the root of the mean square"
        raise ArgumentError(
            "CW606", f"a power mean needs a power other than 0, not {op.power}", received=op.power, hint=hint
        )
    compiled = pooling.pool(x, op, axes, channels_last) if method == "auto" else None
    if compiled is not None:
        return compiled
    form = reference.pool if use_reference(method, axes, windows.padded_cells(axes)) else windows.pool
    return form(x, op, axes)


def fold(columns: Array, op: Fold, method: str) -> Array:
    """Columns (batch, channels * taps, windows) added up into maps (batch, channels, *sizes)."""
    axes = [window.over(size) for window, size in zip(op.windows, op.sizes, strict=True)]
    if columns.dtype.kind != "f":
        check_sum(columns, 1, prod(axis.kernel for axis in axes))
    outs = [axis.out for axis in axes]
    literal = use_reference(method, axes, prod(windows.canvas_lengths(axes, outs)))
    return (reference.fold if literal else windows.fold)(columns, axes)


def _dense(x: Array, op: Dense, weights: Mapping[str, Array], method: str) -> Array:
    weight, bias = weights["weight"], weights.get("bias")
    if _exact_in_floats(x, weight, bias, weight.shape[1]):
        result = dense(x.astype(np.float64), weight.astype(np.float64), op, literal=method == "reference").astype(
            x.dtype
        )
    else:
        result = dense(x, weight, op, literal=method == "reference")
    return result if bias is None else result + bias
