"""Random convolutions for every kernel family, and arrays whose every neighbouring byte is a trap."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from convwise.axis import Window
from convwise.engine import Conv, native
from convwise.engine.families import FAMILIES
from convwise.engine.families.depthwise import USUAL
from convwise.engine.isa import Isa
from convwise.engine.problem import Choice, Problem

PAGE = mmap.PAGESIZE
FORBIDDEN = 0
"""PROT_NONE of mprotect, which Python does not name."""
EMPTY = 0x7FC0BEEF
"""A NaN with a payload of its own: what stands in an output that no kernel has written."""

FUSED = (None, "relu", "relu6", "hardtanh", "silu", "hardswish")
ISAS = sorted(
    {
        name.rsplit("_", 1)[1]
        for name in (native.machine.built() or native.machine.Built("", (), frozenset(), {})).symbols
    }
)


@dataclass(frozen=True)
class Case:
    """One convolution; `pads` are top, bottom, left, right."""

    batch: int
    channels: int
    height: int
    width: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]
    groups: int
    layout: str
    activation: str | None
    residual: bool
    threads: int
    seed: int

    def options(self) -> dict[str, Any]:
        top, bottom, left, right = self.pads
        return {
            "stride": self.stride,
            "padding": ((top, bottom), (left, right)),
            "dilation": self.dilation,
            "groups": self.groups,
            "layout": self.layout,
            "activation": self.activation,
        }

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Input, weights and bias: small integers, whose float32 sums are exact in every order."""
        rng = np.random.default_rng(self.seed)
        shape = (self.batch, self.channels, self.height, self.width)
        if self.layout == "NHWC":
            shape = (self.batch, self.height, self.width, self.channels)
        weights = (self.filters, self.channels // self.groups, *self.kernel)
        return tuple(rng.integers(-4, 5, s).astype(np.float32) for s in (shape, weights, (self.filters,)))  # type: ignore[return-value]

    def residual_like(self, shape: tuple[int, ...]) -> np.ndarray | None:
        return (
            np.random.default_rng(self.seed + 1).integers(-9, 10, shape).astype(np.float32) if self.residual else None
        )

    def told(self) -> dict[str, Any]:
        return asdict(self)


KERNELS, STEPS, GROUPS = st.integers(1, 5), st.integers(1, 3), st.sampled_from([1, 1, 1, 2, 3, 8])
PADS, LAYOUTS = st.integers(0, 5), st.sampled_from(["NCHW", "NHWC"])


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    kernels: Any = KERNELS,
    steps: Any = STEPS,
    dilations: Any = STEPS,
    groups: Any = GROUPS,
    each_in: Any = None,
    each_out: Any = None,
    padding: Any = PADS,
    layouts: Any = LAYOUTS,
    fewest: int = 1,
    most: int = 40,
) -> Case:
    """Ragged sizes from `fewest` to `most`, every option; `each_in` and `each_out` draw the channels of one group."""
    kernel = (draw(kernels), draw(kernels))
    stride, dilation = ((draw(each), draw(each)) for each in (steps, dilations))
    pads = tuple(draw(padding) for _ in range(4))
    sizes = []
    for k, d, low, high in zip(kernel, dilation, pads[::2], pads[1::2], strict=True):
        least = max(Window(k, dilation=d).span - low - high, fewest)
        sizes.append(least + draw(st.integers(0, max(most - least, 0))))
    count = draw(groups)
    few = st.integers(1, most if count == 1 else 9)
    each = draw(few if each_in is None else each_in), draw(few if each_out is None else each_out)
    return Case(
        batch=draw(st.integers(1, 3)),
        channels=count * each[0],
        height=sizes[0],
        width=sizes[1],
        filters=count * each[1],
        kernel=kernel,
        stride=stride,
        dilation=dilation,
        pads=pads,
        groups=count,
        layout=draw(layouts),
        activation=draw(st.sampled_from(FUSED)),
        residual=draw(st.booleans()),
        threads=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 99)),
    )


def drawn_for(family: str | None) -> st.SearchStrategy[Case]:
    """Cases that a family can run, most of them."""
    match family:
        case "winograd":
            return cases(
                kernels=st.one_of(st.just(3), st.integers(1, 9)),
                steps=st.just(1),
                dilations=st.sampled_from([1, 1, 1, 2, 3]),
                groups=st.sampled_from([1, 1, 1, 2, 5]),
                each_in=st.integers(7, 40),
                each_out=st.integers(7, 70),
            )
        case "direct":
            together = cases(
                groups=st.sampled_from([2, 3, 5, 66]),
                each_in=st.sampled_from([5, 16, 32]),
                each_out=st.sampled_from([8, 16, 32, 48, 64, 96]),
                most=14,
            )
            return st.one_of(cases(), cases(), together)
        case "edges":
            # Programs of the direct family whose tiles inside the input read it where it is: no gaps.
            return cases(
                kernels=st.integers(1, 4),
                dilations=st.just(1),
                groups=st.just(1),
                padding=st.integers(0, 3),
                layouts=st.just("NHWC"),
                most=60,
            )
        case "long":
            # Programs of the direct family that add up channels in parts: 1x1 windows.
            return cases(
                kernels=st.just(1),
                padding=st.just(0),
                groups=st.sampled_from([1, 1, 2, 3]),
                each_in=st.sampled_from([6, 9, 12, 16, 20, 32, 35, 64]),
                each_out=st.integers(1, 100),
                most=25,
            )
        case "depthwise":
            one, many = st.just(1), st.integers(16, 50)
            usual = (
                cases(
                    kernels=st.just(size), steps=st.just(stride), dilations=one, groups=many, each_in=one, each_out=one
                )
                for size, stride in USUAL
            )
            more = cases(groups=st.integers(4, 40), each_in=one, each_out=st.sampled_from([2, 4]))
            return st.one_of(cases(groups=st.integers(2, 40), each_in=one, each_out=st.integers(1, 3)), more, *usual)
        case "near_nchw":
            # Planes that are computed where they lie, in steps of two: rows of at least a vector.
            return cases(
                kernels=st.just(3),
                steps=st.just(2),
                dilations=st.just(1),
                groups=st.integers(2, 9),
                each_in=st.just(1),
                each_out=st.just(1),
                layouts=st.just("NCHW"),
                fewest=30,
                most=90,
            )
        case "grouped":
            some = st.integers(2, 9)
            alike = (cases(groups=some, each_in=st.just(each), each_out=st.just(each)) for each in (2, 4, 8))
            vectors = st.sampled_from([4, 8, 16])
            filled = cases(
                groups=st.integers(1, 5),
                each_in=vectors,
                each_out=st.sampled_from([16, 32, 48]),
                layouts=st.just("NHWC"),
            )
            return st.one_of(cases(groups=some), *alike, filled)
        case "first":
            # Gaps along the rows are refused.
            gaps = st.sampled_from([1, 1, 1, 2])
            return cases(dilations=gaps, groups=st.just(1), each_in=st.integers(1, 4), each_out=st.integers(1, 70))
        case "planes":
            one, rows = st.just(1), st.just("NCHW")
            return cases(kernels=one, steps=one, padding=st.just(0), layouts=rows, each_out=st.integers(1, 70))
        case _:
            return cases()


def one_of(family: str, number: int, form: str = "") -> Callable[[Problem, Isa], list[Choice]]:
    """The choices of a family, all but one left out; of one `form`, if that is given."""

    def choices(problem: Problem, isa: Isa) -> list[Choice]:
        found = [choice for choice in FAMILIES[family].choices(problem, isa) if choice.variant.endswith(form)]
        return [found[number % len(found)]] if found else []

    return choices


def expected(case: Case) -> np.ndarray:
    """The answer in float64, by NumPy."""
    x, w, bias = (array.astype(np.float64) for array in case.arrays())
    form = Conv(w, bias, algorithm="windows", **case.options())
    shape = Conv(w, bias, algorithm="windows", **{**case.options(), "activation": None})(x).shape
    residual = case.residual_like(shape)
    return form(x, None if residual is None else residual.astype(np.float64))


def scale(case: Case) -> float:
    """The largest sum before the activation: what errors are relative to."""
    x, w, bias = (array.astype(np.float64) for array in case.arrays())
    sums = Conv(w, bias, algorithm="windows", **{**case.options(), "activation": None})(x)
    return max(float(abs(sums).max(initial=0)), 1.0)


class Fence:
    """Arrays in pages of their own, with forbidden pages on both sides; keep it as long as the arrays."""

    def __init__(self) -> None:
        self.maps: list[mmap.mmap] = []
        self.protect = ctypes.CDLL(None, use_errno=True).mprotect
        self.protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def place(self, count: int, *, at_end: bool, writable: bool = True) -> np.ndarray:
        """`count` float32 numbers that end, or start, at a forbidden page."""
        size = -(-4 * count // PAGE) * PAGE or PAGE
        area = mmap.mmap(-1, size + 2 * PAGE)
        self.maps.append(area)
        start = ctypes.addressof(ctypes.c_char.from_buffer(area))
        for place in (start, start + PAGE + size):
            if self.protect(place, PAGE, FORBIDDEN):
                raise OSError(ctypes.get_errno(), "mprotect")
        offset = PAGE + (size - 4 * count if at_end else 0)
        return np.frombuffer(area, np.float32, count, offset)

    def of(self, array: np.ndarray, *, at_end: bool, writable: bool = False) -> np.ndarray:
        """A copy in the same memory order."""
        order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        lying = np.ascontiguousarray(array.transpose(order))
        placed = self.place(lying.size, at_end=at_end).reshape(lying.shape)
        placed[...] = lying
        back = placed.transpose(np.argsort(order))
        if not writable:
            start = placed.__array_interface__["data"][0] // PAGE * PAGE
            self.protect(start, -(-4 * lying.size // PAGE) * PAGE or PAGE, mmap.PROT_READ)
        return back

    def empty(self, shape: tuple[int, ...], *, at_end: bool) -> np.ndarray:
        """For results: filled with a NaN of known payload."""
        count = int(np.prod(shape))
        placed = self.place(count, at_end=at_end)
        placed.view(np.uint32)[...] = EMPTY
        return placed.reshape(shape)
