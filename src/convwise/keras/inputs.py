"""`Input`, and the layer behind it: where a model begins."""

from __future__ import annotations

from typing import Any

from convwise.errors import ArgumentError
from convwise.keras.layer import Layer
from convwise.keras.symbolic import KerasTensor, Node, declared_shape


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    name: str | None = None,
    batch_shape: Any = None,
    **_: Any,
) -> KerasTensor:
    """Where a model begins: the shape of one sample.

    Raises:
        ArgumentError: CW601.
    """
    return InputLayer(shape, batch_size=batch_size, dtype=dtype, name=name, batch_shape=batch_shape).tensor


class InputLayer(Layer):
    """The layer behind `Input`; it gives back what goes in."""

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        batch_shape: Any = None,
        **kwargs: Any,
    ) -> None:
        self._prepare(name, dtype, True)
        given = declared_shape(kwargs.get("input_shape") if shape is None else shape, batch_size, batch_shape)
        if given is None:
            raise ArgumentError(
                "CW303",
                "argument 'shape' is missing",
                layer="Keras InputLayer",
                quote="You must pass a `shape` argument.",
                hint="write Input(shape=(64, 64, 3)): height, width, channels, without the batch",
            )
        self.batch_shape = given
        self.built = True
        self.tensor = KerasTensor(given, Node(self, (), 0), self.dtype, self.name)
        self.tensor.node.outputs.append(self.tensor)
        self._seen = (given, given)

    def get_config(self) -> dict[str, Any]:
        """The arguments by Keras's names."""
        return {"name": self.name, "dtype": self.dtype, "batch_shape": self.batch_shape}

    def call(self, inputs: Any) -> Any:
        return inputs
