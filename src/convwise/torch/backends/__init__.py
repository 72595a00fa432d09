"""`torch.backends`: there are none; their switches may be set, and change nothing."""

from __future__ import annotations

from convwise.torch.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
