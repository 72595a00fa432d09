"""How PyTorch prints a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGE = 3
FULL = 1000
"""Tensors of more elements are printed with their first and last few alone."""
WIDTH = 80


def tensor_text(array: NDArray[Any], *extras: str) -> str:
    """`tensor([1., 2.])`, with `dtype=` where it is not the usual one, and the `extras` behind it."""
    parts = [_body(array)]
    if array.dtype.name not in ("float32", "int64", "bool"):
        parts.append(f"dtype=torch.{array.dtype.name}")
    return f"tensor({', '.join([*parts, *extras])})"


def _body(array: NDArray[Any]) -> str:
    if array.size == 0:
        return "[]" if array.ndim == 1 else f"[], size={array.shape}"
    formatter = _float_format(array) if array.dtype.kind == "f" else _plain_format(array)
    if array.ndim == 0:
        return formatter(array.item()).strip()
    text = np.array2string(
        array,
        max_line_width=WIDTH,
        separator=", ",
        prefix="tensor(",
        threshold=FULL,
        edgeitems=EDGE,
        formatter={"all": formatter},
    )
    return text.replace(", ..., ", ",  ..., ")


def _shown(array: NDArray[Any]) -> NDArray[Any]:
    """The elements that will be printed, flat."""
    if array.size <= FULL:
        return array.ravel()
    for axis, size in enumerate(array.shape):
        if size > 2 * EDGE:
            array = np.take(array, [*range(EDGE), *range(size - EDGE, size)], axis=axis)
    return array.ravel()


def _plain_format(array: NDArray[Any]) -> Callable[[Any], str]:
    texts = [str(value) for value in _shown(array).tolist()]
    width = max(map(len, texts))
    return lambda value: str(value.item() if hasattr(value, "item") else value).rjust(width)


def _float_format(array: NDArray[Any]) -> Callable[[Any], str]:
    """Four decimals; none where all numbers are whole; powers of ten where they differ too much."""
    values = _shown(array).astype(np.float64)
    finite = np.abs(values[np.isfinite(values) & (values != 0)])
    spec = ".4f"
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        whole = bool(np.all(np.isfinite(values) <= (np.ceil(values) == values)))
        if whole:
            spec = ".4e" if high / low > 1000.0 or high > 1.0e8 else ".0f"
        elif high / low > 1000.0 or high > 1.0e8 or low < 1.0e-4:
            spec = ".4e"
    elif bool(np.all(np.isfinite(values))):
        spec = ".0f"

    def text(value: Any) -> str:
        number = float(value)
        return f"{number:{spec}}" + ("." if spec == ".0f" and np.isfinite(number) else "")

    # Only finite numbers other than zero count for the width, as in PyTorch.
    width = max((len(text(value)) for value in values if np.isfinite(value) and value != 0), default=0)
    return lambda value: text(value).rjust(width)
