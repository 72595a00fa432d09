"""The kernels for transposed convolutions: which tile, how large the tasks are, and how the weights lie."""

from __future__ import annotations

from convwise.engine.arrays import Array
from convwise.engine.families.depthwise import TASKS, TOO_WIDE, affordable
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import SLICE, Choice, Problem

NAME = "transposed"
MANY, FEW = 64, 8
"""More groups than these of fewer filters than those leave most of a tile's vectors empty: NumPy's matrix products are faster."""


def tile_of(isa: Isa) -> tuple[int, int]:
    """Input cells of a row times vectors of output channels."""
    return (8, 2) if isa.registers == 32 else (5, 2)


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "transposed":
        return "only for transposed convolutions"
    each = problem.filters // problem.groups
    if problem.groups > MANY and each < FEW:
        return f"{problem.groups} groups of {each} filters each; of more than {MANY} groups each must have {FEW}"
    return None if choices(problem, isa) else TOO_WIDE


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    pixels, vectors = tile_of(isa)
    block = vectors * isa.lanes
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    across, blocks = -(-problem.width // pixels), -(-filters // block)
    wanted = TASKS * problem.threads if problem.threads > 1 else 1
    macs = problem.batch * problem.height * across * pixels * channels * blocks * block * problem.taps * problem.groups
    rows = min(problem.batch * problem.out_height // wanted, SLICE * problem.batch * problem.out_height // macs)
    rows = max(1, min(problem.out_height, rows))
    strips = problem.batch * -(-problem.out_height // rows)
    each = blocks
    while strips * -(-blocks // each) < problem.threads and each > 1:
        each = -(-each // 2)
    threads = min(problem.threads, strips * -(-blocks // each))
    written = problem.batch * problem.out_height * problem.out_width * problem.filters
    added = problem.batch * problem.height * across * pixels * blocks * block * problem.taps * problem.groups
    seconds = (macs / 0.8 + 0.5 * isa.lanes * (added + 4 * written) / isa.lanes) / problem.machine.peak / threads
    variant = problem.output_layout.lower()
    found = [
        Choice(
            family=NAME,
            variant=variant,
            symbol=symbol(NAME, variant, isa),
            tiles=(("pixels", pixels), ("channels", block), ("rows of a task", rows), ("blocks of a task", each)),
            extra=(rows, each),
            seconds=seconds + problem.begun(problem.groups),
            workspace=threads * 8 * block * problem.out_width,
            macs=macs,
        )
    ]
    return affordable(problem, found)


def pack(choice: Choice, weight: Array) -> Order:
    """(block, kx, ky, c, k in block); `weight` is (c, k, ky, kx)."""
    return Order.blocks(weight.transpose(1, 3, 2, 0), dict(choice.tiles)["channels"])
