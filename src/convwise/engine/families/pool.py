"""The pooling kernels: which tile, how large the tasks are, and what they divide by."""

from __future__ import annotations

from convwise.engine.families.depthwise import (
    ADDRESSED,
    COPIED,
    EDGE,
    READ,
    TASKS,
    TOO_WIDE,
    affordable,
    read_task,
    staged_task,
)
from convwise.engine.isa import Isa, symbol
from convwise.engine.problem import Choice, Problem

NAME = "pool"
PIXELS, HIGH = 4, 2
"""Channels last: outputs of a row that one register tile holds, and its rows."""
USUAL_PIXELS = 2
"""The same for the usual kernels: no more, or less of the input would be on its way from memory at a time."""
ROWS = 4
"""Channels first: rows of one vector of outputs that one register tile holds."""
USUAL = ((2, 2), (3, 2), (3, 1))
"""Kernel sides and strides of the pools of most networks."""
AT_ONCE = 4
"""One window over all: sums of every channel that wait for no other."""


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
    if covered(problem) and (problem.output_layout == "NCHW" or not problem.dense):
        return [_whole_first(problem, isa)]
    if covered(problem) and problem.channels >= isa.lanes:
        return [_whole_last(problem, isa)]
    if problem.output_layout == "NCHW":
        return affordable(problem, [_first(problem, isa, lined(problem, isa))])
    widths = {name: lanes for name, lanes in lanes_of(isa).items() if lanes <= problem.channels}
    found = [_last(problem, isa, *max(widths.items(), key=lambda width: width[1]))]
    if problem.channels >= isa.lanes and usual(problem):
        found.append(_last(problem, isa, "usual", isa.lanes))
    elif problem.channels >= isa.lanes:
        found += affordable(problem, [_last(problem, isa, "staged", isa.lanes)])
    return found


def usual(problem: Problem) -> bool:
    """Whether the kernel is one of the usual ones, the channels are dense and every window of a maximum has data."""
    columns, lines = problem.columns, problem.rows
    alike = (
        columns.kernel == lines.kernel and columns.stride == lines.stride and columns.dilation == lines.dilation == 1
    )
    seeing = problem.kind == "average" or columns.blind == lines.blind == 0
    return alike and seeing and problem.dense and (columns.kernel, columns.stride) in USUAL


def lined(problem: Problem, isa: Isa) -> bool:
    """Whether the kernel is a usual one, a row has a whole vector of cells, and on either side no more of padding."""
    axis = problem.columns
    left = max(axis.pad_low, 0)
    cells = min(_wide(problem, isa) - left, problem.width - max(-axis.pad_low, 0))
    right = axis.spanned(problem.out_width) - left - cells
    return usual(problem) and cells >= isa.lanes >= max(left, right)


def _wide(problem: Problem, isa: Isa) -> int:
    """Cells of a row that all its tiles see, in whole vectors."""
    across = -(-problem.out_width // isa.lanes)
    return -(-problem.columns.spanned(across * isa.lanes) // isa.lanes) * isa.lanes


def covered(problem: Problem) -> bool:
    """Whether there is one window, without gaps, and all of it is data."""
    return all(
        axis.out == 1 and len(axis.interior) == 1 and axis.pad_low == 0 and (axis.dilation == 1 or axis.kernel == 1)
        for axis in (problem.rows, problem.columns)
    )


def together_of(isa: Isa) -> tuple[int, ...]:
    """Channels last, one window over all: how many vectors of channels may be summed side by side."""
    return (16, 8, 4, 2, 1) if isa.registers == 32 else (8, 4, 2, 1)


def _whole_last(problem: Problem, isa: Isa) -> Choice:
    """`extra` is how many vectors lie side by side, how many such groups a task takes, and how many rows.

    Rows are dealt out before channels, for what lies side by side is read faster.
    """
    vectors = next(each for each in together_of(isa) if each * isa.lanes <= problem.channels)
    groups, high = -(-problem.channels // (vectors * isa.lanes)), problem.rows.kernel
    wanted = -(-problem.threads // problem.batch)
    lines = -(-high // min(high, wanted))
    parts = -(-high // lines)
    each = -(-groups // -(-wanted // parts))
    threads = min(problem.threads, problem.batch * parts * -(-groups // each))
    cells = problem.batch * problem.taps
    variant = f"{problem.kind}_whole_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("channels", vectors * isa.lanes), ("blocks of a task", each), ("rows of a task", lines)),
        extra=(vectors, each, lines),
        seconds=_seconds(problem, isa, cells * groups * vectors * 2.0, threads),
        workspace=4 * problem.batch * problem.channels * parts,
        macs=cells * groups * vectors * isa.lanes,
        together=True,
    )


def _whole_first(problem: Problem, isa: Isa) -> Choice:
    """`extra` is how many planes a task takes."""
    wanted = -(-TASKS * problem.threads // problem.batch) if problem.threads > 1 else 1
    each = -(-problem.channels // wanted)
    threads = min(problem.threads, problem.batch * -(-problem.channels // each))
    variant = f"{problem.kind}_whole_nchw"
    cycles = problem.batch * problem.channels * (problem.taps / isa.lanes * 2 + 60)
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(("planes of a task", each),),
        extra=(each,),
        seconds=_seconds(problem, isa, cycles, threads),
        workspace=threads * 8 * AT_ONCE * isa.lanes,
        macs=problem.batch * problem.taps * problem.channels,
        together=True,
    )


def _last(problem: Problem, isa: Isa, name: str, lanes: int) -> Choice:
    """The tile called `name`; a "staged" one copies a vector of channels with its padding, as depthwise ones do."""
    columns, lines, staged = problem.columns, problem.rows, name == "staged"
    pixels = USUAL_PIXELS if name == "usual" else PIXELS
    across, down, blocks = (
        -(-problem.out_width // pixels),
        -(-problem.out_height // HIGH),
        -(-problem.channels // lanes),
    )
    wide = columns.spanned(across * pixels)

    def stage(rows: int) -> int:
        read = lines.spanned(rows * HIGH)
        return 4 * lanes * wide * read if staged else 0

    rows, each = (staged_task if staged else read_task)(problem, down, blocks, stage)
    strips = -(-down // rows)
    tasks = problem.batch * strips * -(-blocks // each)
    threads = min(problem.threads, tasks)
    tiles, work = problem.batch * across * down * blocks, pixels * HIGH
    joins = problem.taps * (work * (3 if problem.kind == "max" else 1) + 2)
    cycles: float = tiles * (joins + 8 * work)
    if staged:
        cycles += problem.batch * blocks * strips * stage(rows) / 4 / lanes * COPIED
    else:
        whole = max(columns.interior.stop // pixels - -(-columns.interior.start // pixels), 0)
        inside = whole * len(lines.interior) / (across * problem.out_height)
        cycles += problem.batch * blocks * problem.height * problem.width * READ
        cycles += 0 if name == "usual" else tiles * (ADDRESSED + (1 - inside) * (EDGE - 1) * joins)
    cycles *= -(-tasks // threads) * threads / tasks
    variant = f"{problem.kind}_{name}_nhwc"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(
            ("pixels", pixels),
            ("rows", HIGH),
            ("channels", lanes),
            ("rows of a task", rows * HIGH),
            ("blocks of a task", each),
        ),
        extra=(rows, each, wide) if staged else (rows, each),
        seconds=_seconds(problem, isa, cycles, threads),
        workspace=4 * (problem.out_width + problem.out_height) + threads * stage(rows),
        macs=tiles * work * lanes * problem.taps,
        row_step=HIGH,
        together=True,
    )


def _first(problem: Problem, isa: Isa, alike: bool) -> Choice:
    across, down = -(-problem.out_width // isa.lanes), -(-problem.out_height // ROWS)
    columns, lines = problem.columns, problem.rows
    wide = _wide(problem, isa)

    def stage(rows: int) -> int:
        return 4 * wide * (ROWS if alike else lines.spanned(rows * ROWS))

    rows = down
    while rows > 1 and stage(rows) > problem.machine.l1:
        rows = -(-rows // 2)
    strips, planes = -(-down // rows), problem.channels
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    while problem.batch * strips * -(-problem.channels // planes) < wanted and planes > 1:
        planes = -(-planes // 2)
    threads = min(problem.threads, problem.batch * strips * -(-problem.channels // planes))
    tiles = problem.batch * problem.channels * across * down
    cycles = tiles * ROWS * (problem.taps * (2 if columns.stride < 3 else 12) + 6)
    variant = f"{problem.kind}_usual_nchw" if alike else f"{problem.kind}_nchw"
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
        together=True,
    )


def _seconds(problem: Problem, isa: Isa, cycles: float, threads: int) -> float:
    return (
        max(cycles * isa.lanes / problem.machine.peak / threads, problem.bytes / problem.machine.bandwidth / 4) + 2e-6
    )
