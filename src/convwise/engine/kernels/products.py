"""Winograd's products, one program that those of all tiles and layouts call: for each frequency a matrix product over the channels.

It is by far the largest part of such a program, with a form for every register tile, and none depends on what comes before or after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.common import F32, Program, Variants, whole
from convwise.engine.winograd_tiles import SUMMED, pixels

ROUND = hl.TailStrategy.RoundUp
RANK = 8
"""Of the spectrum: c in chunk, tile, chunk and part, frequency down, frequency across, and the rectangle's three numbers."""


def variants(isa: Isa) -> Variants:
    return {"winograd": lambda: build(isa)}


def name_of(isa: Isa) -> str:
    return symbol("products", "winograd", isa)


def call(
    func: hl.Func, isa: Isa, place: Sequence[Any], spectrum: hl.Func, weights: Any, numbers: Sequence[Any]
) -> None:
    """Define `func` at `place` = (k, frequency down, frequency across, tile, *rectangle) as what the program makes of the
    others; `numbers`: channels of the input, parts of the window, tiles of a register tile, vectors of a group.
    """
    given = [hl.ExternFuncArgument(one) for one in (spectrum, weights, *numbers)]
    func.define_extern(name_of(isa), given, F32, list(place))


@dataclass(frozen=True)
class Funcs:
    head: Any
    part: Any
    acc: Any
    products: Any
    terms: tuple[Any, Any, Any]


def build(isa: Isa) -> Program:
    spectrum, w = hl.ImageParam(F32, RANK, "spectrum"), hl.ImageParam(F32, 5, "weights")
    numbers = channels, parts, count, vectors = [whole(name) for name in ("channels", "parts", "pixels", "vectors")]
    funcs = _algorithm(isa, spectrum, w, channels, parts)
    _schedule(isa, funcs, spectrum, w, count, vectors)
    return Program(funcs.products, (spectrum, w, *numbers), asked=True)


def _algorithm(isa: Isa, spectrum: Any, w: Any, channels: Any, parts: Any) -> Funcs:
    """products[k, frequency, tile]: the sum over channels and parts. Some chunks are added up before they join the others."""
    head, part, acc, products = (hl.Func(name) for name in ("head", "part", "acc", name_of(isa)))
    k, t, i, j, some = (hl.Var(name) for name in ("k", "t", "i", "j", "some"))
    rect = [hl.Var(name) for name in ("rx", "ry", "rn")]
    lanes, each, chunks = isa.lanes, SUMMED // isa.lanes, w.dim(2).extent()
    along = [k, t, i, j]

    def product(channel: Any, chunk: Any) -> Any:
        weight = w[k % lanes, channel, chunk, i * spectrum.dim(4).extent() + j, k / lanes]
        return weight * spectrum[[channel, t, chunk, i, j, *rect]]

    # The last chunk may be of a few channels.
    first = hl.RDom([(0, lanes), (0, hl.min(each, chunks))], "first")
    first.where(first.y / parts * lanes + first.x < channels)
    head[[*along, *rect]] = hl.f32(0)
    head[[*along, *rect]] += product(first.x, first.y)
    more = hl.RDom([(0, lanes), (0, each)], "more")
    chunk = some * each + more.y
    more.where(chunk < chunks)
    more.where(chunk / parts * lanes + more.x < channels)
    part[[*along, some, *rect]] = hl.f32(0)
    part[[*along, some, *rect]] += product(more.x, chunk)
    sums = hl.RDom([(1, (chunks - 1) / each)], "sums")
    acc[[*along, *rect]] = head[[*along, *rect]]
    acc[[*along, *rect]] += part[[*along, sums.x, *rect]]
    products[[k, i, j, t, *rect]] = acc[[*along, *rect]]
    return Funcs(head, part, acc, products, (first, more, sums))


def _schedule(isa: Isa, f: Funcs, spectrum: Any, w: Any, tile: Any, vectors: Any) -> None:
    """Accumulators in registers: per channel one or two vectors of weights, and one broadcast number a tile."""
    k, i, j, t, *rect = f.products.args()
    kb, to, ti = (hl.Var(name) for name in ("kb", "to", "ti"))

    def tiled(stage: Any, count: int, wide: int) -> None:
        stage.split(t, to, ti, count, ROUND).split(k, kb, k, wide * isa.lanes, ROUND)
        stage.reorder(k, ti, to, j, i, kb, *rect).vectorize(k, isa.lanes).unroll(k).unroll(ti)

    best, *others = [(count, wide) for wide in (2, 1) for count in pixels(isa, wide)]
    for count, wide in others:
        one = (vectors % 2 == 1) if wide == 1 else (vectors % 2 == 0)
        tiled(f.products.specialize((tile == count) & one), count, wide)
    tiled(f.products, *best)
    f.products.never_partition_all()
    first, more, sums = f.terms
    for func, inner in ((f.head, (first.x, first.y)), (f.part, (more.x, more.y)), (f.acc, (sums.x,))):
        k, t = func.args()[:2]
        func.compute_at(f.products, to).store_in(hl.MemoryType.Register)
        func.vectorize(k, isa.lanes).unroll(k).unroll(t)
        func.update().reorder(k, t, *inner).vectorize(k, isa.lanes).unroll(k).unroll(t).never_partition_all()
        if func is not f.acc:
            row = w.in_(func)
            row.compute_at(func, inner[0]).vectorize(row.args()[0]).unroll(row.args()[4])
    f.part.compute_at(f.acc, sums.x)
    # Groups begin and end with whole vectors.
    out = f.products.output_buffer().dim(0)
    out.set_bounds(out.min() / isa.lanes * isa.lanes, out.extent() / isa.lanes * isa.lanes)
    spectrum.dim(0).set_extent(isa.lanes).set_stride(1)
    spectrum.dim(1).set_stride(isa.lanes)
    w.dim(0).set_extent(isa.lanes)
    w.dim(1).set_extent(isa.lanes).set_stride(isa.lanes)
