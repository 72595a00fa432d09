"""Modules that the dialect does not read, because they take several inputs, indices or sequences: their parameters are named here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.runtime.randomness import uniform
from convwise.torch.errors import ArgumentError
from convwise.torch.nn.module import Module
from convwise.torch.nn.parameter import Parameter
from convwise.torch.random import STREAM
from convwise.torch.tensor import check_device

Array = NDArray[Any]


def drawn(shape: tuple[int, ...], bound: float) -> Array:
    """Numbers between -bound and bound."""
    return uniform(STREAM.generator, shape, -bound, bound, np.float32)


class OwnModule(Module):
    """A module whose arguments stand in its printed form as they were given."""

    def __init__(self, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        check_device(device)
        object.__setattr__(self, "_dtype", np.dtype(dtype or np.float32))
        object.__setattr__(self, "_told", "")

    def hold(self, name: str, value: Array | None) -> None:
        """Keep a parameter; None says that there is none of this name."""
        self.register_parameter(name, None if value is None else Parameter(np.asarray(value, self._dtype)))

    def extra_repr(self) -> str:
        return str(self._told)

    def check_features(self, arrays: Sequence[Array], sizes: Sequence[int]) -> None:
        """Refuse arrays whose last axis is not of these sizes, or whose type is not that of the parameters.

        Raises:
            ArgumentError: CW605.
        """
        own = next((value.dtype for value in self._parameters.values() if value is not None), None)
        for array, size in zip(arrays, sizes, strict=True):
            if not array.ndim or array.shape[-1] != size:
                fact = f"{size} features are needed on the last axis, the input is {array.shape}"
                raise ArgumentError("CW605", fact, layer=f"PyTorch {self._get_name()}", received=array.shape)
            if own is not None and array.dtype != own:
                fact = f"the input is {array.dtype}, the weights are {own}"
                hint = f"x.to(torch.{own})"
                name = array.dtype.name
                raise ArgumentError("CW605", fact, layer=f"PyTorch {self._get_name()}", received=name, hint=hint)


def told(given: Sequence[tuple[str, Any, Any]]) -> str:
    """What stands in the printed form of options that differ from their defaults: (name, value, default)."""
    return "".join(f", {name}={value!r}" for name, value, default in given if value != default)
