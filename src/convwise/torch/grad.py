"""Gradients do not exist here, so switching them off is accepted everywhere and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any


class no_grad:
    """A context manager and a decorator: `with torch.no_grad():`, `@torch.no_grad()`, `@torch.no_grad`."""

    def __new__(cls, function: Any = None, *_: Any, **__: Any) -> Any:
        return function if callable(function) else super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


inference_mode = enable_grad = set_grad_enabled = no_grad


def is_grad_enabled() -> bool:
    return False
