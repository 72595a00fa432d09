"""Tensors without values: what a functional model is drawn with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convwise.errors import ArgumentError
from convwise.keras.state import unique_name
from convwise.ops import Shape
from convwise.runtime.values import literal

if TYPE_CHECKING:
    from convwise.keras.layer import Layer


@dataclass(frozen=True, eq=False)
class Node:
    """One call of a layer on tensors without values: what went in, the number of the call, and the tensors that it gave."""

    layer: Layer
    arguments: Any
    number: int
    outputs: list[KerasTensor] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class KerasTensor:
    """A shape with a history: the call that gives it, `Input`'s to start with, and its place among what that call gives."""

    shape: Shape
    node: Node
    dtype: str = "float32"
    name: str = field(default_factory=lambda: unique_name("keras_tensor"))
    place: int = 0

    __array_ufunc__ = None  # an array on the left of an operator leaves it to the methods here

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, name={self.name}>"

    def __add__(self, other: Any) -> KerasTensor:
        return _operated("Add", self, other)

    def __radd__(self, other: Any) -> KerasTensor:
        return _operated("Add", other, self)

    def __sub__(self, other: Any) -> KerasTensor:
        return _operated("Subtract", self, other)

    def __rsub__(self, other: Any) -> KerasTensor:
        return _operated("Subtract", other, self)

    def __mul__(self, other: Any) -> KerasTensor:
        return _operated("Multiply", self, other)

    def __rmul__(self, other: Any) -> KerasTensor:
        return _operated("Multiply", other, self)

    def __truediv__(self, other: Any) -> KerasTensor:
        return _operated("TrueDivide", self, other)

    def __rtruediv__(self, other: Any) -> KerasTensor:
        return _operated("TrueDivide", other, self)


def _operated(kind: str, *operands: Any) -> KerasTensor:
    from convwise.keras.merging import operated

    return operated(kind, *operands)


def declared_shape(shape: Any = None, batch_size: int | None = None, batch_shape: Any = None) -> Shape | None:
    """The input shape with its batch, as `Input` and `input_shape=` say it.

    Raises:
        ArgumentError: CW601.
    """
    if shape is not None and batch_shape is not None:
        raise ArgumentError(
            "CW606", "both `shape` and `batch_shape` are given", received=shape, hint="keep one of the two"
        )
    given = literal(batch_shape if batch_shape is not None else shape)
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool):
        given = (given,)
    if not isinstance(given, tuple) or not all(size is None or (type(size) is int and size >= 0) for size in given):
        raise ArgumentError(
            "CW601",
            "an input shape is a tuple of sizes, each an integer of at least 0 or None",
            received=shape if batch_shape is None else batch_shape,
            quote=f"Cannot convert '{shape if batch_shape is None else batch_shape}' to a shape.",
            hint="write shape=(64, 64, 3): height, width, channels, without the batch",
        )
    return given if batch_shape is not None else (batch_size, *given)
