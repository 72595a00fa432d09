"""Write tests/recorded/{tensorflow,jax,onnx}.jsonl: what the frameworks answer to fixed calls, for tests with nothing installed.

python tests/oracle/record_dialects.py [DIALECT ...]
"""

from __future__ import annotations

import importlib
import json
import sys
from importlib.metadata import version
from pathlib import Path
from random import Random

from dialect_cases import ask, disagreement, packed

CASES, SEED = 2000, 2026
PACKAGES = {"tensorflow": ("tensorflow-cpu",), "jax": ("jax", "flax"), "onnx": ("onnxruntime", "onnx")}


def record(dialect: str) -> None:
    cases = importlib.import_module(f"{dialect}_cases")
    truth = importlib.import_module(f"{dialect}_truth")
    release = getattr(cases, "RELEASE_OF", lambda case: None)
    rng = Random(SEED)
    rows = []
    while len(rows) < CASES:
        case = cases.random_case(rng)
        theirs, ours = truth.run(case), ask(dialect, case, release(case))
        assert not disagreement(case, theirs, ours), case.text
        # onnxruntime says last what it means.
        words = theirs.words.strip()[-160:] if dialect == "onnx" else theirs.words.strip()[:160]
        row: list[object] = [*packed(case), list(theirs.shape) if theirs.shape else words]
        if theirs.shape is None or theirs.parameters is not None:
            row.append(theirs.parameters)
        rows.append(row)
    header = {"cases": len(rows), "seed": SEED, **{package: version(package) for package in PACKAGES[dialect]}}
    target = Path(__file__).parents[1] / "recorded" / f"{dialect}.jsonl"
    lines = (json.dumps(row, separators=(",", ":")) for row in (header, *rows))
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    refused = sum(isinstance(row[4], str) for row in rows)
    print(f"{len(rows)} answers in {target.name}, {refused} of them refusals, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    for name in sys.argv[1:] or ("tensorflow", "jax", "onnx"):
        record(name)
