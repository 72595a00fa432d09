"""Ports of PyTorch code with squeezes, transposes and slices between its layers: the port gives what PyTorch gives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

import convwise as cw

pytestmark = pytest.mark.oracle

CONV = "self.c = nn.Conv2d(3, 4, (3, 4))"
CASES = [
    (CONV, "return self.c(x).squeeze(-1)"),
    (CONV, "return self.c(x).squeeze(2)"),
    (CONV + "; self.d = nn.Conv1d(4, 5, 3)", "return self.d(self.c(x).squeeze(3))"),
    (CONV + "; self.d = nn.Linear(4, 6)", "return self.d(self.c(x).squeeze(-1).transpose(1, 2))"),
    (CONV, "return self.c(x).transpose(2, 3)"),
    (CONV, "return self.c(x)[:, :, 1:-2].flatten(1)"),
    (CONV, "return self.c(x[:, :, 2:, :])"),
    (CONV, "return self.c(x).mean((2, 3)).unsqueeze(-1)"),
]


def written(layers: str, step: str) -> str:
    return (
        "import torch\nfrom torch import nn\n"
        f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {layers}\n"
        f"    def forward(self, x):\n        {step}\n"
    )


@pytest.mark.parametrize(("layers", "step"), CASES)
@pytest.mark.parametrize("live", [False, True])
def test_steps_between_layers_are_ported(layers: str, step: str, live: bool) -> None:
    text = written(layers, step)
    names: dict[str, Any] = {}
    exec(text, names)
    module = names["Net"]().eval()
    x = np.random.default_rng(5).standard_normal((2, 3, 9, 4)).astype("float32")
    wanted = module(torch.tensor(x)).detach().numpy()
    port = cw.port(module if live else text, to="keras", input_shape=(1, 3, 9, 4))
    assert port.proof.equal
    made: dict[str, Any] = {}
    exec(port.code, made)
    layer = made["layer"]
    layer.set_weights(port.convert_weights([one.detach().numpy() for one in module.state_dict().values()]))
    got = port.convert_output(keras.ops.convert_to_numpy(layer(port.convert_input(x))))
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_without_an_input_the_step_is_named() -> None:
    text = written(CONV, "return self.c(x).squeeze(-1)")
    with pytest.raises(cw.CodeError, match="give the input too, since a squeeze"):
        cw.port(text, to="keras")


def test_branches_are_no_chain() -> None:
    text = written(CONV, "y = self.c(x); return y.squeeze(-1) + y.mean(3)")
    with pytest.raises(cw.CodeError, match="not a straight line"):
        cw.port(text, to="keras", input_shape=(1, 3, 9, 4))
