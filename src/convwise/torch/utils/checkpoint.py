"""`torch.utils.checkpoint`: what saves memory in training runs here as if it were not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["checkpoint"]


def checkpoint(function: Callable[..., Any], *args: Any, **_: Any) -> Any:
    return function(*args)
