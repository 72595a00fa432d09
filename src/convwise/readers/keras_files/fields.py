"""Fields of a configuration, which may hold anything: each is asked for by its type, and what is wrong is told with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convwise.errors import ModelError
from convwise.ops.shape import LARGEST
from convwise.readers.echo import shown
from convwise.readers.keras_files.limits import AXES

MISSING = object()


def malformed(
    place: str, fact: str, *, received: object = None, layer: str | None = None, hint: str = ""
) -> ModelError:
    """CW414: the configuration is not of the form that Keras writes."""
    return ModelError(
        "CW414",
        f"{place}: {fact}" if place else fact,
        layer=layer,
        received=received if isinstance(received, int | str | None) else kind_of(received),
        hint=hint or "save the model again with the Keras that made it",
    )


def counted(count: int, what: str) -> str:
    """`1 tensor`, `2 tensors`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def kind_of(value: object) -> str:
    """What a value is, for messages: `a list`, `a number`.

    >>> kind_of({}), kind_of(None)
    ('an object', 'null')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a bool"
        case int() | float():
            return "a number"
        case str():
            return f"the text '{shown(value, 40)}'"
        case list() | tuple():
            return "a list"
        case dict():
            return "an object"
        case _:
            return f"a {type(value).__name__}" if value is not MISSING else "missing"


def mapping(holder: Mapping[str, Any], key: str, place: str) -> dict[str, Any]:
    """An object.

    Raises:
        ModelError: CW414, as for the others here.
    """
    found = holder.get(key, MISSING)
    if not isinstance(found, dict):
        raise malformed(place, f"'{key}' is {kind_of(found)} where an object is needed", received=found)
    return found


def rows(holder: Mapping[str, Any], key: str, place: str) -> Sequence[Any]:
    """A list."""
    found = holder.get(key, MISSING)
    if not isinstance(found, list | tuple):
        raise malformed(place, f"'{key}' is {kind_of(found)} where a list is needed", received=found)
    return found


def text(holder: Mapping[str, Any], key: str, place: str) -> str:
    """A text that is not empty."""
    found = holder.get(key, MISSING)
    if not isinstance(found, str) or not found:
        what = "empty" if found == "" else kind_of(found)
        raise malformed(place, f"'{key}' is {what} where a text is needed", received=found)
    return found


def shape_of(value: object, place: str, name: str) -> tuple[int | None, ...]:
    """A shape as Keras declares it: whole numbers, and None where a size is open."""
    if not isinstance(value, list | tuple):
        raise malformed(place, f"'{name}' is {kind_of(value)} where a shape is needed", received=value)
    if len(value) > AXES:
        raise malformed(place, f"'{name}' has {len(value):,} axes, and at most {AXES} are read", received=len(value))
    for size in value:
        if size is not None and type(size) is not int:
            raise malformed(place, f"'{name}' holds {kind_of(size)} where a size is needed", received=size)
        if size is not None and not 0 <= size <= LARGEST:
            raise malformed(place, f"'{name}' holds the size {size}", received=size, hint="sizes are 0 to 2**63 - 1")
    return tuple(value)
