"""How the time of a convolution grows with one of its sizes, and where it jumps: the second table of bench/conv.py.

A cliff is a place where growing a layer a little makes it much slower: the time grows more than `STEP` times as much as the
multiply-adds, or a smaller layer takes more than `DIP` times as long as the next larger one. A time is that of the fastest
call, and where it jumps, the layers around are measured again in new processes, since on a shared machine most jumps are
somebody else's work; what stays is printed as what it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from conv_peers import Layer

STEP, DIP = 1.5, 1.25
NOISE = 10e-6
"""Seconds below which a difference is the call itself."""
AGAIN = 3
"""How often the layers around a jump are measured again."""
MOST_BYTES = 6 * 2**30
"""Of input and output together; larger layers are left out and said to be."""

SERIES: dict[str, Callable[[], Iterator[tuple[int, Layer]]]] = {
    "image side, 16 to 16 channels, 3x3": lambda: (
        (s, (1, 16, s, s, 16, 3, 1, 1, 1, 1)) for s in (32, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096)
    ),
    "small and odd image sides, 32 to 32 channels, 3x3": lambda: (
        (s, (1, 32, s, s, 32, 3, 1, 1, 1, 1)) for s in (5, 7, 9, 11, 13, 15, 17, 19, 23, 29, 31, 33, 47, 61)
    ),
    "channels in and out, 28x28, 3x3": lambda: (
        (c, (1, c, 28, 28, c, 3, 1, 1, 1, 1))
        for c in (1, 2, 3, 4, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 96, 128, 129, 256, 512, 1024, 2048)
    ),
    "channels in and out, 28x28, 1x1": lambda: (
        (c, (1, c, 28, 28, c, 1, 1, 0, 1, 1)) for c in (1, 2, 4, 8, 16, 17, 32, 33, 64, 65, 128, 256, 512, 1024, 2048)
    ),
    "depthwise channels, 28x28, 3x3": lambda: (
        (c, (1, c, 28, 28, c, 3, 1, 1, 1, c)) for c in (8, 15, 16, 17, 32, 33, 64, 128, 256, 512, 1024, 2048)
    ),
    "batch, 32 to 32 channels, 28x28, 3x3": lambda: (
        (n, (n, 32, 28, 28, 32, 3, 1, 1, 1, 1)) for n in (1, 2, 3, 4, 7, 8, 16, 32, 64)
    ),
    "kernel side, 32 to 32 channels, 56x56": lambda: (
        (k, (1, 32, 56, 56, 32, k, 1, k // 2, 1, 1)) for k in range(1, 16)
    ),
    "dilation, 64 to 64 channels, 56x56, 3x3": lambda: ((d, (1, 64, 56, 56, 64, 3, 1, d, d, 1)) for d in range(1, 17)),
}

Measure = Callable[[str, list[Layer]], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Point:
    """One layer of a series: seconds, multiply-adds, and the kernel that ran; seconds are None where it was not run."""

    value: int
    macs: int
    seconds: float | None
    kernel: str
    error: str = ""

    @property
    def speed(self) -> float:
        """Effective GFLOP/s."""
        return 2 * self.macs / self.seconds / 1e9 if self.seconds else float("nan")


def cliffs(points: list[Point]) -> dict[int, str]:
    """The values at which the time jumps, with what it does there."""
    found = {}
    run = [point for point in points if point.seconds is not None]
    for before, here in itertools.pairwise(run):
        assert before.seconds is not None
        assert here.seconds is not None
        grown, worked = here.seconds / before.seconds, here.macs / before.macs
        if here.seconds - before.seconds > NOISE and grown > STEP * max(worked, 1.0):
            other = "" if before.kernel == here.kernel else f" ({before.kernel} before, {here.kernel} here)"
            found[here.value] = f"{grown:.1f} times the time for {worked:.1f} times the work{other}"
        elif before.seconds - here.seconds > NOISE and before.seconds > DIP * here.seconds and worked >= 1.0:
            other = "" if before.kernel == here.kernel else f" ({before.kernel} here, {here.kernel} there)"
            found.setdefault(
                before.value, f"{before.seconds / here.seconds:.1f} times the time of the larger {here.value}{other}"
            )
    return found


def steadied(
    points: list[Point], layers: dict[int, Layer], measure: Callable[[list[Layer]], list[dict[str, Any]]]
) -> list[Point]:
    """The points, those around a jump measured again, each with its shortest time."""
    for _ in range(AGAIN):
        jumps = cliffs(points)
        values = [point.value for point in points]
        around = {
            values[number + step]
            for number, value in enumerate(values)
            if value in jumps
            for step in (-1, 0, 1)
            if 0 <= number + step < len(values) and values[number + step] in layers
        }
        if not around:
            break
        told = sorted(around)
        rows = dict(zip(told, measure([layers[value] for value in told]), strict=True))
        points = [
            replace(point, seconds=min(point.seconds, rows[point.value].get("fastest", point.seconds)))
            if point.seconds is not None and point.value in rows
            else point
            for point in points
        ]
    return points


def size_of(layer: Layer) -> int:
    n, c, h, w, k, _, stride, *_ = layer
    return 4 * n * h * w * (2 * c + k // stride**2)


def series(
    name: str, layouts: tuple[str, ...], measure: Measure, kernel_of: Callable[[str, Layer], tuple[int, str]]
) -> str:
    """One series as a Markdown table, with its cliffs below."""
    cells = list(SERIES[name]())
    small = [layer for _, layer in cells if size_of(layer) <= MOST_BYTES]
    columns: dict[str, list[Point]] = {}
    for layout in layouts:
        rows = dict(zip(small, measure(layout, small), strict=True))
        columns[layout] = []
        for value, layer in cells:
            macs, kernel = kernel_of(layout, layer)
            row = rows.get(layer, {"error": "left out: too large"})
            columns[layout].append(Point(value, macs, row.get("fastest"), kernel, row.get("error", "")))
        known = {value: layer for value, layer in cells if layer in rows}
        columns[layout] = steadied(columns[layout], known, partial(measure, layout))
    head = [name.partition(",")[0]] + [f"{layout} {what}" for layout in layouts for what in ("ms", "GFLOP/s", "kernel")]
    lines = [f"### {name[0].upper()}{name[1:]}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    marks = {layout: cliffs(points) for layout, points in columns.items()}
    for number, (value, _) in enumerate(cells):
        cell = [str(value)]
        for layout in layouts:
            point = columns[layout][number]
            mark = " **cliff**" if value in marks[layout] else ""
            took = f"{point.seconds * 1e3:.3g}" if point.seconds else point.error or "-"
            cell += [took, f"{point.speed:.0f}{mark}" if point.seconds else "-", point.kernel]
        lines.append("| " + " | ".join(cell) + " |")
    told = [f"* {layout}, {value}: {what}" for layout, found in marks.items() for value, what in found.items()]
    return "\n".join([*lines, "", *(["Cliffs:", "", *told] if told else ["No cliff."])])
