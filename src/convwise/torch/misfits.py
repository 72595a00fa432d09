"""What PyTorch says where sizes do not go together, or an axis is not there."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError


def misfit(error: Exception, ufunc: np.ufunc, inputs: tuple[Any, ...]) -> ArgumentError:
    """The error for inputs of a function of NumPy that it does not take."""
    shapes = [tuple(np.shape(value)) for value in inputs]
    if isinstance(error, TypeError) or len(shapes) != 2:
        return ArgumentError("CW605", str(error), received=shapes)
    a, b = shapes
    if ufunc is np.power and _together(a, b):
        return ArgumentError(
            "CW605",
            "whole numbers to negative powers are no whole numbers",
            quote="Integers to negative integer powers are not allowed.",
            hint="x.float() first",
        )
    if ufunc is np.matmul:
        words = f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a))} and {'x'.join(map(str, b))})"
        quote, hint = (
            words if len(a) == len(b) == 2 else "",
            "the last size of the one must be the last but one of the other",
        )
        return ArgumentError("CW605", f"{a} and {b} cannot be multiplied", received=shapes, quote=quote, hint=hint)
    back = next(
        (n for n, (i, j) in enumerate(zip(reversed(a), reversed(b), strict=False), 1) if i != j and 1 not in (i, j)), 0
    )
    quote = (
        f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) at non-singleton dimension {max(len(a), len(b)) - back}"
        if back
        else ""
    )
    hint = "from the last axis on, sizes must be equal or 1"
    return ArgumentError("CW605", f"{a} and {b} do not go together", received=shapes, quote=quote, hint=hint)


def _together(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(i == j or 1 in (i, j) for i, j in zip(reversed(a), reversed(b), strict=False))


def axis_of(dim: Any, rank: int) -> int:
    """The axis from the front.

    Raises:
        ArgumentError: CW605 where there is none.
    """
    rank = max(rank, 1)
    if not -rank <= dim < rank:
        raise ArgumentError(
            "CW605",
            f"there is no axis {dim} among {rank}",
            received=dim,
            quote=f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})",
        )
    return int(dim) % rank
