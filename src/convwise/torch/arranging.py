"""Cutting, joining and turning tensors. Each is a method of the same name too, where PyTorch has one (`methods.py`).

Pieces share the memory of what they were cut from, as PyTorch's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError
from convwise.torch.promotion import wider
from convwise.torch.tensor import Tensor, as_tensor, fresh, plain


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else as_tensor(value)


def _given(values: tuple[Any, ...]) -> tuple[int, ...]:
    """Numbers given one by one or as one sequence."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], Sequence) else values


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    return _tensor(input).flatten(start_dim, end_dim)


def reshape(input: Any, shape: Sequence[int]) -> Tensor:
    return _tensor(input).reshape(tuple(shape))


def permute(input: Any, dims: Sequence[int]) -> Tensor:
    return as_tensor(_tensor(input).permute(tuple(dims)))


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    return _tensor(input).transpose(dim0, dim1)


def unsqueeze(input: Any, dim: int) -> Tensor:
    return as_tensor(_tensor(input).unsqueeze(dim))


def squeeze(input: Any, dim: Any = None) -> Tensor:
    return _tensor(input).squeeze(dim)


def _joined(tensors: Sequence[Any], dim: int, function: Any, name: str) -> Tensor:
    arrays = [plain(one) for one in tensors]
    if not arrays:
        raise ArgumentError(
            "CW605",
            "there is nothing to join",
            received=0,
            quote=f"torch.{name}(): expected a non-empty list of Tensors",
        )
    dtype = arrays[0].dtype
    for array in arrays[1:]:
        dtype = wider(dtype, array.dtype)
    try:
        return fresh(function([array.astype(dtype, copy=False) for array in arrays], axis=dim))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise ArgumentError(
            "CW605",
            f"tensors of {shapes} cannot be joined along axis {dim}",
            received=[array.shape for array in arrays],
            hint="all other sizes must be equal",
        ) from None


def cat(tensors: Sequence[Any], dim: int = 0, *, axis: Any = None) -> Tensor:
    """The tensors one after the other along an axis; empty ones of one axis are left out.

    Raises:
        ArgumentError: CW605.
    """
    kept = [one for one in tensors if np.shape(one) != (0,)]
    return _joined(kept or tensors, dim if axis is None else axis, np.concatenate, "cat")


concat = concatenate = cat


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """The tensors side by side along a new axis.

    Raises:
        ArgumentError: CW605.
    """
    return _joined(tensors, dim, np.stack, "stack")


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of so many cells, the last one of what is left; or of the sizes given.

    Raises:
        ArgumentError: CW605 for sizes that do not add up.
    """
    array = plain(tensor)
    size = array.shape[dim]
    if isinstance(split_size_or_sections, Sequence):
        sections = list(split_size_or_sections)
        if sum(sections) != size or min(sections, default=0) < 0:
            raise ArgumentError(
                "CW605",
                f"pieces of {sections} make {sum(sections)}, the axis has {size}",
                received=sections,
                quote=f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), but got split_sizes={sections}",
            )
        ends = np.cumsum(sections[:-1])
    else:
        step = int(split_size_or_sections)
        if step < 1:
            raise ArgumentError("CW605", f"pieces of {step} cells", received=step, hint="give at least 1")
        ends = np.arange(step, size, step)
    return tuple(as_tensor(piece) for piece in np.split(array, ends, axis=dim))


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most so many pieces of one size, the last one of what is left.

    Raises:
        ArgumentError: CW605 for no pieces.
    """
    if chunks < 1:
        raise ArgumentError(
            "CW605",
            f"{chunks} pieces",
            received=chunks,
            quote=f"chunk expects `chunks` to be greater than 0, got: {chunks}",
        )
    return split(input, max(-(-plain(input).shape[dim] // chunks), 1), dim)


def unbind(input: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it."""
    return tuple(as_tensor(one) for one in np.moveaxis(plain(input), dim, 0))


def flip(input: Any, *given: Any, dims: Any = None) -> Tensor:
    """Back to front along these axes.

    Raises:
        ArgumentError: CW605 where none is named.
    """
    if not given and dims is None:
        quote = 'flip() missing 1 required positional arguments: "dims"'
        raise ArgumentError("CW605", "no axis is named", quote=quote, hint="write x.flip(-1)")
    axes = _given(given) if dims is None else dims
    return fresh(np.flip(plain(input), axes).copy())


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """Moved along by so many cells; what falls off comes in at the other end.

    Raises:
        ArgumentError: CW605 for another number of axes than of shifts.
    """
    moves, axes = (np.size(one) if one is not None else 0 for one in (shifts, dims))
    if moves != axes and not (dims is None and moves == 1):
        raise ArgumentError(
            "CW605",
            f"{moves} shifts for {axes} axes",
            received=(shifts, dims),
            quote=f"shifts and dimensions must align. shifts: {moves}, dims:{axes}",
            hint="give each shift its axis",
        )
    return fresh(np.roll(plain(input), shifts, dims))


def repeat_interleave(input: Any, repeats: Any, dim: int | None = None) -> Tensor:
    """Each cell so many times, one after the other."""
    return as_tensor(np.repeat(plain(input), np.asarray(repeats), dim))


def tile(input: Any, *given: Any, dims: Any = None) -> Tensor:
    return as_tensor(np.tile(plain(input), _given(given) if dims is None else dims))


def movedim(input: Any, source: Any, destination: Any) -> Tensor:
    return as_tensor(np.moveaxis(plain(input), source, destination))


def narrow(input: Any, dim: int, start: int, length: int) -> Tensor:
    """`length` cells of an axis, from `start` on.

    Raises:
        ArgumentError: CW605 for cells that are not there.
    """
    array = plain(input)
    first = start + array.shape[dim] if start < 0 else start
    if length < 0 or not 0 <= first <= array.shape[dim] - length:
        raise ArgumentError(
            "CW605",
            f"cells {first} to {first + length - 1} of {array.shape[dim]}",
            received=(start, length),
            quote=f"start ({start}) + length ({length}) exceeds dimension size ({array.shape[dim]})."
            if length >= 0
            else "narrow(): length must be non-negative.",
        )
    return as_tensor(np.moveaxis(np.moveaxis(array, dim, 0)[first : first + length], 0, dim))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid; the first tensor runs along the first axis, with "xy" along the second."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return tuple(as_tensor(one) for one in np.meshgrid(*map(plain, given), indexing=indexing))  # type: ignore[call-overload]


def tril(input: Any, diagonal: int = 0) -> Tensor:
    return as_tensor(np.tril(plain(input), diagonal))


def triu(input: Any, diagonal: int = 0) -> Tensor:
    return as_tensor(np.triu(plain(input), diagonal))


def broadcast_to(input: Any, size: Any) -> Tensor:
    return as_tensor(_tensor(input).expand(*size))
