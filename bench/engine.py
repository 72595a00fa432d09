"""The engine's two forms side by side, and PyTorch where it is installed: medians and ratios of one run.

    python bench/engine.py
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/engine.py     # one thread each, for a busy machine

Times are milliseconds, medians; each row runs its contestants in three rounds, so that a busy machine slows all of them.
"literal" is the loop over outputs (reference), "fast" the form on strided views and matrix products (windows).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from convwise.engine import Conv, avg_pool2d, conv2d, max_pool2d

try:
    import torch
except ImportError:
    torch = None

# name, input, filters, kernel, options
CONVOLUTIONS: list[tuple[str, tuple[int, ...], int, int, dict[str, Any]]] = [
    ("3x3, 64 -> 64", (1, 64, 56, 56), 64, 3, {"padding": 1}),
    ("3x3, 64 -> 64, float64", (1, 64, 56, 56), 64, 3, {"padding": 1}),
    ("7x7 stride 2, 3 -> 64", (1, 3, 224, 224), 64, 7, {"padding": 3, "stride": 2}),
    ("1x1, 64 -> 256", (1, 64, 56, 56), 256, 1, {}),
    ("3x3 stride 2, 128 -> 128", (1, 128, 56, 56), 128, 3, {"padding": 1, "stride": 2}),
    ("3x3 dilation 2, 64 -> 64", (1, 64, 56, 56), 64, 3, {"padding": 2, "dilation": 2}),
    ("3x3 in 32 groups, 128", (1, 128, 56, 56), 128, 3, {"padding": 1, "groups": 32}),
    ("3x3 depthwise, 96", (1, 96, 56, 56), 96, 3, {"padding": 1, "groups": 96}),
    ("3x3, 256 -> 256", (1, 256, 14, 14), 256, 3, {"padding": 1}),
    ("3x3, 32 -> 64, batch 32", (32, 32, 16, 16), 64, 3, {"padding": 1}),
]


def medians(calls: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Milliseconds for each call, in three rounds of all calls.

    Within a round a contestant runs by itself: NumPy's and PyTorch's threads wait in loops and would slow each other.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(3):
        for name, call in calls.items():
            call()
            end = time.perf_counter() + seconds / 3
            while not times[name] or time.perf_counter() < end:
                start = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - start)
    return {name: median(found) * 1e3 for name, found in times.items()}


def row(name: str, layout: str, found: dict[str, float]) -> str:
    literal, fast, kept, peer = (found.get(key) for key in ("literal", "fast", "kept", "torch"))
    cells = [
        f"{name:<26} {layout}",
        *(f"{value:9.2f}" if value is not None else f"{'-':>9}" for value in (literal, fast, kept, peer)),
    ]
    best = min(value for value in (fast, kept) if value is not None)
    cells.append(f"{literal / fast:8.0f}x" if literal is not None and fast is not None else f"{'-':>9}")
    cells.append(f"{best / peer:8.1f}x" if peer is not None else f"{'-':>9}")
    return " ".join(cells)


def convolution(
    shape: tuple[int, ...], filters: int, kernel: int, options: dict[str, Any], dtype: str, layout: str
) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    w = rng.standard_normal((filters, shape[1] // options.get("groups", 1), kernel, kernel)).astype(dtype)
    given = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    layer = Conv(w, layout=layout, **options)
    calls: dict[str, Callable[[], object]] = {
        "literal": lambda: conv2d(given, w, layout=layout, algorithm="reference", **options),
        "fast": lambda: conv2d(given, w, layout=layout, **options),
        "kept": lambda: layer(given),
    }
    if torch is not None:
        tensor, weight = torch.from_numpy(x), torch.from_numpy(w)
        if layout == "NHWC":
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        calls["torch"] = lambda: torch.nn.functional.conv2d(tensor, weight, **options)
    return calls


def pooling(kind: str, layout: str) -> dict[str, Callable[[], object]]:
    x = np.random.default_rng(0).standard_normal((1, 64, 112, 112)).astype("float32")
    given = x if layout == "NCHW" else np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    ours = max_pool2d if kind == "max" else avg_pool2d
    calls: dict[str, Callable[[], object]] = {"fast": lambda: ours(given, 3, 2, 1, layout=layout)}
    if torch is not None:
        tensor = torch.from_numpy(x)
        if layout == "NHWC":
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        theirs = torch.nn.functional.max_pool2d if kind == "max" else torch.nn.functional.avg_pool2d
        calls["torch"] = lambda: theirs(tensor, 3, 2, 1)
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each contestant of a row runs")
    seconds = parser.parse_args().seconds
    peer = (
        f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads"
        if torch is not None
        else "PyTorch is not installed"
    )
    print(f"NumPy {np.__version__}; {peer}. Milliseconds, medians.")
    print(f"{'':<31} {'literal':>9} {'fast':>9} {'Conv':>9} {'torch':>9} {'lit/fast':>9} {'to torch':>9}")
    for layout in ("NCHW", "NHWC"):
        for name, shape, filters, kernel, options in CONVOLUTIONS:
            dtype = "float64" if "float64" in name else "float32"
            print(
                row(name, layout, medians(convolution(shape, filters, kernel, options, dtype, layout), seconds)),
                flush=True,
            )
        for kind in ("max", "average"):
            print(row(f"{kind} pool 3x3 stride 2, 64", layout, medians(pooling(kind, layout), seconds)), flush=True)


if __name__ == "__main__":
    main()
