"""`torch.nn`: every layer that the PyTorch dialect knows, under PyTorch's own name, with the containers and `Module`."""

from __future__ import annotations

from functools import cache
from typing import Any

from convwise import dialects
from convwise.dialects.base import nearest
from convwise.dialects.torch import UNMODELLED
from convwise.torch.nn import attention, functional, init, losses, parameters, recurrent, two_inputs, utils
from convwise.torch.nn.containers import ModuleDict, ModuleList, Sequential
from convwise.torch.nn.layer import ConvModule, DialectModule, TransposedModule
from convwise.torch.nn.module import Module
from convwise.torch.nn.parameter import Parameter

_OWN: dict[str, type[Module]] = {**losses.MODULES} | {
    one.__name__: one
    for one in (
        parameters.ParameterList,
        parameters.ParameterDict,
        parameters.DataParallel,
        attention.MultiheadAttention,
        recurrent.LSTM,
        recurrent.GRU,
        recurrent.RNN,
        recurrent.LSTMCell,
        recurrent.GRUCell,
        recurrent.RNNCell,
        two_inputs.Embedding,
        two_inputs.Bilinear,
        two_inputs.CosineSimilarity,
        two_inputs.PairwiseDistance,
        two_inputs.MaxUnpool1d,
        two_inputs.MaxUnpool2d,
        two_inputs.MaxUnpool3d,
    )
}
"""Layers that the dialect does not read, since they take indices, sequences or several inputs."""

# All names, so that `from convwise.torch.nn import *` gives what it gives with PyTorch.
__all__ = [
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "Sequential",
    "functional",
    "init",
    "utils",
    *sorted({*dialects.get("torch").kinds, *_OWN}),
]


@cache
def module_class(kind: str) -> type[DialectModule]:
    """The class of one kind of layer; the dialect reads its arguments."""
    base = TransposedModule if "ConvTranspose" in kind else ConvModule if "Conv" in kind else DialectModule
    return type(kind, (base,), {"kind": kind, "__module__": __name__, "__doc__": f"PyTorch's {kind}, run by NumPy."})


def __getattr__(name: str) -> Any:
    kinds = dialects.get("torch").kinds
    if name in _OWN:
        return _OWN[name]
    if name in kinds or name in UNMODELLED:
        # Constructing a layer that is not modelled gives the dialect's own error.
        return module_class(name)
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    near = nearest(name, kinds)
    raise AttributeError(f"convwise knows no PyTorch layer {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def __dir__() -> list[str]:
    return sorted(__all__)
