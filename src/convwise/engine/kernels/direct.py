"""Direct convolution, any kernel, stride, dilation, padding and channel counts.

Each task copies the strip of the input that it reads into a stage (channels innermost, zeros where there is padding), then
runs register tiles of `pixels` outputs of a row times `vectors` vectors of output channels over it. Where channels are few and
lie densely, tiles whose windows lie in the input read it where it is, and those at its edges have stages of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import halide as hl

from convwise.engine.families.direct import HELD, UNROLLED, unstaged
from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import Program, Shared, Variants, whole
from convwise.engine.kernels.turning import Square, flipped, schedule_flipped
from convwise.engine.tiles import direct_tiles

GUARD = hl.TailStrategy.GuardWithIf


def variants(isa: Isa) -> Variants:
    """`plain`: nothing but a clamp after the sum; `any`: the sum may come on top of what the output holds; `point` and, of many channels,
    `long`: a 1x1 window without padding, which with channels last needs no stage; `edges`: with stages for the tiles at the edges alone.
    """
    forms = [(layout, form) for layout in ("nhwc", "nchw") for form in ("any", "plain", "long")]
    forms += [("nhwc", form) for form in ("point", "edges")]
    return {
        f"{pixels}x{vectors}_{layout}_{form}": partial(build, isa, (pixels, vectors), layout, form)
        for pixels, vectors in direct_tiles(isa)
        for layout, form in forms
    }


@dataclass(frozen=True)
class Sums:
    """A row of taps, or some channels of it, added up from `cells` over `taps` = (channels, columns), and the domain of what joins
    the others: the rows, a loop of one turn, and the parts of the channels.
    """

    part: Any
    cells: Any
    taps: Any
    rows: Any


@dataclass(frozen=True)
class Funcs:
    square: Square | None
    stage: Any
    acc: Any
    flips: Any
    tile: Any
    out: Any


def build(isa: Isa, tile: tuple[int, int], layout: str, form: str) -> Program:
    shared = Shared(5)  # k in block, c, kx, ky, block
    pixels, block = tile[0], isa.lanes * tile[1]
    names = ("rows", "tiles", "blocks", "beside", "wide", "skip", "each", "deep")
    extra = rows, tiles, blocks, beside, wide, skip, each, deep = [whole(name) for name in names]
    name = symbol("direct", f"{tile[0]}x{tile[1]}_{layout}_{form}", isa)
    funcs, sums = _algorithm(shared, name, (pixels, block, isa.lanes), (layout, form), (skip, each, deep))
    _schedule_output(shared, funcs, isa, (pixels, block), (layout, form), (rows, tiles, blocks, beside))
    if form == "any":
        _schedule_tile(shared, funcs, isa, (pixels, block), layout)
    _schedule_sums(shared, funcs, isa, (pixels, block), (layout, form), sums, _deep(shared, form, deep))
    if not unstaged(layout, form):
        _schedule_stage(shared, funcs, isa, layout, wide)
    return shared.program(funcs.out, extra)


def _algorithm(
    shared: Shared, name: str, shape: tuple[int, int, int], kind: tuple[str, str], sizes: tuple[Any, Any, Any]
) -> tuple[Funcs, tuple[Sums, ...]]:
    (pixels, block, lanes), (layout, form), (skip, each, deep) = shape, kind, sizes
    k, x, y, n, ki, kb, xi, xt = (hl.Var(name) for name in ("k", "x", "y", "n", "ki", "kb", "xi", "xt"))
    part, acc, tile, out = (hl.Func(each) for each in ("part", "acc", "tile", name))
    inp, (stage, square) = shared.inp, _copied(shared, lanes, layout, form)
    w = shared.weights
    deep = _deep(shared, form, deep)
    # The second loop is of one turn: what the tiles at the edges alone need is computed there. So is the third, but where channels
    # are added up in parts.
    r = hl.RDom([(0, w.dim(3).extent()), (0, 1), (0, w.dim(1).extent() / deep)], "r")
    taps = hl.RDom([(0, deep), (0, w.dim(2).extent())], "taps")
    ky, kd = hl.Var("ky"), hl.Var("kd")
    first = xt * pixels * shared.stride_x + taps.y * shared.dilation_x
    row = y * shared.stride_y
    if not unstaged(layout, form):
        # Taps that read nothing but padding, for all pixels of a tile, are left out.
        across = (first + (pixels - 1) * shared.stride_x >= shared.pad_x) & (first < inp.dim(1).extent() + shared.pad_x)
        below = row + r.x * shared.dilation_y
        down = (below >= shared.pad_y) & (below < inp.dim(2).extent() + shared.pad_y)
        taps.where(across | (skip == 0))
        r.where(down | (skip == 0))
    if form == "edges":
        r.where(~_inside(shared, xt * pixels, pixels, y))
    # Of a group with `each` blocks of output channels; what lies past the last one is never stored.
    inner = w.dim(1).extent()
    group = hl.min(kb / each * inner, inp.dim(0).extent() - inner)
    if layout == "nchw":
        group = group / lanes * lanes
    # A row of taps, or a part of its channels, is added up by itself before it joins the others: long sums lose fewer digits.
    c = kd * deep + taps.x
    cell = stage[group + c, first + xi * shared.stride_x, row + ky * shared.dilation_y, n]
    part[ki, xi, xt, kb, y, n, ky, kd] = hl.f32(0)
    part[ki, xi, xt, kb, y, n, ky, kd] += w[ki, c, taps.y, ky, kb] * cell
    acc[ki, xi, xt, kb, y, n] = shared.bias[kb * block + ki]
    if form == "point":
        acc[ki, xi, xt, kb, y, n] += (
            w[ki, taps.x, taps.y, 0, kb] * stage[group + taps.x, first + xi * shared.stride_x, row, n]
        )
    else:
        acc[ki, xi, xt, kb, y, n] += part[ki, xi, xt, kb, y, n, r.x, r.z]
    sums: tuple[Sums, ...] = (Sums(part, stage, taps, r),)
    if form == "edges":
        near = _near(shared, pixels, group)
        acc[ki, xi, xt, kb, y, n] += near.part[ki, xi, xt, kb, y, n, near.rows.x]
        sums = (*sums, near)
    # Planes are written along a row, so a tile is turned first; pixels that fill its last vector are never stored.
    flips = flipped(acc, lanes, pixels)
    summed = acc[ki, xi, xt, kb, y, n]
    if layout == "nchw":
        summed = flips[-1][ki % lanes * lanes + xi % lanes, xi / lanes, ki / lanes, xt, kb, y, n]
    place = (kb * block + ki, xt * pixels + xi, y, n)
    if form == "any":
        tile[ki, xi, xt, kb, y, n] = shared.finish(summed, *place, whole=_whole(shared, pixels, block, layout))
    else:
        tile[ki, xi, xt, kb, y, n] = shared.clamped(summed)
    out[k, x, y, n] = tile[k % block, x % pixels, x / pixels, k / block, y, n]
    return Funcs(square, stage, acc, flips, tile, out), sums


def _deep(shared: Shared, form: str, deep: Any) -> Any:
    """Channels that are added up before they join the other sums: all, or a divisor of them."""
    return deep if form == "long" else shared.weights.dim(1).extent()


def _copied(shared: Shared, lanes: int, layout: str, form: str) -> tuple[hl.Func, Square | None]:
    """The padded input as the tiles read it, channels innermost, and what turns planes into that."""
    (c, x, y, n), stage, inp = (hl.Var(name) for name in ("c", "x", "y", "n")), hl.Func("stage"), shared.inp
    square = Square.of(shared, lanes) if layout == "nchw" else None
    if square is not None:
        stage[c, x, y, n] = square.steps[-1][x % lanes * lanes + c % lanes, x / lanes, c / lanes, y, n]
    elif unstaged(layout, form):
        # Pixels that only fill the last tile of a row are those of its last cell again.
        ends = (inp.dim(1).extent() - 1, inp.dim(2).extent() - 1)
        stage[c, x, y, n] = inp[c, hl.min(x, ends[0]), hl.min(y, ends[1]), n]
    else:
        # No more channels are asked for than there are, so that a vector of them is one load.
        stage[c, x, y, n] = shared.border(c, x - shared.pad_x, y - shared.pad_y, n)
    return stage, square


def _inside(shared: Shared, x: Any, pixels: int, y: Any) -> Any:
    """Whether all windows of the tile that begins at output (x, y) lie in the input."""
    w, inp = shared.weights, shared.inp
    left, top = x * shared.stride_x - shared.pad_x, y * shared.stride_y - shared.pad_y
    right = left + (pixels - 1) * shared.stride_x + (w.dim(2).extent() - 1) * shared.dilation_x
    bottom = top + (w.dim(3).extent() - 1) * shared.dilation_y
    return (left >= 0) & (right < inp.dim(1).extent()) & (top >= 0) & (bottom < inp.dim(2).extent())


def _near(shared: Shared, pixels: int, group: Any) -> Sums:
    """The sums of a tile whose windows lie in the input: it is read where it is."""
    ki, xi, xt, kb, y, n, ky = (hl.Var(name) for name in ("ki", "xi", "xt", "kb", "y", "n", "ky"))
    w, cells, part = shared.weights, hl.Func("cells"), hl.Func("near")
    c, x, row = hl.Var("c"), hl.Var("x"), hl.Var("row")
    cells[c, x, row, n] = shared.inp[c, x, row, n]
    taps = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "near_taps")
    rows = hl.RDom([(0, w.dim(3).extent())], "near_rows")
    rows.where(_inside(shared, xt * pixels, pixels, y))
    across = (xt * pixels + xi) * shared.stride_x + taps.y * shared.dilation_x - shared.pad_x
    down = y * shared.stride_y + ky * shared.dilation_y - shared.pad_y
    part[ki, xi, xt, kb, y, n, ky] = hl.f32(0)
    part[ki, xi, xt, kb, y, n, ky] += w[ki, taps.x, taps.y, ky, kb] * cells[group + taps.x, across, down, n]
    return Sums(part, cells, taps, rows)


def _whole(shared: Shared, pixels: int, block: int, layout: str) -> Any:
    """Whether no tile reaches past the output; a tile of planes does, for its rows are filled up to whole vectors."""
    filters, width = (shared.residual.dim(axis).extent() for axis in (0, 1))
    return (filters % block == 0) & (width % pixels == 0) if layout == "nhwc" else hl.Expr(False)


def _schedule_output(
    shared: Shared,
    funcs: Funcs,
    isa: Isa,
    shape: tuple[int, int],
    kind: tuple[str, str],
    sizes: tuple[Any, Any, Any, Any],
) -> None:
    """Tasks of `rows` rows, `tiles` tiles of a row and `blocks` blocks of channels; the weights of a block stay in cache, and those of
    `beside` blocks are taken for a tile one after the other.
    """
    (pixels, block), (rows, tiles, blocks, beside), (layout, form) = shape, sizes, kind
    out, tile = funcs.out, funcs.tile
    k, x, y, n = out.args()
    names = ("ki", "kb", "xi", "xt", "ko", "kj", "kn", "xo", "xj", "yo", "yi", "task")
    ki, kb, xi, xt, ko, kj, kn, xo, xj, yo, yi, task = (hl.Var(name) for name in names)
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.split(k, kb, ki, block, GUARD).split(x, xt, xi, pixels, GUARD)
    out.split(y, yo, yi, rows, GUARD).split(xt, xo, xj, tiles, GUARD).split(kb, ko, kj, blocks, GUARD)
    out.split(kj, kj, kn, beside, GUARD)
    nhwc = layout == "nhwc"
    lane, other = (ki, xi) if nhwc else (xi, ki)
    out.reorder(lane, other, kn, xj, yi, kj, xo, yo, n, ko).vectorize(lane, isa.lanes, GUARD)
    out.fuse(xo, yo, task).fuse(task, n, task).fuse(task, ko, task).parallel(task)
    out.never_partition_all()

    for param in (out.output_buffer(), shared.residual):
        param.dim(0).set_stride(1 if nhwc else hl.Expr())
        param.dim(1).set_stride(hl.Expr() if nhwc else 1)
    funcs.acc.compute_at(out, kn)
    if not nhwc:
        schedule_flipped(funcs.flips, out, kn, shape, isa.lanes)
    if form == "any":
        tile.compute_at(out, kn)
    if form != "edges" and not unstaged(layout, form):
        funcs.stage.compute_at(out, task)


def _filled(isa: Isa, pixels: int) -> int:
    return -(-pixels // isa.lanes) * isa.lanes


def _schedule_tile(shared: Shared, funcs: Funcs, isa: Isa, shape: tuple[int, int], layout: str) -> None:
    pixels, block = shape
    tile, nhwc = funcs.tile, layout == "nhwc"
    ki, xi, xt, kb, y, n = tile.args()
    lane, other = (ki, xi) if nhwc else (xi, ki)
    tile.bound_extent(xt, 1).bound_extent(kb, 1)
    tile.bound(ki, 0, block).bound(xi, 0, pixels if nhwc else _filled(isa, pixels))
    tile.reorder_storage(lane, other, xt, kb, y, n)
    tile.reorder(lane, other, xt, kb, y, n).vectorize(lane, isa.lanes).never_partition_all()
    tile.specialize(shared.has_residual == 0)
    if nhwc:
        tile.specialize(_whole(shared, pixels, block, layout))


def _schedule_sums(
    shared: Shared,
    funcs: Funcs,
    isa: Isa,
    shape: tuple[int, int],
    kind: tuple[str, str],
    sums: tuple[Sums, ...],
    deep: Any,
) -> None:
    """All accumulators in registers: per channel and tap a row of weights, and one broadcast cell a pixel."""
    (pixels, block), (layout, form), acc = shape, kind, funcs.acc
    parts = () if form == "point" else tuple(some.part for some in sums)
    for func in (acc, *parts):
        ki, xi, xt, kb = func.args()[:4]
        func.bound(ki, 0, block).bound(xi, 0, pixels).bound_extent(xt, 1).bound_extent(kb, 1)
        func.vectorize(ki, isa.lanes).unroll(ki).unroll(xi)
    for number, part in enumerate(parts):
        (ki, xi, *rest), rows = acc.args(), sums[number].rows
        domain = (rows.z, rows.x, rows.y) if number == 0 else (rows.x,)
        acc.update(number).reorder(ki, xi, *domain, *rest).vectorize(ki, isa.lanes).unroll(ki).unroll(xi)
        part.compute_at(acc, domain[0])
    for number, some in enumerate(sums):
        inner, taps = acc if form == "point" else some.part, some.taps
        ki, xi, *rest = inner.args()
        update = inner.update().reorder(ki, xi, taps.x, taps.y, *rest).vectorize(ki, isa.lanes).unroll(ki).unroll(xi)
        if pixels <= HELD:
            # What is copied is dense; the second sums are of the input where it lies.
            dense = shared.inp.dim(0).stride() == 1 if unstaged(layout, form) or number == 1 else hl.Expr(True)
            branch = update.specialize((deep % UNROLLED == 0) & dense)
            branch.split(taps.x, hl.RVar("some"), taps.x, UNROLLED, GUARD).unroll(taps.x)
        row = shared.weights.in_(inner)
        lane = row.args()[0]
        row.compute_at(inner, taps.x).vectorize(lane, isa.lanes).unroll(lane)
        some.cells.in_(inner).compute_at(inner, xi)
    shared.weights.dim(0).set_extent(block)
    shared.weights.dim(1).set_stride(block)
    if form == "edges":
        funcs.stage.compute_at(acc, sums[0].rows.y).hoist_storage(funcs.out, hl.Var("task"))


def _schedule_stage(shared: Shared, funcs: Funcs, isa: Isa, layout: str, wide: Any) -> None:
    """Dense along the channels, or from planes in squares of one vector by one vector; other steps number by number."""
    stage = funcs.stage
    c, x, y, n = stage.args()
    stage.bound_extent(n, 1)
    if layout == "nhwc":
        stage.bound_storage(c, wide).specialize(shared.inp.dim(0).stride() == 1).vectorize(c, isa.lanes, GUARD)
        return
    stage.bound_storage(c, wide)
    outer_c, inner_c, outer_x, inner_x = (hl.Var(name) for name in ("outer_c", "inner_c", "outer_x", "inner_x"))
    for axis, outer, inner in ((c, outer_c, inner_c), (x, outer_x, inner_x)):
        stage.align_bounds(axis, isa.lanes).split(axis, outer, inner, isa.lanes, hl.TailStrategy.RoundUp)
    stage.reorder(inner_c, inner_x, outer_x, y, outer_c, n).vectorize(inner_c).unroll(inner_x)
    assert funcs.square is not None
    funcs.square.schedule(shared, (stage, outer_x))
