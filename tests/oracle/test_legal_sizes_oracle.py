"""Legal sizes of whole networks against the framework's own run: boundaries and a sample. All sizes: sweep_networks.py."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import keras
import pytest
import sizes_oracle
import torch
import zoo_keras
import zoo_torch
from sizes_oracle import Takes
from torch import nn

import convwise as cw
from convwise.answers.network.legal import LegalSizes

pytestmark = pytest.mark.oracle

TORCH = {
    "alexnet": "n >= 63",
    "vgg": "n >= 32",
    "vgg flattened for 96": "n in {32..63, 96..127, 288..319}",
    "lenet": "n in {16..19, 32..35, 112..115}",
    "resnet": "every n",
    "resnet, pools on the short way": "n = 0, 13..15 (mod 16), and 9..12, 21..24",
    "inception": "n >= 13",
    "u-net": "every multiple of 16",
    "u-net, fixed crops": "n >= 188 and n = 12 (mod 16)",
    "u-net, centred crops": "n >= 188",
    "fpn": "every n",
    "fpn, doubled": "n = 0, 15 (mod 16), and 1, 2",
}
KERAS = {
    "u-net": "every multiple of 16",
    "u-net, fixed crops": "n >= 188 and n = 12 (mod 16)",
    "fpn": "n = 0, 15 (mod 16), and 1, 2",
}
APPLICATIONS = {"VGG16": "n >= 32", "MobileNetV2": "n >= 31", "DenseNet121": "n >= 29"}


def sample(legal: LegalSizes, last: int, how_many: int) -> list[tuple[int, int]]:
    """Both sides of the changes at a legal width, the smallest sizes, and pairs of unequal sizes, half of them legal."""
    good = sizes_oracle.good_pair(legal)
    assert good is not None
    changes = sizes_oracle.boundaries(legal, good[1], last)
    chosen = random.Random(11)
    pairs = [(height, good[1]) for height in (1, 2, 3, *changes[:12], *changes[-6:])]
    pairs += [(good[0], width) for width in changes[:6]]
    drawn = [(chosen.randint(1, last), chosen.randint(1, last)) for _ in range(how_many)]
    return [*pairs, *drawn, *(near for pair in drawn if (near := legal.nearest(pair)) is not None)]


def agree(takes: Takes, legal: LegalSizes, pairs: list[tuple[int, int]]) -> None:
    assert legal.exact
    told = [legal.takes(pair) for pair in pairs]
    assert any(told)
    assert not all(told) or str(legal["height"]) == "every n"
    assert sizes_oracle.disagreements(takes, legal, pairs) == []


@pytest.mark.parametrize("name", TORCH)
def test_pytorch_takes_exactly_these(name: str) -> None:
    module = zoo_torch.NETWORKS[name]().eval()
    legal = cw.read(module).legal_sizes()
    assert str(legal["height"]) == str(legal["width"]) == TORCH[name]
    channels = next(iter(module.parameters())).shape[1]
    agree(sizes_oracle.torch_takes(module, channels), legal, sample(legal, 400, 20))


@pytest.mark.parametrize("name", ["lenet", "resnet, pools on the short way"])
def test_pytorch_says_the_same_with_real_data(name: str) -> None:
    module = zoo_torch.NETWORKS[name]()
    legal = cw.read(module).legal_sizes()
    channels = next(iter(module.parameters())).shape[1]
    agree(sizes_oracle.torch_takes(module, channels, "cpu"), legal, sample(legal, 120, 2))


@pytest.mark.parametrize("name", ["lenet", "resnet, pools on the short way", "u-net, centred crops", "fpn, doubled"])
def test_an_export_asks_for_the_same_sizes(name: str, tmp_path: Path) -> None:
    module = zoo_torch.NETWORKS[name]().eval()
    live = cw.read(module).legal_sizes()
    good = sizes_oracle.good_pair(live)
    assert good is not None
    x = torch.zeros(1, next(iter(module.parameters())).shape[1], *good)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        axes = {"x": {0: "n", 2: "h", 3: "w"}}
        torch.onnx.export(module, (x,), str(path), input_names=["x"], dynamo=False, opset_version=17, dynamic_axes=axes)
    legal = cw.read(path).legal_sizes()
    assert (legal.sets, legal.joint, legal.exact) == (live.sets, live.joint, True)


@pytest.mark.parametrize("name", KERAS)
def test_keras_takes_exactly_these(name: str) -> None:
    model = zoo_keras.NETWORKS[name]()
    legal = cw.read(model).legal_sizes()
    assert str(legal["height"]) == str(legal["width"]) == KERAS[name]
    agree(sizes_oracle.keras_takes(model), legal, sample(legal, 300, 15))


@pytest.mark.parametrize("name", ["u-net", "fpn"])
def test_keras_says_the_same_with_real_data(name: str) -> None:
    model = zoo_keras.NETWORKS[name]()
    legal = cw.read(model).legal_sizes()
    agree(sizes_oracle.keras_runs(model), legal, sample(legal, 64, 2)[:20])


@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications(name: str) -> None:
    model: Any = vars(keras.applications)[name](weights=None, include_top=False, input_shape=(None, None, 3))
    legal = cw.read(model).legal_sizes()
    assert str(legal["height"]) == str(legal["width"]) == APPLICATIONS[name]
    agree(sizes_oracle.keras_takes(model), legal, sample(legal, 300, 6))


def test_a_wrong_set_is_found() -> None:
    """The comparison itself: a network that asks for one cell more is not taken for its neighbour."""
    legal = cw.read(nn.Conv2d(3, 4, 5)).legal_sizes()
    takes = sizes_oracle.torch_takes(nn.Conv2d(3, 4, 6))
    (line,) = sizes_oracle.disagreements(takes, legal, [(5, 9), (6, 9), (4, 9)])
    assert line.startswith("5 x 9: legal True, the framework: RuntimeError: ")
    assert "Kernel size can't be greater than actual input size" in line
