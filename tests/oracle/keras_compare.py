"""How an answer of Keras and one of convwise are held against each other. No framework is imported here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from keras_cases import Case

from convwise.dialects.keras import DIALECT
from convwise.errors import ConvwiseError

HERE = Path(__file__).parent

LATE = ("Found invalid dimension", "threshold() missing", "could not create a primitive")
"""Words that Keras comes to last, when the weights are made or the layer runs; another fault of the same case comes before."""


@dataclass(frozen=True)
class Outcome:
    """What a framework or convwise said: an output and its parameters, or why not; or that the process died."""

    output: tuple[int, ...] | None
    params: int | None = None
    words: str = ""
    first: str = ""
    code: str = ""
    killed: bool = False


def run_all(count: int, seed: int, bad: float = 0.12, timeout: float = 3600) -> list[Outcome]:
    """Keras's answers to `cases(count, seed, bad)`, from a child process that is started again where a case kills it."""
    found: list[Outcome] = []
    here = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src"), os.environ.get("PYTHONPATH", "")])
    while len(found) < count:
        command = [sys.executable, str(HERE / "keras_run.py"), str(count), str(seed), str(bad), str(len(found))]
        environment = {**os.environ, "PYTHONPATH": here}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                row = json.loads(line)
                found.append(Outcome(None if row[0] is None else tuple(row[0]), *row[1:]))
            child.wait(timeout)
        if len(found) < count:
            assert child.returncode < 0, f"the child ended with {child.returncode}"
            found.append(Outcome(None, killed=True, first=f"killed by signal {-child.returncode}"))
    return found


def ask(case: Case) -> Outcome:
    """convwise's answer."""
    try:
        layer = DIALECT.read(case.call, None)
        found = DIALECT.flow(layer, case.input)
    except ConvwiseError as error:
        return Outcome(None, words=error.quote, first=str(error), code=error.code)
    return Outcome(tuple(int(size or 0) for size in found.output), found.params)


def plain(words: str) -> str:
    """Words with their spaces evened out and sets in one order, which Python does not keep."""
    words = " ".join(words.split())
    return re.sub(r"\{([^{}:]*)\}", lambda match: "{" + ", ".join(sorted(match[1].split(", "))) + "}", words)


def disagreement(case: Case, theirs: Outcome, ours: Outcome) -> str:
    """How the two answers differ; empty where they agree.

    convwise may refuse by itself (CW210) what Keras runs, and maps without a cell, which Keras runs in places. Where a case kills Keras, any answer is as good.
    """
    if theirs.killed:
        return ""
    if theirs.output is None and ours.output is None:
        # Two faults in one case: Keras may name the other one first.
        other = any(
            words in theirs.words and ours.code != code
            for words, code in (("ndim=", "CW101"), ("Kernel shape", "CW101"), ("Computed output size", "CW104"))
        )
        other = other or ours.words.startswith(LATE)
        if ours.words and theirs.words and not other and plain(ours.words) not in plain(theirs.words):
            return f"quote {ours.words!r} is not in {theirs.words[:600]!r}"
        return ""
    if ours.output is None:
        return (
            ""
            if ours.code == "CW210" or 0 in case.input
            else f"Keras gives {theirs.output}, convwise refuses: {ours.first}"
        )
    if theirs.output is None:
        return f"convwise gives {ours.output}, Keras refuses: {theirs.words[:400]}"
    if ours.output != theirs.output:
        return f"convwise gives {ours.output}, Keras {theirs.output}"
    if ours.params != theirs.params:
        return f"convwise counts {ours.params} parameters, Keras {theirs.params}"
    return ""
