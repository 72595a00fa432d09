"""`tune=True`: the kernels that could run a layer, measured here; the winner is remembered per machine.

The cost model is not fitted to any machine, so on one of them another kernel may win. Measured are the planner's own
candidates, each with every cut that its family proposes, on arrays of the layer's size.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from convwise import machine
from convwise.engine import notebook, planning
from convwise.engine.arrays import Array, aligned, memory
from convwise.engine.compiled import Run
from convwise.engine.families import FAMILIES
from convwise.engine.locks import lock
from convwise.engine.native import Library
from convwise.engine.packing import pack, pack_bytes, pad_bias
from convwise.engine.problem import Choice, Machine, Problem

LONGEST = 1.0
"""Seconds that the cost model may expect of a call that is measured."""
BUDGET = 3.0
"""Seconds after which no further candidate is begun."""
FINALISTS = 4
ROUNDS = 5
ROUND = 0.004
"""Seconds of calls that make one measurement, where a single call is shorter."""
MARGIN = 0.98
"""The model's choice stays unless another one takes at most this share of its time: less is noise."""
MOST = 512
"""Problems remembered by a process."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measurement found: seconds of the winner and of the cost model's own choice, which may be the same kernel.

    `candidates` are the kernels and cuts to choose from; `file` is where the result is remembered, None where only this
    process does; `again` says that it was measured before and not now.
    """

    seconds: float
    model_kernel: str
    model_tiles: tuple[tuple[str, int], ...]
    model_seconds: float
    candidates: int
    file: str | None
    again: bool = False

    @property
    def gain(self) -> float:
        """How many times as long the model's own choice takes."""
        return self.model_seconds / self.seconds


@dataclass(frozen=True, slots=True)
class Tuned:
    """The kernel to take: the measured one, or the model's with the reason why nothing was measured."""

    choice: Choice
    measured: Measured | None
    why_not: str | None = None


_known: OrderedDict[str, Tuned] = OrderedDict()
_lock = lock()
WAIT = 60.0
"""Seconds to wait for another thread's measurement: two at once would disturb each other."""


@lru_cache(maxsize=1)
def _measuring() -> threading.Lock:
    """Held while measuring; the child of a fork has one of its own, since the holder may not exist there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_measuring.cache_clear)
    return threading.Lock()


def choose(problem: Problem, algorithm: str | None) -> Choice | None:
    """As `planning.choose`, measured."""
    found = tuned(problem, algorithm)
    return None if found is None else found.choice


def tuned(problem: Problem, algorithm: str | None) -> Tuned | None:
    """The fastest kernel for `problem` here, of the family called `algorithm` if one is named; None where NumPy must serve."""
    kernels, first = planning.library(), planning.choose(problem, algorithm)
    if kernels is None or first is None:
        return None
    if first.seconds > LONGEST:
        return Tuned(first, None, f"not measured: one call is expected to take {first.seconds:.1f} s")
    choices = _choices(problem, algorithm, kernels)
    if problem.bytes + max(pack_bytes(problem, choice) for choice in choices) > memory() // 4:
        return Tuned(first, None, "not measured: its arrays would take more than a quarter of the memory")
    key = _key(problem, choices)
    gate = _measuring()
    mine = gate.acquire(timeout=WAIT)
    try:
        found = _recalled(key, choices, first)
        if found is None:
            choice, measured = _measure(problem, choices, first, kernels)
            kept = notebook.write(key, _record(choice, measured))
            measured = replace(measured, file=str(notebook.path()) if kept else None)
            found = Tuned(choice, measured)
            _keep(key, Tuned(choice, replace(measured, again=True)))
        return found
    finally:
        if mine:
            gate.release()


def forget() -> None:
    """Drop what this process remembers; the file stays."""
    with _lock:
        _known.clear()


def _keep(key: str, found: Tuned) -> None:
    with _lock:
        _known[key] = found
        while len(_known) > MOST:
            _known.popitem(last=False)


def _choices(problem: Problem, algorithm: str | None, kernels: Library) -> list[Choice]:
    """Every cut of every kernel that can run `problem`, the model's favourites first."""
    found = [
        choice
        for family in FAMILIES.values()
        if algorithm in (None, family.name) and planning.why_not(family, problem, kernels) is None
        for choice in planning.choices(family, problem, kernels)
    ]
    return sorted(dict.fromkeys(found), key=lambda choice: choice.seconds)


# What is remembered


@lru_cache(maxsize=1)
def _here() -> str:
    """The machine and the kernels that a measurement holds for."""
    from convwise import __version__

    fields = machine.cpuinfo()
    names = ("vendor_id", "model name", "cpu family", "model", "stepping", "cache size", "CPU implementer", "CPU part")
    processor = [fields.get(name) for name in names]
    try:
        library = hashlib.sha256(machine.LIBRARY.read_bytes()).hexdigest()
    except OSError:
        library = "unreadable"
    told = (__version__, library, machine.architecture(), processor, sorted(machine.flags()), machine.cores())
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _key(problem: Problem, choices: list[Choice]) -> str:
    """Of the machine, the library, the problem with its threads, and the candidates: other candidates are another question."""
    asked = replace(problem, machine=_NOWHERE)
    proposed = sorted((choice.symbol, _cut(choice)) for choice in choices)
    return hashlib.sha256(repr((_here(), asked, proposed)).encode()).hexdigest()[:32]


def _cut(choice: Choice) -> str:
    """All that tells a candidate from the others of its kernel."""
    return repr(replace(choice, seconds=0.0))


_NOWHERE = Machine(0.0, 0.0, 0, 0)
"""In keys: what the cost model assumes of the clock changes from minute to minute."""


def _record(choice: Choice, told: Measured) -> dict[str, Any]:
    return {
        "symbol": choice.symbol,
        "cut": _cut(choice),
        "seconds": told.seconds,
        "model_seconds": told.model_seconds,
    }


def _recalled(key: str, choices: list[Choice], first: Choice) -> Tuned | None:
    with _lock:
        found = _known.get(key)
        if found is not None:
            _known.move_to_end(key)
            return found
    read = _checked(notebook.read(key), choices, first)
    if read is not None:
        _keep(key, read)
    return read


def _checked(told: Any, choices: list[Choice], first: Choice) -> Tuned | None:
    """What the file says, if it is one of the candidates: never anything else, since a kernel believes its numbers."""
    if not isinstance(told, dict):
        return None
    seconds, model = told.get("seconds"), told.get("model_seconds")
    if not all(isinstance(value, float) and 0 < value < 3600 for value in (seconds, model)):
        return None
    assert isinstance(seconds, float)
    assert isinstance(model, float)
    for choice in choices:
        if choice.symbol == told.get("symbol") and _cut(choice) == told.get("cut"):
            place = str(notebook.path())
            return Tuned(choice, Measured(seconds, first.symbol, first.tiles, model, len(choices), place, again=True))
    return None


# Measuring


def _measure(problem: Problem, choices: list[Choice], first: Choice, kernels: Library) -> tuple[Choice, Measured]:
    """All candidates once; the fastest few and the model's own several times in turn, by their shortest times."""
    arrays = _Arrays(problem)
    until = time.perf_counter() + BUDGET
    quick: list[tuple[float, int]] = []
    for number, choice in enumerate(choices):
        if quick and time.perf_counter() > until:
            break
        quick.append((_Contender(arrays, choice, kernels).quick(), number))
    names = [number for _, number in sorted(quick)[:FINALISTS]]
    own = choices.index(first)
    names += [own] if own not in names else []
    runners = {number: _Contender(arrays, choices[number], kernels) for number in names}
    times = dict.fromkeys(names, float("inf"))
    for _ in range(ROUNDS):
        for number, runner in runners.items():
            times[number] = min(times[number], runner.seconds())
        if time.perf_counter() > until:
            break
    best = min(names, key=lambda number: times[number])
    if times[best] > MARGIN * times[own]:
        best = own
    return choices[best], Measured(times[best], first.symbol, first.tiles, times[own], len(quick), None)


class _Arrays:
    """Made up for one problem; their values do not matter to the time, unless they were denormal."""

    def __init__(self, problem: Problem) -> None:
        # The dense steps are those of `calls`, which chooses through this module.
        from convwise.engine.calls import dense_steps, result_shape

        self.problem = problem
        sizes = (problem.batch, problem.channels, problem.height, problem.width)
        stored = sizes if problem.input_layout == "NCHW" else (sizes[0], sizes[2], sizes[3], sizes[1])
        result = result_shape(problem)
        self.inputs, self.outputs = (
            dense_steps(stored, problem.input_layout),
            dense_steps(result, problem.output_layout),
        )
        self.x, self.out, self.residual = _filled(stored), aligned(result), _filled(result)
        kernel = (problem.rows.kernel, problem.columns.kernel)
        self.weight = _filled((problem.filters, problem.channels // problem.groups, *kernel))
        self.bias = pad_bias(None, problem.filters)


def _filled(shape: tuple[int, ...]) -> Array:
    array = aligned(shape)
    array[...] = np.resize(np.linspace(-1.0, 1.0, 1021, dtype=np.float32), prod(shape)).reshape(shape)
    return array


class _Contender:
    """One candidate on the arrays."""

    def __init__(self, arrays: _Arrays, choice: Choice, kernels: Library) -> None:
        self.packed, _ = pack(kernels, arrays.problem, choice, arrays.weight)
        self.run = Run(kernels, arrays.problem, choice, arrays.inputs, arrays.outputs, self.packed.shape)
        last = arrays.residual if arrays.problem.residual else arrays.out
        held = (arrays.x, self.packed, arrays.bias, last, arrays.out)
        self.addresses = tuple(array.ctypes.data for array in held)

    def once(self) -> float:
        start = time.perf_counter()
        self.run(*self.addresses)
        return time.perf_counter() - start

    def quick(self) -> float:
        first = self.once()
        return min(self.once() for _ in range(3 if first < 0.05 else 1))

    def seconds(self) -> float:
        return min(self.once() for _ in range(max(2, min(50, int(ROUND / max(self.once(), 1e-6))))))
