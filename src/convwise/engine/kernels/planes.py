"""Convolution with 1x1 windows of images whose channels come first (NCHW), with pixels in the lanes, so that nothing is turned.

A plane of outputs is one run of pixels, cut into strips. Each task copies the cells of its strip, channel by channel, into a
panel; register tiles of some vectors of pixels times `block` output channels run over it, with one weight for all lanes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import CLAMP, HARD_SWISH, SILU, Program, Shared, Variants, whole
from convwise.engine.tiles import plane_tiles

GUARD = hl.TailStrategy.GuardWithIf


def variants(isa: Isa) -> Variants:
    """`plain`: nothing but a residual and a clamp follows the sums; `long`: the same, of channels in parts; `any`: any activation."""
    return {
        f"{block}x{vectors}_{after}": partial(_build, isa, (block, vectors), after)
        for block, vectors in plane_tiles(isa)
        for after in ("any", "plain", "long")
    }


def _build(isa: Isa, shape: tuple[int, int], after: str) -> Program:
    shared = Shared(5)  # k in block, c in part, part, one, block
    block, pixels = shape[0], shape[1] * isa.lanes
    extra = tiles, blocks = [whole(name) for name in ("tiles", "blocks")]
    pi, ki, pj, kb, k, q, s, n = (hl.Var(name) for name in ("pi", "ki", "pj", "kb", "k", "q", "s", "n"))
    # The output is described in strips, the residual as whole planes.
    strip, cells = tiles * pixels, shared.residual.dim(1).extent()
    panel, run = _panel(shared, strip)
    acc = _sums(shared, isa, (block, pixels), panel, (strip, cells), parted=after == "long")
    tile, out = hl.Func("tile"), hl.Func(symbol("planes", f"{shape[0]}x{shape[1]}_{after}", isa))
    sums = acc[pi, ki, pj, kb, s, n]
    tile[pi, ki, pj, kb, s, n] = shared.activate(sums) if after == "any" else shared.clamped(sums)
    # The last strip reaches past the plane; nothing is stored there.
    r = hl.RDom([(0, strip)], "r")
    r.where(s * strip + r < cells)
    out[k, q, s, n] = hl.undef(hl.Float(32))
    out[k, r, s, n] = tile[r % pixels, k % block, r / pixels, k / block, s, n]
    _schedule(shared, (panel, acc, tile, out), isa, (block, pixels, after), (r, run, tiles, blocks))
    return shared.program(out, extra)


def _panel(shared: Shared, strip: Any) -> tuple[Any, Any]:
    """The cells of a strip, channel after channel, and zeros behind a plane's last one."""
    q, c, s, n = (hl.Var(name) for name in ("q", "c", "s", "n"))
    panel, inp = hl.Func("panel"), shared.inp
    width, height = inp.dim(1).extent(), inp.dim(2).extent()
    # A call for some of the rows has the others above it as negative padding.
    first = s * strip - shared.pad_y * width
    dense = (inp.dim(1).stride() == 1) & (inp.dim(2).stride() == width)
    panel[q, c, s, n] = hl.undef(hl.Float(32))
    run = hl.RDom([(0, strip)], "run")
    run.where((first + run < width * height) & dense)
    # Rows that lie one behind the other are one row.
    panel[run, c, s, n] = inp[c, first + run, 0, n]
    single = hl.RDom([(0, strip)], "single")
    single.where((first + single < width * height) & ~dense)
    panel[single, c, s, n] = inp[c, (first + single) % width, (first + single) / width, n]
    # Tiles are multiplied whole: what lies in memory may be denormal numbers, for which a processor takes a hundred times as long.
    beyond = hl.RDom([(0, strip)], "beyond")
    beyond.where((first + strip > width * height) & (first + beyond >= width * height))
    panel[beyond, c, s, n] = hl.f32(0)
    return panel, (run.x, beyond.x)


def _sums(shared: Shared, isa: Isa, shape: tuple[int, int], panel: Any, sizes: tuple[Any, Any], *, parted: bool) -> Any:
    """All accumulators in registers: per channel some vectors of pixels, and one weight for each output channel."""
    (block, pixels), (strip, cells) = shape, sizes
    pi, ki, pj, kb, s, n, part = (hl.Var(name) for name in ("pi", "ki", "pj", "kb", "s", "n", "part"))
    acc, sums, w = hl.Func("acc"), hl.Func("sums"), shared.weights
    # Where there are no parts the second loop has one turn; around it the compiler puts away what the first would else hold in registers.
    r = hl.RDom([(0, w.dim(1).extent()), (0, w.dim(2).extent())], "r")
    parts = hl.RDom([(0, w.dim(2).extent())], "parts")
    # Tiles past the end, of a last strip that is not full, are not computed.
    for domain in (r, parts):
        domain.where((s * strip + pj * pixels < cells) | (cells % strip == 0))
    acc[pi, ki, pj, kb, s, n] = shared.bias[kb * block + ki]
    if parted:
        # Each part of the channels is added up by itself before it joins the others: long sums lose fewer digits.
        c = hl.RDom([(0, w.dim(1).extent())], "c")
        cell = panel[pj * pixels + pi, part * w.dim(1).extent() + c, s, n]
        sums[pi, ki, pj, kb, s, n, part] = hl.f32(0)
        sums[pi, ki, pj, kb, s, n, part] += w[ki, c, part, 0, kb] * cell
        acc[pi, ki, pj, kb, s, n] += sums[pi, ki, pj, kb, s, n, parts]
        inner, channel, order = sums, c.x, [parts.x]
    else:
        acc[pi, ki, pj, kb, s, n] += w[ki, r.x, r.y, 0, kb] * panel[pj * pixels + pi, r.x, s, n]
        inner, channel, order = acc, r.x, [r.x, r.y]
    # Without a residual there is nothing to read there.
    add = hl.RDom([(0, pixels)], "add")
    add.where((shared.has_residual != 0) & (s * strip + pj * pixels + add < cells))
    last = shared.residual.dim(0).extent() - 1
    acc[add, ki, pj, kb, s, n] += shared.residual[hl.min(kb * block + ki, last), s * strip + pj * pixels + add, 0, n]
    acc.update(1).reorder(add.x, ki, pj, kb, s, n).vectorize(add.x, isa.lanes)
    for func in (acc, sums) if parted else (acc,):
        func.bound(pi, 0, pixels).bound(ki, 0, block).bound_extent(pj, 1).bound_extent(kb, 1).bound_extent(n, 1)
        func.vectorize(pi, isa.lanes).unroll(pi).unroll(ki)
    acc.update(0).reorder(pi, ki, *order, pj, kb, s, n).vectorize(pi, isa.lanes).unroll(pi).unroll(ki)
    if parted:
        sums.compute_at(acc, parts.x)
        sums.update().reorder(pi, ki, channel, pj, kb, s, n, part).vectorize(pi, isa.lanes).unroll(pi).unroll(ki)
        panel.bound(panel.args()[1], 0, shared.inp.dim(0).extent())
    row = panel.in_()
    lane = row.args()[0]
    row.compute_at(inner, channel).vectorize(lane, isa.lanes).unroll(lane)
    w.dim(0).set_extent(block)
    w.in_().compute_at(inner, ki)
    return acc


def _schedule(shared: Shared, funcs: Any, isa: Isa, shape: tuple[int, int, str], cut: tuple[Any, ...]) -> None:
    """Tasks of one strip and `blocks` blocks of channels; the weights of a block stay in the first cache for all its tiles."""
    (panel, acc, tile, out), (block, pixels, after), (r, run, tiles, blocks) = funcs, shape, cut
    k, _, s, n = out.args()
    kb, ki, ko, kj, so, si, task = (hl.Var(name) for name in ("kb", "ki", "ko", "kj", "so", "si", "task"))
    ri, rj = hl.RVar("ri"), hl.RVar("rj")
    for axis in range(4):
        out.output_buffer().dim(axis).set_min(0)
    out.output_buffer().dim(1).set_extent(tiles * pixels)
    for param in (out.output_buffer(), shared.residual):
        param.dim(0).set_stride(hl.Expr())
        param.dim(1).set_stride(1)
    store = out.update()
    store.split(k, kb, ki, block, GUARD).split(kb, ko, kj, blocks, GUARD).split(r.x, rj, ri, pixels)
    # Fused as it is, Halide would take all strips of `s` for one task's.
    store.split(s, so, si, 1, hl.TailStrategy.RoundUp).reorder(ri, ki, rj, kj, si, so, n, ko)
    store.fuse(so, n, task).fuse(task, ko, task).parallel(task)
    store.vectorize(ri, isa.lanes).never_partition_all()
    acc.compute_at(out, rj)
    if after == "any":
        pi, ki, pj, kb, s, n = tile.args()
        tile.compute_at(out, rj).bound(pi, 0, pixels).bound(ki, 0, block)
        tile.bound_extent(pj, 1).bound_extent(kb, 1).bound_extent(n, 1).vectorize(pi, isa.lanes).never_partition_all()
        for act in (CLAMP, SILU, HARD_SWISH):
            tile.specialize(shared.act == act)
    # A vector more between the channels: they would else fall on few places of the cache.
    panel.compute_at(out, task).bound(panel.args()[0], 0, tiles * pixels + isa.lanes).bound_extent(n, 1)
    for number, cells in ((0, run[0]), (2, run[1])):
        panel.update(number).vectorize(cells, isa.lanes, GUARD).never_partition_all()
    panel.update(1).never_partition_all()
