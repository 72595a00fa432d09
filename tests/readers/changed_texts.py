"""Texts that change something on the way: the input, a layer after it was made, a list of layers. Each binds `model`.

Recorded with each: the shape that goes in and what the framework gives for it (PyTorch 2.13, Keras 3.15);
tests/oracle/test_changes_oracle.py runs them.
"""

from __future__ import annotations

TORCH = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
KERAS = "import keras\nfrom keras import Input, Model, layers\n"

Sizes = tuple[int, ...]


def indented(lines: str) -> str:
    return "".join(f"        {line}\n" for line in lines.split("\n"))


def torch_net(init: str, forward: str) -> str:
    head = "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    return f"{TORCH}{head}{indented(init)}    def forward(self, x):\n{indented(forward)}model = Net()\n"


CONV = "self.conv = nn.Conv2d(3, 8, (3, 5))"

CUT: dict[str, tuple[str, Sizes, Sizes]] = {
    "rows": (torch_net(CONV, "return self.conv(x[:, :, 10:])"), (1, 3, 32, 31), (1, 8, 20, 27)),
    "a variable": (torch_net(CONV, "y = x[:, :, 1:]\nreturn self.conv(y)"), (1, 3, 32, 31), (1, 8, 29, 27)),
    "scaled": (torch_net(CONV, "x = x / 255.\nreturn self.conv(x[..., ::2])"), (1, 3, 32, 31), (1, 8, 30, 12)),
    "images": (torch_net(CONV, "return self.conv(x[1:])"), (3, 3, 9, 10), (2, 8, 7, 6)),
    "one image": (torch_net(CONV, "return self.conv(x[0])"), (3, 3, 9, 10), (8, 7, 6)),
    "half": (
        torch_net(CONV, "h = x.shape[2]\nreturn self.conv(x[:, :, : h // 2])"),
        (1, 3, 32, 31),
        (1, 8, 14, 27),
    ),
    "turned": (torch_net(CONV, "return self.conv(x.mT)"), (1, 3, 32, 31), (1, 8, 29, 28)),
    "Keras's input": (
        KERAS + "i = Input((9, 10, 3))\nmodel = Model(i, layers.Conv2D(4, (3, 5))(i[:, 2:]))\n",
        (2, 9, 10, 3),
        (2, 5, 6, 4),
    ),
}
"""A subscript on the input, before any layer."""

GIVEN: dict[str, tuple[Sizes, Sizes]] = {
    "torch.rand(5, 3, 9, 10)[:, :, :8]": ((5, 3, 8, 10), (5, 8, 6, 6)),
    "torch.rand(5, 3, 9, 10)[1:3, ..., 1:]": ((2, 3, 9, 9), (2, 8, 7, 5)),
    "torch.rand(5, 3, 9, 10)[-1]": ((3, 9, 10), (8, 7, 6)),
    "torch.rand(3, 9, 10)[None, :, ::4]": ((1, 3, 3, 10), (1, 8, 1, 6)),
    "torch.rand(5, 2, 3, 9, 10)[:, 1, ..., 2:]": ((5, 3, 9, 8), (5, 8, 7, 4)),
}
"""A subscript on data that a snippet makes up: the shape that is left, and what nn.Conv2d(3, 8, (3, 5)) gives for it."""
