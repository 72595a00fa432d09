"""A view or a Flatten that mixes samples: what is proposed in its place, run in PyTorch, gives what is promised."""

from __future__ import annotations

import pytest

import convwise as cw

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

NET = """
from torch import nn
import torch
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = {dense}
    def forward(self, x):
        x = torch.relu(self.conv(x))
        x = {flat}
        return self.fc(x)
"""
DENSE = "nn.Linear(224, 5)"


def built(flat: str, dense: str) -> torch.nn.Module:
    scope: dict[str, object] = {}
    exec(NET.format(flat=flat, dense=dense), scope)
    made = scope["Net"]()  # type: ignore[operator]
    assert isinstance(made, torch.nn.Module)
    return made


@pytest.mark.parametrize("flat", ["torch.flatten(x)", "x.view(-1)", "x.view(-1, 224)", "x.reshape(-1, 224)"])
@pytest.mark.parametrize("shape", [(2, 3, 9, 10), (5, 3, 9, 11), (3, 3, 10, 12)])
def test_what_is_proposed_gives_what_is_promised(flat: str, shape: tuple[int, ...]) -> None:
    text = NET.format(flat=flat, dense=DENSE)
    data = torch.randn(shape)
    try:
        given = tuple(built(flat, DENSE)(data).shape)
    except RuntimeError as error:
        with pytest.raises(cw.ShapeError) as caught:
            cw.explain(text, shape)
        told = cw.explain(f"RuntimeError: {error}", shape, model=text)
        explained = caught.value.explanation
        assert explained is not None
        for fixes in (explained.fixes, [fix for fix in told.fixes if not fix.code.startswith("an input")]):
            codes = [fix.code for fix in fixes]
            assert codes[0] == "x.flatten(1)"
            dense = codes[1] if len(codes) > 1 else DENSE
            assert tuple(built(codes[0], dense)(data).shape) == (shape[0], 5)
        assert explained.fixes[-1].output == (shape[0], 5)
        return
    assert cw.explain(text, shape).output == given
