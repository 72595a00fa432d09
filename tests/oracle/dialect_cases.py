"""A call of a framework's function or layer with an input shape: how it is drawn, stored and written, for three dialects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Any

from convwise import dialects
from convwise.dialects.base import Array, Call
from convwise.errors import ConvwiseError, Refusal

Value = Any


@dataclass(frozen=True)
class Case:
    """`args` and `kwargs` are without the data, whose shape is `shape`."""

    kind: str
    args: tuple[Value, ...]
    kwargs: tuple[tuple[str, Value], ...]
    shape: tuple[int, ...]

    @property
    def call(self) -> Call:
        return Call(self.kind, self.args, self.kwargs, self.text)

    @property
    def text(self) -> str:
        named = (f"{name}={written(value)}" for name, value in self.kwargs)
        return f"{self.kind}({', '.join(('x', *map(written, self.args), *named))})"


def array(*shape: int) -> Array:
    return Array(shape, f"zeros({shape})")


def written(value: Value) -> str:
    if isinstance(value, Array):
        return value.text
    if isinstance(value, tuple):
        inner = ", ".join(map(written, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def packed(case: Case) -> list[Value]:
    """For JSON, which writes tuples as arrays: an array argument becomes an object."""
    return [case.kind, _pack(case.args), {name: _pack(value) for name, value in case.kwargs}, list(case.shape)]


def _pack(value: Value) -> Value:
    if isinstance(value, Array):
        return {"zeros": list(value.shape or ())}
    return [_pack(item) for item in value] if isinstance(value, tuple) else value


def unpacked(row: list[Value]) -> Case:
    kind, args, kwargs, shape = row
    return Case(kind, _unpack(args), tuple((name, _unpack(value)) for name, value in kwargs.items()), tuple(shape))


def _unpack(value: Value) -> Value:
    if isinstance(value, dict):
        return array(*value["zeros"])
    return tuple(_unpack(item) for item in value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Ours:
    """The output's shape and the trained numbers, or the error."""

    shape: tuple[int | None, ...] | None
    parameters: int | None = None
    error: ConvwiseError | None = None


def ask(dialect: str, case: Case, release: str | None = None) -> Ours:
    spoken = dialects.get(dialect)
    try:
        result = spoken.flow(spoken.read(case.call, release), case.shape)
    except ConvwiseError as error:
        return Ours(None, error=error)
    return Ours(result.output, result.params)


@dataclass(frozen=True)
class Truth:
    """The framework's answer: the output's shape, or its words."""

    shape: tuple[int, ...] | None
    words: str = ""
    parameters: int | None = None


GIVES = re.compile(r"itself gives (?:an array without elements, )?(\(.*?\))")
"""No window fits, which is an error here; the detail names the shape that the framework gives and says nothing."""

OURS_ALONE = frozenset({"CW210", "CW317", "CW314"})
"""Codes of what convwise refuses by itself, or does not model, whatever the framework does."""


def disagreement(case: Case, truth: Truth, ours: Ours) -> str:
    """What differs; empty where nothing does."""
    if ours.error is not None and ours.error.code in OURS_ALONE and not isinstance(ours.error, Refusal):
        return ""
    if ours.error is not None and 0 in case.shape and truth.shape is not None and 0 in truth.shape:
        return ""  # no data: most checks are skipped, so that what no other input gets through passes
    if ours.error is not None and truth.shape is not None and GIVES.search(ours.error.detail):
        told = GIVES.search(ours.error.detail)
        return (
            ""
            if told and told[1] == str(truth.shape)
            else f"it gives {truth.shape}; convwise says it gives {told and told[1]}"
        )
    if ours.shape != truth.shape:
        theirs = f"refuses: {truth.words[:160]}" if truth.shape is None else f"gives {truth.shape}"
        return f"it {theirs}; convwise {ours.error if ours.shape is None else f'gives {ours.shape}'}"
    if truth.parameters is not None and ours.parameters != truth.parameters:
        return f"it has {truth.parameters} parameters, convwise counts {ours.parameters}"
    return ""


def quoted(ours: Ours, words: str) -> bool:
    """Whether our quote, if there is one, is what the framework said."""
    return ours.error is None or clean(ours.error.quote) in clean(words)


def clean(words: str) -> str:
    return re.sub(r"\s+", " ", words)


def either(rng: Random, *choices: Value) -> Value:
    return choices[rng.randrange(len(choices))]


def few(rng: Random, rank: int, most: int = 3) -> tuple[int, ...]:
    return tuple(rng.randint(1, most) for _ in range(rank))


def sizes(rng: Random, rank: int) -> tuple[int, ...]:
    return tuple(rng.randint(1, 13) for _ in range(rank))
