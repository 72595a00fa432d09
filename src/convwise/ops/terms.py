"""Sizes that a network computes from the sizes of its tensors: `x.shape[2] // 2`, ONNX's Shape, Gather, Mul.

A term is a whole number, the size of one axis of one of the node's inputs, or arithmetic on terms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from struct import pack, unpack

from convwise.errors import ArgumentError
from convwise.ops.shape import Shape, Size


@dataclass(frozen=True, slots=True)
class SizeOf:
    """The size of axis `axis` (negative: from the back) of the node's input numbered `input`, counted from 0."""

    input: int
    axis: int


@dataclass(frozen=True, slots=True)
class Scale:
    """floor(term x factor); `exact` where the framework's product is exact, else it is computed in double precision, or in `single`."""

    term: Term
    factor: Fraction
    exact: bool = True
    single: bool = False

    def floor(self, size: int) -> int:
        """The product with this size, rounded as the framework does."""
        if self.exact:
            return floor(size * self.factor)
        product = float(size) * float(self.factor)
        if not self.single:
            return floor(product)
        try:
            return floor(float(unpack("<f", pack("<f", product))[0]))
        except OverflowError:
            return floor(product)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two terms put together; `kind` is a key of `KINDS`."""

    kind: str
    left: Term
    right: Term


Term = int | SizeOf | Scale | Arithmetic


def truncated(left: int, right: int) -> int:
    """The quotient rounded towards zero: ONNX's `Div` on integers."""
    down = left // right
    return down + 1 if left % right and down < 0 else down


KINDS: dict[str, Callable[[int, int], int]] = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "floor_divide": lambda left, right: left // right,
    "truncate_divide": truncated,
    "ceil_divide": lambda left, right: -(-left // right),
    "modulo": lambda left, right: left % right,
    "minimum": min,
    "maximum": max,
}
"""What arithmetic there is."""


def value(term: Term, shapes: tuple[Shape, ...]) -> Size:
    """The term's value for these input shapes; None where a size it needs is not known.

    Raises:
        ArgumentError: CW606 for arithmetic that is not in `KINDS` or divides by zero.

    >>> value(Arithmetic("floor_divide", SizeOf(0, 2), 2), ((1, 3, 9, 10),))
    4
    """
    if isinstance(term, int):
        return term
    if isinstance(term, SizeOf):
        shape = shapes[term.input]
        return shape[term.axis] if -len(shape) <= term.axis < len(shape) else None
    if isinstance(term, Scale):
        size = value(term.term, shapes)
        return None if size is None else term.floor(size)
    left, right = value(term.left, shapes), value(term.right, shapes)
    if left is None or right is None:
        return None
    combine = KINDS.get(term.kind)
    if combine is None or (right == 0 and term.kind.endswith(("divide", "modulo"))):
        raise ArgumentError("CW606", f"sizes cannot be put together by {term.kind!r} with {right}", received=term.kind)
    return combine(left, right)
