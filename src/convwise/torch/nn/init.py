"""`nn.init`: overwrite a tensor with numbers, in place."""

from __future__ import annotations

from math import erf, prod, sqrt
from typing import Any

import numpy as np

from convwise.runtime import randomness
from convwise.torch.errors import ArgumentError
from convwise.torch.random import STREAM
from convwise.torch.tensor import plain


def constant_(tensor: Any, val: float) -> Any:
    return tensor.fill_(val)


def zeros_(tensor: Any) -> Any:
    return tensor.fill_(0)


def ones_(tensor: Any) -> Any:
    return tensor.fill_(1)


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0) -> Any:
    return tensor.copy_(randomness.uniform(STREAM.generator, tuple(tensor.shape), a, b, plain(tensor).dtype))


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0) -> Any:
    return tensor.copy_(randomness.normal(STREAM.generator, tuple(tensor.shape), mean, std, plain(tensor).dtype))


def _fans(tensor: Any) -> tuple[int, int]:
    shape = np.shape(tensor)
    return prod(shape[1:]), shape[0] * prod(shape[2:])


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much wider the weights are drawn for what follows them."""
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    return {"relu": sqrt(2.0), "tanh": 5.0 / 3, "selu": 0.75}.get(nonlinearity, 1.0)


def kaiming_uniform_(tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Any:
    bound = calculate_gain(nonlinearity, a) * sqrt(3.0 / _fans(tensor)[mode == "fan_out"])
    return uniform_(tensor, -bound, bound)


def kaiming_normal_(tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Any:
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / sqrt(_fans(tensor)[mode == "fan_out"]))


def xavier_uniform_(tensor: Any, gain: float = 1.0) -> Any:
    bound = gain * sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound)


def xavier_normal_(tensor: Any, gain: float = 1.0) -> Any:
    return normal_(tensor, 0.0, gain * sqrt(2.0 / sum(_fans(tensor))))


COMMON = 0.01
"""The share of normal numbers between the ends, from which on they are drawn until they lie there."""


def trunc_normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Any:
    """Normal numbers between `a` and `b`; what lies outside is drawn again.

    Raises:
        ArgumentError: CW606 where nothing lies between `a` and `b`.
    """
    if not a < b or not std > 0:
        raise ArgumentError(
            "CW606",
            f"no normal numbers of deviation {std} from {a} to {b}",
            received=(std, a, b),
            hint="a < b, std > 0",
        )
    rng, low, high = STREAM.generator, (a - mean) / std, (b - mean) / std
    often = erf(high / sqrt(2)) - erf(low / sqrt(2)) > 2 * COMMON
    nearest = min(max(low, 0.0), high)
    values, missing = np.empty(prod(np.shape(tensor))), np.ones(prod(np.shape(tensor)), bool)
    while missing.any():
        count = int(missing.sum())
        # Far from the mean normal numbers are too seldom: even ones are kept as often as the curve is high there.
        drawn = rng.standard_normal(count) if often else rng.uniform(low, high, count)
        kept = (drawn >= low) & (drawn <= high)
        if not often:
            kept &= rng.random(count) < np.exp((nearest**2 - drawn**2) / 2)
        values[np.flatnonzero(missing)[kept]] = drawn[kept]
        missing[np.flatnonzero(missing)[kept]] = False
    return tensor.copy_((mean + std * values).reshape(np.shape(tensor)))


def orthogonal_(tensor: Any, gain: float = 1.0) -> Any:
    """Rows, or where there are more rows than numbers in a row columns, that stand at right angles, of length `gain`.

    Raises:
        ArgumentError: CW605 for fewer than two axes.
    """
    shape = np.shape(tensor)
    if len(shape) < 2:
        raise ArgumentError(
            "CW605",
            f"{len(shape)} axes where at least 2 are needed",
            received=tuple(shape),
            quote="Only tensors with 2 or more dimensions are supported",
        )
    rows, columns = shape[0], prod(shape[1:])
    q, r = np.linalg.qr(STREAM.generator.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return tensor.copy_((gain * (q if rows >= columns else q.T)).reshape(shape))
