"""What a kernel family is asked and what it answers: a `Problem` goes in, `Choice`s come out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from convwise.axis import Axis

MOST_WORKSPACE = 8 * 10**6
"""Bytes that a kernel may take beside the arrays; more only where the output is as large."""
SLICE = 1_000_000_000
"""Multiply-adds of one thread between two looks at whether Ctrl-C was pressed: 8 ms on a fast core, 100 ms on a slow one."""
LARGEST_INDEX = 2**31 - 1
"""Kernels address an image's numbers with 32 bits."""
FAR = 20_000_000
"""Bytes that do not stay in any cache from one call to the next."""
LINE, DISTANT = 3.0, 9.0
"""Vector multiply-adds in whose time a cache line of weights comes from beyond the core's cache, from beyond all caches."""

CACHED, UNCACHED = 4.0, 10.0
"""The same for a cache line of the input or the output that comes once more, for another group: from the second cache, or from beyond."""
CALL, NEXT = 2e-6, 0.5e-6
"""Seconds that a call takes beside its work, and each further group in it: as long as a call where threads wait for each other at its end."""

CLAMP, SILU, HARD_SWISH = 0, 1, 2
FUSED: dict[str | None, tuple[int, float, float]] = {
    None: (CLAMP, -inf, inf),
    "linear": (CLAMP, -inf, inf),
    "identity": (CLAMP, -inf, inf),
    "relu": (CLAMP, 0.0, inf),
    "relu6": (CLAMP, 0.0, 6.0),
    "hardtanh": (CLAMP, -1.0, 1.0),
    "silu": (SILU, -inf, inf),
    "swish": (SILU, -inf, inf),
    "hardswish": (HARD_SWISH, -inf, inf),
    "hardsilu": (HARD_SWISH, -inf, inf),
}
"""Activations that the kernels apply, or a pass behind them, by name without underscores: form, low, high."""


def fused(activation: str | None) -> tuple[int, float, float] | None:
    """How kernels, or the pass behind them, apply `activation`; None where NumPy must."""
    return FUSED.get(activation.replace("_", "") if activation else None)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the cost models know of a processor.

    `peak` is the float32 multiply-adds a second of one core, `bandwidth` the bytes a second of all cores from memory,
    `l1` and `l2` the bytes of one core's caches. `ahead`: by how many rows input is asked for before it is read.
    `shuffling`: how much longer planes take to be turned than where two vectors are shuffled in a cycle. `units`: vectors that are
    multiplied and added in a cycle; with one, there is time to fetch beside it.
    """

    peak: float
    bandwidth: float
    l1: int
    l2: int
    ahead: int = 0
    shuffling: float = 1.0
    units: int = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One layer on one input, float32, as the families see it.

    `kind` is "conv", "transposed", "max" or "average". `rows` and `columns` are the windows over height and width; those
    of a transposed convolution lie over its output. The layouts are "NHWC" or "NCHW".
    """

    kind: str
    batch: int
    channels: int
    height: int
    width: int
    filters: int
    groups: int
    rows: Axis
    columns: Axis
    input_layout: str
    output_layout: str
    activation: str | None
    residual: bool
    threads: int
    machine: Machine
    finite: bool = True
    """Whether all weights are finite: only then may products with padding be left out."""
    dense: bool = True
    """Whether the channels of a cell (NHWC) or the rows of a plane (NCHW) lie side by side, as they do unless the input is a view of something else."""

    @property
    def out_height(self) -> int:
        return self.rows.size if self.kind == "transposed" else self.rows.out

    @property
    def out_width(self) -> int:
        return self.columns.size if self.kind == "transposed" else self.columns.out

    @property
    def taps(self) -> int:
        return self.rows.kernel * self.columns.kernel

    @property
    def macs(self) -> int:
        """Multiply-adds of the direct algorithm, those on padding included."""
        if self.kind == "transposed":
            return self.batch * self.height * self.width * self.channels * self.filters // self.groups * self.taps
        each = self.channels // self.groups
        return self.batch * self.out_height * self.out_width * self.filters * each * self.taps

    @property
    def form(self) -> int:
        """Of the activation: CLAMP, which none is too, SILU or HARD_SWISH."""
        known = fused(self.activation)
        assert known is not None, self.activation
        return known[0]

    @property
    def plain(self) -> bool:
        """Whether nothing but a clamp follows the sums."""
        return self.form == CLAMP and not self.residual

    @property
    def bare(self) -> Problem:
        """The sums alone, without residual and activation."""
        return replace(self, activation=None, residual=False)

    @property
    def most_workspace(self) -> int:
        """Bytes that a kernel may take beside the arrays: 8 MB, or as many as the output has."""
        return max(MOST_WORKSPACE, 4 * self.batch * self.filters * self.out_height * self.out_width)

    def begun(self, groups: int) -> float:
        """Seconds that a call for so many groups, one after the other, takes beside their work."""
        return CALL + (groups - 1) * (NEXT if self.threads == 1 else CALL)

    @property
    def lines_again(self) -> float:
        """Vector multiply-adds in whose time cache lines come once more for each group: with channels last, neighbouring groups share them."""
        if self.groups == 1 or self.output_layout == "NCHW":
            return 0.0
        cells = self.batch * (self.height * self.width + self.out_height * self.out_width)
        return self.groups * cells * (CACHED if self.bytes <= self.machine.l2 else UNCACHED)

    @property
    def bytes(self) -> int:
        """Bytes of input, weights and output: what must be moved at least once."""
        inputs = self.batch * self.channels * self.height * self.width
        outputs = self.batch * self.filters * self.out_height * self.out_width
        weights = 0 if self.kind in ("max", "average") else self.filters * self.channels // self.groups * self.taps
        return 4 * (inputs + outputs * (2 if self.residual else 1) + weights)


@dataclass(frozen=True, slots=True)
class Choice:
    """One variant of one family for one problem, with what it would cost.

    `macs` are those really done, waste at ragged edges included. `extra` are the whole numbers that the program takes
    beyond the shared ones. A part of the output that starts at a row divisible by `row_step` may be computed by itself.
    `depth` input channels are added up by one call, the next ones on top of its output; 0: all by one. `strip`: the program
    sees a plane of outputs as strips of so many, the last of which may reach past the end; 0: as rows. `together`: the program
    computes all groups; else each is a call of its own, and a thread takes `apart` of them at a time, where that is not 0.
    `finish`: the program leaves bare sums, and the residual and the activation are a pass of their own over what it wrote.
    """

    family: str
    variant: str
    symbol: str
    tiles: tuple[tuple[str, int], ...]
    extra: tuple[int, ...]
    seconds: float
    workspace: int
    macs: int
    row_step: int = 1
    exact: bool = True
    depth: int = 0
    strip: int = 0
    together: bool = False
    apart: int = 0
    finish: bool = False
