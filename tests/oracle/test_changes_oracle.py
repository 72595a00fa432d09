"""The recorded outputs of texts that change something on the way are the frameworks' own: the same texts are executed here."""

from __future__ import annotations

import re
from typing import Any

import pytest
from readers import changed_texts

import convwise as cw

pytestmark = pytest.mark.oracle
RECORDED = {
    f"{kind}: {name}": case
    for kind in ("CUT", "SIZED", "ARGUMENTS", "CHANGED", "PARTS")
    for name, case in getattr(changed_texts, kind).items()
}


def executed(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "snippet", "exec"), space)
    return space


@pytest.mark.parametrize("name", RECORDED)
def test_the_framework_gives_what_is_recorded(name: str) -> None:
    text, shape, output = RECORDED[name]
    model = executed(text)["model"]
    if isinstance(output, str):
        with pytest.raises(ValueError, match=re.escape(output)):
            torch_output(model, shape)
    elif text.startswith(changed_texts.TORCH):
        assert torch_output(model, shape) == output
    else:
        import numpy as np

        assert tuple(model(np.zeros(shape, "float32")).shape) == output


def torch_output(model: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    import torch

    return tuple(model(torch.zeros(shape)).shape)


@pytest.mark.parametrize("name", changed_texts.SIZED)
def test_a_live_model_is_given_its_output_size(name: str) -> None:
    text, shape, output = changed_texts.SIZED[name]
    network = cw.read(executed(text)["model"])
    if isinstance(output, str):
        with pytest.raises(cw.ShapeError, match="output_size asks for"):
            network.trace(shape)
    else:
        assert network.trace(shape).rows[-1].output == output


@pytest.mark.parametrize("data", changed_texts.GIVEN)
def test_the_data_have_the_recorded_shape(data: str) -> None:
    space = executed(f"{changed_texts.TORCH}x = {data}\ny = nn.Conv2d(3, 8, (3, 5))(x)")
    assert (tuple(space["x"].shape), tuple(space["y"].shape)) == changed_texts.GIVEN[data]
