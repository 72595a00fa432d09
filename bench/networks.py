"""Whole networks, side by side with what else tells their shapes: `python bench/networks.py [PART ...] [FOLDER ...] [--record]`. Medians of one run.

PART is one of files, live, keras, growth; all of them where none is named. FOLDER holds .onnx files; without it some are written with random
weights (by torchvision where it is installed, else chains of our own).
Measured where the other package is installed: file to full trace against `onnx.load` + `onnx.shape_inference.infer_shapes`, in this process
and as the first thing that a fresh one does; a live model against `torchinfo.summary`; Keras JSON to trace against `model_from_json`; then what
a second size and the legal sizes of a network take, and how the cost grows with the nodes of a chain.
`--record` writes the tables into docs/networks-speed.md, each part in its place, and draws the growth as docs/networks-growth.svg.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from math import log10
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import convwise as cw
from convwise.readers.onnx import read_onnx

ROUNDS = 5
CHAINS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
TORCHVISION = ("resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x1_0")
LIVE = ("resnet18", "resnet50", "vgg16", "densenet121", "squeezenet1_1")
KERAS = ("VGG16", "ResNet50", "MobileNetV2", "EfficientNetB0", "DenseNet121")
LIBRARIES: list[Any] = []
"""Keeps the definitions of operators alive, which end with their library."""

DOCS = Path(__file__).parent.parent / "docs"
PLOT = DOCS / "networks-growth.svg"
PAGE = DOCS / "networks-speed.md"
PARTS = {
    "files": "From an .onnx file to its full trace",
    "live": "Live PyTorch models",
    "keras": "Keras JSON",
    "growth": "How the cost grows",
}
PACKAGES = ("onnx", "torch", "torchvision", "torchinfo", "keras", "tensorflow-cpu")


Clock = Callable[[], float]


def medians(works: list[Callable[[], object]], rounds: int = ROUNDS, clock: Clock = time.perf_counter) -> list[float]:
    """Milliseconds of each work after a round that does not count; they take turns, so that a busy moment hits all of them.

    Each runs twice in its turn and the second run counts: the first finds the processor's caches full of what the other one left there
    (half a gigabyte of weights), which would be charged to the wrong side.
    Works on one thread are told by the processor's time, which other programs disturb less, and the others by the wall's.
    """
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for work, times in zip(works, taken, strict=True):
            work()
            start = clock()
            work()
            times.append((clock() - start) * 1e3)
    return [statistics.median(times[1:]) for times in taken]


def installed(*names: str) -> bool:
    return all(importlib.util.find_spec(name) for name in names)


def torchvision() -> Any:
    """torchvision, also one whose compiled operators do not fit the installed torch; None where it is not there."""
    if not installed("torch", "torchvision"):
        return None
    import torch

    if "torchvision" not in sys.modules and not LIBRARIES:
        LIBRARIES.append(torch.library.Library("torchvision", "FRAGMENT"))
        for name in ("nms", "qnms"):
            LIBRARIES[0].define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision as found

    return found


def message(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A protobuf message of numbers, texts and messages inside."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return bytes(out)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def chain(length: int) -> bytes:
    """An .onnx file: `length` nodes one after the other, Conv and Relu by turns, on ten shared weights."""
    sizes = [(8, size) for size in (3, 3)]
    kernel = message((1, "kernel_shape"), *sizes, (20, 7))
    pads = message((1, "pads"), *[(8, 1)] * 4, (20, 7))
    nodes = []
    for i in range(length):
        ends = ((2, f"t{i + 1}"), (3, f"/layer{i}/{'Conv' if i % 2 else 'Relu'}"))
        if i % 2:
            nodes.append(message((1, f"t{i}"), (1, f"w{i % 10}"), *ends, (4, "Conv"), (5, kernel), (5, pads)))
        else:
            nodes.append(message((1, f"t{i}"), *ends, (4, "Relu")))
    raw = struct.pack("<144f", *[0.5] * 144)
    weights = [message((1, 4), (1, 4), (1, 3), (1, 3), (2, 1), (8, f"w{i}"), (9, raw)) for i in range(10)]
    axes = message(*((1, message((1, size))) for size in (1, 4, 64, 48)))
    ends_ = [message((1, name), (2, message((1, message((1, 1), (2, axes)))))) for name in ("t0", f"t{length}")]
    parts = (*((1, one) for one in nodes), (2, "chain"), *((5, one) for one in weights), (11, ends_[0]), (12, ends_[1]))
    return message((1, 8), (7, message(*parts)), (8, message((2, 17))))


def written(folder: Path) -> list[Path]:
    """Models with random weights."""
    vision = torchvision() if installed("onnx") else None
    if vision is None:
        paths = [folder / f"chain{length}.onnx" for length in (100, 1_000)]
        for path in paths:
            path.write_bytes(chain(int(path.stem[5:])))
        return paths
    import torch

    paths = []
    for name in TORCHVISION:
        model = vision.models.get_model(name, weights=None).eval()
        paths.append(folder / f"{name}.onnx")
        torch.onnx.export(model, torch.zeros(1, 3, 224, 224), str(paths[-1]), opset_version=17, dynamo=False)
    return paths


class Table:
    """Rows that are printed as they come, and kept for the page."""

    def __init__(self, *columns: str) -> None:
        self.lines = [f"| {' | '.join(columns)} |", f"|{'---|' + '---:|' * (len(columns) - 1)}"]
        self.widths = [28, *(max(len(one), 8) + 2 for one in columns[1:])]
        self._print(columns)

    def add(self, *cells: str) -> None:
        self.lines.append(f"| {' | '.join(cells)} |")
        self._print(cells)

    def _print(self, cells: tuple[str, ...]) -> None:
        first, *others = zip(cells, self.widths, strict=True)
        print(f"{first[0][: first[1]]:<{first[1]}}" + "".join(f"{cell:>{wide}}" for cell, wide in others), flush=True)


def files(paths: list[Path]) -> list[str]:
    """A row a file: reading and tracing, the onnx package, a second size, legal sizes."""
    onnx = None
    if installed("onnx"):
        import onnx
    table = Table(
        "file", "MB", "nodes", "whole, ms", "us a node", "onnx, ms", "faster", "unread, ms", "next size, ms", "of unread", "fields, ms",
        "legal sizes, ms", "first, ms", "onnx first, ms",
    )  # fmt: skip
    for path in paths:
        network = cw.read(path)
        nodes = len(read_onnx(path).graph.nodes)
        works: list[Callable[[], object]] = [lambda p=path: traced(cw.read(p))]
        if onnx is not None:
            works.append(lambda p=path: onnx.shape_inference.infer_shapes(onnx.load(p)))
        whole, *theirs = medians(works, clock=time.process_time)
        second = next_size(network)
        unread = first(UNREAD, path)
        (legal,) = medians([lambda n=network: legal_or_none(n)], 3, time.process_time)
        table.add(
            path.stem[:27],
            f"{path.stat().st_size / 1e6:.1f}",
            f"{nodes}",
            f"{whole:.2f}",
            f"{whole / nodes * 1e3:.1f}",
            *((f"{theirs[0]:.1f}", f"{theirs[0] / whole:.1f}x") if theirs else ("", "")),
            f"{unread:.2f}",
            *((f"{second:.3f}", f"{second / unread:.3f}") if second is not None else ("fixed", "")),
            f"{fields(network):.2f}",
            f"{legal:.1f}",
            f"{first(OURS, path):.0f}",
            f"{first(THEIRS, path):.0f}" if theirs else "",
        )
    return table.lines


TRACED = "[(row.output, row.params, row.macs) for row in cw.read(path).trace().rows]"
OURS = "", f"import convwise as cw; {TRACED}"
UNREAD = f"import convwise as cw; path = sys.argv[2]; {TRACED}", TRACED
"""A file that the process has not seen, once another has been read."""
THEIRS = "", "import onnx; onnx.shape_inference.infer_shapes(onnx.load(path))"


def first(program: tuple[str, str], path: Path) -> float:
    """Milliseconds of a program's second part in a fresh process; the median of three."""
    before, timed = program
    script = f"import sys, time\n{before}\npath = sys.argv[1]\nstart = time.perf_counter()\n{timed}\nprint(time.perf_counter() - start)"
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "chain.onnx"
        other.write_bytes(chain(100))
        words = [sys.executable, "-c", script, str(path), str(other)]
        taken = [float(subprocess.run(words, check=True, capture_output=True, text=True).stdout) for _ in range(3)]
    return statistics.median(taken) * 1e3


def traced(network: cw.Network, shape: Any = None) -> object:
    """Every row's output and counts, and the totals; receptive fields are there for the asking."""
    trace = network.trace(shape)
    return trace.totals, [(row.output, row.params, row.macs) for row in trace.rows]


def fields(network: cw.Network) -> float:
    """Milliseconds that all receptive fields take on top of a trace."""
    taken = []
    for _ in range(ROUNDS):
        trace = network.trace()
        start = time.process_time()
        for row in trace.rows:
            row.receptive_field  # noqa: B018
        taken.append((time.process_time() - start) * 1e3)
    return statistics.median(taken)


def legal_or_none(network: cw.Network) -> object:
    try:
        return network.legal_sizes()
    except cw.ConvwiseError:
        return None


def next_size(network: cw.Network) -> float | None:
    """Milliseconds of a trace at sizes that were not seen before; None where the network takes one size alone.

    They lie at least 32 apart where the network lets them, so that no layer deep in it meets a shape a second time.
    """
    source = network.sources[0]
    declared = tuple(size if isinstance(size, int) else 1 for size in source.declared)
    try:
        legal = network.legal_sizes()
    except cw.ConvwiseError:
        return None
    sizes = [n for n in range(64, 1_000) if n != declared[-2] and legal.takes((n,) * len(legal))]
    far: list[int] = []
    for size in sizes:
        if abs(size - declared[-2]) >= 32 and (not far or size - far[-1] >= 32):
            far.append(size)
    taken: list[float] = []
    for size in far if len(far) >= ROUNDS else sizes:
        spatial = (size,) * len(legal)
        last = source.layout.channels_last
        shape = (declared[0], *spatial, declared[-1]) if last else (*declared[:2], *spatial)
        start = time.process_time()
        traced(network, shape)
        taken.append((time.process_time() - start) * 1e3)
        if len(taken) == ROUNDS:
            break
    return statistics.median(taken) if taken else None


def live() -> list[str]:
    """Live PyTorch models against torchinfo."""
    vision = torchvision() if installed("torchinfo") else None
    if vision is None:
        print("\nno torchinfo: live models are not compared")
        return []
    import torchinfo

    table = Table("live PyTorch model", "convwise, ms", "torchinfo, ms", "faster", "one more trace, ms")
    shape = (1, 3, 224, 224)
    for name in LIVE:
        model = vision.models.get_model(name, weights=None).eval()
        network = cw.read(model, input_shape=shape)
        ours, theirs, again = medians(
            [
                lambda m=model: traced(cw.read(m, input_shape=shape), shape),
                lambda m=model: torchinfo.summary(m, input_size=shape, verbose=0, device="cpu"),
                lambda n=network: traced(n, shape),
            ],
            3,
        )
        table.add(name, f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}x", f"{again:.2f}")
    return table.lines


def configurations() -> list[str]:
    """Keras JSON against Keras itself."""
    if not installed("keras"):
        print("\nno keras: configurations are not compared")
        return []
    import keras

    table = Table(
        "Keras JSON", "nodes", "convwise, ms", "us a node", "model_from_json, ms", "faster", "next size, ms", "of whole"
    )
    for name in KERAS:
        keras.backend.clear_session()
        text = vars(keras.applications)[name](weights=None).to_json()
        ours, theirs = medians(
            [lambda t=text: traced(cw.read(t.encode())), lambda t=text: keras.models.model_from_json(t)], 3
        )
        network = cw.read(text.encode())
        nodes, second = len(network.nodes), next_size(network)
        table.add(
            name,
            f"{nodes}",
            f"{ours:.1f}",
            f"{ours / nodes * 1e3:.0f}",
            f"{theirs:.1f}",
            f"{theirs / ours:.1f}x",
            *((f"{second:.3f}", f"{second / ours:.3f}") if second is not None else ("fixed", "")),
        )
    return table.lines


def growth(folder: Path, record: bool = False) -> list[str]:
    """Milliseconds from file to trace of chains."""
    table = Table("nodes in a chain", "ms", "us a node")
    points = []
    for length in CHAINS:
        path = folder / "chain.onnx"
        path.write_bytes(chain(length))
        (taken,) = medians([lambda p=path: traced(cw.read(p))], 7 if length <= 10_000 else 5, time.process_time)
        points.append((length, taken))
        table.add(f"{length:,}", f"{taken:.1f}", f"{taken / length * 1e3:.1f}")
    if record:
        PLOT.write_text(svg(points), encoding="utf-8")
    return [*table.lines, "", f"![Time over nodes]({PLOT.name})"]


def svg(points: list[tuple[int, float]]) -> str:
    """Time over nodes, both on logarithmic scales, beside a line of constant cost a node."""
    wide, high, edge = 640, 400, 60
    low, top = log10(points[0][0]), log10(points[-1][0])
    ground = log10(min(taken for _, taken in points))
    scale = (wide - 2 * edge) / (top - low), (high - 2 * edge) / (log10(max(taken for _, taken in points)) - ground)

    def at(nodes: float, taken: float) -> str:
        return f"{edge + (log10(nodes) - low) * scale[0]:.1f},{high - edge - (log10(taken) - ground) * scale[1]:.1f}"

    rate = points[-1][1] / points[-1][0]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" font-family="sans-serif" font-size="12">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
        f'<text x="{edge}" y="28">File to full trace of a chain, milliseconds over nodes; grey: {rate * 1e3:.0f} microseconds a node</text>',
        f'<polyline points="{at(points[0][0], rate * points[0][0])} {at(*points[-1])}" fill="none" stroke="#bbb"/>',
        f'<polyline points="{" ".join(at(*point) for point in points)}" fill="none" stroke="#0057b8" stroke-width="2"/>',
    ]
    for nodes, taken in points:
        x, y = at(nodes, taken).split(",")
        lines.append(f'<circle cx="{x}" cy="{y}" r="3" fill="#0057b8"/>')
        lines.append(f'<text x="{x}" y="{float(y) - 8:.1f}" text-anchor="end">{taken:,.0f} ms</text>')
        lines.append(f'<text x="{x}" y="{high - edge + 20}" text-anchor="middle">{nodes:,}</text>')
    return "\n".join([*lines, "</svg>", ""])


def recorded(part: str, lines: list[str]) -> None:
    """Put the table of a part into its place on the page."""
    known = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    versions = [f"{name} {version(name)}" for name in PACKAGES if installed(name.partition("-")[0])]
    told = f"{date.today()}; {machine()}; Python {platform.python_version()}, convwise {cw.__version__}, {', '.join(versions)}."
    busy = f"Load of the machine while measuring: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors."
    text = "\n".join([f"## {PARTS[part]}", "", told, busy, "", *lines, ""])
    head, *sections = known.split("\n## ")
    places = {one.partition("\n")[0]: f"## {one}" for one in sections}
    places[PARTS[part]] = text
    whole = [head.rstrip(), *(places[title].rstrip() for title in PARTS.values() if title in places)]
    PAGE.write_text("\n\n".join(whole) + "\n", encoding="utf-8")


def machine() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((one.partition(":")[2].strip() for one in lines if one.startswith("model name")), platform.machine())


def main() -> None:
    """Every table that is asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="PART or FOLDER")
    parser.add_argument("--record", action="store_true", help="write the tables into docs")
    options = parser.parse_args()
    words, record = options.words, options.record
    warnings.simplefilter("ignore")
    folders = [Path(word) for word in words if word not in PARTS]
    with tempfile.TemporaryDirectory() as name:
        for part in [part for part in PARTS if part in words] or PARTS:
            print()
            if part == "files":
                found = [path for folder in folders for path in sorted(folder.glob("*.onnx"))]
                lines = files(found or written(Path(name)))
            elif part == "live":
                lines = live()
            elif part == "keras":
                lines = configurations()
            else:
                lines = growth(Path(name), record)
            if record and lines:
                recorded(part, lines)


if __name__ == "__main__":
    main()
