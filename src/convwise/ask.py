"""One door for every face: a request in, an answer out, both plain JSON values.

    >>> reply = ask({"command": "rule", "code": "CW104"})
    >>> reply["schema"], reply["rule"]["title"]
    (1, 'The window is longer than its padded input')

The command line, a notebook, a page and any program come through here, so they cannot disagree. `answer` is the same
door for a face that lays out the values itself.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from convwise.dialects.base import nearest
from convwise.errors import ArgumentError, ConvwiseError, ShapeError

if TYPE_CHECKING:
    from convwise.answers.explanation import Explanation, Finding
    from convwise.answers.network.expressions import Expressions
    from convwise.answers.network.features import Remade
    from convwise.answers.network.fitting import Fit
    from convwise.answers.network.legal import LegalSizes
    from convwise.answers.network.trace import Trace
    from convwise.answers.planned import Planned
    from convwise.answers.porting.asked import Diffed, Ported
    from convwise.answers.solved import Solution
    from convwise.doctor import Report
    from convwise.graph import Network
    from convwise.ops import Shape
    from convwise.rules import Rule

SCHEMA = 1
MOST_INPUTS = 1000
KEYS = {
    "why": ("code", "inputs", "want", "dialect", "release", "model"),
    "inspect": ("model", "input", "dialect", "symbolic"),
    "sizes": ("model", "near", "dialect", "input_name"),
    "check": ("model", "input", "dialect", "strict", "levels"),
    "solve": (
        *("input", "output", "dialect", "kernel", "stride", "padding", "dilation", "output_padding"),
        *("in_channels", "filters", "op", "mirror"),
    ),
    "diff": ("code", "other", "input", "real", "most_macs"),
    "port": ("code", "to", "input", "dialect", "release"),
    "supports": ("code", "input", "dialect"),
    "plan": ("code", "input", "dialect", "algorithm", "threads", "tune"),
    "rule": ("code",),
    "doctor": (),
}
"""The commands, and what each takes beside `command`."""


@dataclass(frozen=True, slots=True)
class Why:
    """Explanations and refusals, in the order asked; `inputs` are those given with the code, as text, one a result."""

    results: tuple[Explanation | ConvwiseError, ...]
    inputs: tuple[str, ...] = ()

    @property
    def failures(self) -> list[ConvwiseError]:
        return [error for error in map(failure, self.results) if error is not None]

    def to_dict(self) -> dict[str, Any]:
        if len(self.results) == 1 and self.failures:
            return _entry(self.results[0])
        return {"explanations": [_entry(result) for result in self.results]}


@dataclass(frozen=True, slots=True)
class Rules:
    """Rule pages; `listed` where all were asked for by giving no code."""

    rules: tuple[Rule, ...]
    listed: bool = False

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        if self.listed:
            return {"rules": [{"code": rule.code, "title": rule.title} for rule in self.rules]}
        return {"rule": _rule(self.rules[0])}


@dataclass(frozen=True, slots=True)
class Doctor:
    """What is installed, in use, and missing."""

    report: Report

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        return self.report.to_dict()


@dataclass(frozen=True, slots=True)
class Inspected:
    """A network, a row a node; with `symbolic`, each row's output in letters too."""

    trace: Trace
    symbolic: Expressions | None = None

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        told = self.trace.to_dict()
        if self.symbolic is None:
            return told
        for row, shape in zip(told["rows"], self.symbolic.rows, strict=True):
            row["symbolic"] = None if shape is None else list(shape)
        return {**told, "symbolic": self.symbolic.to_dict()}


@dataclass(frozen=True, slots=True)
class Sized:
    """The legal sizes of one input of a network; with sizes that were asked about, how to get from each to legal ones.

    Where the network has several inputs with spatial axes and none was chosen, `others` hold the same for the rest of them.
    """

    legal: LegalSizes
    near: tuple[Fit, ...] = ()
    remade: tuple[Remade, ...] = ()
    """The dense layers that would have to be made anew for the sizes asked about."""
    dialect: str = ""
    others: tuple[Sized, ...] = ()

    @property
    def failures(self) -> list[ConvwiseError]:
        if all(sizes.minimum is not None for one in (self, *self.others) for sizes in one.legal.values()):
            return []
        return [ShapeError("CW110", "no size of the input is legal")]

    def to_dict(self) -> dict[str, Any]:
        """The first input's answer; with others, those of all under "inputs" too."""
        remade = {"remade": [one.to_dict() for one in self.remade]} if self.remade else {}
        told = {**self.legal.to_dict(), "near": [fit.to_dict() for fit in self.near], **remade}
        return {**told, "inputs": [told, *(one.to_dict() for one in self.others)]} if self.others else told


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings; with `strict`, warnings count as a "no" too."""

    findings: tuple[Finding, ...]
    strict: bool = False
    inputs: dict[str, Shape] = field(default_factory=dict)

    @property
    def failures(self) -> list[ConvwiseError]:
        levels = ("error", "warning") if self.strict else ("error",)
        return [ShapeError(one.code, one.text, layer=one.node) for one in self.findings if one.level in levels]

    def to_dict(self) -> dict[str, Any]:
        return {"findings": [one.to_dict() for one in self.findings], "passed": not self.failures}


@dataclass(frozen=True, slots=True)
class Solved:
    """Layers that give a wanted output, or the decoder of an encoder."""

    solution: Solution

    @property
    def failures(self) -> list[ConvwiseError]:
        return []

    def to_dict(self) -> dict[str, Any]:
        return self.solution.to_dict()


Answer: TypeAlias = "Diffed | Ported | Planned | Solved | Why | Inspected | Sized | Checked | Rules | Doctor"


def ask(request: Mapping[str, Any], *, files: bool = False) -> dict[str, Any]:
    """Answer a request: `{"command": "why", "code": "Conv2D(32, 3)", "inputs": ["64x64x3"]}`.

    Commands: `inspect`, `sizes` and `check` with a `model` (a path or code) and `input`, `near`, `strict`, `levels`; `why` with `code` and, if wanted, `inputs` (a list of "64x64x3" or [64, 64, 3]), `want`, `dialect`,
    `release`, `model` (the model that a pasted error came from); `solve` with `input` and `output`, each a size or a list of several, and if wanted the words of `cw.solve`; `rule` with a `code` (without one, all titles); `doctor`. `files` lets `code` be a path, or `-`; leave
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


def to_json(outcome: Answer | ConvwiseError) -> dict[str, Any]:
    """What `ask` replies for an outcome."""
    return {"schema": SCHEMA, **(_entry(outcome) if isinstance(outcome, ConvwiseError) else outcome.to_dict())}


def exit_code(outcome: Answer | ConvwiseError) -> int:
    """0 it worked, 1 the answer is "no", 2 the request could not be understood, 3 a bug of ours."""
    failures = [outcome] if isinstance(outcome, ConvwiseError) else outcome.failures
    if any(error.code == "CW901" for error in failures):
        return 3
    return 2 if not all(isinstance(error, ShapeError) for error in failures) else 1 if failures else 0


def answer(request: Mapping[str, Any], *, files: bool = False) -> Answer:
    """The same as `ask`, as values with methods.

    Raises:
        ConvwiseError: where there is no answer at all; a refused input among several is one of the results.
    """
    _check(request)
    match request["command"]:
        case "rule":
            return _rules(request.get("code"))
        case "inspect" | "sizes" | "check":
            return _network(request)
        case "solve":
            return _solved(request)
        case "diff" | "port" | "supports":
            from convwise.answers.porting.asked import asked

            return asked({**request, "input": _listed(request.get("input"))}, files)
        case "plan":
            return _planned(request, files)
        case "doctor":
            from convwise.doctor import examine

            return Doctor(examine())
        case _:
            return _why(request, files)


def failure(result: Explanation | ConvwiseError) -> ConvwiseError | None:
    """The error that a result is, or ends in; None where it works."""
    return result if isinstance(result, ConvwiseError) else result.error


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


def _why(request: Mapping[str, Any], files: bool) -> Why:
    from convwise.answers.why import explain, explain_all

    code = request["code"]
    if files:
        from convwise.readers.files import read_path_or_text

        code, _ = read_path_or_text(code)
    options = {name: _listed(request.get(name)) for name in ("want", "dialect", "release")}
    inputs = [_listed(given) for given in request.get("inputs") or ()]
    model, inputs = _model(request.get("model"), inputs, files)
    if model is not None:
        options["model"] = model
    if not inputs:
        return Why(tuple(explain_all(code, **options)))
    results: list[Explanation | ConvwiseError] = []
    for shape in inputs:
        try:
            results.append(explain(code, shape, **options))
        except ShapeError as error:
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
    if not files and is_path(source):
        raise _wrong("'model' must be code, not a path", source)
    return source, inputs


def _given(value: Any) -> Shape | dict[str, Shape] | None:
    """The input of a network: one shape, or for several inputs `a=1x3x224x224,b=1x10` or an object of shapes by name."""
    from convwise.answers.inputs import as_shape

    if isinstance(value, str) and "=" in value:
        parts = [part.rpartition("=") for part in value.split(",")]
        if len({name.strip() for name, _, _ in parts}) < len(parts) or not all(name for name, _, _ in parts):
            raise _wrong("shapes by name are written a=1x3x224x224,b=1x10", value)
        value = {name.strip(): shape for name, _, shape in parts}
    if isinstance(value, Mapping):
        return {name: as_shape(_listed(shape)) for name, shape in value.items()}
    return None if value is None else as_shape(_listed(value))


def _network(request: Mapping[str, Any]) -> Inspected | Sized | Checked:
    from convwise.readers.models import read

    shape = _given(request.get("input"))
    one = None if isinstance(shape, Mapping) else shape
    network = read(request["model"], input_shape=one, dialect=request.get("dialect"))
    if request["command"] == "inspect":
        return _inspected(network, shape, bool(request.get("symbolic")))
    if request["command"] == "check":
        from convwise.answers.network.flowing import given_shapes

        found = tuple(network.check(shape, request.get("levels")))
        return Checked(found, bool(request.get("strict")), given_shapes(network, shape))
    return _sized(network, request.get("near"), request.get("input_name"))


def _inspected(network: Network, shape: Shape | dict[str, Shape] | None, symbolic: bool) -> Inspected:
    """With letters where they are asked for, or where the sizes of the input are open."""
    try:
        trace = network.trace(shape)
    except ShapeError as error:
        told = "convwise sizes MODEL --near SIZE tells every size that works, and the nearest"
        error.hint = f"{error.hint}\n{told}" if error.hint else told
        raise
    spatial = [size for source in network.sources for size in source.layout.split(trace.inputs[source.name])[2]]
    return Inspected(trace, network.symbolic() if symbolic or None in spatial else None)


def _sized(network: Network, near: Any, name: str | None) -> Sized:
    from convwise.answers.inputs import as_shape
    from convwise.answers.network.legal import legal_of
    from convwise.answers.network.symbolic import follow

    symbolic = follow(network)
    legal = legal_of(symbolic, name)
    names = [legal.input] if name is not None else list(dict.fromkeys(axis.source for axis in symbolic.keys))
    sizes = None if near is None else as_shape(_listed(near))
    every = [legal if one == legal.input else legal_of(symbolic, one) for one in names]
    # One size for all axes suits every input; sizes an axis are meant for the inputs that have so many.
    wanted = [one for one in every if sizes is None or len(sizes) in (1, len(one))]
    if sizes is not None and (None in sizes or not wanted):
        raise _wrong(
            f"{len(sizes)} sizes for {len(legal)} axes ({', '.join(legal)})", near, "give one for all, or one an axis"
        )
    first, *others = [_sized_input(network, one, sizes if one in wanted else None) for one in every]
    return replace(first, others=tuple(others))


def _sized_input(network: Network, legal: LegalSizes, sizes: Shape | None) -> Sized:
    from convwise.answers.network.features import remade
    from convwise.answers.network.fitting import fits

    if sizes is None:
        return Sized(legal, dialect=network.dialect)
    wanted = [size for size in (sizes * len(legal) if len(sizes) == 1 else sizes) if size is not None]
    near = fits(network, wanted, legal.input)
    legal_already = all(fit.below == fit.size for fit in near)
    return Sized(legal, near, () if legal_already else remade(network, wanted, legal.input), network.dialect)


def _planned(request: Mapping[str, Any], files: bool) -> Planned:
    from convwise.answers.planned import planned

    code = request["code"]
    if files:
        from convwise.readers.files import read_path_or_text

        code, _ = read_path_or_text(code)
    options: dict[str, Any] = {name: request.get(name) for name in ("dialect", "algorithm", "threads")}
    options["tune"] = False if request.get("tune") is None else request["tune"]
    return planned(code, _listed(request.get("input")), **options)


def _solved(request: Mapping[str, Any]) -> Solved:
    from convwise.answers.solve import solution

    for key in ("input", "output"):
        if request.get(key) is None and (key == "input" or request.get("mirror") is None):
            raise _wrong(f"{key!r} is missing", None, "spatial sizes without channels: 28, or 28x30, or a list of them")
    return Solved(solution(**{name: request[name] for name in KEYS["solve"] if request.get(name) is not None}))


def _rules(code: str | None) -> Rules:
    from convwise import rules

    return Rules(tuple(rules.RULES.values()), listed=True) if code is None else Rules((rules.get(code),))


def _rule(rule: Rule) -> dict[str, Any]:
    from convwise.rules import Asked

    example: dict[str, Any] | None = None
    if isinstance(rule.example, Asked):
        example = {"command": ["convwise", *rule.example.argv]}
    elif rule.example is not None:
        example = {"python": rule.example.source, "prints": rule.example.message}
    return {"code": rule.code, "title": rule.title, "text": rule.text, "remedy": rule.remedy, "example": example}


def _entry(result: Explanation | ConvwiseError) -> dict[str, Any]:
    """An explanation, or `{"error": ...}` with the history up to the break as its `explanation`."""
    error = failure(result)
    if error is None:
        return result.to_dict()
    history = result if not isinstance(result, ConvwiseError) else result.explanation
    told = error.to_dict()
    if history is not None:
        told["explanation"] = {name: value for name, value in history.to_dict().items() if name != "error"}
    return {"error": told}


def _listed(value: Any) -> Any:
    """JSON has lists where Python has tuples."""
    return tuple(value) if isinstance(value, list) else value


def _check(request: Mapping[str, Any]) -> None:
    """Refuse a request that is not of the documented form, before anything is computed."""
    if not isinstance(request, Mapping):
        raise _wrong("a request is an object with a 'command'", request)
    command = request.get("command")
    if not isinstance(command, str) or command not in KEYS:
        raise _wrong(f"no command {_short(command)}", command, _meant(command, KEYS))
    for key in request:
        if key != "command" and key not in KEYS[command]:
            raise _wrong(f"{command!r} takes no {_short(key)}", key, _meant(key, KEYS[command]))
    text = "model" if command in ("inspect", "sizes", "check") else "code"
    code = request.get(text)
    if command == "solve":
        code = ""  # what it takes is checked where it is read
    if not isinstance(code, str) and not (command in ("rule", "doctor") and code is None):
        raise _wrong(f"{text!r} must be text", code)
    inputs = request.get("inputs")
    if inputs is not None and (not isinstance(inputs, list | tuple) or not all(_is_shape(item) for item in inputs)):
        raise _wrong("'inputs' must be a list of shapes", inputs, 'such as ["64x64x3"] or [[64, 64, 3]]')
    if inputs is not None and len(inputs) > MOST_INPUTS:
        raise _wrong(f"{len(inputs):,} inputs are more than {MOST_INPUTS:,}", len(inputs))
    for key in ("want", "near", *(("input",) if command != "solve" else ())):
        value = request.get(key)
        shapes = list(value.values()) if key == "input" and isinstance(value, Mapping) else [value]
        if value is not None and not all(_is_shape(one) for one in shapes):
            raise _wrong(f"{key!r} must be a size", request[key], 'such as "32x32" or [32, 32]')
    if not isinstance(request.get("symbolic"), bool | None):
        raise _wrong("'symbolic' must be true or false", request["symbolic"])
    levels = request.get("levels")
    if levels is not None and not (
        isinstance(levels, Mapping) and all(isinstance(one, str) for one in levels.values())
    ):
        raise _wrong("'levels' must map codes to levels", levels, 'such as {"CW502": "off"}')
    for key in ("dialect", "release", "input_name", *(("model",) if command == "why" else ())):
        if not isinstance(request.get(key), str | None):
            raise _wrong(f"{key!r} must be text", request[key])


def _is_shape(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(size is None or type(size) is int for size in value)
    return isinstance(value, str)


def _meant(word: Any, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = nearest(word, known) if isinstance(word, str) else None
    return f"did you mean {near!r}?" if near else f"there is {', '.join(known)}" if known else ""


def _short(value: Any) -> str:
    return repr(value)[:60]


def _wrong(fact: str, received: Any, hint: str = "") -> ArgumentError:
    plain = received if isinstance(received, int | str | bool | None) else _short(received)
    return ArgumentError("CW606", fact, received=plain, hint=hint)
