"""Ops for which ONNX has no one operator, as operators inside each other: `op.Mul(x, op.Sigmoid(x))`.

In these texts a number is a float32, a list of whole numbers an int64, `floats(...)` a float32 constant and `np.zeros(...)`
a weight; maps have their channels first. `to_onnx.compose` makes nodes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import Any

from convwise.answers.porting.composing import average_factors
from convwise.answers.porting.resampling import matrix, place_of
from convwise.answers.porting.ways import over
from convwise.axis import NO_PADS, share
from convwise.dialects.writing import write
from convwise.ops import AdaptivePool, Dense, Fold, Gate, Norm, Op, PixelShuffle, Pointwise, Pool, Resize, Shape, Unfold


def express(op: Op, shape: Shape) -> str | None:
    """The op as a function of `x`; None where none is known."""
    sizes = tuple(size or 0 for size in shape)
    match op:
        case Pointwise():
            return _pointwise(op, sizes)
        case Dense():
            return _dense(op, sizes)
        case Norm():
            return _norm(op)
        case Gate():
            return _gate(op, sizes)
        case Resize():
            return _resize(op, sizes)
        case AdaptivePool():
            return _adaptive(op, sizes)
        case Pool() if op.kind == "average":
            return _average(op, sizes, "x")
        case Pool() if op.kind == "lp":
            return _power(op, sizes)
        case PixelShuffle() if op.inverse and op.rank == 2 and not op.pixels_first:
            return _unshuffled(op.factor, sizes)
        case Unfold():
            return _unfolded(op, sizes)
        case Fold():
            return _folded(op, sizes)
    return None


Options = Mapping[str, Any]

PLAIN: Mapping[str, Callable[[Options], str]] = {
    "silu": lambda o: "op.Mul(x, op.Sigmoid(x))",
    "celu": lambda o: f"op.Celu(x, alpha={float(o.get('alpha', 1.0))})",
    "exponential": lambda o: "op.Exp(x)",
    "abs": lambda o: "op.Abs(x)",
    "hard_sigmoid": lambda o: "op.HardSigmoid(x, alpha=1 / 6, beta=0.5)",
    "log_sigmoid": lambda o: "op.Neg(op.Softplus(op.Neg(x)))",
    "tanh_shrink": lambda o: "op.Sub(x, op.Tanh(x))",
    "hard_shrink": lambda o: f"op.Shrink(x, bias=0.0, lambd={float(o.get('threshold', 0.5))})",
    "soft_shrink": lambda o: (
        f"op.Shrink(x, bias={float(o.get('threshold', 0.5))}, lambd={float(o.get('threshold', 0.5))})"
    ),
    "sparse_sigmoid": lambda o: "op.Clip(op.Mul(op.Add(x, 1.0), 0.5), 0.0, 1.0)",
    "sparse_plus": lambda o: (
        "op.Where(op.LessOrEqual(x, -1.0), 0.0, op.Where(op.Less(x, 1.0), op.Mul(op.Mul(op.Add(x, 1.0), op.Add(x, 1.0)), 0.25), x))"
    ),
    "squareplus": lambda o: f"op.Mul(op.Add(x, op.Sqrt(op.Add(op.Mul(x, x), {float(o.get('b', 4))}))), 0.5)",
    "threshold": lambda o: f"op.Where(op.Greater(x, {_float(o['threshold'])}), x, {_float(o['value'])})",
    "rescaling": lambda o: f"op.Add(op.Mul(x, {_float(o['scale'])}), {_float(o['offset'])})",
    "masking": lambda o: (
        f"op.Mul(x, op.ReduceMax(op.Cast(op.Not(op.Equal(x, {_float(o['mask_value'])})), to=1), [-1], keepdims=1))"
    ),
    "softmin": lambda o: f"op.Softmax(op.Neg(x), axis={o['axis']})",
    "hard_tanh": lambda o: f"op.Clip(x, {_float(o.get('min_val', -1.0))}, {_float(o.get('max_val', 1.0))})",
    "elu": lambda o: (
        f"op.Where(op.Greater(x, 0.0), x, op.Mul({_float(o.get('alpha', 1.0))}, op.Sub(op.Exp(op.Min(x, 0.0)), 1.0)))"
    ),
}
"""Kinds of one text each; their settings as the op holds them."""


def _float(value: object) -> str:
    return write(float(str(value)))


def _pointwise(op: Pointwise, sizes: tuple[int, ...]) -> str | None:
    options: Options = dict(op.options)
    match op.kind:
        case "spatial_dropout" | "dropout" | "alpha_dropout" | "identity":
            return "op.Identity(x)"
        case "prelu":
            return f"op.PRelu(x, np.zeros({_slopes(options, sizes)}))"
        case "relu":
            return _relu(options)
        case "softplus":
            beta, edge = _float(options.get("beta", 1.0)), _float(options.get("threshold", 20.0))
            soft = f"op.Div(op.Softplus(op.Mul(x, {beta})), {beta})"
            return f"op.Where(op.Greater(op.Mul(x, {beta}), {edge}), x, {soft})"
        case "softmax" if isinstance(options.get("axis"), tuple):
            return f"op.Exp(op.Sub(x, op.ReduceLogSumExp(x, {list(options['axis'])}, keepdims=1)))"
        case "local_response_norm":
            return _local_response(options, sizes)
        case "channel_shuffle":
            groups = int(options["groups"])
            split = f"op.Reshape(x, [0, {groups}, {sizes[1] // groups}, -1])"
            return f"op.Reshape(op.Transpose({split}, perm=[0, 2, 1, 3]), op.Shape(x))"
    make = PLAIN.get(op.kind)
    return None if make is None else make(options)


def _slopes(options: Options, sizes: tuple[int, ...]) -> tuple[int, ...]:
    shared = options.get("shared_axes", ())
    return tuple(1 if axis in shared else size for axis, size in enumerate(sizes) if axis)


def _relu(options: Options) -> str:
    slope, least = options.get("negative_slope") or 0.0, options.get("threshold") or 0.0
    most = options.get("max_value")
    text = f"op.Where(op.GreaterOrEqual(x, {_float(least)}), x, op.Mul(op.Sub(x, {_float(least)}), {_float(slope)}))"
    return text if most is None else f"op.Min({text}, {_float(most)})"


def _local_response(options: Options, sizes: tuple[int, ...]) -> str:
    size = int(options["size"])
    alpha, beta, k = (float(options[name]) for name in ("alpha", "beta", "k"))
    if size % 2:
        return f"op.LRN(x, alpha={alpha}, beta={beta}, bias={k}, size={size})"
    # LRN leans to the other side where the channels on both sides are not as many.
    squares = f"op.Reshape(op.Mul(x, x), [0, 1, {sizes[1]}, -1])"
    pads = [size // 2, 0, (size - 1) // 2, 0]
    mean = f"op.AveragePool({squares}, count_include_pad=1, kernel_shape=[{size}, 1], pads={pads})"
    return f"op.Div(x, op.Pow(op.Add(op.Mul(op.Reshape({mean}, op.Shape(x)), {alpha}), {k}), {beta}))"


def _dense(op: Dense, sizes: tuple[int, ...]) -> str:
    text = f"op.MatMul(x, np.zeros(({op.in_features or sizes[-1]}, {op.out_features})))"
    return f"op.Add({text}, np.zeros(({op.out_features},)))" if op.bias else text


def _norm(op: Norm) -> str | None:
    if op.kind == "unit" and not isinstance(op.axes, str):
        axes = list(op.axes)
        return f"op.Div(x, op.Sqrt(op.Max(op.ReduceSumSquare(x, {axes}, keepdims=1), {_float(op.epsilon)})))"
    names = {"layer": "LayerNormalization", "rms": "RMSNormalization"}
    if op.kind not in names or op.shape is None or not op.scale or isinstance(op.axes, str):
        return None
    weight = f"np.zeros({op.shape})"
    bias = f", {weight}" if op.center else ""
    return f"op.{names[op.kind]}(x, {weight}{bias}, axis={-len(op.shape)}, epsilon={op.epsilon})"


def _gate(op: Gate, sizes: tuple[int, ...]) -> str:
    axis, half = op.axis % len(sizes), sizes[op.axis] // 2
    first, second = (f"op.Slice(x, [{start}], [{start + half}], [{axis}])" for start in (0, half))
    return f"op.Mul({first}, op.Sigmoid({second}))"


def _mixed(text: str, rows: str, axis: int, rank: int) -> str:
    """A matrix (out, in) on one spatial axis."""
    letters = f"nc{'dhw'[3 - rank :]}"
    old = letters[2 + axis]
    equation = f"o{old},{letters}->{letters.replace(old, 'o')}"
    return f"op.Einsum(floats({rows}), {text}, equation={equation!r})"


def _resize(op: Resize, sizes: tuple[int, ...]) -> str | None:
    text = "x"
    for axis, size in enumerate(sizes[2:]):
        out = op.out(axis, size)
        if op.mode.startswith("nearest"):
            text = f"op.Gather({text}, [{place_of(op, axis, size)} for i in range({out})], axis={2 + axis})"
            continue
        rows = matrix(op, axis, size)
        if rows is None:
            return None
        text = _mixed(text, rows, axis, op.rank)
    return text


def _adaptive(op: AdaptivePool, sizes: tuple[int, ...]) -> str | None:
    text = "x"
    for axis, (size, want) in enumerate(zip(sizes[2:], op.sizes, strict=True)):
        if want is None or want == size:
            continue
        parts = [share(index, size, want) for index in range(want)]
        if op.kind == "max":
            place = 2 + axis
            cut = (f"op.Slice({text}, [{part.start}], [{part.stop}], [{place}])" for part in parts)
            text = f"op.Concat({', '.join(f'op.ReduceMax({one}, [{place}], keepdims=1)' for one in cut)}, axis={place})"
            continue
        inside = f"i * {size} // {want} <= j < -(-(i + 1) * {size} // {want})"
        length = f"(-(-(i + 1) * {size} // {want}) - i * {size} // {want})"
        rows = f"[[({inside}) / {length} for j in range({size})] for i in range({want})]"
        text = _mixed(text, rows, axis, op.rank)
    return text


def _average(op: Pool, sizes: tuple[int, ...], data: str) -> str | None:
    """Padded, averaged whole, and corrected by what every window counts."""
    if any(window.dilation > 1 for window in op.windows):
        return None
    found = average_factors(op, sizes[2:])
    if found is None:
        return None
    pads, factors = found
    text = data
    if any(pad != NO_PADS for pad in pads):
        text = f"op.Pad({text}, {[0, 0, *(p.low for p in pads), 0, 0, *(p.high for p in pads)]})"
    kernel, strides = [w.kernel for w in op.windows], [w.stride for w in op.windows]
    text = f"op.AveragePool({text}, kernel_shape={kernel}, strides={strides})"
    for axis, factor in enumerate(factors):
        if factor is not None:
            for _ in factors[axis + 1 :]:
                factor = [[one] for one in factor]  # type: ignore[misc]
            text = f"op.Mul({text}, floats({factor}))"
    return text


def _power(op: Pool, sizes: tuple[int, ...]) -> str | None:
    """PyTorch's: the root of the sums of powers, a window that overhangs scaled up to a whole one."""
    if any(window.padding != NO_PADS for window in op.windows) or not op.power:
        return None
    power = _float(op.power)
    mean = _average(replace(op, kind="average"), sizes, f"op.Pow(x, {power})")
    taps = prod(window.kernel for window in op.windows)
    return None if mean is None else f"op.Pow(op.Mul({mean}, {float(taps)}), {write(1 / float(op.power))})"


def _unshuffled(factor: int, sizes: tuple[int, ...]) -> str:
    """SpaceToDepth gives the cells of a square before the channels."""
    channels, height, width = sizes[1], sizes[2] // factor, sizes[3] // factor
    split = f"op.Reshape(op.SpaceToDepth(x, blocksize={factor}), [0, {factor**2}, {channels}, -1])"
    return f"op.Reshape(op.Transpose({split}, perm=[0, 2, 1, 3]), [0, {channels * factor**2}, {height}, {width}])"


def _stamps(op: Unfold | Fold, channels: int) -> str:
    """A kernel for each cell of the window that is one there and zero elsewhere, for every channel."""
    names = "abcd"[: len(op.windows)]
    cells = "".join(f" for {name} in range({w.kernel})" for name, w in zip(names, op.windows, strict=True))
    row = f"float(({', '.join(f'{name}{name}' for name in names)}) == ({', '.join(names)}))"
    for name, window in reversed(list(zip(names, op.windows, strict=True))):
        row = f"[{row} for {name}{name} in range({window.kernel})]"
    return f"floats([[{row}] for channel in range({channels}){cells}])"


def _words(op: Unfold | Fold) -> str:
    lists = {"dilations": [w.dilation for w in op.windows], "strides": [w.stride for w in op.windows]}
    return "".join(f", {name}={values}" for name, values in lists.items() if set(values) != {1})


def _unfolded(op: Unfold, sizes: tuple[int, ...]) -> str:
    axes = over(op.windows, sizes[2:])
    channels, taps = sizes[1], prod(window.kernel for window in op.windows)
    pads = [*(axis.pad_low for axis in axes), *(axis.pad_high for axis in axes)]
    padded = f", pads={pads}" if any(pads) else ""
    text = f"op.Conv(x, {_stamps(op, channels)}, group={channels}{_words(op)}{padded})"
    return f"op.Reshape({text}, [0, {channels * taps}, -1])"


def _folded(op: Fold, sizes: tuple[int, ...]) -> str | None:
    taps = prod(window.kernel for window in op.windows)
    axes = over(op.windows, op.sizes)
    channels = sizes[-2] // taps
    data = f"op.Reshape(x, [0, {channels * taps}, {', '.join(str(axis.out) for axis in axes)}])"
    pads = [*(axis.pad_low for axis in axes), *(axis.pad_high for axis in axes)]
    # What no window reaches at the end is zero.
    extra = [size - window.transposed(axis.out) for size, window, axis in zip(op.sizes, op.windows, axes, strict=True)]
    words = f"{_words(op)}{f', pads={pads}' if any(pads) else ''}{f', output_padding={extra}' if any(extra) else ''}"
    return f"op.ConvTranspose({data}, {_stamps(op, channels)}, group={channels}{words})"
