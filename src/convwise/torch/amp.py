"""`torch.amp`: numbers keep their type."""

from __future__ import annotations

from typing import Any

from convwise.torch.errors import ArgumentError
from convwise.torch.grad import no_grad

__all__ = ["autocast"]


class autocast(no_grad):
    """Changes nothing without a GPU, as in PyTorch; on the processor PyTorch would round to bfloat16, and here it refuses.

    Raises:
        ArgumentError: CW606.
    """

    def __init__(self, device_type: Any = "cuda", dtype: Any = None, enabled: Any = True, **_: Any) -> None:
        super().__init__()
        if enabled and str(device_type) == "cpu":
            hint = "leave autocast out, or pass enabled=False"
            raise ArgumentError("CW606", "NumPy has no numbers of bfloat16", axis="autocast", received="cpu", hint=hint)
