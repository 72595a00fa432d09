"""`torch.Tensor(...)` and its like for other types: data where a sequence is given, sizes where numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.creation import sizes, tensor
from convwise.torch.dtypes import float16, float32, float64, int8, int16, int32, int64, uint8
from convwise.torch.errors import ArgumentError
from convwise.torch.sizes import Size
from convwise.torch.tensor import Tensor, as_tensor, check_device


def made(given: tuple[Any, ...], dtype: Any, device: Any = None) -> Tensor:
    """A tensor of `dtype`; an array of that type keeps its memory, and a tensor its type.

    Raises:
        ArgumentError: CW601, CW605.
    """
    check_device(device)
    data = given[0] if len(given) == 1 else None
    if isinstance(data, Tensor):
        return data.detach()
    if isinstance(data, np.ndarray):
        return as_tensor(data, dtype)
    if isinstance(data, list | tuple) and not isinstance(data, Size):
        return tensor(list(data), dtype=dtype)
    for size in (data,) if len(given) == 1 and not isinstance(data, Size) else ():
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise ArgumentError(
                "CW605",
                f"{type(size).__name__} is neither data nor a size",
                received=type(size).__name__,
                quote=f"new(): data must be a sequence (got {type(size).__name__})",
                hint="use torch.tensor",
            )
    return as_tensor(np.zeros(sizes(given) if given else (0,), dtype))


def _maker(name: str, dtype: Any) -> Any:
    def make(*data: Any, device: Any = None) -> Tensor:
        return made(data, dtype, device)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"`torch.{name}`: data or sizes, of {np.dtype(dtype).name}."
    return make


FloatTensor = _maker("FloatTensor", float32)
DoubleTensor = _maker("DoubleTensor", float64)
HalfTensor = _maker("HalfTensor", float16)
LongTensor = _maker("LongTensor", int64)
IntTensor = _maker("IntTensor", int32)
ShortTensor = _maker("ShortTensor", int16)
CharTensor = _maker("CharTensor", int8)
ByteTensor = _maker("ByteTensor", uint8)
BoolTensor = _maker("BoolTensor", np.bool_)

NAMES = {
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "float16": "HalfTensor",
    "int64": "LongTensor",
    "int32": "IntTensor",
    "int16": "ShortTensor",
    "int8": "CharTensor",
    "uint8": "ByteTensor",
    "bool": "BoolTensor",
}
"""What PyTorch calls a tensor of a type of numbers."""


def named(dtype: Any) -> Any:
    """The type that `torch.FloatTensor`, "torch.FloatTensor" or a type itself names.

    Raises:
        ArgumentError: CW606 for a name of none.
    """
    name = dtype.removeprefix("torch.") if isinstance(dtype, str) else getattr(dtype, "__name__", "")
    for number, known in NAMES.items():
        if name == known:
            return np.dtype(number)
    if not isinstance(dtype, str):
        return dtype
    check_device("cuda" if name.startswith("cuda.") else None)
    raise ArgumentError("CW606", f"no type {dtype!r}", axis="dtype", received=dtype, quote=f"invalid type: '{dtype}'")
