"""The depthwise kernels: which tile, how large the tasks are, and how the weights lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd

import numpy as np

from convwise.engine.arrays import Array
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import FAR, MOST_WORKSPACE, Choice, Problem
from convwise.engine.tiles import RUN

NAME = "depthwise"
USUAL = ((3, 1), (3, 2), (5, 1), (5, 2), (7, 1))
"""Kernel sides and strides of the depthwise layers of most networks."""
NEAR = ((3, 1), (3, 2))
"""Those of them whose tiles fit the registers with all that they read."""
STEPS = (3, 2)
"""The one that has such tiles with channels first."""
MULTIPLIERS = (2, 4)
"""Filters a channel, channels last, for which there are tiles of their own."""
FIRST_TILE = (7, 1)
"""Channels first: rows and vectors of outputs that one register tile holds."""
RAGGED = 2
"""Vectors of channels from which on one that is not full costs less than runs do."""
TASKS = 4
"""Tasks for each thread, so that a thread that was held up leaves work for the others."""
TOO_WIDE = f"what it would copy of the input takes more than {MOST_WORKSPACE // 10**6} MB and than the output"
TOGETHER = 4
"""Blocks of channels of a task at least, where threads deal them out."""
COPIED, READ = 12.0, 4.0
"""Multiply-adds of a vector in whose time one is copied with its padding, and read for the first time between others."""
UNALIGNED = 2.5
"""How much longer a multiply-add takes that reads a run anywhere."""
RUN_COPIED, RUN_BEGUN, TAKEN = 4.0, 1000.0, 10.0
"""Multiply-adds of a vector in whose time one of a run is copied, a task finds its biases, and a step along a row is taken."""
PAGE, STRODE, ALIASED = 4096, 3.0, 3.0
"""Bytes between pixels at which every vector lies in a page of its own and in the same place of the first cache; what copying
one takes more where they come from beyond the second cache, and where they drive each other out of the first.
"""
ADDRESSED, LOOPED, EDGE = 70.0, 10.0, 3.0
"""Multiply-adds in whose time a tile without a stage finds its addresses, and those of one tap; how much longer one at the
border takes.
"""
WALKED = 100.0
"""Multiply-adds in whose time a tile in registers with a step of 1 finds its addresses, once for all blocks of channels, which
follow each other.
"""
APART = 15.0
"""Multiply-adds of a vector in whose time an output waits where threads deal out blocks of channels: what they write lies in
neighbouring cache lines.
"""
SLOWED = 2.5
"""How much longer copying takes where no cache holds input and output."""
TURNED, LAID = 3.0, 1.0
"""Multiply-adds of a vector in whose time one of planes is turned, and then laid beside its padding."""
LOADS = {1: 1, 2: 4}
"""Loads in whose time a vector of a plane's row is read in steps of so many cells; in longer steps number by number."""
PARTED, CLEARED = 1.0, 0.8
"""Multiply-adds of a vector in whose time one is parted from the cells between its own, and what lies beside the plane is cleared."""
CROWDED = 4096
"""Vectors of a plane, of its copy with padding and of its results, from which on turning them takes twice as long."""


@dataclass(frozen=True, slots=True)
class Tile:
    """`pixels` outputs of `rows` rows and one vector of `lanes` channels, `filters` of each input channel.

    A `staged` one copies a vector's part of the input with its padding, so that no tile has an edge, each channel as often as it has
    filters. A `near` one holds all that it reads in registers.
    """

    name: str
    pixels: int
    rows: int
    lanes: int
    staged: bool = False
    near: bool = False
    filters: int = 1


def last_tiles(isa: Isa) -> tuple[Tile, ...]:
    """The tiles for channels last, wide ones first; the last one takes any number of channels."""
    most = 7 if isa.registers == 32 else 4
    tiles = [
        *(Tile(f"{wide}x2s", wide, 2, isa.lanes, staged=True) for wide in sorted({most, 4}, reverse=True)),
        *(Tile(f"4x2s{many}", 4, 2, isa.lanes, staged=True, filters=many) for many in MULTIPLIERS),
        Tile("near", 2, near_rows(isa), isa.lanes, near=True),
        Tile("4x2", 4, 2, isa.lanes),
        Tile("any", 4, 1, isa.lanes),
    ]
    if isa.lanes > 4:
        tiles.append(Tile("few", 4, 1, 4))
    return (*tiles, Tile("one", 4, 1, 1))


def near_rows(isa: Isa) -> int:
    """Rows of a tile that holds all that it reads in registers."""
    return 4 if isa.registers == 32 else 2


def flat_tiles(isa: Isa) -> tuple[Tile, ...]:
    """Those of small planes, which are turned: worth it where a vector is much of a row."""
    wide = () if isa.lanes < 8 else (14, 7) if isa.registers == 32 else (7,)
    return tuple(Tile(f"flat{pixels}", pixels, 1, isa.lanes, staged=True) for pixels in wide)


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if problem.groups != problem.channels:
        groups = "one group" if problem.groups == 1 else f"{problem.groups} groups"
        return f"{problem.channels} channels in {groups}: not one channel a group"
    many = problem.filters // problem.channels
    if many > 1 and (many not in MULTIPLIERS or problem.output_layout == "NCHW" or problem.filters < isa.lanes):
        some = " and ".join(map(str, MULTIPLIERS))
        return f"{many} filters a channel: only for one, and {some} with channels last and {isa.lanes} filters or more"
    return None if choices(problem, isa) else TOO_WIDE


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    if problem.output_layout == "NCHW":
        found = [_flat(problem, isa, tile) for tile in flat_tiles(isa)] if _turns(problem, isa) else []
        small = [choice for choice in found if choice.workspace <= problem.machine.l2 * problem.threads]
        near = [_near_planes(problem, isa)] if _by_steps(problem, isa) else []
        return affordable(problem, [_first(problem, isa), *near, *small])
    many = problem.filters // problem.channels
    alike = [tile for tile in last_tiles(isa) if tile.filters == many and tile.lanes <= problem.filters]
    fitting = [tile for tile in alike if _takes(tile, problem)]
    runs = [_runs(problem, isa)] if many == 1 and problem.channels < RAGGED * isa.lanes else []
    return affordable(problem, [*(_last(problem, isa, tile) for tile in fitting), *runs])


def _takes(tile: Tile, problem: Problem) -> bool:
    """Without a stage, tiles of several rows leave out the products with padding."""
    if tile.near and not nearly(problem):
        return False
    return tile.staged or tile.near or tile.rows == 1 or problem.finite


def nearly(problem: Problem) -> bool:
    """Whether the kernel is one that is computed where the input lies."""
    return problem.dense and _square(problem) in NEAR


def _square(problem: Problem) -> tuple[int, int] | None:
    """Kernel and stride, where both axes have the same and no dilation."""
    columns, lines = problem.columns, problem.rows
    alike = columns.kernel == lines.kernel and columns.stride == lines.stride
    return (columns.kernel, columns.stride) if alike and columns.dilation == lines.dilation == 1 else None


def _by_steps(problem: Problem, isa: Isa) -> bool:
    """Whether planes are computed where they lie, in steps: the first tile and the last of a row read whole vectors of it."""
    columns = problem.columns
    if not problem.dense or _square(problem) != STEPS or columns.out < isa.lanes:
        return False
    starts = -columns.pad_low, (columns.out - isa.lanes) * columns.stride - columns.pad_low
    ends = (min(start + columns.spanned(isa.lanes), columns.size) for start in starts)
    return all(end - max(start, 0) >= isa.lanes for start, end in zip(starts, ends, strict=True))


def affordable(problem: Problem, found: list[Choice]) -> list[Choice]:
    """Those whose copies are not too large: a long stride makes a register tile span much."""
    return [choice for choice in found if choice.workspace <= problem.most_workspace]


def _last(problem: Problem, isa: Isa, tile: Tile) -> Choice:
    across, down = -(-problem.out_width // tile.pixels), -(-problem.out_height // tile.rows)
    blocks = -(-problem.filters // tile.lanes)
    columns, lines = problem.columns, problem.rows
    wide = columns.spanned(across * tile.pixels)

    def stage(rows: int) -> int:
        return 4 * tile.lanes * wide * lines.spanned(rows * tile.rows) if tile.staged else 0

    rows, each = (staged_task if tile.staged else read_task)(problem, down, blocks, stage)
    strips = -(-down // rows)
    tasks = problem.batch * strips * -(-blocks // each)
    threads = min(problem.threads, tasks)
    tiles, work = problem.batch * across * down * blocks, tile.pixels * tile.rows
    products = problem.taps * (work + 2 + (0 if tile.staged or tile.near else LOOPED))
    cycles: float = tiles * (products + 4 * work)
    vectors = -(-tile.lanes // isa.lanes) * problem.batch * blocks
    if tile.staged:
        cycles += vectors * strips * stage(rows) / 4 / tile.lanes * copied(problem)
        if problem.threads > 1 and each < blocks:
            cycles += vectors * problem.out_height * problem.out_width * APART
    else:
        whole = max(columns.interior.stop // tile.pixels - -(-columns.interior.start // tile.pixels), 0)
        inside = whole * len(lines.interior) / (across * problem.out_height)
        cycles += vectors * problem.height * problem.width * READ
        walked = WALKED / blocks if problem.columns.stride == 1 else 0.0
        begun = walked if tile.near else ADDRESSED
        cycles += tiles * (begun + (1 - inside) * (EDGE - 1) * products)
    variant = f"{tile.name}_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(
            ("pixels", tile.pixels),
            ("rows", tile.rows),
            ("channels", tile.lanes),
            ("rows of a task", rows * tile.rows),
            ("blocks of a task", each),
        ),
        extra=(rows, each, wide),
        seconds=_expected(problem, isa.lanes, cycles, tasks),
        workspace=threads * stage(rows),
        macs=tiles * work * tile.lanes * problem.taps,
        row_step=tile.rows,
        together=True,
    )


def _runs(problem: Problem, isa: Isa) -> Choice:
    """Rows of cells and their channels as one run."""
    (high, vectors), channels = RUN, problem.channels
    columns, lines, block = problem.columns, problem.rows, vectors * isa.lanes
    behind = (columns.span - 1) * channels
    tiles_across = -(-(columns.spanned(problem.out_width) * channels - behind) // block)
    length = tiles_across * block
    wide = length + behind
    down = -(-problem.out_height // high)

    def stage(rows: int) -> int:
        return 4 * wide * lines.spanned(rows * high)

    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    rows = max(1, min(down, problem.batch * down // wanted))
    while rows > 1 and stage(rows) > problem.machine.l2 // 4:
        rows = -(-rows // 2)
    strips = -(-down // rows)
    rows = -(-down // strips)
    tasks = problem.batch * strips
    threads = min(problem.threads, tasks)
    tiles, work = problem.batch * down * tiles_across, vectors * high
    cycles: float = tiles * (problem.taps * (work * UNALIGNED + vectors) + 4 * work)
    cycles += tasks * (stage(rows) / 4 / isa.lanes * RUN_COPIED + RUN_BEGUN)
    if columns.stride > 1:
        cycles += problem.batch * problem.out_height * problem.out_width * TAKEN * -(-channels // isa.lanes)
    return Choice(
        family=NAME,
        variant="runs_nhwc",
        symbol=symbol(NAME, "runs_nhwc", isa),
        tiles=(("numbers", block), ("rows", high), ("rows of a task", rows * high)),
        extra=(rows, wide, length),
        seconds=_expected(problem, isa.lanes, cycles, tasks),
        workspace=threads * (stage(rows) + 4 * length * high),
        macs=tiles * work * isa.lanes * problem.taps,
        row_step=high,
        together=True,
    )


def copied(problem: Problem) -> float:
    """Multiply-adds of a vector in whose time one is copied: longer where the next pixel's lies far off."""
    step = 4 * problem.channels
    far = step * problem.height * problem.width > problem.machine.l2
    slowed = SLOWED if problem.bytes > FAR else 1.0
    return COPIED * slowed * (1 + ALIASED * gcd(step, PAGE) / PAGE + (STRODE * min(step / PAGE, 1) if far else 0))


def read_task(problem: Problem, down: int, blocks: int, _: object) -> tuple[int, int]:
    """Rows of tiles and blocks of channels of one task: blocks lie side by side in cache lines, so rows are dealt out first."""
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    rows = max(1, min(down, problem.batch * down // wanted))
    strips = problem.batch * -(-down // rows)
    return rows, max(1, blocks // -(-problem.threads // strips))


def staged_task(problem: Problem, down: int, blocks: int, stage: Callable[[int], int]) -> tuple[int, int]:
    """Rows of tiles and blocks of channels of one task: a stage lies in a part of L2, and every thread has some tasks.

    Strips of rows read some rows twice, so blocks of channels are dealt out first, some together: what threads write side by side
    lies in neighbouring cache lines.
    """
    strips = 1
    while strips < down and stage(-(-down // strips)) > problem.machine.l2 // 4:
        strips += max(1, strips // 4)
    if problem.threads == 1:
        return -(-down // strips), blocks
    wanted = TASKS * problem.threads
    each = min(blocks, max(TOGETHER, blocks * problem.batch * strips // wanted))
    parts = -(-blocks // each)
    while problem.batch * strips * parts < 2 * problem.threads and strips < down:
        strips = min(2 * strips, down)
    if problem.batch * strips * parts < problem.threads:
        parts = min(blocks, -(-problem.threads // (problem.batch * strips)))
    return -(-down // strips), -(-blocks // parts)


def _single(problem: Problem) -> bool:
    """Whether the kernel is 3x3 in single steps."""
    return all(axis.kernel == 3 and axis.stride == axis.dilation == 1 for axis in (problem.rows, problem.columns))


def _each(problem: Problem, strips: int, blocks: int) -> int:
    """Blocks of one task, so that every thread has some tasks."""
    wanted, each = TASKS * problem.threads if problem.threads > 1 else 1, blocks
    while problem.batch * strips * -(-blocks // each) < wanted and each > 1:
        each = -(-each // 2)
    return each


def _expected(problem: Problem, lanes: int, cycles: float, tasks: int) -> float:
    """Seconds: the slowest thread's, or what memory allows at best."""
    threads = min(problem.threads, tasks)
    uneven = -(-tasks // threads) * threads / tasks
    working = cycles * lanes / problem.machine.peak / threads * uneven
    return max(working, problem.bytes / problem.machine.bandwidth / 4) + 2e-6


def _first(problem: Problem, isa: Isa) -> Choice:
    high, vectors = FIRST_TILE
    across, down = -(-problem.out_width // (isa.lanes * vectors)), -(-problem.out_height // high)
    wide = problem.columns.spanned(across * isa.lanes * vectors)
    wide = -(-wide // isa.lanes) * isa.lanes
    tall = problem.rows.spanned(high)
    budget = problem.machine.l1
    rows = max(1, min(down, budget // (4 * wide * tall)))
    strips = -(-down // rows)
    planes = _each(problem, strips, problem.channels)
    tasks = problem.batch * strips * -(-problem.channels // planes)
    threads = min(problem.threads, tasks)
    tiles = problem.batch * problem.channels * across * down
    macs = tiles * high * isa.lanes * vectors * problem.taps
    variant = "rows_nchw" if _single(problem) else "plain_nchw"
    loads = LOADS.get(problem.columns.stride, 12)
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
        workspace=threads * 4 * wide * problem.rows.spanned(rows * high),
        macs=macs,
        row_step=high,
        together=True,
    )


def _near_planes(problem: Problem, isa: Isa) -> Choice:
    """Planes where they lie, parted into even and odd cells in registers."""
    rows, lanes, (columns, lines) = near_rows(isa), isa.lanes, (problem.columns, problem.rows)
    across, down = -(-problem.out_width // lanes), -(-problem.out_height // rows)
    tall = lines.spanned(rows)
    planes = _each(problem, 1, problem.channels)
    tasks = problem.batch * -(-problem.channels // planes)
    tiles = problem.batch * problem.channels * across * down
    inside = max(columns.interior.stop // lanes - -(-columns.interior.start // lanes), 0) / across
    parted = columns.kernel * tall
    cycles = tiles * (problem.taps * rows + parted * PARTED + (1 - inside) * parted * CLEARED)
    return Choice(
        family=NAME,
        variant="near_nchw",
        symbol=symbol(NAME, "near_nchw", isa),
        tiles=(("pixels", lanes), ("rows", rows), ("planes of a task", planes)),
        extra=(planes,),
        seconds=_expected(problem, lanes, cycles, tasks),
        workspace=4 * min(problem.threads, tasks) * -(-columns.spanned(lanes) // lanes) * lanes * tall,
        macs=tiles * rows * lanes * problem.taps,
        row_step=rows,
        together=True,
    )


def _turns(problem: Problem, isa: Isa) -> bool:
    """Whether planes may be turned: rows follow each other, and a plane fills a square."""
    return problem.dense and problem.height * problem.width >= isa.lanes


def _flat(problem: Problem, isa: Isa, tile: Tile) -> Choice:
    lanes, lines = isa.lanes, problem.rows
    across, blocks = -(-problem.out_width // tile.pixels), -(-problem.channels // lanes)
    wide = problem.columns.spanned(across * tile.pixels)
    cells, results = problem.height * problem.width, problem.out_height * problem.out_width
    staged = wide * lines.spanned(problem.out_height)
    each = _each(problem, 1, blocks)
    tasks = problem.batch * -(-blocks // each)
    threads = min(problem.threads, tasks)
    tiles, planes = across * problem.out_height, problem.batch * blocks
    room = cells + staged + results + tile.pixels + lanes
    turned = (cells + results) * TURNED * problem.machine.shuffling * (2 if room > CROWDED else 1)
    cycles = planes * (tiles * (problem.taps * (tile.pixels + 2) + 2 * tile.pixels) + turned + staged * LAID)
    variant = f"{tile.name}_nchw"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", tile.pixels), ("channels", lanes), ("blocks of a task", each)),
        extra=(each, wide, problem.out_width),
        seconds=_expected(problem, lanes, cycles, tasks),
        workspace=threads * 4 * lanes * room,
        macs=planes * tiles * tile.pixels * lanes * problem.taps,
        row_step=problem.out_height,
        strip=lanes,
        together=True,
    )


def pack(choice: Choice, weight: Array) -> Order:
    """(ky, kx, channels), the last padded to `spread`; `weight` is (channels, 1, ky, kx). For runs the channels come again as
    often as a block that begins with any of them reads.
    """
    if choice.variant.startswith("runs"):
        channels, _, high, wide = weight.shape
        again = 1 + -(-dict(choice.tiles)["numbers"] // channels)
        repeated = np.broadcast_to(weight.transpose(0, 2, 3, 1), (channels, high, wide, again))
        return Order(repeated, channels, (high, wide, again * channels))
    padded = spread(len(weight))
    return Order(weight.transpose(0, 2, 3, 1), padded, (*weight.shape[2:], padded))


def spread(channels: int) -> int:
    """At least `channels`, and an odd number of cache lines, so that the weights of all taps of a channel lie in different
    places of the cache.
    """
    return 16 * (-(-channels // 16) | 1)
