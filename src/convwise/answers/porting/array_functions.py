"""Activations and normalisations as functions of `x` on arrays, channels last, in TensorFlow's or JAX's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convwise.dialects.writing import write
from convwise.ops import Norm, Pointwise, Shape

Names = Mapping[str, str]


def normalised(op: Norm, shape: Shape, names: Names) -> str | None:
    """(x - mean) / sqrt(variance + epsilon) over what the kind of normalisation takes them, times a scale, plus a shift."""
    axes = (-1,) if isinstance(op.axes, str) else op.axes
    sizes = op.shape if op.shape is not None else tuple(shape[axis] or 0 for axis in axes)
    np, mean = names["np"], names["mean"]
    match op.kind:
        case "unit":
            length = f"{np}.sqrt({np}.maximum({names['total']}({np}.square(x), {axes}, keepdims=True), {op.epsilon}))"
            return f"x / {length}"
        case "rms":
            core = f"x / {np}.sqrt({mean}({np}.square(x), {axes}, keepdims=True) + {op.epsilon})"
        case "layer":
            core = names["standard"].format(x="x", axes=axes, epsilon=op.epsilon)
        case "group" if axes in ((-1,), (len(shape) - 1,)) and op.groups:
            split = f"(g := {np}.reshape(x, ({names['batch']}, -1, {op.groups}, {sizes[0] // op.groups})))"
            inner = names["standard"].format(x="g", axes=(1, 3), epsilon=op.epsilon)
            core = f"{np}.reshape({inner.replace('g', split, 1)}, {names['shape']})"
        case _:
            return None
    return _weighed(core, op, sizes, names)


def _weighed(core: str, op: Norm, sizes: tuple[int, ...], names: Names) -> str:
    """With its scale and shift: TensorFlow's are in a list, the shift first; JAX's are parameters of a module."""
    weight = f"tf.zeros({sizes})"
    if names["np"] == "tf":
        scaled = f"{weight} * ({core})" if op.scale else core
        return f"{weight} + {scaled}" if op.center else scaled
    scaled = f"scale * ({core})" if op.scale else core
    text = f"{scaled} + bias" if op.center else scaled
    held = [name for name, there in (("scale", op.scale), ("bias", op.center)) if there]
    if not held:
        return text
    return f"Weighted(lambda x, {', '.join(held)}: {text}, {', '.join(f'{name}={sizes}' for name in held)})"


def function(op: Pointwise, shape: Shape, names: Names) -> str | None:
    """An activation; None where none is known."""
    options: Mapping[str, Any] = dict(op.options)
    np, nn = names["np"], names["nn"]
    found = _plain(op.kind, options, np, nn)
    return _other(op.kind, options, shape, names) if found is None else found


def _other(kind: str, options: Mapping[str, Any], shape: Shape, names: Names) -> str | None:
    """Those that look at other cells."""
    np = names["np"]
    match kind:
        case "masking":
            kept = names["any"].format(f"x != {write(options['mask_value'])}")
            return f"x * {kept}"
        case "softmax" if isinstance(options.get("axis"), tuple):
            return f"{np}.exp(x - {names['logsumexp']}(x, {options['axis']}, keepdims=True))"
        case "local_response_norm":
            size, channels = int(options["size"]), shape[-1]
            edges = (*((0, 0) for _ in shape[:-1]), (size // 2, (size - 1) // 2))
            total = f"sum({np}.pad(x * x, {edges})[..., i : i + {channels}] for i in range({size}))"
            k, alpha, beta = (write(options[name]) for name in ("k", "alpha", "beta"))
            return f"x / ({k} + {alpha} / {size} * {total}) ** {beta}"
        case "relu":
            return _relu(options, np)
    return None


def _plain(kind: str, options: Mapping[str, Any], np: str, nn: str) -> str | None:
    match kind:
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
            alpha = write(options.get("alpha", 1.0))
            return f"{np}.maximum(x, 0.0) + {np}.minimum({alpha} * ({np}.exp({np}.minimum(x, 0.0) / {alpha}) - 1), 0.0)"
        case "elu":
            return f"{np}.where(x > 0, x, {write(options.get('alpha', 1.0))} * ({np}.exp({np}.minimum(x, 0.0)) - 1))"
        case "leaky_relu":
            return f"{np}.where(x > 0, x, {write(options['negative_slope'])} * x)"
        case "hard_tanh":
            low, high = write(options.get("min_val", -1.0)), write(options.get("max_val", 1.0))
            return f"{np}.minimum({np}.maximum(x, {low}), {high})"
        case "soft_shrink":
            edge = write(options["threshold"])
            return f"{np}.sign(x) * {np}.maximum({np}.abs(x) - {edge}, 0.0)"
        case "hard_shrink":
            return f"{np}.where({np}.abs(x) > {write(options['threshold'])}, x, 0.0)"
        case "threshold":
            return f"{np}.where(x > {write(options['threshold'])}, x, {write(options['value'])})"
        case "softplus" if options:
            beta = write(options["beta"])
            soft = f"{nn}.softplus({beta} * x) / {beta}"
            return f"{np}.where({beta} * x > {write(options['threshold'])}, x, {soft})"
        case "softmin":
            return f"{nn}.softmax(-x, {options['axis']})"
        case "softmax" | "log_softmax" if not isinstance(options.get("axis"), tuple):
            return f"{nn}.{kind}(x, {options['axis']})"
        case "rescaling":
            return f"x * {write(options['scale'])} + {write(options['offset'])}"
        case "abs":
            return f"{np}.abs(x)"
        case "squareplus":
            return f"(x + {np}.sqrt(x * x + {write(options.get('b', 4))})) / 2"
        case "sparse_plus":
            return f"{np}.where(x <= -1, 0.0, {np}.where(x < 1, (x + 1) ** 2 / 4, x))"
        case "sparse_sigmoid":
            return f"{np}.minimum({np}.maximum(0.5 * (x + 1), 0.0), 1.0)"
    return None


def _relu(options: Mapping[str, Any], np: str) -> str:
    slope, least = options.get("negative_slope", 0.0) or 0.0, options.get("threshold", 0.0) or 0.0
    text = f"{np}.where(x >= {least}, x, {slope} * (x - {least}))"
    most = options.get("max_value")
    return text if most is None else f"{np}.minimum({text}, {most})"
