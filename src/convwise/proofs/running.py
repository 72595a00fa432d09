"""One op, as a framework runs it or as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.ops import Conv, Layout, Op, Pointwise, Resize
from convwise.runtime.running import run

Array = NDArray[Any]


KERNELS = {"keys": "cubic", "area of parts": "area", "lanczos3": "lanczos3", "lanczos5": "lanczos5"}
"""A port's name for a kernel -> Keras's."""


def run_op(op: Op, x: Array, weights: Mapping[str, Array], layout: Layout, dialect: str) -> Array:
    """One op; those that know their channels on axis 1 alone are given them there."""
    if layout.channels_last and isinstance(op, Pointwise) and op.kind == "local_response_norm":
        return np.moveaxis(run(op, np.moveaxis(x, -1, 1), weights, layout, dialect), 1, -1)
    if not layout.channels_last and isinstance(op, Conv) and op.groups == 1:
        # The engine's windows lie closer together with the channels last; the values are the same.
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        return np.moveaxis(run(op, last, weights, Layout(channels_last=True), dialect), -1, 1)
    if isinstance(op, Resize) and (kernel := op.mode.partition("+")[0]) in KERNELS:
        # Keras has these kernels; whoever else is told to use them uses the same ones.
        mode = op.mode.replace(kernel, KERNELS[kernel], 1)
        sizes = [size or 0 for size in layout.split(x.shape)[2]]
        outs = tuple(op.out(axis, size) for axis, size in enumerate(sizes))
        return run(replace(op, mode=mode, sizes=outs, scales=None), x, weights, layout, "keras")
    return run(op, x, weights, layout, dialect)
