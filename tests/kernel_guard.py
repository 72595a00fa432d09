"""Run by test_kernels.py in a process of its own: random convolutions between forbidden pages. A wrong byte ends it.

    python kernel_guard.py FAMILY COUNT SEED [FENCED]

A family, or a form of one: "edges" and "long" of direct, "near_nchw" of depthwise. FENCED is engine/fenced_malloc.c as a library, preloaded: then the
kernels' own memory lies before forbidden pages too.

The problem that is being computed stands in the last line of standard output, so that a crash names it.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from kernel_cases import EMPTY, Case, Fence, drawn_for, expected, one_of, scale

from convwise import machine
from convwise.engine import Conv, calls, compiled, packing, planning
from convwise.engine.families import FAMILIES, direct
from convwise.errors import ArgumentError

RAN = [0, 0]
FORMS = {"edges": "direct", "long": "direct", "near_nchw": "depthwise"}
"""Programs of a family that few random layers run on, by the end of their names."""


def apart(fence: Fence, array: np.ndarray, axis: int, at_end: bool) -> np.ndarray:
    """A view of every second number along `axis`, from the first to the last; between them is none that may be read."""
    shape = list(array.shape)
    shape[axis] = max(2 * shape[axis] - 1, 0)
    gaps, taken = np.full(shape, np.nan, np.float32), [slice(None)] * array.ndim
    taken[axis] = slice(None, None, 2)
    gaps[tuple(taken)] = array
    return fence.of(gaps, at_end=at_end)[tuple(taken)]


def short_chains(most: int) -> None:
    """Sums of more products than so many are made in parts, where usually only those of hundreds are."""
    direct.CHAIN, direct.LEAST = most, 1
    direct.chain_of.cache_clear()


def guard(case: Case, family: str, at_end: bool) -> None:
    """One case with input, weights, bias, residual, packed weights and result between forbidden pages."""
    fence = Fence()
    x, w, bias = case.arrays()
    x = apart(fence, x, -1 - case.seed // 12 % 2, at_end) if case.seed // 6 % 2 else fence.of(x, at_end=at_end)
    w, bias = (fence.of(array, at_end=at_end) for array in (w, bias))

    def aligned(shape: tuple[int, ...], fill: bool = False) -> np.ndarray:
        placed = fence.place(int(np.prod(shape)), at_end=at_end).reshape(shape)
        placed[...] = 0 if fill else np.nan
        return placed

    kept = calls.empty, compiled.aligned, packing.aligned, direct._depths, planning.FAMILIES, planning.DEALT
    chains = direct.CHAIN, direct.LEAST
    if family == "long" or (family == "planes" and case.seed % 2):
        short_chains(case.seed % 12 + 1)
    family, form = (FORMS[family], family) if family in FORMS else (family, "")
    if case.seed % 3 or form:
        # Not only the tile that seems cheapest, which for small layers is nearly always the same.
        planning.FAMILIES = {**FAMILIES, family: replace(FAMILIES[family], choices=one_of(family, case.seed, form))}
    if case.seed % 2 and not form:
        # Sums that are made in parts, which else only layers of many channels are.
        direct._depths = lambda problem, block, form: (case.seed % max(problem.channels // problem.groups, 1) + 1,)

    def empty(shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        placed = fence.empty(shape, at_end=at_end)
        return placed, calls.address(placed)

    if case.seed % 4 < 2:
        # Threads take whole groups.
        planning.DEALT = -1.0
    calls.empty = empty
    compiled.aligned = packing.aligned = aligned
    try:
        wanted = expected(case)
        residual = case.residual_like(wanted.shape)
        if residual is not None:
            residual = fence.of(residual, at_end=at_end)
        planning.choose.cache_clear()
        conv = Conv(w, bias, algorithm=family, threads=case.threads, **case.options())
        object.__setattr__(conv, "weight", w)  # its own copy has no forbidden pages beside it
        result = conv(x, residual)
    except ArgumentError as error:
        if error.code != "CW607":
            raise
        RAN[1] += 1
        return
    finally:
        calls.empty, compiled.aligned, packing.aligned, direct._depths, planning.FAMILIES, planning.DEALT = kept
        direct.CHAIN, direct.LEAST = chains
        direct.chain_of.cache_clear()
    RAN[0] += 1
    assert not (result.view(np.uint32) == EMPTY).any(), "an output was not written"
    assert np.allclose(result, wanted, rtol=1e-5, atol=1e-5 * scale(case))


def fence_kernels(path: str) -> ctypes.CDLL:
    """From now on, what the kernel library takes of memory."""
    fenced = ctypes.CDLL(path)
    assert planning.library() is not None
    with open("/proc/self/maps", encoding="utf-8") as maps:
        lines = [line.split()[0] for line in maps if line.rstrip().endswith(machine.LIBRARY.name)]
    ends = [int(end, 16) for line in lines for end in line.split("-")]
    fenced.fenced_callers(ctypes.c_size_t(min(ends)), ctypes.c_size_t(max(ends)))
    return fenced


def main(family: str, count: int, first: int, path: str = "") -> None:
    fenced = fence_kernels(path) if path else None

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
    if fenced is not None:
        assert fenced.fenced_wrong() == 0, "a kernel wrote beside what it took"
        # Planes in steps of two keep all they copy on the stack.
        assert family == "near_nchw" or fenced.fenced_pieces() > 0, "no kernel took memory"
    assert RAN[0] >= RAN[1] // 4, f"only {RAN[0]} cases ran, {RAN[1]} were refused"
    print(f"{RAN[0]} cases between forbidden pages, {RAN[1]} refused")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
