"""Parameters of source text against the frameworks, which run the same text."""

from __future__ import annotations

from typing import Any

import pytest
from readers.test_reader_parameters import BUILT, HELD, NORMED, normed

import convwise as cw

pytestmark = pytest.mark.oracle


def run(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(text, "text", "exec"), space)
    return space


@pytest.mark.parametrize("call", NORMED)
@pytest.mark.filterwarnings("ignore")
def test_weight_norm(call: str) -> None:
    model = run(normed(call))["Net"]()
    assert sum(part.numel() for part in model.a.parameters()) == NORMED[call]


@pytest.mark.parametrize("name", HELD)
def test_what_is_told_and_what_is_passed_by_are_all_parameters(name: str) -> None:
    text, params, note = HELD[name]
    model = run(text)["Net"]()
    assert sum(part.numel() for part in model.parameters()) == params + int(note.partition(" ")[0] or 0)
    live = cw.read(model.eval(), input_shape=(1, 6, 9, 10))
    assert [one.text for one in live.notes if one.code == "CW421"] == ([note] if note else [])


@pytest.mark.parametrize("name", BUILT)
def test_keras_builds_the_same(name: str) -> None:
    text, params = BUILT[name]
    assert run(text)["model"].count_params() == params
