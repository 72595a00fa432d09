"""Recorded answers of TensorFlow, JAX with flax, and onnxruntime, checked with nothing installed (tests/oracle/record_dialects.py)."""

from __future__ import annotations

import json
from pathlib import Path

import onnx_cases
import pytest
from dialect_cases import Ours, Truth, ask, clean, disagreement, unpacked

from convwise import dialects

RECORDED = Path(__file__).parents[1] / "recorded"
NAMES = ("tensorflow", "jax", "onnx")
Row = tuple[object, Truth, Ours]


def rows(dialect: str) -> list[Row]:
    lines = (RECORDED / f"{dialect}.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    found = []
    for line in lines:
        kind, args, kwargs, shape, answer, *count = json.loads(line)
        case = unpacked([kind, args, kwargs, shape])
        told = Truth(None, answer) if isinstance(answer, str) else Truth(tuple(answer), "", count[0] if count else None)
        release = onnx_cases.opset(case) if dialect == "onnx" else None
        found.append((case, told, ask(dialect, case, release)))
    return found


@pytest.fixture(scope="module", params=NAMES)
def answered(request: pytest.FixtureRequest) -> tuple[str, list[Row]]:
    return request.param, rows(request.param)


def test_the_record_is_long_and_of_this_release() -> None:
    headers = {
        name: json.loads((RECORDED / f"{name}.jsonl").read_text(encoding="utf-8").split("\n", 1)[0]) for name in NAMES
    }
    assert all(header["cases"] >= 2000 for header in headers.values())
    assert headers["tensorflow"]["tensorflow-cpu"].startswith(dialects.get("tensorflow").release + ".")
    assert headers["jax"]["jax"].startswith(dialects.get("jax").release + ".")
    assert headers["jax"]["flax"].startswith("0.12.")
    assert headers["onnx"]["onnxruntime"].startswith("1.31.")


def test_every_recorded_answer(answered: tuple[str, list[Row]]) -> None:
    _, found = answered
    wrong = [
        f"{case.text} on {case.shape}: {said}" for case, told, ours in found if (said := disagreement(case, told, ours))
    ]
    assert not wrong, f"{len(wrong)} of {len(found)} differ:\n" + "\n".join(wrong[:20])
    taken = sum(told.shape is not None for _, told, _ in found)
    assert len(found) * 0.6 < taken < len(found) * 0.95


def test_refusals_name_the_layer_and_say_what_to_do(answered: tuple[str, list[Row]]) -> None:
    dialect, found = answered
    errors = [ours.error for _, told, ours in found if told.shape is None and ours.error is not None]
    assert all(error.code.startswith("CW") and error.layer for error in errors)
    assert sum(bool(error.hint) for error in errors) > 0.6 * len(errors)
    # onnxruntime's words name internals more often than the fault.
    assert sum(bool(error.quote) for error in errors) > {"tensorflow": 0.4, "jax": 0.5, "onnx": 0.1}[dialect] * len(
        errors
    )


def test_quotes_are_the_recorded_words(answered: tuple[str, list[Row]]) -> None:
    """Records keep a part of what was said, so that a quote counts where its first words are in it."""
    _, found = answered
    quoted = [
        (case, ours.error.quote, told.words)
        for case, told, ours in found
        if told.shape is None and ours.error and ours.error.quote
    ]
    wrong = [case.text for case, quote, words in quoted if clean(quote)[:24] not in clean(words)]
    assert len(wrong) < 0.35 * len(quoted), wrong[:20]


def test_an_answer_that_is_wrong_would_be_seen() -> None:
    case, told, ours = next(row for row in rows("jax") if row[1].shape is not None and row[2].shape is not None)
    assert disagreement(case, Truth((*told.shape, 1)), ours)
    assert disagreement(case, Truth(None, "no"), ours)
