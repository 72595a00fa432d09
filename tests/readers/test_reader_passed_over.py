"""What a text runs nobody knows how often, and what it runs for long without making a layer: neither is left out in silence."""

from __future__ import annotations

import pytest

import convwise as cw
from convwise.errors import CodeError

LISTS = {
    "a list of modules": ("nn.ModuleList()", "self.parts.append(nn.Conv2d(8, 8, 3))", "for part in self.parts:"),
    "its own method": ("nn.ModuleList()", "self.more()", "for part in self.parts:"),
    "modules by name": (
        "nn.ModuleDict()",
        "self.parts[f'c{i}'] = nn.Conv2d(8, 8, 3)",
        "for _, part in self.parts.items():",
    ),
    "their values": (
        "nn.ModuleDict()",
        "self.parts[f'c{i}'] = nn.Conv2d(8, 8, 3)",
        "for part in self.parts.values():",
    ),
    "a plain list": ("[]", "self.parts.append(nn.Conv2d(8, 8, 3))", "for part in self.parts:"),
}
NET = """import torch.nn as nn
class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.parts = {made}
        for i in range(depth):
            {grown}
        self.head = nn.Conv2d(8, 4, 1)
    def more(self):
        self.parts.append(nn.Conv2d(8, 8, 3))
    def forward(self, x):
        {loop}
            x = part(x)
        return self.head(x)
"""
SEQUENTIAL = """from keras import Input, Sequential
from keras.layers import Conv2D
def block(model):
    model.add(Conv2D(8, 3))
model = Sequential([Input((20, 21, 3))])
{loop}
    block(model)
model.add(Conv2D(4, 1))
"""


@pytest.mark.parametrize("case", LISTS)
def test_layers_that_are_added_nobody_knows_how_often_are_missed(case: str) -> None:
    made, grown, loop = LISTS[case]
    with pytest.raises(CodeError, match=r"for i in range\(depth\)") as caught:
        cw.read(NET.format(made=made, grown=grown, loop=loop))
    assert caught.value.code == "CW315"
    with pytest.raises(CodeError, match=r"for i in range\(depth\)"):
        cw.explain(NET.format(made=made, grown=grown, loop=loop), (8, 9, 10))


@pytest.mark.parametrize(
    ("loop", "code"), [("for i in range(depth):", "CW315"), ("for i in range(600):", "CW308"), ("if deep:", "CW315")]
)
def test_a_function_that_grows_a_model_in_such_a_loop_is_looked_into(loop: str, code: str) -> None:
    with pytest.raises(CodeError) as caught:
        cw.read(SEQUENTIAL.format(loop=loop))
    assert caught.value.code == code
    assert loop in caught.value.fact
    known = cw.read(SEQUENTIAL.format(loop="for i in range(2):")).trace((1, 20, 21, 3))
    assert known.rows[-1].output == (1, 16, 17, 4)


def test_the_number_of_parts_that_nobody_knows_is_no_number() -> None:
    text = NET.format(made="nn.ModuleList()", grown="self.more()", loop="for part in self.parts[:0]:")
    with pytest.raises(CodeError):
        cw.read(text.replace("nn.Conv2d(8, 4, 1)", "nn.Conv2d(8, len(self.parts), 1)"))


MODEL = """import numpy as np
import keras
from keras import layers
model = keras.Sequential([keras.Input((9, 10, 3)), layers.Conv2D(8, 3), layers.Flatten(), layers.Dense(5)])
"""
TRAINING = {
    "a loop in a loop": """for epoch in range(60):
    for step in range(400):
        batch = np.zeros((4, 9, 10, 3))
        for row, cell in enumerate(batch):
            total = epoch * 400 + step
        answers = model.predict(batch)
""",
    "many rounds": "seen = []\nfor step in range(9000):\n    seen.append(step)\n",
    "for ever": "while True:\n    loss = model.train_on_batch(np.zeros((4, 9, 10, 3)), np.zeros((4, 5)))\n    print(loss)\n",
    "a generator": """def batches(rows):
    while True:
        for row in range(500):
            yield np.zeros((row, 9, 10, 3))
model.fit(batches(7), epochs=3)
""",
    "names of files": "\n".join(f"names{n} = [f'cat.{{i}}.jpg' for i in range({n}, {n + 1500})]" for n in range(9)),
}


@pytest.mark.parametrize("case", TRAINING)
def test_code_that_makes_no_layer_is_not_run_to_the_limit(case: str) -> None:
    trace = cw.read(MODEL + TRAINING[case]).trace((1, 9, 10, 3))
    assert (trace.rows[-1].output, trace.totals.params) == ((1, 5), 224 + 5 * 7 * 8 * 8 + 5)


def test_what_a_loop_that_was_not_followed_leaves_behind_is_unknown() -> None:
    text = (
        MODEL + TRAINING["a loop in a loop"] + "keras.Sequential([keras.Input((total, 9, 3)), layers.Conv2D(4, 3)])\n"
    )
    with pytest.raises(CodeError) as caught:
        cw.read(text)
    assert caught.value.code in ("CW309", "CW314")
    grown = "sizes = [8]\nfor step in range(9000):\n    sizes.append(step)\n" + MODEL.replace(
        "Dense(5)", "Dense(sizes[-1])"
    )
    with pytest.raises(CodeError):
        cw.read(grown)


def test_a_loop_that_makes_layers_is_followed_to_its_end() -> None:
    text = MODEL.replace(", layers.Flatten(), layers.Dense(5)", "")
    text += "for n in range(300):\n    total = sum(range(40)) * n\n    model.add(layers.Conv2D(8, 1))\n"
    assert len(cw.read(text).nodes) == 301


def test_a_call_that_the_text_puts_in_another_place_is_not_known() -> None:
    text = """import keras
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = keras.layers.Conv2D(8, 3)
    def call(self, x):
        return self.conv(x)
Net.call = converted(Net.call)
net = Net()
net(keras.Input((9, 10, 3)))
"""
    with pytest.raises(CodeError):
        cw.read(text)
