"""Commands whose whole output is recorded in `tests/golden/NAME.txt`: what a reader sees, word for word.

`python tests/regenerate.py` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from shown import ROOT

GOLDEN = ROOT / "tests" / "golden"

CLASSIFIER = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc1(x)
"""
TOO_DEEP = """\
model = Sequential()
model.add(Conv2D(32, (3, 3), input_shape=(28, 28, 1), activation='relu'))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(64, (3, 3), activation='relu'))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(128, (3, 3), activation='relu'))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(128, (3, 3), activation='relu'))
"""
HOURGLASS = """\
nn.Sequential(
    nn.Conv2d(1, 64, 3, padding=1), nn.MaxPool2d(2),
    nn.Conv2d(64, 128, 3, padding=1), nn.MaxPool2d(2),
    nn.ConvTranspose2d(128, 64, 2, stride=2),
    nn.ConvTranspose2d(64, 1, 2, stride=2),
)
"""
FUNCTIONAL = """\
inputs = keras.Input(shape=(64, 64, 3))
x = layers.Conv2D(32, 3, strides=2, padding="same")(inputs)
x = layers.BatchNormalization()(x)
x = layers.SeparableConv2D(128, 3, padding="same")(x)
x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, activation="softmax")(x)
"""
PRINTED = """\
Sequential(
  (0): Conv2d(3, 16, kernel_size=(3, 3), stride=(2, 2))
  (1): ReLU()
  (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (3): Flatten(start_dim=1, end_dim=-1)
  (4): Linear(in_features=784, out_features=10, bias=True)
)
"""
TRACEBACK = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x1568 and 1050x10)"

COMMANDS: dict[str, tuple[str, ...]] = {
    "asymmetric": ("nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1))", "20x16x50x100"),
    "average-pool-divisor": ("nn.AvgPool2d(3, stride=1, padding=1)", "8x5x5"),
    "average-pool-same": ("AveragePooling2D(3, strides=2, padding='same')", "6x6x8"),
    "causal": ("Conv1D(64, 5, padding='causal', dilation_rate=4, activation='relu')", "100x8"),
    "ceil-mode-adds": ("nn.MaxPool2d(3, stride=2, ceil_mode=True)", "64x112x112"),
    "ceil-mode-dropped": ("nn.MaxPool2d(2, stride=2, padding=1, ceil_mode=True)", "1x5x5"),
    "chain-comes-back": (HOURGLASS, "1x1x350x350"),
    "chain-features-any-input": (CLASSIFIER,),
    "chain-features-mismatch": (CLASSIFIER, "4x3x28x28"),
    "chain-functional": (FUNCTIONAL,),
    "chain-printed": (PRINTED, "1x3x28x28"),
    "chain-too-deep": (TOO_DEEP,),
    "channels-last-in-torch": ("nn.Conv2d(3, 16, 3)", "28x28x3"),
    "concise": ("nn.Conv2d(3, 16, 3, stride=2)", "3x28x28", "--want", "14x14", "--format", "concise"),
    "depthwise": ("DepthwiseConv2D(3, depth_multiplier=2, padding='same')", "14x14x32"),
    "json": ("nn.Conv1d(2, 3, 4, stride=2)", "2x9", "--json"),
    "kernel-too-large": ("nn.Conv2d(3, 16, 7)", "3x5x5"),
    "narrow": ("nn.Conv2d(3, 16, 3, stride=2)", "3x28x28", "--want", "14x14"),
    "not-a-kernel-size": ("nn.Conv2d(3, 16, kernal_size=3)", "3x28x28"),
    "other-framework-meant": ("Conv2D(3, 16, 3)", "28x28x3"),
    "padding-number-in-keras": ("Conv2D(32, 3, padding=1)", "28x28x3"),
    "same-shape-other-windows": ("nn.Conv2d(3, 64, 7, stride=2, padding=3)", "3x224x224"),
    "same-with-stride": ("nn.Conv2d(3, 16, 3, stride=2, padding='same')", "3x28x28"),
    "several-inputs": ("nn.Conv2d(3, 8, 3, stride=2, padding=1)", "3x28x28", "3x29x30", "4x30x30"),
    "steps-over-cells": ("nn.Conv2d(3, 16, 3, stride=2, dilation=2)", "3x32x32"),
    "traceback": (TRACEBACK,),
    "transposed": ("nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1)", "64x7x7", "--want", "14x14"),
    "transposed-keras": ("Conv2DTranspose(32, 3, strides=2, padding='same')", "5x5x64"),
    "truncating-runtimes": ("nn.Conv2d(3, 8, 3, stride=2)", "3x2x2"),
    "want-per-axis": ("Conv2D(32, 3)", "28x28x3", "--want", "28x14"),
    "want-too-large": ("Conv2D(32, 3)", "28x28x3", "--want", "100x100"),
}
LENET = """\
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))
"""
STRIDED = """\
x = keras.Input((None, None, 3))
y = layers.Conv2D(8, 3, strides=2, padding="same", name="a_rather_long_name_for_a_stem")(x)
y = layers.BatchNormalization()(y)
y = layers.MaxPooling2D(2)(y)
y = layers.Conv2D(16, 4, padding="same")(y)
y = layers.GlobalAveragePooling2D()(y)
model = keras.Model(x, layers.Dense(10)(y))
"""
UNET = "examples/unet.py"
NETWORKS: dict[str, tuple[str, ...]] = {
    "network-check-even": ("check", STRIDED, "--input", "1x30x30x3"),
    "network-check-features": ("check", LENET, "--input", "1x1x28x28"),
    "network-check-open": ("check", UNET),
    "network-check-skip": ("check", UNET, "--input", "1x3x350x352"),
    "network-check-works": ("check", UNET, "--input", "1x3x352x352"),
    "network-csv": ("inspect", STRIDED, "--input", "1x30x31x3", "--csv"),
    "network-folded": ("inspect", UNET, "--input", "1x3x352x352", "--depth", "1"),
    "network-line": ("inspect", UNET, "--input", "1x3x352x352", "--format", "concise"),
    "network-narrow": ("inspect", UNET, "--input", "1x3x352x352", "--depth", "2"),
    "network-open": ("inspect", STRIDED),
    "network-refused": ("inspect", UNET, "--input", "1x3x350x350"),
    "network-sizes": ("sizes", UNET, "--near", "350"),
    "network-sizes-joint": ("sizes", LENET, "--near", "28"),
    "network-sizes-joint-mixed": ("sizes", LENET, "--near", "40x30"),
    "network-sorted": ("inspect", UNET, "--input", "1x3x352x352", "--only", "Conv2d", "--sort", "macs"),
    "network-symbolic": ("inspect", UNET, "--symbolic", "--depth", "1"),
    "network-wide": ("inspect", STRIDED, "--input", "1x30x31x3"),
}
"""Commands about whole networks, with their own words."""

PORTS: dict[str, tuple[str, ...]] = {
    "diff-average": ("diff", "AveragePooling2D(3, 1, 'same')", "nn.AvgPool2d(3, 1, 1)", "5x6x3"),
    "diff-chain": (
        "diff",
        "Sequential([Conv2D(4, 3), BatchNormalization(), ReLU(), Flatten(), Dense(5)])",
        "nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(48, 5))",
        "5x6x3",
    ),
    "diff-equal": ("diff", "nn.MaxPool2d(2, ceil_mode=True)", "MaxPooling2D(2, padding='same')", "3x9x10"),
    "diff-transposed": (
        "diff",
        "Conv2DTranspose(4, 3, strides=2, padding='same')",
        "nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)",
        "9x10x3",
    ),
    "port-nothing-exact": (
        "port",
        "nn.Upsample(scale_factor=2, mode='bicubic')",
        "--to",
        "keras",
        "--input",
        "1x3x9x10",
    ),
    "port-pool": ("port", "nn.MaxPool2d(3, 2, 1)", "--to", "keras", "--input", "4x11x12"),
    "port-same-any-size": ("port", "Conv2D(8, 3, strides=2, padding='same')"),
    "port-transposed": ("port", "Conv2DTranspose(8, 3, strides=2, padding='same')", "--input", "5x6x4"),
    "supports": ("supports", "nn.MaxPool2d(3, 2, 1)", "--input", "4x11x12"),
}
"""Commands about one layer in two frameworks."""

ALL = {name: ("why", *words) for name, words in COMMANDS.items()} | NETWORKS | PORTS
COLUMNS = {"narrow": "60", "network-narrow": "60", "network-wide": "140"}
FREE = ("json", "network-csv", "port-pool")
"""Outputs for programs, and emitted code, whose lines are as long as they are."""


def path(name: str) -> Path:
    return GOLDEN / f"{name}.txt"


def run(name: str) -> str:
    """What the command prints, on both streams, and how it ends."""
    environment = {**os.environ, "COLUMNS": COLUMNS.get(name, "100"), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("CONVWISE_FORMAT", None)
    done = subprocess.run(
        [sys.executable, "-m", "convwise", *ALL[name]],
        capture_output=True,
        cwd=ROOT,
        env=environment,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    lines = [line.rstrip() for line in (done.stdout + done.stderr).rstrip("\n").split("\n")]
    return "\n".join([*lines, f"[exit {done.returncode}]"]) + "\n"


def rewrite() -> None:
    """All recorded outputs anew; files of commands that are gone are removed."""
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.glob("*.txt"):
        if old.stem not in ALL:
            old.unlink()
    for name in ALL:
        path(name).write_text(run(name), encoding="utf-8")
