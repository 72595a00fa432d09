"""How the layers of a functional model are called: which tensors go into each call, with what other arguments.

Keras 3 writes a call as `{"args": [...], "kwargs": {...}}` with tensors as `__keras_tensor__` objects; Keras 2 as a list of
`[layer, call, tensor, {kwargs}]`. Both name a tensor by the layer that gives it, the number of that layer's call, and its place
among what the call gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convwise.readers.keras_files.fields import kind_of, malformed
from convwise.readers.keras_files.limits import ARGUMENTS, TENSORS


@dataclass(frozen=True, slots=True)
class Reference:
    """One tensor: layer, number of its call, place among what the call gives; `rank` where the file tells the shape."""

    layer: str
    call: int
    tensor: int
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A constant tensor written into the call."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Odd:
    """A value of a kind that no known layer takes."""

    word: str


@dataclass(frozen=True, slots=True)
class CallOf:
    """One call of a layer: Python values with `Reference` for tensors."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Reference | Stored, ...] = field(init=False, repr=False, compare=False)
    """All tensors that it reads, in order; masks say nothing of shapes."""

    def __post_init__(self) -> None:
        named = tuple(value for name, value in self.kwargs.items() if name != "mask")
        sources = tuple(leaf for leaf in leaves((*self.args, *named)) if isinstance(leaf, Reference | Stored))
        object.__setattr__(self, "sources", sources)

    @property
    def tensors(self) -> tuple[Reference, ...]:
        """Those that layers give."""
        return tuple(one for one in self.sources if isinstance(one, Reference))


def leaves(value: Any) -> Iterator[Any]:
    """What stands in nested lists and objects, objects in the order of their keys, as Keras flattens them."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from leaves(value[key])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from leaves(one)
    else:
        yield value


def call_of(node: Any, place: str) -> CallOf:
    """One entry of `inbound_nodes`.

    Raises:
        ModelError: CW414.
    """
    if isinstance(node, dict):
        args, kwargs = node.get("args"), node.get("kwargs", {})
        if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
            raise malformed(place, f"a call needs 'args' and 'kwargs', and has {kind_of(args)} and {kind_of(kwargs)}")
        found = CallOf(
            tuple(_value(one, place, 0) for one in args), {k: _value(v, place, 0) for k, v in kwargs.items()}
        )
    elif isinstance(node, list | tuple):
        found = _old(node, place)
    else:
        raise malformed(place, f"a call is {kind_of(node)} where an object or a list is needed", received=node)
    if len(found.tensors) > TENSORS:
        count = len(found.tensors)
        raise malformed(place, f"a call takes {count:,} tensors, and at most {TENSORS:,} are read", received=count)
    return found


def _value(value: Any, place: str, depth: int) -> Any:
    if depth > ARGUMENTS:
        raise malformed(place, f"arguments are nested more than {ARGUMENTS} deep", received=depth)
    if isinstance(value, list | tuple):
        return [_value(one, place, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value if value is None or isinstance(value, bool | int | float | str) else Odd(type(value).__name__)
    kind, config = value.get("class_name"), value.get("config")
    if not isinstance(kind, str):
        return {name: _value(one, place, depth + 1) for name, one in value.items() if isinstance(name, str)}
    if not isinstance(config, dict):
        return Odd(kind)
    match kind:
        case "__keras_tensor__":
            shape = config.get("shape")
            rank = len(shape) if isinstance(shape, list | tuple) else None
            return reference(config.get("keras_history"), place, rank)
        case "__slice__":
            return slice(*(_bound(config.get(name)) for name in ("start", "stop", "step")))
        case "__ellipsis__":
            return Ellipsis
        case "__numpy__" | "__tensor__":
            return Stored(_sizes(config.get("value")))
        case "__tuple__":
            return _value(config.get("value"), place, depth + 1)
        case _:
            return Odd(kind)


def _bound(value: Any) -> Any:
    return value if value is None or type(value) is int else Odd(kind_of(value))


def _sizes(value: Any) -> tuple[int, ...]:
    """The shape of nested lists, as far as their first elements go."""
    found: list[int] = []
    while isinstance(value, list | tuple) and len(found) < ARGUMENTS:
        found.append(len(value))
        value = value[0] if value else None
    return tuple(found)


def reference(history: Any, place: str, rank: int | None = None) -> Reference:
    """`["conv1", 0, 0]`.

    Raises:
        ModelError: CW414.
    """
    if not _is_reference(history):
        raise malformed(place, f"a tensor is {kind_of(history)} where [layer, call, place] is needed", received=history)
    layer, call, tensor = history
    if call < 0 or not 0 <= tensor < TENSORS:
        raise malformed(place, f"a tensor has the numbers {call} and {tensor}", received=call)
    return Reference(layer, call, tensor, rank)


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 3
        and isinstance(value[0], str)
        and type(value[1]) is int
        and type(value[2]) is int
    )


CONSTANT = "_CONSTANT_VALUE"


def _old(node: Sequence[Any], place: str) -> CallOf:
    """Keras 2: a list of tensors, the last with the keywords; an operation's tensor stands without a list around it."""
    rows = [node] if node and isinstance(node[0], str) else list(node)
    tensors: list[Any] = []
    kwargs: dict[str, Any] = {}
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) not in (3, 4):
            raise malformed(place, f"a tensor is {kind_of(row)} where [layer, call, place] is needed", received=row)
        if len(row) == 4 and isinstance(row[3], dict):
            kwargs |= {name: _old_value(value, place, 0) for name, value in row[3].items()}
        tensors.append(row[2] if row[0] == CONSTANT else reference(list(row[:3]), place))
    first = tensors[0] if len(tensors) == 1 else tensors
    return CallOf((first,), kwargs)


def _old_value(value: Any, place: str, depth: int) -> Any:
    if depth > ARGUMENTS:
        raise malformed(place, f"arguments are nested more than {ARGUMENTS} deep", received=depth)
    if _is_reference(value):
        return value[2] if value[0] == CONSTANT else reference(value, place)
    if isinstance(value, list | tuple):
        return [_old_value(one, place, depth + 1) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else Odd(kind_of(value))


def ends(value: Any, place: str, depth: int = 0) -> Any:
    """`input_layers` or `output_layers`: tensors in lists and objects, as the model takes or gives them.

    Raises:
        ModelError: CW414.
    """
    if depth > ARGUMENTS:
        raise malformed(place, f"tensors are nested more than {ARGUMENTS} deep", received=depth)
    if isinstance(value, dict):
        return {str(name): ends(one, place, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple) and not (len(value) == 3 and isinstance(value[0], str)):
        return [ends(one, place, depth + 1) for one in value]
    return reference(value, place)
