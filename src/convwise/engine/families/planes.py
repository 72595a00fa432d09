"""The kernels for 1x1 windows of planes (NCHW): which tile, how large the tasks are, and how the weights lie."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapreplace
from itertools import product
from math import prod

from convwise.engine.arrays import Array
from convwise.engine.families import direct
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import CLAMP, Choice, Problem
from convwise.engine.tiles import plane_tiles

NAME = "planes"
MOST_PANEL = 8 * 2**20
"""Bytes of all tasks' panels; more only where the output is as large."""
GATHERED = 12
"""Multiply-adds of a vector in whose time one of the input is copied into a panel."""
STORED = 8
"""The same for one of the output."""
ROOM = 0.25
"""The part of the second cache that a panel and a block's weights may take without being driven out."""
WEIGHTS = 1.6
"""Cycles that a cache line of weights takes which comes from the second cache: each of its numbers is waited for."""


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if "NHWC" in (problem.input_layout, problem.output_layout):
        return "only for channels first (NCHW)"
    axes = (problem.rows, problem.columns)
    if any(axis.kernel > 1 or axis.stride > 1 or axis.pad_low or axis.pad_high for axis in axes):
        return "only for 1x1 windows with stride 1 and no padding"
    return None if choices(problem, isa) else f"its channels of few pixels take more than {MOST_PANEL:,} bytes"


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    most = max(MOST_PANEL, 4 * problem.batch * problem.filters * problem.out_height * problem.out_width)
    return [choice for choice in _choices(problem, isa) if choice.workspace <= most]


def _choices(problem: Problem, isa: Isa) -> Iterator[Choice]:
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    # Many tasks leave work for a thread whose neighbour is held up, few read the weights less often.
    counts = tuple(problem.threads * each for each in (1, 2, 4, 8)) if problem.threads > 1 else (1,)
    # A panel that leaves room for weights in the second cache, and one that takes most of it.
    rooms = [problem.machine.l2 * share // 8 for share in (2, 4, 6)]
    for block, vectors in plane_tiles(isa):
        pixels = vectors * isa.lanes
        across, deep = -(-problem.height * problem.width // pixels), -(-filters // block)
        tasks = {
            _task(problem.batch, across, deep, max(1, room // (4 * channels * pixels)), wanted)
            for room in rooms
            for wanted in counts
        }
        for task in tasks:
            yield _choice(problem, isa, (block, vectors), task)


def _task(batch: int, across: int, deep: int, most: int, wanted: int) -> tuple[int, int]:
    """Tiles of a strip, at most `most`, and blocks of channels that one task takes, so that there are `wanted` tasks."""
    strips = -(-across // most)
    if across >= 4 * wanted:
        strips = max(strips, -(-wanted // batch))
    tiles = -(-across // strips)
    strips = batch * -(-across // tiles)
    blocks = deep
    while strips * -(-deep // blocks) < wanted and blocks > 1:
        blocks = -(-blocks // 2)
    return tiles, blocks


def _choice(problem: Problem, isa: Isa, tile: tuple[int, int], task: tuple[int, int]) -> Choice:
    (block, vectors), (tiles, blocks) = tile, task
    pixels = vectors * isa.lanes
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    cells = problem.height * problem.width
    across, deep = -(-cells // pixels), -(-filters // block)
    sizes = [
        [min(each, whole - first) for first in range(0, whole, each)]
        for whole, each in ((deep, blocks), (problem.batch, 1), (across, tiles))
    ]
    tasks = prod(map(len, sizes))
    threads = min(problem.threads, tasks)
    peak = problem.machine.peak * threads
    images = problem.batch * problem.groups
    macs = images * across * pixels * deep * block * channels
    panel = 4 * channels * (tiles * pixels + isa.lanes)
    gathered = images * len(sizes[0]) * across * pixels * channels * GATHERED
    stored = images * filters * cells * STORED
    # A panel shares the second cache with the lines that it is copied from, and with those that are stored.
    crowd = (panel + 4 * channels * block) / problem.machine.l2 - ROOM
    late = macs * (1 + direct.CROWDED * min(max(crowd, 0), 2))
    # A panel's cells go through the first cache and leave a block's weights some third of it.
    fetched = direct.FETCHED * pixels / 16
    if 4 * channels * block > problem.machine.l1 // 3:
        fetched += WEIGHTS * block / 16
    seconds = (
        (late / _efficiency(block, vectors, fetched, problem.machine.units) + gathered + stored)
        / peak
        * _uneven(threads, sizes)
    )
    after = "any" if problem.form != CLAMP else "plain" if direct.chain_of(channels) == channels else "long"
    variant = f"{block}x{vectors}_{after}"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", pixels), ("channels", block), ("tiles of a task", tiles), ("blocks of a task", blocks)),
        extra=(tiles, blocks),
        seconds=seconds + problem.begun(problem.groups) + problem.groups * tasks * direct.HANDED / threads,
        workspace=threads * panel,
        macs=macs,
        strip=tiles * pixels,
    )


def _efficiency(block: int, vectors: int, fetched: float, units: int) -> float:
    """Multiplications a cycle of those that `units` could do, where two loads a cycle fetch the vectors of pixels and a weight for each channel, and lines from
    the second cache take `fetched` cycles. A multiply-add of a single vector reads its
    weight itself.
    """
    issuing = (block * vectors + vectors + block * (vectors > 1) + 4) / direct.ISSUED
    return direct.busy(block * vectors, (block + vectors) / 2, issuing, fetched, units)


def _uneven(threads: int, sizes: list[list[int]]) -> float:
    """How much longer the last thread works than it would if all ended together; each takes the next task when it is free."""
    tasks = prod(map(len, sizes))
    share = 1 + direct.HELD_UP * (threads - 1) / tasks
    if threads == 1 or tasks > direct.LOOKED_AT:
        return share
    busy = [0] * threads
    for one in product(*sizes):
        heapreplace(busy, busy[0] + prod(one))
    return share * max(busy) * threads / sum(busy)


def pack(choice: Choice, weight: Array) -> Order:
    """(block, 1, part of the channels, c, k in block): as the direct kernels have them, but for the parts, which have the place of a window's columns."""
    filters, channels = weight.shape[:2]
    deep = direct.chain_of(channels) if choice.variant.endswith("long") else channels
    parts = weight.reshape(filters, channels // deep, deep, 1)
    return Order.blocks(parts.transpose(0, 3, 1, 2), dict(choice.tiles)["channels"])
