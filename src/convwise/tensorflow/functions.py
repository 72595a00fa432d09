"""Making and rearranging tensors, with TensorFlow's argument names and default types."""

from __future__ import annotations

from typing import Any

import numpy as np

from convwise.errors import Refusal, ShapeError
from convwise.keras import ops, variables
from convwise.keras.ops import sizes
from convwise.keras.tensor import Tensor, Typed, as_tensor, made_of, met


class Variable(variables.Variable):
    """A tensor that can be assigned; its type is a number type, not its name as Keras's."""

    __slots__ = ()

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    def _met(self, *operands: Any) -> list[Any]:
        return Typed._met(self, *operands)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """The value as a tensor: Python's floats become float32, its integers int32, as in TensorFlow; NumPy arrays keep their type."""
    array = np.array(made_of(value, dtype))
    return as_tensor(
        array
        if shape is None
        else np.broadcast_to(array, sizes(shape))
        if array.ndim == 0
        else array.reshape(sizes(shape))
    )


convert_to_tensor = constant


def zeros(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    return as_tensor(np.zeros(sizes(shape), dtype))


def ones(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    return as_tensor(np.ones(sizes(shape), dtype))


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.broadcast_to(constant(value), sizes(dims)).copy())


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = np.float32) -> Tensor:
    return as_tensor(np.eye(num_rows, num_columns, dtype=dtype))


def zeros_like(input: Any, dtype: Any = None) -> Tensor:
    return as_tensor(np.zeros_like(np.asarray(input), dtype=dtype))


def ones_like(input: Any, dtype: Any = None) -> Tensor:
    return as_tensor(np.ones_like(np.asarray(input), dtype=dtype))


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Tensor:
    array = np.arange(start) if limit is None else np.arange(start, limit, delta)
    return constant(array.tolist(), dtype) if array.size else as_tensor(array, dtype or np.int32)


def shape(input: Any, out_type: Any = np.int32) -> Tensor:
    """The shape as a tensor of whole numbers."""
    return as_tensor(np.array(np.shape(input), dtype=out_type))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape; raises ArgumentError CW605 where they do not fit."""
    return ops.reshape(tensor, shape)


def expand_dims(input: Any, axis: int, name: str | None = None) -> Tensor:
    return as_tensor(np.expand_dims(np.asarray(input), axis))


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    array = np.asarray(input)
    return as_tensor(np.squeeze(array, tuple(axis) if isinstance(axis, list) else axis))


def transpose(a: Any, perm: Any = None, name: str | None = None) -> Tensor:
    return as_tensor(np.transpose(np.asarray(a), perm))


def concat(values: Any, axis: int, name: str | None = None) -> Tensor:
    return as_tensor(np.concatenate(met(*values), axis))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Tensor:
    return as_tensor(np.stack(met(*values), axis))


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str | None = None) -> list[Tensor]:
    """The slices along an axis."""
    return [as_tensor(part) for part in np.moveaxis(made_of(value), axis, 0)]


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str | None = None
) -> list[Tensor]:
    """Pieces along an axis: so many of one size, or of the sizes listed, of which one may be -1.

    Raises:
        ShapeError: CW105 where they do not make up the axis.
    """
    array = made_of(value)
    whole = array.shape[axis]
    given = np.asarray(num_or_size_splits)
    if given.ndim == 0:
        pieces = [whole // max(int(given), 1)] * int(given)
        quote = f"Number of ways to split should evenly divide the split dimension, but got split_dim {axis} (size = {whole}) and num_split {given}"
    else:
        pieces = given.tolist()
        pieces = [whole - sum(pieces) - 1 if size == -1 else size for size in pieces]
        quote = ""
    if sum(pieces) != whole or min(pieces, default=0) < 0:
        fact = f"{num_or_size_splits} does not take {whole} cells apart"
        raise ShapeError("CW105", fact, received=num_or_size_splits, quote=quote)
    return [as_tensor(part) for part in np.split(array, np.cumsum(pieces)[:-1], axis)]


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.asarray(x).astype(dtype))


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: float = 0, name: str | None = None
) -> Tensor:
    """Cells added around every axis; `mode` is CONSTANT, REFLECT or SYMMETRIC.

    Raises:
        Refusal: CW201, CW204, CW206, CW207.  ArgumentError: CW605 for a fraction in a tensor of whole numbers.
    """
    array, kind = made_of(tensor), mode.lower() if isinstance(mode, str) else ""
    if kind not in ("constant", "reflect", "symmetric"):
        raise Refusal(
            "CW207",
            f"no padding mode {mode!r}",
            received=mode,
            quote=f'Value of argument `mode` expected to be one of "CONSTANT", "REFLECT", or "SYMMETRIC". Received `mode` = {mode}',
            hint="modes are CONSTANT, REFLECT, SYMMETRIC",
        )
    widths = _widths(paddings, array.shape)
    if kind == "constant":
        return as_tensor(np.pad(array, widths, constant_values=met(as_tensor(array), constant_values)[1]))
    for size, pair in zip(array.shape, widths, strict=True):
        most = size - 1 if kind == "reflect" else size
        if max(pair) > most:
            told = "less than" if kind == "reflect" else "no greater than"
            raise Refusal(
                "CW206",
                f"{pair[0]} and {pair[1]} cells cannot be mirrored from {size}: at most {most}",
                axis="paddings",
                received=paddings,
                quote=f"paddings must be {told} the dimension size: {pair[0]}, {pair[1]}",
            )
    return as_tensor(np.pad(array, widths, mode="reflect" if kind == "reflect" else "symmetric"))


def _widths(paddings: Any, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """A pair for each axis.

    Raises:
        Refusal: CW204, CW201.
    """
    hint = f"a pair for each of the {len(shape)} axes: {[[1, 1]] * len(shape)}"
    try:
        given = np.asarray(paddings)
    except ValueError:
        given = np.zeros(())
    if given.dtype.kind not in "iu" or given.ndim != 2 or given.shape[1] != 2:
        quote = f"paddings must be a matrix with 2 columns: {list(given.shape)}" if given.dtype.kind in "iu" else ""
        fact = f"paddings is {paddings}, not a list of pairs of integers"
        raise Refusal("CW204", fact, axis="paddings", received=paddings, quote=quote, hint=hint)
    if len(given) != len(shape):
        quote = "The first dimension of paddings must be the rank of inputs"
        fact = f"{len(given)} pairs for {len(shape)} axes"
        raise Refusal("CW204", fact, axis="paddings", received=paddings, quote=quote, hint=hint)
    low, high = next(((int(a), int(b)) for a, b in given if min(a, b) < 0), (0, 0))
    if min(low, high) < 0:
        quote = f"Paddings must be non-negative: {low} {high}"
        fact = f"paddings of {low} and {high}"
        raise Refusal(
            "CW201", fact, axis="paddings", received=paddings, quote=quote, hint="cut with x[:, 1:-1] instead"
        )
    return [(int(a), int(b)) for a, b in given]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`x` where the condition holds, else `y`; without them the places where it holds."""
    chosen = made_of(condition).astype(np.bool_)
    return as_tensor(np.argwhere(chosen) if x is None and y is None else np.where(chosen, *met(x, y)))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None) -> Tensor:
    """The matrix product of the last two axes.

    Raises:
        ShapeError: CW109 where the sizes do not meet.
    """
    one, other = met(a, b)
    one = np.swapaxes(one, -1, -2) if transpose_a and one.ndim > 1 else one
    other = np.swapaxes(other, -1, -2) if transpose_b and other.ndim > 1 else other
    if min(one.ndim, other.ndim) < 2:
        raise ShapeError("CW101", f"{min(one.ndim, other.ndim)} axes where at least 2 are needed", received=one.shape)
    if one.shape[-1] != other.shape[-2]:
        quote = f"Matrix size-incompatible: In[0]: {list(one.shape)}, In[1]: {list(other.shape)}".replace(", ", ",")
        fact = f"{one.shape[-1]} columns meet {other.shape[-2]} rows"
        raise ShapeError("CW109", fact, received=one.shape, quote=quote.replace(",In", ", In"))
    return as_tensor(np.matmul(one, other))


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.einsum(equation, *met(*inputs), optimize=True))


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.tile(made_of(input), multiples))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    return as_tensor(np.repeat(made_of(input), repeats, axis))


def gather(params: Any, indices: Any, axis: int = 0, name: str | None = None) -> Tensor:
    return as_tensor(np.take(made_of(params), np.asarray(indices), axis))


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.flip(made_of(tensor), tuple(np.atleast_1d(axis).tolist())).copy())


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.roll(made_of(input), shift, tuple(axis) if isinstance(axis, list) else axis))


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    return as_tensor(np.clip(*met(t, clip_value_min, clip_value_max)))


def identity(input: Any, name: str | None = None) -> Tensor:
    return as_tensor(made_of(input).copy())


def rank(input: Any) -> Tensor:
    return as_tensor(np.int32(np.ndim(input)))


def size(input: Any) -> Tensor:
    return as_tensor(np.int32(np.size(input)))


def one_hot(indices: Any, depth: int, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """1 at the place that each index names, 0 elsewhere; an index outside of 0 to depth - 1 gives zeros alone."""
    return as_tensor((np.asarray(indices)[..., None] == np.arange(depth)).astype(dtype))


def linspace(start: Any, stop: Any, num: int, name: str | None = None) -> Tensor:
    return constant(np.linspace(start, stop, num).tolist())


def argmax(input: Any, axis: int = 0, output_type: Any = np.int64) -> Tensor:
    return as_tensor(np.argmax(np.asarray(input), axis=axis).astype(output_type))
