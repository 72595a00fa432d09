"""Requests about a layer or a chain: why, plan, solve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from convwise.ask.form import KEYS, check_model, listed, wrong
from convwise.ask.outcomes import Solved, Why
from convwise.errors import ConvwiseError, ShapeError

if TYPE_CHECKING:
    from convwise.answers.explanation import Explanation
    from convwise.answers.planned import Planned


def answer_why(request: Mapping[str, Any], files: bool) -> Why:
    from convwise.answers.why import explain, explain_all

    code = request["code"]
    if files:
        from convwise.readers.files import read_path_or_text

        code, _ = read_path_or_text(code)
    options = {name: listed(request.get(name)) for name in ("want", "dialect", "release")}
    inputs = [listed(given) for given in request.get("inputs") or ()]
    model, inputs = _model(request.get("model"), inputs, files)
    if model is not None:
        options["model"] = model
    if not inputs:
        return Why(tuple(explain_all(code, **options)))
    results: list[Explanation | ConvwiseError] = []
    for shape in inputs:
        try:
            results.append(explain(code, shape, **options))
        except ConvwiseError as error:
            # A text that cannot be read has no history, and no other input of it has an answer.
            if not isinstance(error, ShapeError) and error.explanation is None:
                raise
            results.append(error)
    return Why(
        tuple(results), tuple(given if isinstance(given, str) else "x".join(map(str, given)) for given in inputs)
    )


def _model(given: str | None, inputs: list[Any], files: bool) -> tuple[str | None, list[Any]]:
    """The model that a pasted error came from; a path among the inputs is one too."""
    from convwise.readers.models import is_path

    paths = [one for one in inputs if files and isinstance(one, str) and is_path(one)]
    if given is None and len(paths) != 1:
        return None, inputs
    if given is None:
        inputs = [one for one in inputs if one != paths[0]]
    source = paths[0] if given is None else given
    check_model(source, files)
    return source, inputs


def answer_plan(request: Mapping[str, Any], files: bool) -> Planned:
    from convwise.answers.planned import planned

    code = request["code"]
    if files:
        from convwise.readers.files import read_path_or_text

        code, _ = read_path_or_text(code)
    options: dict[str, Any] = {name: request.get(name) for name in ("dialect", "algorithm", "threads")}
    options["tune"] = False if request.get("tune") is None else request["tune"]
    return planned(code, listed(request.get("input")), **options)


def answer_solve(request: Mapping[str, Any]) -> Solved:
    from convwise.answers.solve import solution

    for key in ("input", "output"):
        if request.get(key) is None and (key == "input" or request.get("mirror") is None):
            raise wrong(f"{key!r} is missing", None, "spatial sizes without channels: 28, or 28x30, or a list of them")
    return Solved(solution(**{name: request[name] for name in KEYS["solve"] if request.get(name) is not None}))
