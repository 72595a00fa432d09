"""Every recorded answer of PyTorch, checked with no framework installed (tests/oracle/record_torch.py writes them)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch_cases import Case
from torch_compare import ask, disagreement, quoted
from torch_text import parse_call, unpacked

from convwise.dialects.torch import DIALECT, KINDS

RECORDED = Path(__file__).parents[1] / "recorded" / "torch.jsonl"


@pytest.fixture(scope="module")
def lines() -> list[dict]:
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def _case(row: dict) -> Case:
    call = unpacked(row["form"], row["call"])
    return Case(call.kind, call.args, call.kwargs, tuple(row["input"]))


def test_the_record_is_of_this_release(lines):
    header, rows = lines[0], lines[1:]
    assert header["torch"].startswith(DIALECT.release + ".")
    assert header["cases"] == len(rows) >= 3000
    assert sum("refused" in row for row in rows) >= 600
    assert {row["form"][0] for row in rows} == set(KINDS)


def test_the_text_and_the_stored_form_are_one_call(lines):
    for row in lines[1:]:
        written, stored = parse_call(row["call"]), unpacked(row["form"], row["call"])
        assert repr(written) == repr(stored)


def test_every_recorded_answer(lines):
    differences = []
    for row in lines[1:]:
        case = _case(row)
        ours = ask(case)
        output = tuple(row["output"]) if "output" in row else None
        found = disagreement(case, output, row.get("params"), ours)
        if found:
            differences.append(f"{row['call']} on {row['input']}: {found}")
        if (ours.error.code if ours.error else None) != row.get("code"):
            differences.append(
                f"{row['call']} on {row['input']}: code {ours.error and ours.error.code}, recorded {row.get('code')}"
            )
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(differences[:20])


def test_quotes_are_the_recorded_words(lines):
    refused = [row for row in lines[1:] if "refused" in row]
    wrong = [row["call"] for row in refused if not quoted(ask(_case(row)), row["refused"])]
    # Of two faults PyTorch may name the other one first.
    assert len(wrong) < 0.04 * len(refused), wrong


def test_refusals_say_what_to_do(lines):
    """A refusal has a code, names its layer, and most have PyTorch's words and a hint."""
    errors = [error for row in lines[1:] if (error := ask(_case(row)).error) is not None]
    assert all(error.code.startswith("CW") and error.layer for error in errors)
    assert sum(bool(error.hint) for error in errors) > 0.75 * len(errors)
    assert sum(bool(error.quote) for error in errors) > 0.85 * len(errors)
