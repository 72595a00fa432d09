"""Hooks of a module: functions that are called before and after its `forward`, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]


class Handle:
    """What registering gives: `remove()` takes the hook away."""

    def __init__(self, table: dict[int, Hook], hook: Hook) -> None:
        self.table = table
        self.key = max(table, default=-1) + 1
        table[self.key] = hook

    def remove(self) -> None:
        self.table.pop(self.key, None)


def before(module: Any, hooks: dict[int, Hook], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook in list(hooks.values()):
        given = hook(module, inputs)
        if given is not None:
            inputs = given if isinstance(given, tuple) else (given,)
    return inputs


def after(module: Any, hooks: dict[int, Hook], inputs: tuple[Any, ...], output: Any) -> Any:
    for hook in list(hooks.values()):
        given = hook(module, inputs, output)
        output = output if given is None else given
    return output
