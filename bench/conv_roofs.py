"""The two roofs over a machine's convolutions, measured, and the plot of layers under them: the picture of bench/conv.py.

Compute roof: the most float32 multiply-adds a second that anything reached here: NumPy's matrix product (OpenBLAS) of
1536 x 1536 numbers, and convwise's own direct kernels on layers whose data stay in the caches.
Memory roof: bytes read and written a second when every thread copies an array far larger than the caches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

RESIDENT = ((256, 14, 256, 3), (128, 28, 128, 3), (256, 28, 256, 1), (512, 14, 512, 1))
"""channels, side, filters, kernel: dense layers for the direct kernels, one to nine megabytes."""
SIDE = 1536
COPIED = 2**27
"""Bytes of each of the two arrays of one thread."""
ROUNDS = 12


def fastest(call: Callable[[], Any], least: float = 0.5) -> float:
    """Seconds of the shortest call."""
    call()
    times: list[float] = []
    while len(times) < 10 or sum(times) < least:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def compute(threads: int) -> tuple[float, str]:
    """FLOP/s, and what reached them. OpenBLAS takes its threads from the environment that the process was started with."""
    import convwise as cw

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((SIDE, SIDE), np.float32) for _ in range(2))
    out = np.empty_like(a)
    found = [(2 * SIDE**3 / fastest(lambda: np.matmul(a, b, out=out)), "NumPy's matrix product")]
    for c, side, k, kernel in RESIDENT:
        conv = cw.Conv(
            rng.standard_normal((k, c, kernel, kernel), np.float32),
            padding=kernel // 2,
            layout="NHWC",
            algorithm="direct",
            threads=threads,
        )
        x = rng.standard_normal((1, side, side, c), np.float32)
        taken = fastest(lambda conv=conv, x=x: conv(x))  # type: ignore[misc]
        flops = 2 * side * side * c * k * kernel**2
        found.append((flops / taken, f"the direct kernel, {c}->{k} {kernel}x{kernel} {side}x{side}"))
    return max(found)


def bandwidth(threads: int) -> float:
    """Bytes a second, read and written together, of `threads` threads that copy at once."""
    pairs = [(np.ones(COPIED // 4, np.float32), np.zeros(COPIED // 4, np.float32)) for _ in range(threads)]
    best = 0.0
    for _ in range(ROUNDS):
        gate = threading.Barrier(threads + 1)

        def copy(pair: tuple[np.ndarray, np.ndarray], gate: threading.Barrier = gate) -> None:
            gate.wait()
            np.copyto(pair[1], pair[0])
            gate.wait()

        workers = [threading.Thread(target=copy, args=(pair,)) for pair in pairs]
        for worker in workers:
            worker.start()
        gate.wait()
        start = time.perf_counter()
        gate.wait()
        best = max(best, 2 * COPIED * threads / (time.perf_counter() - start))
        for worker in workers:
            worker.join()
    return best


def measured(threads: int) -> dict[str, Any]:
    flops, by = compute(threads)
    return {"flops": flops, "by": by, "bandwidth": bandwidth(threads), "threads": threads}


def plot(
    points: dict[str, list[tuple[float, float]]], roofs: dict[str, Any], ours: tuple[str, ...], best: str, path: str
) -> None:
    """Layers as (FLOP a byte, effective GFLOP/s) by library, under both roofs; `path` ends in .svg or .png."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6))
    flops, speed = roofs["flops"] / 1e9, roofs["bandwidth"] / 1e9
    everything = [intensity for rows in points.values() for intensity, _ in rows]
    ridge, low, high = flops / speed, min(everything) / 1.5, max(*everything, flops / speed) * 1.5
    axes.plot(
        [ridge, high],
        [flops, flops],
        "k-",
        linewidth=1.5,
        zorder=1,
        label=f"compute roof {flops:.0f} GFLOP/s: {roofs['by']}",
    )
    axes.plot(
        [low, ridge],
        [low * speed, flops],
        "k--",
        linewidth=1.5,
        zorder=1,
        label=f"memory roof {speed:.0f} GB/s: copying, read and written",
    )
    for name, rows in points.items():
        mine = name in ours
        axes.scatter(
            *zip(*rows, strict=True),
            label=name,
            s=60 if mine else 25,
            marker="o" if mine else "x",
            zorder=3 if mine else 2,
        )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte of input, weights and output (each moved once)",
        ylabel=f"effective GFLOP/s, {roofs['threads']} threads",
        title=best,
    )
    axes.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
