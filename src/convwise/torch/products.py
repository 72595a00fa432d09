"""Products of matrices. Each is a method of the same name too, where PyTorch has one (`methods.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


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
        return fresh(np.einsum(equation, *map(plain, given), optimize=True))
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


def mv(input: Any, vec: Any) -> Tensor:
    """The product of a matrix and a vector.

    Raises:
        ArgumentError: CW605.
    """
    _ranks("mv", 2, input)
    _ranks("mv", 1, vec)
    return matmul(input, vec)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Beta * input + alpha * mat1 @ mat2."""
    return as_tensor(beta * as_tensor(input) + alpha * mm(mat1, mat2))


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """Beta * input + alpha * batch1 @ batch2; with a beta of 0 the input is not read."""
    product = alpha * bmm(batch1, batch2)
    return as_tensor(product if beta == 0 else beta * as_tensor(input) + product)


def kron(input: Any, other: Any) -> Tensor:
    return fresh(np.kron(plain(input), plain(other)))


def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """The sums of products over the last `dims` axes of `a` and the first of `b`, or over the axes that two lists name.

    Raises:
        ArgumentError: CW605 where their sizes differ.
    """
    try:
        return fresh(np.tensordot(plain(a), plain(b), dims))
    except (ValueError, IndexError) as error:
        raise ArgumentError(
            "CW605",
            f"{np.shape(a)} and {np.shape(b)} do not meet over {dims}: {error}",
            received=dims,
            quote="contracted dimensions need to match",
        ) from None


def cross(input: Any, other: Any, dim: int = -1) -> Tensor:
    """The cross products of vectors of three numbers along an axis."""
    a, b = np.broadcast_arrays(plain(input), plain(other))
    (a1, a2, a3), (b1, b2, b3) = (np.moveaxis(one, dim, 0) for one in (a, b))
    return fresh(np.stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], dim))


def inverse(input: Any) -> Tensor:
    """The inverse of each matrix.

    Raises:
        ArgumentError: CW605 for one that has none.
    """
    try:
        return fresh(np.linalg.inv(plain(input)))
    except np.linalg.LinAlgError as error:
        quote = "the inversion could not be completed because the input matrix is singular."
        raise ArgumentError("CW605", str(error), received=np.shape(input), quote=quote) from None


METHODS = (mv, addmm, baddbmm, kron, cross, inverse)
FUNCTIONS = (*METHODS, tensordot)
