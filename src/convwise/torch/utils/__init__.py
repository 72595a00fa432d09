"""`torch.utils`, of which checkpoints are left."""

from __future__ import annotations

from convwise.torch.utils import checkpoint

__all__ = ["checkpoint"]
