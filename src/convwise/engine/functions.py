"""Convolution and pooling of images as plain functions on NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.engine import windows
from convwise.engine.activations import activate, known
from convwise.engine.arrays import Array, check_memory, own, quiet, result_type, take, working_type
from convwise.engine.options import layout_of, method_of, two, whole
from convwise.engine.options import windows as windows_of
from convwise.engine.running import conv, enter, leave, run
from convwise.errors import ArgumentError
from convwise.ops import Conv as ConvOp
from convwise.ops import Layout, Pool


def conv2d(
    x: object,
    w: object,
    bias: object = None,
    *,
    stride: object = 1,
    padding: object = 0,
    dilation: object = 1,
    groups: object = 1,
    layout: str = "NCHW",
    activation: str | None = None,
    algorithm: str | None = None,
    threads: int | None = None,
) -> Array:
    """A two-dimensional convolution (cross-correlation: the kernel is not flipped), as neural networks mean it.

    Args:
        x: (batch, channels, height, width), or (batch, height, width, channels) with layout="NHWC"; the batch may be
            left out. Any strides; never written.
        w: (out, in / groups, kernel height, kernel width), in both layouts.
        bias: (out,) or None.
        stride: an integer, or (height, width).
        dilation: the same.
        padding: an integer, (h, w), ((top, bottom), (left, right)), "valid", or "same" by TensorFlow's rule:
            out = ceil(size / stride), the odd cell after the data.
        groups: output channels of group g read the input channels of group g alone.
        layout: "NCHW" or "NHWC".
        activation: the plain name of one (relu, gelu, ...), applied to the result.
        algorithm: None chooses; "reference" is the literal loop, "windows" the fast form. Both give the same numbers
            up to the rounding of sums.
        threads: checked and otherwise unused: NumPy's matrix product decides itself how many it takes.

    Returns:
        A new array in the layout of `x`. float32 and float64 are computed as such, float16 in float32, integers
        exactly in int64; several types meet in NumPy's common one. No warnings: overflow gives inf.

    Raises:
        ShapeError: where the sizes do not work.
        ArgumentError: CW605 for an array, CW606 for an option, CW607 for an algorithm.

    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> conv2d(x, np.ones((1, 1, 3, 3)), padding=1)[0, 0, 0].tolist()
    [12.0, 21.0, 27.0, 33.0, 24.0]
    """
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "layout": layout}
    return Conv._of(take("w", w), bias, options, activation, algorithm, threads)(x)


class Conv:
    """A convolution with fixed weights: `Conv(w, bias, ...)(x)` is `conv2d(x, w, bias, ...)`, with the weights copied and
    put into the order of the multiplication once. Later changes of `w` are not seen.

    >>> double = Conv(np.full((1, 1, 1, 1), 2.0))
    >>> double(np.ones((1, 2, 2))).tolist()
    [[[2.0, 2.0], [2.0, 2.0]]]
    """

    def __init__(
        self,
        w: object,
        bias: object = None,
        *,
        stride: object = 1,
        padding: object = 0,
        dilation: object = 1,
        groups: object = 1,
        layout: str = "NCHW",
        activation: str | None = None,
        algorithm: str | None = None,
        threads: int | None = None,
    ) -> None:
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "layout": layout}
        copy = take("w", w).copy()
        self._prepare(
            copy, None if bias is None else take("bias", bias).copy(), options, activation, algorithm, threads
        )

    @classmethod
    def _of(
        cls,
        w: Array,
        bias: object,
        options: dict[str, Any],
        activation: str | None,
        algorithm: str | None,
        threads: int | None,
    ) -> Conv:
        """One without copies, for a single call."""
        self = cls.__new__(cls)
        self._prepare(w, None if bias is None else take("bias", bias), options, activation, algorithm, threads)
        return self

    def _prepare(
        self,
        w: Array,
        bias: Array | None,
        options: dict[str, Any],
        activation: str | None,
        algorithm: str | None,
        threads: int | None,
    ) -> None:
        _check_weight(w)
        groups = whole("groups", options["groups"], 1)
        if len(w) % groups:
            raise ArgumentError(
                "CW606",
                f"{len(w)} filters do not divide into {groups} groups",
                received=groups,
                hint=f"use groups that divide {len(w)}",
            )
        if bias is not None and bias.shape != (len(w),):
            raise ArgumentError(
                "CW605",
                f"bias has shape {bias.shape} where {(len(w),)} is needed",
                received=bias.shape,
                hint="one number per filter, or None",
            )
        kernel = (w.shape[2], w.shape[3])
        sliding = windows_of(kernel, options["stride"], options["padding"], options["dilation"])
        self.weight, self.bias = w, bias
        self.layout = layout_of(options["layout"], 4)
        self._layout_name = options["layout"]
        self._op = ConvOp(sliding, w.shape[1] * groups, len(w), groups, bias is not None)
        self._method = method_of(algorithm, threads)
        if activation is not None:
            known(activation)
        self.activation = activation
        self._packed: windows.Packed | None = None

    def __repr__(self) -> str:
        return f"Conv({' x '.join(map(str, self.weight.shape))} {self.weight.dtype}, {self._layout_name})"

    def __call__(self, x: object) -> Array:
        """The convolution of `x`, with the batch or without."""
        data = take("x", x)
        layout = layout_of(self._layout_name, data.ndim)
        flow = self._op.flow(data.shape, layout)
        output = tuple(size for size in flow.output if size is not None)
        arrays = [array for array in (data, self.weight, self.bias) if array is not None]
        dtype = result_type(*arrays)
        work = working_type(dtype)
        check_memory(output, dtype.itemsize)
        with quiet():
            if 0 in output:
                return np.zeros(output, dtype)
            axes = [axis.axis for axis in flow.axes if axis.axis is not None]
            bias = None if self.bias is None else self.bias.astype(work, copy=False)
            ready = enter(data.astype(work, copy=False), layout)
            result = conv(ready, self._ready(work), bias, self._op, axes, layout.channels_last, self._method)
            if self.activation is not None:
                result = activate(result, self.activation, {"axis": 1})
            return own(leave(result, self._op, layout), dtype, *arrays)

    def _ready(self, dtype: np.dtype[Any]) -> windows.Packed:
        """The weights in `dtype` and in the order of the multiplication, kept from call to call."""
        packed = self._packed
        if packed is None or packed.weight.dtype != dtype:
            packed = windows.pack(
                self.weight.astype(dtype, copy=False), self._op.groups or 1, self.layout.channels_last
            )
            self._packed = packed
        return packed


def _check_weight(w: Array) -> None:
    if w.ndim != 4:
        raise ArgumentError(
            "CW605",
            f"w has {w.ndim} axes where 4 are needed",
            received=w.shape,
            hint="(out, in / groups, kernel height, kernel width)",
        )
    if 0 in w.shape:
        raise ArgumentError(
            "CW605",
            f"w has shape {w.shape}: every size must be at least 1",
            received=w.shape,
            hint="(out, in / groups, kernel height, kernel width)",
        )


def max_pool2d(
    x: object,
    kernel: object,
    stride: object = None,
    padding: object = 0,
    dilation: object = 1,
    ceil: bool = False,
    layout: str = "NCHW",
) -> Array:
    """The maximum of each window, channel by channel.

    Args:
        x: (batch, channels, height, width), or (batch, height, width, channels) with layout="NHWC"; the batch may be left out.
        kernel: an integer, or (height, width).
        stride: the same; None is the kernel.
        dilation: the same.
        padding: as in `conv2d`; padded cells never win. A window wholly in padding gives -inf (the smallest int64 for integers).
        ceil: keep a last window that ends past the padding, if it starts inside the data or the low padding.
        layout: "NCHW" or "NHWC".

    Returns:
        A new array in the layout of `x`. NaN in a window gives NaN.

    Raises:
        ShapeError: where the sizes do not work.
        ArgumentError: CW605 for an array, CW606 for an option.

    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    size = two("kernel", kernel, 1)
    op = Pool("max", windows_of(size, size if stride is None else stride, padding, dilation, ceil))
    return _pool(x, op, layout)


def avg_pool2d(
    x: object,
    kernel: object,
    stride: object = None,
    padding: object = 0,
    ceil: bool = False,
    count_padding: bool = False,
    divisor: int | None = None,
    layout: str = "NCHW",
) -> Array:
    """The average of each window, channel by channel.

    Args:
        x: (batch, channels, height, width), or (batch, height, width, channels) with layout="NHWC"; the batch may be left out.
        kernel: an integer, or (height, width).
        stride: the same; None is the kernel.
        padding: as in `conv2d`.
        ceil: keep a last window that ends past the padding, if it starts inside the data or the low padding.
        count_padding: divide by data and padding (PyTorch's default) instead of by data alone (TensorFlow, Keras, ONNX);
            what `ceil` lets a window reach past the padding never counts.
        divisor: divide by this number instead.
        layout: "NCHW" or "NHWC".

    Returns:
        A new array in the layout of `x`; a window wholly in padding gives 0.

    Raises:
        ShapeError: where the sizes do not work.
        ArgumentError: CW605 for an array (integers too: their average is none), CW606 for an option.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    if not isinstance(count_padding, bool):
        raise ArgumentError(
            "CW606",
            f"count_padding must be True or False, not {count_padding!r}",
            received=count_padding,
            hint="False divides by the data cells alone",
        )
    size = two("kernel", kernel, 1)
    sliding = windows_of(size, size if stride is None else stride, padding, 1, ceil)
    return _pool(
        x, Pool("average", sliding, count_padding, None if divisor is None else whole("divisor", divisor, 1)), layout
    )


def _pool(x: object, op: Pool, layout: str) -> Array:
    data = take("x", x)
    placed: Layout = layout_of(layout, data.ndim)
    return run(op, data, None, placed)
