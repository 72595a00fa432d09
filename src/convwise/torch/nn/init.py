"""`nn.init`: overwrite a tensor with numbers, in place."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from convwise.runtime import randomness
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
