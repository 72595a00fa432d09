"""A configuration's JSON, with its depth, its size and its numbers bounded before anything is built of it."""

from __future__ import annotations

import json
import re
from typing import Any

from convwise.errors import ModelError
from convwise.readers.echo import shown
from convwise.readers.keras_files.limits import CONFIG, DIGITS, ITEMS, NESTING

STRING = re.compile(r'"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z)', re.DOTALL)
BRACKETS = str.maketrans("{}", "[]")
OTHERS = re.compile(r"[^\[\]]+")

HINT = "give what model.to_json() returned, or a file that model.save wrote"


def parsed(raw: bytes | str) -> Any:
    """The value that the JSON text means.

    Raises:
        ModelError: CW413 with the line and column, or with the limit that it is beyond.
    """
    text = _decoded(raw) if isinstance(raw, bytes) else raw
    _check(text)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise wrong(f"{where}: this is no JSON ({error.msg})", received=where) from None
    except RecursionError:
        raise wrong(f"the JSON is nested too deep; at most {NESTING} levels are read") from None


def wrong(fact: str, *, received: object = None, hint: str = HINT) -> ModelError:
    """CW413."""
    return ModelError("CW413", fact, received=received, hint=hint)


def _decoded(raw: bytes) -> str:
    if len(raw) > CONFIG:
        raise wrong(f"the JSON has more than {CONFIG:,} bytes, which are all that is read", received=len(raw))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start} is 0x{raw[error.start]:02x}"
        raise wrong(f"the JSON is not UTF-8 text: {byte}", received=byte, hint="save it as UTF-8") from None


def _check(text: str) -> None:
    """Items and depth, from the text without its strings: each round takes the innermost brackets away."""
    if len(text) > CONFIG:
        raise wrong(f"the JSON has more than {CONFIG:,} characters, which are all that is read", received=len(text))
    bare = STRING.sub("", text)
    items = bare.count(",") + bare.count("[") + bare.count("{")
    if items > ITEMS:
        raise wrong(f"the JSON has {items:,} values, and at most {ITEMS:,} are read", received=items)
    signs = OTHERS.sub("", bare.translate(BRACKETS))
    for _ in range(NESTING):
        if not signs:
            return
        fewer = signs.replace("[]", "")
        if len(fewer) == len(signs):
            # Brackets that do not pair: the parser says where, unless so many are open that it must not try.
            break
        signs = fewer
    if signs.count("[") > NESTING or (signs and "[]" in signs):
        raise wrong(f"the JSON is nested more than {NESTING} deep", received=NESTING)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        name = next(shown(key, 60) for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise wrong(f"an object has the key '{name}' twice, so two readers may see two models", received=name)
    return found


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        start = f"{digits[:20]}..."
        raise wrong(f"the number {start} has {len(digits):,} digits, and at most {DIGITS} are read", received=start)
    return int(digits)
