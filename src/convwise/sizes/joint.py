"""Conditions that couple axes: Flatten before a Dense layer asks that the product of the sizes is one number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product as combinations
from math import prod

from convwise.sizes.conditions import equal
from convwise.sizes.maps import SizeMap
from convwise.sizes.pattern import TooComplex, check_limit
from convwise.sizes.sets import Reason, SizeSet

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}

LARGEST_PRODUCT = 1 << 42
"""Larger products are not split into divisors: trial division would take seconds."""

MOST_COMPARED = 64
"""More boxes are not compared with each other: it takes a comparison a pair."""


@dataclass(frozen=True, slots=True)
class JointSet:
    """Sizes on several axes at once: those in one of `boxes`, each a product of one SizeSet an axis.

    >>> box = (SizeSet.of(range(28, 32)), SizeSet.of(range(28, 32)))
    >>> str(JointSet(("height", "width"), (box,))), (28, 31) in JointSet(("height", "width"), (box,))
    ('height x width in {28..31} x {28..31}', True)
    """

    names: tuple[str, ...]
    boxes: tuple[tuple[SizeSet, ...], ...]
    reasons: tuple[Reason, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __contains__(self, sizes: object) -> bool:
        if not isinstance(sizes, tuple) or len(sizes) != len(self.names):
            return False
        return any(all(n in allowed for n, allowed in zip(sizes, box, strict=True)) for box in self.boxes)

    def along(self, name: str) -> SizeSet:
        """The sizes of one axis that some sizes of the others go with."""
        at = self.names.index(name)
        sizes = SizeSet.none()
        for box in self.boxes:
            sizes = sizes | box[at]
        return sizes.because(*self.reasons)

    @property
    def square(self) -> SizeSet:
        """The n for which n on every axis is legal."""
        sizes = SizeSet.none()
        for box in self.boxes:
            common = SizeSet.every()
            for allowed in box:
                common = common & allowed
            sizes = sizes | common
        return sizes.because(*self.reasons)

    def within(self, *limits: SizeSet) -> JointSet:
        """What is left when each axis has a condition of its own too."""
        return self & JointSet(self.names, (limits,))

    def __and__(self, other: JointSet) -> JointSet:
        check_limit(len(self.boxes) * len(other.boxes), "joint conditions:")
        boxes = (
            tuple(one & two for one, two in zip(here, there, strict=True))
            for here, there in combinations(self.boxes, other.boxes)
        )
        reasons = tuple(dict.fromkeys((*self.reasons, *other.reasons)))
        return JointSet(self.names, _widest(tuple(dict.fromkeys(box for box in boxes if all(box)))), reasons)

    def nearest(self, sizes: Sequence[int]) -> tuple[int, ...] | None:
        """The legal sizes with the smallest sum of distances to `sizes`; of equals the smaller; None where there are none."""
        best: tuple[int, tuple[int, ...]] | None = None
        for box in self.boxes:
            point = []
            for n, allowed in zip(sizes, box, strict=True):
                around = [size for size in allowed.nearest(n) if size is not None]
                point.append(min(around, key=lambda size: (abs(size - n), size)))
            found = (sum(abs(size - n) for size, n in zip(point, sizes, strict=True)), tuple(point))
            best = found if best is None else min(best, found)
        return best[1] if best else None

    def __str__(self) -> str:
        product = " x ".join(self.names)
        if not self.boxes:
            return f"no {product}"
        return f"{product} in " + " or ".join(" x ".join(allowed.braces() for allowed in box) for box in self.boxes)


def _widest(boxes: tuple[tuple[SizeSet, ...], ...]) -> tuple[tuple[SizeSet, ...], ...]:
    """The boxes without those that lie in another, which alternatives met again and again would double each time."""
    if len(boxes) > MOST_COMPARED:
        return boxes
    return tuple(box for box in boxes if not any(other is not box and _inside(box, other) for other in boxes))


def _inside(box: tuple[SizeSet, ...], other: tuple[SizeSet, ...]) -> bool:
    return all(one.issubset(two) for one, two in zip(box, other, strict=True))


def joint(
    maps: Sequence[SizeMap],
    product: int,
    *,
    channels: int = 1,
    reason: Reason | str | None = None,
    names: Sequence[str] | None = None,
) -> JointSet:
    """The input sizes where channels times every map's value is `product`: one box for each way to split it into divisors.

    >>> from convwise.axis import Window
    >>> from convwise.sizes.maps import identity
    >>> f = identity().through(Window(5)).through(Window(2, stride=2)).through(Window(5)).through(Window(2, stride=2))
    >>> str(joint((f, f), 400, channels=16))
    'height x width in {16..19} x {112..115} or {32..35} x {32..35} or {112..115} x {16..19}'
    """
    axes = tuple(names or AXES.get(len(maps), tuple(f"axis {i}" for i in range(len(maps)))))
    if isinstance(reason, str):
        factors = " x ".join((str(channels), *axes))
        reason = Reason(reason, f"needs {factors} after the layers before it to be {product}")
    whole, left = divmod(product, channels)
    boxes = () if left or whole < 1 else tuple(_boxes(tuple(maps), whole))
    return JointSet(axes, boxes, (reason,) if reason else ())


def _boxes(maps: tuple[SizeMap, ...], product: int) -> Iterator[tuple[SizeSet, ...]]:
    first, *rest = maps
    if not rest:
        if sizes := equal(first, product):
            yield (sizes,)
        return
    for divisor in _candidates(first, rest, product):
        if divisor < 1 or product % divisor or not (sizes := equal(first, divisor)):
            continue
        for others in _boxes(tuple(rest), product // divisor):
            yield (sizes, *others)


def _candidates(first: SizeMap, rest: Sequence[SizeMap], product: int) -> Sequence[int]:
    """The values that the first map can have: one where it never changes, or where all the others do not."""
    if (fixed := first.value) is not None:
        return (fixed,)
    values = [value for f in rest if (value := f.value) is not None]
    if len(values) == len(rest):
        return (product // max(prod(values), 1),)
    return _divisors(product)


def _divisors(number: int) -> list[int]:
    if number > LARGEST_PRODUCT:
        raise TooComplex("CW308", f"the divisors of {number:,} are not looked for", received=number)
    small, at = [], 1
    while at * at <= number:
        if number % at == 0:
            small.append(at)
        at += 1
    return small + [number // at for at in reversed(small) if at * at != number]
