"""PyTorch's names of types, which are NumPy's types here."""

from __future__ import annotations

from typing import Any

import numpy as np

float16 = half = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
int8, int16, int32, int64 = np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64)
uint8 = np.dtype(np.uint8)

# What PyTorch calls them in its messages.
_SPOKEN = {
    "float16": "c10::Half",
    "float32": "float",
    "float64": "double",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint8": "unsigned char",
    "bool": "bool",
}


def spoken(dtype: Any) -> str:
    """`float`, `double` ...: the type in PyTorch's messages."""
    name = str(np.dtype(dtype).name)
    return _SPOKEN.get(name, name)
