"""Sequences of numbers and paddings as `jax.lax` and flax take them, and what they say where they do not."""

from __future__ import annotations

from convwise.axis import NO_PADS, SAME_LOWER, SAME_UPPER, Padding, Pads, Window
from convwise.dialects.base import Value, known
from convwise.dialects.kinds import integers, show, wrong_type
from convwise.errors import Refusal, ShapeError

LARGEST = 2**31 - 1


def sequence(
    value: Value, name: str, rank: int, *, default: int | None = None, what: str = "stride"
) -> tuple[int, ...]:
    """A number for each axis, each at least 1; `default` stands for None.

    Raises:
        Refusal: CW204, CW101, CW201.  ShapeError: CW210 for True, which JAX takes for 1.
    """
    known(value, name)
    if value is None and default is not None:
        return (default,) * rank
    if not isinstance(value, tuple):
        kind = "NoneType" if value is None else type(value).__name__
        quote = "" if isinstance(value, str) else f"'{kind}' object is not iterable"
        hint = f"write {name}={(value,) * rank}" if type(value) is int else f"write {name}={(1,) * rank}"
        raise Refusal(
            "CW204", f"{name} is {show(value)}, not a sequence", received=show(value), axis=name, hint=hint, quote=quote
        )
    return each(value, name, rank, what)


def spread(value: Value, name: str, rank: int, what: str = "stride") -> tuple[int, ...]:
    """flax: one number for all axes, a number for each, or None for 1."""
    known(value, name)
    if value is None:
        return (1,) * rank
    return each(value if isinstance(value, tuple) else (value,) * rank, name, rank, what)


def each(items: tuple[Value, ...], name: str, rank: int, what: str) -> tuple[int, ...]:
    for item in items:
        if isinstance(item, bool):
            fact = f"{name} holds {item}; JAX takes it for {int(item)}"
            raise ShapeError("CW210", fact, received=show(items), axis=name, hint=f"write {int(item)} if that is meant")
        if type(item) is not int:
            raise wrong_type(name, items, "integers")
    if len(items) != rank:
        fact = f"{name} has {len(items)} values where {rank} are needed"
        one = items[0] if items else 1
        raise Refusal("CW101", fact, received=items, axis=name, hint=f"write {name}={(one,) * rank}")
    for item in items:
        if not 1 <= item <= LARGEST:
            fact = (
                f"{name} is {show(items)}; every value must be at least 1"
                if item < 1
                else f"{name} of {item} is too large"
            )
            hint = f"try {name}={tuple(max(one, 1) for one in items)}"
            raise Refusal(
                "CW201" if item < 1 else "CW107",
                fact,
                received=items,
                axis=name,
                hint=hint,
                quote=_words(what, items, item),
            )
    return items


def _words(what: str, items: tuple[int, ...], item: int) -> str:
    if item > LARGEST:
        return ""
    if what == "dilation":
        return f"All dilations must be positive, got {items}."
    if what == "window_dilation" or what.startswith("reduce"):
        return ""
    return f"expects window to have positive {what} for {items.index(item)}-th window dimension, but got {item}."


def word(value: str) -> Padding:
    """'SAME', 'VALID' or 'SAME_LOWER', in any case of letters.

    Raises:
        Refusal: CW207.
    """
    rules: dict[str, Padding] = {"SAME": SAME_UPPER, "VALID": NO_PADS, "SAME_LOWER": SAME_LOWER}
    upper = value.upper()
    if upper in rules:
        return rules[upper]
    quote = f"Unrecognized padding type: expected 'VALID', 'SAME', or 'SAME_LOWER', got {value}."
    hint = "use 'SAME', 'VALID', 'SAME_LOWER', or a pair for each axis"
    raise Refusal("CW207", f"there is no padding {value!r}", received=value, axis="padding", hint=hint, quote=quote)


def pairs(value: Value, rank: int, quote: str = "") -> tuple[Pads, ...]:
    """A (low, high) pair for each axis; negative ones crop.

    Raises:
        Refusal: CW204, CW101.
    """
    known(value, "padding")
    items = value if isinstance(value, tuple) else None
    for item in items or ():
        known(item, "padding")
    if items is None or any(not isinstance(pair, tuple) or len(pair) != 2 for pair in items):
        amount = value if type(value) is int else items[0] if items and type(items[0]) is int else 1
        hint = f"write a pair for each axis: padding={((amount, amount),) * rank}"
        fact = f"padding is {show(value)}, not a word or pairs"
        raise Refusal("CW204", fact, received=show(value), axis="padding", hint=hint, quote=quote)
    if len(items) != rank:
        words = f"Wrong number of explicit pads for convolution: expected {rank}, got {len(items)}."
        fact = f"padding has {len(items)} pairs where {rank} are needed"
        raise Refusal("CW101", fact, received=value, axis="padding", quote=words if quote else "")
    return tuple(Pads(*integers(pair, "padding")) for pair in items)


def check_spans(windows: tuple[Window, ...]) -> None:
    for window in windows:
        pads = window.padding.total if isinstance(window.padding, Pads) else 0
        if max(window.span, abs(pads)) > LARGEST:
            raise Refusal("CW107", f"a window spans {window.span} cells, more than 2**31 - 1", received=window.span)
