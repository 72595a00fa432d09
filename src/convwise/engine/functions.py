"""Convolution and pooling of images as plain functions on NumPy arrays."""

from __future__ import annotations

from convwise.engine.arrays import Array, take
from convwise.engine.convolution import Conv, convolve
from convwise.engine.options import flag, layout_of, spelling, two, whole
from convwise.engine.options import windows as windows_of
from convwise.engine.pooling import again, remember
from convwise.engine.running import enter, run
from convwise.ops import Layout, Pool

__all__ = ["Conv", "avg_pool2d", "conv2d", "max_pool2d"]


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
        algorithm: None chooses. "reference" is the literal loop, "windows" NumPy's matrix product; the others are compiled
            kernels (`plan` lists them). "direct" never trades accuracy for speed, and is NumPy's where no kernel serves.
        threads: at most so many for a compiled kernel; None takes CONVWISE_THREADS, else the processors of this process.
            NumPy's matrix product decides for itself.

    Returns:
        A new array in the layout of `x`. float32 and float64 are computed as such, float16 in float32, integers
        exactly in int64; several types meet in NumPy's common one. No warnings: overflow gives inf. An infinity or NaN in
        `x` spoils the tile of outputs around it, which becomes NaN, where the kernel is Winograd's (`plan` tells): it adds up
        cells of the whole tile. algorithm="direct" gives what IEEE 754 gives, and spoils no other output.

    Raises:
        ShapeError: where the sizes do not work.
        ArgumentError: CW605 for an array, CW606 for an option, CW607 for an algorithm.

    >>> import numpy as np
    >>> x = np.arange(25.0).reshape(1, 1, 5, 5)
    >>> conv2d(x, np.ones((1, 1, 3, 3)), padding=1)[0, 0, 0].tolist()
    [12.0, 21.0, 27.0, 33.0, 24.0]
    """
    return convolve(x, w, bias, (stride, padding, dilation, groups, layout, activation, algorithm, threads))


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

    >>> import numpy as np
    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    key = ("max", spelling((kernel, stride, padding, dilation, ceil, layout)))
    known = again(x, key)
    if known is not None:
        return known
    size = two("kernel", kernel, 1)
    op = Pool("max", windows_of(size, size if stride is None else stride, padding, dilation, ceil))
    return _pool(x, op, layout, key)


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

    >>> import numpy as np
    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    key = ("average", spelling((kernel, stride, padding, ceil, count_padding, divisor, layout)))
    known = again(x, key)
    if known is not None:
        return known
    flag("count_padding", count_padding, "False divides by the data cells alone")
    size = two("kernel", kernel, 1)
    sliding = windows_of(size, size if stride is None else stride, padding, 1, ceil)
    op = Pool("average", sliding, count_padding, None if divisor is None else whole("divisor", divisor, 1))
    return _pool(x, op, layout, key)


def _pool(x: object, op: Pool, layout: str, key: tuple[str, str | None]) -> Array:
    data = take("x", x)
    placed: Layout = layout_of(layout, data.ndim)
    result = run(op, data, None, placed)
    if data is x and key[1] is not None:
        remember(data, key, enter(data, placed), op, placed.channels_last, result.shape)
    return result
