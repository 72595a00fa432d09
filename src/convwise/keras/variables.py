"""The weights of layers: named arrays that can be read and assigned, in Keras's layouts."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import ArgumentError
from convwise.keras.tensor import Tensor, Typed, as_tensor, made_of


class Variable(Typed):
    """One weight of one layer. `np.asarray(variable)` is its value; `assign` replaces it. What is computed with it is a tensor."""

    __slots__ = ("_value", "name", "path", "trainable")

    def __init__(
        self, value: Any, *, name: str = "variable", path: str = "", trainable: bool = True, dtype: Any = None
    ) -> None:
        self._value: NDArray[Any] = np.array(made_of(value, dtype))
        self.name = name
        self.path = path or name
        self.trainable = trainable

    def _met(self, *operands: Any) -> list[Any]:
        """By NumPy's rule, which is Keras's for variables: an array of float64 makes float64 of them."""
        return [np.asarray(operand) if isinstance(operand, Typed) else operand for operand in operands]

    def __neg__(self) -> Tensor:
        return as_tensor(-self._value)

    def __abs__(self) -> Tensor:
        return as_tensor(abs(self._value))

    @property
    def value(self) -> NDArray[Any]:
        return self._value

    @property
    def shape(self) -> tuple[int, ...]:
        return self._value.shape

    @property
    def ndim(self) -> int:
        return self._value.ndim

    @property
    def size(self) -> int:
        return prod(self._value.shape)

    @property
    def dtype(self) -> str:
        return self._value.dtype.name

    def numpy(self) -> NDArray[Any]:
        """A copy of the value."""
        return self._value.copy()

    def assign(self, value: Any) -> Variable:
        """Replace the value by one of the same shape.

        Raises:
            ArgumentError: CW605.
        """
        array = np.asarray(value)
        if array.shape != self.shape:
            raise ArgumentError(
                "CW605",
                f"the weight has the shape {self.shape}, the new value {array.shape}",
                layer=self.path,
                received=array.shape,
                quote=(
                    "The shape of the target variable and the shape of the target value in `variable.assign(value)` must match. "
                    f"variable.shape={self.shape}, Received: value.shape={array.shape}. Target variable: {self!r}"
                )
                if self._value.size <= 8
                else "",
                hint=_transposed_hint(array.shape, self.shape),
            )
        self._value = np.array(array, dtype=self._value.dtype)
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            return self._value.astype(dtype, copy=False) if dtype is not None else self._value
        return np.array(self._value, dtype=dtype)

    def __getitem__(self, index: Any) -> Any:
        return self._value[index]

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self._value}>"


def _transposed_hint(received: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What to do where the value is PyTorch's layout of the same weight."""
    rank = len(wanted) - 2
    if (
        rank >= 0
        and len(received) == len(wanted)
        and (received[-rank:] if rank else ()) == wanted[:rank]
        and received[:2] == wanted[-2:][::-1]
    ):
        order = (*range(2, rank + 2), 1, 0)
        return f"that is PyTorch's order; transpose it: value.transpose{order}"
    return "reshape it first" if prod(received) == prod(wanted) else f"give an array of the shape {wanted}"
