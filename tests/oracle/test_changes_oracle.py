"""The recorded outputs of texts that change something on the way are the frameworks' own: the same texts are executed here."""

from __future__ import annotations

from typing import Any

import pytest
from readers import changed_texts

pytestmark = pytest.mark.oracle
RECORDED = {f"{kind}: {name}": case for kind in ("CUT",) for name, case in getattr(changed_texts, kind).items()}


def executed(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "snippet", "exec"), space)
    return space


@pytest.mark.parametrize("name", RECORDED)
def test_the_framework_gives_what_is_recorded(name: str) -> None:
    text, shape, output = RECORDED[name]
    model = executed(text)["model"]
    if text.startswith(changed_texts.TORCH):
        import torch

        assert tuple(model(torch.zeros(shape)).shape) == output
    else:
        import numpy as np

        assert tuple(model(np.zeros(shape, "float32")).shape) == output


@pytest.mark.parametrize("data", changed_texts.GIVEN)
def test_the_data_have_the_recorded_shape(data: str) -> None:
    space = executed(f"{changed_texts.TORCH}x = {data}\ny = nn.Conv2d(3, 8, (3, 5))(x)")
    assert (tuple(space["x"].shape), tuple(space["y"].shape)) == changed_texts.GIVEN[data]
