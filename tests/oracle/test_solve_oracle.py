"""Answers of `solve` made and run by the frameworks themselves: every one gives every wanted size; a decoder gives each back."""

from __future__ import annotations

import os
from random import Random

import keras
import numpy as np
import pytest
import torch

import convwise as cw

pytestmark = pytest.mark.oracle
torch.set_num_threads(1)

SEED = int(os.environ.get("CONVWISE_SOLVE_SEED", "20261121"))
TORCH = int(os.environ.get("CONVWISE_SOLVE_TORCH", "300"))
KERAS = int(os.environ.get("CONVWISE_SOLVE_KERAS", "60"))
OPS = (None, "conv", "transpose", "max_pool", "avg_pool")
KERAS_NAMES = {name: vars(keras.layers)[name] for name in dir(keras.layers) if name[:1].isupper()} | {"keras": keras}


def built(text, dialect):
    """The layer that the text makes when the framework's own names are in scope."""
    return eval(text, {"nn": torch.nn} if dialect == "torch" else dict(KERAS_NAMES))


def ran(layer, dialect, sizes, channels):
    """The spatial sizes that the framework makes of random data."""
    data = np.random.default_rng(1).normal(size=(1, channels, *sizes)).astype("float32")
    if dialect == "torch":
        with torch.no_grad():
            return tuple(layer(torch.from_numpy(data)).shape[2:])
    return tuple(layer(np.moveaxis(data, 1, -1)).shape[1:-1])


def questions(dialect, count):
    """Random questions: sizes near those a stride gives, axes alike or not, one input or two, some words fixed."""
    random = Random(SEED)
    for _ in range(count):
        op, stride = random.choice(OPS), random.choice((1, 2, 2, 3, 4))
        inputs, outputs = [], []
        height, width, slack = random.randint(1, 40), random.randint(1, 40), random.randint(-2, 2)
        for times in range(random.choice((1, 1, 2))):
            sizes = (height + times * stride * random.randint(1, 5),) * 2 if random.random() < 0.5 else (height, width)
            outs = [(size * stride if op == "transpose" else -(-size // stride)) + slack for size in sizes]
            inputs.append(sizes)
            outputs.append(tuple(max(size, 1) for size in outs))
        words = {}
        if random.random() < 0.3:
            words["kernel"] = random.randint(1, 7)
        if random.random() < 0.2:
            words["padding"] = random.choice(("valid", "same", 1, 2))
        if random.random() < 0.1:
            words["dilation"] = random.randint(1, 3)
        if op in ("max_pool", "avg_pool"):
            words.pop("dilation", None)
        yield random, inputs, outputs, {"op": op, "dialect": dialect, "in_channels": 2, "filters": 4, **words}


@pytest.mark.parametrize(("dialect", "count", "most"), [("torch", TORCH, 12), ("keras", KERAS, 4)])
def test_the_framework_gives_what_was_wanted(dialect, count, most):
    tried = 0
    for random, inputs, outputs, options in questions(dialect, count):
        try:
            texts = cw.solve(inputs, outputs, **options)
        except cw.ShapeError:
            continue
        for text in random.sample(texts, min(most, len(texts))):
            layer = built(text, dialect)
            for sizes, wanted in zip(inputs, outputs, strict=True):
                assert ran(layer, dialect, sizes, 2) == wanted, (text, sizes)
            tried += 1
    assert tried > count


@pytest.mark.parametrize(
    ("dialect", "options"),
    [
        ("torch", {"input": 8, "kernel": 6}),
        ("torch", {"input": (8, 9), "kernel": (6, 4), "op": "avg_pool"}),
        ("keras", {"input": 4, "kernel": 3, "op": "max_pool"}),
        ("keras", {"input": (7, 9), "kernel": 5}),
    ],
)
def test_one_window_that_leaves_cells_out_gives_one_cell(dialect, options):
    texts = cw.solve(output=1, dialect=dialect, in_channels=2, filters=4, **options)
    sizes = options["input"] if isinstance(options["input"], tuple) else (options["input"],) * 2
    for text in texts:
        assert ran(built(text, dialect), dialect, sizes, 2) == (1, 1), text
    assert texts


ENCODERS = {
    "torch": (
        "nn.Conv2d(2, 4, (3, 5), stride=(2, 3), padding=(1, 0))",
        "nn.Sequential(nn.Conv2d(2, 4, 4, padding='same'), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(4, 6, 3, stride=2, padding=1))",
        "nn.Sequential(nn.ZeroPad2d((0, 1, 2, 0)), nn.Conv2d(2, 4, 3, stride=2, groups=2), nn.AvgPool2d(2))",
    ),
    "keras": (
        "keras.Sequential([Conv2D(4, (3, 5), strides=(2, 3), padding='same')])",
        "keras.Sequential([ZeroPadding2D(((1, 2), (0, 1))), SeparableConv2D(4, 3, strides=2), MaxPooling2D(3, strides=2, padding='same')])",
        "keras.Sequential([Conv2D(4, 4, strides=3), BatchNormalization(), DepthwiseConv2D(3, padding='same'), AveragePooling2D(2)])",
    ),
}


@pytest.mark.parametrize("dialect", ["torch", "keras"])
def test_a_decoder_gives_the_frameworks_own_sizes_back(dialect):
    for encoder in ENCODERS[dialect]:
        down = built(encoder, dialect)
        for sizes in ((17, 22), (24, 31), (30, 19)):
            (decoder,) = cw.solve(sizes, mirror=encoder, in_channels=2)
            up = built(decoder, dialect)
            data = np.zeros((1, 2, *sizes), "float32")
            if dialect == "torch":
                with torch.no_grad():
                    assert tuple(up(down(torch.from_numpy(data))).shape) == (1, 2, *sizes), decoder
            else:
                assert tuple(up(down(np.moveaxis(data, 1, -1))).shape) == (1, *sizes, 2), decoder


@pytest.mark.parametrize("kind", ["avg", "max"])
def test_the_fixed_pool_gives_the_adaptive_pools_values(kind):
    name = {"avg": "AdaptiveAvgPool2d", "max": "AdaptiveMaxPool2d"}[kind]
    same = 0
    for size in range(1, 15):
        for out in range(1, size + 1):
            data = torch.randn(1, 2, size, size)
            try:
                (text,) = cw.solve(size, out, op=f"adaptive_{kind}_pool", dialect="torch")
            except cw.ShapeError:
                continue
            assert torch.allclose(built(text, "torch")(data), getattr(torch.nn, name)(out)(data), atol=1e-6), text
            same += 1
    assert same > 40
