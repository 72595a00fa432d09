"""`F.interpolate(..., antialias=True)`: the kernel widened by as much as the image shrinks."""

from __future__ import annotations

from typing import Any

from convwise import dialects
from convwise.dialects.base import Layer
from convwise.ops import Resize
from convwise.runtime import resampling
from convwise.torch.errors import ArgumentError, runtime_errors
from convwise.torch.tensor import Tensor, fresh, plain


@runtime_errors
def antialiased(layer: Layer, input: Any) -> Tensor:
    """The images (batch, channels, height, width) in another size.

    Raises:
        ShapeError, Refusal: the dialect's.  ArgumentError: CW207 for another mode than bilinear and bicubic.
    """
    array, op = plain(input), layer.ops[0]
    assert isinstance(op, Resize)
    if op.mode not in ("linear", "cubic") or array.ndim != 4:
        raise ArgumentError(
            "CW207",
            f"antialias=True with mode={layer.arguments['mode']!r} on {array.ndim} axes",
            layer="PyTorch F.interpolate",
            axis="antialias",
            received=True,
            quote="Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input",
            hint="leave antialias out",
        )
    outs = dialects.get("torch").flow(layer, array.shape).output[2:]
    matrices = []
    for axis, (size, out) in enumerate(zip(array.shape[2:], outs, strict=True)):
        assert out is not None
        own = op.scales is not None and not layer.arguments.get("recompute_scale_factor")
        step = float(1 / op.scales[axis]) if own and op.scales is not None else size / out
        if op.align_corners:
            step = (size - 1) / (out - 1) if out > 1 else 0.0
        matrices.append(resampling.scaled(size, out, op.mode, True, step))
    return fresh(resampling.apply(array, matrices, 2))
