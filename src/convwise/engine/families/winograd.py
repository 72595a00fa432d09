"""Winograd convolution: when it can be used, how an image is cut for it, and how its weights lie.

Windows are cut into parts of 3 x 3 (4 x 4) taps, the last ones filled up with zeros.

Rounding: at most 4e-6 of the largest output on unit-variance data. A NaN or an infinity in the input spoils
whole tiles of 4 x 4 (3 x 3) outputs where one of their windows, filled up to whole parts, reads it, of every d-th
output where the dilation is d, and sums of a few input numbers beyond 1e37 can overflow on the way although the result would
not; `algorithm="direct"` does neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from convwise.engine.arrays import Array
from convwise.engine.isa import Isa, symbol
from convwise.engine.order import Spectrum
from convwise.engine.problem import DISTANT, FAR, LARGEST_INDEX, LINE, MOST_WORKSPACE, Choice, Problem
from convwise.engine.winograd_tiles import SIZES, THIN, TOGETHER, built, named, pixels, size_of

NAME = "winograd"
LEAST_CHANNELS = 8
"""Below, transforming costs more than the products save."""
MOST_TILES = THIN
"""Of a layer whose weights are transformed while they are used: for more, each would be transformed several times."""
LEAST_TAPS = 4
"""Of fewer, most of a part would be zeros, which cost as much as other taps and leave its error to smaller sums."""

# Costs in vector multiply-adds: what the operation takes of the time in which a core could do so many of them.
TRANSFORM_IN = {
    "f4x3": 340.0,
    "f3x3": 245.0,
    "f3x4": 320.0,
}  # of one tile of one vector of channels: copied, transformed, stored
TRANSFORM_OUT = {
    "f4x3": 300.0,
    "f3x3": 190.0,
    "f3x4": 220.0,
}  # back, with the activation, of one tile of one vector of channels
TURNED = 1.25  # the same with channels first, where vectors of a row must be turned
TRANSFORM_WEIGHT = 42.0  # of a vector of output channels' 3 x 3 weights of one input channel, for one register tile
BURST = 2.5  # more for a line of weights that are asked for in bursts: while one of six rows of frequencies is added up
START = 1000.0  # a row of a vector of channels, with channels first: the beginnings of planes' rows are waited for
STRAIN = 0.13  # what is lost where a rectangle takes all of the core's cache and not half of it
LENT = {"deep": 1.3, "thin": 1.13}  # products of transformed input that another core has just written
TASK = 15000.0  # handing out a part and waiting for the last one
HELD_UP = 0.15  # of a task's time, for which the other threads wait at the end: cores are not equally fast at all times


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    if problem.taps < LEAST_TAPS:
        window = f"{problem.rows.kernel} x {problem.columns.kernel}"
        return f"the window is {window}; Winograd here computes 3 x 3 taps at least, and rounds for so many"
    if problem.rows.stride != 1 or problem.columns.stride != 1:
        return f"the stride is {problem.rows.stride} x {problem.columns.stride}; Winograd shares work between neighbouring windows only at stride 1"
    down, across = problem.rows.dilation, problem.columns.dilation
    for name, gap, outputs in (("height", down, problem.out_height), ("width", across, problem.out_width)):
        if 1 < gap >= outputs:
            return f"{outputs} outputs along the {name} with a dilation of {gap}: no two windows share cells there"
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    if min(channels, filters) < LEAST_CHANNELS:
        return f"{channels} channels to {filters}: with fewer than {LEAST_CHANNELS} the transforms cost more than they save"
    if not problem.finite:
        return "weights that are infinite or NaN would reach outputs whose windows do not touch them"
    if not choices(problem, isa):
        large = f"the transformed weights would be more than 2**31 numbers, or the workspace more than {MOST_WORKSPACE // 10**6} MB"
        return f"{channels} channels to {filters} by {problem.rows.kernel} x {problem.columns.kernel} taps: {large}"
    return None


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    gaps = (problem.rows.dilation, problem.columns.dilation) != (1, 1)
    layout = problem.output_layout.lower() + "_gaps" * gaps
    # Where the vectors of output channels are not even, register tiles of one vector leave none empty.
    odd = -(-(problem.filters // problem.groups) // isa.lanes) % 2 == 1
    widths = (2, 1) if odd else (2,)
    layers = (
        _layer(problem, isa, size, schedule, layout, vectors)
        for size, schedule, of in built(isa)
        if of == layout
        for vectors in ((1,) if schedule == "thin" else widths)
    )
    found = (_choice(problem, isa, layer) for layer in layers)
    return [choice for choice in found if choice is not None]


@dataclass(frozen=True, slots=True)
class Layer:
    """One of `groups`' layers in units of the kernel: tiles, vectors of channels, blocks of output channels."""

    size: str
    schedule: str
    lanes: int
    block: int
    register: tuple[int, ...]
    threads: int
    down: int
    across: int
    phases: int
    batch: int
    parts: tuple[int, int]
    channels: int
    blocks: int
    groups: int
    cache: int
    layout: str
    room: int

    @property
    def products(self) -> int:
        outputs, taps = SIZES[self.size]
        return (outputs + taps - 1) ** 2

    @property
    def packed(self) -> int:
        """Numbers of packed weights for one input channel, one part of the window and one output channel."""
        return SIZES[self.size][1] ** 2 if self.schedule == "thin" else self.products

    @property
    def vectors(self) -> int:
        return self.block // self.lanes

    @property
    def chunks(self) -> int:
        """Vectors of input channels, those of all parts."""
        return self.parts[0] * self.parts[1] * -(-self.channels // self.lanes)

    @property
    def terms(self) -> int:
        """Products that are added up for one output of a frequency."""
        return self.parts[0] * self.parts[1] * self.channels


@dataclass(frozen=True, slots=True)
class Cut:
    """Rectangles of `wide` x `tall` tiles of each phase across of `images` images, register tiles of `pixels`, groups of `blocks`
    blocks.
    """

    phases: int
    wide: int
    tall: int
    images: int
    pixels: int
    blocks: int

    @property
    def tiles(self) -> int:
        """Of a rectangle, whole register tiles."""
        return -(-self.real // self.pixels) * self.pixels

    @property
    def real(self) -> int:
        """Those that are not empty."""
        return self.phases * self.wide * self.tall * self.images


def _choice(problem: Problem, isa: Isa, layer: Layer) -> Choice | None:
    cut = _best(layer)
    weights = layer.packed * layer.chunks * layer.lanes * layer.blocks * layer.block
    if cut is None or weights > LARGEST_INDEX:
        return None
    outputs, _ = SIZES[layer.size]
    down, across = layer.parts
    name = named(layer.size, layer.schedule, layer.layout)
    numbers = cut.wide, cut.tall, cut.images, cut.pixels, cut.blocks * layer.vectors
    parts = (("parts of the window", down * across),) if down * across > 1 else ()
    return Choice(
        family=NAME,
        variant=name,
        symbol=symbol(NAME, name, isa),
        tiles=(
            ("outputs", outputs),
            ("tiles across", cut.wide),
            ("tiles down", cut.tall),
            ("images or phases", cut.images),
            ("channels in", layer.lanes),
            ("channels out", layer.block),
            *parts,
        ),
        extra=(*numbers, down * across, across, problem.machine.ahead),
        seconds=(problem.groups * _cost(layer, cut) + problem.lines_again / problem.threads)
        * isa.lanes
        / problem.machine.peak,
        workspace=_workspace(layer, cut),
        macs=problem.groups * _macs(layer, cut),
        row_step=outputs * cut.tall * problem.rows.dilation,
        exact=False,
    )


def _macs(layer: Layer, cut: Cut) -> int:
    """The multiply-adds of the products."""
    return _rectangles(layer, cut) * layer.products * cut.tiles * layer.terms * layer.blocks * layer.block


def _layer(problem: Problem, isa: Isa, size: str, schedule: str, layout: str, vectors: int) -> Layer:
    """The phases of a dilation are all as large as the largest; those down are images of the batch."""
    outputs, taps = SIZES[size]
    block, gaps = vectors * isa.lanes, (problem.rows.dilation, problem.columns.dilation)
    down, across = (
        -(-length // gap) for length, gap in zip((problem.out_height, problem.out_width), gaps, strict=True)
    )
    return Layer(
        size=size,
        schedule=schedule,
        lanes=isa.lanes,
        block=block,
        register=(THIN,) if schedule == "thin" else pixels(isa, vectors),
        threads=problem.threads,
        down=-(-down // outputs),
        across=-(-across // outputs),
        phases=gaps[1],
        batch=problem.batch * gaps[0],
        parts=_parts_of((problem.rows.kernel, problem.columns.kernel), taps),
        channels=problem.channels // problem.groups,
        blocks=-(-(problem.filters // problem.groups) // block),
        groups=problem.groups,
        cache=problem.machine.l2,
        layout=layout,
        room=problem.most_workspace,
    )


def _parts_of(window: tuple[int, ...], taps: int) -> tuple[int, int]:
    """How many parts of `taps` x `taps` a window of so many taps down and across is cut into."""
    down, across = (-(-size // taps) for size in window)
    return down, across


@lru_cache(maxsize=512)
def _best(layer: Layer) -> Cut | None:
    """The cheapest cut; None where no cut keeps to the workspace."""
    return min(_cuts(layer), key=lambda cut: _cost(layer, cut), default=None)


def _cuts(layer: Layer) -> Iterator[Cut]:
    """Equal parts of the image, and of the batch where one image is only a few tiles, that keep to the workspace."""
    limit = 28 * max(layer.register)
    whole = layer.phases * layer.across * layer.down
    if layer.schedule == "thin" and whole * layer.batch > MOST_TILES:
        return
    for wide in _parts(layer.across):
        for tall in _parts(layer.down) if wide == layer.across else (1,):
            several = layer.phases * wide * tall == whole and whole < 2 * max(layer.register)
            for images in _parts(layer.batch) if several else (1,):
                count = layer.phases * wide * tall * images
                if count > limit and count > 1 and (wide, tall, images) != (1, 1, 1):
                    continue
                best = sorted(layer.register, key=lambda size: -(-count // size) * (size + 1.0))[:2]
                for blocks in _group_sizes(layer):
                    cuts = (Cut(layer.phases, wide, tall, images, register, blocks) for register in best)
                    yield from islice((cut for cut in cuts if _workspace(layer, cut) <= layer.room), 1)


def _parts(length: int) -> list[int]:
    """The sizes of equal parts, each once, at most 24 of them."""
    return sorted({-(-length // count) for count in (*range(1, 17), *(2**power for power in range(5, 13)))})


def _group_sizes(layer: Layer) -> tuple[int, ...]:
    """Only whole groups: the weights of a block that is not there would be read."""
    return tuple(count for count in (1, 2, 3, 4) if layer.blocks % count == 0)


def _rectangles(layer: Layer, cut: Cut) -> int:
    return -(-layer.across // cut.wide) * -(-layer.down // cut.tall) * -(-layer.batch // cut.images)


def _cost(layer: Layer, cut: Cut) -> float:
    """In vector multiply-adds of one core, for the slowest thread."""
    real, vectors = cut.real, layer.vectors
    planes = layer.layout.startswith("nchw")
    turned = TURNED if planes else 1.0
    m, taps = SIZES[layer.size]
    halo = taps - 1
    # The image of a rectangle overlaps with its neighbours'; copying it is some third of the way in.
    overlap = (m * cut.wide + halo) * (m * cut.tall + halo) / (m * cut.wide * m * cut.tall)
    into = real * layer.chunks * TRANSFORM_IN[layer.size] * (0.65 + 0.35 * overlap * turned * turned)
    into += START * planes * layer.chunks * (m * cut.tall + halo) * cut.images
    # Per block of output channels: the products, the weights that come for them, and the way back.
    depth = layer.products * layer.terms
    # Two loads a cycle, as many as multiplications: a tile of one vector is held up by its broadcasts.
    held = max(1.0, 8 / (cut.pixels * vectors), (cut.pixels + vectors) / (cut.pixels * vectors))
    if layer.schedule == "thin":
        held = 1.0 + TRANSFORM_WEIGHT / (layer.products * cut.pixels)
    products = depth * cut.tiles * vectors * (1.0 + 0.8 / cut.pixels) * held
    numbers = layer.packed * layer.terms
    size = 4 * numbers * layer.block * layer.blocks * layer.groups
    line = DISTANT if size > FAR else LINE if size > layer.cache // 2 else 0.0
    weights = numbers * vectors * layer.lanes / 16 * line * (BURST if layer.schedule == "thin" else 1.0)
    # Short runs of a pixel's channels are stored more slowly than long ones.
    back = real * vectors * TRANSFORM_OUT[layer.size] * turned * (1.0 + 0.4 / (cut.blocks * vectors))
    spread = 4 * layer.products * cut.tiles * (layer.chunks * layer.lanes + cut.blocks * layer.block) / layer.cache
    count, threads = _rectangles(layer, cut), layer.threads
    several = layer.schedule != "rows" and threads > 1
    # Threads that share a rectangle each read it for a part of the output channels, one frequency after the other.
    strain = 1.0 + STRAIN * min(max(spread - 0.5, 0.0), 2.0) * (0.5 if several else 1.0)
    into, each = into * strain, (products + weights + back) * strain
    if layer.schedule == "rows":
        return _rounds(count, threads) * (into + layer.blocks * each) + TASK
    if not several:
        return count * (into + layer.blocks * each) + TASK
    groups = (
        _rounds(layer.blocks // cut.blocks, threads) * cut.blocks * (each + (LENT[layer.schedule] - 1.0) * products)
    )
    shared = into * _rounds(layer.chunks, threads) / layer.chunks * 1.3
    return count * (shared + groups + 3 * TASK) + TASK


def _rounds(tasks: int, threads: int) -> float:
    """How many of equal tasks the slowest thread has the time of."""
    return -(-tasks // threads) + (HELD_UP if threads > 1 else 0.0)


def _workspace(layer: Layer, cut: Cut) -> int:
    """Bytes of all threads together."""
    spectrum = layer.products * (cut.tiles * layer.chunks | 1) * layer.lanes + cut.tiles
    m, taps = SIZES[layer.size]
    high, across = m * cut.tall + taps - 1, _filled(cut.phases * (m * cut.wide + taps - 1), layer.lanes)
    # What is copied of the input is gone before the products begin; these, and some rows of the output.
    copied = across * (high * cut.images * min(layer.chunks, TOGETHER) + 1) * layer.lanes
    group = cut.blocks * layer.block
    results = group * (layer.products * (cut.tiles | 1) + (m + 2) * _filled(m * cut.wide * cut.phases, layer.lanes))
    each = max(copied, results)
    if layer.schedule == "rows":
        return 4 * min(layer.threads, _rectangles(layer, cut)) * (spectrum + each)
    return 4 * (spectrum + layer.threads * each)


def _filled(length: int, lanes: int) -> int:
    """Up to whole vectors."""
    return -(-length // lanes) * lanes


def pack(choice: Choice, weight: Array) -> Spectrum:
    """(vector, frequency, chunk and part, c in chunk, k in vector), transformed; for the thin kernel as they are."""
    lanes, wide = dict(choice.tiles)["channels in"], dict(choice.tiles)["channels out"]
    outputs, taps = size_of(choice.variant)
    vectors = -(-len(weight) // wide) * (wide // lanes)
    return Spectrum(weight, outputs, taps, lanes, vectors, raw="_thin_" in choice.variant)
