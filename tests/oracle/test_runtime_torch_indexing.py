"""Indices of every kind beside each other, read and written, against PyTorch: NumPy takes a number beside an array of places for places too."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import convwise.torch as ours

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


def drawn(draw: random.Random) -> list[Any]:
    """An item for some axes: numbers, slices, places as lists and tensors, masks, None, an ellipsis."""
    items: list[Any] = []
    length, axis = draw.randint(1, 3), 0
    while axis < X.ndim and draw.random() < 0.85:
        size = X.shape[axis]
        kind = draw.choice(["number", "number", "slice", "list", "places", "table", "mask", "none", "scalar"])
        if kind == "none":
            items.append(None)
            continue
        axis += 1
        places = [draw.randrange(-size, size) for _ in range(length)]
        if kind == "number":
            items.append(places[0])
        elif kind == "scalar":
            items.append(np.array(places[0]))
        elif kind == "slice":
            items.append(slice(draw.choice([None, 0, 1, -2]), None, draw.choice([None, 1, 2])))
        elif kind == "mask":
            items.append(np.array([True] * min(length, size) + [False] * max(size - length, 0)))
        else:
            items.append(
                places
                if kind == "list"
                else np.array([places] * (2 if kind == "table" else 1)).squeeze(0)
                if kind == "places"
                else np.array([places, places])
            )
    if draw.random() < 0.3:
        items.insert(draw.randint(0, len(items)), ...)
    return items


def index(lib: Any, items: list[Any]) -> Any:
    return tuple(lib.from_numpy(item) if isinstance(item, np.ndarray) else item for item in items)


def test_parts_are_those_of_pytorch() -> None:
    draw, compared = random.Random(5), 0
    while compared < 600:
        items = drawn(draw)
        real, own = torch.from_numpy(X.copy()), ours.from_numpy(X.copy())
        try:
            wanted = real[index(torch, items)]
        except (IndexError, RuntimeError):
            continue
        compared += 1
        found = own[index(ours, items)]
        assert tuple(found.shape) == tuple(wanted.shape), items
        assert np.array_equal(found, wanted.numpy()), items
        value = np.arange(1000, 1000 + wanted.numel(), dtype=np.float32).reshape(wanted.shape)
        # Which of two writes to one cell stays is nobody's word.
        shared = len(np.unique(wanted.numpy())) == wanted.numel()
        real[index(torch, items)] = torch.from_numpy(value) if shared else 7.0
        own[index(ours, items)] = ours.from_numpy(value) if shared else 7.0
        assert np.array_equal(own, real.numpy()), items
