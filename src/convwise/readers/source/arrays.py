"""Arrays that snippets make up to try a layer on: `tf.zeros`, `np.random.rand`, `torch.randn` ... only their shapes count."""

from __future__ import annotations

import ast
from typing import Any

from convwise.readers.source import tensors
from convwise.readers.source.names import split
from convwise.readers.source.state import Run
from convwise.readers.source.values import Tensor

ROOTS = frozenset({"numpy", "tensorflow", "torch", "keras", "cupy"})

FROM_SHAPE = frozenset(
    {
        *("zeros", "ones", "empty", "full", "fill", "random", "random_sample", "ranf", "sample", "placeholder"),
        *("truncated_normal", "standard_normal", "random_normal", "random_uniform"),
    }
)
"""Functions whose first argument, or `shape=` or `size=`, is the shape."""

FROM_SIZES = frozenset({"rand", "randn", "FloatTensor", "Tensor", "DoubleTensor"})
"""Functions that take the sizes one by one."""

FROM_THIRD = frozenset({"normal", "uniform", "randint", "integers"})
"""Distributions: NumPy and torch.randint give the size after two parameters; TensorFlow and Keras give it first."""

FROM_SECOND = frozenset({"tensorflow.placeholder", "tensorflow.placeholder_with_default", "tensorflow.get_variable"})
"""TensorFlow 1's, which take a dtype, a value or a name before the shape; keras.backend.placeholder takes the shape first."""

LIKE = frozenset({"zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "full_like"})

SAME_DATA = frozenset(
    {
        *("array", "asarray", "constant", "convert_to_tensor", "from_numpy", "tensor", "as_tensor", "cast", "float32"),
        *("ascontiguousarray", "Variable", "identity"),
    }
)

SCALARS = frozenset({"tensor", "as_tensor", "constant", "convert_to_tensor", "Variable"})
"""Functions that make an array without axes of a number."""

SHAPE_WORDS = ("shape", "size", "dims")


def made(
    run: Run, path: str, arguments: list[Any], keywords: list[tuple[str | None, Any]], node: ast.Call
) -> Tensor | None:
    """The array that a call of a known function makes; None where `path` makes none."""
    if path.partition(".")[0] not in ROOTS or path.startswith(("torch.nn.", "keras.layers.", "tensorflow.nn.")):
        return None
    name = split(path)[1]
    named = next((value for word, value in keywords if word in SHAPE_WORDS), None)
    line = node.lineno
    if name in FROM_THIRD:
        return _distribution(path, arguments, named, line)
    if path in FROM_SECOND:
        return _array(_shape(arguments[1:], named, one_by_one=False), line)
    if name in FROM_SHAPE:
        return _array(_shape(arguments, named, one_by_one=path.startswith("torch.")), line)
    if name in FROM_SIZES and (name.islower() or path.startswith("torch.")):
        return _array(_shape(arguments, named, one_by_one=True), line)
    first = arguments[0] if arguments else None
    if name == "constant" and named is not None:
        return _array(tensors.sizes(named), line)
    if name in LIKE or name in SAME_DATA:
        if isinstance(first, Tensor):
            return first
        if isinstance(first, int | float) and name in SCALARS:
            return Tensor((), line=line)
        return Tensor(_nested(first), line=line) if name in SAME_DATA and arguments else None
    if isinstance(first, Tensor) and tensors.is_raw(first) and not run.within:
        return _reformed(name, first, arguments, keywords, line)
    return None


def _array(shape: tuple[int | None, ...] | None, line: int) -> Tensor:
    return Tensor(shape, line=line)


def _shape(arguments: list[Any], named: Any, *, one_by_one: bool) -> tuple[int | None, ...] | None:
    if named is not None:
        return tensors.sizes(named)
    if not arguments:
        return None
    if one_by_one and not isinstance(arguments[0], tuple | list):
        return tensors.sizes(arguments)
    return tensors.sizes(arguments[0])


def _distribution(path: str, arguments: list[Any], named: Any, line: int) -> Tensor:
    if named is not None:
        return _array(tensors.sizes(named), line)
    if path.startswith(("tensorflow.", "keras.")):
        return _array(tensors.sizes(arguments[0]) if arguments else None, line)
    last = next((value for value in reversed(arguments) if isinstance(value, tuple | list)), None)
    return _array(tensors.sizes(last) if last is not None else None, line)


def _nested(value: Any) -> tuple[int | None, ...] | None:
    """The shape of lists in lists."""
    found: list[int | None] = []
    while isinstance(value, list | tuple) and value and len(found) < 8:
        found.append(len(value))
        value = value[0]
    return tuple(found) or None


def _reformed(
    name: str, first: Tensor, arguments: list[Any], keywords: list[tuple[str | None, Any]], line: int
) -> Tensor | None:
    """`expand_dims`, `unsqueeze`, `reshape` and `transpose` of plain data."""
    second = (
        arguments[1]
        if len(arguments) > 1
        else next((v for word, v in keywords if word in ("axis", "dim", "shape", "newshape")), 0)
    )
    if name in ("expand_dims", "unsqueeze"):
        return tensors.with_new_axis(first, second, line)
    if name in ("reshape", "view"):
        return tensors.reshaped(first, [second], line)
    if name == "transpose" and len(arguments) == 3:
        return tensors.swapped(first, second, arguments[2], line)
    if name in ("transpose", "permute", "moveaxis"):
        return tensors.permuted(first, second, line)
    return None
