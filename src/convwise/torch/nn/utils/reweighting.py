"""A weight that is computed before every call, from parameters that a checkpoint holds in its place."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.runtime.randomness import normal
from convwise.torch.errors import ArgumentError
from convwise.torch.nn.module import Module
from convwise.torch.nn.parameter import Parameter
from convwise.torch.random import STREAM
from convwise.torch.tensor import as_tensor, plain

Array = NDArray[Any]
Made = Callable[[Module], Array]


def lengths(weight: Array, dim: int | None) -> Array:
    """The length of each slice along an axis, or of the whole."""
    axes = None if dim in (None, -1) else tuple(axis for axis in range(weight.ndim) if axis != dim)
    found = np.sqrt(np.square(weight).sum(axis=axes, keepdims=axes is not None))
    return np.asarray(found, weight.dtype)


def as_matrix(weight: Array, dim: int) -> Array:
    """The weight with one axis first, and all others as one."""
    return np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def directions(weight: Array, dim: int) -> tuple[Array, Array]:
    """Two vectors of length 1, drawn for a weight, as PyTorch starts them."""
    found = []
    for size in as_matrix(weight, dim).shape:
        vector = normal(STREAM.generator, (size,), 0.0, 1.0, np.float32).astype(weight.dtype)
        found.append(vector / max(sqrt(float(np.square(vector).sum())), 1e-12))
    return found[0], found[1]


def stretch(weight: Array, u: Array, v: Array, dim: int) -> Any:
    """How much the matrix stretches v along u."""
    return u @ as_matrix(weight, dim) @ v


def recompute(module: Module, name: str, made: Made) -> None:
    """Let `made` give the weight before every call; the weight itself is no parameter any more."""
    module._parameters.pop(name, None)

    def before(module: Module, inputs: Any) -> None:
        module.register_buffer(name, as_tensor(made(module)), persistent=False)
        module.__dict__["_stale"] = True

    handle = module.register_forward_pre_hook(before)
    module.__dict__.setdefault("_recomputed", {})[name] = handle
    before(module, ())


def _held(module: Module, name: str) -> Array:
    found = module._parameters.get(name)
    if found is None:
        fact = f"{type(module).__name__} has no parameter {name!r}"
        raise ArgumentError("CW606", fact, axis="name", received=name, hint="name one of module.named_parameters()")
    return plain(found)


def usual_dim(module: Module) -> int:
    """The axis of the outputs, which a transposed convolution has second."""
    return 1 if "ConvTranspose" in type(module).__name__ else 0


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """The weight as lengths `weight_g` of directions `weight_v`."""
    weight = _held(module, name).copy()
    module.register_parameter(f"{name}_g", Parameter(lengths(weight, dim)))
    module.register_parameter(f"{name}_v", Parameter(weight))
    recompute(
        module,
        name,
        lambda one: (
            plain(one._parameters[f"{name}_v"])
            * (plain(one._parameters[f"{name}_g"]) / lengths(plain(one._parameters[f"{name}_v"]), dim))
        ),
    )
    return module


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """The weight `weight_orig` over its largest stretch, as the buffers `weight_u` and `weight_v` tell it."""
    weight = _held(module, name).copy()
    axis = usual_dim(module) if dim is None else dim

    def made(one: Module) -> Array:
        own = plain(one._parameters[f"{name}_orig"])
        return np.asarray(own / stretch(own, plain(one._buffers[f"{name}_u"]), plain(one._buffers[f"{name}_v"]), axis))

    module.register_parameter(f"{name}_orig", Parameter(weight))
    for letter, vector in zip("uv", directions(weight, axis), strict=True):
        module.register_buffer(f"{name}_{letter}", as_tensor(vector))
    recompute(module, name, made)
    return module


def _removed(module: Any, name: str, parts: tuple[str, ...]) -> Any:
    """The module with its weight as a parameter again."""
    handle = module.__dict__.get("_recomputed", {}).pop(name, None)
    if handle is None:
        quote = (
            f"weight_norm of '{name}' not found in {module}"
            if parts == ("_g", "_v")
            else f"spectral_norm of '{name}' not found in {module}"
        )
        raise ArgumentError("CW606", f"{name!r} is not computed", axis="name", received=name, quote=quote)
    for hook in list(module._hooks_before.values()):
        hook(module, ())
    handle.remove()
    weight = module._buffers.pop(name)
    module._unsaved.discard(name)
    for part in parts:
        module._parameters.pop(name + part, None)
        module._buffers.pop(name + part, None)
    module.register_parameter(name, Parameter(plain(weight)))
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """`weight_norm` undone: the weight as it is computed now is a parameter.

    Raises:
        ArgumentError: CW606 where there is none.
    """
    return _removed(module, name, ("_g", "_v"))


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """`spectral_norm` undone: the weight as it is computed now is a parameter.

    Raises:
        ArgumentError: CW606 where there is none.
    """
    return _removed(module, name, ("_orig", "_u", "_v"))
