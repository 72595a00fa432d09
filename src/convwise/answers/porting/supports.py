"""`supports`: which frameworks and releases take a layer, in which words, or with which difference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convwise import dialects
from convwise.answers.explanation import show
from convwise.answers.porting.applies import APPLIES
from convwise.answers.porting.port import TARGETS, UNTOLD, Port, port
from convwise.answers.porting.reading import Chain, read_chain
from convwise.answers.present import Presented
from convwise.dialects import changes, devices
from convwise.dialects.base import LayerFlow, run_ops
from convwise.errors import CodeError, ConvwiseError, Refusal
from convwise.ops import Layout

ACCEPTED, DIFFERENT, REFUSED = "accepted", "with a difference", "refused"
DEVICE = "CPU"
"""The device that the dialects were measured on."""
ELSEWHERE = (
    "devices that are not listed were not tested; rows of GPUs were not tested here and quote the source they name"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One framework: its releases (`3.0, 3.5, 3.8 to 3.14`), the device, the verdict, and the code or the framework's own words.

    `source` tells where a row comes from that is not asked of the dialect; `tested` whether it was run here, on an installed release.
    """

    framework: str
    release: str
    device: str
    verdict: str
    how: str
    quote: str = ""
    source: str = ""
    tested: bool = True

    def cells(self) -> tuple[str, str, str, str]:
        quote = f'"{self.quote}"' if self.quote else ""
        source = f"{'' if self.tested else 'not tested here: '}{self.source}"
        return (
            self.framework,
            f"{self.release}, {self.device}",
            self.verdict,
            "; ".join(part for part in (quote, self.how, source) if part),
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "framework": self.framework,
            "release": self.release,
            "device": self.device,
            "verdict": self.verdict,
            "how": self.how,
            "quote": self.quote,
            "source": self.source,
            "tested": self.tested,
        }


@dataclass(frozen=True, slots=True)
class Supports(Presented):
    """Which frameworks take a layer. Iterates over its rows. `refusal` is what the layer's own framework says where it refuses it."""

    code: str
    title: str
    rows: tuple[Row, ...]
    refusal: Refusal | None = field(default=None, repr=False, compare=False)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def markdown(self) -> str:
        """The table as Markdown."""
        from convwise.answers.present import supports_markdown

        return supports_markdown(self)

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "rows": [row.to_dict() for row in self.rows], "note": self.note}

    @property
    def note(self) -> str:
        """What the table does not tell."""
        return ELSEWHERE


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
        chain = read_chain(layer, input_shape, dialect=dialect, values=False)
    except Refusal as refusal:
        return _refused_at_home(layer, input_shape, refusal)
    rows = own_rows(chain)
    for name in TARGETS:
        if name != chain.dialect:
            rows += _elsewhere(chain, name)
    sizes = f" on {show(chain.given(chain.input))}" if not chain.assumed else ""
    return Supports(chain.code, f"{' '.join(chain.code.split())}{sizes}", tuple(rows))


def _refused_at_home(layer: Any, input_shape: Any, refusal: Refusal) -> Supports:
    """A layer that its own framework refuses has no meaning that others could take."""
    spoken = dialects.get(refusal.dialect or "torch")
    text = layer if isinstance(layer, str) else type(layer).__name__
    rows: list[Row] = []
    for release in spoken.releases:
        verdict, how, quote = ACCEPTED, "as written", ""
        try:
            read_chain(layer, input_shape, dialect=spoken.name, release=release, values=False)
        except ConvwiseError as error:
            verdict, how, quote = REFUSED, f"{error.code}: {error.fact}", error.quote
        _append(rows, Row(spoken.title, release, DEVICE, verdict, how, quote))
    return Supports(text, " ".join(text.split()), tuple(_spanned(rows)), refusal)


def _append(rows: list[Row], row: Row) -> None:
    """Releases that say the same, their own number apart, are one row."""
    last = rows[-1] if rows else None
    if last is None or _said(last) != _said(row):
        rows.append(row)
        return
    rows[-1] = replace(last, release=_joined(last.release, row.release))


def _joined(releases: str, following: str) -> str:
    """`3.0, 3.5, 3.8 to 3.15`: a range holds every release from one end to the other, and those in a gap were not looked at."""
    *before, last = releases.split(", ")
    first, _, end = last.partition(" to ")
    *major, minor = _numbers(end or first)
    if _numbers(following) != (*major, minor + 1):
        return f"{releases}, {following}"
    return ", ".join([*before, f"{first} to {following}"])


def _since(row: Row) -> str:
    """The first of the releases of a row, whose number its words name."""
    return row.release.partition(",")[0].partition(" to ")[0]


def _said(row: Row) -> tuple[str, str, str]:
    if row.verdict != REFUSED:
        return row.verdict, row.how, row.quote
    return row.verdict, _numbered(row.how, _since(row)), _numbered(row.quote, _since(row))


def _spanned(rows: list[Row]) -> list[Row]:
    """The rows with all their releases in the words of ours; a framework's words stay as its first release says them."""
    return [
        replace(row, how=_numbered(row.how, _since(row)).replace("{}", row.release)) if row.verdict == REFUSED else row
        for row in rows
    ]


def _numbered(text: str, release: str) -> str:
    """The text with the release's number left open."""
    return re.sub(rf"(?<![\w.]){re.escape(release)}(?![\w.])", "{}", text)


def own_rows(chain: Chain) -> list[Row]:
    """What the layer's own framework says to it: release by release, and where the tables know more."""
    return [*_own(chain), *_known(chain.dialect, chain.flows)]


def _own(chain: Chain) -> list[Row]:
    """The layer's own framework, release by release; releases that say the same are one row."""
    spoken = dialects.get(chain.dialect)
    rows: list[Row] = []
    for release in spoken.releases:
        verdict, how, quote = _in_release(chain, release)
        _append(rows, Row(spoken.title, release, DEVICE, verdict, how, quote))
    return _spanned(rows)


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


def _known(name: str, flows: Sequence[LayerFlow]) -> list[Row]:
    """What the tables of releases and of devices tell of these layers, beyond what the dialect knows of its own releases."""
    title = dialects.get(name).title
    rows = []
    for change in changes.of(name):
        asks = APPLIES.get(change.key)
        if asks is None or (change.package == name and _speaks_before(name, change.since)):
            continue
        if any(asks(flow) for flow in flows):
            package = "" if change.package in (name, "opset") else f"{change.package} "
            verdict = REFUSED if change.before.startswith(("refused", "no such")) else DIFFERENT
            told = (
                f"{change.before}: {change.what}"
                if verdict == REFUSED
                else f"{change.what}: {change.before}, later {change.now}"
            )
            told = told.removeprefix("refused: ")
            tested = bool(change.older)
            rows.append(Row(title, f"{package}before {change.since}", DEVICE, verdict, told, "", change.source, tested))
    for one in devices.on_devices(name):
        asks = APPLIES.get(one.key)
        if asks is not None and any(asks(flow) for flow in flows):
            verdict = DIFFERENT if one.difference else REFUSED
            rows.append(
                Row(title, one.releases, one.device, verdict, one.difference, one.quote, one.source, one.measured)
            )
    return rows


def _speaks_before(name: str, release: str) -> bool:
    """Whether the dialect itself knows a release before this one, so that it was asked already."""
    return any(_numbers(known) < _numbers(release) for known in dialects.get(name).releases)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdigit())


def _elsewhere(chain: Chain, name: str) -> list[Row]:
    """The port into another framework, release by release, and what is known of its layers."""
    spoken = dialects.get(name)
    try:
        found, sized_by_us = _ported(chain, name)
    except Refusal as refusal:
        return [Row(spoken.title, spoken.release, DEVICE, REFUSED, refusal.fact, _words(chain, name))]
    sized = [warning for warning in found.warnings if not warning.startswith(UNTOLD)]
    whole = all(stage.layer is not None for stage in found.stages)
    if len(found.stages) == len(chain.layers) and not sized and whole:
        row = Row(spoken.title, spoken.release, DEVICE, ACCEPTED, _code(found))
    else:
        notes = [stage.comment for stage in found.stages if stage.comment]
        told = "; ".join((_code(found), *notes, *found.warnings, *sized_by_us))
        row = Row(spoken.title, spoken.release, DEVICE, DIFFERENT, told, _words(chain, name))
    rows: list[Row] = []
    # A function written out in the code is known to run where it was written for, and in no other release.
    checked = all(stage.layer is not None and stage.layer.call.kind for stage in found.stages)
    for release in spoken.releases if checked else (spoken.release,):
        refused = _refused(found, release)
        _append(rows, replace(row, release=release) if refused is None else refused)
    return [*_spanned(rows), *_known(name, _flows(found))]


def _ported(chain: Chain, name: str) -> tuple[Port, tuple[str, ...]]:
    """The port; where it depends on an input that nobody gave, the one for a size of ours, with a note that says so."""
    try:
        return port(chain, to=name), ()
    except CodeError as error:
        if error.code != "CW310":
            raise
        return port(replace(chain, assumed=False), to=name), (f"for {show(chain.given(chain.input))}, a size of ours",)


def _refused(found: Port, release: str) -> Row | None:
    """That a release of the target does not take one of the port's layers."""
    spoken = dialects.get(found.to)
    for stage in found.stages:
        if stage.layer is None or not stage.layer.call.kind:
            continue
        try:
            spoken.read(stage.layer.call, release)
        except ConvwiseError as error:
            return Row(spoken.title, release, DEVICE, REFUSED, f"{error.code}: {error.fact}", error.quote)
    return None


def _flows(found: Port) -> list[LayerFlow]:
    """What each of the port's layers does to what reaches it."""
    shape = found.input
    flows = []
    for stage in found.stages:
        layout = Layout(stage.channels_last)
        if stage.layer is not None:
            flows.append(run_ops(replace(stage.layer, ops=stage.ops), shape, layout))
            shape = flows[-1].output
        else:
            for op in stage.ops:
                shape = op.flow(shape, layout).output
    return flows


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
