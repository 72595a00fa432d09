"""Constructors of PyTorch that send an array through their layers to learn how many features come out."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.readers.models import read

WAYS = {
    "numel": "n = self.conv(torch.zeros(1, 3, 9, 10)).numel()",
    "view": "n = self.conv(torch.zeros(1, 3, 9, 10)).view(1, -1).shape[1]",
    "size": "o = self.conv(torch.randn(2, 3, 9, 10)).size()\n        n = o[1] * o[2] * o[3]",
    "prod": "n = int(np.prod(self.conv(torch.zeros(1, 3, 9, 10)).shape[1:]))",
    "item": "o = self.conv(torch.zeros(1, 3, 9, 10))\n        n = o[0].shape[0] * o[0].shape[1] * o[0].shape[2]",
    "method": "n = self.features((3, 9, 10))",
    "sequential": "n = nn.Sequential(self.conv, nn.ReLU())(torch.zeros(1, 3, 9, 10)).flatten(1).size(-1)",
    "reduce": "n = functools.reduce(operator.mul, list(self.conv(torch.rand(1, 3, 9, 10)).shape))",
    "lambda": "n = functools.reduce(lambda a, b: a * b, self.conv(torch.rand(1, 3, 9, 10)).shape)",
    "branches": "x = self.conv(torch.zeros(1, 3, 9, 10))\n        n = (x + x).numel()",
}
NET = """
import functools, operator
import numpy as np
import torch
import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        with torch.no_grad():
            pass
        {}
        self.fc = nn.Linear(n, 5)
    def features(self, shape):
        return self.conv(torch.zeros(1, *shape)).view(-1).size(0)
    def forward(self, x):
        x = self.conv(x)
        return self.fc(x.view(x.size(0), -1))
"""


@pytest.mark.parametrize("way", WAYS)
def test_features_that_a_constructor_tries_out_are_known(way: str) -> None:
    """8 x 7 x 8 features: PyTorch takes the sizes that give them, and no others."""
    network = read(NET.format(WAYS[way]))
    legal = network.legal_sizes()
    assert legal.exact
    assert legal.joint is not None
    assert {(h, w) for h in range(1, 70) for w in range(1, 70) if (h, w) in legal.joint} == {
        (h, 56 // (h - 2) + 2) for h in range(3, 70) if 56 % (h - 2) == 0
    }
    assert network.trace((1, 3, 9, 10)).totals.params == 224 + 5 * 449
    assert [node.name for node in network.nodes if node.name.startswith("conv")] == ["conv"]


def test_what_is_tried_out_is_no_answer_by_itself() -> None:
    explained = cw.explain(NET.format(WAYS["view"]), (1, 3, 9, 10))
    assert (explained.output, explained.params) == ((1, 5), 224 + 5 * 449)


def test_features_that_the_text_does_not_give_leave_the_sizes_open() -> None:
    """They were said to be every size, exactly."""
    legal = read(NET.format("n = cfg.features")).legal_sizes()
    assert not legal.exact
    assert "how many features" in str(legal["height"].reasons)
