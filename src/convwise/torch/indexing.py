"""PyTorch's way with `x[:, places, :, 0]`: a number picks out its cell first, and the places alone decide where their axis goes."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.torch.errors import ArgumentError

Index = tuple[Any, ...]


def two_steps(index: Any, rank: int) -> tuple[Index, Index] | None:
    """(numbers and slices, places), to be used one after the other; None where NumPy means the same by `index`.

    NumPy takes a number beside an array of places for places too, so that the axis of the places comes first.

    >>> two_steps((slice(None), [0, 2], slice(None), 0), 4)
    ((slice(None, None, None), slice(None, None, None), slice(None, None, None), 0), (slice(None, None, None), [0, 2], slice(None, None, None)))
    """
    if not isinstance(index, tuple):
        return None
    number, places = [_is_number(item) for item in index], [_axes(item) for item in index]
    if not any(number) or not any(places) or any(isinstance(item, bool | np.bool_) for item in index):
        return None
    taken = sum(places) + sum(
        not count and item is not None and item is not ... for item, count in zip(index, places, strict=True)
    )
    first: list[Any] = []
    second: list[Any] = []
    for item, one, count in zip(index, number, places, strict=True):
        if one:
            first.append(int(item))
        elif count:
            first += [slice(None)] * count
            second.append(item)
        elif item is ...:
            first += [slice(None)] * (rank - taken)
            second += [slice(None)] * (rank - taken)
        else:
            first.append(item)
            second.append(slice(None))
    return tuple(first), tuple(second)


def _is_number(item: Any) -> bool:
    if isinstance(item, np.ndarray):
        return item.ndim == 0 and item.dtype.kind in "iu"
    return isinstance(item, int | np.integer)


def _axes(item: Any) -> int:
    """How many axes of the tensor an array of places, or a mask, takes up; 0 for anything else."""
    if not isinstance(item, np.ndarray | list | tuple | range):
        return 0
    array = np.asarray(item)
    return array.ndim if array.dtype == np.bool_ else int(array.ndim > 0)


def check_steps(index: Any) -> None:
    """Refuse to walk backwards, which PyTorch does not.

    Raises:
        ArgumentError: CW605.
    """
    for item in index if isinstance(index, tuple) else (index,):
        if isinstance(item, slice) and item.step is not None and item.step <= 0:
            raise ArgumentError(
                "CW605",
                f"a slice steps by {int(item.step)}",
                received=int(item.step),
                quote="step must be greater than zero",
                hint="x.flip(0) turns an axis round",
            )


def picks(index: Any) -> bool:
    """Whether places or a mask are among the index, so that what is found is a copy.

    >>> picks((slice(None), [0, 2])), picks((..., 0))
    (True, False)
    """
    return any(map(_axes, index)) if isinstance(index, tuple) else _axes(index) > 0
