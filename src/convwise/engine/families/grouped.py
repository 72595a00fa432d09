"""The kernels for many small groups: which one, how large the tasks are, and how the weights lie."""

from __future__ import annotations

import numpy as np

from convwise.engine.arrays import Array
from convwise.engine.families.depthwise import COPIED, LOADS, TASKS, TOO_WIDE, affordable, copied, spread, staged_task
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import Choice, Problem

NAME = "grouped"
ANY_PIXELS = 7
LAID = 2
"""Multiply-adds in whose time a cell is laid beside those of its tile."""
LATE = 1.2
"""How much longer the kernel for any groups takes than its multiply-adds and its spreading: measured beside the direct ones."""
COUNTED = 10
"""Multiply-adds of a vector in whose time the loop over a group's channels begins and ends, once for every tap."""
SHUFFLED, LAID_OVER, GATHERED = 4.0, 3.0, 1.5
"""Multiply-adds of a vector in whose time a register's numbers spread one by the outputs that read it; or the first group's number,
to which each further one adds one, where they lie too far apart; or a lane's alone where neither is there.
"""
MOST_SUMMED = 64
"""Planes of a group at most: all taps of them are one sum, and long ones lose digits."""
MOST_EXACT = 2**24
"""Channel numbers lie among the weights as float32, which holds integers up to here."""


def rotations(isa: Isa) -> tuple[tuple[int, int], ...]:
    """Channels of a group, and the outputs of a row whose accumulators fit the registers with it."""
    room = 28 if isa.registers == 32 else 12
    return tuple((size, max(1, min(7, room // size))) for size in (2, 4, 8) if size <= isa.lanes)


def filled(isa: Isa) -> tuple[tuple[int, int], ...]:
    """Outputs of a row, and rows, of one register tile, for groups whose inputs are one vector: where a number of the memory is
    multiplied with all of one by a single instruction.
    """
    return ((7, 2), (14, 1)) if isa.lanes == 16 else ()


def planes(isa: Isa) -> tuple[tuple[int, int], ...]:
    """Channels first: outputs of a group, and the rows of them whose accumulators fit the registers with a weight of each."""
    return ((1, 7), (2, 7), (4, 5), (8, 2)) if isa.registers == 32 else ((1, 7), (2, 6), (4, 3), (8, 1))


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if problem.groups == 1 and not _fills(problem, isa):
        return "one group"
    if problem.channels >= MOST_EXACT:
        return f"{problem.channels:,} channels; at most {MOST_EXACT - 1:,}"
    return None if choices(problem, isa) else TOO_WIDE


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    found = [_any(problem, isa)] if problem.groups > 1 else []
    inner = problem.channels // problem.groups
    pixels = dict(rotations(isa)).get(inner)
    rotate = pixels is not None and problem.filters == problem.channels >= isa.lanes and problem.output_layout == "NHWC"
    if rotate and pixels is not None:
        found.append(_rotating(problem, isa, inner, pixels))
    if _fills(problem, isa):
        found += [_filled(problem, isa, tile) for tile in filled(isa)]
    filters = problem.filters // problem.groups
    if problem.output_layout == "NCHW" and inner <= MOST_SUMMED:
        found += [_planes(problem, isa, block, high) for block, high in planes(isa) if filters % block == 0]
    return affordable(problem, found)


def _fills(problem: Problem, isa: Isa) -> bool:
    """Whether a group's inputs are one vector, and its outputs whole ones."""
    whole = problem.channels // problem.groups == isa.lanes and problem.filters % (problem.groups * isa.lanes) == 0
    return whole and problem.output_layout == "NHWC" and bool(filled(isa))


def _planes(problem: Problem, isa: Isa, block: int, high: int) -> Choice:
    across, down = -(-problem.out_width // isa.lanes), -(-problem.out_height // high)
    columns, lines, inner = problem.columns, problem.rows, problem.channels // problem.groups
    wide = columns.spanned(across * isa.lanes)
    wide = -(-wide // isa.lanes) * isa.lanes

    def stage(rows: int) -> int:
        return 4 * inner * wide * lines.spanned(rows * high)

    rows = down
    while rows > 1 and stage(rows) > problem.machine.l2 // 2:
        rows = -(-rows // 2)
    wanted = -(-TASKS * problem.threads // problem.batch) if problem.threads > 1 else 1
    strips = -(-down // rows)
    each = max(1, problem.groups * strips // wanted)
    tasks = problem.batch * strips * -(-problem.groups // each)
    if tasks < problem.threads:
        rows = max(1, rows * tasks // problem.threads)
        strips = -(-down // rows)
        tasks = problem.batch * strips * -(-problem.groups // each)
    blocks = problem.filters // problem.groups // block
    tiles = problem.batch * problem.groups * blocks * across * down
    # A row's vector lies anywhere, in two cache lines most times.
    loading = high * (1 + LOADS.get(columns.stride, 12)) + block
    cycles = tiles * (problem.taps * inner * (high * block + loading / 2) + 8 * high * block)
    cycles += problem.batch * problem.groups * strips * stage(rows) / 4 / isa.lanes * COPIED
    variant = f"{block}planes_nchw"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(
            ("pixels", isa.lanes),
            ("rows", high),
            ("outputs", block),
            ("rows of a task", rows * high),
            ("groups of a task", each),
        ),
        extra=(rows, each, wide, blocks),
        seconds=_seconds(problem, isa, cycles, tasks),
        workspace=problem.threads * stage(rows),
        macs=tiles * high * block * isa.lanes * inner * problem.taps,
        row_step=high,
        together=True,
    )


def _tasks(problem: Problem, blocks: int, rows: int) -> tuple[int, int, int]:
    """Rows and blocks of channels of a task, at most `rows` of the first; and how many tasks that makes."""
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    rows = min(rows, max(1, problem.batch * problem.out_height // wanted), problem.out_height)
    strips = problem.batch * -(-problem.out_height // rows)
    each = blocks
    while strips * -(-blocks // each) < min(wanted, problem.threads) and each > 1:
        each = -(-each // 2)
    return rows, each, strips * -(-blocks // each)


def _rotating(problem: Problem, isa: Isa, size: int, pixels: int) -> Choice:
    across, blocks = -(-problem.out_width // pixels), -(-problem.channels // isa.lanes)
    wide = problem.columns.spanned(across * pixels)

    def stage(rows: int) -> int:
        return 4 * isa.lanes * wide * problem.rows.spanned(rows)

    rows, each = staged_task(problem, problem.out_height, blocks, stage)
    strips = problem.batch * -(-problem.out_height // rows)
    tasks = strips * -(-blocks // each)
    tiles = problem.batch * problem.out_height * across * blocks
    cycles = problem.taps * (pixels * size + size / 2) + pixels * (size + 8)
    vectors = strips * blocks * stage(rows) / 4 / isa.lanes
    return Choice(
        family=NAME,
        variant=f"{size}of{size}_nhwc",
        symbol=symbol(NAME, f"{size}of{size}_nhwc", isa),
        tiles=(("pixels", pixels), ("group", size), ("rows of a task", rows), ("blocks of a task", each)),
        extra=(rows, each, wide),
        seconds=_seconds(problem, isa, cycles * tiles + vectors * copied(problem), tasks),
        workspace=min(problem.threads, tasks) * stage(rows),
        macs=tiles * pixels * isa.lanes * size * problem.taps,
        together=True,
    )


def _filled(problem: Problem, isa: Isa, tile: tuple[int, int]) -> Choice:
    """The lanes are outputs of a group, whose inputs lie side by side in a stage."""
    (pixels, high), blocks = tile, problem.filters // isa.lanes
    across, down = -(-problem.out_width // pixels), -(-problem.out_height // high)
    wide = problem.columns.spanned(across * pixels)

    def stage(rows: int) -> int:
        return 4 * isa.lanes * wide * problem.rows.spanned(rows * high)

    rows, each = staged_task(problem, down, blocks, stage)
    strips = problem.batch * -(-down // rows)
    tasks = strips * -(-blocks // each)
    tiles, work = problem.batch * down * across * blocks, pixels * high
    cycles = problem.taps * (isa.lanes * (work + 1) + LAID * work) + work * 8
    vectors = strips * blocks * stage(rows) / 4 / isa.lanes
    variant = f"{pixels}x{high}_nhwc"
    named = (("pixels", pixels), ("rows", high), ("outputs", isa.lanes))
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(*named, ("rows of a task", rows * high), ("blocks of a task", each)),
        extra=(rows, each, wide, blocks // problem.groups),
        seconds=_seconds(problem, isa, cycles * tiles + vectors * copied(problem), tasks),
        workspace=min(problem.threads, tasks) * (stage(rows) + 4 * work * isa.lanes),
        macs=tiles * work * isa.lanes * isa.lanes * problem.taps,
        row_step=high,
        together=True,
    )


def _any(problem: Problem, isa: Isa) -> Choice:
    inner = problem.channels // problem.groups
    across, blocks = -(-problem.out_width // ANY_PIXELS), -(-problem.filters // isa.lanes)
    columns, lines = problem.columns, problem.rows
    wide = columns.spanned(across * ANY_PIXELS)

    def stage(rows: int) -> int:
        return inner * isa.lanes * wide * lines.spanned(rows)

    rows = problem.out_height
    while rows > 1 and 4 * stage(rows) > problem.machine.l2 // 2:
        rows = -(-rows // 2)
    rows, each, tasks = _tasks(problem, blocks, rows)
    strips = problem.batch * -(-problem.out_height // rows)
    tiles = problem.batch * problem.out_height * across * blocks
    gathers = strips * blocks * stage(rows) / isa.lanes
    cycles = LATE * (
        tiles * (problem.taps * (inner * (ANY_PIXELS + 3) + COUNTED) + 20 * ANY_PIXELS)
        + gathers * _spreading(problem, isa) * copied(problem) / COPIED
    )
    variant = f"any_{problem.output_layout.lower()}"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", ANY_PIXELS), ("lanes", isa.lanes), ("groups", problem.groups), ("rows of a task", rows)),
        extra=(rows, each, problem.filters // problem.groups),
        seconds=_seconds(problem, isa, cycles, tasks),
        workspace=4 * problem.threads * stage(rows),
        macs=tiles * ANY_PIXELS * isa.lanes * inner * problem.taps,
        together=True,
    )


def _spreading(problem: Problem, isa: Isa) -> float:
    """What one vector of a stage costs whose lanes read channels of several groups."""
    inner, filters = problem.channels // problem.groups, problem.filters // problem.groups
    several = min(-(-(isa.lanes - 1) // filters) + 1, problem.groups)
    if problem.input_layout == "NCHW" or not problem.dense or isa.lanes < 8:
        return GATHERED * isa.lanes
    if several * inner <= 2 * isa.lanes:
        return SHUFFLED
    return LAID_OVER + several if isa.lanes == 16 else GATHERED * isa.lanes


def _seconds(problem: Problem, isa: Isa, cycles: float, tasks: int) -> float:
    threads = min(problem.threads, tasks)
    return (
        max(cycles * isa.lanes / problem.machine.peak / threads, problem.bytes / problem.machine.bandwidth / 4) + 2e-6
    )


def pack(choice: Choice, weight: Array) -> Order | Array:
    """`weight` is (k, c / groups, ky, kx), all groups together.

    Rotating: (ky, kx, rotation, channel), where the lane of input channel c of a group holds its weight for output
    (c + rotation) of that group. Blocks of outputs: (block, ky, kx, c, k in block). Any: (block, ky + 1, kx, c, k in
    block), the last ky being the first channel that k reads.
    """
    tiles = dict(choice.tiles)
    filters, inner, high, wide = weight.shape
    if "group" in tiles:
        groups = weight.reshape(filters // inner, inner, inner, high, wide)
        channels = np.arange(inner)
        turned = [groups[:, (channels + rotation) % inner, channels] for rotation in range(inner)]
        packed = np.zeros((high, wide, inner, spread(filters)), np.float32)
        packed[..., :filters] = np.stack(turned).reshape(inner, filters, high, wide).transpose(2, 3, 0, 1)
        return packed
    if "outputs" in tiles:
        return Order.blocks(weight.transpose(0, 2, 3, 1), tiles["outputs"])
    return Order.blocks(weight.transpose(0, 2, 3, 1), tiles["lanes"])
