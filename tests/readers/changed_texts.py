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

UP = "self.up = nn.ConvTranspose2d(3, 8, (3, 4), stride=(2, 3), padding=(1, 0), dilation=(2, 1), output_padding=(1, 0))"

SIZED: dict[str, tuple[str, Sizes, Sizes | str]] = {
    "literal": (torch_net(UP, "return self.up(x, output_size=(19, 33))"), (1, 3, 9, 10), (1, 8, 19, 33)),
    "second argument": (torch_net(UP, "return self.up(x, [20, 31])"), (1, 3, 9, 10), (1, 8, 20, 31)),
    "a whole size": (
        torch_net(UP, "return self.up(x, output_size=torch.Size([1, 16, 20, 32]))"),
        (1, 3, 9, 10),
        (1, 8, 20, 32),
    ),
    "none": (torch_net(UP, "return self.up(x, output_size=None)"), (1, 3, 9, 10), (1, 8, 20, 31)),
    "of the input": (
        torch_net(f"self.down = nn.Conv2d(3, 3, 3, 2, 1)\n{UP}", "return self.up(self.down(x), output_size=x.size())"),
        (1, 3, 13, 14),
        "requested an output size of torch.Size([13, 14]), but valid sizes range from [15, 22] to [16, 24]",
    ),
    "too high": (
        torch_net(UP, "return self.up(x, output_size=(21, 31))"),
        (1, 3, 9, 10),
        "requested an output size of (21, 31), but valid sizes range from [19, 31] to [20, 33]",
    ),
    "too narrow": (
        torch_net(UP, "return self.up(x, output_size=(19, 30))"),
        (1, 3, 9, 10),
        "requested an output size of (19, 30), but valid sizes range from [19, 31] to [20, 33]",
    ),
}
"""`output_size` of a transposed convolution's call; PyTorch's words where it refuses one."""

HANDED = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, (3, 5))
        self.pool = nn.MaxPool2d((2, 3))
    def forward(self, x, pooled=True, rounds=1):
        for _ in range(rounds):
            x = self.conv(x)
        return self.pool(x) if pooled else x
"""

ARGUMENTS: dict[str, tuple[str, Sizes, Sizes]] = {
    call: (
        torch_net("self.block = Block()", f"return self.block({call})").replace("class Net", f"{HANDED}class Net"),
        (1, 3, 19, 20),
        output,
    )
    for call, output in {
        "x": (1, 3, 8, 5),
        "x, False": (1, 3, 17, 16),
        "x, rounds=2": (1, 3, 7, 4),
        "pooled=False, x=x, rounds=3": (1, 3, 13, 8),
    }.items()
}
"""What a model hands to a block beside its data."""
