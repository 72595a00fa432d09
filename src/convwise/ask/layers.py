"""Requests about a layer or a chain: why, plan, solve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convwise.ask.form import KEYS, check_model, listed, wrong
from convwise.ask.outcomes import Solved, Why, failure
from convwise.errors import ArgumentError, ConvwiseError, ShapeError

if TYPE_CHECKING:
    from convwise.answers.explanation import Explanation
    from convwise.answers.planned import Planned
    from convwise.dialects.base import Note


def answer_why(request: Mapping[str, Any], files: bool) -> Why:
    from convwise.answers.why import explain, explain_all
    from convwise.readers.files import Origin, located, read_path_or_text, relocate

    code, origin = request["code"], Origin("text")
    if files:
        code, origin = read_path_or_text(code)
    options = {name: listed(request.get(name)) for name in ("want", "dialect", "release")}
    inputs = [listed(given) for given in request.get("inputs") or ()]
    model, inputs = _model(request.get("model"), inputs, files)
    if model is not None:
        options["model"] = model
    results: list[Explanation | ConvwiseError] = []
    with located(origin):
        if not inputs:
            results += explain_all(code, **options)
        for shape in inputs:
            try:
                results.append(explain(code, shape, **options))
            except ConvwiseError as error:
                # A text that cannot be read has no history, and no other input of it has an answer.
                if not isinstance(error, ShapeError) and error.explanation is None:
                    raise
                results.append(error)
    _check_spread(code, inputs, results, options)
    for result in results:
        if (wrong := failure(result)) is not None:
            relocate(wrong, origin)
    return Why(
        _noted(results, origin.notes),
        tuple(given if isinstance(given, str) else "x".join(map(str, given)) for given in inputs),
    )


def _check_spread(
    code: str, inputs: list[Any], results: list[Explanation | ConvwiseError], options: Mapping[str, Any]
) -> None:
    """Several inputs of one number each that are all refused for their axes may be the sizes of one: `64 64 3`.

    Raises:
        ArgumentError: CW601 where they work as one.
    """
    from convwise.answers.why import explain

    numbers = [given for given in inputs if isinstance(given, str) and given.strip().isdecimal()]
    if len(numbers) < 2 or len(numbers) < len(inputs):
        return
    if not all(isinstance(result, ConvwiseError) and result.code == "CW101" for result in results):
        return
    whole = "x".join(number.strip() for number in numbers)
    try:
        explain(code, whole, **options)
    except ConvwiseError as error:
        if error.code == "CW101":
            return
    raise ArgumentError(
        "CW601",
        f"{len(numbers)} inputs of one axis each: {' '.join(numbers)}",
        received=" ".join(numbers),
        hint=f"did you mean {whole}? the sizes of one input are joined by x",
    )


def _noted(
    results: list[Explanation | ConvwiseError], notes: tuple[Note, ...]
) -> tuple[Explanation | ConvwiseError, ...]:
    """The results, the first of them with what was left out of the text."""
    from convwise.answers.explanation import Explanation, Finding

    told = tuple(Finding(note.code, "note", note.text) for note in notes)
    place = next((place for place, one in enumerate(results) if isinstance(one, Explanation)), None)
    if told and place is not None and isinstance(first := results[place], Explanation):
        results[place] = replace(first, findings=(*told, *first.findings))
    return tuple(results)


def _model(given: str | None, inputs: list[Any], files: bool) -> tuple[str | None, list[Any]]:
    """The model that a pasted error came from; a path among the inputs is one too."""
    from convwise.readers.endings import is_path

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
    from convwise.readers.files import Origin, located, read_path_or_text

    origin = Origin("text")
    if files:
        code, origin = read_path_or_text(code)
    options: dict[str, Any] = {name: request.get(name) for name in ("dialect", "algorithm", "threads")}
    options["tune"] = bool(request.get("tune"))
    with located(origin):
        return planned(code, listed(request.get("input")), **options)


def answer_solve(request: Mapping[str, Any]) -> Solved:
    from convwise.answers.solve import solution

    for key in ("input", "output"):
        if request.get(key) is None and (key == "input" or request.get("mirror") is None):
            raise wrong(f"{key!r} is missing", None, "spatial sizes without channels: 28, or 28x30, or a list of them")
    return Solved(solution(**{name: request[name] for name in KEYS["solve"] if request.get(name) is not None}))
