"""The options of the plain functions, as windows and layouts; every wrong value is refused by its name."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index

from convwise.axis import SAME_UPPER, Padding, Pads, Window
from convwise.engine.families import FAMILIES
from convwise.errors import ArgumentError
from convwise.ops import Layout

LARGEST = 2**63 - 1
LAYOUTS = {"NCHW": False, "NHWC": True}
NUMPY = ("reference", "windows")
ALGORITHMS = (*NUMPY, *(name for name in FAMILIES if name not in ("transposed", "pool")))
"""`algorithm=`: NumPy's own two, and the families of compiled kernels that compute convolutions."""


def whole(name: str, value: object, low: int) -> int:
    """`value` as an integer of at least `low`; booleans and floats are refused.

    Raises:
        ArgumentError: CW606.
    """
    try:
        number = index(value) if not isinstance(value, bool) else None  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or not low <= number <= LARGEST:
        hint = f"{name}=True is 1; write the number" if isinstance(value, bool) else f"from {low} to 2**63 - 1"
        raise ArgumentError(
            "CW606", f"{name} must be an integer of at least {low}, not {value!r}", received=value, hint=hint
        )
    return number


def two(name: str, value: object, low: int) -> tuple[int, int]:
    """One integer for both axes, or (height, width).

    Raises:
        ArgumentError: CW606.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if len(value) != 2:
            raise ArgumentError(
                "CW606",
                f"{name} has {len(value)} values where 2 are needed",
                received=value,
                hint=f"{name}=(height, width), or one integer for both",
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
                f"no padding {value!r}",
                received=value,
                hint="padding is 'valid', 'same', an integer, (h, w) or ((top, bottom), (left, right))",
            )
        return (SAME_UPPER, SAME_UPPER) if value.lower() == "same" else (Pads(), Pads())
    if isinstance(value, Sequence) and len(value) == 2 and all(isinstance(part, Sequence) for part in value):
        (top, bottom), (left, right) = two("padding[0]", value[0], 0), two("padding[1]", value[1], 0)
        return Pads(top, bottom), Pads(left, right)
    height, width = two("padding", value, 0)
    return Pads(height, height), Pads(width, width)


def windows(
    kernel: tuple[int, int], stride: object, padding: object, dilation: object, ceil: object = False
) -> tuple[Window, Window]:
    """The windows over height and width."""
    if not isinstance(ceil, bool):
        raise ArgumentError(
            "CW606",
            f"ceil must be True or False, not {ceil!r}",
            received=ceil,
            hint="ceil=True keeps a last window that ends past the padding",
        )
    parts = zip(kernel, two("stride", stride, 1), two("dilation", dilation, 1), paddings(padding), strict=True)
    height, width = (Window(k, s, d, pads, ceil) for k, s, d, pads in parts)
    return height, width


def flag(name: str, value: object) -> bool:
    """`value`, which is True or False.

    Raises:
        ArgumentError: CW606.
    """
    if not isinstance(value, bool):
        raise ArgumentError(
            "CW606", f"{name} must be True or False, not {value!r}", received=value, hint=f"write {name}=True"
        )
    return value


def layout_of(name: object, ndim: int) -> Layout:
    """The layout called `name`, for an array of 4 axes, or 3 without a batch.

    Raises:
        ArgumentError: CW605, CW606.
    """
    if not isinstance(name, str) or name not in LAYOUTS:
        raise ArgumentError("CW606", f"no layout {name!r}", received=name, hint="the layouts are NCHW and NHWC")
    if ndim not in (3, 4):
        raise ArgumentError(
            "CW605",
            f"x has {ndim} axes where 3 or 4 are needed",
            received=ndim,
            hint=f"{name}, or {name[1:]} for one image",
        )
    return Layout(channels_last=LAYOUTS[name], batched=ndim == 4)


def method_of(algorithm: object, threads: object) -> str:
    """The engine's method for `algorithm`; `threads` is only looked at.

    Raises:
        ArgumentError: CW606, CW607.
    """
    if threads is not None:
        whole("threads", threads, 1)
    if algorithm is None:
        return "auto"
    if algorithm not in ALGORITHMS:
        raise ArgumentError(
            "CW607",
            f"no algorithm {algorithm!r}",
            received=algorithm,
            hint=f"the algorithms are {', '.join(ALGORITHMS)}, or None to choose",
        )
    return str(algorithm)
