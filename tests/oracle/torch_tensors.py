"""Whether a call gives the same tensors in `convwise.torch` and in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import convwise.torch as ours

torch = pytest.importorskip("torch")

Do = Callable[[Any, Any], Any]
"""From the module and a tensor of 2 x 4 x 5 float32 to something of tensors."""


def alike(own: Any, real: Any, name: str = "") -> None:
    """Equal types, shapes and numbers, in tuples too."""
    if isinstance(real, tuple | list) and not isinstance(real, torch.Size):
        assert len(own) == len(real), name
        for mine, theirs in zip(own, real, strict=True):
            alike(mine, theirs, name)
        return
    if not isinstance(real, torch.Tensor):
        assert own == real, name
        return
    assert isinstance(own, ours.Tensor), (name, type(own))
    theirs = real.detach().numpy()
    assert np.asarray(own).dtype == theirs.dtype, name
    assert tuple(own.shape) == tuple(theirs.shape), name
    np.testing.assert_allclose(np.asarray(own), theirs, rtol=1e-5, atol=1e-6, err_msg=name)


def both(do: Do, array: np.ndarray | None = None) -> None:
    array = np.random.default_rng(4).normal(size=(2, 4, 5)).astype(np.float32) if array is None else array
    own, real = ours.from_numpy(array.copy()), torch.from_numpy(array.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = do(torch, real)
    alike(do(ours, own), wanted)
    alike(own, real, "the tensor itself")
