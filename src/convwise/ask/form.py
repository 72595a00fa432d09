"""The form of a request: its commands, what each takes, and what is wrong with one that is of another form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convwise.dialects.base import nearest
from convwise.errors import ArgumentError

MOST_INPUTS = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value of a request may be: whether one is, how it is told, and an example."""

    holds: Callable[[Any], bool]
    told: str
    example: str = ""


def _is_shape(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(size is None or type(size) is int for size in value)
    return isinstance(value, str)


def _are_shapes(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_shape, value))


def _by_name(value: Any) -> bool:
    return all(map(_is_shape, value.values())) if isinstance(value, Mapping) else _is_shape(value)


def _are_levels(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for one in value.values())


TEXT = Kind(lambda value: isinstance(value, str), "text")
FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
COUNT = Kind(lambda value: type(value) is int and value >= 0, "a whole number, at least 0")
SIZE = Kind(_is_shape, "a size", 'such as "32x32" or [32, 32]')
INPUT = Kind(_by_name, "a size", 'such as "32x32" or [32, 32]')
INPUTS = Kind(_are_shapes, "a list of shapes", 'such as ["64x64x3"] or [[64, 64, 3]]')
LEVELS = Kind(_are_levels, "a map of codes to levels", 'such as {"CW502": "off"}')
WORDS = Kind(lambda value: True, "")
"""Numbers in several forms, which the solver reads and refuses itself."""

KEYS: Mapping[str, Mapping[str, Kind]] = {
    "why": {"code": TEXT, "inputs": INPUTS, "want": SIZE, "dialect": TEXT, "release": TEXT, "model": TEXT},
    "inspect": {"model": TEXT, "input": INPUT, "dialect": TEXT, "symbolic": FLAG},
    "sizes": {"model": TEXT, "near": SIZE, "dialect": TEXT, "input_name": TEXT},
    "check": {"model": TEXT, "input": INPUT, "dialect": TEXT, "strict": FLAG, "levels": LEVELS},
    "solve": {
        **dict.fromkeys(("input", "output", "kernel", "stride", "padding", "dilation", "output_padding"), WORDS),
        **dict.fromkeys(("in_channels", "filters"), COUNT),
        **dict.fromkeys(("dialect", "op", "mirror"), TEXT),
    },
    "diff": {"code": TEXT, "other": TEXT, "input": INPUT, "real": FLAG, "most_macs": COUNT},
    "port": {"code": TEXT, "to": TEXT, "input": INPUT, "dialect": TEXT, "release": TEXT},
    "supports": {"code": TEXT, "input": INPUT, "dialect": TEXT},
    "plan": {"code": TEXT, "input": INPUT, "dialect": TEXT, "algorithm": TEXT, "threads": COUNT, "tune": FLAG},
    "rule": {"code": TEXT},
    "doctor": {},
}
"""The commands, and what each takes beside `command`."""

NEEDED = {"diff": ("code", "other"), "solve": (), "rule": (), "doctor": ()}
"""What a command does not do without, where that is not the first of its keys alone."""


def check(request: Mapping[str, Any]) -> None:
    """Refuse a request that is not of the documented form, before anything is computed."""
    if not isinstance(request, Mapping):
        raise wrong("a request is an object with a 'command'", request)
    command = request.get("command")
    if not isinstance(command, str) or command not in KEYS:
        raise wrong(f"no command {_short(command)}", command, _meant(command, KEYS))
    for key in request:
        if key != "command" and key not in KEYS[command]:
            raise wrong(f"{command!r} takes no {_short(key)}", key, _meant(key, KEYS[command]))
    for key, kind in KEYS[command].items():
        value = request.get(key)
        absent = value is None and key not in NEEDED.get(command, tuple(KEYS[command])[:1])
        if not absent and not kind.holds(value):
            raise wrong(f"{key!r} must be {kind.told}", value, kind.example)
    inputs = request.get("inputs") or ()
    if len(inputs) > MOST_INPUTS:
        raise wrong(f"{len(inputs):,} inputs are more than {MOST_INPUTS:,}", len(inputs))


def _meant(word: Any, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = nearest(word, known) if isinstance(word, str) else None
    return f"did you mean {near!r}?" if near else f"there is {', '.join(known)}" if known else ""


def _short(value: Any) -> str:
    return repr(value)[:60]


def check_model(model: str, files: bool) -> None:
    """Refuse a path where no files may be opened."""
    from convwise.readers.endings import is_path

    if not files and is_path(model):
        raise wrong("'model' must be code, not a path", model)


def wrong(fact: str, received: Any, hint: str = "") -> ArgumentError:
    plain = received if isinstance(received, int | str | bool | None) else _short(received)
    return ArgumentError("CW606", fact, received=plain, hint=hint)


def listed(value: Any) -> Any:
    """JSON has lists where Python has tuples."""
    return tuple(value) if isinstance(value, list) else value
