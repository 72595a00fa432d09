"""`torch.jit`: what would be compiled runs as it is."""

from __future__ import annotations

from typing import Any

__all__ = ["export", "freeze", "ignore", "is_scripting", "is_tracing", "script", "script_method", "trace", "unused"]


def script(obj: Any = None, *_: Any, **__: Any) -> Any:
    """The function or module itself, or a decorator that gives it, where options alone are given."""
    return script if obj is None or isinstance(obj, bool) else obj


trace = freeze = script_method = export = ignore = unused = script


def is_scripting() -> bool:
    return False


def is_tracing() -> bool:
    return False
