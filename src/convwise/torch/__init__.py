"""PyTorch's names on NumPy arrays: change the import lines, and the code runs with nothing but NumPy installed.

    import convwise.torch as torch
    import convwise.torch.nn as nn

    nn.Conv2d(3, 16, 3, stride=2)(torch.randn(1, 3, 28, 28)).shape      # torch.Size([1, 16, 13, 13])

Layers are read by the PyTorch dialect, so that arguments, refusals and errors are PyTorch's; weights start as
PyTorch's do, `state_dict` has PyTorch's keys and layouts, and the outputs equal those of `model.eval()`. It does not train.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch import cuda, nn
from convwise.torch.creation import (
    arange,
    empty,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from convwise.torch.creation import as_tensor_ as as_tensor
from convwise.torch.dtypes import double, float16, float32, float64, half, int8, int16, int32, int64, uint8
from convwise.torch.functions import (
    abs,
    allclose,
    argmax,
    argmin,
    cat,
    clamp,
    concat,
    equal,
    exp,
    flatten,
    is_tensor,
    matmul,
    max,
    mean,
    min,
    numel,
    permute,
    reshape,
    sqrt,
    squeeze,
    stack,
    std,
    sum,
    transpose,
    unsqueeze,
    var,
)
from convwise.torch.grad import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from convwise.torch.nn.functional import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from convwise.torch.random import Generator, manual_seed, rand, rand_like, randint, randn, randn_like, randperm
from convwise.torch.sizes import Size
from convwise.torch.tensor import Tensor
from convwise.torch.tensor import device_name as device

float = float32
long = int64
int = int32
bool = np.dtype(np.bool_)
relu, sigmoid, tanh = nn.functional.relu, nn.functional.sigmoid, nn.functional.tanh
softmax, log_softmax, selu, prelu = (
    nn.functional.softmax,
    nn.functional.log_softmax,
    nn.functional.selu,
    nn.functional.prelu,
)
max_pool2d, pixel_shuffle = nn.functional.max_pool2d, nn.functional.pixel_shuffle

__all__ = [
    "Generator",
    "Size",
    "Tensor",
    "abs",
    "allclose",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "bool",
    "cat",
    "clamp",
    "concat",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cuda",
    "device",
    "double",
    "empty",
    "enable_grad",
    "equal",
    "exp",
    "eye",
    "flatten",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "half",
    "inference_mode",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "is_tensor",
    "linspace",
    "log_softmax",
    "long",
    "manual_seed",
    "matmul",
    "max",
    "max_pool2d",
    "mean",
    "min",
    "nn",
    "no_grad",
    "numel",
    "ones",
    "ones_like",
    "permute",
    "pixel_shuffle",
    "prelu",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "relu",
    "reshape",
    "selu",
    "set_grad_enabled",
    "sigmoid",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sum",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "var",
    "zeros",
    "zeros_like",
]

_TRAINING = ("optim", "autograd", "utils", "save", "load", "jit", "compile", "onnx", "backends", "distributed")


def __getattr__(name: str) -> Any:
    if name in _TRAINING:
        raise AttributeError(f"convwise.torch has no {name!r}: it runs layers, it does not train, load or save models")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
