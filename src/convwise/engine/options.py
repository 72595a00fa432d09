"""The options of the plain functions, as windows and layouts; every wrong value is refused by its name."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from convwise.axis import SAME_UPPER, Padding, Pads, Window
from convwise.engine.families import FAMILIES
from convwise.errors import ArgumentError, said
from convwise.machine import MOST_THREADS
from convwise.ops import Layout

LARGEST = 2**63 - 1
LAYOUTS = {"NCHW": False, "NHWC": True}
NUMPY = ("reference", "windows")
ALGORITHMS = (*NUMPY, *(name for name in FAMILIES if name not in ("transposed", "pool")))
"""`algorithm=`: NumPy's own two, and the families of compiled kernels that compute convolutions."""
SPELLED = frozenset({int, float, str, bool, type(None)})
"""Types whose text tells all of a value."""


def spelling(options: tuple[object, ...]) -> str | None:
    """The options' text, in which True, 1 and 1.0 are three; None where one of them is an object whose text may tell less than it holds."""
    for value in options:
        if type(value) not in SPELLED and not _spelled(value, 2):
            return None
    try:
        return repr(options)
    except ValueError:  # Python writes no text for a number of thousands of digits
        return None


def _spelled(value: Any, depth: int) -> bool:
    if type(value) not in (tuple, list) or not depth:
        return type(value) in SPELLED
    return SPELLED.issuperset(map(type, value)) or all(_spelled(part, depth - 1) for part in value)


def whole(name: str, value: object, low: int, high: int = LARGEST) -> int:
    """`value` as an integer from `low` to `high`; booleans and floats are refused.

    Raises:
        ArgumentError: CW606.
    """
    try:
        number = index(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]
    except Exception:  # of the object's own __index__
        number = None
    if number is None or not low <= number <= high:
        last = "2**63 - 1" if high == LARGEST else f"{high}"
        hint = f"{name}=True is 1; write the number" if isinstance(value, bool) else f"from {low} to {last}"
        wanted = f"of at least {low}" if high == LARGEST else f"from {low} to {high}"
        raise ArgumentError(
            "CW606", f"{name} must be an integer {wanted}, not {said(value)}", received=value, hint=hint
        )
    return number


def two(name: str, value: object, low: int, forms: str = "") -> tuple[int, int]:
    """One integer for both axes, or (height, width); `forms` tells of further ones.

    Raises:
        ArgumentError: CW606.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if len(value) != 2:
            raise ArgumentError(
                "CW606",
                f"{name} has {len(value)} values where 2 are needed",
                received=value,
                hint=f"{name}=(height, width), {forms}or one integer for both",
            )
        return whole(f"{name}[0]", value[0], low), whole(f"{name}[1]", value[1], low)
    both = whole(name, value, low)
    return both, both


def paddings(value: object) -> tuple[Padding, Padding]:
    """An integer, (h, w), ((top, bottom), (left, right)), "valid", or "same" by TensorFlow's rule.

    Raises:
        ArgumentError: CW606.
    """
    if isinstance(value, str):
        if value.lower() not in ("valid", "same"):
            raise ArgumentError(
                "CW606",
                f"no padding {said(value)}",
                received=value,
                hint="padding is 'valid', 'same', an integer, (h, w) or ((top, bottom), (left, right))",
            )
        return (SAME_UPPER, SAME_UPPER) if value.lower() == "same" else (Pads(), Pads())
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(part, Sequence) for part in value):
        (top, bottom), (left, right) = two("padding[0]", value[0], 0), two("padding[1]", value[1], 0)
        return Pads(top, bottom), Pads(left, right)
    height, width = two("padding", value, 0, "((top, bottom), (left, right)), ")
    return Pads(height, height), Pads(width, width)


def windows(
    kernel: tuple[int, int], stride: object, padding: object, dilation: object, ceil: object = False
) -> tuple[Window, Window]:
    """The windows over height and width."""
    flag("ceil", ceil, "ceil=True keeps a last window that ends past the padding")
    parts = zip(kernel, two("stride", stride, 1), two("dilation", dilation, 1), paddings(padding), strict=True)
    height, width = (Window(k, s, d, pads, bool(ceil)) for k, s, d, pads in parts)
    return height, width


def flag(name: str, value: object, hint: str | None = None) -> bool:
    """`value`, which is True or False; `hint` tells what they do.

    Raises:
        ArgumentError: CW606.
    """
    if not isinstance(value, bool):
        hint = hint or f"write {name}=True"
        raise ArgumentError("CW606", f"{name} must be True or False, not {said(value)}", received=value, hint=hint)
    return value


def layout_of(name: object, ndim: int) -> Layout:
    """The layout called `name`, for an array of 4 axes, or 3 without a batch.

    Raises:
        ArgumentError: CW605, CW606.
    """
    if not isinstance(name, str) or name not in LAYOUTS:
        raise ArgumentError("CW606", f"no layout {said(name)}", received=name, hint="the layouts are NCHW and NHWC")
    if ndim not in (3, 4):
        raise ArgumentError(
            "CW605",
            f"x has {ndim} axes where 3 or 4 are needed",
            received=ndim,
            hint=f"{name}, or {name[1:]} for one image",
        )
    return Layout(channels_last=LAYOUTS[name], batched=ndim == 4)


def method_of(algorithm: object, threads: object) -> tuple[str, int | None]:
    """The engine's method for `algorithm`, and at most how many threads.

    Raises:
        ArgumentError: CW606, CW607.
    """
    most = None if threads is None else whole("threads", threads, 1, MOST_THREADS)
    if algorithm is None:
        return "auto", most
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ArgumentError(
            "CW607",
            f"no algorithm {said(algorithm)}",
            received=algorithm,
            hint=f"the algorithms are {', '.join(ALGORITHMS)}, or None to choose",
        )
    return algorithm, most
