"""The kernel library behind ctypes: found, loaded at the first need, and called with described arrays.

What may cross this border is checked before: nothing here looks at sizes, and the kernels look at none either.
"""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convwise import machine
from convwise.engine.arrays import out_of_memory
from convwise.engine.isa import Isa
from convwise.engine.locks import lock
from convwise.errors import ArgumentError, ConvwiseError


class Dim(ctypes.Structure):
    """halide_dimension_t of HalideRuntime.h."""

    _fields_ = (
        ("min", ctypes.c_int32),
        ("extent", ctypes.c_int32),
        ("stride", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
    )


class Buffer(ctypes.Structure):
    """halide_buffer_t of HalideRuntime.h; `host` is set anew for every call."""

    _fields_ = (
        ("device", ctypes.c_uint64),
        ("device_interface", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("dimensions", ctypes.c_int32),
        ("dim", ctypes.POINTER(Dim)),
        ("padding", ctypes.c_void_p),
    )


class Groups(ctypes.Structure):
    """struct groups of groups.c: a kernel's call for the first of `count` groups, and bytes from each array's to the next one's.

    The places of the arrays are set anew for every call.
    """

    _fields_ = (
        ("kernel", ctypes.c_void_p),
        ("arguments", ctypes.c_void_p),
        ("inp", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("residual", ctypes.c_void_p),
        ("out", ctypes.c_void_p),
        ("steps", ctypes.c_int64 * 5),
        ("count", ctypes.c_int32),
        ("arguments_count", ctypes.c_int32),
        ("apart", ctypes.c_int32),
    )


FLOAT = 2
OUT_OF_MEMORY = -11
"""As kernels tell it."""


def describe(sizes: tuple[int, ...], steps: tuple[int, ...]) -> Buffer:
    """A float32 array, innermost axis first; `steps` in numbers, not bytes."""
    dims = (Dim * len(sizes))(*(Dim(0, size, step, 0) for size, step in zip(sizes, steps, strict=True)))
    return Buffer(0, None, None, 0, FLOAT, 32, 1, len(sizes), dims, None)


@dataclass(frozen=True, eq=False)
class Library:
    """The loaded library, with the instruction set that its calls use.

    `run(kernel, arguments, threads)` calls a kernel: its address, that of its array of argument addresses, and how many
    threads its loops may take; the number that comes back is 0 where all went well. A fork waits until no call is inside.
    `arrange` and `transform` are the addresses of what brings weights into the kernels' order, `finish` of what adds a residual
    and applies an activation behind a kernel, `groups` of what calls one for all groups; called as these are.
    """

    handle: ctypes.CDLL
    isa: Isa
    symbols: frozenset[str]
    run: Callable[[int, int, int], int]
    arrange: int
    transform: int
    finish: int
    groups: int

    def has(self, symbol: str) -> bool:
        return symbol in self.symbols

    def kernel(self, symbol: str) -> int:
        """The address of a kernel."""
        return _place(self.handle, symbol)


def _place(handle: ctypes.CDLL, symbol: str) -> int:
    found = ctypes.cast(handle[f"{symbol}_argv"], ctypes.c_void_p).value
    assert found is not None
    return found


def _whole() -> None:
    """Refuse a library whose end is missing: the system would end the process for reading it.

    Raises:
        OSError: where the table of sections, which an ELF file ends with, lies beyond the end of the file.
    """
    with machine.LIBRARY.open("rb") as file:
        head = file.read(64)
        size = file.seek(0, 2)
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
        raise OSError(f"{machine.LIBRARY} is no 64-bit ELF library")
    table = int.from_bytes(head[40:48], "little")
    entry, count = int.from_bytes(head[58:60], "little"), int.from_bytes(head[60:62], "little")
    if not table or table + entry * count > size:
        raise OSError(f"{machine.LIBRARY} is {size:,} bytes long, shorter than its own table says")


SETTLED = 2**24
"""Bytes of the array of `_settle_heap`."""


def _settle_heap() -> None:
    """Free one large array, after which glibc keeps memory up to that size instead of giving it back after every call.

    It learns from the largest block that was freed (its dynamic mmap threshold). Before, a small layer's result and the
    kernels' workspace could come as new pages in every call, which takes seven times as long as such a layer itself.
    """
    np.empty(SETTLED, np.uint8)


@lru_cache(maxsize=1)
def _load() -> Library | str:
    """The library, or why there is none."""
    selected = machine.select()
    if isinstance(selected, str):
        return selected
    try:
        _whole()
        handle = ctypes.CDLL(str(machine.LIBRARY))
        run = handle.convwise_run
        run.argtypes, run.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int), ctypes.c_int
        others = [_place(handle, f"convwise_{name}") for name in ("arrange", "transform", "finish", "groups")]
        for symbol in selected.symbols:
            handle[f"{symbol}_argv"]
    except (OSError, AttributeError) as error:
        warnings.warn(
            f"convwise's kernel library does not load, so NumPy runs the layers, more slowly: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return f"the kernel library does not load: {error}"
    _settle_heap()
    return Library(handle, selected.isa, selected.symbols, run, *others)


_loading = lock()


def library() -> Library | None:
    """The kernels, loaded at the first call; None where NumPy must serve (`why_none` says why)."""
    with _loading:
        found = _load()
    return found if isinstance(found, Library) else None


def why_none() -> str | None:
    """Why no kernels are in use; None where they are."""
    with _loading:
        found = _load()
    return found if isinstance(found, str) else None


@lru_cache(maxsize=1)
def default_threads() -> int:
    """CONVWISE_THREADS, else the processors this process may use.

    Raises:
        ArgumentError: CW606 where the variable is no whole number of at least 1.
    """
    told = os.environ.get(machine.THREADS, "").strip()
    if not told:
        return machine.cores()
    if not (told.isascii() and told.isdecimal()) or not 1 <= int(told) <= machine.MOST_THREADS:
        raise ArgumentError(
            "CW606",
            f"{machine.THREADS} must be an integer from 1 to {machine.MOST_THREADS}, not {told!r}",
            received=told,
            hint=f"unset {machine.THREADS}, or set it to the number of threads",
        )
    return int(told)


def check(code: int, symbol: str) -> None:
    """A kernel's return value.

    Raises:
        ShapeError: CW507 where the memory did not suffice.
        ConvwiseError: CW901, which no input should bring about.
    """
    if code == OUT_OF_MEMORY:
        raise out_of_memory(f"the memory ran out in the kernel {symbol}")
    if code:
        raise ConvwiseError("CW901", f"the kernel {symbol} returned {code}", received=code, hint="please report this")
