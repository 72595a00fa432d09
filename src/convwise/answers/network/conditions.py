"""What nodes ask of the input's sizes, gathered: a set an axis, joint conditions, and what could not be followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import prod

from convwise.answers.network.dims import Dim, Key, Product, of, ratio, single
from convwise.sizes import (
    JointSet,
    Reason,
    SizeMap,
    SizeSet,
    TooComplex,
    at_least,
    broadcast,
    broadcastable,
    constant,
    divisible,
    equal,
    expression,
    joint,
)
from convwise.sizes.pattern import primes

Box = dict[Key, SizeSet]

MOST_BOXES = 256
"""More ways to share a divisor are not told: nobody reads them, and each costs a set an axis."""


@dataclass(slots=True)
class Conditions:
    """`sets` an axis; `joints` alternatives that couple axes; `open` what could not be followed; `never` what no size meets.

    `node` is the name of the node that asks at the moment.
    """

    sets: dict[Key, SizeSet]
    joints: list[tuple[tuple[Box, ...], Reason]] = field(default_factory=list)
    open: list[tuple[frozenset[Key], Reason]] = field(default_factory=list)
    never: list[Reason] = field(default_factory=list)
    node: str = ""

    def refuse(self, text: str) -> None:
        """No size meets what the node asks."""
        self.never.append(Reason(self.node, text, SizeSet.none()))

    def unclear(self, text: str, *dims: Dim) -> None:
        """What the node asks, or does, could not be followed; it may concern the axes that `dims` come from."""
        keys = frozenset(key for dim in dims if isinstance(dim, Product) for key, _ in dim.factors)
        self.open.append((keys, Reason(self.node, text)))

    def unknown(self, text: str, *dims: Dim) -> bool:
        """Whether a size is not known; what a node asks of it may concern the axes that the others come from."""
        if None in dims and any(isinstance(dim, Product) for dim in dims):
            self.unclear(text, *dims)
        return None in dims

    def keep(self, key: Key, sizes: SizeSet, text: str = "", alone: SizeSet | None = None) -> None:
        """Only `sizes` of this axis. The text names the condition; `alone` is what the condition by itself leaves."""
        current = self.sets[key]
        try:
            kept = current & sizes.because()
        except TooComplex as error:
            self.open.append((frozenset((key,)), Reason(self.node, f"{text or f'needs {sizes}'}: {error.fact}")))
            return
        if kept == current:
            return
        reason = Reason(self.node, text or f"needs {sizes}", sizes if alone is None else alone)
        self.sets[key] = current & sizes.because(reason)

    def followed(self, key: Key, before: SizeMap, after: SizeMap, text: str = "") -> None:
        """The node turned `before` into `after`: sizes that have no value any more are not legal."""
        if before is not after and not _same_domain(before, after):
            legal = after.legal
            self.keep(key, legal, f"{text}{legal}" if text else "")

    def either(self, boxes: tuple[Box, ...], text: str) -> None:
        """One of the boxes; each says what it asks of some axes."""
        full = tuple(box for box in boxes if all(box.values()))
        if not full:
            self.refuse(text)
        elif len(full) == 1:
            for key, sizes in full[0].items():
                self.keep(key, sizes, text)
        elif len({key for box in full for key in box}) == 1:
            key = next(iter(full[0]))
            union = SizeSet.none()
            for box in full:
                union = union | box[key]
            self.keep(key, union, text)
        elif {} not in full:
            self.joints.append((full, Reason(self.node, text)))

    def equal(self, one: Dim, other: Dim, what: str) -> None:
        """The two sizes must be equal; `what` says of what, for a message."""
        if self.unknown(f"needs {what} to be equal, and one is not known", one, other) or one == other:
            return
        pair = _same_axis(one, other)
        try:
            if pair is not None:
                key, f, g = pair
                self._set(key, equal(f, g), f, g, "=")
            else:
                self.either(boxes_equal(one, other), f"needs {what} to be equal")
        except (TooComplex, NotFollowed) as error:
            self.unclear(f"needs {what} to be equal, which is not followed: {_fact(error)}", one, other)

    def product_is(self, one: Dim, wanted: Dim, text: str) -> None:
        """The two counts must be equal; `text` is the condition in words."""
        if self.unknown(f"{text}, and a size is not known", one, wanted) or one == wanted:
            return
        pair = _same_axis(one, wanted)
        try:
            if pair is not None:
                key, f, g = pair
                self.keep(key, equal(f, g), text, _alone(equal(f, g), f, g))
            else:
                self.either(boxes_equal(one, wanted), text)
        except (TooComplex, NotFollowed) as error:
            self.unclear(f"{text}, which is not followed: {_fact(error)}", one, wanted)

    def divides(self, divisor: int, dim: Dim, text: str) -> None:
        """`divisor` must divide the size."""
        if dim is None or divisor == 1:
            return
        try:
            self.either(boxes_divisible(dim, divisor), text)
        except (TooComplex, NotFollowed) as error:
            self.unclear(f"{text}, which is not followed: {_fact(error)}", dim)

    def broadcast(self, one: Dim, other: Dim) -> Dim:
        """What an elementwise op makes of two sizes, and what it asks of them."""
        if one == other or other == 1:
            return one
        if one == 1:
            return other
        if self.unknown("combines a size with one that is not known", one, other):
            return one if other is None and isinstance(one, int) else other if isinstance(other, int) else None
        try:
            return self._broadcast(one, other)
        except (TooComplex, NotFollowed) as error:
            self.unclear(f"combines two sizes in a way that is not followed: {_fact(error)}", one, other)
            return None

    def _broadcast(self, one: Dim, other: Dim) -> Dim:
        pair = _same_axis(one, other)
        if pair is not None:
            key, f, g = pair
            sizes = broadcastable(f, g)
            singles = bool((equal(f, 1) | equal(g, 1)) & ~equal(f, g))
            self._set(key, sizes, f, g, "=", ", or one of them 1" if singles else "")
            if f == g:
                return one
            return of(key, broadcast(f.within(sizes), g.within(sizes))) if sizes else one
        if isinstance(one, int) or isinstance(other, int):
            fixed, free = (one, other) if isinstance(one, int) else (other, one)
            boxes = (*boxes_equal(free, fixed), *boxes_equal(free, 1))
            self.either(boxes, f"needs a size of {fixed}, or of 1")
            return fixed
        ones, others = boxes_equal(one, 1), boxes_equal(other, 1)
        self.either((*boxes_equal(one, other), *ones, *others), "needs two sizes to be equal, or one of them 1")
        if ones:
            raise NotFollowed("either of the two may be 1")
        return one

    def _set(self, key: Key, sizes: SizeSet, f: SizeMap, g: SizeMap, sign: str, more: str = "") -> None:
        current = self.sets[key]
        if current & sizes.because() != current:
            text = f"needs {expression(f).text()} {sign} {expression(g).text()}{more}"
            self.keep(key, sizes, text, _alone(sizes, f, g))


class NotFollowed(ValueError):  # noqa: N818 (it is what the condition is)
    """A condition that couples axes in a way that no product of sets says."""


def _fact(error: Exception) -> str:
    return error.fact if isinstance(error, TooComplex) else str(error)


def _alone(sizes: SizeSet, f: SizeMap, g: SizeMap) -> SizeSet | None:
    try:
        return sizes | ~(f.legal & g.legal)
    except TooComplex:
        return None


def _same_domain(before: SizeMap, after: SizeMap) -> bool:
    """Whether plainly the same sizes are legal for both; False is no proof of the contrary."""
    return (
        before.start == after.start
        and len(before.head) == len(after.head)
        and None not in before.base
        and None not in after.base
    )


def _same_axis(one: Dim, other: Dim) -> tuple[Key, SizeMap, SizeMap] | None:
    """(axis, map, map) where both sizes follow from one axis, or one is a number."""
    first, second = single(one), single(other)
    if first is not None and second is not None:
        return (first[0], first[1], second[1]) if first[0] == second[0] else None
    if first is not None and isinstance(other, int):
        return first[0], first[1], constant(other)
    if second is not None and isinstance(one, int):
        return second[0], constant(one), second[1]
    return None


def boxes_equal(one: Dim, other: Dim) -> tuple[Box, ...]:
    """Where two sizes are equal; ({},) is everywhere and () nowhere.

    Raises:
        NotFollowed: where maps of several axes stand on both sides.
    """
    both = ratio(one, other)
    if both is None:
        return () if one != other else ({},)
    over, under, coefficient = both.over, both.under, both.coefficient
    if not over and not under:
        return ({},) if coefficient == 1 else ()
    if over and under:
        keys = {key for key, _ in (*over, *under)}
        if len(dict(over)) < len(over) or len(dict(under)) < len(under):
            raise NotFollowed("it multiplies sizes of one axis")
        if len(over) == len(under) == 1 and len(keys) == 1:
            f, g = over[0][1] * coefficient.numerator, under[0][1] * coefficient.denominator
            return ({over[0][0]: equal(f, g)},)
        return (_axis_by_axis(dict(over), dict(under), coefficient),)
    factors = over or under
    wanted = 1 / coefficient if over else coefficient
    if wanted.denominator != 1:
        return ()
    return boxes_product(factors, int(wanted))


def _axis_by_axis(over: dict[Key, SizeMap], under: dict[Key, SizeMap], coefficient: Fraction) -> Box:
    """Where coefficient x over = under, if one side is at no axis and no size the larger: then every axis must agree by itself.

    So it is where a network cuts both axes into windows: floor(h / 7) floor(w / 7) 49 = h w asks 7 to divide both.
    """
    box, sides, left = Box(), [True, True], coefficient
    if over.keys() != under.keys():
        raise NotFollowed("it couples the sizes of several axes")
    for key, f in over.items():
        g = under[key]
        if not f.step or not g.step:
            raise NotFollowed("it couples the sizes of several axes")
        rate = Fraction(g.step * f.period, g.period * f.step)
        left /= rate
        one, other = f * rate.numerator, g * rate.denominator
        both = one.legal & other.legal
        sides = [sides[0] and at_least(one, other) == both, sides[1] and at_least(other, one) == both]
        box[key] = equal(one, other)
    if left != 1 or not any(sides):
        raise NotFollowed("it couples the sizes of several axes")
    return box


def boxes_product(factors: tuple[tuple[Key, SizeMap], ...], wanted: int) -> tuple[Box, ...]:
    """Where the product of the maps' values is `wanted`."""
    found = joint([f for _, f in factors], wanted)
    return tuple(box for parts in found.boxes if (box := _box(factors, parts)) is not None)


def _box(factors: tuple[tuple[Key, SizeMap], ...], parts: tuple[SizeSet, ...]) -> Box | None:
    box: Box = {}
    for (key, _), sizes in zip(factors, parts, strict=True):
        box[key] = box[key] & sizes if key in box else sizes
    return box if all(box.values()) else None


def boxes_divisible(dim: Dim, divisor: int) -> tuple[Box, ...]:
    """Where `divisor` divides the size."""
    if isinstance(dim, int):
        return () if dim % divisor else ({},)
    assert dim is not None
    quotient: Fraction = dim.coefficient / divisor
    return boxes_multiple(dim.factors, quotient.denominator)


def boxes_multiple(factors: tuple[tuple[Key, SizeMap], ...], divisor: int) -> tuple[Box, ...]:
    """Where `divisor` divides the product of the maps' values: each takes a share of it. The boxes may overlap.

    Raises:
        NotFollowed: where there are too many divisors, or too many ways to share them.
    """
    if divisor > 1 << 16:
        raise NotFollowed(f"{divisor} has too many divisors")
    times: dict[tuple[Key, SizeMap], int] = {}
    for factor in factors:
        times[factor] = times.get(factor, 0) + 1
    found = _shared(tuple(times.items()), divisor)
    if len(found) > MOST_BOXES:
        raise NotFollowed(f"{divisor} is shared in more than {MOST_BOXES} ways")
    return found


def _shared(powers: tuple[tuple[tuple[Key, SizeMap], int], ...], divisor: int) -> tuple[Box, ...]:
    if divisor == 1:
        return ({},)
    ((key, f), times), *rest = powers
    if not rest:
        return ({key: divisible(f, _root(divisor, times))},)
    found: list[Box] = []
    roots: set[int] = set()
    # Of the shares that ask the same of this map, the largest leaves the others the least to do.
    for share in (d for d in range(divisor, 0, -1) if divisor % d == 0):
        root = _root(share, times)
        if root in roots or len(found) > MOST_BOXES:
            continue
        roots.add(root)
        sizes = divisible(f, root)
        for box in _shared(tuple(rest), divisor // share):
            whole = {**box, key: sizes & box[key] if key in box else sizes}
            if all(whole.values()):
                found.append(whole)
    return tuple(found)


def _root(number: int, times: int) -> int:
    """The least number whose power by `times` is a multiple of this one."""
    root, rest = 1, number
    for prime in primes(number):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        root *= prime ** -(-count // times)
    return root


def more_than_one(dims: tuple[Dim, ...]) -> tuple[Box, ...] | None:
    """Where the product of the sizes, each of them at least 1, is more than 1; None where that is no matter of single axes."""
    fixed = prod(dim for dim in dims if isinstance(dim, int))
    free = [dim for dim in dims if isinstance(dim, Product)]
    if fixed > 1 or None in dims or any(dim.coefficient > 1 for dim in free):
        return ({},)
    if any(dim.coefficient < 1 for dim in free):
        return None
    return tuple({key: at_least(f, 2)} for dim in free for key, f in dim.factors)


def as_joint(boxes: tuple[Box, ...], keys: tuple[Key, ...], names: tuple[str, ...], reason: Reason) -> JointSet:
    """The alternatives as a set over these axes."""
    full = tuple(tuple(box.get(key, SizeSet.every()) for key in keys) for box in boxes)
    return JointSet(names, full, (reason,))
