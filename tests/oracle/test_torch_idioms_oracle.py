"""PyTorch source as people write it against PyTorch, which runs the same text, and against the live model."""

from __future__ import annotations

from typing import Any

import pytest
from readers.test_reader_torch_idioms import HEAD, TEXTS

import convwise as cw

pytestmark = pytest.mark.oracle


def model(text: str) -> Any:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(HEAD + text, "text", "exec", dont_inherit=True), space)
    return space["Net"]().eval()


@pytest.mark.parametrize("name", TEXTS)
def test_outputs_and_parameters(name: str) -> None:
    import torch

    text, output, params = TEXTS[name]
    real = model(text)
    assert tuple(real(torch.zeros(2, 3, 10, 12)).shape) == output
    assert sum(part.numel() for part in real.parameters()) == params
    live = cw.read(real, input_shape=(2, 3, 10, 12)).trace((2, 3, 10, 12))
    assert (list(live.outputs.values()), live.totals.params) == ([output], params)


@pytest.mark.parametrize("name", ["spatial transformer", "generalized mean", "unpooling to a size"])
def test_sizes(name: str) -> None:
    import torch

    real, network = model(TEXTS[name][0]), cw.read(HEAD + TEXTS[name][0])
    seen = set()
    for height, width in [(10, 12), (11, 13), (12, 10), (18, 22), (22, 18), (7, 18), (10, 22), (42, 7), (4, 42)]:
        for batch in (1, 2):
            try:
                real(torch.zeros(batch, 3, height, width))
                fits = True
            except RuntimeError:
                fits = False
            told = [one for one in network.check((batch, 3, height, width)) if one.level == "error"]
            assert bool(told) != fits, (batch, height, width)
            seen.add(fits)
    assert seen == ({True, False} if name == "spatial transformer" else {True})
