"""Activations and the other ops that change values one by one, by plain name, as they act in inference.

Names are compared without underscores, so that `hard_sigmoid` and `hardsigmoid` are one. NaN stays NaN in all of them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from convwise.engine.arrays import Array, need_floats
from convwise.errors import ArgumentError, said

Options = Mapping[str, Any]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Klambauer et al., arXiv 1706.02515, section 2: the fixed point of mean 0 and variance 1."""


def option(options: Options, default: Any, *names: str) -> Any:
    """The first of `names` that is set, or `default` where none is or the value is None."""
    return next((options[name] for name in names if options.get(name) is not None), default)


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def log1pexp(x: Array) -> Array:
    """log(1 + exp(x)), which neither overflows nor loses what is small."""
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def softplus(x: Array, options: Options) -> Array:
    """log(1 + exp(beta x)) / beta, and x itself where beta x passes `threshold`, if one is given (PyTorch: 20)."""
    beta, threshold = option(options, 1.0, "beta"), option(options, np.inf, "threshold")
    scaled = x * x.dtype.type(beta)
    return np.where(scaled > threshold, x, log1pexp(scaled) / x.dtype.type(beta))


def relu(x: Array, options: Options) -> Array:
    """max(x, 0), and Keras's ReLU layer: below `threshold`, negative_slope (x - threshold); at most `max_value`."""
    slope, threshold, most = (
        option(options, 0, "negative_slope"),
        option(options, 0, "threshold"),
        option(options, None, "max_value"),
    )
    if not slope and not threshold:
        result = np.maximum(x, 0)
    else:
        result = np.where(x < threshold, (x - x.dtype.type(threshold)) * x.dtype.type(slope), x)
    return result if most is None else np.minimum(result, x.dtype.type(most))


def elu(x: Array, options: Options) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * x.dtype.type(option(options, 1.0, "alpha")))


def celu(x: Array, options: Options) -> Array:
    alpha = x.dtype.type(option(options, 1.0, "alpha"))
    result: Array = np.maximum(x, 0) + np.minimum(alpha * np.expm1(np.minimum(x, 0) / alpha), 0)
    return result


def gelu(x: Array, options: Options) -> Array:
    """The value times the normal distribution function; with `approximate` (True or "tanh"), Hendrycks & Gimpel's tanh form (arXiv 1606.08415)."""
    if options.get("approximate") in (True, "tanh"):
        inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * (x * x * x))
        tanh_form: Array = 0.5 * x * (1 + np.tanh(inner))
        return tanh_form
    exact: Array = 0.5 * x * (1 + erf(x * x.dtype.type(math.sqrt(0.5))))
    return exact


ERF_STEPS, ERF_END = 64, 6
ERF_TERMS = {4: 4, 8: 7}
"""By the bytes of a number: so many terms leave less than its last digit."""


@lru_cache(maxsize=2)
def _erf_table(dtype: np.dtype[Any]) -> Array:
    """Taylor coefficients of erf at 0, 1/64, ... 6. Its n-th derivative is 2 / sqrt(pi) (-1)^(n-1) H_(n-1)(x) exp(-x^2)."""
    nodes = np.arange(ERF_STEPS * ERF_END + 1) / ERF_STEPS
    terms = ERF_TERMS[dtype.itemsize]
    table = np.empty((terms, len(nodes)))
    table[0] = [math.erf(node) for node in nodes]
    slope = 2 / math.sqrt(math.pi) * np.exp(-nodes * nodes)
    before, hermite = np.zeros_like(nodes), np.ones_like(nodes)
    for n in range(1, terms):
        table[n] = (-1) ** (n - 1) * hermite * slope / math.factorial(n)
        before, hermite = hermite, 2 * nodes * hermite - 2 * (n - 1) * before
    return table.astype(dtype)


def erf(x: Array) -> Array:
    """The error function, which NumPy lacks: the Taylor series about the nearest of 385 nodes, right to 1e-15, or to the last digit of float32."""
    distance = np.fmin(np.abs(x), x.dtype.type(ERF_END))
    index = np.rint(distance * ERF_STEPS).astype(np.intp)
    table = _erf_table(x.dtype)
    rest = distance - index.astype(x.dtype) / x.dtype.type(ERF_STEPS)
    result: Array = table[-1].take(index)
    for row in table[-2::-1]:
        result *= rest
        result += row.take(index)
    return np.where(np.isnan(x), x, np.copysign(result, x))


def gate(x: Array, axis: int) -> Array:
    """The first half of an axis times the sigmoid of the second."""
    first, second = np.split(x, 2, axis=axis)
    result: Array = first * sigmoid(second)
    return result


def axes_of(x: Array, options: Options) -> Any:
    """The axis or axes that a softmax runs over: the last where none is named; for None PyTorch's choice, 0 for 0, 1 or 3 axes and else 1."""
    for name in ("axis", "dim"):
        if name in options:
            chosen = options[name]
            return (0 if x.ndim in (0, 1, 3) else 1) if chosen is None else chosen
    return -1


def softmax(x: Array, options: Options) -> Array:
    axis = axes_of(x, options)
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def log_softmax(x: Array, options: Options) -> Array:
    axis = axes_of(x, options)
    moved = x - x.max(axis=axis, keepdims=True)
    result: Array = moved - np.log(np.exp(moved).sum(axis=axis, keepdims=True))
    return result


def hardsigmoid(x: Array) -> Array:
    """clip(x + 3, 0, 6) / 6: the same in PyTorch and in Keras 3."""
    result: Array = np.clip(x + 3, 0, 6) / 6
    return result


def softshrink(x: Array, options: Options) -> Array:
    width = x.dtype.type(option(options, 0.5, "lambd", "threshold"))
    return np.where(x > width, x - width, np.where(x < -width, x + width, x * 0))


def hardshrink(x: Array, options: Options) -> Array:
    width = option(options, 0.5, "lambd", "threshold")
    return np.where(np.abs(x) <= width, x.dtype.type(0), x)


def threshold(x: Array, options: Options) -> Array:
    low, value = option(options, 0, "threshold"), option(options, 0, "value", "default_value")
    return np.where(x <= low, x.dtype.type(value), x)


def _same(x: Array, options: Options) -> Array:
    return x


def _leaky(x: Array, options: Options) -> Array:
    """`negative_slope` is 0.01 where it is not given (PyTorch; Keras's own defaults are 0.2 and 0.3)."""
    return np.where(x < 0, x * x.dtype.type(option(options, 0.01, "negative_slope", "alpha")), x)


def _rrelu(x: Array, options: Options) -> Array:
    """In inference the slope is the middle of its range."""
    slope = (option(options, 1 / 8, "lower") + option(options, 1 / 3, "upper")) / 2
    return np.where(x < 0, x * x.dtype.type(slope), x)


def sparsemax(x: Array, options: Options) -> Array:
    """Keras's form: max(x - t, 0) with t = (the sum of the supported running sums - 1) / their number.

    Martins & Astudillo (arXiv 1602.02068, algorithm 1) take the last running sum there, so that the result adds up to 1;
    Keras 3.15 adds all of them up, and its numbers are what a Keras layer must give.
    """
    axis = option(options, -1, "axis", "dim")
    z = np.moveaxis(x, axis, -1)
    ordered = -np.sort(-z, axis=-1)
    sums, ranks = np.cumsum(ordered, axis=-1), np.arange(1, z.shape[-1] + 1, dtype=x.dtype)
    support = ordered - (sums - 1) / ranks > 0
    supported = np.where(support, sums, x.dtype.type(0)).sum(axis=-1, keepdims=True)
    level = (supported - 1) / support.sum(axis=-1, keepdims=True).astype(x.dtype)
    return np.moveaxis(np.maximum(z - level, 0), -1, axis)


def _rescale(x: Array, options: Options) -> Array:
    """The value times `scale` plus `offset`; both may be one number for each of the last axis."""
    scale, offset = (
        np.asarray(option(options, 1.0, "scale"), x.dtype),
        np.asarray(option(options, 0.0, "offset"), x.dtype),
    )
    result: Array = x * scale + offset
    return result


def _masking(x: Array, options: Options) -> Array:
    """Keras's Masking: steps whose every feature is `mask_value` become 0."""
    seen = (x != option(options, 0.0, "mask_value")).any(axis=-1, keepdims=True)
    result: Array = x * seen.astype(x.dtype)
    return result


def _unary(function: Callable[[Array], Array]) -> Callable[[Array, Options], Array]:
    return lambda x, options: function(x)


KINDS: Mapping[str, Callable[[Array, Options], Array]] = {
    "relu": relu,
    "relu6": lambda x, options: np.clip(x, 0, 6),
    "leakyrelu": _leaky,
    "rrelu": _rrelu,
    "elu": elu,
    "celu": celu,
    "selu": lambda x, options: (
        np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * x.dtype.type(SELU_ALPHA)) * x.dtype.type(SELU_SCALE)
    ),
    "gelu": gelu,
    "silu": _unary(lambda x: x * sigmoid(x)),
    "swish": _unary(lambda x: x * sigmoid(x)),
    "sigmoid": _unary(sigmoid),
    "logsigmoid": _unary(lambda x: -log1pexp(-x)),
    "tanh": _unary(np.tanh),
    "tanhshrink": _unary(lambda x: x - np.tanh(x)),
    "softplus": softplus,
    "softsign": _unary(lambda x: x / (1 + np.abs(x))),
    "softmax": softmax,
    "softmin": lambda x, options: softmax(-x, options),
    "logsoftmax": log_softmax,
    "hardsigmoid": _unary(hardsigmoid),
    "hardswish": _unary(lambda x: x * hardsigmoid(x)),
    "hardsilu": _unary(lambda x: x * hardsigmoid(x)),
    "hardtanh": lambda x, options: np.clip(
        x, x.dtype.type(option(options, -1, "min_val")), x.dtype.type(option(options, 1, "max_val"))
    ),
    "softshrink": softshrink,
    "hardshrink": hardshrink,
    "threshold": threshold,
    "sparseplus": _unary(lambda x: np.where(x >= 1, x, np.where(x > -1, (x + 1) ** 2 / 4, x.dtype.type(0)))),
    "sparsesigmoid": _unary(lambda x: np.clip((x + 1) / 2, 0, 1)),
    "sparsemax": sparsemax,
    "mish": _unary(lambda x: x * np.tanh(log1pexp(x))),
    "exponential": _unary(np.exp),
    "exp": _unary(np.exp),
    "abs": _unary(np.abs),
    "squareplus": lambda x, options: (x + np.sqrt(x * x + x.dtype.type(option(options, 4, "b")))) / 2,
    "linear": _same,
    "identity": _same,
    "rescaling": _rescale,
    "masking": _masking,
    **dict.fromkeys(
        ("dropout", "spatialdropout", "alphadropout", "featurealphadropout", "gaussiandropout", "gaussiannoise"), _same
    ),
}

INTEGER = frozenset(
    {"relu", "relu6", "hardtanh", "threshold", *(kind for kind, function in KINDS.items() if function is _same)}
)
"""The kinds that give integers for integers, if their options are integers."""


ALONG = frozenset({"softmax", "softmin", "logsoftmax", "sparsemax", "rescaling", "masking"})
"""The kinds in which a number's neighbours, or its place, matter."""
AT_ONCE = frozenset({"relu", "relu6", "tanh", "abs", "exp", "exponential", "hardtanh"})
"""The kinds of one step, which gain nothing in blocks."""
BLOCK = 2**15
"""So many numbers are taken through all steps of a kind at a time, for they stay in a core's cache."""


def _in_blocks(function: Callable[[Array, Options], Array], x: Array, options: Options) -> Array:
    """`function`, which changes numbers one by one, of one piece of the memory after the other."""
    result = np.empty_like(x)
    flat, target = x.ravel(order="K"), result.ravel(order="K")
    for start in range(0, len(flat), BLOCK):
        target[start : start + BLOCK] = function(flat[start : start + BLOCK], options)
    return result


def known(kind: object) -> Callable[[Array, Options], Array]:
    """The function behind `kind`.

    Raises:
        ArgumentError: CW606.
    """
    function = KINDS.get(kind.replace("_", "")) if isinstance(kind, str) else None
    if function is None:
        near = difflib.get_close_matches(kind.lower(), KINDS, n=1) if isinstance(kind, str) else []
        raise ArgumentError(
            "CW606",
            f"no activation {said(kind)}",
            received=kind,
            hint=f"did you mean {near[0]!r}?" if near else f"the engine runs {', '.join(sorted(KINDS))}",
        )
    return function


def activate(x: Array, kind: str, options: Options) -> Array:
    """`kind` with its options, on any array.

    Raises:
        ArgumentError: CW606 for a kind that is not known, CW605 for integers where the answer is no integer.
    """
    function = known(kind)
    whole = all(float(value).is_integer() for value in options.values() if isinstance(value, int | float))
    plain = kind.replace("_", "")
    if function is not _same and (plain not in INTEGER or not whole):
        need_floats(kind, x.dtype)
    pieces = x.size > BLOCK and x.dtype.kind == "f" and function is not _same and plain not in ALONG | AT_ONCE
    try:
        return _in_blocks(function, x, options) if pieces else function(x, options)
    except (TypeError, ValueError, IndexError) as error:
        # Options come from a layer's text, so that any value can stand there.
        raise ArgumentError(
            "CW606",
            f"{kind} does not run with {dict(options)}: {error}",
            received=str(dict(options)),
            hint=f"x has shape {x.shape}",
        ) from None


def prelu(x: Array, slope: Array, channels_last: bool) -> Array:
    """A positive x as it is, a negative one times `slope`.

    `slope` is one number, one per channel, or of a shape that meets the axes after the first. Channels first, the channels are axis 1 with or without a batch: PyTorch's rule.
    """
    if slope.size != 1 and slope.ndim == 1 and x.ndim > 1 and not channels_last:
        slope = slope.reshape(-1, *(1 for _ in x.shape[2:]))
    try:
        shaped = np.broadcast_to(slope if slope.size > 1 else slope.reshape(()), x.shape)
    except ValueError:
        raise ArgumentError(
            "CW605",
            f"slope has shape {slope.shape}, which does not meet {x.shape}",
            received=slope.shape,
            hint="one number, or one per channel",
        ) from None
    return np.where(x > 0, x, x * shaped)
