"""Writes tests/recorded/keras.jsonl: what Keras answers to a fixed set of cases, so that it can be checked with no framework.

    python tests/oracle/record_keras.py            (needs pip install ".[oracle]")

The first line is a header with the versions; each other line is one case. A case that kills the process is left out.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "src")]

from keras_cases import cases, dumped, packed  # noqa: E402  the path comes first
from keras_compare import run_all  # noqa: E402

COUNT, SEED, BAD = 2000, 3151, 0.15
TARGET = HERE.parent / "recorded" / "keras.jsonl"


def main() -> None:
    tensorflow = next((name for name in ("tensorflow", "tensorflow-cpu") if _has(name)), "tensorflow")
    header = {"keras": version("keras"), "tensorflow": version(tensorflow), "device": "cpu", "seed": SEED, "bad": BAD}
    rows = []
    for case, found in zip(cases(COUNT, SEED, BAD), run_all(COUNT, SEED, BAD), strict=True):
        if found.killed:
            continue
        row = packed(case)
        if found.output is None:
            row["refused"] = found.first[:200]
        else:
            row |= {"output": list(found.output), "params": found.params}
        rows.append(row)
    with TARGET.open("w", encoding="utf-8") as file:
        for row in ({**header, "cases": len(rows)}, *rows):
            print(dumped(row), file=file)
    print(f"{len(rows)} cases, {sum('refused' in row for row in rows)} of them refused -> {TARGET}")


def _has(name: str) -> bool:
    try:
        version(name)
    except Exception:  # any failure means that this name is not installed
        return False
    return True


if __name__ == "__main__":
    main()
