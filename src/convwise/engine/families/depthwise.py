"""The depthwise kernels: which tile, how large the tasks are, and how the weights lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convwise.axis import Window
from convwise.engine.arrays import Array
from convwise.engine.isa import Isa, symbol
from convwise.engine.problem import Choice, Problem

NAME = "depthwise"
FIRST_TILE = (7, 1)
"""Channels first: rows and vectors of outputs that one register tile holds."""
TASKS = 4
"""Tasks for each thread, so that a thread that was held up leaves work for the others."""
MOST_STAGE = 64 * 2**20
"""Bytes of the input that the tasks may hold copies of at a time."""
TOO_WIDE = f"what it would copy of the input takes more than {MOST_STAGE:,} bytes"
COPIED = 7.0
"""Multiply-adds of a vector in whose time one is copied with its padding."""
CURVED = frozenset({"silu", "swish", "hardswish", "hardsilu"})
"""Activations that are more than a clamp."""


@dataclass(frozen=True, slots=True)
class Tile:
    """`pixels` outputs of a row times `vectors` vectors of `lanes` channels. A `plain` one clamps and does nothing else.

    A `staged` one copies a block's part of the input with its padding, so that no tile has an edge.
    """

    name: str
    pixels: int
    vectors: int
    lanes: int
    plain: bool
    staged: bool = False

    @property
    def block(self) -> int:
        return self.vectors * self.lanes


def last_tiles(isa: Isa) -> tuple[Tile, ...]:
    """The tiles for channels last, wide ones first; the last one takes any number of channels."""
    most = 7 if isa.registers == 32 else 4
    tiles = [
        *(Tile(f"{pixels}x2", pixels, 2, isa.lanes, plain=True) for pixels in sorted({most, 4}, reverse=True)),
        Tile(f"{most}x2s", most, 2, isa.lanes, plain=True, staged=True),
        Tile("anys", 4, 2, isa.lanes, plain=False, staged=True),
        Tile("4x1", 4, 1, isa.lanes, plain=True),
        Tile("any", 4, 1, isa.lanes, plain=False),
    ]
    if isa.lanes > 4:
        tiles.append(Tile("few", 4, 1, 4, plain=False))
    return (*tiles, Tile("one", 4, 1, 1, plain=False))


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if problem.groups != problem.channels:
        groups = "one group" if problem.groups == 1 else f"{problem.groups} groups"
        return f"{problem.channels} channels in {groups}: not one channel a group"
    if problem.filters != problem.channels:
        return f"{problem.filters // problem.channels} filters a channel: only for one"
    return None if choices(problem, isa) else TOO_WIDE


def plain(problem: Problem) -> bool:
    """Whether nothing but a clamp follows the sums."""
    return not problem.residual and (problem.activation or "").replace("_", "") not in CURVED


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    if problem.output_layout == "NCHW":
        return affordable([_first(problem, isa)])
    fitting = [
        tile for tile in last_tiles(isa) if tile.block <= problem.channels and (plain(problem) or not tile.plain)
    ]
    return affordable([(_staged if tile.staged else _last)(problem, isa, tile) for tile in fitting])


def affordable(found: list[Choice]) -> list[Choice]:
    """Those whose copies are not too large: a long stride makes a register tile span much."""
    return [choice for choice in found if choice.workspace <= MOST_STAGE]


def _last(problem: Problem, isa: Isa, tile: Tile) -> Choice:
    across, blocks = -(-problem.out_width // tile.pixels), -(-problem.channels // tile.block)
    lines = problem.batch * problem.out_height
    rows = (
        max(1, min(problem.out_height, -(-lines // (TASKS * problem.threads))))
        if problem.threads > 1
        else problem.out_height
    )
    strips = problem.batch * -(-problem.out_height // rows)
    each = blocks
    while strips * -(-blocks // each) < problem.threads and each > 1:
        each = -(-each // 2)
    macs = lines * across * tile.pixels * blocks * tile.block * problem.taps
    tasks = strips * -(-blocks // each)
    threads = min(problem.threads, tasks)
    interior = problem.columns.interior
    whole = max(interior.stop // tile.pixels - -(-interior.start // tile.pixels), 0)
    inside = whole * len(problem.rows.interior) / (across * problem.out_height)
    # A tap of a tile costs its multiply-adds, its vectors of weights and some addresses; a masked one about twice that.
    work = tile.pixels * tile.vectors
    cycles = 1.8 * (problem.taps * (work * (2.2 - 1.2 * inside) + tile.vectors + 2) + 4 * work)
    cycles *= 1.0 if tile.plain else 1.5
    if tile.pixels > 4 and problem.columns.stride > 1:
        cycles *= 1.2  # many pixels with gaps between them are many cache lines
    seconds = cycles * lines * across * blocks * isa.lanes / problem.machine.peak / threads
    variant = f"{tile.name}_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", tile.pixels), ("channels", tile.block), ("rows of a task", rows), ("blocks of a task", each)),
        extra=(rows, each),
        seconds=max(seconds, problem.bytes / problem.machine.bandwidth / 4) + 2e-6,
        workspace=0,
        macs=macs,
    )


def _staged(problem: Problem, isa: Isa, tile: Tile) -> Choice:
    across, blocks = -(-problem.out_width // tile.pixels), -(-problem.channels // tile.block)
    wide = _read(problem.columns.stride, problem.columns.span, across * tile.pixels)

    def stage(rows: int) -> int:
        return 4 * tile.block * wide * _read(problem.rows.stride, problem.rows.span, rows)

    strips = 1
    while strips < problem.out_height and stage(-(-problem.out_height // strips)) > problem.machine.l2 // 4:
        strips += max(1, strips // 4)
    # Blocks of channels share nothing, strips of rows read some rows twice.
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    lines = problem.batch * strips
    each = min(blocks, max(1, blocks * lines // wanted))
    if lines * blocks < problem.threads:
        strips = min(problem.out_height, -(-problem.threads // (problem.batch * blocks)))
    rows = -(-problem.out_height // strips)
    strips = -(-problem.out_height // rows)
    tasks = problem.batch * strips * -(-blocks // each)
    threads = min(problem.threads, tasks)
    tiles = problem.batch * problem.out_height * across * blocks
    work = tile.pixels * tile.vectors
    cycles = tiles * (problem.taps * (1.2 * work + tile.vectors + 2) + (4 if tile.plain else 12) * work)
    cycles += problem.batch * strips * blocks * stage(rows) / 4 / isa.lanes * COPIED
    variant = f"{tile.name}_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", tile.pixels), ("channels", tile.block), ("rows of a task", rows), ("blocks of a task", each)),
        extra=(rows, each),
        seconds=max(
            cycles * isa.lanes / problem.machine.peak / threads * (-(-tasks // threads) * threads / tasks),
            problem.bytes / problem.machine.bandwidth / 4,
        )
        + 2e-6,
        workspace=threads * stage(rows),
        macs=tiles * tile.pixels * tile.block * problem.taps,
    )


def _first(problem: Problem, isa: Isa) -> Choice:
    high, vectors = FIRST_TILE
    across, down = -(-problem.out_width // (isa.lanes * vectors)), -(-problem.out_height // high)
    wide = _read(problem.columns.stride, problem.columns.span, across * isa.lanes * vectors)
    tall = _read(problem.rows.stride, problem.rows.span, high)
    budget = problem.machine.l2 // 2
    rows = max(1, min(down, budget // (4 * wide * tall)))
    strips = -(-down // rows)
    planes = problem.channels
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    while problem.batch * strips * -(-problem.channels // planes) < wanted and planes > 1:
        planes = -(-planes // 2)
    tasks = problem.batch * strips * -(-problem.channels // planes)
    threads = min(problem.threads, tasks)
    tiles = problem.batch * problem.channels * across * down
    macs = tiles * high * isa.lanes * vectors * problem.taps
    variant = "plain_nchw" if plain(problem) else "nchw"
    loads = {1: 1, 2: 3}.get(problem.columns.stride, 12)
    cycles = problem.taps * (high * vectors * (1 + loads) / 2 + 2) + 10 * high * vectors + 2 * tall
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(
            ("pixels", isa.lanes * vectors),
            ("rows", high),
            ("rows of a task", rows * high),
            ("planes of a task", planes),
        ),
        extra=(rows, planes, wide),
        seconds=max(
            cycles * tiles * isa.lanes / problem.machine.peak / threads, problem.bytes / problem.machine.bandwidth / 4
        )
        + 2e-6,
        workspace=threads * 4 * wide * _read(problem.rows.stride, problem.rows.span, rows * high),
        macs=macs,
        row_step=high,
    )


def _read(stride: int, span: int, outputs: int) -> int:
    """Cells that so many outputs in a row read between them."""
    return Window(outputs, dilation=stride).span + span - 1


def pack(choice: Choice, weight: Array) -> Array:
    """(ky, kx, channels), the last padded to `spread`; `weight` is (channels, 1, ky, kx)."""
    filters, _, high, wide = weight.shape
    packed = np.zeros((high, wide, spread(filters)), np.float32)
    packed[..., :filters] = weight[:, 0].transpose(1, 2, 0)
    return packed


def spread(channels: int) -> int:
    """At least `channels`, and an odd number of cache lines, so that the weights of all taps of a channel lie in different
    places of the cache.
    """
    return 16 * (-(-channels // 16) | 1)
