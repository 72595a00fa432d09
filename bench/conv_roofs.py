"""The roofs over a machine's convolutions, measured, and the plot of layers under them: the picture of bench/conv.py.

Compute roof: multiply-adds a second of a loop that does nothing else, on accumulators in registers, in every thread at once,
compiled by Halide for the instruction set that convwise's kernels use. Without Halide the best that anything reached here:
NumPy's matrix product (OpenBLAS), and convwise's direct kernels on layers whose data stay in the caches; `by` says which.
Memory roofs: bytes read and written a second by copying with NumPy, from one half of a working set to the other, the same
arrays again and again; each thread copies its part. Sizes from a part of L2 to far beyond L3. "fresh" copies into pages that
the system has not handed out yet.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

RESIDENT = ((256, 14, 256, 3), (128, 28, 128, 3), (256, 28, 256, 1), (512, 14, 512, 1))
"""channels, side, filters, kernel: dense layers for the direct kernels, one to nine megabytes."""
SIDE = 1536
COPIED = 2**28
"""Bytes of the working set of one thread for the memory roof of the plot."""
SIZES = tuple(2**power for power in range(17, 28))
"""Bytes of the working sets of the other memory roofs, all threads together."""
FRESH = 2**24
ROUNDS = 7
TURNS = 2_000_000
"""Of the loop that finds the compute roof: some milliseconds."""
HELD = 12
"""Vectors of accumulators that it holds: enough to hide the latency, few enough for every instruction set's registers."""


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
    """FLOP/s, and what reached them."""
    try:
        return registers(threads), "multiply-adds in registers"
    except ImportError:
        return reached(threads)


def registers(threads: int) -> float:
    """FLOP/s of multiply-adds on accumulators that never leave the registers.

    Raises:
        ImportError: without Halide, or without kernels that say which instruction set counts.
    """
    import halide as hl

    from convwise.engine import native

    library = native.library()
    if library is None:
        raise ImportError("no kernels")
    # The runtime of just-in-time code reads this when it starts its threads.
    os.environ["HL_NUM_THREADS"] = str(threads)
    lanes = library.isa.lanes
    lane, number, task = hl.Var("lane"), hl.Var("number"), hl.Var("task")
    turns, factor = hl.Param(hl.Int(32), "turns"), hl.Param(hl.Float(32), "factor")
    sums, out = hl.Func("sums"), hl.Func("out")
    again = hl.RDom([(0, turns)], "again")
    sums[lane, number, task] = hl.cast(hl.Float(32), lane + number + task)
    sums[lane, number, task] = sums[lane, number, task] * factor + factor + 0 * again.x
    out[lane, number, task] = sums[lane, number, task]
    out.bound(lane, 0, lanes).bound(number, 0, HELD).vectorize(lane).unroll(number).parallel(task)
    sums.compute_at(out, task).bound(lane, 0, lanes).bound(number, 0, HELD).vectorize(lane).unroll(number)
    sums.update().reorder(lane, number, again.x, task).vectorize(lane).unroll(number)
    turns.set(TURNS)
    factor.set(0.5)
    out.compile_jit(hl.Target(f"{library.isa.target}-jit"))
    result = hl.Buffer(hl.Float(32), [lanes, HELD, threads])
    return 2 * lanes * HELD * TURNS * threads / fastest(lambda: out.realize(result))


def reached(threads: int) -> tuple[float, str]:
    """The best FLOP/s of the matrix product and the direct kernels, and which it was.

    OpenBLAS takes its threads from the environment that the process was started with.
    """
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


def together(threads: int, work: Callable[[int], None]) -> float:
    """Seconds until `work(number)` has ended in all threads, which start at once."""
    gate = threading.Barrier(threads + 1)

    def run(number: int) -> None:
        gate.wait()
        work(number)
        gate.wait()

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    start = time.perf_counter()
    gate.wait()
    taken = time.perf_counter() - start
    for worker in workers:
        worker.join()
    return taken


def copying(threads: int, size: int) -> float:
    """Bytes a second, read and written together, of threads that copy a working set of `size` bytes between them."""
    count, step = size // 8 // threads, 16
    turns = max(1, min(256, 2**28 // size))

    def rows(value: float) -> np.ndarray:
        """`turns` rows, each a cache line behind the one before: so one call of NumPy copies as often."""
        array = np.full(count + turns * step, value, np.float32)
        return np.lib.stride_tricks.as_strided(array, (turns, count), (4 * step, 4))

    pairs = [(rows(1), rows(0)) for _ in range(threads)]
    taken = min(together(threads, lambda number: np.copyto(pairs[number][1], pairs[number][0])) for _ in range(ROUNDS))
    return 8 * count * threads * turns / taken


def copying_fresh(threads: int) -> float:
    """As `copying`, into pages that have not been written before."""
    count = FRESH // 8 // threads
    source = np.ones(count, np.float32)
    times = []
    for _ in range(ROUNDS):
        targets = [np.frombuffer(mmap.mmap(-1, 4 * count), np.float32) for _ in range(threads)]
        times.append(together(threads, lambda number, targets=targets: np.copyto(targets[number], source)))  # type: ignore[misc]
    return 8 * count * threads / min(times)


def measured(threads: int) -> dict[str, Any]:
    flops, by = compute(threads)
    return {
        "flops": flops,
        "by": by,
        "bandwidth": copying(threads, COPIED * threads),
        "copies": {str(size): copying(threads, size) for size in SIZES},
        "fresh": copying_fresh(threads),
        "threads": threads,
    }


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
