"""Texts that attack a parser, read as networks: within their time, and nothing but a ConvwiseError."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from readers.test_reader_branches_texts import KERAS, TEXTS, TORCH
from readers.test_reader_hostile_code import built

from convwise.errors import ConvwiseError
from convwise.readers.models import read
from convwise.readers.source.graphs import read_network_text

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "hostile_code.json").read_text("utf-8")
)
SECONDS = 4.0
WORDS = (
    *(
        "x",
        "None",
        "self",
        "(",
        ")",
        "[",
        "]",
        "2",
        "-1",
        "0",
        "1e300",
        "'a'",
        "torch",
        "[]",
        "{}",
        "x.shape",
        "*",
        "//",
    ),
    *("%", "...", "lambda z: z", "skip", "x[0]", "(x, x)", "**", "10**30", "float('inf')", "Model", "nn.Conv2d"),
)
WRAPPED = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
    def forward(self, x):
        %s
        return self.conv(x) + x
"""
BOMBS = {
    "lists in lists": KERAS + "i = Input((8, 8, 3))\nx = [i] * 4000\n" + "x = [x] * 4000\n" * 6 + "layers.add(x)\n",
    "numbers in lists": TORCH + WRAPPED % "y = [0] * 4000; y = [y] * 4000; y = [y] * 4000; x = torch.cat([x, y], 1)",
    "pairs": KERAS + "x = Input((8, 8, 3))\n" + "x = (x, x)\n" * 60 + "y = layers.add(x)\n",
    "sizes": TORCH + WRAPPED % ("n = x.shape[2]\n" + "        n = n * n + n\n" * 60 + "        x = F.pad(x, [n, n])"),
    "pads": TORCH + WRAPPED % "x = F.pad(x, [x.shape[2]] * 4000)",
    "splits": TORCH + WRAPPED % "x = torch.split(x, [1] * 4000, 1)[0]",
    "chunks": TORCH + WRAPPED % "x = torch.chunk(x, 10 ** 18, 1)[0]",
    "names": KERAS + "i = Input((8, 8, 3), name='\\x1b[31m' * 400)\nm = Model(i, layers.add([i, i]), name='\\u202e')\n",
    "lambdas": TORCH + WRAPPED % "f = lambda f, x: f(f, x) + f(f, x); x = f(f, x)",
}


def settled(text: str) -> str:
    """The word read, or the error's code; the time is checked."""
    started = time.process_time()
    code, said = "read", ""
    try:
        read_network_text(text)
    except ConvwiseError as error:
        code, said = error.code or "?", str(error)
    assert all(letter.isprintable() or letter == "\n" for letter in said)
    assert len(said) < 1500
    assert time.process_time() - started < SECONDS
    return code


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_hostile_texts_end_in_time(row: dict[str, Any]) -> None:
    assert settled(built(row)) != "CW901"


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_in_time(name: str) -> None:
    assert settled(BOMBS[name]) != "CW901"


def test_nothing_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    text = TEXTS["keras-two"] + f"open({str(mark)!r}, 'w').write('x')\n__import__('os').system('touch {mark}')\n"
    assert read(text).outputs
    assert not mark.exists()


@pytest.mark.parametrize("seed", range(4))
def test_mutants_give_a_network_or_an_error(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        text = TEXTS[rng.choice(list(TEXTS))]
        for _ in range(rng.randint(1, 4)):
            parts = list(re.finditer(r"\w+|[^\w\s]", text))
            at, other = rng.choice(parts), rng.choice(parts)
            word = rng.choice([*WORDS, other.group(), ""])
            text = text[: at.start()] + word + text[at.end() :]
        settled(text)
