"""The installed frameworks themselves, run in child processes: some calls end a framework's process, and ours must live."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.answers.porting.difference import Numbers
from convwise.answers.porting.meeting import order_between
from convwise.answers.porting.reading import Chain
from convwise.errors import ArgumentError
from convwise.proofs.comparing import compare
from convwise.proofs.converting import Canonical, chain_slots
from convwise.proofs.encoding import encoded
from convwise.proofs.parting import front, laid

Array = NDArray[Any]

TOLERANCE = 1e-4
"""As a share of the largest output: float32 sums in the orders that frameworks choose."""
SECONDS = 120
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a framework is made of: modules that must be there (of a tuple, one of them), and the pip command that brings them."""

    modules: tuple[str | tuple[str, ...], ...]
    command: str


NEEDS = {
    "keras": Needs(("keras", ("tensorflow", "jax", "torch")), "pip install keras tensorflow-cpu"),
    "torch": Needs(("torch",), "pip install torch"),
    "tensorflow": Needs(("tensorflow",), "pip install tensorflow-cpu"),
    "jax": Needs(("jax", "flax"), "pip install jax flax"),
    "onnx": Needs(("onnx", "onnxruntime"), "pip install onnx onnxruntime"),
}


def compared_for_real(a: Chain, b: Chain, weights: tuple[Canonical, Canonical], x: Array) -> Numbers:
    """Each chain run by its own framework, in float32.

    Raises:
        ArgumentError: CW610 where a framework is not installed, or cannot run the layers.
    """
    y = np.ascontiguousarray(x.transpose(order_between(a.layers, b.layers, x.ndim).axes))
    out_a, version_a = run_for_real(a, weights[0], x)
    out_b, version_b = run_for_real(b, weights[1], y)
    told = ", ".join(dict.fromkeys((*version_a.split(", "), *version_b.split(", "))))
    out_a, out_b = laid(out_a, a, b), laid(out_b, b, a)
    numbers = compare(out_a, out_b, front(a, b, out_a), tolerance=TOLERANCE)
    return replace(numbers, proved_by=f"{told}, run in child processes with the same weights and input, in float32")


def run_for_real(chain: Chain, weights: Canonical, x: Array) -> tuple[Array, str]:
    """The framework's own output, and the versions that ran.

    Raises:
        ArgumentError: CW610.
    """
    _check_installed(chain)
    told = json.dumps({"dialect": chain.dialect, "layers": encoded(chain)})
    with tempfile.TemporaryDirectory(prefix="convwise-") as folder:
        held: dict[str, Any] = {f"w{number}": array for number, array in enumerate(_held(chain, weights))}
        np.savez(Path(folder) / "in.npz", x=x.astype(np.float32), **held)
        (Path(folder) / "plan.json").write_text(told, encoding="utf-8")
        # -P: a file beside the user's own, called json.py or torch.py, must not be run in a module's place.
        words = [sys.executable, "-P", "-m", "convwise.proofs.child", folder]
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
            raise _failed(chain, _last_words(done.stderr) or f"the process ended with {done.returncode}")
        return np.load(Path(folder) / "out.npy", allow_pickle=False), done.stdout.strip().splitlines()[-1]


def _check_installed(chain: Chain) -> None:
    """Raises ArgumentError CW610 with the pip command where a module is missing; nothing is imported."""
    needs = NEEDS[chain.dialect]
    for wanted in needs.modules:
        names = wanted if isinstance(wanted, tuple) else (wanted,)
        if not any(find_spec(name) for name in names):
            raise ArgumentError(
                "CW610",
                f"{chain.title} is not installed here: there is no {' and no '.join(names)}",
                received=chain.dialect,
                hint=f"{needs.command}, or leave --real out: the reference needs no framework",
            )


def _last_words(told: str) -> str:
    """The last line of a traceback that says what was wrong; what follows it is the framework's own table or advice."""
    lines = [line for line in told.splitlines() if line.strip()]
    named = [place for place, line in enumerate(lines) if ERROR.match(line)]
    return lines[named[-1] if named else -1][:300] if lines else ""


ERROR = re.compile(r"[\w.]*(Error|Exception|Fail|InvalidArgument|NotImplemented|RuntimeException)\b.*: ")


def _held(chain: Chain, weights: Canonical) -> list[Array]:
    """The weights as the framework holds them."""
    return [
        np.ascontiguousarray(slot.way.back(weights[number, slot.op, slot.role]).reshape(slot.shape or ()), np.float32)
        for number, slot in chain_slots(chain)
    ]


def _failed(chain: Chain, words: str) -> ArgumentError:
    return ArgumentError(
        "CW610",
        f"{chain.title} did not run here: {words}",
        received=chain.dialect,
        hint=f"{NEEDS[chain.dialect].command} brings the framework as it is wanted; or leave --real out: the reference needs none",
    )
