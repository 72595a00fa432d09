"""Measure convwise's convolutions beside every peer that is installed: one command, one process a library, in turn.

    python bench/conv.py                        all layers, 1 and 2 threads: table, accuracy, cold start, installed size
    python bench/conv.py --threads 2 --rows 1,4 some layers
    python bench/conv.py --layer 1,2048,33,33,256,3,1,12,12,1    another one: batch, channels, height, width, filters, kernel, stride, padding, dilation, groups
    python bench/conv.py --threads 2 --more     other layers of real networks, in place of the seventeen
    python bench/conv.py --grouped              layers of groups: RegNet, ResNeXt, ShuffleNet, AlexNet
    python bench/conv.py --plain                the plain function, which packs the weights in every call, beside PyTorch's layers, which do too
    python bench/conv.py --endings              layers with SiLU, hard-swish, or a residual and ReLU behind them, beside PyTorch's
    python bench/conv.py --growth               how time grows with one size, and where it jumps
    python bench/conv.py --growth --series kernel  one of its tables
    python bench/conv.py --roofs                also the share of what the machine allows, and pools: conv_bounds.py says how it is counted
    python bench/conv.py --markdown out.md --plot roofline.png

Every library gets its weights packed ahead and its own best layout: convwise NHWC and NCHW, torch channels last, onnxruntime,
openvino and ncnn a compiled model. PyTorch's eager layers, contiguous and channels last, pack them in every call. A number is the median of at least 9 calls and 0.3 s, and of
three rounds (`--rounds`) in which all libraries take turns with each layer;
"effective" GFLOP/s counts the multiply-adds of the direct algorithm twice, whatever an algorithm really does.
The roofs of the plot are measured in the same run: how, stands in conv_roofs.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import conv_bounds
import conv_endings
import conv_roofs
import numpy as np
from conv_bounds import MEMORY_BOUND
from conv_growth import SERIES, series
from conv_layers import GROUPED, LAYERS, MORE
from conv_peers import MAKERS, Layer, arrays
from conv_pools import POOL_MAKERS, POOLS
from conv_roofs import plot
from conv_turns import Measure, Row, environment, in_turns, serve

PEERS = ("torch", "torch-last", "torch-packed", "onnxruntime", "openvino", "ncnn")
OURS = ("convwise-NHWC", "convwise-NCHW")
PLAIN = ("conv2d-NHWC", "conv2d-NCHW")
PACKING = ("torch", "torch-last")
"""Peers that pack their weights in every call."""
LARGE = 50 * 10**6
"""Multiply-adds of a layer for which turning its input and output must not matter."""
DISTRIBUTIONS = {
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "ncnn": "ncnn",
    "convwise": "convwise",
}


def asked(text: str) -> Layer:
    """The layer of ten numbers with commas between them."""
    try:
        n, c, h, w, k, size, stride, pad, dilation, groups = map(int, text.split(","))
    except ValueError:
        raise SystemExit(
            f"--layer takes ten whole numbers, such as {','.join(map(str, LAYERS[0]))}, not {text!r}"
        ) from None
    return n, c, h, w, k, size, stride, pad, dilation, groups


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


def planned(layer: Layer, layout: str = "NCHW", threads: int | None = None) -> Any:
    """convwise's plan of a layer; `layout` may be the name of a library of ours, which ends in it."""
    import convwise as cw

    n, c, h, w, k, size, stride, pad, dilation, groups = layer
    last = layout.endswith("NHWC")
    return cw.plan(
        (n, h, w, c) if last else (n, c, h, w),
        (k, c // groups, size, size),
        stride=stride,
        padding=pad,
        dilation=dilation,
        groups=groups,
        layout="NHWC" if last else "NCHW",
        threads=threads,
    )


def macs(layer: Layer) -> int:
    found: int = planned(layer).macs
    return found


def measuring(library: str, threads: int, least: float = 0.3) -> Measure:
    """Rows of one library; the last layer's call is kept for its next round."""
    kept: dict[Any, tuple[Callable[[], Any], Callable[[Any], np.ndarray]]] = {}

    def measure(layer: Any, accuracy: bool) -> Row:
        try:
            if layer not in kept:
                kept.clear()
                makers: Any = POOL_MAKERS if isinstance(layer[0], str) else MAKERS | conv_endings.MAKERS
                kept[layer] = makers[library](layer, threads)
            call, as_planes = kept[layer]
            result = as_planes(call()).astype(np.float64) if accuracy else None
            median, fastest = seconds(call, least)
        except Exception as error:  # a peer that cannot run a layer is a row, not the end
            return {"layer": layer, "error": f"{type(error).__name__}: {error}"[:200]}
        row: Row = {"layer": layer, "seconds": median, "fastest": fastest}
        if result is not None:
            wanted = exact(layer)
            row["error_of_largest"] = float(abs(result - wanted).max() / abs(wanted).max())
        return row

    return measure


def in_a_process(library: str, layers: list[Layer], threads: int, least: float = 0.3) -> list[Row]:
    """One library alone, in a process of its own."""
    rows = in_a_child({"library": library, "layers": layers, "threads": threads, "least": least}, threads)
    return rows if isinstance(rows, list) else [{"layer": layer, "error": str(rows)} for layer in layers]


def in_a_child(work: dict[str, Any], threads: int) -> Any:
    """What a process with so many threads answers to `work`; its last words where it fails."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(work)],
        capture_output=True,
        text=True,
        env=environment(threads),
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1][:200]
    return json.loads(done.stdout.strip().splitlines()[-1])


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


def kernel_of(layout: str, layer: Layer, threads: int) -> tuple[int, str]:
    """The multiply-adds of a layer, and which algorithm the planner takes for it."""
    found = planned(layer, layout, threads)
    return found.macs, found.algorithm


def growth(threads: int, wanted: str) -> str:
    """Time and effective GFLOP/s as one size grows, in the series whose name contains `wanted`."""
    parts = [
        series(
            name,
            OURS,
            lambda layout, layers: in_a_process(layout, layers, threads, least=0.1),
            lambda layout, layer: kernel_of(layout, layer, threads),
        )
        for name in SERIES
        if wanted in name
    ]
    head = (
        f"{platform.machine()}, {cpu()}, {os.cpu_count()} cores, {threads} threads; Python {platform.python_version()}."
    )
    return "\n\n".join([head, *parts])


def endings(threads: int, rounds: int) -> str:
    """Layers with what follows them in networks, beside PyTorch's."""
    found = in_turns([*conv_endings.MAKERS], conv_endings.LAYERS, threads, rounds)
    head = f"{platform.machine()}, {cpu()}, {os.cpu_count()} cores, {threads} threads; Python {platform.python_version()}, torch {installed('torch')}."
    return f"{head}\n\n{conv_endings.table(found, name_of)}"


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
        dense: dict[str, list[float]] = {"torch, onnxruntime and openvino": [], "ncnn": []}
        for number, layer in enumerate(layers):
            speeds = {
                name: 2 * macs(layer) / rows[number]["seconds"] / 1e9
                for name, rows in by_library.items()
                if "seconds" in rows[number]
            }
            peers = {name: speed for name, speed in speeds.items() if name in PEERS}
            ours = max((speed for name, speed in speeds.items() if name not in PEERS), default=float("nan"))
            best = max(peers, key=lambda name: peers[name], default="")
            ratio = ours / peers[best] if best else float("nan")
            ratios.append(ratio)
            if layer[5:7] == (3, 1) and layer[8:] == (1, 1):
                for kept in dense:
                    rivals = [speed for name, speed in peers.items() if (name == "ncnn") == (kept == "ncnn")]
                    dense[kept] += [ours / max(rivals)] if rivals else []
            errors = [
                rows[number].get("error_of_largest", 0.0) for name, rows in by_library.items() if name not in PEERS
            ]
            cells = [f"{speeds[name]:.0f}" if name in speeds else "-" for name in names]
            lines.append(
                f"| {name_of(layer)} | "
                + " | ".join(cells)
                + f" | {best} | {ratio:.2f} | {max(errors, default=0.0):.1e} |"
            )
        known = [ratio for ratio in ratios if ratio == ratio]
        if known:
            lines.append(f"\ngeometric mean of the ratios: {geometric_mean(known):.2f}; smallest {min(known):.2f}")
        for kept, over in dense.items():
            if over:
                lines.append(f"dense 3x3 of stride 1 over {kept}: {geometric_mean(over):.2f} (geometric mean)")
        lines += layouts(by_library, layers)
    return "\n".join(lines)


def layouts(by_library: dict[str, list[dict[str, Any]]], layers: list[Layer]) -> list[str]:
    """How much longer channels first take than channels last, where a layer is worth it."""
    rows = zip(layers, *(by_library.get(name, []) for name in OURS), strict=False)
    large = [(layer, last, first) for layer, last, first in rows if macs(layer) > LARGE]
    over = {layer: first["seconds"] / last["seconds"] for layer, last, first in large if "error" not in first | last}
    if not over:
        return []
    most = max(over, key=lambda layer: over[layer])
    return [
        f"channels first take {geometric_mean([*over.values()]):.2f} times as long as channels last on {len(over)} layers of more than "
        f"{LARGE // 10**6} million multiply-adds (geometric mean); at most {over[most]:.2f} ({name_of(most)})"
    ]


def roofline(found: dict[int, dict[str, list[dict[str, Any]]]], layers: list[Layer], path: str) -> str:
    """The plot of the layers with the most threads under the roofs measured now; what the roofs are, in words."""
    threads = max(found)
    work = in_a_child({"roofs": threads}, threads)
    assert isinstance(work, dict), work
    intensity = [flops_a_byte(layer) for layer in layers]
    points = {
        name: [
            (i, 2 * macs(layer) / row["seconds"] / 1e9)
            for i, layer, row in zip(intensity, layers, rows, strict=True)
            if "seconds" in row
        ]
        for name, rows in found[threads].items()
    }
    plot({name: rows for name, rows in points.items() if rows}, work, OURS, f"{cpu()}, float32", path)
    return (
        f"\nroofs with {threads} threads, measured in this run: compute {work['flops'] / 1e9:.0f} GFLOP/s ({work['by']}), "
        f"memory {work['bandwidth'] / 1e9:.0f} GB/s (every thread copies an array of 128 MB, read and written bytes together)"
    )


def shares(
    found: dict[int, dict[str, list[dict[str, Any]]]], layers: list[Layer], libraries: list[str], rounds: int
) -> str:
    """The table of conv_bounds.py for every number of threads: the layers, those bound by memory, and pools."""

    def work(library: str, layer: Layer) -> tuple[int, int, str, bool]:
        plan = planned(layer, library, threads)
        return plan.macs, plan.bytes, plan.algorithm, plan.exact

    more = [layer for layer in MEMORY_BOUND if layer not in layers]
    pooling: Any = POOLS
    parts = []
    for threads, by in found.items():
        roofs = in_a_child({"roofs": threads}, threads)
        assert isinstance(roofs, dict), roofs
        others = in_turns(libraries, more, threads, rounds)
        rows = {name: [*by[name], *others[name]] for name in libraries if name in by}
        pools = in_turns([name for name in libraries if name in POOL_MAKERS], pooling, threads, rounds)
        parts.append(
            f"\n### Shares of the bounds, {threads} threads\n"
            + conv_bounds.table([*layers, *more], rows, pools, roofs, work, OURS, name_of)
        )
    return "\n".join(parts)


def flops_a_byte(layer: Layer) -> float:
    plan = planned(layer)
    return float(2 * plan.macs / plan.bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rows", default="")
    parser.add_argument(
        "--layer",
        action="append",
        default=[],
        help="ten numbers, in place of the seventeen; may be given several times",
    )
    parser.add_argument(
        "--more", action="store_true", help="the other layers of conv_layers.py, in place of the seventeen"
    )
    parser.add_argument("--grouped", action="store_true", help="those with groups of the same file")
    parser.add_argument("--libraries", default="", help=f"some of {', '.join((*OURS, *PLAIN, *PEERS))}")
    parser.add_argument("--plain", action="store_true", help="what packs its weights in every call")
    parser.add_argument("--rounds", type=int, default=3, help="so many times all libraries in turn; medians of them")
    parser.add_argument("--roofs", action="store_true", help="also the shares of the bounds, and pools")
    parser.add_argument("--endings", action="store_true", help="layers with what follows them, beside PyTorch's")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--series", default="", help="of --growth: those with this text in their names")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(measuring(options.serve, int(options.threads)))
        return
    if options.child:
        print(json.dumps(answer(json.loads(options.child))))
        return
    counts = [int(count) for count in options.threads.split(",")]
    if options.endings:
        text = endings(counts[-1], options.rounds)
    else:
        text = growth(counts[-1], options.series) if options.growth else compared(options, counts)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")


def answer(work: dict[str, Any]) -> Any:
    """What a child process is asked for: roofs, or rows of layers."""
    if "roofs" in work:
        return conv_roofs.measured(work["roofs"])
    measure = measuring(work["library"], work["threads"], work["least"])
    return [measure(tuple(layer), False) for layer in work["layers"]]


def compared(options: argparse.Namespace, counts: list[int]) -> str:
    """All that a run without --growth prints."""
    known = MORE if options.more else GROUPED if options.grouped else LAYERS
    rows = [int(row) for row in options.rows.split(",")] if options.rows else range(len(known))
    layers = [asked(text) for text in options.layer] or [known[row] for row in rows]
    wanted = (
        options.libraries.split(",") if options.libraries else (*PLAIN, *PACKING) if options.plain else (*OURS, *PEERS)
    )
    libraries = [name for name in wanted if name in (*OURS, *PLAIN) or installed(name) is not None]
    found = {count: in_turns(libraries, layers, count, options.rounds, accuracy=True) for count in counts}
    sources = dict.fromkeys("convwise" if name in (*OURS, *PLAIN) else name.split("-")[0] for name in libraries)
    versions = ", ".join(f"{name} {installed(name) or 'source tree'}" for name in sources)
    told = [
        f"{platform.machine()}, {cpu()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}",
        table(found, layers),
    ]
    told += [
        f"{name} {name_of(tuple(row['layer']))}: {row['error']}"
        for by in found.values()
        for name, rows_ in by.items()
        for row in rows_
        if "error" in row
    ]
    cold = cold_starts()
    told.append("\ncold start: " + ", ".join(f"{name} {value:.2f} s" for name, value in cold.items()))
    told.append("overhead: " + ", ".join(f"{name} {value * 1e6:.1f} us" for name, value in overheads().items()))
    sizes = {name: megabytes(name) for name in ("convwise", "torch", "onnxruntime", "openvino", "ncnn")}
    told.append("installed: " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items() if size))
    if options.roofs:
        told.append(shares(found, layers, libraries, options.rounds))
    if options.plot:
        told.append(roofline(found, layers, options.plot))
    return "\n".join(told)


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
