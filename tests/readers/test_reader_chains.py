"""Chains: Sequential in all its forms, functional runs, loops and helper functions."""

from __future__ import annotations

import pytest
from readers.reading import names, only, refused, texts

import convwise as cw
from convwise.readers.source import read_text


@pytest.mark.parametrize(
    "text",
    [
        "Sequential([Conv2D(8, 3), MaxPooling2D(2), Flatten()])",
        "keras.Sequential([layers.Conv2D(8, 3), layers.MaxPooling2D(2), layers.Flatten()])",
        "model = Sequential()\nmodel.add(Conv2D(8, 3))\nmodel.add(MaxPooling2D(2))\nmodel.add(Flatten())",
        "model = tf.keras.models.Sequential(layers=[Conv2D(8, 3)])\nmodel.add(MaxPooling2D(2))\nmodel.add(Flatten())",
        "x = keras.Input((9, 10, 3))\nx = Conv2D(8, 3)(x)\nx = MaxPooling2D(2)(x)\ny = Flatten()(x)",
        "i = Input((9, 10, 3))\nx = MaxPooling2D(2)(Conv2D(8, 3)(i))\nm = keras.Model(i, Flatten()(x))",
        "a = Conv2D(8, 3)\nb = MaxPooling2D(2)\nc = Flatten()\nx = a(image)\ny = b(x)\nz = c(y)",
        "parts = [Conv2D(8, 3)]\nparts.append(MaxPooling2D(2))\nparts += [Flatten()]\nm = Sequential(parts)",
        "def tail(x):\n    x = MaxPooling2D(2)(x)\n    return Flatten()(x)\ny = tail(Conv2D(8, 3)(image))",
        "def build(n=8):\n    m = Sequential()\n    m.add(Conv2D(n, 3))\n    m.add(MaxPooling2D(2))\n    m.add(Flatten())\n    return m",
        "if __name__ == '__main__':\n    m = Sequential([Conv2D(8, 3), MaxPooling2D(2), Flatten()])",
        "with strategy.scope():\n    m = Sequential([Conv2D(8, 3), MaxPooling2D(2), Flatten()])",
        "try:\n    m = Sequential([Conv2D(8, 3), MaxPooling2D(2), Flatten()])\nexcept ValueError:\n    pass",
    ],
)
def test_keras_chains(text: str) -> None:
    snippet = read_text(text)
    assert snippet.dialect == "keras"
    assert [[layer.kind for layer in found.layers] for found in snippet.found] == [
        ["Conv2D", "MaxPooling2D", "Flatten"]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))",
        "Sequential(Conv2d(3, 8, 3), ReLU(), MaxPool2d(2))",
        "nn.Sequential(*[nn.Conv2d(3, 8, 3), nn.ReLU()], nn.MaxPool2d(2))",
        "nn.Sequential(OrderedDict([('a', nn.Conv2d(3, 8, 3)), ('b', nn.ReLU()), ('c', nn.MaxPool2d(2))]))",
        "from collections import OrderedDict as O\nnn.Sequential(O(a=nn.Conv2d(3, 8, 3), b=nn.ReLU(), c=nn.MaxPool2d(2)))",
        "nn.Sequential({'a': nn.Conv2d(3, 8, 3), 'b': nn.ReLU(), 'c': nn.MaxPool2d(2)})",
        "m = nn.Sequential()\nm.add_module('a', nn.Conv2d(3, 8, 3))\nm.append(nn.ReLU())\nm.append(nn.MaxPool2d(2))",
        "m = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU(), nn.Sequential(nn.MaxPool2d(2)))).cuda().eval()",
        "net = torch.compile(nn.DataParallel(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2))))",
        "a = nn.Conv2d(3, 8, 3)\nx = torch.randn(1, 3, 9, 10)\nx = F.relu(a(x))\nx = F.max_pool2d(x, 2)",
        "m = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.MaxPool2d(2))\nm[0] = nn.Conv2d(3, 8, 3)",
    ],
)
def test_torch_chains(text: str) -> None:
    snippet = read_text(text)
    assert snippet.dialect == "torch"
    assert [[layer.kind for layer in found.layers] for found in snippet.found] == [["Conv2d", "ReLU", "MaxPool2d"]]


def test_loops_are_followed_with_their_numbers() -> None:
    text = """
model = keras.Sequential()
for i in range(3):
    model.add(layers.Conv2D(8 * 2 ** i, (3, i + 2), name=f"conv_{i}"))
"""
    found = only(text)
    assert names(found) == ["conv_0", "conv_1", "conv_2"]
    assert texts(found)[2] == "layers.Conv2D(32, (3, 4), name='conv_2')"


def test_comprehensions_zip_and_conditions() -> None:
    text = """
widths = [3, 8, 16]
blocks = [nn.Conv2d(a, b, 3) for a, b in zip(widths, widths[1:]) if a != 5]
net = nn.Sequential(*blocks, *(nn.ReLU() for _ in range(2)))
"""
    assert texts(only(text)) == ["nn.Conv2d(3, 8, 3)", "nn.Conv2d(8, 16, 3)", "nn.ReLU()", "nn.ReLU()"]


def test_a_list_of_sizes_and_pools() -> None:
    text = """
def features(plan, channels=3):
    layers = []
    for entry in plan:
        if entry == 'M':
            layers += [nn.MaxPool2d(2)]
        else:
            layers += [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU(inplace=True)]
            channels = entry
    return nn.Sequential(*layers)
net = features([8, 'M', 16])
"""
    assert texts(only(text)) == [
        "nn.Conv2d(3, 8, 3, padding=1)",
        "nn.ReLU(inplace=True)",
        "nn.MaxPool2d(2)",
        "nn.Conv2d(8, 16, 3, padding=1)",
        "nn.ReLU(inplace=True)",
    ]


def test_names_of_layers() -> None:
    assert names(only("nn.Sequential(OrderedDict([('stem', nn.Conv2d(3, 8, 3)), ('act', nn.ReLU())]))")) == [
        "stem",
        "act",
    ]
    assert names(only("nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU()))")) == ["0", "1.0"]
    assert names(only("Sequential([Conv2D(8, 3, name='stem'), ReLU()])")) == ["stem", None]
    assert names(only("stem = Conv2D(8, 3)\nact = ReLU()\ny = act(stem(image))")) == ["stem", "act"]


def test_two_models_in_one_text() -> None:
    text = """
encoder = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
decoder = nn.Sequential(nn.ConvTranspose2d(8, 3, 3))
"""
    found = read_text(text).found
    assert [(one.name, one.line, len(one.layers)) for one in found] == [("encoder", 2, 2), ("decoder", 3, 1)]


def test_one_output_that_goes_two_ways_gives_two_chains() -> None:
    text = "x = Input((9, 10, 3))\nx = Conv2D(8, 3)(x)\na = MaxPooling2D(2)(x)\nb = Flatten()(x)"
    assert [[layer.kind for layer in one.layers] for one in read_text(text).found] == [
        ["Conv2D", "MaxPooling2D"],
        ["Conv2D", "Flatten"],
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "x = Input((9, 9, 3))\na = Conv2D(8, 3)(x)\nb = Conv2D(8, 3)(x)\ny = Flatten()(layers.add([a, b]))",
            "layers.add([a, b])",
        ),
        ("x = Input((9, 9, 3))\na = Conv2D(3, 3)(x)\ny = Flatten()(Concatenate()([a, x]))", "Concatenate()([a, x])"),
        (
            "x = torch.randn(1, 3, 9, 9)\na = nn.Conv2d(3, 3, 3)(x)\ny = nn.ReLU()(torch.cat([a, a], 1))",
            "torch.cat([a, a], 1)",
        ),
        ("x = torch.randn(1, 3, 9, 9)\na = nn.Conv2d(3, 3, 3)(x)\ny = nn.ReLU()(a + x)", "a + x"),
        ("m = Sequential()\nif large:\n    m.add(Conv2D(8, 3))\nm.add(Flatten())", "if large:"),
        ("m = Sequential()\nfor _ in names:\n    m.add(Conv2D(8, 3))", "for _ in names:"),
        ("i = Input((9, 9, 3))\nm = keras.Model(i, [Conv2D(8, 3)(i), Flatten()(i)])", "2 outputs"),
    ],
)
def test_what_is_no_straight_line(text: str, says: str) -> None:
    error = refused(text)
    assert error.code == "CW315"
    assert says in error.fact
    assert "line " in error.detail


def test_an_unknown_number_of_layers() -> None:
    error = refused("nn.Sequential(*[nn.Conv2d(c, c, 3) for c in range(n)])")
    assert error.code == "CW314"
    assert "unknown number of layers" in error.fact


def test_a_call_on_the_way_that_the_text_does_not_show() -> None:
    error = refused("x = Conv2D(8, 3)(image)\nx = attention(x)\ny = Flatten()(x)")
    assert error.code == "CW314"
    assert "`attention`" in error.fact
    assert "line 2" in error.detail


def test_two_frameworks_in_one_chain() -> None:
    error = refused("keras.Sequential([keras.layers.Conv2D(8, 3), nn.ReLU()])")
    assert error.code == "CW311"
    assert "Keras" in error.fact
    assert "PyTorch" in error.fact
    assert refused("nn.Sequential([nn.ReLU()])").code == "CW311"


def test_two_frameworks_side_by_side() -> None:
    found = read_text("a = keras.layers.Conv2D(8, 3)\nb = nn.Conv2d(3, 8, 3)").found
    assert [one.layers[0].dialect for one in found] == ["keras", "torch"]


def test_what_stands_where_a_layer_should() -> None:
    assert "is a class" in refused("nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU)").fact
    assert refused("Sequential([Conv2D(8, 3), 64])").code == "CW302"
    assert refused("Sequential([Conv2D(8, 3), my_layer])").code == "CW314"
    assert refused("Sequential([Conv2D(8, 3), MyLayer()])").code == "CW302"


def test_one_part_that_fails_does_not_hide_the_others() -> None:
    text = "a = nn.Conv2d(3, 8, 3)\nb = nn.Conv2d(3, 8, 3, stride=2, padding='same')\nc = nn.Conv2d(3, 8, 5)"
    first, second, third = read_text(text).found
    assert first.error is None
    assert third.error is None
    assert second.layers == ()
    assert second.error is not None
    assert second.error.code == "CW202"
    assert second.error.layer == "'b' (PyTorch Conv2d)"


CLASS = """import torch.nn as nn
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 3, (3, 5), padding=(1, 2))
    def forward(self, x):
        {}
model = M()
"""
SHARED = {
    "twice": (CLASS.format("return self.c(self.c(x))"), [138, 0]),
    "in a loop": (CLASS.format("for _ in range(3):\n            x = self.c(x)\n        return x"), [138, 0, 0]),
    "a Sequential": (
        "from torch import nn\nm = nn.Conv2d(3, 3, (3, 5), padding=(1, 2))\nmodel = nn.Sequential(m, nn.ReLU(), m)",
        [138, 0, 0],
    ),
    "a list times 3": ("from torch import nn\nmodel = nn.Sequential(*[nn.Conv2d(3, 3, 1)] * 3)", [12, 0, 0]),
    "a block": (
        "from torch import nn\nb = nn.Sequential(nn.Conv2d(3, 3, (1, 2)), nn.BatchNorm2d(3))\nmodel = nn.Sequential(b, b)",
        [21, 6, 0, 0],
    ),
    "three of their own": (
        "from torch import nn\nmodel = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(3)])",
        [12, 12, 12],
    ),
    "keras": (
        "import keras\nfrom keras.layers import *\ni = Input((9, 10, 3))\nc = Conv2D(3, (3, 5), padding='same')\n"
        "b = BatchNormalization()\nmodel = keras.Model(i, b(c(b(c(i)))))",
        [138, 12, 0, 0],
    ),
}
"""Layers applied again, and the parameters of each step; their sums are what PyTorch 2.13 and Keras 3.15 count (test_chains_agreement runs them)."""


@pytest.mark.parametrize("name", SHARED)
def test_a_layer_that_is_applied_again_is_counted_once(name: str) -> None:
    text, counts = SHARED[name]
    shape = (1, 9, 10, 3) if name == "keras" else (1, 3, 9, 10)
    trace = cw.read(text, input_shape=shape).trace(shape)
    assert [row.params for row in trace.rows] == counts
    assert trace.totals.params == sum(counts)
    told = cw.explain(text, shape)
    assert [step.params for step in told.steps] == counts
    assert told.params == sum(counts)
    moments = 6 if name == "keras" else 0
    assert (trace.totals.trainable, told.trainable) == (sum(counts) - moments,) * 2
    again = [step for step in told.steps if step.params == 0 and step.kind.startswith("Conv")]
    assert all("the parameters of its first use" in str(step.facts) for step in again)
    assert "0 parameters" not in str(told.steps[-1])


def test_a_layer_applied_again_still_multiplies() -> None:
    trace = cw.read(SHARED["twice"][0]).trace((1, 3, 9, 10))
    assert [row.macs for row in trace.rows] == [9 * 10 * 3 * 3 * 15] * 2
