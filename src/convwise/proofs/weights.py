"""How each framework holds the weights of a layer, and the way to the engine's layout and back.

| weight | engine | PyTorch, ONNX | Keras, TensorFlow, flax |
|---|---|---|---|
| convolution | (out, in / groups, *k) | the same | (*k, in / groups, out) |
| depthwise | (in * multiplier, 1, *k), i * multiplier + m | the same | (*k, in, multiplier) |
| transposed | (in, out / groups, *k) | the same | (*k, out, in); flax: (*k, in, out), turned around in space |
| dense | (out, in) | the same | (in, out) |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.reading import bound
from convwise.answers.porting.stages import Fetch
from convwise.axis import Window
from convwise.dialects.base import Layer
from convwise.dialects.jax.dimensions import dimensions
from convwise.ops import Conv, ConvTranspose, Dense, Layout, Norm, Op, Pointwise, Shape

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Way:
    """From a framework's layout to the engine's, and back."""

    there: Callable[[Array], Array]
    back: Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Slot:
    """One weight of a layer: the framework's name for it, the op and the engine's name it serves, its shape in the framework where that is known."""

    name: str
    op: int
    role: str
    way: Way
    shape: tuple[int, ...] | None = None


def turned(way: Callable[[Array], Array], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape behind a way, for which no memory is taken; None where there can be no such array."""
    try:
        return way(np.broadcast_to(np.zeros((), np.int8), shape)).shape
    except (ValueError, MemoryError):
        return None


SAME = Way(lambda array: array, lambda array: array)


def _kernel_there(array: Array) -> Array:
    rank = array.ndim - 2
    return array.transpose((rank + 1, rank, *range(rank)))


def _kernel_back(array: Array) -> Array:
    return array.transpose((*range(2, array.ndim), 1, 0))


KERNEL = Way(_kernel_there, _kernel_back)
MATRIX = Way(np.transpose, np.transpose)


def depthwise(multiplier: int) -> Way:
    """(*k, in, multiplier) and (in * multiplier, 1, *k)."""

    def there(array: Array) -> Array:
        rank = array.ndim - 2
        turned = array.transpose((rank, rank + 1, *range(rank)))
        return turned.reshape((prod(turned.shape[:2]), 1, *turned.shape[2:]))

    def back(array: Array) -> Array:
        split = array.reshape((array.shape[0] // multiplier, multiplier, *array.shape[2:]))
        return split.transpose((*range(2, split.ndim), 0, 1))

    return Way(there, back)


def _kernel_way(layer: Layer, op: Conv | ConvTranspose) -> Way:
    by_channel = "depthwise" in layer.kind or ("separable" in layer.kind and op.groups == op.in_channels)
    if isinstance(op, Conv) and by_channel and op.out_channels and op.in_channels:
        return depthwise(op.out_channels // op.in_channels)
    if layer.kind.startswith("lax."):
        return _lax(layer, op)
    if isinstance(op, ConvTranspose) and layer.dialect == "jax" and not layer.arguments.get("transpose_kernel"):
        return FLIPPED
    return KERNEL


def _lax(layer: Layer, op: Conv | ConvTranspose) -> Way:
    """The axes of the kernel as `dimension_numbers` tells them; what is convolved over dilated data is turned around in space."""
    transposing = layer.kind == "lax.conv_transpose"
    letters = dimensions(layer.arguments.get("dimension_numbers"), op.rank + 2, transposing)
    out, inner = "OI" if not layer.arguments.get("transpose_kernel") else "IO"
    if isinstance(op, Conv):
        order = (letters.rhs.index(out), letters.rhs.index(inner), *map(letters.rhs.index, letters.spatial))
        turned: tuple[int, ...] = ()
    else:
        order = (letters.rhs.index(inner), letters.rhs.index(out), *map(letters.rhs.index, letters.spatial))
        turned = () if layer.arguments.get("transpose_kernel") else tuple(range(2, op.rank + 2))
    home = tuple(order.index(axis) for axis in range(len(order)))
    return Way(
        lambda array: np.flip(array.transpose(order), turned), lambda array: np.flip(array, turned).transpose(home)
    )


def _flipped_there(array: Array) -> Array:
    rank = array.ndim - 2
    return np.flip(array, tuple(range(rank))).transpose((rank, rank + 1, *range(rank)))


def _flipped_back(array: Array) -> Array:
    return np.flip(array.transpose((*range(2, array.ndim), 0, 1)), tuple(range(array.ndim - 2)))


FLIPPED = Way(_flipped_there, _flipped_back)
"""flax's transposed kernels: (*k, in, out), turned around in space."""
JAX_NORM = {"scale": "scale", "shift": "bias", "mean": "mean", "variance": "var"}
KERAS_NORM = {"scale": "gamma", "shift": "beta", "mean": "moving_mean", "variance": "moving_variance"}
TORCH_NORM = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}


def slots(layer: Layer, inputs: Sequence[Shape] = ()) -> list[Slot]:
    """The weights of a layer in the framework's own order; `inputs` are the shapes its ops are given, for the weights' shapes."""
    found: list[Slot] = []
    for number, op in enumerate(layer.ops):
        shape = inputs[number] if number < len(inputs) else None
        if layer.dialect in ("torch", "onnx"):
            found += _torch(layer, number, op, shape)
        else:
            found += _keras(layer, number, op, shape)
    return found


def _known(layer: Layer, op: Conv | ConvTranspose, shape: Shape | None) -> Conv | ConvTranspose:
    if shape is None:
        return op
    found = bound(op, shape, Layout(layer.channels_last), layer.dialect)
    assert isinstance(found, Conv | ConvTranspose)
    return found


def _torch(layer: Layer, number: int, op: Op, shape: Shape | None) -> list[Slot]:
    if isinstance(op, Conv | ConvTranspose | Dense):
        size = _engine_shape(layer, op, shape)
        turned = layer.dialect == "onnx" and isinstance(op, Dense) and not layer.arguments.get("transB")
        way, size = (MATRIX, None if size is None else size[::-1]) if turned else (SAME, size)
        return [Slot("weight", number, "weight", way, size), *_bias(number, layer, op, shape)]
    if isinstance(op, Norm):
        size = op.shape or (None if shape is None else _features(op, shape, False))
        return [Slot(TORCH_NORM[role], number, role, SAME, size) for role in norm_roles(op)]
    if isinstance(op, Pointwise) and op.kind == "prelu":
        return [Slot("weight", number, "slope", SAME, (int(str(dict(op.options).get("num_parameters", 1))),))]
    return []


def _keras(layer: Layer, number: int, op: Op, shape: Shape | None) -> list[Slot]:
    if isinstance(op, Conv | ConvTranspose):
        way = depthwise(op.multiplier) if isinstance(op, Conv) and op.multiplier else None
        way = way or _kernel_way(layer, _known(layer, op, shape))
        size = _engine_shape(layer, op, shape)
        known = None if size is None else turned(way.back, size)
        return [Slot("kernel", number, "weight", way, known), *_bias(number, layer, op, shape)]
    if isinstance(op, Dense):
        size = _engine_shape(layer, op, shape)
        return [
            Slot("kernel", number, "weight", MATRIX, None if size is None else size[::-1]),
            *_bias(number, layer, op, shape),
        ]
    if isinstance(op, Norm):
        sizes = None if shape is None else _features(op, shape, layer.channels_last)
        names = {**KERAS_NORM, "scale": "scale"} if op.kind == "rms" else KERAS_NORM
        roles = norm_roles(op)
        if layer.dialect == "jax":
            names = JAX_NORM
        elif layer.dialect == "tensorflow":
            roles = [role for role in ("mean", "variance", "shift", "scale") if role in roles]
        return [Slot(names[role], number, role, SAME, sizes) for role in roles]
    if isinstance(op, Pointwise) and op.kind == "prelu":
        return [Slot("alpha", number, "slope", SAME, None if shape is None else _slopes(op, shape))]
    return []


def _bias(number: int, layer: Layer, op: Conv | ConvTranspose | Dense, shape: Shape | None) -> list[Slot]:
    count = op.out_features if isinstance(op, Dense) else _known(layer, op, shape).out_channels
    return [Slot("bias", number, "bias", SAME, None if count is None else (count,))] if op.bias else []


def norm_roles(op: Norm) -> list[str]:
    has = {"scale": op.scale, "shift": op.center, "mean": op.moments, "variance": op.moments}
    return [role for role, there in has.items() if there]


def _engine_shape(layer: Layer, op: Conv | ConvTranspose | Dense, shape: Shape | None) -> tuple[int, ...] | None:
    if isinstance(op, Dense):
        features = op.in_features if op.in_features is not None else shape[-1] if shape else None
        return None if features is None else (op.out_features, features)
    return _known(layer, op, shape).weight_shape()


def _features(op: Norm, shape: Shape, channels_last: bool) -> tuple[int, ...] | None:
    places = (len(shape) - 1 if channels_last else 1,) if isinstance(op.axes, str) else op.axes
    sizes = tuple(shape[place] for place in places)
    return None if None in sizes else tuple(size or 0 for size in sizes)


def _slopes(op: Pointwise, shape: Shape) -> tuple[int, ...]:
    shared: Any = dict(op.options).get("shared_axes", ())
    return tuple(1 if axis in shared else size or 1 for axis, size in enumerate(shape) if axis)


# What happens to a weight between two frameworks, in the engine's layout.


def moved(array: Array | None, fetch: Fetch) -> Array:
    """The array after all moves of `fetch`."""
    for move in fetch.moves:
        array = MOVES[move.kind](array, move.numbers)
    assert array is not None
    return array


def _rows(array: Array, numbers: tuple[int, ...]) -> Array:
    cells, order = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    lead = array.ndim - 1
    split = array.reshape((*array.shape[:-1], *cells))
    return split.transpose((*range(lead), *(lead + axis for axis in order))).reshape(array.shape)


def _blocks(array: Array, numbers: tuple[int, ...]) -> Array:
    (groups,) = numbers
    rows, inner = array.shape[:2]
    each = rows // groups
    whole = np.zeros((rows, inner * groups, *array.shape[2:]), array.dtype)
    for group in range(groups):
        own = slice(group * each, (group + 1) * each)
        whole[own, group * inner : (group + 1) * inner] = array[own]
    return whole


def _spread(array: Array, numbers: tuple[int, ...]) -> Array:
    spans = [Window(kernel, dilation=rate).span for kernel, rate in zip(array.shape[2:], numbers, strict=True)]
    whole = np.zeros((*array.shape[:2], *spans), array.dtype)
    whole[(slice(None), slice(None), *(slice(None, None, rate) for rate in numbers))] = array
    return whole


MOVES: dict[str, Callable[[Any, tuple[int, ...]], Array]] = {
    "rows": _rows,
    "window": lambda array, numbers: array.reshape((*array.shape, *(1 for _ in range(numbers[0])))),
    "blocks": _blocks,
    "spread": _spread,
    "grow": lambda array, numbers: np.pad(array, ((0, 0), (0, 0), *((0, number) for number in numbers))),
    "reshape": lambda array, numbers: array.reshape(numbers),
    "ones": lambda array, numbers: np.ones(numbers, np.float32),
    "zeros": lambda array, numbers: np.zeros(numbers, np.float32),
}
