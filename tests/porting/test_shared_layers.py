"""A layer that runs more than once: what a port says of it, and where its weights go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convwise as cw
from convwise.errors import ArgumentError

NET = """
import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(8, 8, (3, 1), padding=(1, 0))
        self.act = nn.ReLU()
        self.d = nn.Conv2d(8, 4, 3)
    def forward(self, x):
        x = self.act(self.c(x))
        x = self.act(self.c(x))
        return self.act(self.d(x))
"""
RNG = np.random.default_rng(0)
WEIGHTS = {
    name: RNG.standard_normal(shape)
    for name, shape in (("c.weight", (8, 8, 3, 1)), ("c.bias", (8,)), ("d.weight", (4, 8, 3, 3)), ("d.bias", (4,)))
}


def told(port: Any) -> list[str]:
    return [line for fact in port.facts if fact.label == "shared" for line in fact.lines]


def test_it_is_said_of_those_that_have_weights() -> None:
    port = cw.port(NET, to="keras")
    assert told(port) == [
        "c is one layer that runs 2 times; here each time is a layer of its own, with the same weights"
    ]
    assert port.code.count("Conv2D(8, (3, 1)") == 2
    assert "shared" in str(port)
    assert told(cw.port(NET.replace("        x = self.act(self.c(x))\n", "", 1), to="keras")) == []


@pytest.mark.parametrize("weights", [WEIGHTS, list(WEIGHTS.values())])
def test_its_weights_are_given_once_and_go_to_each_use(weights: Any) -> None:
    port = cw.port(NET, to="torch")
    found = list(port.convert_weights(weights).values())
    wanted = [WEIGHTS[name] for name in ("c.weight", "c.bias", "c.weight", "c.bias", "d.weight", "d.bias")]
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("count", [3, 5, 7])
def test_another_number_of_weights_is_refused(count: int) -> None:
    given = [*WEIGHTS.values(), *WEIGHTS.values()][:count]
    with pytest.raises(ArgumentError, match=f"{count} weights where 4 are needed") as raised:
        cw.port(NET, to="keras").convert_weights(given)
    assert "the weights are: c.weight, c.bias, d.weight, d.bias" in str(raised.value)
