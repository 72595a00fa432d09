"""Rows that are no samples (CW523): told of source text and of the live model exactly where PyTorch's output has not the batch's rows."""

from __future__ import annotations

import random
from typing import Any

import pytest
from networks.test_rows_of_samples import VIEW

import convwise as cw

pytestmark = pytest.mark.oracle


def test_told_where_pytorch_gives_other_rows() -> None:
    import torch
    from torch import nn
    from torch.nn import functional

    space: dict[str, Any] = {"__name__": "snippet", "nn": nn, "F": functional, "torch": torch}
    exec(compile(VIEW, "lenet", "exec"), space)
    model = space["Net"]().eval()
    networks = (cw.read(VIEW), cw.read(model))
    rng = random.Random(5)
    seen = set()
    for _ in range(300):
        batch, height, width = rng.choice((1, 2, 25, 50, 100)), rng.randint(16, 120), rng.randint(16, 120)
        try:
            rows = model.to("meta")(torch.zeros(batch, 1, height, width, device="meta")).shape[0]
        except RuntimeError:
            rows = None
        for network in networks:
            told = [one for one in network.check((batch, 1, height, width)) if one.code == "CW523"]
            assert bool(told) == (rows not in (None, batch)), (batch, height, width)
        seen.add(None if rows is None else (rows > batch) - (rows < batch))
    assert seen == {None, -1, 0, 1}
