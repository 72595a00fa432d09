"""Every key of every command of `ask` is checked for what it may be, before anything is computed."""

from __future__ import annotations

from typing import Any

import pytest

from convwise.ask import KEYS, ask
from convwise.ask.form import COUNT, FLAG, TEXT, WORDS

VALUES: list[Any] = ["false", "", "3x9x10", 0, 1, -1, 2.5, True, [3, 9, 10], ["3x9x10"], {"a": "b"}, {"a": 3}, [[True]]]
CODE = "nn.Conv2d(3, 8, 3, stride=5)"
FULL: dict[str, dict[str, Any]] = {
    "solve": {"input": 28, "output": 14},
    "diff": {"code": CODE, "other": CODE, "input": [3, 9, 10]},
    "rule": {"code": "CW104"},
    "doctor": {},
    **{command: {"model": CODE, "input": [1, 3, 9, 10]} for command in ("inspect", "check")},
    "sizes": {"model": CODE},
    "why": {"code": CODE, "inputs": ["3x9x10"]},
    **{command: {"code": CODE, "input": [3, 9, 10]} for command in ("port", "supports", "plan")},
}


@pytest.mark.parametrize(
    ("command", "key"), [(command, key) for command, keys in KEYS.items() for key in keys if keys[key] is not WORDS]
)
def test_a_value_of_another_kind_is_refused_by_its_key(command: str, key: str) -> None:
    kind = KEYS[command][key]
    refused = [value for value in VALUES if not kind.holds(value)]
    assert len(refused) >= 3
    for value in refused:
        error = ask({"command": command, **FULL[command], key: value})["error"]
        assert (error["code"], error["message"].split(" must be ")[0]) == ("CW606", repr(key)), (value, error)
        assert kind.told in error["message"]


def test_flags_are_no_other_values_that_are_true() -> None:
    assert [value for value in VALUES if FLAG.holds(value)] == [True]
    assert [value for value in VALUES if COUNT.holds(value)] == [0, 1]
    assert [value for value in VALUES if TEXT.holds(value)] == ["false", "", "3x9x10"]


def test_what_is_left_out_may_be_null_but_for_what_is_needed() -> None:
    for command, given in FULL.items():
        for key in KEYS[command]:
            reply = ask({"command": command, **given, key: None})
            needed = key in {"code", "model", "other"} & set(given) and command != "rule"
            assert ("error" in reply and "must be text" in reply["error"]["message"]) == needed, (command, key, reply)


@pytest.mark.parametrize("strict", [None, False, True])
def test_strict_is_what_it_says(strict: bool | None) -> None:
    reply = ask({"command": "check", "model": CODE, "input": "1x3x19x20", "strict": strict})
    assert {finding["level"] for finding in reply["findings"]} == {"warning"}
    assert reply["passed"] == (not strict)
    assert reply["works"]
