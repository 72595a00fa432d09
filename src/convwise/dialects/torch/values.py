"""Reading the values of arguments as PyTorch's own parser takes them, and refusing them in its words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from convwise.dialects import kinds
from convwise.dialects.base import Unknown, Value, known
from convwise.dialects.kinds import show
from convwise.errors import Refusal, ShapeError
from convwise.ops.shape import LARGEST

LARGEST_INT = 2**31 - 1
"""The largest window parameter of the pooling kernels, which keep them in 32 bits."""


@dataclass(frozen=True, slots=True)
class Words:
    """How the C++ function behind a layer names its arguments in type errors.

    `positions` are counted from 1 with the tensor first. `wrapped`: the module makes a tuple of a single value before
    the call, so that the error speaks of an element. `vague`: the function has overloads and says only that none fits.
    """

    function: str
    positions: Mapping[str, int] = field(default_factory=dict)
    wrapped: bool = False
    vague: bool = False

    def ints(self, name: str, value: Value) -> str:
        """What the parser says of `value` where it wants a tuple of ints."""
        place = self.positions.get(name, 0)
        items = value if isinstance(value, tuple) else (value,)
        wrong = next((i for i, item in enumerate(items) if type(item) is not int), 0)
        kind = _type(items[wrong]) if items else "tuple"
        if wrong:
            return f"{self.function}(): argument '{name}' failed to unpack the object at pos {wrong + 1} with error \"type must be tuple of ints,but got {kind}\""
        if self.vague:
            return f"{self.function}() received an invalid combination of arguments"
        if self.wrapped or isinstance(value, tuple):
            return f"{self.function}(): argument '{name}' (position {place}) must be tuple of ints, but found element of type {kind} at pos 0"
        return f"{self.function}(): argument '{name}' (position {place}) must be tuple of ints, not {kind}"

    def scalar(self, name: str, value: Value, wanted: str) -> str:
        """What the parser says of `value` where it wants one `wanted` ("int", "bool", "float", "Number")."""
        return f"{self.function}(): argument '{name}' (position {self.positions.get(name, 0)}) must be {wanted}, not {_type(value)}"


WEIGHT = "empty(): argument 'size' failed to unpack the object at pos {place} with error \"type must be tuple of ints,but got {kind}\""
WEIGHT_FIRST = "empty(): argument 'size' (position 1) must be tuple of ints, but found element of type {kind} at pos 0"
WEIGHT_ONLY = "empty(): argument 'size' (position 1) must be tuple of ints, not {kind}"


def weight_words(place: int, value: Value, *, only: bool = False) -> str:
    """What PyTorch says when a weight is made with `value` as its size number `place` (from 1)."""
    text = WEIGHT_ONLY if only else WEIGHT_FIRST if place == 1 else WEIGHT
    return text.format(place=place, kind=_type(value))


def whole(value: Value, name: str, *, least: int = 0, quote: str = "", strict: bool = True) -> int:
    """One integer of at least `least`.

    `strict`: PyTorch refuses a bool here; where it would take True for 1, convwise refuses by itself.

    Raises:
        Refusal: CW204 another type, CW107 beyond 64 bits.  CodeError: CW314.
    """
    known(value, name)
    _check_int(value, name, quote, strict)
    assert isinstance(value, int)
    if value < least:
        raise too_small(name, value, least)
    return value


def too_small(name: str, value: Value, least: int, quote: str = "") -> Refusal:
    """CW201 with the nearest legal value; of a tuple, what is too small is raised."""
    if quote == "" and isinstance(value, int) and value < 0:
        quote = f"Trying to create tensor with negative dimension {value}"
    legal = alike(tuple(max(item, least) for item in value)) if isinstance(value, tuple) else least
    fact = f"{name} is {show(value)}; it must be at least {least}"
    return Refusal("CW201", fact, received=value, hint=f"try {name}={legal}", quote=quote)


def alike(values: tuple[int, ...]) -> int | tuple[int, ...]:
    """Equal numbers as one, as people write them.

    >>> alike((3, 3)), alike((3, 5))
    (3, (3, 5))
    """
    return values[0] if values and len(set(values)) == 1 else values


def integers(value: Value, name: str, words: str = "", *, strict: bool = True) -> tuple[int, ...]:
    """A tuple of 64-bit integers; one integer is a tuple of one.

    PyTorch's parser looks at the type of the first element and then unpacks the rest, taking True for 1 there.

    Raises:
        Refusal: CW204, CW107.  ShapeError: CW210 (a bool that PyTorch would take).  CodeError: CW314.
    """
    known(value, name)
    items = value if isinstance(value, tuple) else (value,)
    for i, item in enumerate(items):
        _check_int(item, name, words, strict and i == 0)
    return items


def _check_int(value: Value, name: str, quote: str, strict: bool) -> None:
    if type(value) is int:
        if not -LARGEST - 1 <= value <= LARGEST:
            raise Refusal(
                "CW107",
                f"{name} is {value}, which does not fit into 64 bits",
                received=value,
                hint=f"{name} must be at most 2**63 - 1",
                quote="Overflow when unpacking long long",
            )
        return
    if isinstance(value, bool) and not strict:
        raise ShapeError(
            "CW210",
            f"{name} is {value}, not a number; PyTorch would take it for {int(value)}",
            received=value,
            hint=f"write {name}={int(value)} if that is meant",
        )
    raise wrong_type(name, value, "an integer", quote)


def wrong_type(name: str, value: Value, wanted: str, quote: str = "") -> Refusal:
    """CW204, with the value that was probably meant."""
    refused = kinds.wrong_type(name, value, wanted, quote)
    if isinstance(value, tuple) and len(value) == 1 and type(value[0]) is int:
        refused.hint = f"write {name}={value[0]}"
    return refused


def spread(items: tuple[int, ...], rank: int) -> tuple[int, ...] | None:
    """`items` for each of `rank` axes: one is repeated; None where the number does not fit."""
    return items * rank if len(items) == 1 else items if len(items) == rank else None


def flag(value: Value, name: str, quote: str = "") -> bool:
    """A bool where PyTorch insists on one.

    Raises:
        Refusal: CW204.
    """
    known(value, name)
    if not isinstance(value, bool):
        raise wrong_type(name, value, "True or False", quote)
    return value


def number(value: Value, name: str, quote: str = "") -> float | int | Unknown:
    """A real number; an unknown one stays unknown, because no size depends on it.

    Raises:
        Refusal: CW204.
    """
    if isinstance(value, Unknown | int | float):
        return value
    raise wrong_type(name, value, "a number", quote)


def _type(value: Value) -> str:
    return "NoneType" if value is None else type(value).__name__


def sizes(shape: tuple[int | None, ...], separator: str = " x ") -> str:
    """`(5 x 5)` without the brackets."""
    return separator.join("?" if size is None else str(size) for size in shape)


def listed(shape: tuple[int | None, ...]) -> str:
    """A shape as C++ prints it: [1, 3, 8, 8]."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"
