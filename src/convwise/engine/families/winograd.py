"""Winograd convolution: when it can be used, how an image is cut for it, and its transformed weights.

Rounding: at most 4e-6 of the largest output on unit-variance data (direct: 2e-6). A NaN or an infinity in the input spoils
whole tiles of 4 x 4 (2 x 2) outputs where one of their windows reads it, of every d-th output where the dilation is d, and
sums of a few input numbers beyond 1e37 can overflow on the way although the result would not; `algorithm="direct"` does
neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from convwise.engine.arrays import Array
from convwise.engine.isa import Isa, symbol
from convwise.engine.problem import LARGEST_INDEX, Choice, Problem
from convwise.engine.transforms import TAPS, transform
from convwise.engine.winograd_tiles import OUTPUTS, VARIANTS, block, pixels

NAME = "winograd"
MOST_GROUPS = 8
MOST_PHASES = 64
"""A dilation of 2 makes four images of every second cell, each with its own windows; these are so many calls."""
LEAST_CHANNELS = 8
"""Below, transforming costs more than the products save."""
WORKSPACE = 8_000_000

# Costs in vector multiply-adds: what the operation takes of the time in which a core could do so many of them.
TRANSFORM_IN = {"f2": 130.0, "f4": 340.0}  # of one tile of one vector of channels: copied, transformed, stored
TRANSFORM_OUT = {"f2": 110.0, "f4": 300.0}  # back, with the activation, of one tile of one vector of channels
TURNED = {
    "nhwc": 1.0,
    "nchw": 1.25,
    "gaps": 1.6,
}  # the same where vectors of a row must be turned, and where pixels lie apart
LINE, DISTANT = 3.0, 11.0  # a cache line of weights that comes from beyond the core's cache, from beyond all caches
FAR = 20_000_000  # bytes of weights that do not stay in any cache from one call to the next
STRAIN = 0.25  # what is lost where a rectangle takes all of the core's cache and not half of it
TASK = 6000.0  # handing out a part and waiting for the last one


def why_not(problem: Problem, isa: Isa) -> str | None:
    if problem.kind != "conv":
        return "only for convolutions"
    for axis in (problem.rows, problem.columns):
        if axis.kernel != TAPS:
            return f"the window is {problem.rows.kernel} x {problem.columns.kernel}; Winograd here is for 3 x 3"
    if problem.rows.stride != 1 or problem.columns.stride != 1:
        return f"the stride is {problem.rows.stride} x {problem.columns.stride}; Winograd shares work between neighbouring windows only at stride 1"
    down, across = problem.rows.dilation, problem.columns.dilation
    if down * across > MOST_PHASES or (down > 1 and down > problem.height) or (across > 1 and across > problem.width):
        return f"the dilation is {down} x {across}; it would take {down * across} calls, some of a few cells"
    if problem.groups > MOST_GROUPS:
        return f"{problem.groups} groups would be {problem.groups} calls; at most {MOST_GROUPS}"
    channels, filters = problem.channels // problem.groups, problem.filters // problem.groups
    if min(channels, filters) < LEAST_CHANNELS:
        return f"{channels} channels to {filters}: with fewer than {LEAST_CHANNELS} the transforms cost more than they save"
    if not problem.finite:
        return "weights that are infinite or NaN would reach outputs whose windows do not touch them"
    if 36 * (channels + 2 * isa.lanes) * (filters + 2 * block(isa)) > LARGEST_INDEX:
        return "the transformed weights would be more than 2**31 numbers"
    return None


def choices(problem: Problem, isa: Isa) -> list[Choice]:
    if problem.rows.dilation == problem.columns.dilation == 1:
        return _undilated(problem, isa, problem.output_layout.lower())
    rows, columns = problem.rows.phases, problem.columns.phases
    (*_, down), (*_, across), calls = rows[0], columns[0], len(rows) * len(columns)
    largest = replace(problem, rows=down, columns=across, height=down.size, width=across.size)
    return [
        replace(
            choice,
            seconds=calls * choice.seconds,
            macs=calls * choice.macs,
            tiles=(*choice.tiles, ("phases", calls)),
            apart=True,
        )
        for choice in _undilated(largest, isa, "gaps" if problem.output_layout == "NCHW" else "nhwc")
    ]


def _undilated(problem: Problem, isa: Isa, layout: str) -> list[Choice]:
    found = (_choice(problem, isa, size, schedule, layout) for size, schedule in VARIANTS)
    return [choice for choice in found if choice is not None]


@dataclass(frozen=True, slots=True)
class Layer:
    """One group's layer in units of the kernel: tiles, vectors of channels, blocks of output channels."""

    size: str
    schedule: str
    lanes: int
    block: int
    register: tuple[int, ...]
    threads: int
    down: int
    across: int
    batch: int
    chunks: int
    blocks: int
    cache: int
    turned: float
    room: int

    @property
    def products(self) -> int:
        return (OUTPUTS[self.size] + TAPS - 1) ** 2


@dataclass(frozen=True, slots=True)
class Cut:
    """Rectangles of `wide` x `tall` tiles of `images` images, register tiles of `pixels`, groups of `blocks` blocks."""

    wide: int
    tall: int
    images: int
    pixels: int
    blocks: int

    @property
    def tiles(self) -> int:
        """Of a rectangle, whole register tiles."""
        return -(-self.wide * self.tall * self.images // self.pixels) * self.pixels


def _choice(problem: Problem, isa: Isa, size: str, schedule: str, layout: str) -> Choice | None:
    m = OUTPUTS[size]
    layer = Layer(
        size=size,
        schedule=schedule,
        lanes=isa.lanes,
        block=block(isa),
        register=pixels(isa),
        threads=problem.threads,
        down=-(-problem.out_height // m),
        across=-(-problem.out_width // m),
        batch=problem.batch,
        chunks=-(-(problem.channels // problem.groups) // isa.lanes),
        blocks=-(-(problem.filters // problem.groups) // block(isa)),
        cache=problem.machine.l2,
        turned=TURNED[layout],
        room=max(WORKSPACE, 4 * problem.batch * problem.filters * problem.out_height * problem.out_width),
    )
    found = _best(layer)
    if found is None:
        return None
    cut, slots, macs = found
    variant = f"{size}{schedule}_{layout}"
    return Choice(
        family=NAME,
        variant=variant,
        symbol=symbol(NAME, variant, isa),
        tiles=(
            ("outputs", m),
            ("tiles across", cut.wide),
            ("tiles down", cut.tall),
            ("images", cut.images),
            ("channels in", layer.lanes),
            ("channels out", layer.block),
        ),
        extra=(cut.wide, cut.tall, cut.images, cut.pixels, cut.blocks),
        seconds=problem.groups * slots * isa.lanes / problem.machine.peak,
        workspace=_workspace(layer, cut),
        macs=problem.groups * macs,
        row_step=m * cut.tall,
        exact=False,
    )


@lru_cache(maxsize=512)
def _best(layer: Layer) -> tuple[Cut, float, int] | None:
    """The cheapest cut, its cost, and the multiply-adds of its products; None where no cut keeps to the workspace."""
    priced = [(_cost(layer, cut), cut) for cut in _cuts(layer) if _workspace(layer, cut) <= layer.room]
    if not priced:
        return None
    cost, cut = min(priced, key=lambda row: row[0])
    rectangles = _rectangles(layer, cut)
    return cut, cost, rectangles * layer.products * cut.tiles * layer.chunks * layer.lanes * layer.blocks * layer.block


def _cuts(layer: Layer) -> Iterator[Cut]:
    """Equal parts of the image, and of the batch where one image is only a few tiles."""
    limit = 28 * max(layer.register)
    whole = layer.across * layer.down
    for wide in _parts(layer.across):
        for tall in _parts(layer.down) if wide == layer.across else (1,):
            several = wide * tall == whole and whole < 2 * max(layer.register)
            for images in _parts(layer.batch) if several else (1,):
                count = wide * tall * images
                if count > limit and count > 1 and (wide, tall, images) != (1, 1, 1):
                    continue
                register = min(layer.register, key=lambda size: -(-count // size) * (size + 1.0))
                for blocks in _group_sizes(layer):
                    yield Cut(wide, tall, images, register, blocks)


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
    real, vectors = cut.wide * cut.tall * cut.images, layer.block // layer.lanes
    turned = layer.turned
    m = OUTPUTS[layer.size]
    # The image of a rectangle overlaps with its neighbours'; copying it is some third of the way in.
    overlap = (m * cut.wide + 2) * (m * cut.tall + 2) / (m * cut.wide * m * cut.tall)
    into = real * layer.chunks * TRANSFORM_IN[layer.size] * (0.65 + 0.35 * overlap * turned * turned)
    # Per block of output channels: the products, the weights that come for them, and the way back.
    depth = layer.products * layer.chunks * layer.lanes
    products = depth * cut.tiles * vectors * (1.0 + 0.8 / cut.pixels) * max(1.0, 8 / (cut.pixels * vectors))
    size = 4 * depth * layer.block * layer.blocks
    line = DISTANT if size > FAR else LINE if size > layer.cache // 2 else 0.0
    weights = depth * vectors * layer.lanes / 16 * line
    # Short runs of a pixel's channels are stored more slowly than long ones.
    back = real * vectors * TRANSFORM_OUT[layer.size] * turned * (1.0 + 0.2 / cut.blocks)
    spread = 4 * layer.products * cut.tiles * (layer.chunks * layer.lanes + cut.blocks * layer.block) / layer.cache
    strain = 1.0 + STRAIN * min(max(spread - 0.5, 0.0), 2.0)
    into, each = into * strain, (products + weights + back) * strain
    count, threads = _rectangles(layer, cut), layer.threads
    if layer.schedule == "rows":
        return -(-count // threads) * (into + layer.blocks * each) + TASK
    groups = -(-layer.blocks // cut.blocks)
    slowest = -(-groups // threads) * cut.blocks * each if threads > 1 else layer.blocks * each
    shared = into * -(-layer.chunks // threads) / layer.chunks * (1.0 if threads == 1 else 1.3)
    return count * (shared + slowest + (2 * TASK if threads > 1 else 0)) + TASK


def _workspace(layer: Layer, cut: Cut) -> int:
    """Bytes of all threads together."""
    spectrum = layer.products * cut.tiles * layer.chunks * layer.lanes
    m = OUTPUTS[layer.size]
    stage = (m * cut.wide + 2 + layer.lanes) * (m * cut.tall + 2) * cut.images * layer.lanes
    group = cut.blocks * layer.block
    results = layer.products * cut.tiles * group + 2 * m * m * cut.wide * group
    if layer.schedule == "rows":
        return 4 * min(layer.threads, _rectangles(layer, cut)) * (spectrum + stage + results)
    return 4 * (spectrum + layer.threads * max(stage, results))


def pack(choice: Choice, weight: Array) -> Array:
    """(block, frequency, chunk, c in chunk, k in block): transformed in float64, rounded once."""
    used = transform(dict(choice.tiles)["outputs"])
    lanes, wide = dict(choice.tiles)["channels in"], dict(choice.tiles)["channels out"]
    filters, channels = weight.shape[:2]
    chunks, blocks = -(-channels // lanes), -(-filters // wide)
    matrix: npt.NDArray[np.float64] = np.array([[float(value) for value in row] for row in used.weight])
    both = np.kron(matrix, matrix)
    packed = np.zeros((blocks, len(both), chunks * lanes, wide), np.float32)
    # A block's taps lie as its products will, so that the product of two matrices is stored as it comes.
    taps = np.zeros((TAPS * TAPS, channels, wide))
    spectrum = np.empty((len(both), channels * wide))
    for number in range(blocks):
        part = weight[number * wide : (number + 1) * wide].reshape(-1, channels, TAPS * TAPS)
        taps[:, :, : len(part)] = part.transpose(2, 1, 0)
        taps[:, :, len(part) :] = 0
        np.matmul(both, taps.reshape(TAPS * TAPS, -1), out=spectrum)
        packed[number, :, :channels] = spectrum.reshape(len(both), channels, wide)
    return packed.reshape(blocks, len(both), chunks, lanes, wide)
