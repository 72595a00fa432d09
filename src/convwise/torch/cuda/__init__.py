"""`torch.cuda`: there is no other device than the processor, so that what seeds one or empties its memory has nothing to do."""

from __future__ import annotations

from convwise.torch.cuda import amp

__all__ = ["amp", "device_count", "empty_cache", "is_available", "is_initialized", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    return False


def is_initialized() -> bool:
    return False


def device_count() -> int:
    return 0


def manual_seed(seed: int) -> None:
    """There is no generator of a GPU to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """There is no memory of a GPU to give back."""
