"""Which arrays the engine takes, and in which number type it computes.

float32 and float64 are computed as such, float16 in float32 and rounded once at the end, integers exactly in int64.
Several arrays in one call meet in NumPy's common type of theirs (`np.result_type`): float32 data and a float64 bias
give float64. Everything else is refused by name, because a silent conversion would hide a mistake.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import ArgumentError, ShapeError
from convwise.ops import Shape

Array = NDArray[Any]

LARGEST_INTEGER = 2**63 - 1
EXACT_FLOAT = 2**53
"""Up to here every integer is a float64, so that sums of products may go through the fast float matrix product."""

FLOAT = np.dtype(np.float32)
"""What the compiled kernels compute in."""
FLOATS = (np.dtype(np.float16), FLOAT, np.dtype(np.float64))


def address(array: Array) -> int:
    place: int = array.__array_interface__["data"][0]
    return place


def aligned(shape: tuple[int, ...], fill: bool = False) -> Array:
    """A float32 array that starts at a cache line."""
    count = prod(shape)
    raw = (np.zeros if fill else np.empty)(count + 16, np.float32)
    start = -address(raw) % 64 // 4
    return raw[start : start + count].reshape(shape)


def at(*parts: Any) -> tuple[Any, ...]:
    """An index of several parts, such as `at(..., *slices)`."""
    return parts


def take(name: str, value: object) -> Array:
    """`value` as a plain array of native byte order and a number type the engine computes in.

    Subclasses are seen as plain arrays, except masked ones, whose mask would be lost; other byte orders are copied.

    Raises:
        ArgumentError: CW605.
    """
    # Whoever has such an array has imported its module, which takes as long as a few hundred calls.
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise ArgumentError(
            "CW605",
            f"{name} is a masked array; the mask would be lost",
            received=type(value).__name__,
            hint=f"pass {name}.filled(0), or the value that the masked cells should have",
        )
    try:
        array = np.asarray(value)
    except MemoryError as error:
        raise out_of_memory(error or "the memory ran out") from None
    except Exception as error:  # of the object's own __array__, which may raise anything
        raise ArgumentError(
            "CW605",
            f"{name} is no array: {str(error) or type(error).__name__}",
            received=type(value).__name__,
            hint="pass a NumPy array",
        ) from None
    kind = array.dtype.kind
    if kind in "iu" and array.dtype != np.dtype(np.uint64):
        return array
    if kind == "f" and array.dtype.newbyteorder("=") in FLOATS:
        with quiet():
            return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    hint = {
        "b": f"pass {name}.astype('float32'), if 0 and 1 are meant",
        "u": f"pass {name}.astype('int64'), if the values are below 2**63",
        "c": "convolve the real and the imaginary part apart",
        "f": f"pass {name}.astype('float64')",
    }.get(kind, "pass an array of float32")
    raise ArgumentError(
        "CW605",
        f"{name} has dtype {array.dtype}, which the engine does not compute",
        received=str(array.dtype),
        detail="it computes float16, float32, float64 and integers up to int64",
        hint=hint,
    )


def result_type(*arrays: Array) -> np.dtype[Any]:
    """The type of the result: int64 where all are integers, else NumPy's common type."""
    common = np.result_type(*(array.dtype for array in arrays))
    return common if common.kind == "f" else np.dtype(np.int64)


def working_type(result: np.dtype[Any]) -> np.dtype[Any]:
    """The type to compute in: float16 has too few digits to add up in."""
    return np.dtype(np.float32) if result == np.dtype(np.float16) else result


def need_floats(what: str, dtype: np.dtype[Any]) -> None:
    """Refuse integers where the answer is no integer.

    Raises:
        ArgumentError: CW605.
    """
    if dtype.kind != "f":
        raise ArgumentError(
            "CW605", f"{what} of integers is not an integer", received=str(dtype), hint="pass x.astype('float32')"
        )


def largest(array: Array) -> int:
    """The largest absolute value of an integer array, as an exact integer."""
    return max(int(array.max()), -int(array.min())) if array.size else 0


def check_sum(x: Array, factor: int, terms: int, extra: int = 0) -> bool:
    """For integers: refuse what may leave int64; whether float64 holds every partial sum exactly.

    A sum of `terms` products with numbers up to `factor` stays below max|x| * factor * terms + extra.

    Raises:
        ArgumentError: CW605.
    """
    bound = largest(x) * factor * max(terms, 1) + extra
    if bound > LARGEST_INTEGER:
        raise ArgumentError(
            "CW605",
            f"sums of these integers may reach {bound:,}, more than int64 holds",
            received=bound,
            detail=f"{largest(x):,} x {factor:,} x {terms:,} terms + {extra:,}",
            hint="pass x.astype('float64')",
        )
    return bound < EXACT_FLOAT


def own(result: Array, dtype: np.dtype[Any], *sources: Array) -> Array:
    """`result` as a C-ordered array of `dtype` that shares no memory with `sources`."""
    array = np.asarray(result, dtype=dtype, order="C")
    return array.copy() if any(np.may_share_memory(array, source) for source in sources) else array


@lru_cache(maxsize=1)
def memory() -> int:
    """Bytes of memory of this machine; as much as can be addressed where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return LARGEST_INTEGER


def check_memory(shape: Shape, itemsize: int, what: str = "the output") -> None:
    """Refuse an array of more than half of the memory, before the system ends the whole process for it.

    Raises:
        ShapeError: CW507.
    """
    needed = prod(size or 0 for size in shape) * itemsize
    if needed > memory() // 2:
        raise ShapeError(
            "CW507",
            f"{what} would take {needed:,} bytes",
            received=shape,
            detail=f"{' x '.join(map(str, shape))} numbers of {itemsize} bytes; this machine has {memory():,} bytes",
            hint="use a smaller input, batch or padding",
        )


@contextmanager
def quiet() -> Iterator[None]:
    """IEEE 754 without NumPy's warnings: overflow gives inf, 0 / 0 gives NaN. Memory that runs out is told as CW507."""
    try:
        with np.errstate(all="ignore"):
            yield
    except MemoryError as error:
        raise out_of_memory(error or "the memory ran out") from None


def out_of_memory(why: object) -> ShapeError:
    """CW507, to be raised."""
    return ShapeError("CW507", f"too large to run here: {why}", hint="use a smaller input, batch or padding")
