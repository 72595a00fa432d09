"""Inputs without values: what a functional model is drawn with."""

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
class KerasTensor:
    """A shape with a history: the layer that gives it and the tensor that goes in; `Input` starts one."""

    shape: Shape
    dtype: str = "float32"
    name: str = field(default_factory=lambda: unique_name("keras_tensor"))
    layer: Layer | None = None
    parent: KerasTensor | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse=False, ragged=False, name={self.name}>"


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
