"""How fast inverse design is: `python bench/solve.py`. Milliseconds of one call, every answer read back; medians of one run.

Wanted: an answer within 50 ms, the "no" with its reason included.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import convwise as cw

LIMIT = 50.0
ENCODER = "nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.MaxPool2d(2))"
QUESTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("28 -> 14", (28, 14), {}),
    ("28 -> 28", (28, 28), {}),
    ("28 -> 13", (28, 13), {}),
    ("28 -> 14 and 56 -> 28", ([28, 56], [14, 28]), {}),
    ("28 -> 14, kernel 3", (28, 14), {"kernel": 3}),
    ("224 -> 14", (224, 14), {}),
    ("224 -> 7", (224, 7), {}),
    ("28 -> 1", (28, 1), {}),
    ("28 x 30 -> 14 x 10", ("28x30", "14x10"), {}),
    ("14 -> 28, transposed", (14, 28), {}),
    ("1 -> 28, transposed", (1, 28), {}),
    ("28 -> 14, max pool", (28, 14), {"op": "max_pool"}),
    ("28 -> 40, convolution: none", (28, 40), {"op": "conv"}),
    ("28 -> 14 and 57 -> 30: none", ([28, 57], [14, 30]), {}),
    ("28 -> 14, kernel 3, stride 1: none", (28, 14), {"kernel": 3, "stride": 1}),
]


def median(work: Callable[[], object], repeat: int = 9) -> float:
    """Milliseconds of one call, the first one left out."""
    work()
    rounds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        rounds.append((time.perf_counter() - start) * 1e3)
    return statistics.median(rounds)


def asked(args: tuple[Any, ...], options: dict[str, Any]) -> int:
    try:
        return len(cw.solve(*args, **options))
    except cw.ShapeError:
        return 0


def main() -> None:
    slowest = 0.0
    for dialect in ("keras", "torch"):
        for name, args, options in QUESTIONS:
            words = {**options, "dialect": dialect}
            count, taken = asked(args, words), median(lambda args=args, words=words: asked(args, words))
            slowest = max(slowest, taken)
            print(f"{dialect:<6} {name:<38} {count:4d} layers {taken:8.1f} ms")
    taken = median(lambda: cw.solve(224, mirror=ENCODER))
    print(f"torch  {'the decoder of three layers':<38} {'':11} {taken:8.1f} ms")
    slowest = max(slowest, taken)
    print(f"slowest {slowest:.1f} ms, wanted at most {LIMIT:.0f} ms")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
