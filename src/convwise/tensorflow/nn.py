"""`tf.nn`: convolution, pooling and activations as functions of arrays, in TensorFlow's words and layouts."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.keras.tensor import Tensor, as_tensor, met
from convwise.tensorflow.calls import Function, call, function

__all__ = [
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_normalization",
    "bias_add",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "conv_transpose",
    "convolution",
    "depth_to_space",
    "depthwise_conv2d",
    "elu",
    "gelu",
    "l2_normalize",
    "leaky_relu",
    "log_softmax",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "moments",
    "pool",
    "relu",
    "relu6",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "space_to_depth",
    "swish",
    "tanh",
]

conv1d, conv2d, conv3d = function("tf.nn.conv1d"), function("tf.nn.conv2d"), function("tf.nn.conv3d")
convolution, atrous_conv2d = function("tf.nn.convolution"), function("tf.nn.atrous_conv2d")
depthwise_conv2d, separable_conv2d = function("tf.nn.depthwise_conv2d"), function("tf.nn.separable_conv2d")
conv_transpose, conv1d_transpose = function("tf.nn.conv_transpose"), function("tf.nn.conv1d_transpose")
conv2d_transpose, conv3d_transpose = function("tf.nn.conv2d_transpose"), function("tf.nn.conv3d_transpose")
atrous_conv2d_transpose = function("tf.nn.atrous_conv2d_transpose")
max_pool, avg_pool, pool = function("tf.nn.max_pool"), function("tf.nn.avg_pool"), function("tf.nn.pool")
max_pool1d, avg_pool1d = function("tf.nn.max_pool1d"), function("tf.nn.avg_pool1d")
max_pool2d, avg_pool2d = function("tf.nn.max_pool2d"), function("tf.nn.avg_pool2d")
max_pool3d, avg_pool3d = function("tf.nn.max_pool3d"), function("tf.nn.avg_pool3d")
depth_to_space, space_to_depth = function("tf.nn.depth_to_space"), function("tf.nn.space_to_depth")

elu, selu, gelu, softplus, softsign = map(Function, ("elu", "selu", "gelu", "softplus", "softsign"))
relu, relu6, leaky_relu = map(Function, ("relu", "relu6", "leaky_relu"))
sigmoid, tanh, softmax, log_softmax = map(Function, ("sigmoid", "tanh", "softmax", "log_softmax"))


class Silu(Function):
    """x sigmoid(beta x)."""

    __slots__ = ()

    def __call__(self, features: Any, beta: float = 1.0) -> Tensor:  # type: ignore[override]
        if beta == 1:
            return call("tf.nn.silu", (features,), {})
        x, factor = met(features, beta)
        return as_tensor(call("tf.nn.silu", (x * factor,), {}) / factor)


silu = swish = Silu("silu")


def bias_add(value: Any, bias: Any, data_format: Any = None, name: str | None = None) -> Tensor:
    """One number added to each channel; raises as TensorFlow does."""
    return call("tf.nn.bias_add", (value, bias, data_format), {})


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float, name: str | None = None
) -> Tensor:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset, broadcast; offset and scale may be None."""
    given = [value for value in (offset, scale) if value is not None]
    data, middle, spread, *rest = met(x, mean, variance, *given)
    result = (data - middle) / np.sqrt(spread + data.dtype.type(variance_epsilon))
    if scale is not None:
        result = result * rest[-1]
    return as_tensor(result + rest[0] if offset is not None else result)


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance over `axes`."""
    (data,) = met(x)
    over = tuple(axes) if isinstance(axes, list) else axes
    return as_tensor(data.mean(over, keepdims=keepdims)), as_tensor(data.var(over, keepdims=keepdims))


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Tensor:
    """X / sqrt(max(sum of squares, epsilon))."""
    (data,) = met(x)
    over = tuple(axis) if isinstance(axis, list) else axis
    squares = np.square(data).sum(over, keepdims=True)
    return as_tensor(data / np.sqrt(np.maximum(squares, data.dtype.type(epsilon))))
