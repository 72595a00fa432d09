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
COLUMNS = {"narrow": "60"}


def path(name: str) -> Path:
    return GOLDEN / f"{name}.txt"


def run(name: str) -> str:
    """What the command prints, on both streams, and how it ends."""
    environment = {**os.environ, "COLUMNS": COLUMNS.get(name, "100"), "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    environment.pop("CONVWISE_FORMAT", None)
    done = subprocess.run(
        [sys.executable, "-m", "convwise", "why", *COMMANDS[name]],
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
        if old.stem not in COMMANDS:
            old.unlink()
    for name in COMMANDS:
        path(name).write_text(run(name), encoding="utf-8")
