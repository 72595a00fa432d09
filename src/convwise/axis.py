"""A window that slides over one axis: the only window arithmetic in the project.

A layer says a `Window` (kernel, stride, dilation, padding rule) and knows no size; `window.over(size)` gives an
`Axis`, where every rule has become a number. All integers are exact and every division floors towards minus
infinity, so a window longer than its padded data gives `out <= 0` and never, as truncation would, a false 1.

    span   = dilation (kernel - 1) + 1               cells from a window's first tap to its last
    places = size + pad_low + pad_high - span + 1    where a window fits
    out    = ceil(places / stride)                   every stride-th place

The last line equals floor((size + pads - span) / stride) + 1, the form in most books (Dumoulin & Visin,
arXiv 1603.07285, relationship 6): the stride thins out the places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from math import gcd


def _span(kernel: int, dilation: int) -> int:
    """Cells from the first of `kernel` taps that lie `dilation` apart to the last, both counted."""
    return dilation * (kernel - 1) + 1


@dataclass(frozen=True, slots=True)
class Pads:
    """Cells added before (`low`) and after (`high`) the data; negative ones crop."""

    low: int = 0
    high: int = 0

    @property
    def total(self) -> int:
        return self.low + self.high


class Same(Enum):
    """Padding that depends on the size, so that out = ceil(size / stride) (TensorFlow's and ONNX's rule)."""

    UPPER = "upper"
    """The odd cell goes after the data: TensorFlow, Keras, ONNX SAME_UPPER."""
    LOWER = "lower"
    """The odd cell goes before the data: ONNX SAME_LOWER."""


SAME_UPPER = Same.UPPER
SAME_LOWER = Same.LOWER
Padding = Pads | Same
NO_PADS = Pads(0, 0)


def split_total(total: int, rule: Same) -> Pads:
    """Pads that add up to `total`, the odd cell where `rule` puts it."""
    small = total // 2
    return Pads(small, total - small) if rule is SAME_UPPER else Pads(total - small, small)


def keeping_pads(kernel: int, dilation: int = 1) -> Pads:
    """The pads that keep the size at stride 1, the odd cell after the data: PyTorch's `padding='same'`.

    >>> keeping_pads(4)
    Pads(low=1, high=2)
    """
    return split_total(Window(kernel, dilation=dilation).span - 1, SAME_UPPER)


def uncovered(stride: int, size: int, out: int) -> range:
    """What span - 1 may exceed the padding by, so that windows `stride` apart come to `out` on `size` cells.

    It is the preimage of a window of one cell, seen from the size; at 0 the stride alone gives `out`. Empty for out < 1.

    >>> uncovered(2, 28, 14), uncovered(2, 28, 13)
    (range(0, 2), range(2, 4))
    """
    between = Window(1, stride).preimage(out)
    return range(size - between[1], size - between[0] + 1) if between else range(0)


def causal_pads(kernel: int, dilation: int = 1) -> Pads:
    """The pads under which no output sees a later cell: all of span - 1 before the data (Keras's `causal`)."""
    return Pads(Window(kernel, dilation=dilation).span - 1, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """What a layer says about one axis, before any size is known.

    `ceil` lets a last window start inside the data or the low padding although it ends past the padding
    (PyTorch's `ceil_mode`); it has no effect on `Same`, which rounds up by itself.

    >>> Window(3, stride=2).over(64).out
    31
    >>> Window(3, stride=2, padding=SAME_UPPER).preimage(14)
    (27, 28)
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: Padding = NO_PADS
    ceil: bool = False

    def __post_init__(self) -> None:
        for name, value in (("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)):
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")

    @property
    def span(self) -> int:
        """Cells from the first tap to the last, both counted."""
        return _span(self.kernel, self.dilation)

    def over(self, size: int) -> Axis:
        """The window on data of `size` cells: the only place where a rule becomes numbers."""
        pads = self.pads(size)
        return Axis(size, self.kernel, self.stride, self.dilation, pads.low, pads.high, self._overhang(size, pads))

    def out(self, size: int) -> int:
        """`over(size).out`, the number of windows, without the axis in between.

        >>> Window(3, stride=2, padding=Pads(1, 1)).out(224)
        112
        """
        step = self.step
        if step is not None:
            return (size + step[0]) // step[1]
        pads = self.pads(size)
        return (size + pads.total - self.span + self._overhang(size, pads)) // self.stride + 1

    @property
    def step(self) -> tuple[int, int] | None:
        """(gain, stride) where out(size) = (size + gain) // stride for every size of 1 or more (below 1: no window fits); None where it is not one division.

        `Same` leaves ceil(size / stride); a window that may hang over in `ceil` mode depends on where the last one starts.

        >>> Window(3, stride=2, padding=Pads(1, 1)).step, Window(3, stride=2, padding=SAME_UPPER).step
        ((1, 2), (1, 2))
        """
        padding = self.padding
        if isinstance(padding, Same):
            return self.stride - 1, self.stride
        if self.ceil:
            return None
        return padding.low + padding.high - self.span + self.stride, self.stride

    def pads(self, size: int) -> Pads:
        """The padding for `size` cells. `Same` pads max((ceil(size / stride) - 1) stride + span - size, 0) in all."""
        if isinstance(self.padding, Pads):
            return self.padding
        out = -(-size // self.stride)
        return split_total(max((out - 1) * self.stride + self.span - size, 0), self.padding)

    def _overhang(self, size: int, pads: Pads) -> int:
        if not self.ceil or isinstance(self.padding, Same):
            return 0
        # PyTorch: one more window where the division leaves a rest, unless it would start in the high padding.
        if self.drops_last(size):
            return 0
        return -(size + pads.total - self.span) % self.stride

    def drops_last(self, size: int) -> bool:
        """Whether the window that `ceil` would add is left out after all, because it would start in the high padding."""
        pads = self.pads(size)
        rest = size + pads.total - self.span
        return self.ceil and rest % self.stride > 0 and -(-rest // self.stride) * self.stride >= size + pads.low

    def preimage(self, out: int) -> tuple[int, int] | None:
        """The smallest and the largest size of at least 1 that give `out`; None where there is none.

        Sizes in between all give `out` too, because out never falls as the size grows.
        """
        low, high = self.smallest(out), self.smallest(out + 1) - 1
        return (max(low, 1), high) if out >= 1 and high >= max(low, 1) else None

    def smallest(self, out: int) -> int:
        """The smallest size that gives at least `out` windows; it may be 0 or less where padding alone gives them."""
        last_start = (out - 1) * self.stride
        if isinstance(self.padding, Same):
            return last_start + 1
        full = last_start + self.span - self.padding.total
        if not self.ceil:
            return full
        # With ceil the last window may lack up to stride - 1 cells, but must start before the high padding.
        relaxed = max(full - self.stride + 1, last_start + 1 - self.padding.low)
        return min(relaxed, full)

    @property
    def minimum(self) -> int:
        """The smallest size of at least 1 on which one window fits."""
        return max(self.smallest(1), 1)

    @property
    def keeps_size(self) -> bool:
        """Whether out equals the size, whatever the size."""
        if self.stride != 1:
            return False
        return isinstance(self.padding, Same) or self.padding.total == self.span - 1

    def fixed(self) -> Window:
        """The same window with explicit pads where the rule does not depend on the size after all.

        `Same` at stride 1 pads span - 1 cells, whatever the size.
        """
        if isinstance(self.padding, Same) and self.stride == 1:
            return Window(self.kernel, 1, self.dilation, split_total(self.span - 1, self.padding), self.ceil)
        return self

    def then(self, other: Window) -> Window:
        """One window that acts as this one followed by `other`, where both have explicit pads.

        It is a hull: it gives the size and the field of view (span, stride, pads) of the pair, not its taps, and it
        says nothing of the size in between, which must be at least 1 by itself (2 -> 0 -> 2 is not legal).

        Raises:
            ValueError: if a padding depends on the size, or a window has `ceil`.
        """
        first, second = self.fixed(), other.fixed()
        if isinstance(first.padding, Same) or isinstance(second.padding, Same) or first.ceil or second.ceil:
            raise ValueError("only windows with explicit pads and without ceil compose into one window")
        step = first.stride
        return Window(
            kernel=first.span + step * (second.span - 1),
            stride=step * second.stride,
            padding=Pads(
                first.padding.low + step * second.padding.low, first.padding.high + step * second.padding.high
            ),
        )

    def transposed(self, size: int, output_padding: int = 0) -> int:
        """The size that a transposed convolution gives: the smallest size this window maps to `size`, plus `output_padding`.

        Raises:
            ValueError: if the padding depends on the size.

        >>> Window(3, stride=2, padding=Pads(1, 1)).transposed(3, output_padding=1)
        6
        """
        if isinstance(self.fixed().padding, Same):
            raise ValueError("a transposed window needs explicit pads")
        return self.fixed().smallest(size) + output_padding


class Unread(int):
    """How many data cells no window reads: an integer that knows its two parts.

    `tail` cells lie after the last tap of the last window, cut off by the floor; `gaps` lie between taps: stepped
    over by a stride larger than the kernel or by a stride and a dilation that do not mesh.
    """

    tail: int
    gaps: int

    def __new__(cls, tail: int, gaps: int) -> Unread:
        self = super().__new__(cls, tail + gaps)
        self.tail = tail
        self.gaps = gaps
        return self

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return (self.tail, self.gaps)

    def __repr__(self) -> str:
        return f"Unread(tail={self.tail}, gaps={self.gaps})"


@dataclass(frozen=True, slots=True)
class Axis:
    """One window over one size; every question about the pair is answered here, in exact integers.

    Positions count data cells: 0 is the first, negative ones lie in the low padding.

    >>> axis = Window(3, stride=2, dilation=2, padding=Pads(2, 1)).over(7)
    >>> axis.out, axis.window(0), list(axis.taps(0)), axis.unread_padding
    (3, range(-2, 3), [-2, 0, 2], 2)
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    pad_low: int
    pad_high: int
    overhang: int = 0

    @property
    def span(self) -> int:
        """Cells from a window's first tap to its last, both counted."""
        return _span(self.kernel, self.dilation)

    def spanned(self, outputs: int) -> int:
        """Cells from the first tap of a window to the last tap of the `outputs`-th from there, both counted.

        >>> Window(3, stride=2, dilation=2).over(20).spanned(4)
        11
        """
        return _span(outputs, self.stride) + self.span - 1

    @property
    def padded(self) -> int:
        """Cells with padding, without the overhang."""
        return self.size + self.pad_low + self.pad_high

    @property
    def places(self) -> int:
        """Where a window fits into the padded data; 0 or less where it does not fit at all."""
        return self.padded - self.span + 1

    @property
    def out(self) -> int:
        """Number of windows: every stride-th place; 0 or less where the window does not fit."""
        return -(-(self.places + self.overhang) // self.stride)

    @property
    def fits(self) -> bool:
        return self.out >= 1 and self.size >= 0

    def window(self, index: int) -> range:
        """The cells from the first tap to the last of output `index`, in data positions."""
        start = index * self.stride - self.pad_low
        return range(start, start + self.span)

    def taps(self, index: int) -> range:
        """The cells that output `index` reads, in data positions; those outside 0..size-1 are padding or overhang."""
        start = index * self.stride - self.pad_low
        return range(start, start + self.span, self.dilation)

    def taps_in_data(self, index: int) -> range:
        """The kernel positions (0..kernel-1) of output `index` that read data, not padding."""
        start = index * self.stride - self.pad_low
        first = max(-(start // self.dilation), 0)
        last = min(-(-(self.size - start) // self.dilation), self.kernel)
        return range(first, max(first, last))

    def taps_in_padded(self, index: int) -> range:
        """The kernel positions of output `index` that read data or padding, not overhang."""
        start = index * self.stride
        return range(min(self.kernel, max(-(-(self.padded - start) // self.dilation), 0)))

    @property
    def back(self) -> tuple[Window, int]:
        """The window with these very pads, and the output_padding under which its transpose gives the size again from `out`.

        The overhang counts as padding here: what a last window reads past the padding, the way back has to crop.

        >>> Window(3, stride=2, padding=SAME_UPPER).over(27).back[1], Window(3, stride=2).over(28).back[1]
        (0, 1)
        """
        window = Window(self.kernel, self.stride, self.dilation, Pads(self.pad_low, self.pad_high + self.overhang))
        return window, self.size - window.transposed(self.out)

    @property
    def phases(self) -> list[tuple[int, int, Axis]]:
        """The axes without dilation that one of stride 1 falls into: its first output, its first cell, and the axis over
        every dilation-th of each.

        >>> [(first, cell, axis.size, axis.out) for first, cell, axis in Window(3, dilation=2).over(7).phases]
        [(0, 0, 4, 2), (1, 1, 3, 1)]
        """
        found = []
        for first in range(min(self.dilation, self.out)):
            cell = (first - self.pad_low) % self.dilation
            outputs = -(-(self.out - first) // self.dilation)
            size = max(-(-(self.size - cell) // self.dilation), 0)
            low = (self.pad_low + cell - first) // self.dilation
            found.append((first, cell, Axis(size, self.kernel, 1, 1, low, outputs + self.kernel - 1 - size - low)))
        return found

    @property
    def interior(self) -> range:
        """The outputs whose windows lie wholly in the data."""
        first = max(-(-self.pad_low // self.stride), 0)
        stop = min((self.pad_low + self.size - self.span) // self.stride + 1, self.out)
        return range(first, max(first, stop))

    @property
    def blind(self) -> int:
        """How many outputs read no data at all, only padding or overhang."""
        if self.size < self.dilation:
            return sum(not self.taps_in_data(i) for i in range(min(max(self.out, 0), 1 << 16)))
        before = max(-(-(self.pad_low - self.span + 1) // self.stride), 0)
        after = max(self.out - max(-(-(self.pad_low + self.size) // self.stride), 0), 0)
        return min(before, max(self.out, 0)) + after

    @property
    def last_tap(self) -> int:
        """The data position of the last tap of the last window."""
        return (self.out - 1) * self.stride + self.span - 1 - self.pad_low

    @property
    def leftover(self) -> int:
        """Cells, data or padding, after the last window: too few for another step."""
        return max(self.size + self.pad_high - 1 - self.last_tap, 0)

    @property
    def unread_data(self) -> Unread:
        """Data cells that no window reads."""
        if not self.fits:
            return Unread(max(self.size, 0), 0)
        tail = min(max(self.size - 1 - self.last_tap, 0), self.size)
        return Unread(tail, self.size - tail - self._read_between(0, self.size - tail))

    @property
    def unread_padding(self) -> int:
        """Padding cells that no window reads: harmless."""
        low, high = max(self.pad_low, 0), max(self.pad_high, 0)
        if not self.fits:
            return low + high
        return low + high - self._read_between(-low, 0) - self._read_between(self.size, self.size + high)

    def reads(self, cell: int) -> bool:
        """Whether some window reads the data position `cell`.

        A tap position is index * stride + tap * dilation; with their common divisor g, the tap is fixed modulo stride / g.
        """
        if not self.fits:
            return False
        position = cell + self.pad_low
        common = gcd(self.stride, self.dilation)
        if position < 0 or position % common:
            return False
        stride, dilation, position = self.stride // common, self.dilation // common, position // common
        # The smallest tap that is right modulo the stride and late enough for one of the windows.
        earliest = max(-(-(position - (self.out - 1) * stride) // dilation), 0)
        tap = earliest + (position * pow(dilation, -1, stride) - earliest) % stride
        return tap < self.kernel and tap * dilation <= position

    def unread_cells(self, limit: int = 1000) -> Iterator[int]:
        """The unread data positions in order, looking at no more than the first `limit` data cells."""
        return (cell for cell in range(min(self.size, limit)) if not self.reads(cell))

    def _read_between(self, first: int, stop: int) -> int:
        """How many of the positions first..stop-1 some window reads."""
        low, high = first + self.pad_low, stop + self.pad_low
        if high <= low:
            return 0
        if self.dilation == 1:
            return _in_blocks(low, high, length=self.kernel, step=self.stride, blocks=self.out)
        common = gcd(self.stride, self.dilation)
        classes = min(self.kernel, self.stride // common)
        if classes > high - low:
            return sum(self.reads(cell) for cell in range(first, stop))
        # Taps of one class fall on the same residue modulo the stride, `step` windows apart from each other.
        step, count = self.dilation // common, 0
        for tap in range(classes):
            repeats = (self.kernel - 1 - tap) // (self.stride // common) + 1
            offset = tap * self.dilation
            a, b = -(-(low - offset) // self.stride), -(-(high - offset) // self.stride)
            count += _in_blocks(a, b, length=self.out, step=step, blocks=repeats)
        return count


def _in_blocks(first: int, stop: int, *, length: int, step: int, blocks: int) -> int:
    """How many of first..stop-1 lie in one of `blocks` runs of `length` cells that start every `step` cells from 0."""
    if length >= step:
        return max(min(stop, (blocks - 1) * step + length) - max(first, 0), 0)

    def below(limit: int) -> int:
        whole, rest = divmod(max(limit, 0), step)
        return blocks * length if whole >= blocks else whole * length + min(rest, length)

    return below(stop) - below(first) if stop > first else 0
