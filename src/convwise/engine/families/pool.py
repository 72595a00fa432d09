"""The pooling kernels: which tile, how large the tasks are, and what they divide by."""

from __future__ import annotations

from convwise.axis import Window
from convwise.engine.families.depthwise import TASKS, TOO_WIDE, affordable
from convwise.engine.isa import Isa, symbol
from convwise.engine.problem import Choice, Problem

NAME = "pool"
PIXELS = 4
"""Channels last: outputs of a row that one register tile holds."""
ROWS = 4
"""Channels first: rows of one vector of outputs that one register tile holds."""


def lanes_of(isa: Isa) -> dict[str, int]:
    """The widths of the programs for channels last, by name: the widest that the channels fill is taken."""
    return {"wide": isa.lanes, "few": 4, "one": 1} if isa.lanes > 4 else {"wide": isa.lanes, "one": 1}


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind not in ("max", "average"):
        return "only for maximum and average pooling"
    return None if choices(problem, isa) else TOO_WIDE


def divisors(problem: Problem, count_padding: bool = False, divisor: int | None = None) -> tuple[int, ...]:
    """What the programs take behind `Choice.extra`: the divisor or 0, and from where to where cells count, across and down.

    Cells are data positions: 0 is the first; with `count_padding` the padding counts too, but never what `ceil` adds.
    """
    ends = []
    for axis in (problem.columns, problem.rows):
        ends += [-axis.pad_low, axis.size + axis.pad_high] if count_padding else [0, axis.size]
    return (divisor or 0, *ends)


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    """`extra` lacks the five numbers of `divisors`, which follow it."""
    if problem.output_layout == "NCHW":
        return affordable([_first(problem, isa)])
    widths = {name: lanes for name, lanes in lanes_of(isa).items() if lanes <= problem.channels}
    return [_last(problem, isa, *max(widths.items(), key=lambda width: width[1]))]


def _last(problem: Problem, isa: Isa, name: str, lanes: int) -> Choice:
    across, blocks = -(-problem.out_width // PIXELS), -(-problem.channels // lanes)
    lines = problem.batch * problem.out_height
    rows = problem.out_height
    if problem.threads > 1:
        rows = max(1, min(rows, lines // (TASKS * problem.threads)))
    strips = problem.batch * -(-problem.out_height // rows)
    each = blocks
    while strips * -(-blocks // each) < problem.threads and each > 1:
        each = -(-each // 2)
    threads = min(problem.threads, strips * -(-blocks // each))
    cycles = lines * across * blocks * PIXELS * (2 * problem.taps + 4)
    variant = f"{problem.kind}_{name}_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", PIXELS), ("channels", lanes), ("rows of a task", rows), ("blocks of a task", each)),
        extra=(rows, each),
        seconds=_seconds(problem, isa, cycles, threads),
        workspace=4 * (problem.out_width + problem.out_height),
        macs=lines * across * PIXELS * blocks * lanes * problem.taps,
    )


def _first(problem: Problem, isa: Isa) -> Choice:
    across, down = -(-problem.out_width // isa.lanes), -(-problem.out_height // ROWS)
    columns, lines = problem.columns, problem.rows
    wide = Window(across * isa.lanes, dilation=columns.stride).span + columns.span - 1
    wide = -(-wide // isa.lanes) * isa.lanes

    def stage(rows: int) -> int:
        return 4 * wide * (Window(rows * ROWS, dilation=lines.stride).span + lines.span - 1)

    rows = down
    while rows > 1 and stage(rows) > problem.machine.l2 // 2:
        rows = -(-rows // 2)
    strips, planes = -(-down // rows), problem.channels
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    while problem.batch * strips * -(-problem.channels // planes) < wanted and planes > 1:
        planes = -(-planes // 2)
    threads = min(problem.threads, problem.batch * strips * -(-problem.channels // planes))
    tiles = problem.batch * problem.channels * across * down
    cycles = tiles * ROWS * (problem.taps * (2 if columns.stride < 3 else 12) + 6)
    variant = f"{problem.kind}_nchw"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("pixels", isa.lanes), ("rows", ROWS), ("rows of a task", rows * ROWS), ("planes of a task", planes)),
        extra=(rows, planes, wide),
        seconds=_seconds(problem, isa, cycles, threads),
        workspace=threads * stage(rows),
        macs=tiles * ROWS * isa.lanes * problem.taps,
        row_step=ROWS,
    )


def _seconds(problem: Problem, isa: Isa, cycles: float, threads: int) -> float:
    return (
        max(cycles * isa.lanes / problem.machine.peak / threads, problem.bytes / problem.machine.bandwidth / 4) + 2e-6
    )
