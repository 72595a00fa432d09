"""ONNX models that must be answered well although they are wrong: a table with the right answer to each."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from convwise import errors
from convwise.readers.onnx import read_onnx
from convwise.readers.onnx_network import onnx_network

ROWS = json.loads((Path(__file__).parents[1] / "data" / "bad_onnx.json").read_text())


def answer(row):
    trace = onnx_network(read_onnx(base64.b64decode(row["bytes"]))).trace()
    return list(next(iter(trace.outputs.values())))


@pytest.mark.parametrize("row", ROWS, ids=[row["call"] for row in ROWS])
def test_bad_model_gets_the_right_answer(row):
    if row["answer"] != "error":
        assert answer(row) == row["answer"]
        return
    with pytest.raises(errors.ConvwiseError) as caught:
        answer(row)
    error = caught.value
    assert (error.code, type(error).__name__) == (row["code"], row["kind"])
    assert row["says"] == error.fact
    assert error.layer is not None or error.code in ("CW107", "CW405", "CW407", "CW408")


def test_errors_never_carry_control_characters():
    texts = [row["says"] for row in ROWS if row["answer"] == "error"]
    assert all(char.isprintable() for text in texts for char in text)


def test_the_table_covers_what_was_found_to_hurt():
    assert len(ROWS) >= 55
    assert sum(row["answer"] == "error" for row in ROWS) >= 53
    assert {row["call"].split()[0] for row in ROWS} >= {"Conv", "ConvTranspose", "MaxPool", "Resize", "Pad", "Reshape"}
