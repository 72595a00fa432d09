"""The user's module is left as it was: what a trace may touch is put away before and back after."""

from __future__ import annotations

import gc
import random
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def has_hooks(module: Any) -> bool:
    """Whether a hook of the user's would run in a forward; PyTorch's own (lazy layers, weight norm) are not the user's."""
    hooks = (hook for part in module.modules() for name in HOOKS[:2] for hook in (vars(part).get(name) or {}).values())
    return any(
        not str(getattr(hook, "__module__", None) or type(hook).__module__).startswith("torch.") for hook in hooks
    )


@contextmanager
def kept(torch: ModuleType, module: Any) -> Iterator[None]:
    """Attributes, parameters, hooks and random states as they were; no hook runs inside.

    The garbage collector rests meanwhile: a trace makes so many small objects that it would look through all of PyTorch's again and again.
    """
    collecting = gc.isenabled()
    gc.disable()
    before = [(part, _copied(vars(part))) for part in module.modules()]
    states = random.getstate(), torch.random.get_rng_state()
    for part, _ in before:
        for name in HOOKS:
            if vars(part).get(name):
                vars(part)[name] = OrderedDict()
    try:
        yield
    finally:
        for part, saved in before:
            _restore(part, saved)
        if collecting:
            gc.enable()
        random.setstate(states[0])
        torch.random.set_rng_state(states[1])


def _copied(attributes: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Every attribute with a copy of what a forward could change in place."""
    return {
        name: (value, value.copy() if isinstance(value, dict | list | set) else None)
        for name, value in attributes.items()
    }


def _restore(part: Any, saved: dict[str, tuple[Any, Any]]) -> None:
    attributes = vars(part)
    for name in list(attributes):
        if name not in saved:
            del attributes[name]
    for name, (value, content) in saved.items():
        attributes[name] = value
        if isinstance(value, list):
            value[:] = content
        elif isinstance(value, dict | set) and value != content:
            value.clear()
            value.update(content)
