"""The frameworks' own words: how each spells, resolves and refuses layers. No dialect imports its framework."""

from __future__ import annotations

from convwise.dialects.base import Dialect
from convwise.errors import ArgumentError

NAMES = ("keras", "torch", "tensorflow", "jax", "onnx")


def get(name: str) -> Dialect:
    """The dialect called `name`.

    Raises:
        ArgumentError: CW602.
    """
    if name == "keras":
        from convwise.dialects.keras import DIALECT as KERAS

        return KERAS
    if name == "torch":
        from convwise.dialects.torch import DIALECT as TORCH

        return TORCH
    if name == "tensorflow":
        from convwise.dialects.tensorflow import DIALECT as TENSORFLOW

        return TENSORFLOW
    if name == "jax":
        from convwise.dialects.jax import DIALECT as JAX

        return JAX
    if name == "onnx":
        from convwise.dialects.onnx.dialect import DIALECT as ONNX

        return ONNX
    raise ArgumentError("CW602", f"no dialect {name!r}", received=name, hint=f"the dialects are {', '.join(NAMES)}")
