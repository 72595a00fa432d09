"""A window over a size, where every rule is a number: its places, its taps, and what it never reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING

from convwise.axis.counting import in_blocks, span_of
from convwise.axis.padding import Pads

if TYPE_CHECKING:
    from convwise.axis.window import Window


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

    >>> from convwise.axis import Pads, Window
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
        return span_of(self.kernel, self.dilation)

    def spanned(self, outputs: int) -> int:
        """Cells from the first tap of a window to the last tap of the `outputs`-th from there, both counted.

        >>> from convwise.axis import Window
        >>> Window(3, stride=2, dilation=2).over(20).spanned(4)
        11
        """
        return span_of(outputs, self.stride) + self.span - 1

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

        >>> from convwise.axis import SAME_UPPER, Window
        >>> Window(3, stride=2, padding=SAME_UPPER).over(27).back[1], Window(3, stride=2).over(28).back[1]
        (0, 1)
        """
        # `window` imports this file, so the import the other way waits until it is needed.
        from convwise.axis.window import Window

        window = Window(self.kernel, self.stride, self.dilation, Pads(self.pad_low, self.pad_high + self.overhang))
        return window, self.size - window.transposed(self.out)

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
            return in_blocks(low, high, length=self.kernel, step=self.stride, blocks=self.out)
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
            count += in_blocks(a, b, length=self.out, step=step, blocks=repeats)
        return count
