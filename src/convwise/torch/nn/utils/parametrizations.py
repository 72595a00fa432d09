"""`torch.nn.utils.parametrizations`: the same weights under the names that newer checkpoints have."""

from __future__ import annotations

from typing import Any

from convwise.torch.nn.containers import ModuleDict
from convwise.torch.nn.module import Module
from convwise.torch.nn.parameter import Parameter
from convwise.torch.nn.utils.reweighting import directions, lengths, recompute, stretch, usual_dim
from convwise.torch.tensor import as_tensor, plain

__all__ = ["spectral_norm", "weight_norm"]


def _list(module: Any, name: str) -> Module:
    """Where the parameters behind a weight are held: `parametrizations.weight`."""
    if "parametrizations" not in module._modules:
        module.add_module("parametrizations", ModuleDict())
    held = Module()
    module._modules["parametrizations"][name] = held
    return held


def weight_norm(module: Any, name: str = "weight", dim: int = 0) -> Any:
    """The weight as lengths `original0` of directions `original1`."""
    weight = plain(module._parameters[name]).copy()
    held = _list(module, name)
    held.register_parameter("original0", Parameter(lengths(weight, dim)))
    held.register_parameter("original1", Parameter(weight))
    recompute(
        module,
        name,
        lambda _: (
            plain(held._parameters["original1"])
            * (plain(held._parameters["original0"]) / lengths(plain(held._parameters["original1"]), dim))
        ),
    )
    return module


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """The weight `original` over its largest stretch, as `0._u` and `0._v` tell it."""
    weight = plain(module._parameters[name]).copy()
    axis = usual_dim(module) if dim is None else dim
    held, inner = _list(module, name), Module()
    held.register_parameter("original", Parameter(weight))
    held.add_module("0", inner)
    for letter, vector in zip("uv", directions(weight, axis), strict=True):
        inner.register_buffer(f"_{letter}", as_tensor(vector))

    def made(_: Module) -> Any:
        own = plain(held._parameters["original"])
        return own / stretch(own, plain(inner._buffers["_u"]), plain(inner._buffers["_v"]), axis)

    recompute(module, name, made)
    return module
