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

from convwise.dialects.base import nearest
from convwise.torch import amp, autograd, backends, cuda, fft, jit, linalg, nn, utils
from convwise.torch import choosing as _choosing
from convwise.torch import complexes as _complexes
from convwise.torch import creation as _creation
from convwise.torch import further as _further
from convwise.torch import joining as _joining
from convwise.torch import machinery as _machinery
from convwise.torch import methods as _methods  # noqa: F401 (it gives tensors their methods)
from convwise.torch import products as _products
from convwise.torch import statistics as _statistics
from convwise.torch.arranging import (
    broadcast_to,
    cat,
    chunk,
    concat,
    concatenate,
    flatten,
    flip,
    meshgrid,
    movedim,
    narrow,
    permute,
    repeat_interleave,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    tile,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from convwise.torch.complexes import complex64, complex128
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
from convwise.torch.elementwise import (
    abs,
    add,
    atan,
    atan2,
    ceil,
    clamp,
    clip,
    cos,
    div,
    eq,
    exp,
    expm1,
    floor,
    floor_divide,
    fmod,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    lt,
    masked_fill,
    maximum,
    minimum,
    mul,
    ne,
    neg,
    pow,
    reciprocal,
    remainder,
    round,
    rsqrt,
    sign,
    sin,
    sqrt,
    square,
    sub,
    tan,
    trunc,
    where,
)
from convwise.torch.functions import allclose, equal, finfo, get_default_dtype, iinfo, is_tensor, numel
from convwise.torch.grad import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from convwise.torch.legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
)
from convwise.torch.nn.functional import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from convwise.torch.products import bmm, dot, einsum, matmul, mm, outer
from convwise.torch.random import Generator, manual_seed, normal, rand, rand_like, randint, randn, randn_like, randperm
from convwise.torch.reducing import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    argsort,
    count_nonzero,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    sort,
    std,
    sum,
    topk,
    var,
)
from convwise.torch.sizes import Size
from convwise.torch.tensor import Device as device
from convwise.torch.tensor import Tensor

__version__ = "2.13.0"
"""The release of PyTorch whose names and numbers these are, for scripts that ask."""
pi, inf, nan, e = np.pi, np.inf, np.nan, np.e
# Where the channels lie in memory changes no number: these are taken, and nothing is moved.
channels_last, contiguous_format, preserve_format, strided = (
    "channels_last",
    "contiguous_format",
    "preserve_format",
    "strided",
)
multiply, subtract, divide = mul, sub, div
float = float32
long = int64
short = int16
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
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "abs",
    "add",
    "all",
    "allclose",
    "amax",
    "amin",
    "amp",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "as_tensor",
    "atan",
    "atan2",
    "autocast",
    "autograd",
    "backends",
    "bmm",
    "bool",
    "broadcast_to",
    "cat",
    "ceil",
    "channels_last",
    "chunk",
    "clamp",
    "clip",
    "complex64",
    "complex128",
    "concat",
    "concatenate",
    "contiguous_format",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cos",
    "count_nonzero",
    "cuda",
    "cumsum",
    "device",
    "div",
    "divide",
    "dot",
    "double",
    "e",
    "einsum",
    "empty",
    "enable_grad",
    "eq",
    "equal",
    "exp",
    "expm1",
    "eye",
    "fft",
    "finfo",
    "flatten",
    "flip",
    "float",
    "float16",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fmod",
    "from_numpy",
    "full",
    "full_like",
    "ge",
    "get_default_dtype",
    "gt",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_grad_enabled",
    "is_tensor",
    "isfinite",
    "isinf",
    "isnan",
    "jit",
    "le",
    "linalg",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "masked_fill",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "movedim",
    "mul",
    "multiply",
    "nan",
    "narrow",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "norm",
    "normal",
    "numel",
    "ones",
    "ones_like",
    "outer",
    "permute",
    "pi",
    "pixel_shuffle",
    "pow",
    "prelu",
    "preserve_format",
    "prod",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "reciprocal",
    "relu",
    "remainder",
    "repeat_interleave",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "selu",
    "set_grad_enabled",
    "short",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "strided",
    "sub",
    "subtract",
    "sum",
    "tan",
    "tanh",
    "tensor",
    "tile",
    "topk",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "uint8",
    "unbind",
    "unsqueeze",
    "utils",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
# Rooms of many functions list them; each is a name of this package.
_LISTED = {
    one.__name__: one
    for room in (_choosing, _complexes, _creation, _further, _joining, _machinery, _products, _statistics)
    for one in room.FUNCTIONS
}
# Layers as functions that PyTorch has in both places.
_F = nn.functional
autocast = amp.autocast
_LISTED |= {
    one.__name__: one
    for one in (
        _F.adaptive_avg_pool1d,
        _F.adaptive_max_pool1d,
        _F.alpha_dropout,
        _F.avg_pool1d,
        _F.celu,
        _F.channel_shuffle,
        _F.cosine_similarity,
        _F.dropout,
        _F.hardshrink,
        _F.max_pool1d,
        _F.max_pool3d,
        _F.pixel_unshuffle,
        _F.rrelu,
        _F.threshold,
    )
}
__all__ += sorted(_LISTED)

_TRAINING = ("optim", "save", "load", "hub", "onnx", "distributed", "multiprocessing")


def __getattr__(name: str) -> Any:
    if name in _LISTED:
        return _LISTED[name]
    if name in _TRAINING:
        raise AttributeError(f"convwise.torch has no {name!r}: it runs layers, it does not train, load or save models")
    if name == "bfloat16":
        # hasattr(torch, "bfloat16") is asked by scripts that do without.
        raise AttributeError(str(_further.no_bfloat16()))
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    near = nearest(name, __all__)
    told = f"did you mean {near!r}?" if near else "dir(convwise.torch) lists what there is"
    raise AttributeError(f"convwise.torch has no {name!r}; {told}")


def __dir__() -> list[str]:
    return sorted(__all__)
