"""`dimension_numbers`: which axis of data, kernel and output is which. Source: jax/_src/lax/convolution.py."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.dialects.base import Value, known
from convwise.dialects.kinds import show
from convwise.errors import CodeError, Refusal
from convwise.ops import Op, Permute

PAIRS = ("NC", "OI", "NC")
DEFAULTS = {3: "NHC HIO NHC", 4: "NHWC HWIO NHWC", 5: "NHWDC HWDIO NHWDC"}
"""Number of axes -> the dimension numbers of lax.conv_transpose where none are given."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The three orders, each a word of letters; `before` and `after` are the permutations around the op."""

    lhs: str
    rhs: str
    out: str

    @property
    def spatial(self) -> str:
        """The spatial letters in the order of the kernel."""
        return "".join(letter for letter in self.rhs if letter not in "OI")

    @property
    def channels_last(self) -> bool:
        return self.lhs == f"N{self.spatial}C"

    @property
    def before(self) -> tuple[Op, ...]:
        """What brings the data into the order N, C, spatial, where it stands in neither that nor channels last."""
        wanted = f"NC{self.spatial}"
        return () if self.channels_last or self.lhs == wanted else (Permute(tuple(map(self.lhs.index, wanted))),)

    @property
    def after(self) -> tuple[Op, ...]:
        """What brings the result into the order asked for."""
        now = self.lhs if self.channels_last else f"NC{self.spatial}"
        return () if self.out == now else (Permute(tuple(map(now.index, self.out))),)

    def kernel(self, shape: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
        """(out channels, in channels per group, sizes) of a kernel of this shape."""
        sizes = tuple(shape[self.rhs.index(letter)] for letter in self.spatial)
        return shape[self.rhs.index("O")], shape[self.rhs.index("I")], sizes


def dimensions(value: Value, axes: int, transposed: bool = False) -> Dimensions:
    """The dimension numbers for data of `axes` axes.

    Raises:
        Refusal: CW207, CW101.  CodeError: CW314, CW317.
    """
    known(value, "dimension_numbers")
    if value is None:
        if transposed:
            return Dimensions(*DEFAULTS[axes].split())
        letters = "DHW"[5 - axes :]
        return Dimensions(f"NC{letters}", f"OI{letters}", f"NC{letters}")
    if not isinstance(value, tuple):
        raise CodeError(
            "CW314",
            f"dimension_numbers is {show(value)}: three words of letters are read",
            received=show(value),
            hint="write ('NHWC', 'HWIO', 'NHWC')",
        )
    if len(value) != 3:
        quote = f"convolution dimension_numbers list/tuple must be length 3, got {len(value)}."
        fact = f"dimension_numbers has {len(value)} words where 3 are needed"
        raise Refusal("CW101", fact, received=value, hint="write ('NHWC', 'HWIO', 'NHWC')", quote=quote)
    if not all(isinstance(order, str) for order in value):
        fact = f"dimension_numbers is {show(value)}, not three words"
        quote = "convolution dimension_numbers elements must be strings"
        raise Refusal("CW204", fact, received=show(value), hint="write ('NHWC', 'HWIO', 'NHWC')", quote=quote)
    for place, (order, pair) in enumerate(zip(value, PAIRS, strict=True)):
        if len(order) != axes:
            quote = f"convolution dimension_numbers[{place}] must have len equal to the ndim of lhs and rhs"
            fact = f"dimension_numbers[{place}] is {order!r}, for {len(order)} axes where there are {axes}"
            raise Refusal("CW101", fact, received=value, quote=quote)
        if order.count(pair[0]) != 1 or order.count(pair[1]) != 1:
            quote = f"convolution dimension_numbers[{place}] must contain the characters '{pair[0]}' and '{pair[1]}' exactly once, got {order}."
            fact = f"dimension_numbers[{place}] is {order!r}"
            raise Refusal(
                "CW207", fact, received=value, hint=f"it needs {pair[0]} and {pair[1]} once each", quote=quote
            )
        if len(set(order)) != len(order):
            quote = f"convolution dimension_numbers[{place}] cannot have duplicate characters, got {order}."
            raise Refusal("CW207", f"dimension_numbers[{place}] is {order!r}", received=value, quote=quote)
    lhs, rhs, out = value
    if not set(lhs) - set("NC") == set(rhs) - set("OI") == set(out) - set("NC"):
        quote = "convolution dimension_numbers elements must each have the same set of spatial characters"
        raise Refusal("CW207", f"dimension_numbers {value} name different sizes", received=value, quote=quote)
    return Dimensions(lhs, rhs, out)
