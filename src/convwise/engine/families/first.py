"""The kernels for images of a few channels: which tile, how large the tasks are, and how the weights lie."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.engine.arrays import Array
from convwise.engine.families import direct
from convwise.engine.families.depthwise import TASKS, TOO_WIDE, affordable, spread
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import LINE, Choice, Problem

NAME = "first"
MOST_CHANNELS = 4
LATENCY = 4
"""Cycles of a multiply-add: so many sums for each that begins in a cycle keep a core busy, and one more, that one may be late."""
SQUARE = 7
"""Multiply-adds of a vector that turning takes less where a tile is a square and stays in registers."""
APART = 1.0
"""Multiply-adds that a vector takes longer to be stored where its pixel's other channels are stored later."""
PARTLY = 5
"""Multiply-adds of a vector in whose time one that is not full is stored."""


@dataclass(frozen=True, slots=True)
class Tile:
    """`pixels` outputs of a row times `vectors` vectors of output channels, which a `ragged` one need not fill.

    One of planes has the pixels in the lanes, and not vectors of output channels but `vectors` of them; or it is
    `turned` into planes at its end.
    """

    name: str
    pixels: int
    vectors: int
    ragged: bool
    layout: str
    turned: bool = False

    @property
    def variant(self) -> str:
        return f"{self.name}_{self.layout.lower()}"

    @property
    def planes(self) -> bool:
        return self.by_planes and not self.turned

    @property
    def by_planes(self) -> bool:
        """Whether the stage and the weights lie channel by channel."""
        return not self.ragged and self.layout == "NCHW"

    def strip(self, isa: Isa) -> int:
        """The pixels that are turned together, at most a vector: a whole square, where tiles fill it."""
        return self.pixels if isa.lanes % self.pixels else isa.lanes

    def block(self, isa: Isa) -> int:
        return self.vectors * (1 if self.planes else isa.lanes)


def tiles(isa: Isa) -> tuple[Tile, ...]:
    shapes = ((6, 4), (8, 3), (8, 2), (14, 2), (16, 1)) if isa.registers == 32 else ((6, 2), (4, 2))
    pixels = 8 if isa.registers == 32 else 4
    dense = (Tile(f"{pixels}x{vectors}", pixels, vectors, False, "NHWC") for pixels, vectors in shapes)
    anys = (Tile("any", pixels, 2, True, layout) for layout in ("NHWC", "NCHW"))
    block = 8 if isa.registers == 32 else 4
    planes = Tile(f"{block}by2", 2 * isa.lanes, block, False, "NCHW")
    # No strip is wider than a vector: NEON has as many registers as AVX-512, and four lanes.
    many = ((8, 3), (8, 2), (14, 2), (16, 1)) if isa.registers == 32 else ((4, 2), (6, 2))
    few = ((4, 6), (4, 2)) if isa.registers == 32 else ((4, 2),)
    flipped = few if isa.lanes == 4 else many
    turned = (Tile(f"{pixels}x{vectors}", pixels, vectors, False, "NCHW", turned=True) for pixels, vectors in flipped)
    return (*dense, *anys, planes, *turned)


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    channels = problem.channels // problem.groups
    if channels > MOST_CHANNELS:
        return f"{channels} input channels; at most {MOST_CHANNELS}"
    if problem.groups > 1:
        return f"{problem.groups} groups; only for one"
    if problem.columns.dilation > 1:
        return (
            f"dilation {problem.columns.dilation} along the rows; only 1, so that a window's row is one run of numbers"
        )
    return None if choices(problem, isa) else TOO_WIDE


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    fitting = [
        tile
        for tile in tiles(isa)
        if tile.layout == problem.output_layout
        and (tile.ragged or tile.turned or tile.block(isa) <= problem.filters)
        and (not tile.planes or tile.pixels <= problem.out_width)
    ]
    # Each task reads all weights: where these come from beyond the core's cache, one a thread may be better.
    each = (TASKS, 1) if problem.threads > 1 and _far(problem, problem.filters) else (TASKS,)
    found = (affordable(problem, [_choice(problem, isa, tile, tasks) for tasks in each]) for tile in fitting)
    return [min(some, key=lambda choice: choice.seconds) for some in found if some]


def _far(problem: Problem, filters: int) -> bool:
    """Whether so many filters' weights leave too little of the core's cache to stay there."""
    return 4 * filters * problem.taps * problem.channels > problem.machine.l2 // 2


def _choice(problem: Problem, isa: Isa, tile: Tile, each: int) -> Choice:
    """With so many tasks for each thread."""
    block = tile.block(isa)
    strip = tile.strip(isa) if tile.turned else tile.pixels
    across, blocks = -(-problem.out_width // strip) * strip // tile.pixels, -(-problem.filters // block)
    columns, lines = problem.columns, problem.rows
    wide = columns.spanned(across * tile.pixels)
    # A stage of planes is one of rows for each channel; else its rows are runs of all channels of all cells.
    wide, planes = (
        (-(-wide // isa.lanes) * isa.lanes, problem.channels) if tile.by_planes else (problem.channels * wide, 1)
    )

    def stage(rows: int) -> int:
        return 4 * planes * wide * lines.spanned(rows)

    wanted = each * problem.threads if problem.threads > 1 else 1
    rows = max(1, min(problem.out_height, problem.batch * problem.out_height // wanted))
    while rows > 1 and stage(rows) > problem.machine.l2 // 2:
        rows = -(-rows // 2)
    strips = -(-problem.out_height // rows)
    rows = -(-problem.out_height // strips)
    tasks = problem.batch * strips
    threads = min(problem.threads, tasks)
    sums = problem.batch * problem.out_height * across * blocks
    taps, last = problem.taps * problem.channels, problem.input_layout == "NHWC"
    vectors, single = tile.pixels * block // isa.lanes, block if tile.planes else tile.pixels
    # Each tap loads its weights and one number a pixel, or the other way round, and counts; places that no register holds are loaded.
    issuing = vectors + single + vectors // single + 4 + 2 * max(0, tile.pixels - direct.HELD) * (not tile.by_planes)
    units = problem.machine.units
    cycles = taps * max(vectors, LATENCY * units + 1, units * issuing / direct.ISSUED)
    if tile.planes:
        # Of every second cell a vector is two loads and a shuffle, of others as many loads as it has lanes.
        loads = columns.stride if columns.stride <= 2 else isa.lanes
        cycles += units * taps * max(0, single + vectors // single * loads - 2 * vectors // units)
        cycles += taps * problem.machine.shuffling * (vectors // single if columns.stride == 2 else 0)
    # Squares are full here and turned between the products: no longer where few vectors are shuffled at a time.
    turned = (
        direct.TURNED + (PARTLY if strip % isa.lanes else 0) - SQUARE * (tile.pixels == isa.lanes) if tile.turned else 0
    )
    # A pixel's channels that are stored in parts take longer.
    parts = APART * (blocks > 1 and problem.output_layout == "NHWC")
    cycles += vectors * ((6 if last else 30) if tile.ragged else 2 + parts + turned)
    copied = tasks * stage(rows) / 4 * (0.1 if last or tile.by_planes else 1.5)
    far = _far(problem, block * blocks)
    # Those of planes are read again for each row.
    copied += far * LINE * tasks * (rows if tile.planes else 1) * 4 * taps * block * blocks / 64
    uneven = -(-tasks // threads) * threads / tasks
    seconds = (sums * cycles + copied) * isa.lanes / problem.machine.peak / threads * uneven
    return Choice(
        family=NAME,
        variant=tile.variant,
        symbol=symbol(NAME, tile.variant, isa),
        tiles=(("pixels", tile.pixels), ("channels", block), ("rows of a task", rows)),
        extra=(rows, wide) if tile.by_planes else (rows, wide, 1 if far else blocks),
        seconds=seconds + 2e-6,
        workspace=threads * stage(rows),
        macs=sums * tile.pixels * block * taps,
    )


def pack(choice: Choice, weight: Array) -> Order:
    """(ky, kx and c, k), or (ky, c, kx, k) where the stage is one of planes; k is padded to whole blocks, and `spread`. `weight` is (k, c, ky, kx)."""
    filters, channels, high, wide = weight.shape
    block = dict(choice.tiles)["channels"]
    padded = spread(-(-filters // block) * block)
    if choice.variant.endswith("nchw") and not choice.variant.startswith("any"):
        return Order(weight.transpose(0, 2, 1, 3), padded, (high, channels, wide, padded))
    return Order(weight.transpose(0, 2, 3, 1), padded, (high, wide * channels, padded))
