"""Calls that must be answered well although they are wrong: a table with the right answer to each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keras_text import parse

from convwise.dialects.keras import DIALECT
from convwise.errors import CodeError, ConvwiseError, Refusal, ShapeError

ROWS = json.loads((Path(__file__).parents[1] / "data" / "bad_keras.json").read_text())


def answer(row):
    layer = DIALECT.read(parse(row["call"]), None)
    shape = tuple(row["input"])
    return list(DIALECT.flow(layer, shape).output)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['call']} {row['input']}" for row in ROWS])
def test_bad_input_gets_the_right_answer(row):
    if row["answer"] != "error":
        assert answer(row) == row["answer"]
        return
    with pytest.raises(ConvwiseError) as caught:
        answer(row)
    error = caught.value
    assert error.code == row["code"]
    assert row["says"] in str(error)
    kinds = {"1": ShapeError, "2": Refusal, "3": CodeError}
    expected = ShapeError if error.code in ("CW210", "CW107") else kinds[error.code[2]]
    assert type(error) is expected
    assert error.hint or error.code in ("CW107", "CW102")
    assert error.layer is not None or error.code in ("CW302", "CW317", "CW208")


def test_the_table_covers_what_was_found_to_hurt():
    assert len(ROWS) >= 80
    assert sum(row["answer"] != "error" for row in ROWS) >= 8
