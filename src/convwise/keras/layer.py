"""Keras's `Layer`, and the layers of the Keras dialect made to run: thin over dialect, ops and engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise import dialects
from convwise.dialects import base
from convwise.errors import ArgumentError, ModelError, ShapeError
from convwise.keras import activations, initializers, nest
from convwise.keras.drawing import check_single, drawn, only_call
from convwise.keras.state import snake_case, unique_name
from convwise.keras.symbolic import KerasTensor, Node, declared_shape
from convwise.keras.tensor import Tensor, as_tensor
from convwise.keras.variables import Variable
from convwise.keras.weights import Spec, bind, specs
from convwise.ops import Layout, Shape
from convwise.runtime.values import make_call

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
        self.dtype = np.dtype(dtype or np.float32).name
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
        return as_tensor(array, self.dtype if array.dtype.kind == "f" else None)

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
        return drawn(self, self._nodes, inputs, output)

    def compute_output_shape(self, input_shape: Any) -> Any:
        raise ArgumentError(
            "CW208",
            f"the output shape of {type(self).__name__} is known only by calling it",
            layer=self.name,
            hint="call it on an array",
        )

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
        return {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}

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


_LIVE_ENDINGS = ("_initializer", "_regularizer", "_constraint", "_quantizer")
_WEIGHT_NAMES = (
    "kernel",
    "bias",
    "depthwise_kernel",
    "pointwise_kernel",
    "gamma",
    "beta",
    "moving_mean",
    "moving_variance",
    "alpha",
    "scale",
)


class DialectLayer(Layer):
    """A layer that the Keras dialect knows: every argument, refusal and error is the dialect's."""

    kind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        written, self.__dict__["_live"] = _lift(kwargs)
        call = make_call(self.kind, args, written)
        layer = dialects.get("keras").read(call, None)
        self._prepare(kwargs.get("name"), kwargs.get("dtype"), kwargs.get("trainable", True))
        self._layer = layer.named(self.name)
        self._bound: base.Layer | None = None
        self._specs: list[Spec] = []
        if not isinstance(kwargs.get("input_shape"), int):
            self._declared = declared_shape(
                kwargs.get("input_shape"),
                kwargs.get("batch_size"),
                kwargs.get("batch_shape") or kwargs.get("batch_input_shape"),
            )
        if kwargs.get("input_dim") is not None:
            self._declared = declared_shape(kwargs["input_dim"])

    def __call__(self, inputs: Any, *, training: Any = None, **kwargs: Any) -> Any:
        check_single(self, inputs)
        return super().__call__(inputs, training=training, **kwargs)

    @property
    def resolved(self) -> base.Layer:
        """The layer as the dialect read it, its weights settled where the input is known."""
        return self._bound or self._layer

    def __convwise__(self) -> tuple[str, tuple[base.Layer, ...], Shape | None]:
        return "keras", (self._layer,), self._seen[0] if self._seen else self._declared

    @property
    def _layout(self) -> Layout:
        return Layout(channels_last=self._layer.channels_last)

    def _layout_of(self, shape: Shape) -> Layout:
        """Resizing and CenterCrop take one image without a batch, too."""
        single = self._layer.rank == 2 and len(shape) == 3
        return Layout(channels_last=self._layer.channels_last, batched=not single)

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; the batch is its first axis.

        Raises:
            ShapeError, Refusal: as a call would.
        """
        shape = declared_shape(batch_shape=input_shape)
        assert shape is not None
        flow = dialects.get("keras").flow(self._layer, shape)
        self._bound = bind(self._layer, flow, self._layout)
        self._specs = specs(self._layer, self._bound, flow, self._layout)
        self._own.clear()
        for spec in self._specs:
            given = self._live.get(spec.initializer, self._layer.arguments.get(spec.initializer)) or spec.default
            self.add_weight(spec.shape, _initializer(given), trainable=spec.trainable, name=spec.name)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The output shape, the batch included where the input has one.

        Raises:
            ShapeError, Refusal
        """
        shape = declared_shape(batch_shape=input_shape)
        assert shape is not None
        try:
            return dialects.get("keras").flow(self.resolved, shape).output
        except ShapeError as error:
            raise self._in_keras_words(error, shape) from None

    def _in_keras_words(self, error: ShapeError, shape: Shape) -> ShapeError:
        """What Keras says of an input whose channels differ from those the weights were made for."""
        if error.code in ("CW102", "CW109") and error.received != 0 and self._own:
            axis = -1 if self._layer.channels_last or error.code == "CW109" else 1
            wanted = next(
                (getattr(op, "in_channels", None) or getattr(op, "in_features", None) for op in self.resolved.ops), None
            )
            error.quote = (
                f"Input 0 with name 'None' of layer '{self.name}' is incompatible with the layer: expected axis {axis} of input shape "
                f"to have value {wanted}, but received input with shape {shape}"
            )
        return error

    def call(self, inputs: Any) -> Tensor:
        """Run the layer on an array.

        Raises:
            ShapeError, Refusal
        """
        return self._computed(inputs)

    def _joined(self, after: Layer) -> str | None:
        """The activation that the layer `after` adds and that runs together with this one; None where it does not.

        Only where both are what they are called, unchanged, and compute float32: float16 is rounded between the two.
        """
        from convwise.runtime.running import joined

        if not self._plain or not isinstance(after, DialectLayer) or not after._plain:
            return None
        return joined(self._layer.ops, after._layer.ops)

    @property
    def _plain(self) -> bool:
        """Whether a call is this class's `call` in float32 and nothing beside it."""
        own = type(self).call is DialectLayer.call and type(self).__call__ is DialectLayer.__call__
        return own and "call" not in self.__dict__ and self.dtype == "float32" and "activation" not in self._live

    def _call_joined(self, inputs: Any, activation: str) -> Tensor:
        """A call together with that of an activation layer, in a model, whose layers are built and have seen their shapes."""
        return self._computed(self._received(inputs), activation)

    def _computed(self, inputs: Any, together: str | None = None) -> Tensor:
        """`call`, with one more activation applied together with the last op, a convolution."""
        from convwise.runtime.running import following, run

        array = np.asarray(inputs)
        self.compute_output_shape(array.shape)
        if array.dtype.kind != "f" and not _takes_integers(self.resolved):
            array = array.astype(self.dtype)
        activation = None
        for number, op in enumerate(self.resolved.ops):
            if activation is not None:
                activation = None
                continue
            activation = following(self.resolved.ops, number)
            joint = activation or (together if number == len(self.resolved.ops) - 1 else None)
            weights = {
                spec.role: spec.to_engine(own.value)
                for spec, own in zip(self._specs, self._own, strict=True)
                if spec.op == number
            }
            layout = self._layout_of(array.shape) if number == 0 else self._layout
            array = run(op, array, weights or None, layout, "keras", joint)
        custom = self._live.get("activation")
        if custom is not None:
            array = np.asarray(custom(as_tensor(array)))
        return as_tensor(array)

    def __getattr__(self, name: str) -> Any:
        """Weights and arguments by their names: `layer.kernel`, `layer.strides`."""
        values = self.__dict__
        if name in ("input", "output") and "_nodes" in values:
            only_call(self.name, values["_nodes"], name)  # the property has failed, and says so again
        for weight in values.get("_own", ()):
            if weight.name == name:
                return weight
        if "_layer" in values:
            if name in _WEIGHT_NAMES and name not in values["_layer"].arguments:
                if values["built"]:
                    return None
                raise AttributeError(f"You must build the layer before accessing `{name}`.")
            if name in values.get("_live", {}):
                return values["_live"][name]
            if name in values["_layer"].arguments:
                return values["_layer"].arguments[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def get_config(self) -> dict[str, Any]:
        """The arguments by Keras's names."""
        return {**self._layer.arguments, **super().get_config()}


def _lift(kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the dialect reads, live objects): objects that text cannot say are kept apart.

    Regularizers and constraints matter to training alone; an unknown function as activation runs after the layer.
    """
    written: dict[str, Any] = {}
    live: dict[str, Any] = {}
    for name, value in kwargs.items():
        if name.endswith(_LIVE_ENDINGS) and value is not None and not isinstance(value, str):
            live[name] = value
        elif name == "activation" and value is not None and not isinstance(value, str):
            known = activations.name_of(value)
            written[name] = known
            if known is None:
                live[name] = value
        else:
            written[name] = np.dtype(value).name if name == "dtype" and isinstance(value, type | np.dtype) else value
    return written, live


def _initializer(given: Any) -> Any:
    """A string, a live initializer, or a call the dialect has read (`HeNormal(seed=1)`) as an initializer."""
    if isinstance(given, base.Call):
        return initializers.from_call(given)
    return initializers.get(given)


_INTEGERS = frozenset({"Flatten", "Reshape", "Permute", "Unflatten", "Pad", "Crop", "PixelShuffle"})


def _takes_integers(layer: base.Layer) -> bool:
    """Whether whole numbers stay whole: rearranging, and the maximum."""
    return all(
        type(op).__name__ in _INTEGERS or getattr(op, "kind", None) in ("max", "identity", "dropout")
        for op in layer.ops
    )
