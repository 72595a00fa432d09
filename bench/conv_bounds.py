"""How near convwise comes to what the machine allows: a table of bench/conv.py.

The bound of a layer is the longer of two times: its multiply-adds, counted as 2 FLOP each, at the compute roof; and its input,
weights and result, each moved once, at the speed of copying a working set of that many bytes (the roof of the next power of
two). Its share is that time over the measured median of whole calls, what Python does in them included. Layers on Winograd
have no share, for they do fewer multiplications than are counted; of pools only the bytes count. A layer that reads memory
other than by its bytes once (rows of windows that no longer lie in a cache, padded copies) has a smaller share than the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conv_peers import Layer
from conv_pools import POOLS, Pool, bytes_of
from conv_pools import name_of as name_of_pool

# batch, channels, height, width, filters, kernel, stride, padding, dilation, groups
MEMORY_BOUND: tuple[Layer, ...] = (
    (1, 32, 512, 512, 32, 3, 1, 1, 1, 32),
    (1, 96, 112, 112, 96, 3, 2, 1, 1, 96),
    (1, 144, 56, 56, 144, 3, 1, 1, 1, 144),
    (1, 384, 14, 14, 384, 3, 1, 1, 1, 384),
    (1, 240, 28, 28, 240, 5, 1, 2, 1, 240),
    (1, 672, 14, 14, 672, 5, 2, 2, 1, 672),
    (1, 64, 224, 224, 16, 1, 1, 0, 1, 1),
)
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Work = Callable[[str, Layer], tuple[int, int, str, bool]]
"""From a library of ours and a layer: multiply-adds, bytes, the kernel's name, and whether it does all of them."""


def bound(flops: int, moved: int, roofs: Mapping[str, Any]) -> tuple[float, str]:
    """Seconds that the roofs allow, and which of them it is."""
    sizes = sorted(map(int, roofs["copies"]))
    level = next((size for size in sizes if size >= moved), sizes[-1])
    times = {"compute": flops / roofs["flops"], f"copy {size_of(level)}": moved / roofs["copies"][str(level)]}
    name = max(times, key=lambda key: times[key])
    return times[name], name


def size_of(size: int) -> str:
    return f"{size >> 20} MB" if size >= 2**20 else f"{size >> 10} kB"


def told(roofs: Mapping[str, Any]) -> str:
    """The roofs in words."""
    copies = ", ".join(f"{size_of(int(size))} {speed / 1e9:.0f}" for size, speed in roofs["copies"].items())
    return (
        f"roofs with {roofs['threads']} threads: compute {roofs['flops'] / 1e9:.0f} GFLOP/s ({roofs['by']}); copying, GB/s read and "
        f"written by size of the working set: {copies}; into fresh pages {roofs['fresh'] / 1e9:.1f}"
    )


def table(
    layers: Sequence[Layer],
    found: Rows,
    pools: Rows,
    roofs: Mapping[str, Any],
    work: Work,
    ours: Sequence[str],
    name: Any,
) -> str:
    """One line a layer and layout of ours: time, speed, the bound, the share, and the best peer's time over ours."""
    lines = [
        "",
        told(roofs),
        "",
        "| layer | layout | kernel | us | GFLOP/s | GB/s | bound | share | best peer | ratio |",
    ]
    lines.append("|---" * 10 + "|")
    for number, layer in enumerate(layers):
        for library in ours:
            macs, moved, kernel, exact = work(library, layer)
            row = _row(found, number, library, 2 * macs, moved, roofs, ours)
            lines.append(f"| {name(layer)} | {library[-4:]} | {kernel} | {row if exact else _unshared(row)} |")
    for number, pool in enumerate(POOLS):
        for library in ours:
            row = _row(pools, number, library, 0, bytes_of(pool), roofs, ours)
            lines.append(f"| {name_of_pool(pool)} | {library[-4:]} | pool | {row} |")
    return "\n".join(lines)


def _row(
    found: Rows, number: int, library: str, flops: int, moved: int, roofs: Mapping[str, Any], ours: Sequence[str]
) -> str:
    mine = found[library][number].get("seconds") if library in found else None
    if mine is None:
        return " | ".join(["-"] * 7)
    allowed, roof = bound(flops, moved, roofs)
    peers = {
        name: rows[number]["seconds"] for name, rows in found.items() if name not in ours and "seconds" in rows[number]
    }
    best = min(peers, key=lambda name: peers[name], default="")
    speed = f"{flops / mine / 1e9:.0f}" if flops else "-"
    ratio = f"{peers[best] / mine:.2f}" if best else "-"
    cells = (f"{mine * 1e6:.0f}", speed, f"{moved / mine / 1e9:.0f}", roof, f"{allowed / mine:.0%}", best or "-", ratio)
    return " | ".join(cells)


def _unshared(row: str) -> str:
    cells = row.split(" | ")
    return " | ".join([*cells[:3], "-", "-", *cells[5:]])


__all__ = ["MEMORY_BOUND", "POOLS", "Pool", "bound", "table", "told"]
