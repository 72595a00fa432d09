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


MODEL = "nn.Sequential(nn.Conv2d(3, 8, (3, 5)), nn.ReLU(), nn.MaxPool2d((2, 3)))"
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

LISTED = "layers = [nn.Conv2d(3, 8, (3, 5)), nn.MaxPool2d((2, 3)), nn.ReLU()]"
NAMED = "named = dict(a=nn.Conv2d(3, 8, (3, 5)), b=nn.MaxPool2d((2, 3)), c=nn.ReLU())"
HELD = "self.f = nn.Sequential(nn.Conv2d(3, 8, (3, 5)), nn.MaxPool2d((2, 3)), nn.ReLU())"
WHOLE, PLAIN, POOLED_TWICE = (1, 8, 15, 9), (1, 8, 30, 27), (1, 8, 7, 3)
"""What comes out of a 1 x 3 x 32 x 31 with the pooling, without it, and with two of them."""

AFTER: dict[str, dict[str, Sizes]] = {
    f"{LISTED}\n{{change}}\nself.f = nn.Sequential(*layers)": {
        **dict.fromkeys(
            (
                *("del layers[1]", "layers.pop(1)", "layers.pop(-2)", "layers.remove(layers[1])", "layers[1:] = []"),
                *("layers.__delitem__(1)", "layers.__setitem__(1, nn.Identity())", "del layers[-2:]"),
                *("layers[1:2] = [nn.ReLU(), nn.Identity()]", "layers[1] = nn.Identity()"),
                "first = layers[0]; layers.clear(); layers.append(first)",
            ),
            PLAIN,
        ),
        "layers[2:] = [nn.MaxPool2d((2, 3))]": POOLED_TWICE,
        "layers.reverse(); layers.reverse()": WHOLE,
    },
    f"{NAMED}\n{{change}}\nself.f = nn.Sequential(*named.values())": {
        **dict.fromkeys(
            ("named.pop('b')", "del named['b']", "named.update(b=nn.Identity())", "named.update({'b': nn.Identity()})"),
            PLAIN,
        ),
        "named.setdefault('d', nn.MaxPool2d((2, 3)))": POOLED_TWICE,
        "named.setdefault('b', nn.Identity())": WHOLE,
        "named.pop('z', None)": WHOLE,
    },
    f"{HELD}\n{{change}}": {
        **dict.fromkeys(
            (
                *("del self.f[1]", "del self.f[1:]", "delattr(self.f, '1')", "setattr(self.f, '1', nn.Identity())"),
                *("self.f.register_module('1', nn.Identity())", "self.f.add_module('1', nn.Identity())"),
                *("self.f[1] = nn.Identity()", "self.f[-2] = nn.Identity()", "self.f.pop(1)"),
                "self.f.__setitem__(1, nn.Identity())",
            ),
            PLAIN,
        ),
        **dict.fromkeys(
            ("self.f.add_module('p', nn.MaxPool2d((2, 3)))", "self.f.p = nn.MaxPool2d((2, 3))"), POOLED_TWICE
        ),
        **dict.fromkeys(
            (
                *("self.f[0].requires_grad = False", "self.f[0].training = False", "self.f.name = 'f'"),
                *("self.f[0].weight.requires_grad_(False)", "self.f[0].is_first = True"),
            ),
            WHOLE,
        ),
    },
    "k = 3\ndef widen():\n    nonlocal k\n    k = 5\nwiden()\n{change}": {
        "self.f = nn.Sequential(nn.Conv2d(3, 8, (3, k)), nn.ReLU())": PLAIN
    },
    "{change}": {
        "self.f = nn.ModuleDict({'a': nn.Conv2d(3, 8, 3)}); self.f['a'] = nn.Conv2d(3, 8, (3, 5)); self.f = self.f['a']": PLAIN,
        "self.f = nn.Sequential(*(nn.Conv2d(3, 3, n) for n, _ in enumerate('ab', start=2)))": (1, 3, 29, 28),
        f"{HELD}\nself.f = self.f[:1]": PLAIN,
        f"{HELD}\nself.f = nn.Sequential(*list(self.f.children())[:1])": PLAIN,
    },
}

CHANGED: dict[str, tuple[str, Sizes, Sizes]] = {
    change: (torch_net(template.format(change=change), "return self.f(x)"), (1, 3, 32, 31), output)
    for template, changes in AFTER.items()
    for change, output in changes.items()
} | {
    "a member of a Sequential of its own": (
        f"{TORCH}class Net(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n"
        "        self.add_module('c', nn.Conv2d(3, 8, (3, 5)))\n        self.p = nn.MaxPool2d((2, 3))\nmodel = Net()\n",
        (1, 3, 32, 31),
        WHOLE,
    )
}
"""Lists, dictionaries and models that are changed before the model runs."""

PARTS: dict[str, tuple[str, Sizes, Sizes]] = {
    "a slice": (f"{TORCH}f = {MODEL}\nmodel = f[:-1]\n", (1, 3, 32, 31), (1, 8, 30, 27)),
    "children": (
        f"{TORCH}f = {MODEL}\nmodel = nn.Sequential(*list(f.children())[:-1])\n",
        (1, 3, 32, 31),
        (1, 8, 30, 27),
    ),
    "of a part": (f"{TORCH}f = {MODEL}\ng = f[:2]\nmodel = g[:1]\n", (1, 3, 32, 31), (1, 8, 30, 27)),
    "Keras's layers": (
        f"{KERAS}f = keras.Sequential([Input((32, 31, 3)), layers.Conv2D(8, (3, 5)), layers.MaxPooling2D((2, 3))])\n"
        "model = keras.Sequential(f.layers[:-1])\n",
        (1, 32, 31, 3),
        (1, 30, 27, 8),
    ),
}
"""A model that is a part of one made before."""

NOT_MODELLED = {
    f"{LISTED}\n{{change}}\nself.f = nn.Sequential(*layers)": (
        "layers.sort(key=id)",
        "layers[n] = nn.Identity()",
        "del layers[n]",
    ),
    f"{NAMED}\n{{change}}\nself.f = nn.Sequential(*named.values())": (
        "named.popitem()",
        "named.update(others)",
    ),
    f"{HELD}\n{{change}}": (
        *("self.f._modules.pop('1')", "del self.f._modules['1']", "self.f._modules['1'] = nn.Identity()"),
        *("self.f[n] = nn.Identity()", "self.f.forward = other", "if n:\n    del self.f[1]"),
        *("self.f[0].padding = (1, 1)", "self.f[0].stride = 2", "setattr(self.f[1], 'kernel_size', 3)"),
        *("self.f[0].bias = None", "self.f[0].__dict__['stride'] = 2"),
    ),
    "match n:\n    case 1:\n        self.f = nn.Conv2d(3, 8, 3)\n    case _:\n        self.f = nn.Conv2d(3, 8, 5)\n{change}": (
        "pass",
    ),
}
"""Changes that are not followed: the reader says so."""
