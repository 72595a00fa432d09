"""Layers with what follows them in networks: SiLU, hard-swish, or a residual and ReLU, all in one call, beside PyTorch's layers that oneDNN
runs so, their weights packed ahead too. Channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import geometric_mean
from typing import Any

import numpy as np
from conv_peers import Layer, aligned, arrays

ENDINGS = ("none", "silu", "hardswish", "residual")
"""The last one with ReLU."""
LIBRARIES = ("convwise", "torch")
LAYERS: tuple[Layer, ...] = (
    # ResNet, MobileNet, EfficientNet, YOLO
    (1, 64, 56, 56, 256, 1, 1, 0, 1, 1),
    (1, 256, 14, 14, 1024, 1, 1, 0, 1, 1),
    (1, 64, 56, 56, 64, 3, 1, 1, 1, 1),
    (1, 128, 56, 56, 128, 3, 2, 1, 1, 1),
    (1, 3, 224, 224, 32, 3, 2, 1, 1, 1),
    (1, 3, 640, 640, 32, 3, 2, 1, 1, 1),
    (1, 192, 28, 28, 192, 3, 1, 1, 1, 192),
    (1, 96, 112, 112, 96, 3, 2, 1, 1, 96),
    (1, 240, 28, 28, 240, 5, 1, 2, 1, 240),
    (1, 128, 56, 56, 128, 3, 1, 1, 1, 32),
)

Call = Callable[[], Any]
Maker = Callable[[Layer, int], tuple[Call, Callable[[Any], np.ndarray]]]


def convwise(ending: str, layer: Layer, threads: int) -> tuple[Call, Callable[[Any], np.ndarray]]:
    import convwise as cw

    x, w, b = arrays(layer)
    *_, stride, pad, dilation, groups = layer
    options: Any = {"stride": stride, "padding": pad, "dilation": dilation, "groups": groups, "threads": threads}
    activation = {"none": None, "residual": "relu"}.get(ending, ending)
    conv = cw.Conv(w, b, layout="NHWC", activation=activation, **options)
    last = aligned(x.transpose(0, 2, 3, 1))
    back = lambda y: y.transpose(0, 3, 1, 2)  # noqa: E731
    if ending != "residual":
        return lambda: conv(last), back
    added = np.ones_like(conv(last))
    return lambda: conv(last, added), back


def torch(ending: str, layer: Layer, threads: int) -> tuple[Call, Callable[[Any], np.ndarray]]:
    import torch as library

    library.set_num_threads(threads)
    x, w, b = (library.from_numpy(array) for array in arrays(layer))
    *_, stride, pad, dilation, groups = layer
    x, w = (array.contiguous(memory_format=library.channels_last) for array in (x, w))
    sizes = ([pad] * 2, [stride] * 2, [dilation] * 2, groups)
    packed = library._C._nn.mkldnn_reorder_conv2d_weight(w.to_mkldnn(), *sizes, list(x.shape))
    run = library.ops.mkldnn._convolution_pointwise
    name = {"silu": "swish", "residual": "none"}.get(ending, ending)

    def call() -> Any:
        with library.inference_mode():
            return run(x, packed, b, *sizes, name, [], "")

    added = library.ones_like(call()) if ending == "residual" else None

    def joined() -> Any:
        with library.inference_mode():
            return run.binary(x, added, packed, b, *sizes, "add", None, "relu", [], "")

    return call if added is None else joined, lambda y: y.contiguous().numpy()


def named(library: str, ending: str) -> str:
    return f"{library}-then-{ending}"


MAKERS: dict[str, Maker] = {
    named(make.__name__, ending): partial(make, ending) for make in (convwise, torch) for ending in ENDINGS
}


def table(found: Mapping[str, Sequence[Mapping[str, Any]]], name_of: Callable[[Layer], str]) -> str:
    """Microseconds of each layer and ending, and how many times as fast as PyTorch convwise is."""
    lines = [
        "| layer | " + " | ".join(f"{ending}: convwise us | torch us | ratio" for ending in ENDINGS) + " |",
        "|---" * (1 + 3 * len(ENDINGS)) + "|",
    ]
    ratios: dict[str, list[float]] = {ending: [] for ending in ENDINGS}
    for number, layer in enumerate(LAYERS):
        cells = []
        for ending in ENDINGS:
            ours, theirs = (found[named(library, ending)][number] for library in LIBRARIES)
            if "seconds" not in ours or "seconds" not in theirs:
                cells += ["-"] * 3
                continue
            ratios[ending].append(theirs["seconds"] / ours["seconds"])
            cells += [f"{ours['seconds'] * 1e6:.0f}", f"{theirs['seconds'] * 1e6:.0f}", f"{ratios[ending][-1]:.2f}"]
        lines.append(f"| {name_of(layer)} | " + " | ".join(cells) + " |")
    means = ", ".join(
        f"{ending} {geometric_mean(values):.2f} (smallest {min(values):.2f})"
        for ending, values in ratios.items()
        if values
    )
    return "\n".join([*lines, "", f"geometric means of the ratios: {means}"])
