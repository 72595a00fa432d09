"""`torch.backends.cudnn`: switches that scripts set."""

from __future__ import annotations

enabled = benchmark = deterministic = allow_tf32 = False


def is_available() -> bool:
    return False
