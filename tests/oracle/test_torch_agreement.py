"""Random layers, run by PyTorch on real tensors: same shape and as many parameters, or both refuse."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from torch_cases import TABLE, random_case

pytestmark = pytest.mark.oracle

COUNT = int(os.environ.get("CONVWISE_ORACLE_CASES", "20000"))
SEED = int(os.environ.get("CONVWISE_ORACLE_SEED", "20251120"))
BAD = Path(__file__).parents[1] / "data" / "bad_torch.json"


def test_torch_loaded():
    """A missing framework must not look like agreement."""
    import torch

    assert torch.__version__.split("+")[0] == "2.13.0"


def test_every_module_is_known():
    """Every layer class of torch.nn is modelled or named as one that is not; none of ours is invented."""
    import inspect

    import torch

    from convwise.dialects.torch import KINDS, UNMODELLED
    from convwise.dialects.torch.unmodelled import CONTAINERS

    theirs = {
        name for name, item in vars(torch.nn).items() if inspect.isclass(item) and issubclass(item, torch.nn.Module)
    }
    assert theirs == {*KINDS, *UNMODELLED, *CONTAINERS}


def test_signatures_are_theirs():
    """Names, order, defaults and keyword-only marks of every parameter."""
    import inspect

    import torch

    from convwise.dialects.base import REQUIRED
    from convwise.dialects.torch import KINDS

    differences = []
    for name, kind in KINDS.items():
        signature = inspect.signature(getattr(torch.nn, name).__init__)
        theirs = [
            (p.name, REQUIRED if p.default is p.empty else p.default, p.kind is p.KEYWORD_ONLY)
            for p in list(signature.parameters.values())[1:]
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        ours = [(p.name, p.default, p.keyword_only) for p in kind.parameters]
        if ours != theirs:
            differences.append(f"{name}: {ours} is not {theirs}")
    assert not differences, "\n".join(differences)


def test_shapes_parameters_and_refusals_agree():
    from torch_compare import ask, disagreement, quoted
    from torch_truth import run

    rng = Random(SEED)
    differences, misquoted = [], []
    tally: collections.Counter[str] = collections.Counter()
    seen = set()
    for _ in range(COUNT):
        case = random_case(rng)
        seen.add(case.kind)
        truth, ours = run(case), ask(case)
        tally["refused" if truth.shape is None else "accepted"] += 1
        tally["by ourselves"] += ours.error is not None and ours.error.code == "CW210"
        found = disagreement(case, truth.shape, truth.parameters, ours)
        if found:
            differences.append(f"{case.text} on {case.shape}: {found}")
        elif truth.shape is None and not quoted(ours, truth.words):
            misquoted.append(
                f"{case.text} on {case.shape}: {ours.error and ours.error.quote!r} is not in {truth.words[:200]!r}"
            )
    assert not differences, f"{len(differences)} of {COUNT} differ:\n" + "\n".join(differences[:40])
    if COUNT >= 5000:
        assert seen == {kind for kind, _ in TABLE}
    assert tally["accepted"] > COUNT * 0.6
    assert tally["refused"] > COUNT * 0.2
    assert tally["by ourselves"] < COUNT * 0.02
    # Which of two faults PyTorch names first depends on the input too, and a refusal is told before there is one.
    assert len(misquoted) < 0.03 * tally["refused"], "\n".join(misquoted[:40])


CHILD = """
import json, sys, warnings
import torch
from torch_text import unpacked
warnings.simplefilter("ignore")
for line in sys.stdin:
    form, shape = json.loads(line)
    call = unpacked(form)
    try:
        with torch.no_grad():
            output = getattr(torch.nn, call.kind)(*call.args, **dict(call.kwargs))(torch.zeros(shape))
        answer = list(output[0].shape if isinstance(output, tuple) else output.shape)
    except Exception as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


def answers(rows: list[dict]) -> list:
    """PyTorch's answer to each row, from a process of its own, because some rows can kill it; another one goes on then."""
    found: list = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    while len(found) < len(rows):
        lines = "".join(json.dumps([row["form"], row["input"]]) + "\n" for row in rows[len(found) :])
        command = [sys.executable, "-c", CHILD]
        done = subprocess.run(
            command, input=lines, capture_output=True, text=True, timeout=300, env=environment, check=False
        )
        found += [json.loads(line) for line in done.stdout.splitlines()]
        if len(found) < len(rows):
            assert done.returncode < 0, done.stderr[-2000:]
            found.append("killed")
    return found


def test_the_table_of_bad_calls_is_right():
    rows = [row for row in json.loads(BAD.read_text(encoding="utf-8")) if row["run"]]
    wrong = []
    for row, answer in zip(rows, answers(rows), strict=True):
        refused = isinstance(answer, str)
        expected = (
            not refused
            if row["code"] == "CW210"
            else refused
            if row["answer"] == "refused"
            else answer == row["answer"]
        )
        if not expected:
            wrong.append(f"{row['call']} on {row['input']}: PyTorch {answer}, the table {row['answer']} {row['code']}")
    assert len(rows) > 70
    assert not wrong, "\n".join(wrong)
