"""One call while it is being read: its arguments by name, and how to refuse one of them in Keras's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from convwise.dialects.base import Call, Note, Unknown, Value
from convwise.dialects.keras.releases import before
from convwise.dialects.missing import advice
from convwise.errors import CodeError, Refusal, ShapeError
from convwise.ops.shape import LARGEST


@dataclass(frozen=True, slots=True)
class Reading:
    """A bound call: `kind` is the canonical name, `rank` its spatial axes (None: any)."""

    kind: str
    family: str
    rank: int | None
    release: str
    arguments: Mapping[str, Value]
    call: Call
    notes: list[Note] = field(default_factory=list)

    def __getitem__(self, name: str) -> Value:
        """The argument `name`.

        Raises:
            CodeError: CW314 where the text does not give its value.
        """
        value = self.arguments[name]
        if isinstance(value, Unknown):
            raise self.unknown(name, value)
        return value

    @property
    def axes(self) -> int:
        """The spatial axes of a layer that has a fixed number of them."""
        assert self.rank is not None
        return self.rank

    @property
    def where(self) -> str:
        """How messages name the layer."""
        name = self.arguments.get("name")
        kind = f"Keras {self.call.kind or self.kind}"
        return f"'{name}' ({kind})" if isinstance(name, str) and name else kind

    def older_than(self, release: str) -> bool:
        return before(self.release, release)

    def refusal(
        self,
        code: str,
        fact: str,
        *,
        name: str,
        quote: str = "",
        hint: str = "",
        detail: str = "",
        received: Any = None,
    ) -> Refusal:
        """A Refusal of the argument `name`: Keras itself refuses it whatever the size."""
        shown = self.arguments.get(name) if received is None else received
        return Refusal(code, fact, detail=detail, hint=hint, layer=self.where, received=shown, quote=quote)

    def ours(self, fact: str, *, name: str, hint: str, code: str = "CW210", detail: str = "") -> ShapeError:
        """An error of our own for something that Keras would run."""
        return ShapeError(code, fact, detail=detail, hint=hint, layer=self.where, received=self.arguments.get(name))

    def unknown(self, name: str, value: Unknown) -> CodeError:
        """The text gives a name or an expression where a value is needed."""
        return CodeError(
            "CW314",
            f"the value of {name} is not in the text: {value.text}",
            layer=self.where,
            received=value.text,
            hint=advice(name, value.text),
        )

    def opaque(self, fact: str, *, name: str, hint: str) -> CodeError:
        """A use of the layer that convwise does not model."""
        return CodeError("CW317", fact, layer=self.where, received=self.arguments.get(name), hint=hint)


def type_name(value: Value) -> str:
    """What Keras prints for a value's type: `<class 'float'>`."""
    return str(type(value))


def lower_quote(value: Value) -> str:
    """What Python says where Keras calls `.lower()` on something that is no text."""
    return f"'{type(value).__name__}' object has no attribute 'lower'"


def is_int(value: Value) -> bool:
    """Whether the value is an integer and no bool."""
    return type(value) is int


def is_number(value: Value) -> bool:
    return type(value) in (int, float, bool)


LONG = 80


def shown(value: Value) -> str:
    """A value as a user would write it; a very long one without its middle."""
    text = value.text if isinstance(value, Unknown | Call) and value.text else repr(value)
    return text if len(text) <= LONG else f"{text[: LONG - 20]}...{text[-10:]}"


def near_integer(value: float | int) -> str:
    """What to write instead of a float: the nearest integer of at least 1.

    >>> near_integer(2.0), near_integer(0.2), near_integer(float("inf"))
    ('2', '1', 'an integer')
    """
    return str(max(round(value), 1)) if isfinite(value) else "an integer"


def whole(
    reading: Reading, name: str, n: int, *, zero: bool = False, words: str | None = None, value: Value = None
) -> tuple[int, ...]:
    """One integer for each of `n` places, from an integer or a tuple; `zero` allows 0.

    `words` is what Keras calls the argument in its message where that is not its name, `value` the part of it to be read.

    Raises:
        Refusal: CW201 zero or negative, CW204 of the wrong type or length. ShapeError: CW210 where Keras runs a bool or float, CW107 too large.
        CodeError: CW314.
    """
    value = reading[name] if value is None and words is None else value
    values = (value,) * n if isinstance(value, int) else value
    if type(values) is tuple and len(values) == n:
        least = 0 if zero else 1
        for one in values:
            if type(one) is not int or not least <= one <= LARGEST:
                break
        else:
            return values
    raise _not_whole(reading, name, n, zero, words or name, value)


def _not_whole(reading: Reading, name: str, n: int, zero: bool, words: str, value: Value) -> ShapeError | CodeError:
    quote = f"The `{words}` argument must be a tuple of {n} integers. Received {words}={value}"
    places = "an integer" if n == 1 else f"an integer or a tuple of {n} integers"
    wrong = f"{words}={shown(value)} is not {places}"
    values = (value,) * n if isinstance(value, int) else value
    if isinstance(value, Unknown):
        return reading.unknown(name, value)
    if not isinstance(values, tuple | str):
        hint = (
            f"write {int(value)}, not {value}" if isinstance(value, float) and value.is_integer() else f"write {places}"
        )
        return reading.refusal("CW204", wrong, name=name, quote=quote, hint=hint)
    if len(values) != n:
        length = len(values)
        fact = (
            f"{words}={shown(value)} has {length} value{'s' if length != 1 else ''} where {n} are needed"
            if isinstance(values, tuple)
            else wrong
        )
        return reading.refusal("CW204", fact, name=name, quote=quote, hint=f"write {places}")
    return _bad_element(reading, name, tuple(values), zero, words, value, quote)


def _bad_element(
    reading: Reading, name: str, values: tuple[Value, ...], zero: bool, words: str, value: Value, quote: str
) -> ShapeError | CodeError:
    for one in values:
        if isinstance(one, Unknown):
            return reading.unknown(name, one)
        if not _like_int(one):
            quote = f"{quote}including element {one} of type {type_name(one)}"
            return reading.refusal(
                "CW204",
                f"{words}={shown(value)}: {shown(one)} is no integer",
                name=name,
                quote=quote,
                hint="write integers",
            )
    text = next((one for one in values if isinstance(one, str)), None)
    if text is not None:
        quote = f"'{'<' if zero else '<='}' not supported between instances of 'str' and 'int'"
        return reading.refusal(
            "CW204",
            f"{words}={shown(value)}: {text!r} is text, not an integer",
            name=name,
            quote=quote,
            hint=f"write {text}",
        )
    low = {one for one in values if (one < 0 if zero else one <= 0)}
    if low:
        least = 0 if zero else 1
        quote = f"{quote}, including values {low} that do not satisfy `value {'>= 0' if zero else '> 0'}`"
        return reading.refusal(
            "CW201",
            f"{words}={shown(value)}: at least {least} is needed",
            name=name,
            quote=quote,
            hint=f"{words} is {least} or more",
        )
    odd = next((one for one in values if type(one) is not int), None)
    if odd is None:
        return reading.ours(
            f"{words}={shown(value)} is more than 2**63 - 1", name=name, hint="no size comes near it", code="CW107"
        )
    if isinstance(odd, bool):
        return reading.ours(
            f"{words}={shown(value)}: {odd} is a bool, which Keras reads as {int(odd)}",
            name=name,
            hint=f"write {int(odd)}",
        )
    advice = f"write {int(odd)}, not {odd}"
    if words in ("kernel_size", "depth_multiplier"):
        quote = f"Found invalid dimension '{odd}' of type '{type_name(odd)}'."
        return reading.refusal(
            "CW204", f"{words}={shown(value)}: {odd} is no integer", name=name, quote=quote, hint=advice
        )
    return reading.ours(f"{words}={shown(value)}: {odd} is no integer", name=name, hint=advice)


def _like_int(value: Value) -> bool:
    """Whether `int(value)` works, which is all that Keras asks at this point."""
    if isinstance(value, str):
        return value.strip().lstrip("+-").isdecimal()
    return isinstance(value, int | float) and value == value and value not in (float("inf"), float("-inf"))


def flag(reading: Reading, name: str) -> bool:
    """A switch; Keras takes any value's truth."""
    return bool(reading[name])
