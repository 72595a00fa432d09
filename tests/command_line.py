"""The command line as its tests call it: in this process, or in one of its own; and words that get an answer of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from convwise.cli import main

GOOD = ["why", "Conv2D(32, (3, 3), strides=(2, 2), padding='valid')", "64x64x3"]
TOO_SMALL = ["why", "nn.Conv2d(3, 16, 7)", "3x5x5"]
REFUSED = ["why", "nn.Conv2d(3, 16, 3, stride=2, padding='same')", "3x28x28"]
UNKNOWN = ["why", "Conv2F(32, 3)", "64x64x3"]
MALFORMED = ["why", "Conv2D(32, 3)", "64xx3"]
SNIPPET = """\
import keras
x = keras.Input(shape=(64, 48, 3))
x = keras.layers.Conv2D(32, 3, strides=2)(x)
"""


class Output:
    """One run: its exit code and its two streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, "exactly one object on one line"
        return json.loads(self.out)


def runner(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Output]:
    """`run` of a test: the words, in a terminal of 100 columns."""
    monkeypatch.delenv("CONVWISE_FORMAT", raising=False)
    monkeypatch.delenv("CONVWISE_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str) -> Output:
        capsys.readouterr()
        code = main(words)
        return Output(code, *capsys.readouterr())

    return call


def process(*words: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "convwise", *words],
        capture_output=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        **options,
    )
