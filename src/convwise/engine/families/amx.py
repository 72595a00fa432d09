"""Convolution by the tile registers of x86 processors (AMX): when it can be used, how large its tasks are, and how its weights lie.

Each float32 number is split into three of 8 bits of precision (bfloat16), exactly, and six of the nine products of two numbers' parts are
added up, those of the first parts last. So the result is that of float32 sums, and not that of bfloat16.

Processors slow these instructions down when they draw too much power: on an Emerald Rapids whose cores other programs shared, to two fifths for
most of the time that two threads used them. At full speed they are faster than the direct kernels, slowed down they are not, and no
cost model can know which holds. So this family runs where it is named, or where measuring (`tune=True`) finds it the fastest.

Rounding: at most 2e-6 of the largest output on unit-variance data, as of the direct kernels. Parts below 1.2e-38 count as 0: of numbers below
1e-33 digits are lost, and nothing else. Outputs whose windows read a NaN or an infinity are added up one by one, as plainly as
slowly.
"""

from __future__ import annotations

from dataclasses import dataclass

from convwise import machine
from convwise.engine.arrays import Array
from convwise.engine.isa import AVX512, Isa, symbol
from convwise.engine.order import Parts
from convwise.engine.problem import Choice, Problem

NAME = machine.AMX
VARIANT = "bf16x3"
MOST_GROUPS = 8
BLOCK = 32
"""Output channels of two tile registers."""
SIDE = 16
"""Outputs of a tile register."""
DEEP = 32
"""Numbers of a row of one that are multiplied."""
PARTS = 3
ALIAS = 128
"""Cells of a multiple of so many channels fall on few places of the first cache; DEEP more spread them."""

# Costs in cycles of a core that does a vector multiply-add in each, as the other families count.
STEP = 800.0  # the products of two tiles of outputs by a block of channels for DEEP numbers, at full speed
SPLIT = {"NHWC": 4.0, "NCHW": 7.0}  # of a vector of input numbers: read, split, stored
BLANK = 1.0  # of a vector of padding
APART = 5.0  # times as much where the channels of a cell do not lie side by side
STORED = {"NHWC": 6.0, "NCHW": 10.0}  # of a vector of outputs
SPREAD = 0.1  # of the time of the products, where what a task reads takes a whole cache more than the second one
TASK = 3000.0  # handing it out, and shaping the tile registers
HELD_UP = 0.15  # of a task's time, for which the other threads wait at the end


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if isa != AVX512 or not machine.flags().issuperset(machine.TILED):
        return "this processor has no tile registers for bfloat16 (amx_tile and amx_bf16)"
    if problem.groups > MOST_GROUPS:
        return f"{problem.groups} groups would be {problem.groups} calls; at most {MOST_GROUPS}"
    if not problem.finite:
        return "weights that are infinite or NaN cannot be split into parts"
    return None if choices(problem, isa) else "a task's input would not fit the workspace"


@dataclass(frozen=True, slots=True)
class Task:
    """Rows and columns of outputs, and blocks of output channels."""

    rows: int
    columns: int
    blocks: int


@dataclass(frozen=True, slots=True)
class Parted:
    """How the parts of a task's input lie: `pitch` cells a row, `cell` numbers from one to the next.

    `joined`: the taps of a row of the window are one run of numbers, else each is its own. `flat`: tiles of outputs go on from
    one row to the next.
    """

    pitch: int
    cell: int
    joined: bool
    flat: bool


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    found = {(task, parted) for task in _tasks(problem) for parted in _parted(problem, task)}
    made = (_choice(problem, isa, task, parted) for task, parted in found)
    return [choice for choice in made if choice.workspace <= problem.most_workspace]


def _tasks(problem: Problem) -> set[Task]:
    """Strips of rows, pieces of long rows, and groups of blocks, as equal as they can be."""
    filters = -(-problem.filters // problem.groups // BLOCK)
    wanted = [problem.threads * each for each in (1, 2, 4, 8)] if problem.threads > 1 else [1]
    found = set()
    for room in (problem.machine.l2, problem.machine.l2 // 2, problem.machine.l2 // 4):
        for count in wanted:
            for groups in (1, 2, 4, 8, 16, 32):
                if groups <= max(1, min(filters, 2 * count)):
                    found.add(_task(problem, room, -(-count // groups), -(-filters // groups)))
    return found


def _task(problem: Problem, room: int, wanted: int, blocks: int) -> Task:
    """One whose parts fit `room`, so that there are `wanted` of them at least where rows and columns allow."""
    columns, rows = problem.out_width, problem.out_height
    wanted = -(-wanted // problem.batch)
    while columns > 2 * SIDE and _bytes(problem, Task(1, columns, blocks)) > room:
        columns = _part(columns, 2)
    strips = max(1, -(-wanted * columns // problem.out_width))
    while strips < rows and _bytes(problem, Task(-(-rows // strips), columns, blocks)) > room:
        strips += max(1, strips // 4)
    rows = -(-rows // min(strips, rows))
    done = -(-problem.out_height // rows) * -(-problem.out_width // columns)
    if done < wanted and rows == 1:
        columns = _part(columns, -(-wanted // done))
    return Task(rows, columns, blocks)


def _part(columns: int, count: int) -> int:
    """One of `count` parts of a row, of whole pairs of tiles."""
    return min(columns, -(-columns // (2 * SIDE * count)) * 2 * SIDE)


def _bytes(problem: Problem, task: Task) -> int:
    """Of the parts of a task, about."""
    cells = problem.rows.spanned(task.rows) * problem.columns.spanned(task.columns)
    return 2 * PARTS * cells * (problem.channels // problem.groups)


def _parted(problem: Problem, task: Task) -> list[Parted]:
    """Windows whose taps lie side by side take whole steps of their rows' runs; channels that fill steps need no runs."""
    columns = problem.columns
    channels, spanned = problem.channels // problem.groups, columns.spanned(task.columns)
    joined = columns.dilation == 1 and columns.kernel > 1 and channels % DEEP != 0
    cell = channels + (DEEP if channels % ALIAS == 0 and not joined else 0)
    found = [Parted(spanned, cell, joined, flat=False)]
    step = columns.stride
    if task.columns == problem.out_width and task.rows > 1:
        # Where no cell is stepped over, the padding at the end of a row may be that of the next row's beginning.
        shared = max(columns.size + columns.pad_low, spanned - columns.pad_low)
        pitch = min(spanned, shared) if step == 1 and columns.pad_low >= 0 else -(-spanned // step) * step
        found.append(Parted(max(pitch, step * task.columns), cell, joined, flat=True))
    return found


def _choice(problem: Problem, isa: Isa, task: Task, parted: Parted) -> Choice:
    rows, columns = problem.rows, problem.columns
    extra = (task.rows, task.columns, task.blocks, rows.spanned(task.rows), parted.pitch, parted.cell)
    count = _count(problem, task)
    done = count * _tiles(problem, task, parted) * SIDE * task.blocks * BLOCK * steps(problem, parted.joined) * DEEP
    return Choice(
        family=NAME,
        variant=VARIANT,
        symbol=symbol(NAME, VARIANT, isa),
        tiles=(
            ("outputs", SIDE),
            ("channels", BLOCK),
            ("rows of a task", task.rows),
            ("columns of a task", task.columns),
            ("blocks of a task", task.blocks),
            ("taps of a run", columns.kernel if parted.joined else 1),
        ),
        extra=(*extra, columns.kernel, rows.kernel, int(parted.joined), int(parted.flat)),
        seconds=problem.groups * _cost(problem, task, parted) * isa.lanes / problem.machine.peak,
        workspace=_workspace(problem, task, parted),
        macs=problem.groups * done,
    )


def _count(problem: Problem, task: Task) -> int:
    filters = -(-problem.filters // problem.groups // BLOCK)
    across, down = -(-problem.out_width // task.columns), -(-problem.out_height // task.rows)
    return problem.batch * across * down * -(-filters // task.blocks)


def _tiles(problem: Problem, task: Task, parted: Parted) -> int:
    """Of a task, whole pairs."""
    if parted.flat:
        outputs = (task.rows - 1) * (parted.pitch // problem.columns.stride) + task.columns
        return -(-outputs // (2 * SIDE)) * 2
    return -(-task.rows * -(-task.columns // SIDE) // 2) * 2


def steps(problem: Problem, joined: bool) -> int:
    """Of a window, DEEP numbers each."""
    channels = problem.channels // problem.groups
    if joined:
        return problem.rows.kernel * -(-problem.columns.kernel * channels // DEEP)
    return problem.taps * -(-channels // DEEP)


def _cost(problem: Problem, task: Task, parted: Parted) -> float:
    """In cycles, for the slowest thread."""
    layout, count = problem.output_layout, _count(problem, task)
    cells = problem.rows.spanned(task.rows) * parted.pitch
    into = cells * -(-parted.cell // SIDE) * SPLIT[layout]
    into *= APART if layout == "NHWC" and not problem.dense else 1.0
    pairs, deep = _tiles(problem, task, parted) // 2, steps(problem, parted.joined)
    size = 2 * PARTS * (cells * parted.cell + deep * DEEP * BLOCK)
    spread = 1.0 + SPREAD * min(max(size / problem.machine.l2 - 1.0, 0.0), 3.0)
    outputs = task.rows * task.columns * 2 * STORED[layout]
    each = into + task.blocks * (pairs * deep * STEP * spread + outputs) + TASK
    threads = min(problem.threads, count)
    return each * (-(-count // threads) + (HELD_UP if problem.threads > 1 else 0.0))


def _workspace(problem: Problem, task: Task, parted: Parted) -> int:
    """Bytes of all threads together."""
    stride = problem.rows.stride
    cells = -(-problem.rows.spanned(task.rows) // stride) * stride * parted.pitch
    behind = parted.cell * (parted.pitch + SIDE * problem.columns.stride) + 2 * DEEP
    plane = -(-(cells * parted.cell + behind) // DEEP) * DEEP
    threads = min(problem.threads, _count(problem, task))
    return threads * 2 * PARTS * plane + 4 * steps(problem, parted.joined)


def pack(choice: Choice, weight: Array) -> Parts:
    """(block, step, part, half of the block, pair of numbers, channel, number of a pair), of the filters' rows, columns and channels."""
    return Parts(weight.transpose(0, 2, 3, 1), joined=dict(choice.tiles)["taps of a run"] > 1)
