"""The installed frameworks themselves, run in child processes: some calls end a framework's process, and ours must live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise import dialects
from convwise.answers.porting.arrangement import map_order
from convwise.answers.porting.difference import Numbers
from convwise.answers.porting.reading import Chain
from convwise.dialects.base import Call, Unknown, Value
from convwise.errors import ArgumentError
from convwise.ops import Layout
from convwise.proofs.comparing import compare
from convwise.proofs.converting import Canonical, chain_slots

Array = NDArray[Any]

TOLERANCE = 1e-4
"""As a share of the largest output: float32 sums in the orders that frameworks choose."""
SECONDS = 120
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}
RUNNABLE = ("keras", "torch")


def compared_for_real(a: Chain, b: Chain, weights: tuple[Canonical, Canonical], x: Array) -> Numbers:
    """Each chain run by its own framework, in float32.

    Raises:
        ArgumentError: CW610 where a framework is not installed, or cannot run the layers.
    """
    ranked = any(layer.rank for layer in a.layers) and 3 <= x.ndim <= 5
    order = map_order(x.ndim - 2, a.channels_last, b.channels_last).axes if ranked else tuple(range(x.ndim))
    out_a, version_a = run_for_real(a, weights[0], x)
    out_b, version_b = run_for_real(b, weights[1], np.ascontiguousarray(x.transpose(order)))
    told = ", ".join(dict.fromkeys((*version_a.split(", "), *version_b.split(", "))))
    layout = Layout(False) if out_a.ndim >= 3 else None
    numbers = compare(_first(out_a, a), _first(out_b, b), layout, tolerance=TOLERANCE)
    return replace(numbers, proved_by=f"{told}, run in child processes with the same weights and input, in float32")


def _first(array: Array, chain: Chain) -> Array:
    return np.moveaxis(array, -1, 1) if array.ndim >= 3 and chain.channels_last else array


def run_for_real(chain: Chain, weights: Canonical, x: Array) -> tuple[Array, str]:
    """The framework's own output, and the versions that ran."""
    if chain.dialect not in RUNNABLE:
        raise ArgumentError(
            "CW610",
            f"{chain.title} is not run for real",
            received=chain.dialect,
            hint=f"what is: {', '.join(RUNNABLE)}",
        )
    plan = [[layer.kind, _plain(chain, dict(layer.arguments))] for layer in chain.layers]
    with tempfile.TemporaryDirectory(prefix="convwise-") as folder:
        held: dict[str, Any] = {f"w{number}": array for number, array in enumerate(_held(chain, weights))}
        counts = [len([1 for at, _ in chain_slots(chain) if at == number]) for number in range(len(chain.layers))]
        np.savez(Path(folder) / "in.npz", x=x.astype(np.float32), **held)
        told = json.dumps({"dialect": chain.dialect, "plan": plan, "counts": counts})
        (Path(folder) / "plan.json").write_text(told, encoding="utf-8")
        words = [sys.executable, "-m", "convwise.proofs.child", folder]
        try:
            done = subprocess.run(
                words,
                env={**os.environ, **QUIET},
                capture_output=True,
                timeout=SECONDS,
                check=False,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            raise _failed(chain, f"no answer within {SECONDS} seconds") from None
        if done.returncode or not (Path(folder) / "out.npy").exists():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise _failed(chain, lines[-1][:300] if lines else f"the process ended with {done.returncode}")
        return np.load(Path(folder) / "out.npy", allow_pickle=False), done.stdout.strip().splitlines()[-1]


def _held(chain: Chain, weights: Canonical) -> list[Array]:
    """The weights as the framework holds them."""
    return [
        np.ascontiguousarray(slot.way.back(weights[number, slot.op, slot.role]).reshape(slot.shape or ()), np.float32)
        for number, slot in chain_slots(chain)
    ]


def _plain(chain: Chain, value: Value) -> Any:
    """Arguments as JSON; tuples are lists in both frameworks.

    Raises:
        ArgumentError: CW610 for a value that is code of its own.
    """
    if isinstance(value, dict):
        return {name: _plain(chain, one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(chain, one) for one in value]
    if isinstance(value, Call | Unknown):
        raise ArgumentError("CW610", f"{chain.title} is not run with {value.text}, which is code", received=value.text)
    return value


def _failed(chain: Chain, words: str) -> ArgumentError:
    spoken = dialects.get(chain.dialect)
    return ArgumentError(
        "CW610",
        f"{spoken.title} did not run here: {words}",
        received=spoken.name,
        hint=f"pip install {spoken.name}{' tensorflow-cpu' if spoken.name == 'keras' else ''}, or leave --real out: the reference needs no framework",
    )
