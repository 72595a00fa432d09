"""Losses, as numbers that tell how good a result is: nothing is trained by them here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.torch.errors import ArgumentError
from convwise.torch.nn.own import OwnModule
from convwise.torch.tensor import Tensor, fresh, plain

Array = NDArray[Any]


def _reduced(array: Array, reduction: str) -> Tensor:
    if reduction not in ("none", "mean", "sum"):
        quote = f"{reduction} is not a valid value for reduction"
        raise ArgumentError(
            "CW207", f"no reduction {reduction!r}", received=reduction, quote=quote, hint="none, mean, sum"
        )
    return fresh(array if reduction == "none" else array.mean() if reduction == "mean" else array.sum())


def mse_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    return _reduced(np.square(plain(input) - plain(target)), reduction)


def l1_loss(input: Any, target: Any, *, reduction: str = "mean") -> Tensor:
    return _reduced(np.abs(plain(input) - plain(target)), reduction)


def smooth_l1_loss(input: Any, target: Any, *, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Squares up to `beta`, and absolute values beyond."""
    apart = np.abs(plain(input) - plain(target))
    near = 0.5 * np.square(apart) / (beta or 1.0)
    return _reduced(np.where(apart < beta, near, apart - 0.5 * beta).astype(apart.dtype), reduction)


def huber_loss(input: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Squares up to `delta`, and absolute values beyond, `delta` times as steep."""
    apart = np.abs(plain(input) - plain(target))
    found = np.where(apart <= delta, 0.5 * np.square(apart), delta * (apart - 0.5 * delta))
    return _reduced(found.astype(apart.dtype), reduction)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, *, reduction: str = "mean") -> Tensor:
    """Of probabilities; a logarithm counts as -100 at least."""
    x, y = plain(input), plain(target)
    with np.errstate(divide="ignore"):
        found = -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log(1 - x), -100))
    return _reduced((found if weight is None else found * plain(weight)).astype(x.dtype), reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
) -> Tensor:
    """Of numbers before the sigmoid."""
    x, y = plain(input), plain(target)
    more = 1 if pos_weight is None else 1 + (plain(pos_weight) - 1) * y
    found = (1 - y) * x + more * (np.log1p(np.exp(-np.abs(x))) + np.maximum(-x, 0))
    return _reduced((found if weight is None else found * plain(weight)).astype(x.dtype), reduction)


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Target * (log(target) - input)."""
    x, y = plain(input), plain(target)
    if log_target:
        found = np.exp(y) * (y - x)
    else:
        found = np.where(y > 0, y * (np.log(np.where(y > 0, y, 1)) - x), 0).astype(x.dtype)
    return fresh(found.sum() / len(x)) if reduction == "batchmean" else _reduced(found, reduction)


def nll_loss(
    input: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Of log-probabilities, classes on axis 1; the mean is over the weights of the classes that are told.

    Raises:
        ArgumentError: CW605 for a class that is not there.
    """
    x, y = plain(input), plain(target)
    axis = 1 if x.ndim > 1 else 0
    known = y != ignore_index
    chosen = np.where(known, y, 0)
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < x.shape[axis]:
        fact = f"classes run from 0 to {x.shape[axis] - 1}, and {chosen.min()} to {chosen.max()} are given"
        raise ArgumentError("CW605", fact, received=int(chosen.max()), quote="is out of bounds.")
    weights = (np.ones(x.shape[axis], x.dtype) if weight is None else plain(weight))[chosen] * known
    found = -np.take_along_axis(x, np.expand_dims(chosen, axis), axis).squeeze(axis) * weights
    if reduction == "mean":
        with np.errstate(invalid="ignore"):
            return fresh((found.sum() / weights.sum()).astype(x.dtype))
    return _reduced(found.astype(x.dtype), reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Of numbers before the softmax, classes on axis 1, and numbers of classes.

    Raises:
        ArgumentError: CW208 for probabilities as target, or smoothed labels.
    """
    if plain(target).dtype.kind == "f" or label_smoothing:
        hint = "give numbers of classes, and no label_smoothing"
        fact = "convwise computes no cross entropy of probabilities"
        raise ArgumentError("CW208", fact, received=plain(target).dtype.name, hint=hint)
    x, axis = plain(input), 1 if np.ndim(input) > 1 else 0
    shifted = x - x.max(axis=axis, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)


def _module(name: str, function: Callable[..., Tensor]) -> type[OwnModule]:
    """The module of a loss: its options are those of the function; weights are buffers, as in PyTorch."""

    class Loss(OwnModule):
        def __init__(self, weight: Any = None, size_average: Any = None, *_: Any, **options: Any) -> None:
            super().__init__()
            self.__dict__["_options"] = options
            if weight is not None:
                self.register_buffer("weight", weight)

        def forward(self, input: Any, target: Any) -> Tensor:
            options: dict[str, Any] = {**self._buffers, **self.__dict__["_options"]}
            found: Tensor = function(input, target, **options)
            return found

    Loss.__name__ = Loss.__qualname__ = name
    Loss.__doc__ = f"`F.{function.__name__}` as a module."
    return Loss


FUNCTIONS: tuple[Callable[..., Tensor], ...] = (
    mse_loss, l1_loss, smooth_l1_loss, huber_loss, binary_cross_entropy, binary_cross_entropy_with_logits, kl_div,
    nll_loss, cross_entropy,
)  # fmt: skip
MODULES = {
    name: _module(name, function)
    for name, function in {
        "MSELoss": mse_loss,
        "L1Loss": l1_loss,
        "SmoothL1Loss": smooth_l1_loss,
        "HuberLoss": huber_loss,
        "BCELoss": binary_cross_entropy,
        "BCEWithLogitsLoss": binary_cross_entropy_with_logits,
        "KLDivLoss": kl_div,
        "NLLLoss": nll_loss,
        "CrossEntropyLoss": cross_entropy,
    }.items()
}
