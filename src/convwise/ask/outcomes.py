"""What comes of a request: values with their failures, as JSON and as an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from convwise.errors import ConvwiseError, ShapeError

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
    from convwise.ops import Shape
    from convwise.rules import Rule

SCHEMA = 1


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
        for row, of in zip(told["rows"], self.trace.rows, strict=True):
            shape = self.symbolic.rows[of.number]
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
    notes: tuple[Finding, ...] = ()
    """What the network was worked out from, where it was a print or a summary."""

    @property
    def failures(self) -> list[ConvwiseError]:
        if all(sizes.minimum is not None for one in (self, *self.others) for sizes in one.legal.values()):
            return []
        return [ShapeError("CW110", "no size of the input is legal")]

    def to_dict(self) -> dict[str, Any]:
        """The first input's answer; with others, those of all under "inputs" too."""
        remade = {"remade": [one.to_dict() for one in self.remade]} if self.remade else {}
        notes = {"findings": [one.to_dict() for one in self.notes]} if self.notes else {}
        told = {**self.legal.to_dict(), "near": [fit.to_dict() for fit in self.near], **remade, **notes}
        return {**told, "inputs": [told, *(one.to_dict() for one in self.others)]} if self.others else told


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings, at the levels that the project gives them; with `strict`, warnings count as a "no" too. `works` is what the framework does."""

    findings: tuple[Finding, ...]
    strict: bool = False
    inputs: dict[str, Shape] = field(default_factory=dict)
    works: bool = True

    @property
    def failures(self) -> list[ConvwiseError]:
        levels = ("error", "warning") if self.strict else ("error",)
        return [ShapeError(one.code, one.text, layer=one.node) for one in self.findings if one.level in levels]

    def to_dict(self) -> dict[str, Any]:
        return {"findings": [one.to_dict() for one in self.findings], "works": self.works, "passed": not self.failures}


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


def failure(result: Explanation | ConvwiseError) -> ConvwiseError | None:
    """The error that a result is, or ends in; None where it works."""
    return result if isinstance(result, ConvwiseError) else result.error


def to_json(outcome: Answer | ConvwiseError) -> dict[str, Any]:
    """What `ask` replies for an outcome; a number that is not finite is null, as JSON has none."""
    told = _entry(outcome) if isinstance(outcome, ConvwiseError) else outcome.to_dict()
    return {"schema": SCHEMA, **_finite(told)}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def exit_code(outcome: Answer | ConvwiseError) -> int:
    """0 it worked, 1 the answer is "no", 2 the request could not be understood, 3 a bug of ours."""
    failures = [outcome] if isinstance(outcome, ConvwiseError) else outcome.failures
    if any(error.code == "CW901" for error in failures):
        return 3
    return 2 if not all(isinstance(error, ShapeError) for error in failures) else 1 if failures else 0


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
