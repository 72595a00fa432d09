"""`tf.math`: arithmetic and reductions by TensorFlow's names. Plain arrays and numbers take on the type of the tensors that they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from convwise.errors import ArgumentError
from convwise.keras.tensor import Tensor, as_tensor, made_of, met
from convwise.tensorflow.nn import log_softmax, sigmoid, softmax, softplus, tanh

__all__ = [
    "abs",
    "add",
    "ceil",
    "cos",
    "cumsum",
    "divide",
    "equal",
    "exp",
    "floor",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "reduce_all",
    "reduce_any",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "subtract",
    "tanh",
]

Reduction = Callable[..., Tensor]


def _two(name: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def combine(x: Any, y: Any, name: str | None = None) -> Tensor:
        return as_tensor(function(*met(x, y)))

    return _named(combine, name, "of two tensors, place by place")


def _one(name: str, function: Callable[..., Any], *, fractions: bool = True) -> Callable[..., Tensor]:
    def change(x: Any, name: str | None = None) -> Tensor:
        array = made_of(x)
        if fractions and array.dtype.kind != "f":
            raise need_fractions(change.__name__, array)
        return as_tensor(function(array))

    return _named(change, name, "of each number")


def _reduced(name: str, function: Callable[..., Any], *, fractions: bool = False) -> Reduction:
    def reduce(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Tensor:
        array = made_of(input_tensor)
        if fractions and array.dtype.kind != "f":
            raise need_fractions(reduce.__name__, array)
        over = tuple(np.atleast_1d(axis).tolist()) if isinstance(axis, list | np.ndarray) else axis
        # Of whole numbers the mean is a whole number, too, cut towards 0, and a sum keeps its type.
        return as_tensor(np.asarray(function(array, axis=over, keepdims=keepdims)).astype(array.dtype, copy=False))

    return _named(reduce, name, "over the axes named, or all")


def _named(made: Callable[..., Tensor], name: str, what: str) -> Callable[..., Tensor]:
    made.__name__ = made.__qualname__ = name
    made.__doc__ = f"TensorFlow's {name} {what}."
    return made


def need_fractions(name: str, array: np.ndarray[Any, Any]) -> ArgumentError:
    return ArgumentError(
        "CW605",
        f"tf.{name} does not take {array.dtype}",
        received=array.dtype.name,
        quote=f"Value for attr 'T' of {array.dtype.name} is not in the list of allowed values",
        hint="change it first: tf.cast(x, tf.float32)",
    )


add, subtract, multiply = _two("add", np.add), _two("subtract", np.subtract), _two("multiply", np.multiply)
divide, pow = _two("divide", np.true_divide), _two("pow", np.power)
maximum, minimum = _two("maximum", np.maximum), _two("minimum", np.minimum)
equal, not_equal = _two("equal", np.equal), _two("not_equal", np.not_equal)
greater, greater_equal = _two("greater", np.greater), _two("greater_equal", np.greater_equal)
less, less_equal = _two("less", np.less), _two("less_equal", np.less_equal)
logical_and, logical_or = _two("logical_and", np.logical_and), _two("logical_or", np.logical_or)

exp, log, sqrt = _one("exp", np.exp), _one("log", np.log), _one("sqrt", np.sqrt)
rsqrt = _one("rsqrt", lambda x: 1 / np.sqrt(x))
sin, cos = _one("sin", np.sin), _one("cos", np.cos)
floor, ceil = _one("floor", np.floor), _one("ceil", np.ceil)
abs, square = _one("abs", np.abs, fractions=False), _one("square", np.square, fractions=False)
negative, sign = _one("negative", np.negative, fractions=False), _one("sign", np.sign, fractions=False)
round, logical_not = _one("round", np.round, fractions=False), _one("logical_not", np.logical_not, fractions=False)

reduce_mean, reduce_sum = _reduced("reduce_mean", np.mean), _reduced("reduce_sum", np.sum)
reduce_max, reduce_min = _reduced("reduce_max", np.max), _reduced("reduce_min", np.min)
reduce_prod = _reduced("reduce_prod", np.prod)
reduce_any, reduce_all = _reduced("reduce_any", np.any), _reduced("reduce_all", np.all)
reduce_std = _reduced("reduce_std", np.std, fractions=True)
reduce_variance = _reduced("reduce_variance", np.var, fractions=True)


def cumsum(x: Any, axis: int = 0, name: str | None = None) -> Tensor:
    """The running sums along an axis."""
    array = made_of(x)
    return as_tensor(np.cumsum(array, axis, dtype=array.dtype))
