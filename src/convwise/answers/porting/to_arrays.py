"""What TensorFlow and JAX share as targets: functions on arrays with their channels last, in either one's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from convwise.answers.porting.composing import average_factors, values
from convwise.answers.porting.to_keras import INDEX, slices
from convwise.answers.porting.to_keras import more as keras_more
from convwise.answers.porting.ways import over
from convwise.axis import NO_PADS
from convwise.ops import (
    AdaptivePool,
    Crop,
    Gate,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Pointwise,
    Pool,
    Resize,
    Shape,
)

Names = Mapping[str, str]
"""`np` and `nn` (the modules), `mean`, `max`, `take`, `sum`: how a framework calls them."""


def adapt(op: Op, shape: Shape) -> Op:
    """Kinds by the names that these dialects use."""
    match op:
        case Pool() if op.kind == "avg":
            return replace(op, kind="average")
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
    yield from keras_more(op, shape)


def _counts_padding(op: Pool) -> bool:
    return op.count_padding and not any(window.ceil for window in op.windows)


def express(op: Op, shape: Shape, names: Names) -> str | None:
    """The op as a function of `x`."""
    np, nn = names["np"], names["nn"]
    axes = tuple(range(1, len(shape) - 1))
    match op:
        case Crop():
            sides = [
                f"{cut.low}:{(size or 0) - cut.high}" if cut.low or cut.high else ":"
                for cut, size in zip(op.cuts, shape[1:-1], strict=True)
            ]
            return f"x[:, {', '.join(sides)}]"
        case GlobalPool():
            keep = f", {names['keep']}=True" if op.keep_dims else ""
            return f"{names['max' if op.kind == 'max' else 'mean']}(x, {axes}{keep})"
        case AdaptivePool():
            return _adaptive(op, shape, names)
        case Pad() if op.mode in INDEX:
            return _indexed(op, shape, names)
        case Resize() if op.mode in ("nearest", "nearest-exact", "linear"):
            return _resized(op, shape, names)
        case Pool() if op.kind == "average":
            return _average(op, shape, names)
        case Pool() if op.kind == "max" and all(w.padding == NO_PADS and not w.ceil for w in op.windows):
            sizes = tuple(size or 0 for size in shape[1:-1])
            return f"{names['max']}({np}.stack({slices(over(op.windows, sizes))}), 0)"
        case Gate():
            half = (shape[op.axis] or 0) // 2
            lead = ":, " * (op.axis % len(shape))
            return f"x[{lead}:{half}] * {nn}.sigmoid(x[{lead}{half}:])"
        case Pointwise():
            return _function(op, np, nn)
    return None


def _adaptive(op: AdaptivePool, shape: Shape, names: Names) -> str:
    """An axis after the other: means of means over equal parts, maxima of maxima."""
    reduce = names["max" if op.kind == "max" else "mean"]
    text = "x"
    for axis, (size, out) in enumerate(zip(shape[1:-1], op.sizes, strict=True), 1):
        lead = ":, " * axis
        name = "i" * axis
        part = f"[{lead}{name} * {size} // {out}:-(-({name} + 1) * {size} // {out})]"
        text = f"{names['np']}.stack([{reduce}(({text}){part}, {axis}) for {name} in range({out})], {axis})"
    return text


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


def _resized(op: Resize, shape: Shape, names: Names) -> str:
    np, text = names["np"], "x"
    for axis, size in enumerate(shape[1:-1], 1):
        cells = size or 0
        out = op.out(axis - 1, cells)
        step = values(float(1 / op.scales[axis - 1])) if op.scales is not None else f"{cells} / {out}"
        if op.mode.startswith("nearest"):
            half = " + 0.5" if op.mode == "nearest-exact" else ""
            place = (
                f"i * {cells} // {out}"
                if not half and op.scales is None
                else f"min(int((i{half}) * {step}), {cells - 1})"
            )
            text = f"{names['take']}({text}, {names['array']}([{place} for i in range({out})]), axis={axis})"
            continue
        place = f"min(max((i + 0.5) * {step} - 0.5, 0), {cells - 1})"
        if op.align_corners:
            place = f"i * {cells - 1} / {max(out - 1, 1)}"
        row = f"[max(0.0, 1.0 - abs({place} - j)) for j in range({cells})]"
        order = (*range(1, axis + 1), 0, *range(axis + 1, len(shape)))
        mixed = f"{np}.tensordot({names['array']}([{row} for i in range({out})]), {text}, axes=([1], [{axis}]))"
        text = f"{np}.transpose({mixed}, {order})"
    return text


def _average(op: Pool, shape: Shape, names: Names) -> str | None:
    """Padded, averaged whole, and corrected by what every window counts."""
    found = average_factors(op, shape[1:-1])
    if found is None:
        return None
    pads, factors = found
    pairs = ((0, 0), *((pad.low, pad.high) for pad in pads), (0, 0))
    kernel, stride = tuple(w.kernel for w in op.windows), tuple(w.stride for w in op.windows)
    inner = "x" if all(pad == NO_PADS for pad in pads) else f"{names['np']}.pad(x, {pairs})"
    scales = []
    for axis, factor in enumerate(factors):
        if factor is not None:
            ones = (-1, *(1 for _ in factors[axis:]))
            scales.append(f" * {names['np']}.reshape({names['array']}({factor}), {ones})")
    return names["pool"].format(x=inner, rank=op.rank, kernel=kernel, stride=stride) + "".join(scales)


def _function(op: Pointwise, np: str, nn: str) -> str | None:
    options = dict(op.options)
    match op.kind:
        case "hard_sigmoid":
            return f"{nn}.relu6(x + 3) / 6"
        case "hard_silu":
            return f"x * {nn}.relu6(x + 3) / 6"
        case "mish":
            return f"x * {np}.tanh({nn}.softplus(x))"
        case "exponential":
            return f"{np}.exp(x)"
        case "tanh_shrink":
            return f"x - {np}.tanh(x)"
        case "log_sigmoid":
            return f"-{nn}.softplus(-x)"
        case "celu":
            alpha = values(options.get("alpha", 1.0))
            return f"{np}.maximum(x, 0.0) + {np}.minimum({alpha} * ({np}.exp({np}.minimum(x, 0.0) / {alpha}) - 1), 0.0)"
        case "elu":
            return f"{np}.where(x > 0, x, {values(options.get('alpha', 1.0))} * ({np}.exp({np}.minimum(x, 0.0)) - 1))"
        case "leaky_relu":
            return f"{np}.where(x > 0, x, {values(options['negative_slope'])} * x)"
        case "hard_tanh":
            low, high = values(options.get("min_val", -1.0)), values(options.get("max_val", 1.0))
            return f"{np}.minimum({np}.maximum(x, {low}), {high})"
        case "soft_shrink":
            edge = values(options["threshold"])
            return f"{np}.sign(x) * {np}.maximum({np}.abs(x) - {edge}, 0.0)"
        case "hard_shrink":
            return f"{np}.where({np}.abs(x) > {values(options['threshold'])}, x, 0.0)"
        case "threshold":
            return f"{np}.where(x > {values(options['threshold'])}, x, {values(options['value'])})"
        case "softplus" if options:
            beta = values(options["beta"])
            soft = f"{nn}.softplus({beta} * x) / {beta}"
            return f"{np}.where({beta} * x > {values(options['threshold'])}, x, {soft})"
        case "softmin":
            return f"{nn}.softmax(-x, {options['axis']})"
        case "softmax" | "log_softmax" if not isinstance(options.get("axis"), tuple):
            return f"{nn}.{op.kind}(x, {options['axis']})"
        case "rescaling":
            return f"x * {values(options['scale'])} + {values(options['offset'])}"
        case "relu":
            slope, least = options.get("negative_slope", 0.0) or 0.0, options.get("threshold", 0.0) or 0.0
            text = f"{np}.where(x >= {least}, x, {slope} * (x - {least}))"
            most = options.get("max_value")
            return text if most is None else f"{np}.minimum({text}, {most})"
    return None


def keeps(op: Op) -> bool:
    """Whether nothing happens in inference."""
    return isinstance(op, Pointwise) and op.kind in ("identity", "dropout", "spatial_dropout", "alpha_dropout")
