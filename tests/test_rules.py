"""Every code has a page that is true: its example really gives it, and no code is without a page or without a use."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import runpy
import subprocess
from typing import Any

import pytest
from source_code import ROOT, reachable, trees

from convwise import ask as door
from convwise import cli
from convwise.errors import ArgumentError, ConvwiseError
from convwise.faces.pages import rule_page
from convwise.rules import RULES, Asked, Rule, Written, get

CODE = re.compile(r"CW\d{3}")
WITHOUT_EXAMPLE = {
    "CW901": "a bug that can be shown is one that is mended",
}
"""Codes whose page has no example, each with the reason."""


def used() -> dict[str, set[str]]:
    """The codes that are written out as strings in any file that can be reached, but for the rules, and where."""
    found: dict[str, set[str]] = {}
    for path, tree in trees().items():
        if path.startswith("rules/") or path not in reachable():
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.setdefault(node.value, set()).add(path)
    return found


def test_every_code_that_is_used_has_a_rule() -> None:
    assert {code: places for code, places in used().items() if code not in RULES} == {}


def test_every_rule_is_used() -> None:
    assert set(RULES) - set(used()) == set()


def codes(answer: dict[str, Any]) -> set[str]:
    """Every code that an answer in JSON shows: its error's, its findings', and those of its parts."""
    found: set[str] = set()
    if isinstance(answer, dict):
        if isinstance(answer.get("code"), str) and CODE.fullmatch(answer["code"]):
            found.add(answer["code"])
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            found |= codes(part)
    return found


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if isinstance(rule.example, Asked)], ids=lambda rule: rule.code
)
def test_a_question_shows_its_code(rule: Rule) -> None:
    assert isinstance(rule.example, Asked)
    answer = door.ask(rule.example.request, files=True)
    assert rule.code in codes(answer)
    if rule.code[2] == "5":
        assert "error" not in answer
    else:
        assert answer["error"]["code"] == rule.code


def written(framework: bool) -> list[Any]:
    rules = [
        rule for rule in RULES.values() if isinstance(rule.example, Written) and bool(rule.example.needs) == framework
    ]
    return [pytest.param(rule, id=rule.code) for rule in rules]


def check_written(rule: Rule) -> None:
    assert isinstance(rule.example, Written)
    if not rule.example.raises:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(rule.example.source, {})
        assert printed.getvalue().rstrip() == rule.example.message
        assert rule.code in rule.example.message
        return
    with pytest.raises(ConvwiseError) as raised:
        exec(rule.example.source, {})
    assert raised.value.code == rule.code
    pattern = re.escape(rule.example.message).replace(re.escape("..."), ".*")
    assert re.fullmatch(pattern, str(raised.value), re.DOTALL), str(raised.value)


@pytest.mark.parametrize("rule", written(framework=False))
def test_an_example_in_python_gives_its_code_and_message(rule: Rule) -> None:
    check_written(rule)


@pytest.mark.oracle
@pytest.mark.parametrize("rule", written(framework=True))
def test_an_example_with_a_framework_gives_its_code_and_message(rule: Rule) -> None:
    check_written(rule)


def test_every_rule_has_an_example() -> None:
    assert {code for code, rule in RULES.items() if rule.example is None} == set(WITHOUT_EXAMPLE)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_reads_well(rule: Rule) -> None:
    sentences = re.split(r"(?<=[.:;?])\s+", rule.text)
    assert 3 <= len(sentences) <= 12, sentences
    assert rule.text.endswith(".")
    assert rule.remedy.endswith(".")
    assert not rule.title.endswith(".")
    assert "  " not in rule.text + rule.remedy
    assert len(rule.title) <= 60


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_page_in_the_terminal_breaks_no_word(rule: Rule) -> None:
    shown = cli.example(rule, 100)
    example = rule.example
    code = example.typed if isinstance(example, Asked) else example.source if example else ""
    words = set(f"{rule.code} {rule.title} {rule.text} {rule.remedy} {code} {shown} $ >>> Example What to do".split())
    long = [word for word in words if len(word) > 30]
    narrow = rule_page(rule, shown, 40, False)
    assert [word for word in narrow.split() if word not in words and not any(word in one for one in long)] == []
    assert max(map(len, narrow.splitlines())) <= 40


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_page_holds_no_character_that_cannot_be_seen(rule: Rule) -> None:
    written = (ROOT / "docs" / "rules" / f"{rule.code}.md").read_text(encoding="utf-8")
    for text in (written, rule_page(rule, cli.example(rule, 100), 100, False)):
        assert text.replace("\n", "").isprintable()


def test_a_command_is_typed_with_escapes_that_a_shell_reads() -> None:
    asked = Asked("Conv2D(3, 3, padding='same')  # \\\u202ea", ("8x8x3",))
    assert asked.typed == r"convwise why $'Conv2D(3, 3, padding=\'same\')  # \\\u202ea' 8x8x3"
    told = subprocess.run(
        ["bash", "-c", asked.typed.replace("convwise", "printf %s", 1)], capture_output=True, check=True
    )
    assert told.stdout.decode() == "why" + asked.code + "8x8x3"


def test_the_pages_are_up_to_date() -> None:
    maker = runpy.run_path(str(ROOT / "docs" / "make_rules.py"))
    assert maker["stale"]() == [], "run: python docs/make_rules.py"


def test_a_page_is_found_however_it_is_written() -> None:
    assert get("CW104") is get("cw104") is get(" 104 ") is RULES["CW104"]


@pytest.mark.parametrize(("wrong", "meant"), [("CW1044", "CW104"), ("CW10x", "CW101"), ("CW609", "CW608")])
def test_an_unknown_code_gets_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(ArgumentError, match=rf"no rule '{wrong}' \[CW606\]\n  did you mean {meant} ") as raised:
        get(wrong)
    assert raised.value.received == wrong


def test_nothing_near_is_not_guessed() -> None:
    with pytest.raises(ArgumentError, match="lists all"):
        get("banana")


# the door


@pytest.mark.parametrize(
    ("request_", "fact"),
    [
        (None, "a request is an object"),
        ([], "a request is an object"),
        ({}, "no command None"),
        ({"command": "whi"}, "did you mean 'why'"),
        ({"command": ["why"]}, "no command"),
        ({"command": "why"}, "'code' must be text"),
        ({"command": "why", "code": 3}, "'code' must be text"),
        ({"command": "why", "code": "x", "input": "3x3"}, "did you mean 'inputs'"),
        ({"command": "why", "code": "x", "inputs": "3x3x3"}, "'inputs' must be a list"),
        ({"command": "why", "code": "x", "inputs": [3]}, "'inputs' must be a list"),
        ({"command": "why", "code": "x", "inputs": [[3.5]]}, "'inputs' must be a list"),
        ({"command": "why", "code": "x", "inputs": [[True, 3, 3]]}, "'inputs' must be a list"),
        ({"command": "why", "code": "x", "inputs": ["3x3x3"] * 1001}, "more than 1,000"),
        ({"command": "why", "code": "x", "want": 3}, "'want' must be a size"),
        ({"command": "why", "code": "x", "dialect": 3}, "'dialect' must be text"),
        ({"command": "why", "code": "x", "release": 3.15}, "'release' must be text"),
        ({"command": "rule", "code": 104}, "'code' must be text"),
        ({"command": "doctor", "code": "x"}, "takes no 'code'"),
        ({"command": "why", "code": "x", 3: 4}, "takes no 3"),
    ],
)
def test_a_request_that_is_not_of_the_form_is_told_so(request_: Any, fact: str) -> None:
    reply = door.ask(request_)
    assert set(reply) == {"schema", "error"}
    assert reply["error"]["code"] == "CW606"
    assert fact in reply["error"]["message"] + reply["error"]["hint"]


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "why", "code": "PATH", "inputs": [[64, 64, 3]]},
        {"command": "inspect", "model": "PATH", "input": [1, 64, 64, 3]},
        {"command": "sizes", "model": "PATH"},
        {"command": "check", "model": "PATH", "input": [1, 64, 64, 3]},
        {"command": "diff", "code": "PATH", "other": "Conv2D(32, 3)", "input": [64, 64, 3]},
        {"command": "diff", "code": "Conv2D(32, 3)", "other": "PATH", "input": [64, 64, 3]},
        {"command": "port", "code": "PATH", "input": [64, 64, 3]},
        {"command": "supports", "code": "PATH", "input": [64, 64, 3]},
        {"command": "plan", "code": "PATH", "input": [1, 64, 64, 3]},
    ],
    ids=lambda request_: request_["command"],
)
def test_a_request_opens_no_files_unless_allowed(tmp_path: Any, request_: Any) -> None:
    path = tmp_path / "secret.py"
    path.write_text("Conv2D(32, 3)", encoding="utf-8")
    request_ = {key: str(path) if value == "PATH" else value for key, value in request_.items()}
    assert set(door.ask(request_)) == {"schema", "error"}
    assert "error" not in door.ask(request_, files=True)


def test_shapes_may_be_lists_of_numbers() -> None:
    request = {"command": "why", "code": "Conv2D(32, 3)", "inputs": [[64, 48, 3], "64x48x3"], "want": [64, 48]}
    first, second = door.ask(request)["explanations"]
    assert first == second


def test_replies_are_plain_json() -> None:
    import json

    requests = [rule.example.request for rule in RULES.values() if isinstance(rule.example, Asked)]
    for request in (*requests, {"command": "doctor"}, {"command": "rule"}, {"command": "rule", "code": "CW104"}):
        reply = door.ask(request, files=True)
        assert json.loads(json.dumps(reply)) == reply
        assert reply["schema"] == 1
