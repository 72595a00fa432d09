"""Layers that make one array of several: sums, products and the like, and joins along an axis; and the operators of tensors without values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import ArgumentError, ShapeError
from convwise.keras.layer import Layer
from convwise.keras.symbolic import KerasTensor
from convwise.keras.tensor import Tensor, as_tensor
from convwise.ops import Shape
from convwise.ops.several import Concat, Elementwise

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Subtract": np.subtract,
    "Multiply": np.multiply,
    "Average": np.add,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "TrueDivide": np.true_divide,
}


class Merge(Layer):
    """Arrays of one batch, combined place by place: those of fewer axes get new ones behind the batch, and sizes of 1 are repeated."""

    kind = ""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the result.

        Raises:
            ShapeError: CW110 where batches or sizes do not agree.
            ArgumentError: CW605 where no list is given, or the number of arrays is wrong.
        """
        shapes = self._listed(input_shape)
        batches = {shape[0] for shape in shapes if shape and shape[0] is not None}
        if len(batches) > 1:
            raise self._disagreement(
                f"the batches differ: {_and(sorted(batches))}",
                f"Cannot merge tensors with different batch sizes. Received tensors with shapes {shapes}",
            )
        whole = [_of_rank(shape, max(map(len, shapes))) for shape in shapes]
        try:
            (merged,) = Elementwise(self.kind.lower()).flows(tuple(whole))
        except ShapeError as error:
            one, other = next(pair for pair in pairwise(shapes) if pair[0] != pair[1])
            quote = f"Inputs have incompatible shapes. Received shapes {one[1:]} and {other[1:]}"
            raise self._disagreement(error.fact, quote, error.hint) from None
        # Keras leaves a size open that is open in one of them.
        return tuple([None if None in sizes else size for size, *sizes in zip(merged, *whole, strict=True)])

    def _listed(self, shapes: Any) -> list[Shape]:
        if not isinstance(shapes, list | tuple) or not shapes or not all(isinstance(shape, tuple) for shape in shapes):
            raise ArgumentError(
                "CW605",
                "a list of arrays is needed",
                layer=f"Keras {self.kind}",
                received=shapes,
                quote=f"A merge layer should be called on a list of inputs. Received: input_shape={shapes} (not a list of shapes)",
                hint=f"write {self.kind}()([x, y])",
            )
        if self.kind == "Subtract" and len(shapes) != 2:
            raise ArgumentError(
                "CW605",
                f"{len(shapes)} arrays where 2 are needed",
                layer="Keras Subtract",
                received=len(shapes),
                quote=f"A `Subtract` layer should be called on exactly 2 inputs. Received: input_shape={shapes}",
            )
        return list(shapes)

    def _disagreement(self, fact: str, quote: str, hint: str = "") -> ShapeError:
        return ShapeError("CW110", fact, layer=f"'{self.name}' (Keras {self.kind})", quote=quote, hint=hint)

    def call(self, inputs: Any) -> Tensor:
        """The arrays of the list combined."""
        arrays = self._arrays(inputs)
        rank = max(array.ndim for array in arrays)
        whole = [np.expand_dims(array, tuple(range(1, 1 + rank - array.ndim))) for array in arrays]
        merged = reduce(FUNCTIONS[self.kind], whole)
        if self.kind == "Average":
            merged = merged / merged.dtype.type(len(arrays))
        return as_tensor(merged, self._type_of(arrays, merged))

    def _arrays(self, inputs: Any) -> list[NDArray[Any]]:
        several = isinstance(inputs, list | tuple)
        self.compute_output_shape([tuple(np.shape(one)) for one in inputs] if several else tuple(np.shape(inputs)))
        return [np.asarray(array) for array in inputs]

    def _type_of(self, arrays: Sequence[NDArray[Any]], merged: NDArray[Any]) -> Any:
        """NumPy would make float64 of whole numbers and float32."""
        if any(array.dtype.kind == "f" for array in arrays):
            return self.compute_dtype
        return merged.dtype if merged.dtype.kind == "f" else np.result_type(*arrays)


class Concatenate(Merge):
    """Arrays one after the other along `axis`, the channels of images whose channels come last by default."""

    kind = "Concatenate"

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if type(axis) is not int:
            raise ArgumentError(
                "CW606", "the axis is a whole number", layer="Keras Concatenate", axis="axis", received=axis
            )
        self.axis = axis

    def get_config(self) -> dict[str, Any]:
        """The arguments by Keras's names."""
        return {**super().get_config(), "axis": self.axis}

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the result.

        Raises:
            ShapeError: CW110, CW101 where the other sizes do not agree, or there is no such axis.
            ArgumentError: CW605 where no list is given.
        """
        shapes = self._listed(input_shape)
        quote = (
            "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis. "
            f"Received: input_shape={shapes}"
        )
        if len(shapes) == 1:
            return shapes[0]
        try:
            (joined,) = Concat(self.axis).flows(tuple(shapes))
        except ShapeError as error:
            raise self._disagreement(error.fact, quote, error.hint) from None
        return joined

    def call(self, inputs: Any) -> Tensor:
        """The arrays of the list joined."""
        arrays = self._arrays(inputs)
        joined = np.concatenate(arrays, self.axis) if len(arrays) > 1 else arrays[0]
        return as_tensor(joined, self._type_of(arrays, joined))


def _of_rank(shape: Shape, rank: int) -> Shape:
    return (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])


def _and(values: Sequence[object]) -> str:
    return f"{', '.join(map(str, values[:-1]))} and {values[-1]}"


def _layer(kind: str) -> type[Merge]:
    doc = f"Keras's {kind}, run by NumPy.\n\n{Merge.__doc__}"
    return type(kind, (Merge,), {"kind": kind, "__module__": "convwise.keras.layers", "__doc__": doc})


Concatenate.__module__ = "convwise.keras.layers"
Add, Subtract, Multiply, Average, Maximum, Minimum = map(_layer, [kind for kind in FUNCTIONS if kind != "TrueDivide"])
LAYERS = {cls.kind: cls for cls in (Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate)}


def function(kind: str) -> Callable[..., Any]:
    """`layers.add([x, y])` and the others: a layer made and called at once."""

    def merge(inputs: Any, **kwargs: Any) -> Any:
        return LAYERS[kind](**kwargs)(inputs)

    merge.__name__ = merge.__qualname__ = kind.lower()
    merge.__doc__ = f"`{kind}(...)(inputs)`."
    return merge


class Operation(Merge):
    """What an operator between tensors does, broadcast as in NumPy. It is no layer of a model, and stands in its summary."""

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The shape of the result.

        Raises:
            ShapeError: CW110 where the sizes do not agree.
        """
        (merged,) = Elementwise(self.kind.lower()).flows(tuple(input_shape))
        return merged

    def call(self, inputs: Any) -> Tensor:
        """The two operands combined."""
        first, second = inputs
        return as_tensor(FUNCTIONS[self.kind](first, second), self.compute_dtype)


OPERATIONS = {kind: type(kind, (Operation,), {"kind": kind}) for kind in ("Add", "Subtract", "Multiply", "TrueDivide")}


def operated(kind: str, *operands: Any) -> KerasTensor:
    """`x + y` and the like, where one of the two is a tensor without values and the other an array, a number, or one as well.

    Raises:
        ArgumentError: CW605 for anything else.
    """
    given = [operand if isinstance(operand, KerasTensor) else np.asarray(operand) for operand in operands]
    for operand in given:
        if isinstance(operand, np.ndarray) and operand.dtype.kind not in "biuf":
            raise ArgumentError(
                "CW605", f"{kind} takes arrays and numbers, not {operand.dtype}", received=type(operand).__name__
            )
    made: KerasTensor = OPERATIONS[kind]()(given)
    return made
