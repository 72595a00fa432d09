"""A window before any size is known: what a layer says about one axis, and what follows from that alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convwise.axis.axis import Axis
from convwise.axis.counting import span_of
from convwise.axis.padding import NO_PADS, SAME_UPPER, Padding, Pads, Same, split_total


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
        return span_of(self.kernel, self.dilation)

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
    def counter(self) -> Callable[[int], int]:
        """`out` as a plain function, for those who ask for very many sizes.

        >>> Window(3, stride=2, padding=Pads(1, 1)).counter(224)
        112
        """
        step = self.step
        if step is None:
            return self.out
        gain, stride = step
        return lambda size: (size + gain) // stride

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

    @property
    def sources(self) -> tuple[range, int]:
        """The cells from the first that output 0 of the transposed window takes from, as many as any output does; and the stride times twice the middle of output 0's.

        Output j takes from cell (j + low - tap) / stride for every tap of the span where that is whole.

        >>> Window(4, stride=2, padding=Pads(1, 1)).sources
        (range(-1, 1), -1)
        """
        fixed = self.fixed().padding
        low = fixed.low if isinstance(fixed, Pads) else 0
        reach = self.span - 1
        first = -((reach - low) // self.stride)
        return range(first, first + reach // self.stride + 1), 2 * low - reach


def keeping_pads(kernel: int, dilation: int = 1) -> Pads:
    """The pads that keep the size at stride 1, the odd cell after the data: PyTorch's `padding='same'`.

    >>> keeping_pads(4)
    Pads(low=1, high=2)
    """
    return split_total(Window(kernel, dilation=dilation).span - 1, SAME_UPPER)


def causal_pads(kernel: int, dilation: int = 1) -> Pads:
    """The pads under which no output sees a later cell: all of span - 1 before the data (Keras's `causal`)."""
    return Pads(Window(kernel, dilation=dilation).span - 1, 0)


def uncovered(stride: int, size: int, out: int) -> range:
    """What span - 1 may exceed the padding by, so that windows `stride` apart come to `out` on `size` cells.

    It is the preimage of a window of one cell, seen from the size; at 0 the stride alone gives `out`. Empty for out < 1.

    >>> uncovered(2, 28, 14), uncovered(2, 28, 13)
    (range(0, 2), range(2, 4))
    """
    between = Window(1, stride).preimage(out)
    return range(size - between[1], size - between[0] + 1) if between else range(0)
