"""Layers that change images at random in training: in use they leave an image as it is, and its size always.

Keras takes a call of such a layer for training unless it is told `training=False`, as `predict` does; convwise does not train.
"""

from __future__ import annotations

from convwise.dialects.keras.reading import Reading, is_number, shown
from convwise.ops import Op, Pointwise

WORDS = {
    "fill_mode": ("reflect", "wrap", "constant", "nearest"),
    "interpolation": ("nearest", "bilinear"),
}


def layer(reading: Reading) -> tuple[Op, ...]:
    """An identity; what Keras refuses of the factors and words is refused."""
    for name, known in WORDS.items():
        if name in reading.arguments and (value := reading[name]) not in known:
            quote = f"Unknown `{name}` {value}. Expected of one {known}."
            hint = f"it is one of {', '.join(known)}"
            raise reading.refusal("CW207", f"no {name} {shown(value)}", name=name, quote=quote, hint=hint)
    for name in ("factor", "height_factor", "width_factor"):
        if reading.arguments.get(name) is not None:
            _check(reading, name)
    return (Pointwise("identity"),)


def _check(reading: Reading, name: str) -> None:
    value = reading[name]
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(is_number(one) for one in pair):
        ranged = False
    elif reading.family == "random_zoom":
        ranged = all(-1 < one <= 1 for one in pair)
    elif reading.family == "random_translation":
        ranged = all(-1 <= one <= 1 for one in pair)
    else:
        ranged = pair[0] <= 1 and pair[1] >= (0 if reading.kind == "RandomContrast" else -1)
    if not ranged:
        quote = "should be a number (or a list of two numbers) in the range"
        hint = "write a number such as 0.2, or two: the least and the most"
        raise reading.refusal("CW201", f"{name}={shown(value)} is not in range", name=name, quote=quote, hint=hint)
