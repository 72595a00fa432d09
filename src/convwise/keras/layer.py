"""Keras's `Layer`: a name, weights, a build on first need, and a call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.dialects import base
from convwise.errors import ArgumentError, ModelError
from convwise.keras import initializers, nest
from convwise.keras.drawing import drawn, only_call
from convwise.keras.dtypes import policy
from convwise.keras.state import snake_case, unique_name
from convwise.keras.symbolic import KerasTensor, Node
from convwise.keras.tensor import Tensor, as_tensor
from convwise.keras.tracing import shapes_given
from convwise.keras.variables import Variable
from convwise.ops import Shape

Array = NDArray[Any]


def inference_only(training: Any) -> None:
    """Refuse `training=True`.

    Raises:
        ArgumentError: CW606.
    """
    if training:
        raise ArgumentError(
            "CW606",
            "convwise runs layers, it does not train them",
            axis="training",
            received=training,
            hint="call the layer without training, or with training=False",
        )


class Layer:
    """What all layers share: a name, weights, a build on first need, and a call. Subclass it with `build` and `call` as in Keras."""

    _own: list[Variable]
    _sublayers: list[Layer]

    def __init__(self, *, name: str | None = None, dtype: Any = None, trainable: bool = True, **kwargs: Any) -> None:
        if kwargs:
            word = next(iter(kwargs))
            raise ArgumentError("CW305", f"no argument {word!r}", layer=f"Keras {type(self).__name__}", received=word)
        self._prepare(name, dtype, trainable)

    def _prepare(self, name: str | None, dtype: Any, trainable: bool) -> None:
        object.__setattr__(self, "_own", [])
        object.__setattr__(self, "_sublayers", [])
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype_policy = policy(dtype, self.name)
        self.trainable = trainable
        self.built = False
        self._seen: tuple[Any, Any] | None = None
        self._nodes: list[Node] = []
        self._drawn = False
        self._declared: Shape | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if "_sublayers" in self.__dict__ and not name.startswith("_"):
            for item in value if isinstance(value, list | tuple) else (value,):
                if isinstance(item, Layer) and not any(item is known for known in self._sublayers):
                    self._sublayers.append(item)
        object.__setattr__(self, name, value)
        if name == "trainable" and "built" in self.__dict__:
            for layer in self._flatten_layers():
                layer.trainable = bool(value)

    @property
    def dtype(self) -> str:
        """The type of its weights."""
        return self.dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The type of what it is given and gives, where these are no whole numbers."""
        return self.dtype_policy.compute_dtype

    # Calling

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; the batch is its first axis."""

    def call(self, inputs: Any) -> Any:
        raise ArgumentError(
            "CW208", f"{type(self).__name__} has no `call`", layer=self.name, hint="define call(self, inputs)"
        )

    def __call__(self, inputs: Any, *, training: Any = None, **kwargs: Any) -> Any:
        inference_only(training)
        if nest.is_symbolic(inputs):
            return self._call_symbolic(inputs)
        arrays = self._received(inputs)
        shapes = nest.shapes(arrays)
        self._build_once(shapes)
        outputs = self.call(arrays, **kwargs)
        if not self._drawn:
            # A layer that stands in a model keeps the shapes of the model; any other has those of its last call.
            self._seen = (shapes, nest.shapes(outputs))
        return nest.mapped(lambda one: one if isinstance(one, KerasTensor | Tensor) else as_tensor(one), outputs)

    def _received(self, inputs: Any) -> Any:
        """The input as an array, or the same nest of arrays."""
        return nest.mapped(self._received_array, inputs)

    def _received_array(self, inputs: Any) -> Tensor:
        """Floating point in the layer's own type, whole numbers as they are."""
        array = np.asarray(inputs)
        if array.dtype.kind not in "biuf":
            raise ArgumentError(
                "CW605",
                f"an array of {array.dtype} is no input",
                layer=self.name,
                received=type(inputs).__name__,
                quote=f"Only input tensors may be passed as positional arguments. The following argument value should be passed as a "
                f"keyword argument: {inputs} (of type {type(inputs)})",
                hint="give an array of numbers",
            )
        return as_tensor(array, self.compute_dtype if array.dtype.kind == "f" else None)

    def _build_once(self, shape: Any) -> None:
        if not self.built:
            self.build(shape)
            self.built = True

    def _call_symbolic(self, inputs: Any) -> Any:
        """The tensors that a call on tensors without values gives; the call is remembered, for models are drawn from it."""
        shapes = nest.shapes(inputs)
        self._build_once(shapes)
        output = self.compute_output_shape(shapes)
        self._seen, self._drawn = (shapes, output), True
        dtype = self._gives(next(leaf.dtype for leaf in nest.flat(inputs) if isinstance(leaf, KerasTensor)))
        return drawn(self, self._nodes, inputs, output, dtype)

    def _gives(self, dtype: str) -> str:
        """The type of what it makes of `dtype`: whole numbers may stay whole."""
        return self.compute_dtype if np.dtype(dtype).kind == "f" else dtype

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The output shape, the batch included: what `call` makes of zeros, where the layer says nothing better."""
        return shapes_given(self, input_shape)

    # Weights

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """A new weight of this layer; regularizers and constraints are for training and not used."""
        value = initializers.get(initializer)(tuple(shape), dtype or self.dtype)
        title = name or f"variable_{len(self._own)}"
        variable = Variable(value, name=title, path=f"{self.name}/{title}", trainable=trainable)
        self._own.append(variable)
        return variable

    def _flatten_layers(self) -> Iterator[Layer]:
        yield from self._sublayers

    @property
    def weights(self) -> list[Variable]:
        """All weights, those that training would not change included, in Keras's order."""
        found: list[Variable] = list(self._own)
        for layer in self._flatten_layers():
            found += [weight for weight in layer.weights if not any(weight is known for known in found)]
        return found

    variables = weights

    @property
    def trainable_weights(self) -> list[Variable]:
        return [weight for weight in self.weights if weight.trainable] if self.trainable else []

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = self.trainable_weights
        return [weight for weight in self.weights if not any(weight is known for known in trained)]

    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in Keras's layouts and order."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all weights, given in Keras's layouts and order.

        Raises:
            ArgumentError: CW605 where their number or a shape differs; nothing is replaced then.
        """
        own = self.weights
        if len(weights) != len(own):
            raise ArgumentError(
                "CW605",
                f"{len(weights)} arrays where {len(own)} are needed",
                layer=self.name,
                received=len(weights),
                quote=f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length {len(weights)}, "
                f"but the layer was expecting {len(own)} weights.",
                detail=", ".join(f"{weight.name} {weight.shape}" for weight in own),
                hint="" if own else "the layer has no weights yet: build it or call it first",
            )
        arrays = [np.asarray(value) for value in weights]
        for weight, value in zip(own, arrays, strict=True):
            if weight.shape != value.shape:
                # Variable.assign tells the difference, with the way out; nothing has been replaced yet.
                weight.assign(value)
        for weight, value in zip(own, arrays, strict=True):
            weight.assign(value)

    def count_params(self) -> int:
        """How many numbers the layer stores.

        Raises:
            ArgumentError: CW605 where it is not built yet.
        """
        if not self.built:
            raise ArgumentError(
                "CW605",
                "the layer is not built, so its weights have no shapes yet",
                layer=self.name,
                quote=f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. "
                "You can build it manually via: `layer.build(input_shape)`.",
                hint="call build((None, height, width, channels))",
            )
        return sum(weight.size for weight in self.weights)

    def get_config(self) -> dict[str, Any]:
        """The arguments by Keras's names."""
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.name}

    def __convwise__(self) -> tuple[str, tuple[base.Layer, ...], Shape | None]:
        """(dialect, the layers in order, the input shape they were built for): what `convwise.explain` reads.

        Raises:
            ModelError: CW402 for a layer whose `call` is the user's own.
        """
        raise ModelError(
            "CW402",
            f"{type(self).__name__} is a layer of your own, whose call a live object does not show",
            layer=self.name,
            received=type(self).__name__,
            hint="give its source text, where the order of the layers can be read",
        )

    # What it last saw

    @property
    def input(self) -> Any:
        """The tensor without values, or the nest of them, that the layer was called on while a model was drawn."""
        return only_call(self.name, self._nodes, "input").arguments

    @property
    def output(self) -> Any:
        """The tensor that the layer gave while a model was drawn; several in a list."""
        found = only_call(self.name, self._nodes, "output").outputs
        return found[0] if len(found) == 1 else found

    @property
    def input_shape(self) -> Any:
        return self._last("input")[0]

    @property
    def output_shape(self) -> Any:
        return self._last("output")[1]

    def _last(self, which: str) -> tuple[Any, Any]:
        if self._seen is None:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined {which}.")
        return self._seen

    def __repr__(self) -> str:
        return f"<{self.kind_name} name={self.name}, built={self.built}>"

    @property
    def kind_name(self) -> str:
        """The class as Keras calls it."""
        return type(self).__name__
