"""Products of matrices. Each is a method of the same name too, where PyTorch has one (`methods.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.tensor import Tensor, as_tensor, plain


def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product; axes before the last two are broadcast.

    Raises:
        ArgumentError: CW605 for sizes that do not meet.
    """
    return as_tensor(np.matmul(as_tensor(input), other))


def _ranks(name: str, rank: int, *arrays: Any) -> None:
    for array in arrays:
        if np.ndim(array) != rank:
            raise ArgumentError(
                "CW605",
                f"{name} takes {rank} axes, not {np.ndim(array)}",
                received=np.shape(array),
                hint="torch.matmul takes any number of axes",
            )


def mm(input: Any, mat2: Any) -> Tensor:
    """The product of two matrices.

    Raises:
        ArgumentError: CW605.
    """
    _ranks("mm", 2, input, mat2)
    return matmul(input, mat2)


def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two batches of matrices.

    Raises:
        ArgumentError: CW605.
    """
    _ranks("bmm", 3, input, mat2)
    if len(plain(input)) != len(plain(mat2)):
        raise ArgumentError(
            "CW605",
            f"batches of {len(plain(input))} and {len(plain(mat2))}",
            received=(np.shape(input), np.shape(mat2)),
        )
    return matmul(input, mat2)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein's sum: letters that stand on the left alone are summed over.

    Raises:
        ArgumentError: CW605 for an equation that the operands do not fit.
    """
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    try:
        return as_tensor(np.einsum(equation, *map(plain, given), optimize=True))
    except ValueError as error:
        raise ArgumentError(
            "CW605", f"einsum {equation!r}: {error}", received=[np.shape(one) for one in given]
        ) from None


def outer(input: Any, vec2: Any) -> Tensor:
    return as_tensor(np.outer(plain(input), plain(vec2)))


def dot(input: Any, tensor: Any) -> Tensor:
    """The sum of the products of two vectors.

    Raises:
        ArgumentError: CW605.
    """
    _ranks("dot", 1, input, tensor)
    return matmul(input, tensor)
