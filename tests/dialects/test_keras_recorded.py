"""Every recorded answer of Keras, checked with no framework installed (tests/oracle/record_keras.py writes them)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keras_cases import unpacked
from keras_text import parse

from convwise.dialects.keras import DIALECT
from convwise.errors import ConvwiseError

RECORDED = Path(__file__).parents[1] / "recorded" / "keras.jsonl"


@pytest.fixture(scope="module")
def lines() -> list[dict]:
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def test_the_record_is_of_this_release(lines):
    header, rows = lines[0], lines[1:]
    assert header["keras"].startswith(DIALECT.release + ".")
    assert header["cases"] == len(rows) >= 1900
    assert sum("refused" in row for row in rows) >= 300


def test_every_recorded_answer(lines):
    differences = []
    for row in lines[1:]:
        case = unpacked(row)
        try:
            found = DIALECT.flow(DIALECT.read(case.call, None), case.input)
        except ConvwiseError as error:
            # convwise refuses by itself what Keras reads in a way that nobody means, and maps without a cell.
            if "refused" not in row and error.code != "CW210" and 0 not in case.input:
                differences.append(f"{row['call']} on {case.input}: refused, but Keras gives {row['output']}: {error}")
            continue
        if "refused" in row:
            differences.append(f"{row['call']} on {case.input}: {found.output}, but Keras refuses: {row['refused']}")
        elif list(found.output) != row["output"] or found.params != row["params"]:
            differences.append(
                f"{row['call']} on {case.input}: {found.output}, {found.params} parameters; Keras: {row['output']}, {row['params']}"
            )
    assert not differences, "\n".join(differences[:20])


def test_the_text_of_a_case_means_the_same_as_its_values(lines):
    for row in lines[1:200]:
        case = unpacked(row)
        written = parse(row["call"])
        assert (written.kind, written.args, written.kwargs) == (
            case.kind,
            tuple(map(_bare, case.args)),
            tuple((n, _bare(v)) for n, v in case.kwargs),
        )


def _bare(value):
    """Nested calls carry their text when they are parsed."""
    return parse(value.text or _text(value)) if hasattr(value, "kind") else value


def _text(call) -> str:
    from convwise.dialects.writing import write

    return write(call)
