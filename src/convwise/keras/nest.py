"""Lists, tuples and dicts of arrays or of tensors without values: what layers of several inputs take, and models of several outputs give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from convwise.keras.symbolic import KerasTensor

LEAVES = (np.ndarray, KerasTensor)


def is_nest(value: Any) -> bool:
    """Whether `value` holds arrays or tensors, rather than being one or a nest of numbers.

    >>> is_nest([np.zeros(2), np.zeros(3)]), is_nest([[1, 2], [3, 4]]), is_nest(np.zeros(2))
    (True, False, False)
    """
    if isinstance(value, dict):
        return True
    return isinstance(value, list | tuple) and any(isinstance(item, LEAVES) or is_nest(item) for item in value)


def flat(value: Any) -> Iterator[Any]:
    """The leaves in order; those of a dict by its sorted keys, as Keras takes them."""
    if not is_nest(value):
        yield value
        return
    for item in [value[key] for key in sorted(value)] if isinstance(value, dict) else value:
        yield from flat(item)


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """The same nest with every leaf changed.

    >>> mapped(np.shape, {"b": np.zeros(3), "a": [np.zeros((2, 1))]})
    {'b': (3,), 'a': [(2, 1)]}
    """
    if not is_nest(value):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(change, item) for key, item in value.items()}
    return type(value)(mapped(change, item) for item in value)


def is_symbolic(value: Any) -> bool:
    """Whether a tensor without values is among the leaves."""
    return any(isinstance(leaf, KerasTensor) for leaf in flat(value))


def shapes(value: Any) -> Any:
    """The shape of an array or a tensor, or the same nest of shapes.

    >>> shapes([np.zeros((2, 3)), np.zeros(4)])
    [(2, 3), (4,)]
    """
    return mapped(lambda one: tuple(one.shape if isinstance(one, KerasTensor) else np.shape(one)), value)
