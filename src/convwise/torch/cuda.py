"""`torch.cuda`: there is no other device than the processor."""

from __future__ import annotations

__all__ = ["device_count", "is_available"]


def is_available() -> bool:
    return False


def device_count() -> int:
    return 0
