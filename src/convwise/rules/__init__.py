"""The long text of every code: what it means, an example, what to do. `convwise rule CW104` prints one.

Codes are stable: CW1xx sizes that do not work, CW2xx what a framework refuses, CW3xx text that cannot be read,
CW4xx live objects and model files, CW5xx things worth telling that are no errors, CW6xx arguments, CW901 a bug of ours.
"""

from __future__ import annotations

from convwise.errors import ArgumentError
from convwise.rules import arguments, code, keras_files, models, notes, refusals, sizes, torch_live
from convwise.rules.base import Asked, Example, Rule, Written

RULES: dict[str, Rule] = {
    rule.code: rule
    for part in (sizes, refusals, code, models, keras_files, torch_live, notes, arguments)
    for rule in part.RULES
}
"""Every rule by its code, in order."""

FAMILIES = {
    "CW1": "Sizes that do not work",
    "CW2": "What a framework refuses",
    "CW3": "Text that cannot be read",
    "CW4": "Live objects and model files",
    "CW5": "Worth telling, but no errors",
    "CW6": "Arguments of convwise itself",
    "CW9": "Bugs of ours",
}
"""What the first digit of a code says."""


def get(wanted: str) -> Rule:
    """The rule of a code, written `CW104`, `cw104` or `104`.

    Raises:
        ArgumentError: CW606.
    """
    key = wanted.strip().upper()
    key = f"CW{key}" if key.isdigit() else key
    if key in RULES:
        return RULES[key]
    near = _nearest(key)
    raise ArgumentError(
        "CW606",
        f"no rule {wanted[:40]!r}",
        received=wanted[:40],
        hint=f"did you mean {near} ({RULES[near].title})?" if near else "`convwise rule` lists all",
    )


def _nearest(key: str) -> str | None:
    """The code that starts most like `key`, and of those the most alike; None where not even CW and a digit agree."""
    shared = {code: _shared(code, key) for code in RULES}
    longest = max(shared.values())
    close = [code for code, length in shared.items() if length == longest]
    return min(close, key=lambda code: (abs(_number(code) - _number(key)), code)) if longest >= 3 else None


def _shared(one: str, other: str) -> int:
    """How many signs two texts have in common from the start."""
    pairs = list(zip(one, other, strict=False))
    return next((at for at, (left, right) in enumerate(pairs) if left != right), len(pairs))


def _number(code: str) -> int:
    digits = "".join(sign for sign in code[2:8] if sign.isdecimal() and sign.isascii())
    return int(digits or 0)


__all__ = ["FAMILIES", "RULES", "Asked", "Example", "Rule", "Written", "get"]
