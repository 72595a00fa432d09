"""Attributes of PyTorch's layers, and networks that pad by hand: text against the objects that PyTorch makes of it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from readers.same_padding_texts import HEAD, NET, STANDARDISED, TEXTS
from readers.tied_texts import TIED, text_of

import convwise as cw
from convwise.readers.source import read_layer
from convwise.readers.source.expressions import evaluate
from convwise.readers.source.layer_attributes import asked, inert, of_layer
from convwise.readers.source.state import Run
from convwise.readers.source.statements import execute
from convwise.readers.source.values import MISSING, Made

pytestmark = pytest.mark.oracle

LAYERS = (
    "nn.Conv2d(4, 8, (3, 5), stride=2, padding=(1, 0), dilation=[2, 1], groups=2)",
    "nn.Conv2d(4, 8, 3, padding='same', bias=False, padding_mode='reflect')",
    "nn.Conv1d(4, 8, 3, padding=2)",
    "nn.Conv3d(4, 8, (1, 2, 3))",
    "nn.ConvTranspose2d(4, 6, 3, 2, output_padding=(1, 0), groups=2)",
    "nn.ConvTranspose1d(4, 6, 3, bias=False)",
    "nn.Linear(10, 20)",
    "nn.Linear(10, 20, bias=False)",
    "nn.BatchNorm2d(7, eps=1e-3, affine=False)",
    "nn.BatchNorm1d(7)",
    "nn.InstanceNorm2d(7)",
    "nn.GroupNorm(2, 8)",
)
NAMES = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "output_padding", "groups"),
    *("padding_mode", "in_features", "out_features", "num_features", "num_groups", "num_channels", "eps", "momentum"),
    *("affine", "track_running_stats"),
)


@pytest.mark.parametrize("text", LAYERS)
def test_attributes_are_those_that_pytorch_keeps(text: str) -> None:
    import torch
    from torch import nn

    call = read_layer(text, dialect="torch")[0].call
    run, layer, live = Run("", evaluate, execute), Made(call.kind, call, "torch"), eval(text, {"nn": nn})
    known = 0
    for name in NAMES:
        found = of_layer(run, layer, name)
        # Functions such as `stride` of another kind's layers are no attributes of this one.
        if found is MISSING:
            assert not hasattr(live, name) or name in ("padding_mode",), name
            continue
        assert type(found) is type(getattr(live, name)), name
        assert found == getattr(live, name), name
        known += 1
    assert known >= 2
    for name in ("weight", "bias"):
        found, array = of_layer(run, layer, name), getattr(live, name)
        if found is None or found is MISSING:
            assert array is None or "Norm" in text
        else:
            assert isinstance(array, torch.Tensor)
            assert (found.shape, asked(found, "size", [0])) == (tuple(array.shape), array.size(0))
            assert (asked(found, "dim", []), asked(found, "numel", [])) == (array.dim(), array.numel())


@pytest.mark.parametrize("name", TEXTS)
def test_networks_that_pad_by_hand(name: str) -> None:
    import torch

    text = HEAD + TEXTS[name] + NET
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "net", "exec"), space)
    model = space["Net"]().eval()
    seen: dict[str, tuple[int, ...]] = {}
    for part in ("stem", "down", "head"):
        getattr(model, part).register_forward_hook(lambda _, __, out, part=part: seen.update({part: tuple(out.shape)}))
    model.to("meta")
    rng = random.Random(3)
    for _ in range(25):
        shape = (rng.randint(1, 3), 3, rng.randint(1, 130), rng.randint(1, 130))
        model(torch.zeros(shape, device="meta"))
        network = cw.read(text, input_shape=shape)
        history = {one.name: one for one in network.trace(shape)}
        assert {part: history[part].output for part in seen} == seen, shape
    assert sum(one.params or 0 for one in network.trace(shape)) == sum(p.numel() for p in model.parameters())


def test_convolutions_that_standardise_their_weights() -> None:
    import torch

    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(HEAD + STANDARDISED, "net", "exec"), space)
    model = space["Net"]().eval()
    network, rng = cw.read(HEAD + STANDARDISED), random.Random(7)
    for _ in range(25):
        shape = (rng.randint(1, 3), 3, rng.randint(1, 60), rng.randint(1, 60))
        try:
            wanted: Any = tuple(model(torch.zeros(shape)).shape)
        except RuntimeError:
            wanted = None
        found = [one for one in network.check(shape) if one.level == "error"]
        assert bool(found) == (wanted is None), shape
        if wanted is not None:
            assert network.trace(shape)[-1].output == wanted
    assert network.trace((1, 3, 60, 60)).totals.params == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("text", LAYERS)
def test_what_no_forward_reads_changes_nothing(text: str) -> None:
    import torch
    from torch import nn

    call = read_layer(text, dialect="torch")[0].call
    layer, live = Made(call.kind, call, "torch"), eval(text, {"nn": nn}).eval()
    names = ("in_channels", "in_features", "num_features", "num_channels")
    channels = next(getattr(live, name) for name in names if hasattr(live, name))
    axes = int(call.kind[-2]) if call.kind[-1] == "d" else 2
    x = torch.zeros((2, channels) if call.kind == "Linear" else (2, channels, *(9, 10, 11)[:axes]))
    before = live(x).shape
    for name in NAMES:
        if inert(layer, name):
            setattr(live, name, 99)
    assert live(x).shape == before


def test_a_decoder_with_the_encoders_weights() -> None:
    import torch

    text = (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.c = nn.Conv2d(3, 8, (3, 5), 2, groups=1)\n    def forward(self, x):\n"
        "        return F.conv_transpose2d(self.c(x), self.c.weight, stride=(2, 3), padding=1)\n"
    )
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "net", "exec"), space)
    model = space["Net"]().eval()
    network = cw.read(text)
    for sizes in ((9, 10), (33, 24), (64, 7)):
        trace = network.trace((2, 3, *sizes))
        assert trace[-1].output == tuple(model(torch.zeros(2, 3, *sizes)).shape)
        assert trace.totals.params == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("tie", "run", "wanted"), TIED)
def test_weights_that_are_put_into_a_second_layer(tie: str, run: str, wanted: list[int]) -> None:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text_of(tie, run), "net", "exec"), space)
    assert sum(p.numel() for p in space["Net"]().parameters()) == sum(wanted)
