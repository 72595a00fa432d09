"""The frameworks' own words: how each spells, resolves and refuses layers. No dialect imports its framework."""

from __future__ import annotations

from convwise.dialects.base import Dialect, nearest
from convwise.errors import ArgumentError

NAMES = ("keras", "torch", "tensorflow", "jax", "onnx")
ALSO = {"tf": "tensorflow", "flax": "jax", "linen": "jax", "nnx": "jax", "ort": "onnx", "onnxruntime": "onnx"}
"""Other names of the frameworks that no likeness of letters finds."""


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
    near = meant(name)
    hint = f"did you mean {near!r}?" if near else f"the dialects are {', '.join(NAMES)}"
    raise ArgumentError("CW602", f"no dialect {name!r}", received=name, hint=hint)


def meant(name: object) -> str | None:
    """The dialect that another name most likely stands for.

    >>> meant("pytorch"), meant("tf"), meant("caffe")
    ('torch', 'tensorflow', None)
    """
    if not isinstance(name, str):
        return None
    return ALSO.get(name.lower()) or nearest(name, NAMES)
