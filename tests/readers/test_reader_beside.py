"""PyTorch files that hold more than the model that is asked for: other factories, blocks, tables of settings, names made of numbers."""

from __future__ import annotations

import pytest

import convwise as cw

TORCH = "import torch\nfrom torch import nn\n"

BLOCK = """class Halves(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

class Mixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = Halves()

    def forward(self, x):
        return self.mix(x)

class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, width, 3), Mixed())

    def forward(self, x):
        return self.body(x)

"""


def test_a_block_that_is_met_alone_is_not_what_breaks() -> None:
    """Three channels do not halve, but no one asks the block to: the width is what the text does not say."""
    text = f"{TORCH}{BLOCK}net = Net(WIDTH)\ny = net(torch.randn(2, 3, 9, 10))\n"
    with pytest.raises(cw.ConvwiseError) as caught:
        cw.read(text, input_shape=(2, 3, 9, 10))
    assert caught.value.code == "CW314"
    assert "WIDTH" in str(caught.value)


def test_a_layer_of_the_model_that_breaks_before_is_the_answer() -> None:
    text = TORCH + (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a = nn.Conv2d(4, 6, 3)\n"
        "    def forward(self, x):\n"
        "        return unseen(torch.cat([self.a(x), self.a(x)], 1))\n"
        "net = Net()\ny = net(torch.randn(2, 3, 9, 10))\n"
    )
    with pytest.raises(cw.ShapeError) as caught:
        cw.read(text)
    assert caught.value.code == "CW102"
    assert "the layer takes 4 channels, the input has 3" in str(caught.value)


def test_factories_that_nobody_calls_are_no_models_beside_one_that_runs() -> None:
    text = f"{TORCH}{BLOCK}def small():\n    return Net(4)\n\ndef large():\n    return Net(8)\n\n"
    net = cw.read(f"{text}net = Net(6)\ny = net(torch.randn(2, 3, 9, 10))\n")
    assert net.trace().rows[-1].output == (2, 6, 7, 8)
    with pytest.raises(cw.CodeError, match="2 models in one text"):
        cw.read(text)


def test_tables_of_settings_may_have_any_numbers_as_keys() -> None:
    table = "WIDTHS = {0.5: {'out': (4, 8)}, 1: {'out': (6, 12)}, 1.5: {'out': (10, 20)}}\n"
    layers = [f"net = nn.Conv2d(3, WIDTHS[{key}]['out'][1], 3)\n" for key in ("0.5", "1", "1.5", "1.0")]
    widths = [cw.read(f"{TORCH}{table}{layer}", input_shape=(2, 3, 9, 10)).trace().rows[-1].output for layer in layers]
    assert widths == [(2, channels, 7, 8) for channels in (8, 12, 20, 12)]


def test_what_setattr_and_getattr_call_may_be_written_out() -> None:
    text = TORCH + (
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        for place in range(2):\n"
        "            self.__setattr__('level_%d' % place, nn.Conv2d(3 + place, 4 + place, 3))\n"
        "    def forward(self, x):\n"
        "        for place in range(2):\n"
        "            x = self.__getattr__('level_%d' % place)(x)\n"
        "        return x\n"
        "net = Net()\ny = net(torch.randn(2, 3, 9, 10))\n"
    )
    trace = cw.read(text).trace()
    assert [(row.name, row.output) for row in trace.rows] == [("level_0", (2, 4, 7, 8)), ("level_1", (2, 5, 5, 6))]
    assert trace.totals.params == 112 + 185
