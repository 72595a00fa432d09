"""One op, as a framework runs it or as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.ops import Conv, Layout, Op, Pointwise
from convwise.runtime.running import run

Array = NDArray[Any]


def run_op(op: Op, x: Array, weights: Mapping[str, Array], layout: Layout, dialect: str) -> Array:
    """One op; those that know their channels on axis 1 alone are given them there."""
    if layout.channels_last and isinstance(op, Pointwise) and op.kind == "local_response_norm":
        return np.moveaxis(run(op, np.moveaxis(x, -1, 1), weights, layout, dialect), 1, -1)
    if not layout.channels_last and isinstance(op, Conv) and op.groups == 1:
        # The engine's windows lie closer together with the channels last; the values are the same.
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        return np.moveaxis(run(op, last, weights, Layout(channels_last=True), dialect), -1, 1)
    return run(op, x, weights, layout, dialect)
