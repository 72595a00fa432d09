"""Which layers the rows of the tables of releases and of devices are about."""

from __future__ import annotations

from collections.abc import Callable

from convwise.dialects.base import LayerFlow
from convwise.ops import AdaptivePool, Conv, ConvTranspose, Norm, Op, Pad, Pool, Resize

Asks = Callable[[LayerFlow], bool]


def _op(kind: type[Op], rank: int | None = None) -> Asks:
    """A layer with an op of this kind, of this rank where one is given."""
    return lambda flow: any(isinstance(op, kind) and (rank is None or _rank(op) == rank) for op in flow.layer.ops)


def _rank(op: Op) -> int:
    return op.rank if isinstance(op, Conv | ConvTranspose | Pool | AdaptivePool | Pad | Resize) else 0


def _first(asks: Asks) -> Asks:
    """The same, where the channels come before the sizes."""
    return lambda flow: not flow.layer.channels_last and asks(flow)


def _all(*asks: Asks) -> Asks:
    return lambda flow: all(one(flow) for one in asks)


def _low(kind: type[Op]) -> Asks:
    """One or two axes: TensorFlow runs both as two."""
    return lambda flow: any(isinstance(op, kind) and _rank(op) < 3 for op in flow.layer.ops)


def _dilated(flow: LayerFlow) -> bool:
    op = flow.layer.window_op
    return op is not None and any(window.dilation > 1 for window in op.windows)


def _depthwise(flow: LayerFlow) -> bool:
    return "depthwise" in flow.layer.kind.lower() or "separable" in flow.layer.kind.lower()


def _unequal(flow: LayerFlow) -> bool:
    op = flow.layer.window_op
    return op is not None and len({window.stride for window in op.windows}) > 1


def _grouped(flow: LayerFlow) -> bool:
    op = flow.layer.window_op
    if not isinstance(op, Conv) or _depthwise(flow):
        return False
    channels = flow.input[-1 if flow.layer.channels_last else 1]
    return bool((op.groups or 1) > 1 or (op.in_channels and channels and channels != op.in_channels))


def _kind(kind: str) -> Asks:
    return lambda flow: any(isinstance(op, Pool) and op.kind == kind for op in flow.layer.ops)


def _uneven(flow: LayerFlow) -> bool:
    """Padding that is not the same before and after; of windows of two cells a repeated border changes nothing."""
    axes = [axis.axis for axis in flow.axes if axis.axis is not None]
    return any(axis.pad_low != axis.pad_high and axis.kernel > 2 for axis in axes)


def _uneven_crop(flow: LayerFlow) -> bool:
    op = flow.layer.window_op
    pads = [window.fixed().over(1) for window in op.windows] if isinstance(op, ConvTranspose) else []
    return any(axis.pad_low != axis.pad_high for axis in pads)


def _resized(*modes: str) -> Asks:
    return lambda flow: any(isinstance(op, Resize) and op.mode.partition("+")[0] in modes for op in flow.layer.ops)


def _antialiased(flow: LayerFlow) -> bool:
    return any(isinstance(op, Resize) and "antialias" in op.mode for op in flow.layer.ops)


def _inner_norm(flow: LayerFlow) -> bool:
    """A layer normalisation over other axes than the last ones."""
    rank = len(flow.input)
    for op in flow.layer.ops:
        if isinstance(op, Norm) and op.kind == "layer" and not isinstance(op.axes, str):
            axes = sorted(axis % rank for axis in op.axes)
            return axes != list(range(rank - len(axes), rank))
    return False


def _indivisible(kind: str) -> Asks:
    """Adaptive pools whose windows are not all of one size."""

    def asks(flow: LayerFlow) -> bool:
        for op in flow.layer.ops:
            if isinstance(op, AdaptivePool) and op.kind == kind and op.rank < 3:
                sizes = flow.input[1:-1] if flow.layer.channels_last else flow.input[-op.rank :]
                return any(out and size and size % out for size, out in zip(sizes, op.sizes, strict=False))
        return False

    return asks


def _argument(name: str, *values: object) -> Asks:
    return lambda flow: flow.layer.arguments.get(name) in values


def _dropped(flow: LayerFlow) -> bool:
    """A window that ceil_mode would add is left out, because it would start in the padding."""
    op = flow.layer.window_op
    sizes = flow.input[1:-1] if flow.layer.channels_last else flow.input[2:]
    if not isinstance(op, Pool):
        return False
    return any(w.drops_last(size) for w, size in zip(op.windows, sizes, strict=False) if size is not None)


def _named(*names: str) -> Asks:
    return lambda flow: flow.layer.kind in names


CHANNELS_FIRST: dict[str, Asks] = {
    "conv": _first(_all(_low(Conv), lambda flow: not _depthwise(flow))),
    "conv3d": _first(_op(Conv, 3)),
    "depthwise": _first(_depthwise),
    "transposed": _first(_low(ConvTranspose)),
    "transposed3d": _first(_op(ConvTranspose, 3)),
    "max-pool": _first(_all(_low(Pool), _kind("max"))),
    "average-pool": _first(_all(_low(Pool), _kind("average"))),
    "pool3d": _first(_op(Pool, 3)),
}

APPLIES: dict[str, Asks] = {
    **{f"tensorflow-channels-first-{what}": asks for what, asks in CHANNELS_FIRST.items()},
    **{f"keras-channels-first-{what}": CHANNELS_FIRST[what] for what in ("conv", "transposed", "transposed3d")},
    "tensorflow-depthwise-unequal-strides": _all(_depthwise, _unequal),
    "keras-depthwise-unequal-strides": _all(_depthwise, _unequal),
    "tensorflow-transposed-dilation": _all(_op(ConvTranspose), _dilated),
    "keras-transposed-dilation": _all(_op(ConvTranspose), _dilated),
    "tensorflow-conv3d-dilation": _all(_named("tf.nn.conv3d"), _dilated),
    "tensorflow-grouped-gradient": _all(_low(Conv), _grouped),
    "tensorflow-max-pool-gradient": _first(_all(_low(Pool), _kind("max"))),
    "keras-conv3d-channels-first": _first(_op(Conv, 3)),
    "keras-torch-average-same": _all(_kind("average"), _uneven),
    "keras-torch-bicubic": _all(_resized("cubic"), lambda flow: not _antialiased(flow)),
    "keras-torch-lanczos": _resized("lanczos3", "lanczos5"),
    "keras-torch-layer-norm": _inner_norm,
    "torch-mps-conv3d": _op(Conv, 3),
    "torch-mps-conv-transpose3d": _op(ConvTranspose, 3),
    "torch-mps-adaptive-average": _indivisible("average"),
    "torch-mps-adaptive-max": _indivisible("max"),
    "onnx-cuda-uneven-transpose": _all(_op(ConvTranspose), _uneven_crop),
    "onnx-cuda-pad-19": _op(Pad),
    "onnx-cuda-transpose-22": _op(ConvTranspose),
    # Changes between releases that the dialects themselves do not know, because they speak the installed release alone.
    "torch-same": _all(_op(Conv), _argument("padding", "same", "valid")),
    "torch-nearest-exact": _argument("mode", "nearest-exact"),
    "torch-zero-pad": _named("ZeroPad1d", "ZeroPad3d"),
    "onnxruntime-ceil-starts-in-padding": _all(_kind("average"), _dropped),
    "onnx-inference-ceil-starts-in-padding": _all(_op(Pool), _dropped),
    "jax-consistent-padding": lambda flow: bool(flow.layer.arguments.get("use_consistent_padding")),
    "flax-count-include-pad": _all(_named("nn.avg_pool"), _argument("count_include_pad", False)),
}
"""By the key of a row: whether it is about what this layer does here."""
