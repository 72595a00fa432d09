"""What convwise.keras and convwise.tensorflow give back: NumPy arrays with the few methods and the arithmetic of a TensorFlow tensor."""

# mypy: disable-error-code="override, misc"
# The shape prints as TensorFlow's, and numbers meet by its rule, which is more than NumPy's stubs promise.
from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from convwise.errors import ArgumentError

DEFAULTS = {"f": np.dtype(np.float32), "i": np.dtype(np.int32)}
"""What Python's floats and integers become, by NumPy's letter of their kind."""


class TensorShape(tuple[int, ...]):
    """A shape that prints as TensorFlow's does and is a plain tuple otherwise.

    >>> shape = TensorShape((1, 31, 31, 32))
    >>> print(shape), shape.as_list(), shape == (1, 31, 31, 32)
    (1, 31, 31, 32)
    (None, [1, 31, 31, 32], True)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return tuple.__repr__(self)

    @property
    def rank(self) -> int:
        return len(self)

    @property
    def ndims(self) -> int:
        return len(self)

    def as_list(self) -> list[int]:
        return list(self)

    def num_elements(self) -> int:
        return prod(self)


def _operator(function: Callable[..., Any], swapped: bool = False) -> Any:
    def operate(self: Any, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", function) is None:
            return NotImplemented  # a tensor without values, which knows what to do
        pair = (other, self) if swapped else (self, other)
        return as_tensor(function(*self._met(*pair)))

    return operate


class Typed:
    """What has a number type of its own, which plain arrays and Python's numbers take on when they meet it."""

    __slots__ = ()
    __array_priority__ = 100  # an array on the left of an operator leaves it to the methods here

    def _met(self, *operands: Any) -> list[Any]:
        return list(met(*operands))

    __add__, __radd__ = _operator(np.add), _operator(np.add, True)
    __sub__, __rsub__ = _operator(np.subtract), _operator(np.subtract, True)
    __mul__, __rmul__ = _operator(np.multiply), _operator(np.multiply, True)
    __truediv__, __rtruediv__ = _operator(np.true_divide), _operator(np.true_divide, True)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide), _operator(np.floor_divide, True)
    __mod__, __rmod__ = _operator(np.remainder), _operator(np.remainder, True)
    __pow__, __rpow__ = _operator(np.power), _operator(np.power, True)
    __matmul__, __rmatmul__ = _operator(np.matmul), _operator(np.matmul, True)
    # A tensor never changes: x += 1 makes a new one, and leaves those alone that another name holds.
    __iadd__, __isub__, __imul__, __itruediv__ = __add__, __sub__, __mul__, __truediv__
    __ifloordiv__, __imod__, __ipow__, __imatmul__ = __floordiv__, __mod__, __pow__, __matmul__


class Tensor(Typed, np.ndarray[Any, Any]):
    """A NumPy array with `.numpy()`, TensorFlow's arithmetic, and a shape that prints as TensorFlow's; everything else is NumPy's.

    >>> (as_tensor(np.float32([1, 2])) * np.float64(2)).dtype
    dtype('float32')
    """

    @property
    def shape(self) -> TensorShape:
        return TensorShape(super().shape)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The plain NumPy array behind it, without a copy."""
        return self.view(np.ndarray)

    def get_shape(self) -> TensorShape:
        return self.shape

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """NumPy's functions see plain arrays, as they do of TensorFlow's tensors: inside them NumPy's own rule of types holds."""
        return super().__array_function__(function, types, _plain(args), _plain(kwargs))


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.view(np.ndarray)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def as_tensor(array: Any, dtype: Any = None) -> Tensor:
    """The array as a `Tensor`, without a copy where that is possible."""
    return np.asarray(array, dtype=dtype).view(Tensor)


def made_of(value: Any, dtype: Any = None) -> np.ndarray[Any, Any]:
    """The value as an array: Python's floats become float32, its integers int32; NumPy's arrays and scalars keep their type."""
    array = np.asarray(value)
    if dtype is None and not isinstance(value, np.ndarray | np.generic | Typed):
        dtype = DEFAULTS.get(array.dtype.kind)
    return np.asarray(array, dtype)


def met(*values: Any) -> list[np.ndarray[Any, Any]]:
    """The values as arrays of one type, as TensorFlow brings them to it: that of the first tensor or variable, else that of the first value.

    Raises:
        ArgumentError: CW605 for tensors of two types, and for fractions among whole numbers.
    """
    arrays = [made_of(value) for value in values]
    own = [array.dtype for value, array in zip(values, arrays, strict=True) if isinstance(value, Typed)]
    wanted = own[0] if own else arrays[0].dtype
    for place, (value, array) in enumerate(zip(values, arrays, strict=True)):
        if array.dtype == wanted:
            continue
        if isinstance(value, Typed) or (wanted.kind in "biu" and array.dtype.kind == "f"):
            raise _apart(wanted, array.dtype, place, isinstance(value, Typed))
        arrays[place] = array.astype(wanted)
    return arrays


def _apart(wanted: np.dtype[Any], found: np.dtype[Any], place: int, tensor: bool) -> ArgumentError:
    words = {"float32": "float", "float64": "double", "float16": "half"}
    one, other = (words.get(dtype.name, dtype.name) for dtype in (wanted, found))
    quote = f"as input #{place}(zero-based) was expected to be a {one} tensor but is a {other} tensor"
    return ArgumentError(
        "CW605",
        f"{found} does not meet {wanted}",
        received=found.name,
        quote=quote if tensor else f"EagerTensor of dtype {wanted.name}",
        hint=f"change one of the two first: tf.cast(x, tf.{wanted.name if tensor else found.name})",
    )
