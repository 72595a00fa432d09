"""From a layer on an input to the kernel that runs it: the candidates, why not each of them, and the cheapest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from convwise.engine.families import FAMILIES, Family
from convwise.engine.isa import Isa
from convwise.engine.native import Library, library, why_none
from convwise.engine.problem import CLAMP, HARD_SWISH, SILU, Choice, Machine, Problem
from convwise.machine import cpuinfo

AHEAD = {"AuthenticAMD": 2, "HygonGenuine": 2}
"""Rows by which input is asked for before it is read, by the maker of the processor. On Intel's, where lines that are asked for
so (prefetchnta) pass by the second cache, two rows made layers of large images 1.1 to 1.3 times as slow as none."""
SHUFFLING = {"GenuineIntel": 2.7}
"""How much longer planes take to be turned than was measured on AMD's processors: Intel's shuffle one vector a cycle."""
IN_HALVES = {("AuthenticAMD", "25")}
"""Makers and families of the processors that compute vectors of AVX-512 in halves, so that one is multiplied in a cycle and not two: Zen 4
(numberworld.org/blogs/2024_8_7_zen5_avx512_teardown)."""
PASSED = 0.5
"""Multiply-adds of a vector in whose time one number of the output is read again and stored, where a cache holds it."""
CURVED = {CLAMP: 0.0, SILU: 1.0, HARD_SWISH: 0.5}
"""The same for its activation."""
DEALS, APART = 4, 32
"""Where threads take whole groups: of each so many tasks, that one which is held up leaves work for the others; and how many numbers
of a cell a task writes at least with channels last, since threads that write to one cache line wait for each other.
"""
HELD_UP = 0.15
"""The share of a task's time that the others wait for the last one."""
DEALT = 3e-6
"""Seconds in which groups are dealt out, and the last one is waited for."""
TOO_FAR = "an image of more than 2**30 numbers, or steps that reach as far"
CLOCK = 2.1e9
"""Cycles a second that the costs assume everywhere: what a system tells of its own changes from minute to minute."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One algorithm on one problem: its best choice, or why it cannot run."""

    algorithm: str
    why_not: str | None
    choice: Choice | None


@lru_cache(maxsize=4)
def machine_of(isa: Isa) -> Machine:
    """What the cost models assume: one multiply-add of a register a cycle, two with AVX2, and usual caches.

    Only ratios matter to the choice; nothing is measured, so that the same wheel plans the same from run to run. The maker of
    the processor decides what no other cost tells: how early kernels ask for their input, how fast vectors are turned, and
    whether they are computed in halves.
    """
    registers = 2 if isa.name == "avx2" else 1
    maker, series = (cpuinfo().get(name, "") for name in ("vendor_id", "cpu family"))
    ahead, shuffling = AHEAD.get(maker, 0), SHUFFLING.get(maker, 1.0)
    return Machine(
        peak=isa.lanes * registers * CLOCK,
        bandwidth=20e9,
        l1=32 * 1024,
        l2=1024 * 1024,
        ahead=ahead,
        shuffling=shuffling,
        units=1 if isa.name == "avx512" and (maker, series) in IN_HALVES else 2,
    )


def candidates(problem: Problem, kernels: Library) -> tuple[Candidate, ...]:
    """Every family on `problem`, in the order of the table."""
    return tuple(_candidate(family, problem, kernels) for family in FAMILIES.values())


def _candidate(family: Family, problem: Problem, kernels: Library) -> Candidate:
    reason = why_not(family, problem, kernels)
    if reason is not None:
        return Candidate(family.name, reason, None)
    found = choices(family, problem, kernels)
    if not found:
        return Candidate(family.name, f"no such kernel was built for {kernels.isa.name}", None)
    return Candidate(family.name, None, min(found, key=lambda choice: choice.seconds))


def why_not(family: Family, problem: Problem, kernels: Library) -> str | None:
    """Why no program of the family computes `problem`."""
    return family.why_not(problem if family.fuses else problem.bare, kernels.isa)


def choices(family: Family, problem: Problem, kernels: Library) -> list[Choice]:
    """Those of the family's programs that were built, and where they do not fuse what follows the sums, with a pass for it."""
    if family.fuses or problem.plain:
        found = _all(family, problem, kernels.isa)
    else:
        after = _finishing(problem)
        sums = _all(family, problem.bare, kernels.isa)
        found = [replace(choice, finish=True, seconds=choice.seconds + after) for choice in sums]
    return [choice for choice in found if kernels.has(choice.symbol)]


def _all(family: Family, problem: Problem, isa: Isa) -> list[Choice]:
    """The family's own, and those where threads do not share each group's work but take whole groups."""
    found = list(family.choices(problem, isa))
    if problem.groups == 1 or problem.threads == 1 or all(choice.together for choice in found):
        return found
    each = max(problem.groups // (problem.threads * DEALS), 1)
    if problem.output_layout == "NHWC":
        each = max(each, -(-APART // (problem.filters // problem.groups)))
    tasks = -(-problem.groups // each)
    threads = min(problem.threads, tasks)
    if threads == 1:
        return found
    share = (-(-tasks // threads) + HELD_UP) * each / problem.groups
    for choice in family.choices(replace(problem, threads=1), isa):
        workspace = threads * choice.workspace
        if not choice.together and workspace <= problem.most_workspace:
            seconds = share * choice.seconds + DEALT
            found.append(replace(choice, apart=each, seconds=seconds, workspace=workspace))
    return found


def _finishing(problem: Problem) -> float:
    """Seconds of the pass for residual and activation."""
    outputs = problem.batch * problem.filters * problem.out_height * problem.out_width
    cycles = PASSED + CURVED[problem.form] + PASSED / 2 * problem.residual
    return outputs * cycles / problem.machine.peak / problem.threads + 3e-6


@lru_cache(maxsize=512)
def choose(problem: Problem, algorithm: str | None) -> Choice | None:
    """The kernel for `problem`, of the family called `algorithm` if one is named; None where NumPy must serve."""
    kernels = library()
    if kernels is None or problem.macs == 0:
        return None
    found = [
        candidate.choice
        for candidate in candidates(problem, kernels)
        if candidate.choice is not None and algorithm in (None, candidate.algorithm)
    ]
    return min(found, key=lambda choice: choice.seconds, default=None)


def allowed(problem: Problem, algorithm: str | None) -> Problem:
    """`problem`, for fewer threads where the copies of all would be too much for every kernel, but those of fewer are not."""
    fewer = problem
    while choose(fewer, algorithm) is None:
        if fewer.threads == 1:
            return problem
        fewer = replace(fewer, threads=fewer.threads // 2)
    return fewer


def reason(problem: Problem, algorithm: str) -> str:
    """Why `algorithm` does not run `problem`."""
    kernels = library()
    if kernels is None:
        return why_none() or "no kernels"
    told = {candidate.algorithm: candidate.why_not for candidate in candidates(problem, kernels)}
    return told.get(algorithm) or TOO_FAR


__all__ = ["Candidate", "allowed", "candidates", "choose", "library", "machine_of", "reason", "why_none"]
