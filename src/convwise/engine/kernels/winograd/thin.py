"""Products of Winograd for few tiles: weights come as they are, and every register tile transforms them as it reads them.

Transformed weights are four times as many numbers, and where a layer has many channels and few tiles they are all that it
waits for. A register tile is a row of frequencies of a few tiles, for one vector of output channels. Channels are added up in
parts, each for one row of frequencies after the other: the first reads its weights as one stream, the others find them in a cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import halide as hl

from convwise.engine.isa import Isa
from convwise.engine.kernels.common import F32, Program, whole
from convwise.engine.kernels.winograd.stages import whole_vectors
from convwise.engine.transforms import Transform, transform
from convwise.engine.winograd_tiles import SUMMED, THIN

ROUND = hl.TailStrategy.RoundUp


def _powers(row: Sequence[Fraction], taps: Sequence[Any]) -> Any:
    """Three taps at a point; what the points +p and -p share is written alike."""
    if row[0] == 0:
        return taps[2]
    if row[1] == 0:
        return taps[0]
    even, odd = taps[0] + hl.f32(float(row[2])) * taps[2], hl.f32(float(abs(row[1]))) * taps[1]
    return even + odd if row[1] > 0 else even - odd


@dataclass(frozen=True)
class Sums:
    """Weights transformed down, and across; the sums over some chunks, over `terms`, and over all, over `parts`."""

    down: Any
    across: Any
    acc: Any
    terms: Any
    parts: Any


def build(isa: Isa, name: str) -> Program:
    # spectrum: c in chunk, tile, chunk and part, frequency down, frequency across
    # weights: k in vector, tap, c in chunk, chunk and part, vector
    spectrum, w, products = hl.ImageParam(F32, 5, "spectrum"), hl.ImageParam(F32, 5, "weights"), hl.Func(name)
    # It is called as the usual products are, whatever of that it needs.
    numbers = tuple(whole(number) for number in ("channels", "parts", "pixels", "vectors"))
    used = transform(4, 3).monic
    sums = _algorithm(spectrum, w, products, isa, used)
    _schedule(sums, spectrum, w, products, isa, used)
    return Program(products, (spectrum, w, *numbers))


def _algorithm(spectrum: Any, w: Any, products: Any, isa: Isa, used: Transform) -> Sums:
    """products[k, frequency, tile] of `used.monic`."""
    k, t, i, j, c, column, chunk, some = (hl.Var(name) for name in ("k", "t", "i", "j", "c", "column", "chunk", "some"))
    lanes, each = isa.lanes, SUMMED // isa.lanes
    chunks = w.dim(3).extent()
    half, full, acc = (hl.Func(name) for name in ("half", "full", "acc"))
    down = [w[k % lanes, row * used.taps + column, c, chunk, k / lanes] for row in range(used.taps)]
    half[k, c, i, column, chunk] = hl.mux(i, [_powers(row, down) for row in used.weight])
    across = [half[k, c, i, number, chunk] for number in range(used.taps)]
    full[k, c, i, j, chunk] = hl.mux(j, [_powers(row, across) for row in used.weight])
    terms = hl.RDom([(0, lanes), (0, each)], "terms")
    here = some * each + terms.y
    terms.where(here < chunks)
    acc[k, t, i, j, some] = hl.f32(0)
    acc[k, t, i, j, some] += full[k, terms.x, i, j, here] * spectrum[terms.x, t, here, i, j]
    sums = hl.RDom([(0, (chunks + each - 1) / each)], "sums")
    products[k, i, j, t] = hl.f32(0)
    products[k, i, j, t] += acc[k, t, i, j, sums.x]
    return Sums(half, full, acc, terms, sums)


def _schedule(f: Sums, spectrum: Any, w: Any, products: Any, isa: Isa, used: Transform) -> None:
    """24 accumulators: each weight is transformed in registers and meets the numbers of THIN tiles at once."""
    terms, size, cells = f.terms, used.products, used.taps**2
    k, i, j, t = products.args()
    kb, to, ti = (hl.Var(name) for name in ("kb", "to", "ti"))
    products.bound(i, 0, size).bound(j, 0, size)
    products.reorder(k, t, j, i).vectorize(k, isa.lanes).never_partition_all()
    update = products.update().split(t, to, ti, THIN, ROUND).split(k, kb, k, isa.lanes, ROUND)
    update.reorder(k, ti, j, to, i, f.parts.x, kb).vectorize(k, isa.lanes).unroll(j).unroll(ti).unroll(i)
    update.never_partition_all()
    k, t, _, j = f.acc.args()[:4]
    f.acc.compute_at(products, to).store_in(hl.MemoryType.Register).vectorize(k, isa.lanes).unroll(j).unroll(t)
    update = f.acc.update().reorder(k, t, j, terms.x, terms.y).vectorize(k, isa.lanes).unroll(j).unroll(t)
    update.never_partition_all()
    for func in (f.down, f.across):
        k, axis = func.args()[0], func.args()[3]
        func.compute_at(f.acc, terms.x).vectorize(k, isa.lanes).unroll(axis)
    f.across.bound(f.across.args()[3], 0, size)
    whole_vectors(products, isa)
    for axis in range(5):
        w.dim(axis).set_min(0)
    spectrum.dim(0).set_extent(isa.lanes).set_stride(1)
    spectrum.dim(1).set_stride(isa.lanes)
    w.dim(0).set_extent(isa.lanes)
    w.dim(1).set_extent(cells).set_stride(isa.lanes)
    w.dim(2).set_extent(isa.lanes).set_stride(cells * isa.lanes)
