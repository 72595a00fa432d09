"""Functional models of any graph, and subclasses of `Model`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from convwise.dialects import base
from convwise.errors import ArgumentError, ModelError, ShapeError
from convwise.keras import nest
from convwise.keras.config import config_of
from convwise.keras.graph import Graph, graph_of, parents
from convwise.keras.layer import Layer, inference_only
from convwise.keras.merging import Merge, Operation
from convwise.keras.state import snake_case, unique_name
from convwise.keras.summary import print_summary
from convwise.keras.symbolic import KerasTensor
from convwise.keras.tensor import Tensor, as_tensor
from convwise.ops import Shape

BATCH = 32
"""How many samples `predict` runs at once where nothing is said."""


class Model(Layer):
    """A functional model `Model(inputs, outputs)`, or a base class whose subclasses define `call`.

    It runs; it does not train: `compile` is accepted and changes nothing, `fit` refuses.
    """

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any) -> None:
        functional = inputs is not None and outputs is not None
        kind = "functional" if functional and type(self) is Model else snake_case(type(self).__name__)
        title = name or unique_name(kind)
        self._prepare(title, kwargs.get("dtype"), kwargs.get("trainable", True))
        self._graph: Graph | None = None
        if functional:
            self._graph = graph = graph_of(inputs, outputs, title)
            self._asked = inputs
            self._seen, self._drawn = (self._shapes(graph.inputs), self._shapes(list(nest.flat(graph.outputs)))), True
            self.built = True

    @staticmethod
    def _shapes(tensors: Any) -> Any:
        return tensors[0].shape if len(tensors) == 1 else [tensor.shape for tensor in tensors]

    # Layers

    @property
    def layers(self) -> list[Layer]:
        """The layers in Keras's order; a functional model's input layers are among them."""
        if self._graph is None:
            return list(self._sublayers)
        return [layer for layer in self._graph.operations if not isinstance(layer, Operation)]

    @property
    def operations(self) -> list[Layer]:
        """The layers, and the operators between tensors."""
        return self.layers if self._graph is None else list(self._graph.operations)

    @property
    def kind_name(self) -> str:
        return "Functional" if type(self) is Model and self._graph is not None else super().kind_name

    def connections(self) -> dict[str, list[str]] | None:
        """By the name of each layer what it reads, as Keras prints it: `conv2d[0][0]` is the first output of the first call. None for a chain."""
        if self._graph is None or self._graph.is_chain:
            return None
        found: dict[str, list[str]] = {}
        for node in self._graph.nodes:
            read = [self._graph.source(tensor) for tensor in parents(node)]
            found.setdefault(node.layer.name, []).extend(read)
        return found

    def _flatten_layers(self) -> Iterator[Layer]:
        yield from self.layers

    def get_config(self) -> dict[str, Any]:
        """A functional model's layers, and what each call of them reads; of a model with a `call` of its own nothing but its name."""
        return super().get_config() if self._graph is None else config_of(self.name, self._graph)

    @property
    def __convwise_network__(self) -> dict[str, Any] | None:
        """The configuration that `convwise.read` reads; None for a chain, which `__convwise__` tells."""
        chain = self._graph is None or (
            self._graph.straight and not any(isinstance(layer, Merge) for layer in self._graph.operations)
        )
        return None if chain else self.get_config()

    def __convwise__(self) -> tuple[str, tuple[base.Layer, ...], Shape | None]:
        if self._graph is None:
            return super().__convwise__()
        if self.__convwise_network__ is not None:
            raise ModelError(
                "CW402",
                "the model has branches, and is no chain of layers",
                layer=self.name,
                received=type(self).__name__,
                hint="read it as a network: cw.read(model).trace(), or give its source text to cw.read",
            )
        inner = [node.layer.__convwise__()[1] for node in self._graph.nodes]
        return "keras", tuple(one for part in inner for one in part), self._graph.inputs[0].shape

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
        return [] if self._graph is None else list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        return [] if self._graph is None else list(nest.flat(self._graph.outputs))

    @property
    def input(self) -> Any:
        if self._graph is None:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined input.")
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> Any:
        if self._graph is None:
            raise AttributeError(f"The layer {self.name} has never been called and thus has no defined output.")
        return self._graph.outputs

    def _received(self, inputs: Any) -> Any:
        return super()._received(inputs) if self._graph is None else self._in_order(self._graph, inputs, self._array)

    def _array(self, value: Any, tensor: KerasTensor) -> Tensor:
        """An array for an input, in the type that the input declares, with the axis of one channel that Keras lets people leave out.

        Raises:
            ShapeError: CW101, CW105 where the sizes are not those that the input declares.
        """
        array = as_tensor(self._received_array(value), tensor.dtype)
        wanted = tensor.shape
        if array.ndim == len(wanted) - 1 and wanted[-1] == 1:
            array = as_tensor(array[..., None])
        elif array.ndim == len(wanted) + 1 and array.shape[-1] == 1:
            array = as_tensor(array[..., 0])
        same = array.ndim == len(wanted)
        if same and all(size is None or size == given for size, given in zip(wanted, array.shape, strict=True)):
            return array
        begin = tensor.node.layer.name
        raise ShapeError(
            "CW105" if same else "CW101",
            f"the input {begin!r} is declared as {wanted}, and {tuple(array.shape)} is given",
            layer=f"{self.name!r} (Keras {type(self).__name__})",
            received=tuple(array.shape),
            quote=f"with name '{begin}' of layer '{self.name}' is incompatible with the layer: expected shape={wanted}, "
            f"found shape={tuple(array.shape)}",
            hint="declare the Input with None where sizes differ, or give arrays of its sizes",
        )

    def _in_order(self, graph: Graph, inputs: Any, take: Callable[[Any, KerasTensor], Any]) -> list[Any]:
        """What is given, one for each input: a dict is looked up by the names of the inputs, or by the keys of the dict that the model was made with."""
        given = self._by_name(graph, inputs) if isinstance(inputs, dict) else inputs
        values = given if isinstance(given, list | tuple) and nest.is_nest(given) else [given]
        if len(values) != len(graph.inputs):
            names = [begin.name for begin in graph.begins]
            raise ArgumentError(
                "CW605",
                f"{len(values)} arrays for the {len(names)} inputs {', '.join(names)}",
                layer=f"{self.name!r} (Keras {type(self).__name__})",
                received=len(values),
                quote=f'Layer "{self.name}" expects {len(names)} named input(s) with keys {names}, but it received {len(values)} input tensors.',
                hint=f"give {'an array' if len(names) == 1 else 'a list of arrays in this order, or a dict by these names'}",
            )
        return [take(value, tensor) for value, tensor in zip(values, graph.inputs, strict=True)]

    def _by_name(self, graph: Graph, inputs: dict[str, Any]) -> list[Any]:
        asked = sorted(self._asked) if isinstance(self._asked, dict) else [begin.name for begin in graph.begins]
        missing = [name for name in asked if name not in inputs]
        if missing:
            raise ArgumentError(
                "CW606",
                f"no array for the input {missing[0]!r}",
                layer=f"{self.name!r} (Keras {type(self).__name__})",
                received=", ".join(map(str, inputs)),
                hint=f"the inputs are {', '.join(asked)}",
            )
        return [inputs[name] for name in asked]

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) if self._graph is None else self._graph.run(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output; a list of them, or a dict, where there are several outputs. As many shapes are given as there are inputs.

        Raises:
            ShapeError, Refusal, ArgumentError: where a layer does not take what reaches it.
        """
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        several = isinstance(input_shape, list) and all(isinstance(one, list | tuple) for one in input_shape)
        return self._graph.shapes([tuple(one) for one in input_shape] if several else [tuple(input_shape)])

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None, **_: Any
    ) -> Any:
        """The outputs for all samples of `x`, run `batch_size` at a time, as NumPy arrays; it prints nothing.

        Raises:
            ShapeError, Refusal
            ArgumentError: CW605 for no samples, or other numbers of samples in several inputs.
        """
        arrays = nest.mapped(np.asarray, x)
        size = BATCH if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise ArgumentError(
                "CW606", "the batch size must be an integer of at least 1", axis="batch_size", received=batch_size
            )
        shapes = [array.shape for array in nest.flat(arrays)]
        counts = {shape[0] if shape else 0 for shape in shapes}
        if counts == {0} or not counts:
            raise ArgumentError(
                "CW605",
                "there is no sample to predict",
                layer=self.name,
                received=shapes[0] if shapes else x,
                hint="give at least one sample",
            )
        if len(counts) > 1:
            raise ArgumentError(
                "CW605",
                f"the inputs have {', '.join(str(shape[0] if shape else 0) for shape in shapes)} samples",
                layer=self.name,
                received=str(shapes),
                quote="Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.",
            )
        starts = range(0, counts.pop(), size)
        parts = [self(nest.mapped(lambda array: array[start : start + size], arrays)) for start in starts]  # noqa: B023
        return _in_one(parts)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for all samples of `x` at once."""
        return nest.mapped(np.array, self(x))

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


def _in_one(parts: Sequence[Any]) -> Any:
    """The outputs of several batches one behind the other, in the same nest."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: _in_one([part[key] for part in parts]) for key in first}
    if nest.is_nest(first):
        return [_in_one(each) for each in zip(*parts, strict=True)]
    return np.asarray(first) if len(parts) == 1 else np.concatenate([np.asarray(part) for part in parts])
