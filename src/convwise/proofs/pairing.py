"""Two chains with the same weights: which weight of the one is which of the other."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.reading import Chain
from convwise.proofs.converting import Canonical, chain_slots
from convwise.proofs.weights import turned

Array = NDArray[Any]
Key = tuple[int, int]
Roles = dict[str, tuple[int, ...]]
NEUTRAL = {"scale": 1.0, "shift": 0.0, "bias": 0.0, "mean": 0.0, "variance": 1.0}


def shared_weights(a: Chain, b: Chain, generator: np.random.Generator) -> tuple[Canonical, Canonical] | str:
    """The same random weights for both, in the engine's layout; a sentence where they cannot hold the same ones.

    A weight that only one of them has (a bias, a scale) is neutral there.
    """
    return share(_weighted(a), _weighted(b), generator)


def share(
    mine: Mapping[Key, Roles], theirs: Mapping[Key, Roles], generator: np.random.Generator
) -> tuple[Canonical, Canonical] | str:
    """The same for weights told by their places and shapes, in the order in which they correspond."""
    if len(mine) != len(theirs):
        return f"{len(mine)} layers with weights in the first, {len(theirs)} in the second"
    first: Canonical = {}
    second: Canonical = {}
    for (key_a, roles_a), (key_b, roles_b) in zip(mine.items(), theirs.items(), strict=True):
        for role in dict.fromkeys((*roles_a, *roles_b)):
            if role in roles_a and role in roles_b:
                shape_a, shape_b = roles_a[role], roles_b[role]
                if np.prod(shape_a) != np.prod(shape_b) or (len(shape_a) == len(shape_b) and shape_a != shape_b):
                    return f"the first holds a {role} of shape {shape_a}, the second of {shape_b}: not the same weights"
                value = random_weight(role, shape_a, generator)
                first[*key_a, role], second[*key_b, role] = value, value.reshape(shape_b)
            elif role in roles_a:
                first[*key_a, role] = np.full(roles_a[role], NEUTRAL.get(role, 0.0))
            else:
                second[*key_b, role] = np.full(roles_b[role], NEUTRAL.get(role, 0.0))
    return first, second


def random_weight(role: str, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    if role == "variance":
        return generator.uniform(0.5, 2.0, shape)
    scale = 1 / max(prod(shape[1:]), 1) ** 0.5 if role == "weight" and len(shape) > 1 else 1.0
    return generator.standard_normal(shape) * scale


def _weighted(chain: Chain) -> dict[Key, Roles]:
    """By (layer, op): the weights' shapes in the engine's layout."""
    found: dict[Key, Roles] = {}
    for number, slot in chain_slots(chain):
        if slot.shape is not None:
            shape = turned(slot.way.there, slot.shape)
            found.setdefault((number, slot.op), {})[slot.role] = shape or slot.shape
    return found
