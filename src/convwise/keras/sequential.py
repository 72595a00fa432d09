"""`Sequential`: layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convwise.dialects import base
from convwise.errors import ArgumentError
from convwise.keras.dialect_layer import DialectLayer
from convwise.keras.inputs import InputLayer
from convwise.keras.layer import Layer
from convwise.keras.model import Model
from convwise.keras.state import unique_name
from convwise.keras.symbolic import KerasTensor, declared_shape
from convwise.keras.tensor import Tensor, as_tensor
from convwise.ops import Shape


def _through(steps: Sequence[Layer], inputs: Any) -> Any:
    """One layer after the other; an activation layer behind a convolution runs together with it."""
    number = 0
    while number < len(steps):
        layer, after = steps[number], steps[number + 1] if number + 1 < len(steps) else None
        if isinstance(layer, DialectLayer) and isinstance(after, DialectLayer):
            activation = layer._joined(after) if not isinstance(inputs, KerasTensor) else None
            if activation is not None:
                inputs, number = layer._call_joined(inputs, activation), number + 2
                continue
        inputs, number = layer(inputs), number + 1
    return inputs


class Sequential(Model):
    """Layers one after the other."""

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        self._prepare(name, None, trainable)
        self._graph = None
        self._steps: list[Layer] = []
        self._input: KerasTensor | None = None
        self._output: KerasTensor | None = None
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._count()

    @property
    def layers(self) -> list[Layer]:
        return [
            layer for i, layer in enumerate(self._steps) if not any(layer is earlier for earlier in self._steps[:i])
        ]

    def get_config(self) -> dict[str, Any]:
        """The layers with their arguments, the input first where it is known."""
        begin = [] if self._input is None else [self._input.node.layer]
        layers = [
            {"module": "keras.layers", "class_name": layer.kind_name, "config": layer.get_config()}
            for layer in (*begin, *self._steps)
        ]
        return {"name": self.name, "trainable": self.trainable, "layers": layers}

    @property
    def __convwise_network__(self) -> dict[str, Any] | None:
        branches = any(isinstance(layer, Model) and layer.__convwise_network__ is not None for layer in self._steps)
        return self.get_config() if branches else None

    def __convwise__(self) -> tuple[str, tuple[base.Layer, ...], Shape | None]:
        inner = [layer.__convwise__()[1] for layer in self._steps]
        return "keras", tuple(one for part in inner for one in part), None if self._input is None else self._input.shape

    @property
    def inputs(self) -> list[KerasTensor]:
        return [] if self._input is None else [self._input]

    @property
    def outputs(self) -> list[KerasTensor]:
        return [] if self._output is None else [self._output]

    @property
    def input(self) -> KerasTensor:
        if self._input is None:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined input.")
        return self._input

    @property
    def output(self) -> KerasTensor:
        if self._output is None:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined output.")
        return self._output

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer; where the input shape is known it is built at once, so that a misfit shows here.

        Raises:
            ArgumentError: CW606 for what is no layer, or a name given twice.
            ShapeError, Refusal: where the layer does not fit behind the others.
        """
        if isinstance(layer, KerasTensor) and isinstance(layer.node.layer, InputLayer):
            layer = layer.node.layer
        if isinstance(layer, type) and issubclass(layer, Layer):
            layer = self._refuse(layer, f"{layer.__name__} is a class; call it: {layer.__name__}(...)")
        if not isinstance(layer, Layer):
            self._refuse(layer, "give a layer such as keras.layers.Conv2D(32, 3)")
        if isinstance(layer, InputLayer):
            self._begin(layer.tensor)
            return
        if any(layer.name == known.name for known in self._steps):
            raise ArgumentError(
                "CW606",
                f"two layers are called {layer.name!r}",
                received=layer.name,
                quote=f'All layers added to a Sequential model should have unique names. Name "{layer.name}" is already the name of a layer '
                "in this model. Update the `name` argument to pass a unique name.",
                hint="a layer object can stand in a Sequential once",
            )
        if not self._steps and self._input is None and layer._declared is not None:
            self._begin(InputLayer(batch_shape=layer._declared).tensor)
        if self._output is not None:
            self._output = layer(self._output)
            self._finish()
        elif not self._steps and isinstance(layer, Model) and layer.inputs:
            self._input = InputLayer(batch_shape=layer.input.shape).tensor
            self._output = layer(self._input)
            self._finish()
        self._steps.append(layer)
        if rebuild:
            self._count()

    def _count(self) -> None:
        """Keras makes a functional model of the layers whenever these are settled anew, and counts it where it numbers such models."""
        if self._steps and self._output is not None:
            unique_name("functional")

    def _refuse(self, layer: Any, hint: str) -> Any:
        raise ArgumentError(
            "CW606",
            f"{type(layer).__name__} is no layer",
            received=str(layer),
            quote=f"Only instances of `keras.Layer` can be added to a Sequential model. Received: {layer} (of type {type(layer)})",
            hint=hint,
        )

    def _begin(self, tensor: KerasTensor) -> None:
        if self._steps or self._input is not None:
            raise ArgumentError(
                "CW606", f"{self.name} has an input already", received=tensor.shape, hint="Input comes first, and once"
            )
        self._input = self._output = tensor

    def _finish(self) -> None:
        assert self._input is not None
        assert self._output is not None
        self._seen, self._drawn = (self._input.shape, self._output.shape), True
        self.built = True

    def pop(self, rebuild: bool = True) -> Layer | None:
        """Take the last layer off and give it back."""
        if not self._steps:
            return None
        layer = self._steps.pop()
        if self._output is not None:
            self._output = self._output.node.arguments
            self._finish()
            self._count()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make all weights for inputs of this shape, the batch included.

        Raises:
            ShapeError, Refusal
            ArgumentError: CW606 where another input shape was settled before.
        """
        shape = declared_shape(batch_shape=input_shape)
        if shape is None:
            return
        if self._input is not None:
            if shape != self._input.shape:
                raise ArgumentError(
                    "CW606",
                    f"the input shape is {self._input.shape} already",
                    layer=self.name,
                    received=shape,
                    quote=f"Sequential model '{self.name}' has already been configured to use input shape {self._input.shape}. "
                    f"You cannot build it with input_shape {shape}",
                )
            self._count()
            return
        if not self._steps:
            return
        tensor = start = InputLayer(batch_shape=shape).tensor
        for layer in self._steps:
            tensor = layer(tensor)
        self._input, self._output = start, tensor
        self._finish()
        self._count()

    def _received_array(self, inputs: Any) -> Tensor:
        """In the type of the input: whole numbers become float32 where none is declared."""
        return as_tensor(super()._received_array(inputs), "float32" if self._input is None else self._input.dtype)

    def _build_once(self, shape: Shape) -> None:
        if self._input is None:
            self.build(shape)

    def call(self, inputs: Any) -> Tensor:
        return _through(self._steps, inputs)  # type: ignore[no-any-return]

    def compute_output_shape(self, input_shape: Any) -> Shape:
        for layer in self._steps:
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    def _last(self, which: str) -> tuple[Shape, Shape]:
        if self._seen is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined {which} shape yet.")
        return self._seen
