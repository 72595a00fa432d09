"""The shapes that a `call` of one's own gives: it is run on zeros, since nothing else tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convwise.keras import nest
from convwise.ops import Shape

if TYPE_CHECKING:
    from convwise.keras.layer import Layer

BATCHES = (2, 3)
SIZES = (83, 89)
"""What open sizes are tried as. Two sizes have no common divisor, so that what depends on them differs."""


def shapes_given(layer: Layer, shapes: Any) -> Any:
    """The output shape, or the nest of them, for an input shape or a nest of them.

    Sizes that are open are tried as two numbers, and what then differs in the output is open.
    """
    first = _called(layer, shapes, 0)
    if not any(None in shape for shape in _listed(shapes)):
        return first
    return _differing(first, _called(layer, shapes, 1))


def _called(layer: Layer, shapes: Any, trial: int) -> Any:
    with np.errstate(all="ignore"):  # zeros divided by zeros are nobody's mistake
        outputs = layer.call(_zeros(layer, shapes, trial))
    return nest.mapped(lambda one: tuple(np.shape(one)), outputs)


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(size is None or isinstance(size, int | np.integer) for size in value)


def _listed(shapes: Any) -> list[Shape]:
    if _is_shape(shapes):
        return [tuple(shapes)]
    return [one for part in (shapes.values() if isinstance(shapes, dict) else shapes) for one in _listed(part)]


def _zeros(layer: Layer, shapes: Any, trial: int) -> Any:
    from convwise.keras.tensor import as_tensor

    if isinstance(shapes, dict):
        return {key: _zeros(layer, part, trial) for key, part in shapes.items()}
    if not _is_shape(shapes):
        return [_zeros(layer, part, trial) for part in shapes]
    tried = (BATCHES[trial], *(SIZES[trial] for _ in shapes[1:]))
    sizes = [one if size is None else size for size, one in zip(shapes, tried, strict=False)]
    return as_tensor(np.zeros(sizes, layer.compute_dtype))


def _differing(one: Any, other: Any) -> Any:
    if isinstance(one, dict):
        return {key: _differing(part, other[key]) for key, part in one.items()}
    if not _is_shape(one):
        return [_differing(*parts) for parts in zip(one, other, strict=True)]
    return tuple(size if size == second else None for size, second in zip(one, other, strict=True))
