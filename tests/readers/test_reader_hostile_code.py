"""Texts that attack a parser: each gives its right answer, within its time, and nothing but a ConvwiseError."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from readers.reading import texts

from convwise.errors import ConvwiseError
from convwise.readers.source import read_text

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "hostile_code.json").read_text("utf-8")
)
SECONDS = 3.0
"""A text takes well under half a second on an idle machine; the rest is for busy ones."""


def built(row: dict[str, Any]) -> str:
    """A row's text: its parts, each repeated; two longer ones have names."""
    text = "".join(part * count for part, count in row["parts"])
    blocks = "".join(" " * depth + "if x:\n" for depth in range(102)) + " " * 102 + "y = 1"
    functions = "".join(f"def f{i}(x): return f{i + 1}(f{i + 1}(x))\n" for i in range(100))
    return text.replace("%INDENT101%", blocks).replace("%FUNCS%", functions + "f0(torch.randn(1, 3))")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_the_right_answer_in_time(row: dict[str, Any]) -> None:
    text = built(row)
    started = time.process_time()
    if row["expect"]:
        with pytest.raises(ConvwiseError) as caught:
            read_text(text)
        error = caught.value
        assert error.code in row["expect"]
        assert row.get("says", "") in error.fact
        assert all(letter.isprintable() or letter == "\n" for letter in str(error))
        assert len(str(error)) < 1500
        if "caret" in row:
            line, caret = error.detail.split("\n")
            assert line[caret.index("^")] == text[row["caret"]]
    else:
        snippet = read_text(text)
        assert [layer.kind for found in snippet.found for layer in found.layers] == ["Conv2D"]
        assert row.get("note") in (None, *(note.code for note in snippet.notes))
        assert row.get("text") in (None, *texts(snippet.found[0]))
    assert time.process_time() - started < SECONDS


def test_memory_is_bounded() -> None:
    resource = pytest.importorskip("resource")
    del resource
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from convwise.readers.source import read_text\n"
        "from convwise.errors import ConvwiseError\n"
        "for text in ('[1]*10**9', '1<<10**10', 'x=[1]\\n' + 'x=x+x\\n'*60, 'a=1\\n'*32000, 'x=(1,)\\n' + 'x=(x,x)\\n'*60 + 'Conv2D(8, x)',\n"
        "             'Conv2D(9**9**9, 3)', 'a,'*60000, '-'*100000 + '1', '{'*1048576):\n"
        "    try:\n        read_text(text)\n    except ConvwiseError:\n        pass\n"
        "print('done')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert result.stdout.strip() == "done", result.stderr


SEEDS = [
    "model = Sequential()\nfor i in range(3):\n    model.add(Conv2D(8 * 2 ** i, 3, input_shape=(28, 28, 1)))\nmodel.add(Flatten())",
    "class Net(nn.Module):\n    def __init__(self, n=4):\n        super().__init__()\n        self.a = nn.Conv2d(3, n, 3)\n"
    "    def forward(self, x):\n        return F.relu(self.a(x)).view(x.size(0), -1)\nNet(8)(torch.randn(1, 3, 8, 8))",
    "Net(\n  (a): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))\n  (b): ModuleList(\n    (0-1): 2 x ReLU()\n  )\n)",
    "Layer (type)  Output Shape  Param #\ni (InputLayer)  [(None, 9, 9, 3)]  0\nc (Conv2D)  (None, 7, 7, 8)  224\n",
    ">>> x = keras.Input((9, 9, 3))\n>>> y = Conv2D(8, 3)(x)\n",
]
TOKENS = [
    *"()[]{},=:*#'\"\\\n.-+0x",
    "    ",
    "**",
    "self.",
    "1e999",
    "nn.",
    "lambda x: ",
    "for i in range(3):",
    "\u202e",
    "é",
    "None",
    "│",
    "```",
]


def mutated(rng: random.Random) -> str:
    text = rng.choice(SEEDS)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        place = rng.randrange(len(text) + 1)
        change = rng.random()
        if change < 0.4:
            text = text[:place] + rng.choice(TOKENS) + text[place:]
        elif change < 0.7:
            text = text[:place] + text[place + rng.choice((1, 2, 9)) :]
        elif change < 0.85:
            words = [word.span() for word in re.finditer(r"\w+", text)] or [(0, 0)]
            one, other = rng.choice(words), rng.choice(words)
            text = text[: one[0]] + text[other[0] : other[1]] + text[one[1] :]
        else:
            lines = text.split("\n")
            rng.shuffle(lines)
            text = "\n".join(lines)
    return text


@pytest.mark.parametrize("seed", range(4))
def test_mutants_give_an_answer_or_an_error_and_the_same_twice(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(400):
        text = mutated(rng)
        answers = []
        for _ in range(2):
            try:
                answers.append(repr([(texts(found), found.input_shape) for found in read_text(text).found]))
            except ConvwiseError as error:
                answers.append(str(error))
        assert answers[0] == answers[1], text
