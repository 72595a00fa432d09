"""Parameters of source text: what weight_norm adds, what Keras's `build` makes, and what a forward passes by."""

from __future__ import annotations

import pytest

import convwise as cw

TORCH = "import torch\nfrom torch import nn\nfrom torch.nn.utils import spectral_norm\n"
KERAS = "import keras\nfrom keras import layers\n"


def module(layers: str, forward: str) -> str:
    body = "".join(f"        {line}\n" for line in layers.split("; "))
    return f"{TORCH}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{body}    def forward(self, x):\n        {forward}\n"


def normed(call: str) -> str:
    return module(f"self.a = {call}; self.b = nn.Conv2d(8, 2, 1)", "return self.b(self.a(x))")


NORMED = {
    "nn.utils.weight_norm(nn.Conv2d(6, 8, (3, 2)))": 304,
    "nn.utils.parametrizations.weight_norm(nn.Conv2d(6, 8, (3, 2), groups=2, bias=False))": 152,
    "nn.utils.weight_norm(nn.Conv2d(6, 8, (3, 2)), dim=None)": 297,
    "nn.utils.weight_norm(nn.Conv2d(6, 8, (3, 2)), 'weight', -1)": 297,
    "torch.nn.utils.weight_norm(nn.Conv2d(6, 8, (3, 2)), dim=1)": 302,
    "nn.utils.parametrizations.weight_norm(nn.ConvTranspose2d(6, 8, (3, 2), groups=2))": 158,
    "nn.utils.weight_norm(nn.Conv2d(6, 8, (3, 2)), dim=-2)": 299,
    "spectral_norm(nn.Conv2d(6, 8, (3, 2)))": 296,
    "nn.utils.parametrizations.spectral_norm(nn.Conv2d(6, 8, (3, 2)))": 296,
}
"""The parameters of the first layer, as PyTorch counts them."""

HELD = {
    "training": (
        module("self.a = nn.Conv2d(6, 8, 3); self.aux = nn.Conv2d(8, 2, 1)", "@")
        .replace("@", "x = self.a(x)\n        if self.training:\n            return x, self.aux(x)\n        return x"),
        440,
        "18 parameters are not used by this forward in evaluation mode: aux",
    ),
    "straight": (
        module("self.a = nn.Conv2d(6, 8, 3); self.c = nn.Linear(9, 7); self.d = nn.Dropout(0.5)", "return self.a(x)"),
        440,
        "70 parameters are not used by this forward in evaluation mode: c",
    ),
    "inside": (
        module(
            "self.a = nn.ModuleList([nn.Conv2d(6, 6, 3), nn.BatchNorm2d(5)]); self.p = nn.Parameter(torch.zeros(3, 4)); "
            "self.s = nn.Sequential(nn.Conv2d(6, 2, 1), nn.PReLU(3)); self.loose = [nn.Conv2d(1, 1, 1)]",
            "return self.a[0](x) + x[:, :, 2:, 2:]",
        ),
        330,
        "39 parameters are not used by this forward in evaluation mode: p, a, s",
    ),
    "all": (module("self.a = nn.Conv2d(6, 8, 3)", "return self.a(x)"), 440, ""),
}  # fmt: skip

BUILT = {
    "weights": (
        KERAS + "class Scale(layers.Layer):\n    def build(self, input_shape):\n"
        "        self.gamma = self.add_weight(name='gamma', shape=(input_shape[-1],), initializer='ones')\n"
        "        self.beta = self.add_weight(shape=(1, 1, input_shape[-1]))\n"
        "    def call(self, x):\n        return x * self.gamma + self.beta\n"
        "model = keras.Sequential([keras.Input((9, 10, 6)), layers.Conv2D(8, 3), Scale(), Scale()])\n",
        440 + 16 + 16,
    ),
    "layers": (
        KERAS + "class Down(layers.Layer):\n    def __init__(self, filters, **kw):\n        super().__init__(**kw)\n"
        "        self.filters = filters\n"
        "    def build(self, input_shape):\n        self.one = layers.Conv2D(self.filters, 3)\n"
        "        self.two = layers.Conv2D(input_shape[-1], 1)\n        super().build(input_shape)\n"
        "    def call(self, x):\n        return self.two(self.one(x))\n"
        "down = Down(8)\ninputs = keras.Input((9, 10, 6))\nmodel = keras.Model(inputs, down(inputs))\n",
        440 + 54,
    ),
    "features": (
        KERAS + "class Matrix(layers.Layer):\n    def __init__(self, units):\n        super().__init__()\n"
        "        self.units = units\n"
        "    def build(self, shape):\n        self.w = self.add_weight(shape=(shape[-1], self.units))\n"
        "    def call(self, x):\n        return keras.ops.matmul(x, self.w)\n"
        "model = keras.Sequential([keras.Input((9, 10, 6)), layers.Flatten(), Matrix(7)])\n",
        540 * 7,
    ),
}


@pytest.mark.parametrize("call", NORMED)
def test_weight_norm_keeps_lengths_beside_directions(call: str) -> None:
    rows = cw.read(normed(call)).trace((2, 6, 9, 10)).rows
    assert [row.params for row in rows] == [NORMED[call], 18]
    assert cw.explain(normed(call), (2, 6, 9, 10)).params == NORMED[call] + 18


def test_weight_norm_counts_a_dense_layer_and_is_ported_as_the_layer_that_it_is() -> None:
    assert cw.explain("nn.utils.weight_norm(nn.Linear(10, 7))", (3, 10)).params == 84
    text = "nn.Sequential(nn.utils.weight_norm(nn.Conv2d(6, 8, 3)), nn.ReLU())"
    assert cw.explain(cw.port(text, to="torch", input_shape=(6, 9, 10)).code, (6, 9, 10)).params == 440
    assert cw.diff(text, "nn.Sequential(nn.Conv2d(6, 8, 3), nn.ReLU())", (6, 9, 10)).equal


@pytest.mark.parametrize("words", ["name='bias'", "'weight', dim=axis"])
def test_weight_norm_that_is_not_known_is_not_guessed(words: str) -> None:
    with pytest.raises(cw.CodeError, match="how many parameters weight_norm adds is known for 'weight' and an axis"):
        cw.read(normed(f"nn.utils.weight_norm(nn.Conv2d(6, 8, 3), {words})"))
    norm = "self.a = nn.Conv2d(6, 8, 3); self.b = nn.utils.weight_norm(nn.BatchNorm2d(8))"
    assert cw.read(module(norm, "return self.b(self.a(x))")).trace().totals.params is None


@pytest.mark.parametrize("name", HELD)
def test_what_the_forward_passes_by_is_a_note(name: str) -> None:
    text, params, note = HELD[name]
    network = cw.read(text)
    assert network.trace().totals.params == params
    assert [one.text for one in network.notes if one.code == "CW421"] == ([note] if note else [])
    assert [one.text for one in cw.explain(text, (1, 6, 9, 10)).findings if one.code == "CW421"] == (
        [note] if note else []
    )


@pytest.mark.parametrize("name", BUILT)
def test_keras_builds_an_object_with_its_inputs_shape(name: str) -> None:
    text, params = BUILT[name]
    assert cw.read(text).trace().totals.params == params
    assert cw.explain(text, (1, 9, 10, 6)).params == params


PLAIN_LIST = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs, self.last = [], nn.Conv2d(4, 4, (1, 3))
        for _ in range(3):
            self.convs.append(nn.Conv2d(3, 3, 3, padding=1))
        self.heads = {"a": nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())}
        self.again = [self.last]
    def forward(self, x):
        for conv in self.convs:
            x = conv(x)
        return self.again[0](self.heads["a"](x))
"""


def test_layers_in_a_plain_list_are_told_to_be_unknown_to_pytorch() -> None:
    network = cw.read(PLAIN_LIST, input_shape=(1, 3, 9, 10))
    (note,) = network.notes
    assert note.code == "CW421"
    assert note.text.startswith(
        "268 parameters are in a plain list, tuple or dictionary (convs, heads): PyTorch neither trains"
    )
    held = PLAIN_LIST.replace("self.convs, self.last = []", "self.convs, self.last = nn.ModuleList()")
    (note,) = cw.read(held, input_shape=(1, 3, 9, 10)).notes
    assert note.text.startswith("16 parameters are in a plain list, tuple or dictionary (heads)")
