"""The layers of the Keras dialect made to run: thin over dialect, ops and engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convwise import dialects
from convwise.dialects import base
from convwise.dialects.keras.kinds import KINDS, canonical
from convwise.dialects.keras.signatures import parameters
from convwise.errors import ArgumentError, Refusal, ShapeError, said
from convwise.keras import activations, initializers
from convwise.keras.attributes import as_keras
from convwise.keras.drawing import check_single, only_call
from convwise.keras.layer import Layer
from convwise.keras.symbolic import declared_shape
from convwise.keras.tensor import Tensor, as_tensor
from convwise.keras.weights import Spec, bind, specs
from convwise.ops import Layout, Op, Pointwise, Shape
from convwise.runtime.values import literal, make_call

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

_NAMED = ("name", "dtype", "trainable", "autocast", "input_shape", "input_dim")
_SIZES = ("filters", "units", "kernel_size", "depth_multiplier")
_OF_WEIGHTS = ("use_bias", "center", "scale", "axis", "data_format", "shared_axes")
"""Arguments by which a layer's weights were made."""


class DialectLayer(Layer):
    """A layer that the Keras dialect knows: every argument, refusal and error is the dialect's."""

    kind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        args, written, self.__dict__["_live"] = _lift(self.kind, args, kwargs)
        call = make_call(self.kind, args, written)
        layer = dialects.get("keras").read(call, None)
        self._prepare(kwargs.get("name"), kwargs.get("dtype"), kwargs.get("trainable", True))
        self._layer = layer.named(self.name)
        self._bound: base.Layer | None = None
        self._built_for: Shape | None = None
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

    def __setattr__(self, name: str, value: Any) -> None:
        """Arguments that are set are what runs from now on, as in Keras, whose `call` reads them every time.

        Raises:
            ArgumentError: CW606 for a weight, CW208 for what the weights were made by.
            ShapeError, Refusal: those of a layer that is made so.
        """
        layer = self.__dict__.get("_layer")
        if layer is not None and any(weight.name == name for weight in self._own):
            hint = f"write layer.{name}.assign(...), or layer.set_weights([...])"
            raise ArgumentError("CW606", f"the weight {name!r} cannot be set", layer=self.name, axis=name, hint=hint)
        super().__setattr__(name, value)
        if layer is not None and name in layer.arguments and name not in _NAMED:
            self._renew(name, value)

    def _renew(self, name: str, value: Any) -> None:
        """Read the layer again with another value for one argument."""
        if self._own and name in _OF_WEIGHTS:
            fact = f"{name} cannot be changed once the layer has weights"
            raise ArgumentError("CW208", fact, layer=self.name, axis=name, received=value, hint="make a new layer")
        if self._own and name in (*_SIZES, *(("groups",) if "filters" in self._layer.arguments else ())):
            return  # the weights say it, in Keras too
        given = {**self._layer.arguments}
        if "pool_size" in given:
            given["strides"] = as_keras(self._layer)["strides"]  # settled when the layer was made
        self._live.pop(name, None)
        given[name] = _written(name, value, self._live)
        given = {word: one for word, one in given.items() if one is not None or word not in _NAMED}
        self._layer = dialects.get("keras").read(make_call(self.kind, (), given), None).named(self.name)
        if self._built_for is not None:
            flow = dialects.get("keras").flow(self._layer, self._built_for)
            self._bound = bind(self._layer, flow, self._layout)

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
        self._built_for = shape
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
        return (
            own
            and "call" not in self.__dict__
            and self.dtype_policy.name == "float32"
            and "activation" not in self._live
        )

    def _call_joined(self, inputs: Any, activation: str) -> Tensor:
        """A call together with that of an activation layer, in a model, whose layers are built and have seen their shapes."""
        return self._computed(self._received(inputs), activation)

    def _computed(self, inputs: Any, together: str | None = None) -> Tensor:
        """`call`, with one more activation applied together with the last op, a convolution."""
        from convwise.runtime.running import following, run

        array = np.asarray(inputs)
        self.compute_output_shape(array.shape)
        if array.dtype.kind != "f" and not _takes_integers(self.resolved):
            array = array.astype(self.compute_dtype)
        if array.dtype == np.bool_ and all(map(_moves, self.resolved.ops)):
            return as_tensor(np.asarray(self._computed(array.view(np.uint8), together)).astype(np.bool_))
        activation = None
        for number, op in enumerate(self.resolved.ops):
            if activation is not None:
                activation = None
                continue
            activation = following(self.resolved.ops, number)
            joint = activation or (together if number == len(self.resolved.ops) - 1 else None)
            weights = {
                spec.role: spec.to_engine(own.value.astype(self.compute_dtype, copy=False))
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
            told = as_keras(values["_layer"])
            if name in told:
                return activations.get(told[name]) if name == "activation" else told[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _gives(self, dtype: str) -> str:
        return dtype if np.dtype(dtype).kind != "f" and _takes_integers(self.resolved) else self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        """The arguments by Keras's names."""
        own = {name: value for name, value in as_keras(self._layer).items() if name not in _BESIDE}
        return {**own, **super().get_config()}


def _lift(
    kind: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
    """(arguments by place and by name as the dialect reads them, live objects): objects that text cannot say are kept apart."""
    live: dict[str, Any] = {}
    found = dialects.get("keras")
    known = parameters(canonical(kind), found.release) if canonical(kind) in KINDS else ()
    places = [one.name for one in known if not one.keyword_only]
    by_place = [_written(name, value, live) for name, value in zip(places, args, strict=False)]
    by_name = {name: _written(name, value, live) for name, value in kwargs.items()}
    return (*by_place, *args[len(by_place) :]), by_name, live


def _written(name: str, value: Any, live: dict[str, Any]) -> Any:
    """What the dialect reads for an argument.

    Regularizers and constraints matter to training alone; an unknown function as activation runs after the layer.
    """
    if name.endswith(_LIVE_ENDINGS) and value is not None and not isinstance(value, str):
        live[name] = value
        return None
    if name == "activation" and callable(value):
        known = activations.name_of(value)
        if known is None:
            live[name] = value
        return known
    if name == "activation" and isinstance(literal(value), base.Unknown):
        quote = f"Could not interpret activation function identifier: {value}"
        raise Refusal("CW207", f"no activation {said(value)}", axis=name, received=value, quote=quote)
    return np.dtype(value).name if name == "dtype" and isinstance(value, type | np.dtype) else value


def _initializer(given: Any) -> Any:
    """A string, a live initializer, or a call the dialect has read (`HeNormal(seed=1)`) as an initializer."""
    if isinstance(given, base.Call):
        return initializers.from_call(given)
    return initializers.get(given)


_BESIDE = ("autocast", "input_shape", "input_dim")
"""Arguments that Keras takes and does not tell again."""
_INTEGERS = frozenset({"Flatten", "Reshape", "Permute", "Unflatten", "Pad", "Crop", "PixelShuffle"})


def _moves(op: Op) -> bool:
    """Whether every number comes out as it went in."""
    return type(op).__name__ in _INTEGERS or getattr(op, "kind", None) in ("identity", "dropout")


def _takes_integers(layer: base.Layer) -> bool:
    """Whether whole numbers stay whole: rearranging, the maximum, and what cuts off below 0."""
    return all(_moves(op) or getattr(op, "kind", None) == "max" or op == Pointwise("relu") for op in layer.ops)
