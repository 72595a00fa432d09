"""Products of Winograd for few tiles: weights come as they are, and every register tile transforms them as it reads them.

Transformed weights are four times as many numbers, and where a layer has many channels and few tiles they are all that it
waits for. A register tile is a row of frequencies of a few tiles, for one vector of output channels. Channels are added up in
parts, each for one row of frequencies after the other: the first reads its weights as one stream, the others find them in a cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import halide as hl

from convwise.engine.isa import Isa
from convwise.engine.kernels.common import Shared
from convwise.engine.transforms import Transform
from convwise.engine.winograd_tiles import SPREAD, SUMMED, THIN

ROUND = hl.TailStrategy.RoundUp


def _powers(row: Sequence[Fraction], taps: Sequence[Any]) -> Any:
    """Three taps at a point; what the points +p and -p share is written alike."""
    if row[0] == 0:
        return taps[2]
    if row[1] == 0:
        return taps[0]
    even, odd = taps[0] + hl.f32(float(row[2])) * taps[2], hl.f32(float(abs(row[1]))) * taps[1]
    return even + odd if row[1] > 0 else even - odd


def multiply(shared: Shared, f: dict[str, Any], isa: Isa, used: Transform) -> tuple[Any, Any]:
    """products[k, frequency, tile] of `used.monic`; head: taps transformed down, part: and across, acc: some chunks' sums."""
    k, t, i, j, c, column, chunk, some = (hl.Var(name) for name in ("k", "t", "i", "j", "c", "column", "chunk", "some"))
    rect = [hl.Var(name) for name in ("rx", "ry", "rn")]
    w, lanes, each = shared.weights, isa.lanes, SUMMED // isa.lanes
    chunks = w.dim(3).extent()
    down = [w[k % lanes, row * used.taps + column, c, chunk, k / lanes] for row in range(used.taps)]
    f["head"][k, c, i, column, chunk] = hl.mux(i, [_powers(row, down) for row in used.weight])
    across = [f["head"][k, c, i, number, chunk] for number in range(used.taps)]
    f["part"][k, c, i, j, chunk] = hl.mux(j, [_powers(row, across) for row in used.weight])
    terms = hl.RDom([(0, lanes), (0, each)], "terms")
    here = some * each + terms.y
    terms.where(here < chunks)
    along = [k, t, i, j, some]
    f["acc"][[*along, *rect]] = hl.f32(0)
    f["acc"][[*along, *rect]] += f["part"][k, terms.x, i, j, here] * f["spectrum"][[terms.x, t, here, i, j, *rect]]
    sums = hl.RDom([(0, (chunks + each - 1) / each)], "sums")
    f["products"][[k, i, j, t, *rect]] = hl.f32(0)
    f["products"][[k, i, j, t, *rect]] += f["acc"][[k, t, i, j, sums.x, *rect]]
    return terms, sums


def schedule(shared: Shared, f: Any, isa: Isa, used: Transform, vectors: Any, tiles: Any) -> None:
    """24 accumulators: each weight is transformed in registers and meets the numbers of THIN tiles at once."""
    w, (terms, sums), size, cells = shared.weights, f.terms, used.products, used.taps**2
    k, i, j, t = f.products.args()[:4]
    kb, to, ti = (hl.Var(name) for name in ("kb", "to", "ti"))
    f.products.align_bounds(k, isa.lanes).bound_extent(k, vectors * isa.lanes)
    f.products.bound(t, 0, tiles).bound(i, 0, size).bound(j, 0, size)
    f.products.reorder_storage(k, t, j, i, *f.products.args()[4:]).bound_storage(t, tiles | 1)
    f.products.reorder(k, t, j, i).vectorize(k, isa.lanes).never_partition_all()
    update = f.products.update().split(t, to, ti, THIN, ROUND).split(k, kb, k, isa.lanes, ROUND)
    update.reorder(k, ti, j, to, i, sums.x, kb).vectorize(k, isa.lanes).unroll(j).unroll(ti).unroll(i)
    update.never_partition_all()
    k, t, _, j = f.acc.args()[:4]
    f.acc.compute_at(f.products, to).store_in(hl.MemoryType.Register).vectorize(k, isa.lanes).unroll(j).unroll(t)
    update = f.acc.update().reorder(k, t, j, terms.x, terms.y).vectorize(k, isa.lanes).unroll(j).unroll(t)
    update.never_partition_all()
    for func in (f.head, f.part):
        k, axis = func.args()[0], func.args()[3]
        func.compute_at(f.acc, terms.x).vectorize(k, isa.lanes).unroll(axis)
    f.part.bound(f.part.args()[3], 0, size)
    # A chunk's numbers of all frequencies lie together, as they are read.
    c, t, chunk, i, j, *rest = f.spectrum.args()
    f.spectrum.reorder_storage(c, t, j, i, chunk, *rest).bound(chunk, 0, w.dim(3).extent())
    f.spectrum.bound_storage(t, tiles + hl.select(tiles % SPREAD == 0, 1, 0))
    w.dim(0).set_extent(isa.lanes)
    w.dim(1).set_extent(cells).set_stride(isa.lanes)
    w.dim(2).set_extent(isa.lanes).set_stride(cells * isa.lanes)
