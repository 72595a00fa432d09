"""What an answer is: data in the order in which a teacher would tell it. Faces lay it out; they add no facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convwise.answers.present import Presented
from convwise.axis import Axis, Unread, Window
from convwise.ops import Shape, Size

if TYPE_CHECKING:
    from convwise.errors import ConvwiseError


@dataclass(frozen=True, slots=True)
class AxisFacts:
    """Everything about one spatial axis of one layer; None where the op has no sliding window or the size is not known.

    A layer of padding has `pad_low` and `pad_high` too; one of cropping has them below 0.

    `formula` is the size's formula with the numbers in it, `any_size` what holds for every size n, `preimage` the
    smallest and largest size that give the same output. `window` and `axis` are the values behind it.
    """

    name: str
    size: Size
    out: Size
    kernel: int | None = None
    stride: int | None = None
    dilation: int | None = None
    pad_low: int | None = None
    pad_high: int | None = None
    overhang: int | None = None
    span: int | None = None
    places: int | None = None
    unread_data: Unread | None = None
    unread_padding: int | None = None
    formula: str = ""
    preimage: tuple[int, int] | None = None
    any_size: str = ""
    causes: tuple[tuple[str, str], ...] = ()
    window: Window | None = field(default=None, repr=False)
    axis: Axis | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        unread = self.unread_data
        return {
            "name": self.name,
            "size": self.size,
            "kernel": self.kernel,
            "stride": self.stride,
            "dilation": self.dilation,
            "pad_low": self.pad_low,
            "pad_high": self.pad_high,
            "overhang": self.overhang,
            "span": self.span,
            "places": self.places,
            "out": self.out,
            "unread_data": None if unread is None else {"count": int(unread), "tail": unread.tail, "gaps": unread.gaps},
            "unread_padding": self.unread_padding,
            "formula": self.formula,
            "preimage": None if self.preimage is None else list(self.preimage),
            "any_size": self.any_size,
            "causes": [{"cause": cause, "text": text} for cause, text in self.causes],
        }


@dataclass(frozen=True, slots=True)
class Fix:
    """A ready layer text and the output it gives; `label` says only what changed, `why` what it is good for.

    It unpacks as (code, output).
    """

    code: str
    output: Shape
    label: str = ""
    why: str = ""

    def __iter__(self) -> Iterator[Any]:
        yield self.code
        yield self.output

    def __str__(self) -> str:
        return f"{self.code} -> {show(self.output)}"

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "output": list(self.output), "label": self.label, "why": self.why}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found on the way: a stable code, a level (error, warning, note), the node's name, text and hint."""

    code: str
    level: str
    text: str
    node: str | None = None
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"code": self.code, "level": self.level, "node": self.node, "text": self.text, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled row of an explanation: `not read`, and the lines that tell it."""

    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation(Presented):
    """Why a layer, or a chain of layers, gives the size it gives.

    `input` and `output` are in the framework's order, with the batch if it was given. `axes` are the spatial axes of a
    single layer; for a longer chain they are empty and `steps` holds an Explanation a layer. `fixes` are ready
    layer texts. `params` and `macs` are exact integers (None where an unknown size leaves them open). `error` is set
    where the history ends in a break; the error itself carries this explanation.

    >>> import convwise as cw
    >>> found = cw.explain("Conv2D(32, 3, strides=2)", (9, 10, 3))
    >>> found.input, found.output, found.params, found.axes[0].formula
    ((9, 10, 3), (4, 4, 32), 896, 'floor((9 + 0 + 0 - 3) / 2) + 1 = 4')
    """

    dialect: str
    title: str
    release: str
    kind: str
    code: str
    input: Shape
    output: Shape
    headline: str
    name: str | None = None
    axes: tuple[AxisFacts, ...] = ()
    facts: tuple[Fact, ...] = ()
    findings: tuple[Finding, ...] = ()
    fixes: tuple[Fix, ...] = ()
    undo: tuple[Fix, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    params: int | None = 0
    trainable: int | None = 0
    macs: int | None = 0
    want: tuple[int, ...] | None = None
    verdict: str = ""
    parts: tuple[Explanation, ...] = ()
    error: ConvwiseError | None = None

    @property
    def steps(self) -> tuple[Explanation, ...]:
        """One Explanation per layer."""
        return self.parts or (self,)

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON values, field names as here; shapes are lists."""
        return {
            "dialect": self.dialect,
            "release": self.release,
            "kind": self.kind,
            "name": self.name,
            "code": self.code,
            "input": list(self.input),
            "output": list(self.output),
            "headline": self.headline,
            "verdict": self.verdict,
            "want": None if self.want is None else list(self.want),
            "axes": [axis.to_dict() for axis in self.axes],
            "facts": [{"label": fact.label, "lines": list(fact.lines)} for fact in self.facts],
            "findings": [finding.to_dict() for finding in self.findings],
            "fixes": [fix.to_dict() for fix in self.fixes],
            "undo": [fix.to_dict() for fix in self.undo],
            "refused": [{"change": change, "quote": quote} for change, quote in self.refused],
            "params": self.params,
            "trainable": self.trainable,
            "macs": self.macs,
            "steps": [part.to_dict() for part in self.parts],
            "error": None if self.error is None else self.error.to_dict(),
        }


def show(shape: Shape) -> str:
    """A shape as people write it: `64 x 64 x 3`; an unknown size is `?`.

    >>> show((None, 31, 31, 32))
    '? x 31 x 31 x 32'
    """
    return " x ".join("?" if size is None else str(size) for size in shape)
