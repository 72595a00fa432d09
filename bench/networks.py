"""Whole networks, side by side with what else tells their shapes: `python bench/networks.py [FOLDER] [--plot]`. Medians of one run.

FOLDER holds .onnx files; without it some are written with random weights (by torchvision where it is installed, else chains of our own).
Measured where the other package is installed: file to full trace against `onnx.load` + `onnx.shape_inference.infer_shapes`; a live model
against `torchinfo.summary`; Keras JSON to trace against `model_from_json`; then what a second size and the legal sizes of a network take,
and how the cost grows with the nodes of a chain. `--plot` draws that growth as docs/networks-growth.svg.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from math import log10
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import convwise as cw
from convwise.readers.onnx import read_onnx

ROUNDS = 7
CHAINS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
TORCHVISION = ("resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x1_0")
LIVE = ("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "squeezenet1_1")
KERAS = ("VGG16", "ResNet50", "MobileNetV2", "EfficientNetB0", "DenseNet121")
LIBRARIES: list[Any] = []
"""Keeps the definitions of operators alive, which end with their library."""

PLOT = Path(__file__).parent.parent / "docs" / "networks-growth.svg"


def medians(works: list[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each work after a round that does not count; they take turns, so that a busy moment hits all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 1):
        for work, times in zip(works, taken, strict=True):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1e3)
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


def files(paths: list[Path]) -> None:
    """A row a file: reading and tracing, the onnx package, a second size, legal sizes."""
    onnx = None
    if installed("onnx"):
        import onnx
    head = f"{'file to trace, ms':<28}{'MB':>7}{'nodes':>7}{'read':>9}{'trace':>9}{'us/node':>9}"
    print(f"{head}{'onnx':>10}{'faster':>9}{'next size':>11}{'ratio':>8}{'legal sizes':>13}")
    for path in paths:
        network = cw.read(path)
        nodes = len(read_onnx(path).graph.nodes)
        works: list[Callable[[], object]] = [
            lambda p=path: cw.read(p),
            network.trace,
            lambda p=path: cw.read(p).trace(),
        ]
        if onnx is not None:
            works.append(lambda p=path: onnx.shape_inference.infer_shapes(onnx.load(p, load_external_data=False)))
        read, trace, whole, *theirs = medians(works)
        other = f"{theirs[0]:>10.1f}{theirs[0] / whole:>8.1f}x" if theirs else f"{'':>19}"
        second = next_size(network)
        text = f"{second:>11.2f}{second / whole:>8.2f}" if second is not None else f"{'fixed':>11}{'':>8}"
        (legal,) = medians([lambda n=network: legal_or_none(n)], 3)
        size = path.stat().st_size / 1e6
        print(
            f"{path.stem[:27]:<28}{size:>7.1f}{nodes:>7}{read:>9.2f}{trace:>9.2f}{whole / nodes * 1e3:>9.1f}{other}{text}{legal:>13.1f}",
            flush=True,
        )


def legal_or_none(network: cw.Network) -> object:
    try:
        return network.legal_sizes()
    except cw.ConvwiseError:
        return None


def next_size(network: cw.Network) -> float | None:
    """Milliseconds of a trace at sizes that were not seen before; None where the network takes one size alone."""
    source = network.sources[0]
    declared = tuple(size if isinstance(size, int) else 1 for size in source.declared)
    try:
        legal = network.legal_sizes()
    except cw.ConvwiseError:
        return None
    sizes = iter([n for n in range(64, 1_000) if legal.takes((n,) * len(legal))])
    taken = []
    for size in sizes:
        if size == declared[-2]:
            continue
        spatial = (size,) * len(legal)
        last = source.layout.channels_last
        shape = (declared[0], *spatial, declared[-1]) if last else (*declared[:2], *spatial)
        start = time.perf_counter()
        network.trace(shape)
        taken.append((time.perf_counter() - start) * 1e3)
        if len(taken) == ROUNDS:
            break
    return statistics.median(taken) if taken else None


def live() -> None:
    """Live PyTorch models against torchinfo."""
    vision = torchvision() if installed("torchinfo") else None
    if vision is None:
        print("\nno torchinfo: live models are not compared")
        return
    import torchinfo

    print(f"\n{'live PyTorch model, ms':<28}{'convwise':>10}{'torchinfo':>11}{'faster':>9}{'one more trace':>16}")
    shape = (1, 3, 224, 224)
    for name in LIVE:
        model = vision.models.get_model(name, weights=None).eval()
        network = cw.read(model, input_shape=shape)
        ours, theirs, again = medians(
            [
                lambda m=model: cw.read(m, input_shape=shape).trace(shape),
                lambda m=model: torchinfo.summary(m, input_size=shape, verbose=0, device="cpu"),
                lambda n=network: n.trace(shape),
            ],
            5,
        )
        print(f"{name:<28}{ours:>10.1f}{theirs:>11.1f}{theirs / ours:>8.1f}x{again:>16.1f}", flush=True)


def configurations() -> None:
    """Keras JSON against Keras itself."""
    if not installed("keras"):
        print("\nno keras: configurations are not compared")
        return
    import keras

    print(f"\n{'Keras JSON to trace, ms':<28}{'convwise':>10}{'Keras':>11}{'faster':>9}")
    for name in KERAS:
        keras.backend.clear_session()
        text = vars(keras.applications)[name](weights=None).to_json()
        ours, theirs = medians(
            [lambda t=text: cw.read(t.encode()).trace(), lambda t=text: keras.models.model_from_json(t)], 3
        )
        print(f"{name:<28}{ours:>10.1f}{theirs:>11.1f}{theirs / ours:>8.1f}x", flush=True)


def growth(folder: Path) -> list[tuple[int, float]]:
    """(nodes, milliseconds from file to trace) of chains."""
    print(f"\n{'nodes in a chain':>16}{'ms':>12}{'us/node':>10}")
    points = []
    for length in CHAINS:
        path = folder / "chain.onnx"
        path.write_bytes(chain(length))
        (taken,) = medians([lambda p=path: cw.read(p).trace()], 7 if length <= 10_000 else 3)
        points.append((length, taken))
        print(f"{length:>16,}{taken:>12.1f}{taken / length * 1e3:>10.1f}", flush=True)
    return points


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


def main(words: list[str]) -> None:
    """Every table, one after the other."""
    warnings.simplefilter("ignore")
    folders = [Path(word) for word in words if not word.startswith("--")]
    with tempfile.TemporaryDirectory() as name:
        files(sorted(folders[0].glob("*.onnx")) if folders else written(Path(name)))
        live()
        configurations()
        points = growth(Path(name))
    if "--plot" in words:
        PLOT.write_text(svg(points), encoding="utf-8")
        print(f"drawn: {PLOT.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
