"""`Sequential`, straight functional models, and subclasses of `Model`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.dialects import base
from convwise.errors import ArgumentError
from convwise.keras.layer import DialectLayer, Layer, inference_only
from convwise.keras.state import snake_case, unique_name
from convwise.keras.summary import print_summary
from convwise.keras.symbolic import KerasTensor, declared_shape
from convwise.keras.tensor import Tensor
from convwise.ops import Shape

BATCH = 32
"""How many samples `predict` runs at once where nothing is said."""


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
        self.tensor = KerasTensor(given, self.dtype, layer=self)
        self._seen = (given, given)

    def call(self, inputs: Any) -> Any:
        return inputs


class Model(Layer):
    """A straight functional model `Model(inputs, outputs)`, or a base class whose subclasses define `call`.

    It runs; it does not train: `compile` is accepted and changes nothing, `fit` refuses.
    """

    def __init__(
        self,
        inputs: KerasTensor | None = None,
        outputs: KerasTensor | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        functional = inputs is not None and outputs is not None
        title = name or unique_name(
            "functional" if functional and type(self) is Model else snake_case(type(self).__name__)
        )
        self._prepare(title, kwargs.get("dtype"), kwargs.get("trainable", True))
        self._steps: list[Layer] = []
        self._input: KerasTensor | None = None
        self._output: KerasTensor | None = None
        if functional:
            self._trace(_only(inputs, "inputs"), _only(outputs, "outputs"))

    def _trace(self, inputs: KerasTensor, outputs: KerasTensor) -> None:
        """Walk back from the outputs to the inputs."""
        steps: list[Layer] = []
        tensor = outputs
        while tensor is not inputs:
            if tensor.parent is None or tensor.layer is None:
                raise ArgumentError(
                    "CW315",
                    "the outputs do not follow from the inputs",
                    layer=self.name,
                    quote="`inputs` not connected to `outputs`",
                    hint="call the layers on the Input that is passed as `inputs`",
                )
            steps.append(tensor.layer)
            tensor = tensor.parent
        self._input, self._output = inputs, outputs
        self._steps = ([inputs.layer] if isinstance(inputs.layer, InputLayer) else []) + steps[::-1]
        self._seen, self._drawn = (inputs.shape, outputs.shape), True
        self.built = True

    # Layers

    @property
    def layers(self) -> list[Layer]:
        """The layers in order; a functional model's input layer is one of them."""
        if not self._steps:
            return list(self._sublayers)
        return [
            layer for i, layer in enumerate(self._steps) if not any(layer is earlier for earlier in self._steps[:i])
        ]

    def _flatten_layers(self) -> Iterator[Layer]:
        yield from self.layers

    def __convwise__(self) -> tuple[str, tuple[base.Layer, ...], Shape | None]:
        if not self._steps:
            return super().__convwise__()
        inner = [layer.__convwise__()[1] for layer in self._steps if not isinstance(layer, InputLayer)]
        return "keras", tuple(one for part in inner for one in part), None if self._input is None else self._input.shape

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or number.

        Raises:
            ArgumentError: CW606.
        """
        layers = self.layers
        if index is not None:
            if -len(layers) <= index < len(layers):
                return layers[index]
            raise ArgumentError(
                "CW606",
                f"no layer {index} among {len(layers)}",
                received=index,
                quote=f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers.",
            )
        for layer in layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in layers]
        raise ArgumentError(
            "CW606", f"no layer {name!r}", received=name, quote=f"No such layer: {name}. Existing layers are: {names}."
        )

    # Running

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

    def call(self, inputs: Any) -> Any:
        if not self._steps:
            return super().call(inputs)
        return _through(self._steps, inputs)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        if not self._steps:
            return super().compute_output_shape(input_shape)
        for layer in self._steps:
            if not isinstance(layer, InputLayer):
                input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None, **_: Any
    ) -> NDArray[Any]:
        """The outputs for all samples of `x`, run `batch_size` at a time, as one NumPy array; it prints nothing.

        Raises:
            ShapeError, Refusal
            ArgumentError: CW605 for no samples.
        """
        array = np.asarray(x)
        size = BATCH if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise ArgumentError(
                "CW606", "the batch size must be an integer of at least 1", axis="batch_size", received=batch_size
            )
        if array.ndim == 0 or len(array) == 0:
            raise ArgumentError(
                "CW605",
                "there is no sample to predict",
                layer=self.name,
                received=array.shape,
                hint="give at least one sample",
            )
        parts = [np.asarray(self(array[start : start + size])) for start in range(0, len(array), size)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict_on_batch(self, x: Any) -> NDArray[Any]:
        """The outputs for all samples of `x` at once."""
        return np.array(self(x))

    def summary(self, line_length: int | None = None, print_fn: Any = None, **_: Any) -> None:
        """Print the layers, their output shapes and parameters in Keras's table."""
        print_summary(self, line_length, print_fn)

    def compile(self, *_: Any, **__: Any) -> None:
        """Accepted so that scripts run on; there is nothing to configure where nothing trains."""

    def fit(self, *_: Any, **__: Any) -> None:
        """Refuse.

        Raises:
            ArgumentError: CW606.
        """
        inference_only(True)

    train_on_batch = evaluate = fit


def _only(value: Any, name: str) -> KerasTensor:
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, KerasTensor):
        return value
    raise ArgumentError(
        "CW208",
        f"{name} must be one symbolic tensor",
        axis=name,
        received=type(value).__name__,
        hint="models of one input and one output run; pass what Input and the last layer gave",
    )


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
        self._steps = []
        self._input = None
        self._output = None
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer; where the input shape is known it is built at once, so that a misfit shows here.

        Raises:
            ArgumentError: CW606 for what is no layer, or a name given twice.
            ShapeError, Refusal: where the layer does not fit behind the others.
        """
        if isinstance(layer, KerasTensor) and isinstance(layer.layer, InputLayer):
            layer = layer.layer
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
            self._output = self._output.parent
            self._finish()
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
            return
        if not self._steps:
            return
        tensor = start = InputLayer(batch_shape=shape).tensor
        for layer in self._steps:
            tensor = layer(tensor)
        self._input, self._output = start, tensor
        self._finish()

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
