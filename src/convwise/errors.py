"""Every error that convwise raises on purpose.

    ConvwiseError
    ├── ShapeError(ValueError)       the sizes do not work
    │   └── Refusal                  the framework itself refuses the layer, in its words
    ├── CodeError(ValueError)        text that cannot be read as layers
    ├── ModelError(ValueError)       a model file that cannot be read
    └── ArgumentError(ValueError)    an argument of one of our own functions is wrong

Each is told in three lines: the fact with its numbers and the axis's name, the arithmetic, what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convwise.escaping import escape

if TYPE_CHECKING:
    from convwise.answers.explanation import Explanation
    from convwise.answers.porting.port import Port
    from convwise.dialects.base import Call


LONGEST = 80
"""Letters of a wrong value in a message."""


def said(value: object) -> str:
    """A wrong value as a message tells it: its text, where it has one that is short.

    >>> said("same"), said(10**5000)
    ("'same'", 'this int')
    """
    try:
        text = repr(value)
    except Exception:  # of the object's own, or of a number or a nest that Python writes no text for
        return f"this {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


class Meant(str):
    """A hint that names what was probably meant: another input, layer or name."""

    __slots__ = ()


class FlattenFirst(str):
    """A hint that the input is to be flattened before the layer."""

    __slots__ = ()


class EnlargeInput(str):
    """A hint to change a window that spans more cells than there are, or to give an input of at least `least`."""

    least: int

    @classmethod
    def to(cls, least: int) -> EnlargeInput:
        self = cls(f"try a smaller kernel or dilation, more padding, or an input of at least {least}")
        self.least = least
        return self


class MatchChannels(str):
    """A hint to make the layer for the channels that it got, or the step before it give the `wanted` ones."""

    wanted: int

    @classmethod
    def of(cls, received: int, wanted: int, *, plural: bool = True) -> MatchChannels:
        self = cls(f"make the layer for {received} channel{'s' if plural else ''}, or the step before it give {wanted}")
        self.wanted = wanted
        return self


class ConvwiseError(Exception):
    """An error with fields, so that terminal, web and JSON say the same thing.

    `code` is stable and has a page of its own (`convwise rule CW104`); `fact` is the first line without
    the place, `detail` the arithmetic, `hint` what to do; `layer` and `axis` name the place, `received` is the
    value as given, `quote` the framework's own words. A hint whose kind others ask for is a text of a class of its own. `layer`, `dialect` and `call` may be filled in by a caller who
    knows them; `explanation` is the history up to the break.

    >>> print(ShapeError("CW104", "the window spans 7 but only 5 positions exist", axis="width", hint="try padding=1"))
    width: the window spans 7 but only 5 positions exist [CW104]
      try padding=1
    """

    def __init__(
        self,
        code: str,
        fact: str,
        *,
        detail: str = "",
        hint: str = "",
        layer: str | None = None,
        axis: str | None = None,
        received: Any = None,
        quote: str = "",
    ) -> None:
        super().__init__(code, fact)
        self.code = code
        self.fact = fact
        self.detail = detail
        self.hint = hint
        self.layer = layer
        self.axis = axis
        self.received = received
        self.quote = quote
        self.dialect: str | None = None
        self.call: Call | None = None
        self.explanation: Explanation | None = None

    @property
    def place(self) -> str:
        """`width of conv1 (torch Conv2d)`, as much of it as is known."""
        return " of ".join(part for part in (self.axis, self.layer) if part)

    @property
    def message(self) -> str:
        """The first line: place and fact."""
        return f"{self.place}: {self.fact}" if self.place else self.fact

    def __str__(self) -> str:
        """All lines, as they may be printed: where the fields have control characters, these are escaped."""
        lines = [f"{self.message} [{self.code}]"]
        if self.quote and self.quote not in self.fact:
            lines.append(f'  it says: "{self.quote}"')
        lines += [f"  {line}" for text in (self.detail, self.hint) if text for line in text.splitlines()]
        return "\n".join(escape(line) for text in lines for line in text.split("\n"))

    def to_dict(self) -> dict[str, Any]:
        """The `"error"` object of every JSON answer."""
        return {
            "kind": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "detail": self.detail,
            "layer": self.layer,
            "axis": self.axis,
            "received": self.received if isinstance(self.received, int | str | bool | None) else repr(self.received),
            "quote": self.quote,
            "hint": self.hint,
        }


class ShapeError(ConvwiseError, ValueError):
    """The sizes do not work."""


class Refusal(ShapeError):  # noqa: N818 (the contract's name: it is what the framework does)
    """The framework itself refuses the layer; `quote` holds its words. A port that cannot be exact has its `nearest` one."""

    nearest: Port | None = None


class CodeError(ConvwiseError, ValueError):
    """Text that cannot be read as layers."""


class ModelError(ConvwiseError, ValueError):
    """A model file that cannot be read."""


class ArgumentError(ConvwiseError, ValueError):
    """An argument of one of convwise's own functions is wrong."""
