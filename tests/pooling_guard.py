"""Run by test_kernels_pooling.py in a process of its own: pools and transposed convolutions between forbidden pages.

    python pooling_guard.py KIND COUNT SEED         KIND is pool or transposed

The case that is being computed stands in the last line of standard output, so that a crash names it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_cases import EMPTY, Fence, one_of

from convwise.axis import Pads, Window
from convwise.engine import calls, compiled, packing, planning, pooling
from convwise.engine.families import FAMILIES
from convwise.engine.families.pool import USUAL
from convwise.engine.running import run
from convwise.ops import AdaptivePool, ConvTranspose, GlobalPool, Layout, Pool


@dataclass(frozen=True)
class Layer:
    """One op on one input shape, channels first."""

    op: Any
    shape: tuple[int, int, int, int]
    channels_last: bool
    seed: int

    def arrays(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Small integers, whose float32 sums are exact; the input is a view, channels first."""
        rng = np.random.default_rng(self.seed)
        n, c, y, x = self.shape
        lying = rng.integers(-4, 5, (n, y, x, c) if self.channels_last else self.shape).astype(np.float32)
        if not isinstance(self.op, ConvTranspose):
            return lying, {}
        kernel = [window.kernel for window in self.op.windows]
        weight = rng.integers(-4, 5, (c, self.op.out_channels // self.op.groups, *kernel)).astype(np.float32)
        return lying, {"weight": weight, "bias": rng.integers(-4, 5, self.op.out_channels).astype(np.float32)}

    @property
    def layout(self) -> Layout:
        return Layout(channels_last=self.channels_last)

    def by(self, method: str) -> np.ndarray:
        x, weights = self.arrays()
        return run(self.op, x, weights, self.layout, method=method)


@st.composite
def wholes(draw: st.DrawFn, most: int) -> Layer:
    """Pools to one number, or to a few whose windows slide."""
    sizes, kind = (
        (draw(st.integers(1, most)), draw(st.integers(1, 2 * most))),
        draw(st.sampled_from(["max", "average"])),
    )
    op: Any = draw(
        st.sampled_from(
            [
                Pool(
                    kind, tuple(map(Window, sizes)), False, draw(st.sampled_from([None, 7])) if kind != "max" else None
                ),
                GlobalPool(kind, 2, draw(st.booleans())),
                AdaptivePool(kind, (1, None)),
                AdaptivePool(kind, (1, min(2, *sizes))),
            ]
        )
    )
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 70)), *sizes)
    return Layer(op, shape, draw(st.booleans()), draw(st.integers(0, 99)))


@st.composite
def usual(draw: st.DrawFn, most: int) -> Layer:
    """Pools of the kernels and strides that have programs of their own; with long padding some windows see no data."""
    (kernel, stride), longest = draw(st.sampled_from(USUAL)), draw(st.sampled_from([1, 1, 4]))
    pads = [Pads(draw(st.integers(0, longest)), draw(st.integers(0, longest))) for _ in range(2)]
    windows = tuple(Window(kernel, stride, 1, each, draw(st.booleans())) for each in pads)
    sizes = [draw(st.integers(window.minimum, max(window.minimum, most))) for window in windows]
    average = draw(st.booleans())
    counts = (draw(st.booleans()), draw(st.sampled_from([None, 1, 7]))) if average else (False, None)
    op: Any = Pool("average" if average else "max", windows, *counts)
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 70)), *sizes)
    return Layer(op, shape, draw(st.booleans()), draw(st.integers(0, 99)))


@st.composite
def layers(draw: st.DrawFn, kind: str, most: int = 40) -> Layer:
    """Ragged sizes from 1 to `most`, every option; some pools have one window over all."""
    if kind == "pool" and draw(st.integers(0, 3)) == 0:
        return draw(wholes(most))
    if kind == "pool" and draw(st.booleans()):
        return draw(usual(most))
    windows, sizes = [], []
    for _ in range(2):
        kernel, stride, dilation = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
        span = Window(kernel, dilation=dilation).span
        pads = Pads(draw(st.integers(0, min(4, span))), draw(st.integers(0, min(4, span))))
        window = Window(kernel, stride, dilation, pads, kind == "pool" and draw(st.booleans()))
        least = window.minimum if kind == "pool" else next(n for n in range(1, 99) if window.transposed(n) >= 1)
        windows.append(window)
        sizes.append(draw(st.integers(least, max(least, most if kind == "pool" else most // 2))))
    groups = 1 if kind == "pool" else draw(st.sampled_from([1, 1, 2, 3]))
    channels = groups * draw(st.integers(1, 70 if kind == "pool" else 12))
    if kind == "pool":
        average = draw(st.booleans())
        counts = (draw(st.booleans()), draw(st.sampled_from([None, 1, 7]))) if average else (False, None)
        op: Any = Pool("average" if average else "max", tuple(windows), *counts)
    else:
        op = ConvTranspose(tuple(windows), channels, groups * draw(st.integers(1, 70)), groups, True)
    return Layer(op, (draw(st.integers(1, 3)), channels, *sizes), draw(st.booleans()), draw(st.integers(0, 99)))


def guard(layer: Layer, at_end: bool) -> bool:
    """One layer with its arrays between forbidden pages; whether a kernel ran."""
    fence, ran = Fence(), []
    x, weights = layer.arrays()
    x = fence.of(x, at_end=at_end)
    weights = {name: fence.of(array, at_end=at_end) for name, array in weights.items()}

    def aligned(shape: tuple[int, ...], fill: bool = False) -> np.ndarray:
        placed = fence.place(int(np.prod(shape)), at_end=at_end).reshape(shape)
        placed[...] = 0 if fill else np.nan
        return placed

    def empty(shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        ran.append(shape)
        placed = fence.empty(shape, at_end=at_end)
        return placed, calls.address(placed)

    kept = calls.empty, pooling.empty, compiled.aligned, packing.aligned, planning.FAMILIES
    calls.empty, pooling.empty, compiled.aligned, packing.aligned = empty, empty, aligned, aligned
    # Not only the tile that seems cheapest, which for small layers is nearly always the same.
    chosen = replace(FAMILIES["pool"], choices=one_of("pool", layer.seed))
    planning.FAMILIES = {**FAMILIES, "pool": chosen}
    pooling._prepared.clear()
    pooling._again.clear()
    planning.choose.cache_clear()
    try:
        result = run(layer.op, x, weights, layer.layout)
    finally:
        calls.empty, pooling.empty, compiled.aligned, packing.aligned, planning.FAMILIES = kept
    assert not (result.view(np.uint32) == EMPTY).any(), "an output was not written"
    assert np.allclose(result, layer.by("windows"), rtol=1e-6, atol=1e-6)
    return bool(ran)


def main(kind: str, count: int, first: int) -> None:
    ran = []

    @seed(first)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(layers(kind))
    def every(layer: Layer) -> None:
        for at_end in (True, False):
            print(layer, "at the end" if at_end else "at the start", flush=True)
            ran.append(guard(layer, at_end))

    every()
    assert all(ran), f"only {sum(ran)} of {len(ran)} ran on a kernel"
    print(f"{len(ran)} cases between forbidden pages")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
