"""Whole outputs, word for word, against the recorded ones."""

from __future__ import annotations

import pytest
from goldens import ALL, COLUMNS, FREE, GOLDEN, path, run


@pytest.mark.parametrize("name", ALL)
def test_the_output_is_the_recorded_one(name: str) -> None:
    assert run(name) == path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
def test_recorded_outputs_are_answers_no_wider_than_the_terminal(name: str) -> None:
    text = path(name).read_text(encoding="utf-8")
    assert "CW901" not in text
    assert "Traceback" not in text
    if name not in FREE and "--format" not in ALL[name]:
        assert all(len(line) <= int(COLUMNS.get(name, "100")) for line in text.splitlines())


def test_every_recorded_output_has_its_command() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(ALL)
