"""Libraries that take turns, layer by layer, each in a process of its own that sleeps while another one is measured.

What a machine can do changes from minute to minute where others share it: all libraries measure a layer within seconds of each
other, in several rounds, so that their ratios hold although their speeds change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

PAUSE = 0.3
"""Seconds between turns: the threads of some libraries wait busily for a while after their last call."""
BENCH = Path(__file__).with_name("conv.py")

Row = dict[str, Any]
Measure = Callable[[Any, bool], Row]
"""From a layer, and whether its accuracy is wanted too, to what was found."""


def environment(threads: int) -> dict[str, str]:
    """Of a process with so many threads."""
    counts = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**os.environ, **counts, "CONVWISE_THREADS": str(threads)}


def in_turns(
    libraries: Sequence[str], layers: Sequence[Any], threads: int, rounds: int, accuracy: bool = False
) -> dict[str, list[Row]]:
    """For every library a row a layer, the median of the rounds; accuracy is asked for in the first."""
    found: dict[str, list[Row]] = {name: [] for name in libraries}
    with ExitStack() as stack:
        asking = {name: stack.enter_context(_asking(name, threads)) for name in libraries}
        for place, layer in enumerate(layers):
            if sys.stderr.isatty():
                print(f"\rlayer {place + 1} of {len(layers)}, {threads} threads", end="", file=sys.stderr, flush=True)
            turns: dict[str, list[Row]] = {name: [] for name in libraries}
            for number in range(rounds):
                for name, ask in asking.items():
                    turns[name].append(ask(layer, accuracy and number == 0))
                    time.sleep(PAUSE)
            for name, rows in turns.items():
                found[name].append(middle(rows))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return found


def middle(rows: Sequence[Row]) -> Row:
    """The first row with the medians of all; one that could not be measured tells why."""
    measured = [row for row in rows if "seconds" in row]
    medians = {key: float(np.median([row[key] for row in measured])) for key in ("seconds", "fastest") if measured}
    return {**(measured or rows)[0], **medians}


@contextmanager
def _asking(library: str, threads: int) -> Iterator[Measure]:
    """A process that measures what it is asked for; where it ends before its time, another one takes its place."""
    workers: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, str(BENCH), "--serve", library, "--threads", str(threads)]
        pipes: Mapping[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": said}
        return subprocess.Popen(command, text=True, env=environment(threads), **pipes)

    def ask(layer: Any, accuracy: bool) -> Row:
        if not workers or workers[-1].poll() is not None:
            workers.append(start())
        worker = workers[-1]
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            print(json.dumps([layer, accuracy]), file=worker.stdin, flush=True)
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            row: Row = json.loads(answer)
            return row
        worker.kill()
        code = worker.wait()
        said.seek(0)
        last = (said.read().strip().splitlines() or [""])[-1][:200]
        return {"layer": layer, "error": f"the process ended with {code}: {last}"}

    with tempfile.TemporaryFile("w+") as said:
        try:
            yield ask
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()


def serve(measure: Measure) -> None:
    """Answer the lines of standard input; what a library itself prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin:
        layer, accuracy = json.loads(line)
        print(json.dumps(measure(tuple(layer), accuracy)), file=answers, flush=True)
