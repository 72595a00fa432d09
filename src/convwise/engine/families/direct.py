"""The direct kernels: which variant, how large its tasks are, and how its weights lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from heapq import heapreplace
from itertools import product
from math import gcd, prod

from convwise.axis import Axis
from convwise.engine.arrays import Array
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Order
from convwise.engine.problem import LARGEST_INDEX, MOST_WORKSPACE, Choice, Problem
from convwise.engine.tiles import direct_tiles

NAME = "direct"
ALIAS = 256
"""Cells of a multiple of so many channels fall on few places of a processor's cache; 16 more spread them."""
MOST_LOOKED_AT = 10_000
PART = 128
"""Fewer input channels are not added up by a call of their own: the sums are written and read again for each part."""
AGAIN = 100
"""What that costs for a vector of outputs, in multiply-adds."""
CROWDED = 0.15
"""What a tile of one pixel loses where a task's stage and a block's weights take the second cache twice; of more pixels, that part."""
BEGUN = 1.0
"""Input channels in whose time the loop over them begins and ends, once for every tap."""
CELL = 10
"""Multiply-adds of a vector in whose time the place of a cell in a stage is found."""
HANDED = 3e-7
"""Seconds for a task to find its thread."""
HELD_UP = 0.12
"""The share of one task's time that the other threads wait for the last one."""
LOOKED_AT = 64
"""More tasks than these are taken to end together."""
TURNED = 10
"""Multiply-adds of a vector in whose time one of planes is turned into channels last, or back."""
SQUARE = 16
"""Planes are turned by squares as wide as a vector, at most of so many cells."""
POINTS = ("point", "long")
"""Programs of 1x1 windows."""
HELD, PLACES = 10, {"point": 4, "edges": 8}
"""Pixels whose places registers hold, and loads for each further one's in every row of weights: more where a pixel lies anywhere."""
UNROLLED = 4
"""Input channels whose instructions follow each other, where they are a multiple of so many and registers hold the pixels' places: counting
channels and stepping to the next one's weights take instructions too, and two threads on one core share what decodes these.
"""
ISSUED = 3
"""Instructions a cycle: half of what a core decodes, since its other half is most times another thread's."""
FETCHED = 0.25
"""Cycles that a cache line takes which comes from the second cache while others are multiplied."""
SHALLOW = 32
"""Products of an output at most whose sum takes less time than storing it."""
CHAIN, LEAST, LONGEST = 512, 16, 2048
"""Products of a 1x1 window that are added up one after the other at most before they join the other sums, where channels can be divided evenly
into parts of at least so many; and products of any window's row, of which there are others. A sum's error grows with the square root
of a chain's length.
"""
SKIPPED = 3
"""From this padding on, products with nothing but padding are looked for and left out."""


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    return None if choices(problem, isa) else "its steps are so long that a tile's input would not fit 8 MB"


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    tiles = direct_tiles(isa)
    narrow = [tile for tile in tiles if tile[1] == min(vectors for _, vectors in tiles)]
    # Of a wider one all but the first vectors would stay empty.
    few = problem.filters // problem.groups <= narrow[0][1] * isa.lanes
    return (few and _fitting(problem, isa, narrow)) or _fitting(problem, isa, tiles)


def _fitting(problem: Problem, isa: Isa, tiles: Sequence[tuple[int, int]]) -> list[Choice]:
    return [choice for choice in _choices(problem, isa, tiles) if choice.workspace <= problem.most_workspace]


def _choices(problem: Problem, isa: Isa, tiles: Sequence[tuple[int, int]]) -> Iterator[Choice]:
    # Many tasks leave work for a thread whose neighbour is held up, few copy less of the input twice.
    counts = tuple(problem.threads * each for each in (1, 2, 4, 8)) if problem.threads > 1 else (1,)
    # Windows with gaps span much more than they read: fewer tasks, with stages beyond the second cache, copy less.
    gaps = problem.rows.dilation > 1 or problem.columns.dilation > 1
    form = _form(problem)
    # Cells that lie far apart, or on few places of the first cache, are read from a copy.
    copied = gaps or not problem.dense or problem.channels % ALIAS == 0 or problem.output_layout == "NCHW"
    filters = problem.filters // problem.groups
    for tile in tiles:
        if _together(problem, isa, tile):
            yield from _choices_together(problem, isa, tile, counts)
        pixels, block = tile[0], tile[1] * isa.lanes
        for depth in _small_enough(problem, pixels, _depths(problem, block, form)):
            rooms = [_room(problem, block, depth)] + [MOST_WORKSPACE // problem.threads] * gaps
            wide = _wide(problem, isa, depth)
            deep = -(-filters // block)
            tasks = {_task(problem, (wide, pixels), deep, room, wanted) for room in rooms for wanted in counts}
            used = "any" if depth < problem.channels // problem.groups else form
            for task, one in product(tasks, (used, "edges") if used == "plain" and not copied else (used,)):
                yield _choice(problem, isa, tile, (depth, wide), task, one)


def _wide(problem: Problem, isa: Isa, channels: int) -> int:
    """Numbers from one cell of a stage to the next."""
    wide = channels + (16 if channels % ALIAS == 0 else 0)
    return -(-wide // isa.lanes) * isa.lanes if problem.output_layout == "NCHW" else wide


def _together(problem: Problem, isa: Isa, tile: tuple[int, int]) -> bool:
    """Whether one call can compute all groups: each is some whole blocks, and planes are turned by whole squares."""
    inner, filters = problem.channels // problem.groups, problem.filters // problem.groups
    squares = problem.output_layout == "NHWC" or inner % isa.lanes == 0
    return problem.groups > 1 and filters % (tile[1] * isa.lanes) == 0 and squares


def _choices_together(problem: Problem, isa: Isa, tile: tuple[int, int], counts: tuple[int, ...]) -> Iterator[Choice]:
    """Tasks of 1, 2, 4, ... groups: their channels are copied together, of each cell side by side."""
    inner, each = problem.channels // problem.groups, problem.filters // problem.groups // (tile[1] * isa.lanes)
    count = problem.groups
    found = set()
    while count:
        wide = _wide(problem, isa, inner * count)
        room = _room(problem, tile[1] * isa.lanes, inner)
        for wanted in counts:
            tiles, rows, blocks = _task(
                problem, (wide, tile[0]), problem.groups * each, room, wanted, most_blocks=count * each
            )
            # A task that starts inside a group may end in one more.
            even = blocks % each == 0 or each % blocks == 0
            spanned = -(-blocks // each) if even else (blocks + each - 2) // each + 1
            found.add(((inner, _wide(problem, isa, inner * spanned)), (tiles, rows, blocks)))
        count //= 2
    for depths, task in found:
        yield _choice(problem, isa, tile, depths, task, _form(problem), together=True)


def _depths(problem: Problem, block: int, form: str) -> tuple[int, ...]:
    """Input channels that one call may add up: all, or parts of which a block's weights leave room in the second cache."""
    channels = problem.channels // problem.groups
    chain = problem.columns.kernel * (chain_of(channels) if form == "long" else channels)
    large = 4 * channels * problem.taps * block >= problem.machine.l2 // 4
    if channels < 2 * PART or (chain <= LONGEST and (form in POINTS or not large)):
        return (channels,)
    counts = (-(-channels // (size * PART)) for size in (1, 2))
    parts = tuple(sorted({-(-channels // (16 * count)) * 16 for count in counts if count > 1}))
    return (channels, *parts) if chain <= LONGEST else parts


@lru_cache(maxsize=64)
def chain_of(channels: int) -> int:
    """Channels of a 1x1 window that are added up before they join the other sums: parts of one size, so that no chain is long, or all."""
    if channels <= CHAIN:
        return channels
    parts = [each for each in range(LEAST, CHAIN + 1) if channels % each == 0]
    return max(parts, key=lambda each: (each % UNROLLED == 0, each), default=channels)


def _small_enough(problem: Problem, pixels: int, depths: tuple[int, ...]) -> tuple[int, ...]:
    """With fewer channels than these, where a tile's input would take too much: large dilations span much of an image."""
    cells = _taken(problem, SQUARE, 1, pixels, 1, 1) // 4
    most = problem.most_workspace // (4 * cells * problem.threads)
    fewer = most // 16 * 16
    fewer -= 16 * (fewer % ALIAS == 0)
    return (*depths, fewer) if 0 < fewer < min(depths) else depths


def _room(problem: Problem, block: int, depth: int) -> int:
    """Bytes for a task's stage: what a block of weights leaves of the second cache, for all of it is read again for every tile."""
    cache = problem.machine.l2
    weights = 4 * depth * problem.taps * block
    return min(max(cache * 7 // 8 - weights, cache // 8), cache // 2)


def _choice(
    problem: Problem,
    isa: Isa,
    tile: tuple[int, int],
    depths: tuple[int, int],
    task: tuple[int, int, int],
    form: str,
    *,
    together: bool = False,
) -> Choice:
    (pixels, vectors), (depth, wide), (tiles, rows, blocks) = tile, depths, task
    block = vectors * isa.lanes
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    calls, several = -(-channels // depth), 1 if together else problem.groups
    across, each = -(-problem.out_width // pixels), -(-filters // block)
    deep = each * problem.groups // several
    tasks = problem.batch * -(-across // tiles) * -(-problem.out_height // rows) * -(-deep // blocks)
    threads = min(problem.threads, tasks)
    macs = _work(problem, pixels, across * pixels, each * block)
    point = unstaged(problem.output_layout.lower(), form)
    stage = 0 if point else _stage(problem, wide, pixels, *((1, 1) if form == "edges" else (tiles, rows)))
    uneven = _uneven(problem, task, across, deep, tasks)
    peak = problem.machine.peak * threads
    work = macs / peak * _slowness(problem, tile, block, depth, "point" if point else form, stage)
    # A vector takes three cycles to its place, as long as six multiplications, and more where it comes from far apart
    # or goes beyond the second cache.
    gaps = problem.rows.dilation > 1 or problem.columns.dilation > 1
    copied = (3.0 if gaps else 1.5) if 2 * stage <= problem.machine.l2 else 5.0
    turned = TURNED * problem.machine.shuffling
    copied += turned / 4 * (problem.input_layout == "NCHW")
    # A vector that a cell's channels do not fill takes as long as a full one.
    copied *= -(-wide // isa.lanes) * isa.lanes / wide
    stages = _edges(problem, pixels) * deep if form == "edges" else tasks
    each_cell = CELL * isa.lanes / (4 * wide) if problem.input_layout == "NHWC" else 0.0
    moved = several * calls * stages * stage * (copied + each_cell) / problem.machine.peak / threads
    if several > 1:
        moved += problem.lines_again * isa.lanes / problem.machine.peak / threads
    outputs = problem.filters * problem.out_height * problem.out_width * problem.batch
    # Outputs are turned by the tile, in squares that its pixels fill in part.
    filled = -(-pixels // isa.lanes) * isa.lanes / pixels if problem.output_layout == "NCHW" else 0.0
    each_out = 8 + turned * filled + AGAIN * (calls - 1)
    stored = outputs * each_out / problem.machine.peak / threads
    variant, beside = f"{pixels}x{vectors}_{problem.output_layout.lower()}_{form}", blocks if _shallow(problem) else 1
    named = (("pixels", pixels), ("channels", block), ("rows of a task", rows), ("tiles of a task", tiles))
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=named if calls == 1 else (*named, ("input channels of a call", depth)),
        extra=(rows, tiles, blocks, beside, wide, int(_skips(problem)), each, chain_of(depth)),
        seconds=(work + moved + stored) * uneven
        + calls * (problem.begun(several) + several * tasks * HANDED / threads),
        workspace=0 if point else threads * _taken(problem, isa.lanes, wide, pixels, tiles, rows),
        macs=macs,
        depth=0 if calls == 1 else depth,
        together=together,
    )


def _edges(problem: Problem, pixels: int) -> int:
    """Tiles of the output, of one image each, whose windows reach past the input."""
    columns, rows = problem.columns.interior, problem.rows.interior
    first, last = -(-columns.start // pixels), columns.stop // pixels
    across = -(-problem.out_width // pixels)
    return problem.batch * (across * problem.out_height - max(last - first, 0) * len(rows))


def _skips(problem: Problem) -> bool:
    """Whether products with nothing but padding are looked for: where there are many, and 0 times a weight is 0."""
    pads = [pad for axis in (problem.rows, problem.columns) for pad in (axis.pad_low, axis.pad_high)]
    return problem.finite and max(pads) >= SKIPPED


def _work(problem: Problem, pixels: int, across: int, filters: int) -> int:
    """Multiply-adds of whole tiles of `pixels`: rows of `across` outputs and `filters` channels a group."""
    each = problem.channels // problem.groups * problem.taps
    whole = problem.batch * problem.out_height * across * filters * problem.groups * each
    return (
        int(whole * _read_share(problem.columns, pixels) * _read_share(problem.rows, 1)) if _skips(problem) else whole
    )


@lru_cache(maxsize=256)
def _read_share(axis: Axis, pixels: int) -> float:
    """Of the taps of all tiles of `pixels` outputs, how many read data at all for one of them."""
    starts = range(0, axis.out, pixels)
    if len(starts) * axis.kernel > MOST_LOOKED_AT:
        return 1.0
    taken = 0
    for start in starts:
        first, last = axis.taps(start), axis.taps(start + pixels - 1)
        taken += sum(low < axis.size and high >= 0 for low, high in zip(first, last, strict=True))
    return taken / (len(starts) * axis.kernel)


def _form(problem: Problem) -> str:
    """Which of the programs: 1x1 windows need no stage, and have one that adds up parts of many channels."""
    axes, channels = (problem.rows, problem.columns), problem.channels // problem.groups
    if not all(axis.kernel == 1 and axis.pad_low == axis.pad_high == 0 for axis in axes):
        return "plain"
    if chain_of(channels) < channels:
        return "long"
    return "point" if problem.output_layout == "NHWC" else "plain"


def unstaged(layout: str, form: str) -> bool:
    """Whether a program reads pixels where they lie."""
    return layout == "nhwc" and form in POINTS


def _slowness(problem: Problem, tile: tuple[int, int], block: int, depth: int, form: str, stage: int) -> float:
    """How much longer the multiplications take than at the processor's peak."""
    weights = 4 * depth * problem.taps * block
    # Those of a block that were driven out of the second cache are waited for.
    crowd = (stage + weights) / problem.machine.l2 - 1
    # Those that half of the first cache does not hold are read from the second one for every tile.
    fetched = FETCHED * block / 16 if weights > problem.machine.l1 // 2 else 0.0
    counting = 1 if tile[0] <= HELD and depth % UNROLLED == 0 else 4
    held_up = 1 + CROWDED / tile[0] * min(max(crowd, 0), 2) + BEGUN / depth
    return held_up / _efficiency(tile, form, (counting, fetched), problem.machine.units)


def _efficiency(tile: tuple[int, int], form: str, channel: tuple[int, float], units: int) -> float:
    """Multiplications a cycle of those that `units` could do, where two loads a cycle fetch a row of weights and as many cells as the tile has pixels.

    A row of weights is read the more often the fewer pixels share it, and takes `fetched` cycles where it comes from the second cache.
    Without a stage every pixel is read where it lies, far from the next and once for
    all vectors. `counting` an input channel and stepping to the next one's weights take so many instructions.
    """
    (pixels, vectors), (counting, fetched) = tile, channel
    places = PLACES.get(form, 1) * max(pixels - HELD, 0)
    loading = (pixels + vectors + 2 + places) / 2
    issuing = (pixels * vectors + pixels + vectors + places + counting) / ISSUED
    waiting = 0.004 * pixels if form == "point" else 0.1 / pixels
    return busy(pixels * vectors, loading, issuing, fetched, units) / (1 + waiting)


def busy(multiplied: int, loading: float, issuing: float, fetched: float, units: int) -> float:
    """The share of its cycles in which a tile multiplies: `multiplied` vectors for each input channel.

    `loading`, `issuing` and `fetched` are the cycles of reading from the first cache, of decoding, and of reading from the second
    cache, which is waited for unless there is a single unit, whose multiplying takes twice as long.
    """
    multiplying = multiplied / units
    beside, after = (fetched, 0.0) if units == 1 else (0.0, fetched)
    return multiplying / (max(multiplying, loading + beside, issuing) + 0.25 + after)


def _shallow(problem: Problem) -> bool:
    """Whether a tile is multiplied with all blocks one after the other: its sums take so little time that they are better written side
    by side, though weights are read again for each tile. Planes lie apart in any case.
    """
    terms = problem.channels // problem.groups * problem.taps
    near = 4 * terms * problem.filters <= problem.machine.l2 // 4
    return problem.output_layout == "NHWC" and terms <= SHALLOW and near


def _task(
    problem: Problem, tile: tuple[int, int], deep: int, budget: int, wanted: int, most_blocks: int = LARGEST_INDEX
) -> tuple[int, int, int]:
    """Tiles of a row, rows and blocks of channels that one task takes: its stage fits `budget`, and there are `wanted` tasks."""
    wide, pixels = tile
    tiles = across = -(-problem.out_width // pixels)
    while tiles > 1 and _stage(problem, wide, pixels, tiles, 1) > budget:
        tiles = -(-tiles // 2)
    strips = 1
    while (
        strips < problem.out_height and _stage(problem, wide, pixels, tiles, -(-problem.out_height // strips)) > budget
    ):
        strips += max(1, strips // 4)
    blocks = min(deep, most_blocks)
    lines = problem.batch * -(-across // tiles) * -(-deep // blocks)
    # Strips of fewer rows read more rows twice; below the height of a window that costs more than it brings.
    most = -(-problem.out_height // max(problem.rows.kernel, 2))
    strips = max(strips, min(-(-wanted // lines), most))
    rows = -(-problem.out_height // strips)
    strips = problem.batch * -(-across // tiles) * -(-problem.out_height // rows)
    shared = problem.out_height == 1 and tiles > 1 and _shallow(problem)
    while strips * -(-deep // blocks) < wanted and blocks > 1 and not shared:
        blocks = -(-blocks // 2)
    if strips * -(-deep // blocks) < wanted and rows == problem.out_height == 1 and tiles > 1:
        tiles = max(1, tiles * strips // wanted)
    return tiles, rows, blocks


def _uneven(problem: Problem, task: tuple[int, int, int], across: int, deep: int, tasks: int) -> float:
    """How much longer the last thread works than it would if all ended together; each takes the next task when it is free."""
    threads = min(problem.threads, tasks)
    share = 1 + HELD_UP * (threads - 1) / tasks
    if threads == 1 or tasks > LOOKED_AT:
        return share
    sizes = [
        [min(each, whole - first) for first in range(0, whole, each)]
        for whole, each in ((deep, task[2]), (problem.batch, 1), (problem.out_height, task[1]), (across, task[0]))
    ]
    busy = [0] * threads
    for one in product(*sizes):
        heapreplace(busy, busy[0] + prod(one))
    return share * max(busy) * threads / sum(busy)


def _stage(problem: Problem, wide: int, pixels: int, tiles: int, rows: int) -> int:
    """Bytes of a task's part of the input: what that many outputs' windows span."""
    columns, down = problem.columns, problem.rows
    across = columns.spanned(tiles * pixels)
    if problem.input_layout == "NCHW":
        across = -(-across // SQUARE) * SQUARE
    return 4 * wide * across * down.spanned(rows)


def _taken(problem: Problem, lanes: int, wide: int, pixels: int, tiles: int, rows: int) -> int:
    """Bytes that a task allocates at most: planes are turned by whole squares of `lanes`, wherever in one the task begins.

    The stages of single tiles at the edges share a place that is as large as one of the whole task.
    """
    outputs = tiles * pixels
    across = problem.columns.spanned(outputs)
    if problem.input_layout == "NCHW":
        several = outputs < problem.out_width
        ahead = lanes - gcd(outputs * problem.columns.stride, lanes) if several else 0
        across = -(-(across + ahead) // lanes) * lanes
    return 4 * wide * across * problem.rows.spanned(rows)


def pack(choice: Choice, weight: Array) -> Order:
    """(block, ky, kx, c, k in block); `weight` is one group's."""
    return Order.blocks(weight.transpose(0, 2, 3, 1), dict(choice.tiles)["channels"])
