"""How long a diff and a port take without running anything, and a numeric proof: the fastest of several runs.

    python bench/porting.py

The targets are 5 ms for a diff and a port of one layer, and 300 ms for the proof of a 3x3 layer of 64 channels on 56 x 56.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import convwise as cw
from convwise.answers.porting.diff import diff
from convwise.answers.porting.port import port

SAME = "Conv2D(64, 3, padding='same')"
STRIDED = "Conv2D(64, 7, strides=2, padding='same')"
TORCH = "nn.Conv2d(64, 64, 3, padding=1)"
CHAIN = "Sequential([Conv2D(32, 3, padding='same'), BatchNormalization(), ReLU(), MaxPooling2D(3, 2, 'same'), Flatten(), Dense(10)])"


def milliseconds(run: Callable[[], object], runs: int = 20) -> float:
    """The fastest run."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return 1000 * best


def main() -> None:
    """A row for each, with its target."""
    rows: list[tuple[str, Callable[[], object], int, float | None]] = [
        ("diff, one layer, facts alone", lambda: diff(SAME, TORCH, (56, 56, 64)), 20, 5),
        ("diff, strided, windows drawn", lambda: diff(STRIDED, "nn.Conv2d(3, 64, 7, 2, 3)", (224, 224, 3)), 20, 5),
        ("port, one layer, code alone", lambda: port(SAME, "torch", (56, 56, 64)), 20, 5),
        ("port, strided 'same'", lambda: port(STRIDED, "torch", (224, 224, 3)), 20, 5),
        ("port, transposed", lambda: port("nn.ConvTranspose2d(8, 4, 3, 2, 1, 1)", "keras", (8, 9, 10)), 20, 5),
        ("port, chain of six", lambda: port(CHAIN, "torch", (56, 56, 3)), 20, None),
        ("proof, 3x3, 64 channels, 56 x 56", lambda: cw.diff(SAME, TORCH, (56, 56, 64)).equal, 5, 300),
        ("port and proof of the same", lambda: cw.port(SAME, "torch", (56, 56, 64)).proof.equal, 5, None),
    ]
    print(f"{'':<36}{'ms':>8}{'target':>8}")
    for name, run, runs, target in rows:
        print(f"{name:<36}{milliseconds(run, runs):>8.2f}{'' if target is None else target:>8}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
