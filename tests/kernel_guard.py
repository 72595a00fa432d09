"""Run by test_kernels.py in a process of its own: random convolutions between forbidden pages. A wrong byte ends it.

    python kernel_guard.py FAMILY COUNT SEED

"edges" are the programs of that form of the direct family.

The problem that is being computed stands in the last line of standard output, so that a crash names it.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from kernel_cases import EMPTY, Case, Fence, drawn_for, expected, one_of, scale

from convwise.engine import Conv, calls, compiled, packing, planning
from convwise.engine.families import FAMILIES, direct
from convwise.errors import ArgumentError

RAN = [0, 0]


def guard(case: Case, family: str, at_end: bool) -> None:
    """One case with input, weights, bias, residual, packed weights and result between forbidden pages."""
    fence = Fence()
    x, w, bias = (fence.of(array, at_end=at_end) for array in case.arrays())

    def aligned(shape: tuple[int, ...], fill: bool = False) -> np.ndarray:
        placed = fence.place(int(np.prod(shape)), at_end=at_end).reshape(shape)
        placed[...] = 0 if fill else np.nan
        return placed

    kept = calls.empty, compiled.aligned, packing.aligned, direct._depths, planning.FAMILIES
    family, form = ("direct", family) if family == "edges" else (family, "")
    if case.seed % 3 or form:
        # Not only the tile that seems cheapest, which for small layers is nearly always the same.
        planning.FAMILIES = {**FAMILIES, family: replace(FAMILIES[family], choices=one_of(family, case.seed, form))}
    if case.seed % 2 and not form:
        # Sums that are made in parts, which else only layers of many channels are.
        direct._depths = lambda problem, block, form: (case.seed % max(problem.channels // problem.groups, 1) + 1,)

    def empty(shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        placed = fence.empty(shape, at_end=at_end)
        return placed, calls.address(placed)

    calls.empty = empty
    compiled.aligned = packing.aligned = aligned
    try:
        wanted = expected(case)
        residual = case.residual_like(wanted.shape)
        if residual is not None:
            residual = fence.of(residual, at_end=at_end)
        planning.choose.cache_clear()
        conv = Conv(w, bias, algorithm=family, threads=case.threads, **case.options())
        conv.weight = w  # its own copy has no forbidden pages beside it
        result = conv(x, residual)
    except ArgumentError as error:
        if error.code != "CW607":
            raise
        RAN[1] += 1
        return
    finally:
        calls.empty, compiled.aligned, packing.aligned, direct._depths, planning.FAMILIES = kept
    RAN[0] += 1
    assert not (result.view(np.uint32) == EMPTY).any(), "an output was not written"
    assert np.allclose(result, wanted, rtol=1e-5, atol=1e-5 * scale(case))


def main(family: str, count: int, first: int) -> None:
    @seed(first)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn_for(family))
    def every(case: Case) -> None:
        for at_end in (True, False):
            print(case.told(), "at the end" if at_end else "at the start", flush=True)
            guard(case, family, at_end)

    every()
    assert RAN[0] >= RAN[1] // 4, f"only {RAN[0]} cases ran, {RAN[1]} were refused"
    print(f"{RAN[0]} cases between forbidden pages, {RAN[1]} refused")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
