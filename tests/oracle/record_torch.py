"""Write tests/recorded/torch.jsonl: what PyTorch answers to a fixed set of layers, for tests with nothing installed.

python tests/oracle/record_torch.py
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from random import Random

import torch
from torch_cases import random_case
from torch_compare import ask
from torch_text import packed
from torch_truth import run

TARGET = Path(__file__).parents[1] / "recorded" / "torch.jsonl"
CASES, SEED = 3000, 213


def main() -> None:
    rng = Random(SEED)
    rows = []
    while len(rows) < CASES:
        case = random_case(rng)
        truth, ours = run(case), ask(case)
        row: dict[str, object] = {"call": case.text, "form": packed(case.call), "input": list(case.shape)}
        if truth.shape is None:
            row["refused"] = truth.words.splitlines()[0] if truth.words else "refused"
        else:
            row |= {"output": list(truth.shape), "params": truth.parameters}
        if ours.error is not None:
            row["code"] = ours.error.code
        rows.append(row)
    header = {
        "torch": torch.__version__.split("+")[0],
        "python": platform.python_version(),
        "cases": len(rows),
        "seed": SEED,
    }
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text("".join(json.dumps(row) + "\n" for row in (header, *rows)), encoding="utf-8")
    print(
        f"{len(rows)} answers of torch {header['torch']} in {TARGET.name}, {sum('refused' in row for row in rows)} of them refusals"
    )


if __name__ == "__main__":
    main()
