"""The types in which a layer keeps its weights and computes, by the names of Keras's policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from convwise.errors import ArgumentError, said


@dataclass(frozen=True, slots=True)
class DTypePolicy:
    """`mixed_float16` keeps float32 weights and computes with float16."""

    name: str
    variable_dtype: str
    compute_dtype: str

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


def policy(dtype: Any, layer: str) -> DTypePolicy:
    """The policy that `dtype` names; float32 where nothing is said.

    Raises:
        ArgumentError: CW606 for what is no number type, or none that NumPy has.
    """
    if isinstance(dtype, DTypePolicy):
        return dtype
    if dtype == "mixed_float16":
        return DTypePolicy("mixed_float16", "float32", "float16")
    try:
        found = np.dtype(dtype or np.float32)
    except TypeError:
        found = None
    if found is None or found.kind not in "biuf" or not isinstance(dtype, str | type | np.dtype | None):
        quote = "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy."
        if isinstance(dtype, str) and "bfloat16" not in dtype:
            quote = f"Cannot convert '{dtype}' to a mixed precision DTypePolicy."
        raise ArgumentError(
            "CW606",
            f"NumPy has no type {said(dtype)}",
            layer=layer,
            axis="dtype",
            received=dtype,
            quote="" if "bfloat16" in str(dtype) else quote,
            hint="use float32, float64, float16 or mixed_float16",
        )
    return DTypePolicy(found.name, found.name, found.name)
