"""The ways in: `ask` for JSON, `attempt` and `answer` for values; and which file answers which command."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from typing import Any

from convwise.ask.form import check, listed
from convwise.ask.layers import answer_plan, answer_solve, answer_why
from convwise.ask.networks import answer_network
from convwise.ask.outcomes import Answer, Doctor, Rules, to_json
from convwise.errors import ConvwiseError


def ask(request: Mapping[str, Any], *, files: bool = False) -> dict[str, Any]:
    """Answer a request: `{"command": "why", "code": "Conv2D(32, 3)", "inputs": ["64x64x3"]}`.

    Commands: `inspect`, `sizes` and `check` with a `model` and `input`, `near`, `strict`, `levels`; `why` with `code` and, if wanted, `inputs` (a list of "64x64x3" or [64, 64, 3]), `want`, `dialect`,
    `release`, `model` (the model that a pasted error came from); `solve` with `input` and `output`, each a size or a list of several, and if wanted the words of `cw.solve`; `rule` with a `code` (without one, all titles); `doctor`. `files` lets `code` and `model` be a path, or `-`; leave
    it off where requests come from strangers. Never raises: what cannot be answered comes back as
    `{"schema": 1, "error": {"kind", "code", "message", "detail", "layer", "axis", "received", "quote", "hint"}}`.
    """
    return to_json(attempt(request, files=files))


def attempt(request: Mapping[str, Any], *, files: bool = False) -> Answer | ConvwiseError:
    """The same as `ask`, as values with methods; an error is returned, not raised, and a bug of ours is CW901."""
    try:
        return answer(request, files=files)
    except ConvwiseError as error:
        return error
    except Exception as error:
        return bug(error)


def answer(request: Mapping[str, Any], *, files: bool = False) -> Answer:
    """The same as `ask`, as values with methods.

    Raises:
        ConvwiseError: where there is no answer at all; a refused input among several is one of the results.
    """
    check(request)
    match request["command"]:
        case "rule":
            return _rules(request.get("code"))
        case "inspect" | "sizes" | "check":
            return answer_network(request, files)
        case "solve":
            return answer_solve(request)
        case "diff" | "port" | "supports":
            from convwise.answers.porting.asked import asked

            return asked({**request, "input": listed(request.get("input"))}, files)
        case "plan":
            return answer_plan(request, files)
        case "doctor":
            from convwise.doctor import examine

            return Doctor(examine())
        case _:
            return answer_why(request, files)


def bug(error: BaseException) -> ConvwiseError:
    """What is told about a failure of our own: its type, never its insides (CONVWISE_DEBUG=1 shows them)."""
    if os.environ.get("CONVWISE_DEBUG") == "1":
        traceback.print_exception(error)
    return ConvwiseError(
        "CW901",
        f"a bug of ours: {type(error).__name__}",
        detail="convwise failed; your input is not to blame, and no answer was given",
        hint="please report it with the command you gave; CONVWISE_DEBUG=1 shows where it happened",
    )


def _rules(code: str | None) -> Rules:
    from convwise import rules

    return Rules(tuple(rules.RULES.values()), listed=True) if code is None else Rules((rules.get(code),))
