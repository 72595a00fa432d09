"""Normalisation as functions of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convwise.ops import Layout, Norm
from convwise.torch.errors import ArgumentError, runtime_errors
from convwise.torch.reducing import norm
from convwise.torch.tensor import Tensor, as_tensor, plain


@runtime_errors
def _norm(op: Norm, input: Any, weights: Mapping[str, Any]) -> Tensor:
    from convwise.engine import run

    array = plain(input)
    op.flow(array.shape, Layout())
    return as_tensor(
        run(op, array, {name: plain(value) for name, value in weights.items() if value is not None} or None, Layout())
    )


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalisation by the given moments; with `training` it refuses."""
    if training:
        raise ArgumentError(
            "CW606",
            "convwise runs layers, it does not train them",
            axis="training",
            received=True,
            hint="pass training=False",
        )
    op = Norm(
        "batch",
        int(np.shape(running_mean)[0]),
        scale=weight is not None,
        center=bias is not None,
        moments=True,
        epsilon=eps,
    )
    return _norm(op, input, {"scale": weight, "shift": bias, "mean": running_mean, "variance": running_var})


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    axes = tuple(range(-len(tuple(normalized_shape)), 0))
    op = Norm(
        "layer",
        int(np.prod(tuple(normalized_shape))),
        axes,
        scale=weight is not None,
        center=bias is not None,
        epsilon=eps,
    )
    return _norm(op, input, {"scale": weight, "shift": bias})


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    op = Norm(
        "group",
        int(np.shape(input)[1]),
        scale=weight is not None,
        center=bias is not None,
        groups=num_groups,
        epsilon=eps,
    )
    return _norm(op, input, {"scale": weight, "shift": bias})


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    given = not use_input_stats
    op = Norm(
        "instance",
        int(np.shape(input)[1]),
        scale=weight is not None,
        center=bias is not None,
        moments=given,
        epsilon=eps,
    )
    moments = {"mean": running_mean, "variance": running_var} if given else {}
    return _norm(op, input, {"scale": weight, "shift": bias, **moments})


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """The input over the root of its mean square; without `eps`, that is the smallest step of float32, or of float64 for such data."""
    axes, own = (
        tuple(range(-len(tuple(normalized_shape)), 0)),
        np.float64 if plain(input).dtype == np.float64 else np.float32,
    )
    size, epsilon = int(np.prod(tuple(normalized_shape))), float(np.finfo(own).eps) if eps is None else eps
    op = Norm("rms", size, axes, scale=weight is not None, center=False, epsilon=epsilon)
    return _norm(op, input, {"scale": weight})


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12) -> Tensor:
    """The input divided by its p-norm along `dim`, which may be several axes."""
    array = plain(input)
    return as_tensor(array / np.maximum(plain(norm(array, p, dim, keepdim=True)), array.dtype.type(eps)))


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The products along an axis over those of the lengths, which count as `eps` at least."""
    a, b = np.broadcast_arrays(plain(x1), plain(x2))
    lengths = [np.maximum(np.linalg.norm(one, axis=dim), eps) for one in (a, b)]
    return as_tensor(((a * b).sum(axis=dim) / (lengths[0] * lengths[1])).astype(a.dtype))
