"""Keras as the target of a port: its layers, and Lambda layers where it has none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import prod

from convwise import dialects
from convwise.answers.porting.composing import call_text, listing
from convwise.answers.porting.draft import Target
from convwise.answers.porting.resampling import centre_of, in_parts, place_of
from convwise.answers.porting.stages import Stage
from convwise.answers.porting.windowing import INDEX, adaptive, averaged, by_slices, folded, unfolded
from convwise.axis import NO_PADS
from convwise.dialects.writing import write
from convwise.errors import ConvwiseError
from convwise.ops import (
    AdaptivePool,
    Conv,
    Flatten,
    Fold,
    Gate,
    GlobalPool,
    Norm,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    Pointwise,
    Pool,
    Reshape,
    Resize,
    Shape,
    Unflatten,
    Unfold,
)

WEIGHTED = ("Conv", "Dense", "Norm", "PReLU")
NAMES = {
    "np": "ops",
    "array": "ops.convert_to_tensor",
    "max": "ops.max",
    "mean": "ops.mean",
    "pool": "ops.average_pool({x}, {kernel}, {stride})",
}


def adapt(op: Op, shape: Shape) -> Op:
    match op:
        case AdaptivePool() if None in op.sizes:
            sizes = (want if want is not None else size for want, size in zip(op.sizes, shape[1:-1], strict=True))
            return replace(op, sizes=tuple(sizes))
        case Norm() if op.axes == "channels":
            return replace(op, axes=(-1,))
        case Resize() if op.scales is not None and op.mode != "nearest" and op.rank == 2:
            return _fixed(op, shape)
    return op


def _fixed(op: Resize, shape: Shape) -> Resize:
    """A resize to sizes, where the scales give whole ones."""
    assert op.scales is not None
    sizes = [size or 0 for size in shape[1:-1]]
    if all((size * scale).denominator == 1 for size, scale in zip(sizes, op.scales, strict=True)):
        if all(scale.denominator == 1 for scale in op.scales):
            return op
        return replace(op, sizes=tuple(int(s * scale) for s, scale in zip(sizes, op.scales, strict=True)), scales=None)
    return op


def more(op: Op, shape: Shape) -> Iterator[tuple[Op, ...]]:
    """Other ops that mean the same; maps have their channels last."""
    full = tuple(size or 0 for size in shape)
    match op:
        case Unflatten():
            axis = op.axis % len(shape)
            yield (Reshape((*full[1:axis], *_filled(op.sizes, full[axis]), *full[axis + 1 :])),)
        case Flatten() if (op.start, op.end) != (1, -1):
            start, end = op.start % len(full), op.end % len(full)
            if start >= 1:
                yield (Reshape((*full[1:start], prod(full[start : end + 1]), *full[end + 1 :])),)
        case PixelShuffle() if op.rank == 2:
            yield _shuffled(op, full)
        case Pointwise() if op.kind == "channel_shuffle":
            groups = int(str(dict(op.options)["groups"]))
            *spatial, channels = full[1:]
            rank = len(spatial)
            order = (0, *range(1, rank + 1), rank + 2, rank + 1)
            yield (Reshape((*spatial, groups, channels // groups)), Permute(order), Reshape((*spatial, channels)))
        case AdaptivePool() if set(op.sizes) == {1}:
            yield (GlobalPool(op.kind, op.rank, keep_dims=True),)
        case Resize():
            yield from in_parts(op, list(full[1:-1]))
        case Norm() if op.kind == "instance":
            yield (replace(op, kind="group", groups=full[-1]),)


def _filled(sizes: tuple[int, ...], whole: int) -> tuple[int, ...]:
    known = prod(size for size in sizes if size != -1)
    return tuple(whole // known if size == -1 else size for size in sizes)


def _shuffled(op: PixelShuffle, full: tuple[int, ...]) -> tuple[Op, ...]:
    """Channel c r r + i r + j is the cell (i, j) of channel c (Shi et al., arXiv 1609.05158)."""
    factor = op.factor
    _, height, width, channels = full
    if op.pixels_first:
        return _by_pixels(op, full)
    if op.inverse:
        inner = (height // factor, factor, width // factor, factor, channels)
        deep = channels * factor**2
        return Reshape(inner), Permute((0, 1, 3, 5, 2, 4)), Reshape((height // factor, width // factor, deep))
    deep = channels // factor**2
    return (
        Reshape((height, width, deep, factor, factor)),
        Permute((0, 1, 4, 2, 5, 3)),
        Reshape((height * factor, width * factor, deep)),
    )


def _by_pixels(op: PixelShuffle, full: tuple[int, ...]) -> tuple[Op, ...]:
    """The same where channel (i r + j) C + c is the cell (i, j) of channel c."""
    factor, (_, height, width, channels) = op.factor, full
    if op.inverse:
        small, deep = (height // factor, width // factor), channels * factor**2
        inner = (small[0], factor, small[1], factor, channels)
        return Reshape(inner), Permute((0, 1, 3, 2, 4, 5)), Reshape((*small, deep))
    deep = channels // factor**2
    large = (height * factor, width * factor, deep)
    return Reshape((height, width, factor, factor, deep)), Permute((0, 1, 3, 2, 4, 5)), Reshape(large)


def texts(op: Op, shape: Shape) -> Iterator[str]:
    """The calls to try."""
    if isinstance(op, AdaptivePool) and (set(op.sizes) == {1} or (op.kind == "max" and op.sizes[-1] == 1)):
        return  # Keras 3.15's AdaptiveMaxPooling2D((4, 1)) ends the process
    if isinstance(op, Resize) and (
        (op.mode == "nearest" and op.sizes is not None) or op.mode in ("cubic", "area of parts")
    ):
        # Keras's own nearest looks at the middle of a cell, PyTorch's at its edge; their cubic kernels differ.
        return
    if isinstance(op, Resize):
        op = replace(op, mode={"nearest-exact": "nearest", "keys": "cubic"}.get(op.mode, op.mode))
    if isinstance(op, Resize) and op.rank != 2 and op.mode != "nearest":
        return
    with suppress(ConvwiseError):
        yield dialects.get("keras").spell((op,), True)
    if isinstance(op, Conv) and op.groups and op.groups > 1 and op.groups == op.in_channels:
        yield from _grouped(op)


def _grouped(op: Conv) -> Iterator[str]:
    """A depthwise convolution as one with groups, where Keras's depthwise layer refuses."""
    plain = replace(op, groups=1, in_channels=None)
    try:
        text = dialects.get("keras").spell((plain,), True)
    except ConvwiseError:
        return
    yield f"{text[:-1]}, groups={op.groups})"


def express(op: Op, shape: Shape) -> str | None:
    """The op as a function of `x`; None where Keras has nothing for it."""
    match op:
        case Pad():
            return _padded(op, shape)
        case Pool():
            return _pooled(op, shape)
        case AdaptivePool():
            return adaptive(op, shape, NAMES)
        case Gate():
            return f"keras.activations.glu(x, axis={op.axis})"
        case Permute():
            return f"ops.transpose(x, {op.order})"
        case Resize() if op.mode in ("nearest", "nearest-exact", "linear"):
            return _resized(op, shape)
        case Unfold():
            return unfolded(op, shape, "ops", "ops.stack({}, axis=-1)")
        case Fold():
            return folded(op, shape, "ops.einsum", "ops.reshape({}, {})", "ops.convert_to_tensor({})")
        case Pointwise():
            return _function(op, shape)
    return None


def _padded(op: Pad, shape: Shape) -> str | None:
    pairs = [(pads.low, pads.high) for pads in op.pads]
    if any(side < 0 for pair in pairs for side in pair):
        return None
    if op.mode == "constant":
        return f"ops.pad(x, {((0, 0), *pairs, (0, 0))}, constant_values={write(op.value)})"
    text = "x"
    for axis, (low, high) in enumerate(pairs, 1):
        if low or high:
            size = shape[axis]
            index = INDEX[op.mode].format(n=size)
            text = f"ops.take({text}, [{index} for i in range({-low}, {(size or 0) + high})], axis={axis})"
    return text


def _resized(op: Resize, shape: Shape) -> str | None:
    """Cells taken by their numbers, or mixed by a matrix: an axis after the other."""
    text = "x"
    for axis, size in enumerate(shape[1:-1], 1):
        cells = size or 0
        out = op.out(axis - 1, cells)
        if op.mode.startswith("nearest"):
            text = f"ops.take({text}, [{place_of(op, axis - 1, cells)} for i in range({out})], axis={axis})"
        else:
            centres = f"ops.convert_to_tensor([{centre_of(op, axis - 1, cells)} for i in range({out})])"
            mixed = f"ops.relu(1 - ops.abs({centres}[:, None] - ops.arange({cells}, dtype='float32')))"
            text = f"ops.moveaxis(ops.tensordot({mixed}, {text}, axes=(1, {axis})), 0, {axis})"
    return text


def _pooled(op: Pool, shape: Shape) -> str | None:
    dilated = any(window.dilation > 1 for window in op.windows)
    if op.kind == "max":
        return by_slices(op, shape, "ops.max(ops.stack({}), axis=0)")
    if op.kind == "lp" and op.power and not dilated and all(window.padding == NO_PADS for window in op.windows):
        # The root of the sums of powers; PyTorch scales a window that overhangs up to a whole one.
        power, taps = write(op.power), prod(window.kernel for window in op.windows)
        mean = averaged(replace(op, kind="average"), shape, NAMES, f"x ** {power}")
        return None if mean is None else f"({mean} * {taps}) ** (1 / {power})"
    if op.kind != "average":
        return None
    if dilated:
        return by_slices(op, shape, "ops.mean(ops.stack({}), axis=0)")
    return averaged(op, shape, NAMES)


def _function(op: Pointwise, shape: Shape) -> str | None:
    options = dict(op.options)
    match op.kind:
        case "gelu" if options.get("approximate") == "tanh":
            return "keras.activations.gelu(x, approximate=True)"
        case "hard_tanh":
            return f"ops.clip(x, {write(options['min_val'])}, {write(options['max_val'])})"
        case "threshold":
            return f"ops.where(x > {write(options['threshold'])}, x, {write(options['value'])})"
        case "softmin":
            return f"ops.softmax(-x, axis={options['axis']})"
        case "log_softmax":
            return f"ops.log_softmax(x, axis={options['axis']})"
        case "celu":
            return f"keras.activations.celu(x, alpha={write(options['alpha'])})"
        case "soft_shrink" | "hard_shrink":
            return f"keras.activations.{op.kind}(x, threshold={write(options['threshold'])})"
        case "softplus":
            beta = write(options["beta"])
            soft = f"ops.softplus({beta} * x) / {beta}"
            return f"ops.where({beta} * x > {write(options['threshold'])}, x, {soft})"
        case "local_response_norm":
            return _local_response(op, shape)
    return None


def _local_response(op: Pointwise, shape: Shape) -> str:
    options = dict(op.options)
    size = int(str(options["size"]))
    edges = (*((0, 0) for _ in shape[:-1]), (size // 2, (size - 1) // 2))
    channels = shape[-1]
    total = f"sum(ops.pad(x * x, {edges})[..., i:i + {channels}] for i in range({size}))"
    return f"x / ({write(options['k'])} + {write(options['alpha'])} / {size} * {total}) ** {write(options['beta'])}"


def compose(stages: Sequence[Stage], shape: Shape) -> str:
    """The whole code: imports, and `layer`, built for its input."""
    functions = [stage.text for stage in stages if stage.layer is None]
    single = len(stages) == 1
    from_ops = ", ops" if any("ops." in text for text in functions) else ""
    needs = not single or any("keras." in text for text in functions)
    head = ("import keras\n" if needs else "") + f"from keras import layers{from_ops}\n\n"
    calls = [call_text(stage, lambda text: f"layers.Lambda(lambda x: {text})", "layers.") for stage in stages]
    if not calls:
        return head + "layer = layers.Identity()\n"
    if single:
        built = any(word in calls[0] for word in WEIGHTED)
        known = shape[-1] is not None and not ("PReLU" in calls[0] and None in shape[1:])
        build = f"layer.build({(None, *shape[1:])})  # makes the weights\n" if built and known else ""
        return head + listing("(", calls, ")", [stages[0].comment]) + build
    sizes = write(tuple(shape[1:]))
    return head + listing(
        "keras.Sequential([", [f"keras.Input({sizes})", *calls], "])", ["", *(stage.comment for stage in stages)]
    )


TARGET = Target("keras", True, adapt, more, texts, express, compose)
