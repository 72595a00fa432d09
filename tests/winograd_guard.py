"""Run by test_kernels_winograd.py in a process of its own: random cuts of random problems, half of them with gaps in their
windows, between forbidden pages.

python winograd_guard.py COUNT SEED
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from kernel_cases import EMPTY, Fence

from convwise.axis import Pads, Window
from convwise.engine import conv2d, native
from convwise.engine.compiled import Run, steps_of
from convwise.engine.families import winograd
from convwise.engine.packing import pack
from convwise.engine.planning import machine_of
from convwise.engine.problem import Problem
from convwise.engine.winograd_tiles import pixels


def view(array: np.ndarray, layout: str) -> np.ndarray:
    """As (batch, channels, height, width)."""
    return array if layout == "NCHW" else array.transpose(0, 3, 1, 2)


def lay(array: np.ndarray, layout: str) -> np.ndarray:
    return np.ascontiguousarray(array if layout == "NCHW" else array.transpose(0, 2, 3, 1))


def one(rng: np.random.Generator, kernels: native.Library) -> None:
    n, c, k = int(rng.integers(1, 4)), int(rng.integers(1, 40)), int(rng.integers(1, 80))
    high, wide = (3, 3) if rng.random() < 0.3 else (int(size) for size in rng.integers(1, 10, 2))
    high = max(high, -(-winograd.LEAST_TAPS // wide))
    pads = [int(pad) for pad in rng.integers(0, 4 if rng.random() < 0.7 else 12, 4)]
    gaps = (1, 1) if rng.random() < 0.5 else tuple(int(gap) for gap in rng.integers(1, 6, 2))
    h, w = (
        int(rng.integers(max(1, gap, (size - 1) * gap + 1 - sum(two)), 51))
        for size, gap, two in ((high, gaps[0], pads[:2]), (wide, gaps[1], pads[2:]))
    )
    source, result = (str(rng.choice(["NHWC", "NCHW"])) for _ in range(2))
    rows = Window(high, dilation=gaps[0], padding=Pads(*pads[:2])).over(h)
    columns = Window(wide, dilation=gaps[1], padding=Pads(*pads[2:])).over(w)
    activation = [None, "relu", "silu", "hardswish"][int(rng.integers(4))]
    problem = Problem(
        "conv",
        n,
        c,
        h,
        w,
        k,
        1,
        rows,
        columns,
        source,
        result,
        activation,
        bool(rng.integers(2)),
        int(rng.integers(1, 4)),
        machine_of(kernels.isa),
    )
    choices = winograd.choices(problem, kernels.isa)
    few = [choice for choice in choices if "thin" in choice.variant]
    choice = few[0] if few and rng.random() < 0.25 else choices[int(rng.integers(len(choices)))]
    m = dict(choice.tiles)["outputs"]
    down, across = (-(-size // gap) for size, gap in zip((problem.out_height, problem.out_width), gaps, strict=True))
    wide, tall = (int(rng.integers(1, -(-size // m) + 2)) for size in (across, down))
    vectors = dict(choice.tiles)["channels out"] // kernels.isa.lanes
    blocks = -(-k // dict(choice.tiles)["channels out"])
    groups = [count * vectors for count in range(1, 9) if blocks % count == 0]
    cut = (
        wide,
        tall,
        int(rng.integers(1, n * gaps[0] * gaps[1] + 1)),
        int(rng.choice(pixels(kernels.isa, vectors))),
        int(rng.choice(groups)),
    )
    choice = replace(choice, extra=(*cut, *choice.extra[5:-1], int(rng.integers(3))))
    print(problem, choice.variant, cut, flush=True)
    for at_end in (True, False):
        compare(problem, choice, rng, at_end, kernels)


def compare(
    problem: Problem, choice: winograd.Choice, rng: np.random.Generator, at_end: bool, kernels: native.Library
) -> None:
    fence = Fence()
    shape = (problem.batch, problem.channels, problem.height, problem.width)
    x = fence.of(lay(rng.standard_normal(shape).astype(np.float32), problem.input_layout), at_end=at_end)
    weights = rng.standard_normal(
        (problem.filters, problem.channels, problem.rows.kernel, problem.columns.kernel)
    ).astype(np.float32)
    packed = fence.of(pack(kernels, problem, choice, fence.of(weights, at_end=at_end))[0][0], at_end=at_end)
    bias = np.zeros(-(-problem.filters // 64) * 64, np.float32)
    bias[: problem.filters] = rng.standard_normal(problem.filters)
    padded = fence.of(bias, at_end=at_end)
    places = (problem.batch, problem.filters, problem.out_height, problem.out_width)
    out = fence.empty(lay(np.empty(places, np.float32), problem.output_layout).shape, at_end=at_end)
    residual = fence.of(rng.standard_normal(out.shape).astype(np.float32), at_end=at_end)
    seen, written = view(x, problem.input_layout), view(out, problem.output_layout)
    packed_shape = (1, *packed.shape)
    inputs, outputs = steps_of(seen), steps_of(written)
    assert inputs is not None
    assert outputs is not None
    run = Run(kernels, problem, choice, inputs, outputs, packed_shape)
    last = residual if problem.residual else out
    run(*(array.ctypes.data for array in (x, packed, padded, last, out)))
    assert not (out.view(np.uint32) == EMPTY).any(), "an output was not written"
    pads = ((problem.rows.pad_low, problem.rows.pad_high), (problem.columns.pad_low, problem.columns.pad_high))
    wanted = conv2d(
        seen.astype(np.float64),
        weights.astype(np.float64),
        bias[: problem.filters].astype(np.float64),
        padding=pads,
        dilation=(problem.rows.dilation, problem.columns.dilation),
    )
    wanted = wanted + view(residual, problem.output_layout) if problem.residual else wanted
    wanted = activated(wanted, problem.activation)
    assert abs(written - wanted).max() <= 4e-6 * abs(wanted).max(), abs(written - wanted).max()


def activated(value: np.ndarray, name: str | None) -> np.ndarray:
    if name == "relu":
        return np.maximum(value, 0)
    if name == "silu":
        return value / (1 + np.exp(-value))
    return value * np.clip(value + 3, 0, 6) / 6 if name == "hardswish" else value


def main(count: int, first: int) -> None:
    kernels = native.library()
    assert kernels is not None, native.why_none()
    rng = np.random.default_rng(first)
    winograd.MOST_TILES = 10**6
    for _ in range(count):
        one(rng, kernels)
    print(f"{count} cuts between forbidden pages")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
