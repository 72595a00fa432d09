"""Measure convwise's convolutions beside every peer that is installed: one command, one process a library, in turn.

    python bench/conv.py                        all layers, 1 and 2 threads: table, accuracy, cold start, installed size
    python bench/conv.py --threads 2 --rows 1,4 some layers
    python bench/conv.py --growth               how time grows with one size: no cliffs
    python bench/conv.py --markdown out.md --plot roofline.png

Every library gets its weights packed ahead and its own best layout: convwise NHWC and NCHW, torch channels last and
contiguous, onnxruntime, openvino and ncnn a compiled model. A number is the median of at least 9 calls and 0.3 s;
"effective" GFLOP/s counts the multiply-adds of the direct algorithm twice, whatever an algorithm really does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from conv_peers import MAKERS, Layer, arrays

# batch, channels, height, width, filters, kernel, stride, padding, dilation, groups
LAYERS = (
    (1, 3, 224, 224, 64, 7, 2, 3, 1, 1),
    (1, 64, 56, 56, 64, 3, 1, 1, 1, 1),
    (1, 64, 56, 56, 256, 1, 1, 0, 1, 1),
    (1, 128, 56, 56, 128, 3, 2, 1, 1, 1),
    (1, 128, 28, 28, 128, 3, 1, 1, 1, 1),
    (1, 512, 28, 28, 128, 1, 1, 0, 1, 1),
    (1, 256, 14, 14, 256, 3, 1, 1, 1, 1),
    (1, 256, 14, 14, 1024, 1, 1, 0, 1, 1),
    (1, 512, 7, 7, 512, 3, 1, 1, 1, 1),
    (1, 64, 224, 224, 64, 3, 1, 1, 1, 1),
    (1, 256, 56, 56, 256, 3, 1, 1, 1, 1),
    (1, 64, 570, 570, 64, 3, 1, 0, 1, 1),
    (1, 512, 28, 28, 256, 3, 1, 6, 6, 1),
    (1, 96, 112, 112, 96, 3, 2, 1, 1, 96),
    (1, 384, 14, 14, 384, 3, 1, 1, 1, 384),
    (32, 3, 64, 64, 32, 3, 2, 0, 1, 1),
    (1, 128, 56, 56, 128, 3, 1, 1, 1, 32),
)
PEERS = ("torch", "torch-last", "onnxruntime", "openvino", "ncnn")
OURS = ("convwise-NHWC", "convwise-NCHW")
DISTRIBUTIONS = {
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "ncnn": "ncnn",
    "convwise": "convwise",
}


def name_of(layer: Layer) -> str:
    n, c, h, w, k, size, stride, pad, dilation, groups = layer
    extras = [f"s{stride}"] * (stride > 1) + [f"p{pad}"] * bool(pad) + [f"d{dilation}"] * (dilation > 1)
    extras += [f"g{groups}"] * (groups > 1) + [f"n{n}"] * (n > 1)
    return " ".join([f"{c}->{k}", f"{size}x{size}", f"{h}x{w}", *extras])


def seconds(call: Callable[[], Any], least: float = 0.3) -> tuple[float, float]:
    """The median and the fastest of the calls."""
    for _ in range(3):
        call()
    times: list[float] = []
    while len(times) < 9 or (sum(times) < least and len(times) < 2000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), min(times)


def exact(layer: Layer) -> np.ndarray:
    """The answer in float64."""
    import convwise as cw

    x, w, b = (array.astype(np.float64) for array in arrays(layer))
    *_, stride, pad, dilation, groups = layer
    return cw.conv2d(x, w, b, stride=stride, padding=pad, dilation=dilation, groups=groups)


def macs(layer: Layer) -> int:
    n, c, h, w, k, size, stride, pad, dilation, groups = layer
    import convwise as cw

    out = cw.plan(
        (n, c, h, w), (k, c // groups, size, size), stride=stride, padding=pad, dilation=dilation, groups=groups
    )
    return out.macs


def measure_here(library: str, layers: list[Layer], threads: int, accuracy: bool) -> list[dict[str, Any]]:
    rows = []
    for layer in layers:
        try:
            call, as_planes = MAKERS[library](layer, threads)
            result = as_planes(call()).astype(np.float64) if accuracy else None
            median, fastest = seconds(call)
        except Exception as error:  # a peer that cannot run a layer is a row, not the end
            rows.append({"layer": layer, "error": f"{type(error).__name__}: {error}"[:200]})
            continue
        row: dict[str, Any] = {"layer": layer, "seconds": median, "fastest": fastest}
        if result is not None:
            wanted = exact(layer)
            row["error_of_largest"] = float(abs(result - wanted).max() / abs(wanted).max())
        rows.append(row)
    return rows


def in_a_process(library: str, layers: list[Layer], threads: int, accuracy: bool) -> list[dict[str, Any]]:
    """Measured in a process of its own, so that no thread pool spins beside another's."""
    work = json.dumps({"library": library, "layers": layers, "threads": threads, "accuracy": accuracy})
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, __file__, "--child", work], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        return [{"layer": layer, "error": done.stderr.strip().splitlines()[-1][:200]} for layer in layers]
    rows: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return rows


COLD = {
    "numpy": "import numpy as np; np.ones((1, 8, 32, 32), 'f4').sum()",
    "convwise": "import numpy as np, convwise as cw; cw.conv2d(np.ones((1, 8, 32, 32), 'f4'), np.ones((8, 8, 3, 3), 'f4'))",
    "torch": "import torch; torch.nn.functional.conv2d(torch.ones(1, 8, 32, 32), torch.ones(8, 8, 3, 3))",
}


def cold_starts() -> dict[str, float]:
    """Seconds from the start of a fresh process to its first result, the fastest of 5."""
    found = {}
    for library, code in COLD.items():
        if library == "torch" and installed("torch") is None:
            continue
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        found[library] = min(times)
    return found


def overheads() -> dict[str, float]:
    """Seconds of a call on the smallest of layers, where nothing but the call takes time."""
    import convwise as cw

    x, w = np.ones((1, 1, 1, 1), np.float32), np.ones((1, 1, 1, 1), np.float32)
    conv = cw.Conv(w, threads=1)
    return {"cw.conv2d": seconds(lambda: cw.conv2d(x, w, threads=1))[0], "cw.Conv": seconds(lambda: conv(x))[0]}


def installed(library: str) -> str | None:
    try:
        return metadata.version(DISTRIBUTIONS.get(library.split("-")[0], library))
    except metadata.PackageNotFoundError:
        return None


def megabytes(library: str) -> float | None:
    """What a distribution's own files take; for convwise in a source tree, the package's."""
    if library == "convwise":
        import convwise as cw

        folder = Path(cw.__file__).parent
        return (
            sum(
                path.stat().st_size
                for path in folder.rglob("*")
                if path.is_file() and "__pycache__" not in path.parts and "objects" not in path.parts
            )
            / 1e6
        )
    try:
        files = metadata.files(library) or []
    except metadata.PackageNotFoundError:
        return None
    return sum(path.locate().stat().st_size for path in files if path.locate().exists()) / 1e6  # type: ignore[attr-defined]


GROWTH: dict[str, Callable[[], Iterator[tuple[int, Layer]]]] = {
    "side": lambda: ((s, (1, 16, s, s, 16, 3, 1, 1, 1, 1)) for s in (32, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096)),
    "odd side": lambda: (
        (s, (1, 32, s, s, 32, 3, 1, 1, 1, 1)) for s in (5, 7, 9, 11, 13, 15, 17, 19, 23, 29, 31, 33, 47, 61)
    ),
    "channels": lambda: (
        (c, (1, c, 28, 28, c, 3, 1, 1, 1, 1))
        for c in (1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 33, 64, 65, 128, 256, 512, 1024, 2048)
    ),
    "batch": lambda: ((n, (n, 32, 28, 28, 32, 3, 1, 1, 1, 1)) for n in (1, 2, 3, 4, 7, 8, 16, 32, 64)),
    "kernel": lambda: ((k, (1, 32, 56, 56, 32, k, 1, k // 2, 1, 1)) for k in range(1, 16)),
    "dilation": lambda: ((d, (1, 64, 56, 56, 64, 3, 1, d, d, 1)) for d in range(1, 17)),
}


def growth(threads: int) -> str:
    """Time and effective GFLOP/s as one size grows; a cliff is a row far below its neighbours."""
    lines = []
    for what, rows in GROWTH.items():
        cells = list(rows())
        for layout in OURS:
            found = in_a_process(layout, [layer for _, layer in cells], threads, accuracy=False)
            told = []
            for (value, layer), row in zip(cells, found, strict=True):
                speed = 2 * macs(layer) / row["seconds"] / 1e9 if "seconds" in row else float("nan")
                told.append(f"{value}: {row.get('seconds', float('nan')) * 1e3:.3g} ms {speed:.0f}")
            lines.append(f"{what} ({layout}, {threads} threads; GFLOP/s)\n  " + ", ".join(told))
    return "\n".join(lines)


def table(found: dict[int, dict[str, list[dict[str, Any]]]], layers: list[Layer]) -> str:
    """Effective GFLOP/s, best peer, ratio and error, for each number of threads."""
    lines = []
    for threads, by_library in found.items():
        names = list(by_library)
        lines += [
            f"\n{threads} threads, effective GFLOP/s",
            "",
            "| layer | " + " | ".join(names) + " | best peer | ratio | error |",
        ]
        lines.append("|---" * (len(names) + 4) + "|")
        ratios = []
        for number, layer in enumerate(layers):
            speeds = {
                name: 2 * macs(layer) / rows[number]["seconds"] / 1e9
                for name, rows in by_library.items()
                if "seconds" in rows[number]
            }
            peers = {name: speed for name, speed in speeds.items() if name in PEERS}
            ours = max((speed for name, speed in speeds.items() if name in OURS), default=float("nan"))
            best = max(peers, key=lambda name: peers[name], default="")
            ratio = ours / peers[best] if best else float("nan")
            ratios.append(ratio)
            errors = [rows[number].get("error_of_largest", 0.0) for name, rows in by_library.items() if name in OURS]
            cells = [f"{speeds[name]:.0f}" if name in speeds else "-" for name in names]
            lines.append(
                f"| {name_of(layer)} | "
                + " | ".join(cells)
                + f" | {best} | {ratio:.2f} | {max(errors, default=0.0):.1e} |"
            )
        known = [ratio for ratio in ratios if ratio == ratio]
        if known:
            lines.append(
                f"\ngeometric mean of the ratios: {float(np.exp(np.mean(np.log(known)))):.2f}; smallest {min(known):.2f}"
            )
    return "\n".join(lines)


def peak(threads: int) -> tuple[float, float]:
    """The machine's float32 GFLOP/s, from the fastest direct layer, and its copy bandwidth in GB/s, both measured."""
    best = 0.0
    for layer in (LAYERS[3], LAYERS[4], LAYERS[6], LAYERS[7]):
        row = in_a_process("convwise-NHWC", [layer], threads, accuracy=False)[0]
        if "fastest" in row and "winograd" not in str(layer):
            best = max(best, 2 * macs(layer) / row["fastest"] / 1e9)
    a = np.ones(2**25, np.float32)
    b = np.empty_like(a)
    copying = min(seconds(lambda: np.copyto(b, a)))
    return best, 2 * a.nbytes / copying / 1e9


def plot(found: dict[int, dict[str, list[dict[str, Any]]]], layers: list[Layer], path: str) -> None:
    """Roofline: effective GFLOP/s over multiply-adds a byte, with copy bandwidth as the slope."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    threads = max(found)
    figure, axes = pyplot.subplots(figsize=(9, 6))
    intensity = []
    for layer in layers:
        n, c, h, w, k, size, *_, groups = layer
        import convwise as cw

        planned = cw.plan(
            (n, c, h, w),
            (k, c // groups, size, size),
            stride=layer[6],
            padding=layer[7],
            dilation=layer[8],
            groups=groups,
        )
        intensity.append(2 * planned.macs / planned.bytes)
    for name, rows in found[threads].items():
        points = [
            (i, 2 * macs(layer) / row["seconds"] / 1e9)
            for i, layer, row in zip(intensity, layers, rows, strict=True)
            if "seconds" in row
        ]
        axes.scatter(
            *zip(*points, strict=True), label=name, s=60 if name in OURS else 25, marker="o" if name in OURS else "x"
        )
    _, bandwidth = peak(threads)
    slope = np.geomspace(min(intensity), max(intensity))
    axes.plot(slope, slope * bandwidth, "k--", linewidth=1, label=f"copy bandwidth {bandwidth:.0f} GB/s (one core)")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte of input, weights and output",
        ylabel=f"effective GFLOP/s, {threads} threads",
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rows", default="")
    parser.add_argument("--libraries", default=",".join((*OURS, *PEERS)))
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work = json.loads(options.child)
        print(
            json.dumps(
                measure_here(
                    work["library"], [tuple(layer) for layer in work["layers"]], work["threads"], work["accuracy"]
                )
            )
        )
        return
    counts = [int(count) for count in options.threads.split(",")]
    if options.growth:
        print(growth(counts[-1]))
        return
    rows = [int(row) for row in options.rows.split(",")] if options.rows else range(len(LAYERS))
    layers = [LAYERS[row] for row in rows]
    libraries = [name for name in options.libraries.split(",") if name in OURS or installed(name) is not None]
    found = {count: {name: in_a_process(name, layers, count, accuracy=True) for name in libraries} for count in counts}
    versions = ", ".join(
        f"{name} {installed(name) or 'source tree'}" for name in dict.fromkeys(n.split("-")[0] for n in libraries)
    )
    told = [
        f"{platform.machine()}, {cpu()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}",
        table(found, layers),
    ]
    failures = [
        f"{name} {name_of(tuple(row['layer']))}: {row['error']}"
        for by in found.values()
        for name, rows_ in by.items()
        for row in rows_
        if "error" in row
    ]
    told += failures
    cold = cold_starts()
    told.append("\ncold start: " + ", ".join(f"{name} {value:.2f} s" for name, value in cold.items()))
    told.append("overhead: " + ", ".join(f"{name} {value * 1e6:.1f} us" for name, value in overheads().items()))
    sizes = {name: megabytes(name) for name in ("convwise", "torch", "onnxruntime", "openvino", "ncnn")}
    told.append("installed: " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items() if size))
    text = "\n".join(told)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    if options.plot:
        plot(found, layers, options.plot)


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
