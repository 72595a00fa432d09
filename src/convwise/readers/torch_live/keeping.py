"""The user's module is left as it was: what a trace may touch is put away before and back after."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from operator import is_
from types import ModuleType
from typing import Any

from convwise.collecting import resting

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

    The garbage collector rests meanwhile.
    """
    before = [(part, _copied(vars(part))) for part in module.modules()]
    states = random.getstate(), torch.random.get_rng_state()
    for part, _ in before:
        for name in HOOKS:
            if vars(part).get(name):
                vars(part)[name] = OrderedDict()
    try:
        with resting():
            yield
    finally:
        for part, saved in before:
            _restore(part, saved)
        random.setstate(states[0])
        torch.random.set_rng_state(states[1])


Saved = tuple[dict[str, Any], list[tuple[Any, Any]]]
"""A module's attributes, and those that a forward could change in place, each with a copy (None: it was empty, as most are)."""


def _copied(attributes: dict[str, Any]) -> Saved:
    containers = [value for value in attributes.values() if isinstance(value, (dict, list, set))]
    return dict(attributes), [(value, value.copy() if value else None) for value in containers]


def _restore(part: Any, saved: Saved) -> None:
    attributes, (before, containers) = vars(part), saved
    if not _same(attributes, before):
        attributes.clear()
        attributes.update(before)
    for value, content in containers:
        if content is None:
            if value:
                value.clear()
        elif isinstance(value, list):
            value[:] = content
        elif isinstance(value, set) or not _same(value, content):
            value.clear()
            value.update(content)


def _same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Whether two mappings hold the same objects under the same names, in the same order."""
    return len(one) == len(other) and all(map(is_, one, other)) and all(map(is_, one.values(), other.values()))
