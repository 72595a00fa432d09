"""What `ask` hands on about one layer in two frameworks: the request's words checked, the answer with its failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convwise.answers.porting.diff import diff
from convwise.answers.porting.difference import Difference
from convwise.answers.porting.graphs import is_network
from convwise.answers.porting.port import Port, port
from convwise.answers.porting.supports import Supports, supports
from convwise.errors import ArgumentError, ConvwiseError, ShapeError
from convwise.readers.files import Origin, located, read_path_or_text


@dataclass(frozen=True, slots=True)
class Diffed:
    """Two layers compared; that they are not equal is a "no"."""

    difference: Difference

    @property
    def failures(self) -> list[ConvwiseError]:
        return [] if self.difference.equal else [ShapeError("CW211", self.difference.headline)]

    def to_dict(self) -> dict[str, Any]:
        return self.difference.to_dict()


@dataclass(frozen=True, slots=True)
class Ported:
    """A layer in another framework's words; or the table of who takes it, which is a "no" where its own framework does not."""

    answer: Port | Supports

    @property
    def failures(self) -> list[ConvwiseError]:
        refusal = self.answer.refusal if isinstance(self.answer, Supports) else None
        return [] if refusal is None else [refusal]

    def to_dict(self) -> dict[str, Any]:
        return self.answer.to_dict()


def _code(text: str, files: bool, command: str) -> tuple[str, Origin]:
    """Code as it is or as a file holds it; for `diff` the path of a model file stays a path, where files may be opened."""
    if is_network(text) and (command == "diff" or not files):
        if not files:
            raise ArgumentError("CW606", "code is wanted, not a path", received=text[:60])
        return text, Origin("text")
    return read_path_or_text(text) if files else (text, Origin("text"))


def asked(request: Mapping[str, Any], files: bool) -> Diffed | Ported:
    """The answer to a request with the command `diff`, `port` or `supports`; `files` lets the code be a path.

    Raises:
        ConvwiseError: what the answers raise.
    """
    command = request["command"]
    names = ("code", "other") if command == "diff" else ("code",)
    texts = [_code(request[name], files, command) for name in names]
    codes = [code for code, _ in texts]
    shape = request.get("input")
    options = {name: request[name] for name in ("dialect", "release") if request.get(name) is not None}
    if command == "diff":
        return Diffed(
            diff(codes[0], codes[1], shape, real=bool(request.get("real")), most_macs=request.get("most_macs"))
        )
    with located(texts[0][1]):
        if command == "port":
            return Ported(port(codes[0], request.get("to") or "torch", shape, **options))
        return Ported(supports(codes[0], shape, **options))
