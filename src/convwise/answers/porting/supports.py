"""`supports`: which frameworks and releases take a layer, in which words, or with which difference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from convwise import dialects
from convwise.answers.explanation import show
from convwise.answers.porting.port import TARGETS, UNTOLD, Port, port
from convwise.answers.porting.reading import Chain, read_chain
from convwise.answers.present import Presented
from convwise.errors import ConvwiseError, Refusal

ACCEPTED, DIFFERENT, REFUSED = "accepted", "with a difference", "refused"
DEVICE = "CPU"
"""The device that the dialects were measured on; nothing is known here of others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One framework: its releases (`3.0 to 3.14`), the device, the verdict, and the code or the framework's own words."""

    framework: str
    release: str
    device: str
    verdict: str
    how: str
    quote: str = ""

    def cells(self) -> tuple[str, str, str, str]:
        quote = f'"{self.quote}"' if self.quote else ""
        return (
            self.framework,
            f"{self.release}, {self.device}",
            self.verdict,
            "; ".join(part for part in (quote, self.how) if part),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "framework": self.framework,
            "release": self.release,
            "device": self.device,
            "verdict": self.verdict,
            "how": self.how,
            "quote": self.quote,
        }


@dataclass(frozen=True, slots=True)
class Supports(Presented):
    """Which frameworks take a layer. Iterates over its rows."""

    code: str
    title: str
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def markdown(self) -> str:
        """The table as Markdown."""
        from convwise.answers.present import supports_markdown

        return supports_markdown(self)

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "rows": [row.to_dict() for row in self.rows]}


def supports(layer: Any, input_shape: Any = None, *, dialect: str | None = None) -> Supports:
    """For each framework and release: whether it takes the layer, refuses it (in its words), or needs something beside it.

    Args:
        layer: as for `port`.
        input_shape: in the layer's own order; without one, a size of ours.
        dialect: the layer's framework, found from the text unless given.

    Raises:
        ShapeError, CodeError, ArgumentError: where no framework can be asked, because the layer cannot be read.

    >>> rows = {row.framework: row.verdict for row in supports("Conv2D(8, 3, padding='same')", (9, 10, 3))}
    >>> rows["Keras"], rows["PyTorch"]
    ('accepted', 'accepted')
    """
    try:
        chain = read_chain(layer, input_shape, dialect=dialect)
    except Refusal as refusal:
        return _refused_at_home(layer, input_shape, refusal)
    own = _own(chain)
    others = [_elsewhere(chain, name) for name in TARGETS if name != chain.dialect]
    sizes = f" on {show(chain.given(chain.input))}" if not chain.assumed else ""
    return Supports(chain.code, f"{' '.join(chain.code.split())}{sizes}", (*own, *others))


def _refused_at_home(layer: Any, input_shape: Any, refusal: Refusal) -> Supports:
    """A layer that its own framework refuses has no meaning that others could take."""
    spoken = dialects.get(refusal.dialect or "torch")
    text = layer if isinstance(layer, str) else type(layer).__name__
    rows: list[Row] = []
    for release in spoken.releases:
        verdict, how, quote = ACCEPTED, "as written", ""
        try:
            read_chain(layer, input_shape, dialect=spoken.name, release=release)
        except ConvwiseError as error:
            verdict, how, quote = REFUSED, f"{error.code}: {error.fact}", error.quote
        _append(rows, Row(spoken.title, release, DEVICE, verdict, how, quote))
    return Supports(text, " ".join(text.split()), tuple(rows))


def _append(rows: list[Row], row: Row) -> None:
    """Releases that say the same are one row."""
    last = rows[-1] if rows else None
    if last is None or (last.verdict, last.how, last.quote) != (row.verdict, row.how, row.quote):
        rows.append(row)
    else:
        rows[-1] = replace(last, release=f"{last.release.partition(' to ')[0]} to {row.release}")


def _own(chain: Chain) -> list[Row]:
    """The layer's own framework, release by release; releases that say the same are one row."""
    spoken = dialects.get(chain.dialect)
    rows: list[Row] = []
    for release in spoken.releases:
        verdict, how, quote = _in_release(chain, release)
        _append(rows, Row(spoken.title, release, DEVICE, verdict, how, quote))
    return rows


def _in_release(chain: Chain, release: str) -> tuple[str, str, str]:
    spoken = dialects.get(chain.dialect)
    shape = chain.input
    try:
        for layer in chain.layers:
            read = spoken.read(layer.call, release) if layer.call.kind else layer
            shape = spoken.flow(read, shape).output
    except ConvwiseError as error:
        return REFUSED, f"{error.code}: {error.fact}", error.quote
    return ACCEPTED, "as written", ""


def _elsewhere(chain: Chain, name: str) -> Row:
    spoken = dialects.get(name)
    try:
        found = port(chain, to=name)
    except Refusal as refusal:
        return Row(spoken.title, spoken.release, DEVICE, REFUSED, refusal.fact, _words(chain, name))
    sized = [warning for warning in found.warnings if not warning.startswith(UNTOLD)]
    if len(found.stages) == len(chain.layers) and not sized and all(stage.layer is not None for stage in found.stages):
        return Row(spoken.title, spoken.release, DEVICE, ACCEPTED, _code(found))
    notes = [stage.comment for stage in found.stages if stage.comment]
    told = "; ".join((_code(found), *notes, *found.warnings))
    return Row(spoken.title, spoken.release, DEVICE, DIFFERENT, told, _words(chain, name))


def _code(found: Port) -> str:
    return ", ".join(stage.text for stage in found.stages)


def _words(chain: Chain, name: str) -> str:
    """What the other framework says to the ops as they stand."""
    spoken = dialects.get(name)
    for piece in chain.pieces():
        try:
            spoken.spell((piece.op,), name in ("keras", "tensorflow", "jax"))
        except ConvwiseError as error:
            if error.quote:
                return error.quote
    return ""
