"""The form of a request: its commands, what each takes, and what is wrong with one that is of another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convwise.dialects.base import nearest
from convwise.errors import ArgumentError

MOST_INPUTS = 1000
KEYS = {
    "why": ("code", "inputs", "want", "dialect", "release", "model"),
    "inspect": ("model", "input", "dialect", "symbolic"),
    "sizes": ("model", "near", "dialect", "input_name"),
    "check": ("model", "input", "dialect", "strict", "levels"),
    "solve": (
        *("input", "output", "dialect", "kernel", "stride", "padding", "dilation", "output_padding"),
        *("in_channels", "filters", "op", "mirror"),
    ),
    "diff": ("code", "other", "input", "real", "most_macs"),
    "port": ("code", "to", "input", "dialect", "release"),
    "supports": ("code", "input", "dialect"),
    "plan": ("code", "input", "dialect", "algorithm", "threads", "tune"),
    "rule": ("code",),
    "doctor": (),
}
"""The commands, and what each takes beside `command`."""


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
    text = "model" if command in ("inspect", "sizes", "check") else "code"
    code = request.get(text)
    if command == "solve":
        code = ""  # what it takes is checked where it is read
    if not isinstance(code, str) and not (command in ("rule", "doctor") and code is None):
        raise wrong(f"{text!r} must be text", code)
    inputs = request.get("inputs")
    if inputs is not None and (not isinstance(inputs, list | tuple) or not all(_is_shape(item) for item in inputs)):
        raise wrong("'inputs' must be a list of shapes", inputs, 'such as ["64x64x3"] or [[64, 64, 3]]')
    if inputs is not None and len(inputs) > MOST_INPUTS:
        raise wrong(f"{len(inputs):,} inputs are more than {MOST_INPUTS:,}", len(inputs))
    for key in ("want", "near", *(("input",) if command != "solve" else ())):
        value = request.get(key)
        shapes = list(value.values()) if key == "input" and isinstance(value, Mapping) else [value]
        if value is not None and not all(_is_shape(one) for one in shapes):
            raise wrong(f"{key!r} must be a size", request[key], 'such as "32x32" or [32, 32]')
    if not isinstance(request.get("symbolic"), bool | None):
        raise wrong("'symbolic' must be true or false", request["symbolic"])
    levels = request.get("levels")
    if levels is not None and not (
        isinstance(levels, Mapping) and all(isinstance(one, str) for one in levels.values())
    ):
        raise wrong("'levels' must map codes to levels", levels, 'such as {"CW502": "off"}')
    for key in ("dialect", "release", "input_name", *(("model",) if command == "why" else ())):
        if not isinstance(request.get(key), str | None):
            raise wrong(f"{key!r} must be text", request[key])


def _is_shape(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(size is None or type(size) is int for size in value)
    return isinstance(value, str)


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
