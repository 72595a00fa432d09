"""Winograd's products: for each frequency a matrix product over the input channels, one program for all tiles and layouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Variants, whole
from convwise.engine.kernels.winograd import thin
from convwise.engine.kernels.winograd.stages import whole_vectors
from convwise.engine.winograd_tiles import SUMMED, built, pixels

ROUND = hl.TailStrategy.RoundUp
FAMILY = "products"


def variants(isa: Isa) -> Variants:
    listed = {"usual": lambda: build(isa)}
    if any(schedule == "thin" for _, schedule, _ in built(isa)):
        listed["thin"] = lambda: thin.build(isa, symbol(FAMILY, "thin", isa))
    return listed


def stage_of(schedule: str) -> str:
    """The variant that a whole program calls."""
    return "thin" if schedule == "thin" else "usual"


@dataclass(frozen=True)
class Funcs:
    head: Any
    part: Any
    acc: Any
    products: Any
    terms: tuple[Any, Any, Any]


def build(isa: Isa) -> Program:
    # spectrum: c in chunk, tile of a register tile, chunk and part, register tile, frequency down, frequency across
    # weights: k in vector, c in chunk, chunk and part, frequency, vector
    spectrum, w = hl.ImageParam(F32, 6, "spectrum"), hl.ImageParam(F32, 5, "weights")
    numbers = channels, parts, count, vectors = [whole(name) for name in ("channels", "parts", "pixels", "vectors")]
    funcs = _algorithm(isa, spectrum, w, channels, parts, count)
    _schedule(isa, funcs, spectrum, w, count, vectors)
    return Program(funcs.products, (spectrum, w, *numbers))


def _algorithm(isa: Isa, spectrum: Any, w: Any, channels: Any, parts: Any, count: Any) -> Funcs:
    """products[k, frequency, tile]: the sum over channels and parts. Some chunks are added up before they join the others."""
    head, part, acc = (hl.Func(name) for name in ("head", "part", "acc"))
    products = hl.Func(symbol(FAMILY, "usual", isa))
    k, t, to, i, j, some = (hl.Var(name) for name in ("k", "t", "to", "i", "j", "some"))
    lanes, each, chunks = isa.lanes, SUMMED // isa.lanes, w.dim(2).extent()
    # The register tile is an axis of its own, so that no place is found by dividing where sums begin.
    along = [k, t, to, i, j]

    def product(channel: Any, chunk: Any) -> Any:
        weight = w[k % lanes, channel, chunk, i * spectrum.dim(5).extent() + j, k / lanes]
        return weight * spectrum[channel, t - to * count, chunk, to, i, j]

    # The last chunk may be of a few channels.
    first = hl.RDom([(0, lanes), (0, hl.min(each, chunks))], "first")
    first.where(first.y / parts * lanes + first.x < channels)
    head[along] = hl.f32(0)
    head[along] += product(first.x, first.y)
    more = hl.RDom([(0, lanes), (0, each)], "more")
    chunk = some * each + more.y
    more.where(chunk < chunks)
    more.where(chunk / parts * lanes + more.x < channels)
    part[[*along, some]] = hl.f32(0)
    part[[*along, some]] += product(more.x, chunk)
    sums = hl.RDom([(1, (chunks - 1) / each)], "sums")
    acc[along] = head[along]
    acc[along] += part[[*along, sums.x]]
    products[k, i, j, t] = acc[k, t, t / count, i, j]
    return Funcs(head, part, acc, products, (first, more, sums))


def _schedule(isa: Isa, f: Funcs, spectrum: Any, w: Any, tile: Any, vectors: Any) -> None:
    """Accumulators in registers: per channel one or two vectors of weights, and one broadcast number a tile."""
    k, i, j, t = f.products.args()
    kb, to, ti = (hl.Var(name) for name in ("kb", "to", "ti"))

    def tiled(stage: Any, count: int, wide: int) -> None:
        stage.split(t, to, ti, count, ROUND).split(k, kb, k, wide * isa.lanes, ROUND)
        stage.reorder(k, ti, to, j, i, kb).vectorize(k, isa.lanes).unroll(k).unroll(ti)

    for wide in (2, 1):
        for count in pixels(isa, wide):
            tiled(f.products.specialize((tile == count) & (vectors % 2 == wide % 2)), count, wide)
    f.products.specialize_fail("a register tile that is not known")
    f.products.never_partition_all()
    first, more, sums = f.terms
    for func, inner in ((f.head, (first.x, first.y)), (f.part, (more.x, more.y)), (f.acc, (sums.x,))):
        k, t, block = func.args()[:3]
        func.compute_at(f.products, to).store_in(hl.MemoryType.Register).bound_extent(block, 1)
        func.vectorize(k, isa.lanes).unroll(k).unroll(t)
        func.update().reorder(k, t, *inner).vectorize(k, isa.lanes).unroll(k).unroll(t).never_partition_all()
        if func is not f.acc:
            row = w.in_(func)
            row.compute_at(func, inner[0]).vectorize(row.args()[0]).unroll(row.args()[4])
    f.part.compute_at(f.acc, sums.x)
    whole_vectors(f.products, isa)
    spectrum.dim(0).set_extent(isa.lanes).set_stride(1)
    spectrum.dim(1).set_stride(isa.lanes)
    w.dim(0).set_extent(isa.lanes)
    w.dim(1).set_extent(isa.lanes).set_stride(isa.lanes)
