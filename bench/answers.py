"""How fast answers are: `python bench/answers.py`. Medians of one run, side by side with what frameworks take.

Measures `output_shape` on a text seen before and on a new one, `explain`, and, where they are installed,
`keras.layers.Conv2D.compute_output_shape` and a call of a PyTorch layer on a meta tensor.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable

import convwise as cw

KERAS, TORCH = "Conv2D(32, (3, 3), strides=(2, 2), padding='same')", "nn.Conv2d(3, 16, 3, stride=2, padding=1)"


def median(work: Callable[[], object], repeat: int, number: int) -> float:
    """Microseconds of one call: the median over `repeat` rounds of `number` calls."""
    rounds = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            work()
        rounds.append((time.perf_counter() - start) / number * 1e6)
    return statistics.median(rounds)


def fresh(text: str) -> Callable[[], str]:
    """The same layer in a text that was not seen before, by its number of filters."""
    count = iter(range(10, 10**9))
    return lambda: text.replace("32", str(next(count)), 1) if "32" in text else text.replace("16", str(next(count)), 1)


def main() -> None:
    rows: list[tuple[str, float]] = []
    new_keras, new_torch = fresh(KERAS), fresh(TORCH)
    rows.append(
        ("output_shape, text seen before (Keras)", median(lambda: cw.output_shape(KERAS, (64, 64, 3)), 15, 2000))
    )
    rows.append(
        ("output_shape, text seen before (PyTorch)", median(lambda: cw.output_shape(TORCH, (3, 64, 64)), 15, 2000))
    )
    rows.append(("output_shape, new text (Keras)", median(lambda: cw.output_shape(new_keras(), (64, 64, 3)), 15, 100)))
    rows.append(
        ("output_shape, new text (PyTorch)", median(lambda: cw.output_shape(new_torch(), (3, 64, 64)), 15, 100))
    )
    rows.append(("explain (Keras)", median(lambda: cw.explain(KERAS, (64, 64, 3)), 15, 50)))
    rows.append(("explain (PyTorch)", median(lambda: cw.explain(TORCH, (3, 64, 64)), 15, 50)))
    if importlib.util.find_spec("keras"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras

        layer = keras.layers.Conv2D(32, 3, strides=2, padding="same")
        rows.append(
            (
                "keras compute_output_shape, layer made before",
                median(lambda: layer.compute_output_shape((1, 64, 64, 3)), 15, 200),
            )
        )
    if importlib.util.find_spec("torch"):
        import torch

        conv = torch.nn.Conv2d(3, 16, 3, stride=2, padding=1, device="meta")
        x = torch.empty(1, 3, 64, 64, device="meta")
        rows.append(("torch call on a meta tensor, layer made before", median(lambda: conv(x).shape, 15, 200)))
    base = rows[0][1]
    for name, microseconds in rows:
        print(f"{name:<50} {microseconds:10.2f} us   {microseconds / base:8.1f} x")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
