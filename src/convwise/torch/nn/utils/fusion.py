"""A normalisation in evaluation folded into the layer before it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from convwise.torch.nn.parameter import Parameter
from convwise.torch.tensor import plain

__all__ = ["fuse_conv_bn_eval", "fuse_linear_bn_eval"]


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of the convolution that does what both do."""
    fused = deepcopy(conv)
    weight = plain(conv.weight)
    mean, variance = plain(bn.running_mean), plain(bn.running_var)
    scale = np.ones_like(mean) if bn.weight is None else plain(bn.weight)
    shift = np.zeros_like(mean) if bn.bias is None else plain(bn.bias)
    factor = scale / np.sqrt(variance + mean.dtype.type(bn.eps))
    shape = [1] * weight.ndim
    shape[1 if transpose else 0] = -1
    bias = np.zeros_like(mean) if conv.bias is None else plain(conv.bias)
    fused.register_parameter("weight", Parameter(weight * factor.reshape(shape)))
    fused.register_parameter("bias", Parameter((bias - mean) * factor + shift))
    return fused


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of the linear layer that does what both do."""
    return fuse_conv_bn_eval(linear, bn)
