"""`tf.nn`: convolution and pooling as functions of arrays, in TensorFlow's words and layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.axis import NO_PADS, SAME_UPPER, Padding, Pads, Window
from convwise.errors import ArgumentError, Refusal
from convwise.keras.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
    tanh,
)
from convwise.keras.tensor import Tensor, as_tensor
from convwise.ops import Conv, Layout, Op, Pool

__all__ = [
    "avg_pool2d",
    "bias_add",
    "conv2d",
    "depthwise_conv2d",
    "elu",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "max_pool2d",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "swish",
    "tanh",
]

_FORMATS = {"NHWC": True, "NCHW": False}


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolution of (N, H, W, C) with filters of (kh, kw, in / groups, out).

    Raises:
        ShapeError: where the sizes do not work.
        Refusal: CW201, CW207 for strides, dilations, padding or data_format that TensorFlow refuses.
    """
    kernel, array = np.asarray(filters), np.asarray(input)
    if kernel.ndim != 4:
        raise ArgumentError(
            "CW605", f"filters have 4 axes (height, width, in, out), not {kernel.ndim}", received=kernel.shape
        )
    last = _channels_last(data_format)
    windows = _windows(kernel.shape[:2], strides, padding, dilations, last)
    channels = array.shape[-1 if last else 1] if array.ndim == 4 else kernel.shape[2]
    groups = channels // kernel.shape[2] if kernel.shape[2] and channels % kernel.shape[2] == 0 else 1
    op = Conv(windows, kernel.shape[2] * groups, kernel.shape[3], groups, bias=False)
    return _run(op, array, last, {"weight": kernel.transpose(3, 2, 0, 1)})


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Each channel of (N, H, W, C) with its own filters of (kh, kw, in, multiplier); raises as `conv2d` does."""
    kernel, array = np.asarray(filter), np.asarray(input)
    if kernel.ndim != 4:
        raise ArgumentError(
            "CW605",
            f"a depthwise filter has 4 axes (height, width, in, multiplier), not {kernel.ndim}",
            received=kernel.shape,
        )
    last = _channels_last(data_format)
    height, width, channels, multiplier = kernel.shape
    op = Conv(
        _windows((height, width), strides, padding, dilations, last),
        channels,
        channels * multiplier,
        channels,
        bias=False,
    )
    weight = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _run(op, array, last, {"weight": weight})


def max_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """The largest value under each window; raises as `conv2d` does."""
    last = _channels_last(data_format)
    return _run(
        Pool("max", _windows(_pair(ksize, "ksize", last), strides, padding, None, last)), np.asarray(input), last
    )


def avg_pool2d(
    input: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """The mean of the data cells under each window, padding not counted; raises as `conv2d` does."""
    last = _channels_last(data_format)
    return _run(
        Pool("average", _windows(_pair(ksize, "ksize", last), strides, padding, None, last)), np.asarray(input), last
    )


def bias_add(value: Any, bias: Any, data_format: str = "NHWC") -> Tensor:
    """One number added to each channel."""
    array, vector = np.asarray(value), np.asarray(bias)
    return as_tensor(array + (vector if _channels_last(data_format) else vector.reshape(-1, *(1,) * (array.ndim - 2))))


def _run(
    op: Op, array: np.ndarray[Any, Any], channels_last: bool, weights: dict[str, np.ndarray[Any, Any]] | None = None
) -> Tensor:
    from convwise.engine import run

    layout = Layout(channels_last)
    op.flow(array.shape, layout)
    return as_tensor(run(op, array, weights, layout))


def _channels_last(data_format: Any) -> bool:
    if data_format not in _FORMATS:
        raise Refusal(
            "CW207", f"no data_format {data_format!r}", axis="data_format", received=data_format, hint="NHWC or NCHW"
        )
    return _FORMATS[data_format]


def _windows(
    kernel: tuple[int, ...], strides: Any, padding: Any, dilations: Any, channels_last: bool
) -> tuple[Window, ...]:
    steps, spread = (
        _pair(strides, "strides", channels_last),
        _pair(1 if dilations is None else dilations, "dilations", channels_last),
    )
    pads = _pads(padding, channels_last)
    return tuple(Window(k, s, d, p) for k, s, d, p in zip(kernel, steps, spread, pads, strict=True))


def _pads(padding: Any, channels_last: bool) -> tuple[Padding, Padding]:
    if isinstance(padding, str) and padding.upper() in ("SAME", "VALID"):
        rule: Padding = SAME_UPPER if padding.upper() == "SAME" else NO_PADS
        return rule, rule
    if isinstance(padding, list | tuple) and len(padding) == 4:
        (top, bottom), (left, right) = padding[1:3] if channels_last else padding[2:4]
        return Pads(top, bottom), Pads(left, right)
    raise Refusal(
        "CW207",
        f"no padding {padding!r}",
        axis="padding",
        received=padding,
        hint='"SAME", "VALID" or [[0, 0], [1, 1], [1, 1], [0, 0]]',
    )


def _pair(value: Any, name: str, channels_last: bool) -> tuple[int, int]:
    """(height, width) from an integer, a pair, or four values in the order of the data format."""
    given = tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value,)
    if len(given) == 4:
        given = given[1:3] if channels_last else given[2:4]
    if len(given) not in (1, 2) or any(
        isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1 for size in given
    ):
        raise Refusal(
            "CW201",
            f"{name} are integers of at least 1, one, two or four of them",
            axis=name,
            received=value,
            hint="write 2 or [1, 2, 2, 1]",
        )
    return int(given[0]), int(given[-1])
