"""`torch.Size`: a shape that prints as PyTorch's."""

from __future__ import annotations

from math import prod
from typing import Any


class Size(tuple[int, ...]):
    """A plain tuple in all but its looks.

    >>> Size((1, 16, 13, 13)), Size((2, 3)).numel(), Size((1, 2, 3))[1:]
    (torch.Size([1, 16, 13, 13]), 6, torch.Size([2, 3]))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Size(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(super().__add__(tuple(other)))

    def numel(self) -> int:
        return prod(self)


class Count(int):
    """How many elements a tensor has: NumPy's `x.size` and, called, PyTorch's `x.size()` or `x.size(0)`."""

    shape: Size

    def __new__(cls, shape: Size) -> Count:
        self = super().__new__(cls, prod(shape))
        self.shape = shape
        return self

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]
