"""Sets of sizes: finite exceptions, and every n from some start on whose rest modulo a modulus is one of a few."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import count, islice

from convwise.errors import ArgumentError, said
from convwise.ops.shape import whole
from convwise.sizes.pattern import TooComplex, check_limit, common_period, shortest
from convwise.sizes.words import braced, sentence


@dataclass(frozen=True, slots=True)
class Reason:
    """What forces a condition: the node's name and the condition in words.

    `sizes` are those the reason alone leaves; it is what tells which reasons are implied by others.
    """

    node: str
    text: str
    sizes: SizeSet | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.node}: {self.text}" if self.node else self.text


@dataclass(frozen=True, slots=True)
class SizeSet:
    """Sizes of at least 1: `exceptions`, and {n >= start, n mod modulus in residues}. Equal sets are equal values.

    Made by `SizeSet.every()`, `.none()`, `.of(...)`, `.from_start(...)` and by the conditions on maps. The modulus is
    the smallest, then the start; `exceptions` are the legal sizes outside that regular part. A finite set has start None,
    modulus 1 and no residues. Where `exact` is False, `reasons` name the node that could not be followed.

    >>> sizes = SizeSet.from_start(188, 16, [12])
    >>> str(sizes), sizes.nearest(350), 572 in sizes
    ('n >= 188 and n = 12 (mod 16)', (348, 364), True)
    """

    exceptions: tuple[int, ...] = ()
    start: int | None = 1
    modulus: int = 1
    residues: tuple[int, ...] = (0,)
    exact: bool = True
    reasons: tuple[Reason, ...] = field(default=(), compare=False)

    @staticmethod
    def every() -> SizeSet:
        return _EVERY

    @staticmethod
    def none(*reasons: Reason) -> SizeSet:
        return SizeSet((), None, 1, (), True, reasons)

    @staticmethod
    def of(sizes: Iterable[int]) -> SizeSet:
        """The finite set of these sizes; those below 1 are left out."""
        return _canonical(set(sizes), 1, 1, ())

    @staticmethod
    def from_start(start: int, modulus: int = 1, residues: Iterable[int] = (0,), also: Iterable[int] = ()) -> SizeSet:
        """Every n >= start with n mod modulus in residues, and the sizes in `also`."""
        check_limit(modulus, "a period of")
        return _canonical(set(also), start, modulus, sorted({residue % modulus for residue in residues}))

    def because(self, *reasons: Reason) -> SizeSet:
        """The same sizes with these reasons in place of those it has."""
        return replace(self, reasons=reasons)

    def inexact(self, *reasons: Reason) -> SizeSet:
        """The same sizes, marked as not exact, with what could not be followed."""
        return replace(self, exact=False, reasons=self.reasons + reasons)

    @property
    def minimum(self) -> int | None:
        """The smallest size; None where there is none."""
        return min((size for size in (*self.exceptions[:1], self.start) if size is not None), default=None)

    @property
    def finite(self) -> bool:
        return self.start is None

    def __bool__(self) -> bool:
        return self.minimum is not None

    def __contains__(self, n: object) -> bool:
        number = n if isinstance(n, int) else whole(n)
        if number is None:
            return False
        return self._regular(number) or _found(self.exceptions, number)

    def _regular(self, n: int) -> bool:
        return self.start is not None and n >= self.start and _found(self.residues, n % self.modulus)

    def __iter__(self) -> Iterator[int]:
        """The sizes in order; without end where the set is not finite."""
        after = 0
        for size in self.exceptions:
            yield from self.between(after, size)
            yield size
            after = size
        if self.start is not None:
            for turn in count(max(after, self.start) // self.modulus):
                for residue in self.residues:
                    if (n := turn * self.modulus + residue) >= self.start and n > after:
                        yield n

    def between(self, after: int, stop: int) -> Iterator[int]:
        """The regular sizes above `after` and below `stop`."""
        if self.start is None:
            return
        for turn in range(max(after, self.start) // self.modulus, stop // self.modulus + 1):
            for residue in self.residues:
                if max(after + 1, self.start) <= (n := turn * self.modulus + residue) < stop:
                    yield n

    def first(self, how_many: int) -> tuple[int, ...]:
        return tuple(islice(self, how_many))

    def nearest(self, n: int) -> tuple[int | None, int | None]:
        """The nearest sizes at or below and at or above `n`; None where there is none.

        >>> SizeSet.of([3, 28]).nearest(30)
        (28, None)

        Raises:
            ArgumentError: CW601 where `n` is no whole number.
        """
        if type(n) is not int:
            if (number := whole(n)) is None:
                raise ArgumentError(
                    "CW601", f"{said(n)} is not a size", received=said(n), hint="sizes are whole numbers"
                )
            n = number
        at = bisect_left(self.exceptions, n)
        above = [self.exceptions[at]] if at < len(self.exceptions) else []
        below = [n] if n in self.exceptions else [self.exceptions[at - 1]] if at else []
        if self.start is not None:
            above.append(self._next(max(n, self.start)))
            if (last := self._previous(n)) is not None:
                below.append(last)
        return max(below, default=None), min(above, default=None)

    def _next(self, n: int) -> int:
        whole, rest = divmod(n, self.modulus)
        at = bisect_left(self.residues, rest)
        if at < len(self.residues):
            return whole * self.modulus + self.residues[at]
        return (whole + 1) * self.modulus + self.residues[0]

    def _previous(self, n: int) -> int | None:
        assert self.start is not None
        whole, rest = divmod(n, self.modulus)
        at = bisect_left(self.residues, rest + 1)
        last = whole * self.modulus + self.residues[at - 1] if at else (whole - 1) * self.modulus + self.residues[-1]
        return last if last >= self.start else None

    def __and__(self, other: SizeSet) -> SizeSet:
        """The sizes in both. A set that takes nothing away adds no reason; reasons that others imply are dropped."""
        both = _intersection(self, other)
        if other.exact and replace(both, exact=self.exact) == self:
            return self
        if self.exact and not self.reasons and replace(both, exact=other.exact) == other:
            return other
        reasons = _essential((*self.reasons, *other.reasons))
        return replace(both, exact=self.exact and other.exact, reasons=reasons)

    def __or__(self, other: SizeSet) -> SizeSet:
        """The sizes in one or the other."""
        either = _union(self, other)
        reasons = tuple(dict.fromkeys((*self.reasons, *other.reasons)))
        return replace(either, exact=self.exact and other.exact, reasons=reasons)

    def __invert__(self) -> SizeSet:
        """The sizes of at least 1 that are not in the set."""
        residues = set(self.residues) if self.start is not None else set()
        others = sorted(set(range(self.modulus)) - residues)
        last = max((self.start or 1) - 1, *self.exceptions[-1:], 0)
        check_limit(last, "single entries:")
        outside = {n for n in range(1, last + 1) if n not in self}
        return replace(_canonical(outside, last + 1, self.modulus, others), exact=self.exact)

    def issubset(self, other: SizeSet) -> bool:
        """Whether every size is one of the other's too; reasons and exactness play no part."""
        both = _intersection(self, other)
        return replace(both, exact=self.exact) == self

    def __str__(self) -> str:
        return self.text()

    def text(self, name: str = "n") -> str:
        """The set in words, with this name for the size."""
        return sentence(self.exceptions, self.start, self.modulus, self.residues, name)

    def braces(self) -> str:
        """`{28..31}`, or the rule in braces: for products of sets."""
        return braced(self.exceptions) if self.finite else f"{{{self}}}"


def _found(sizes: Sequence[int], n: int) -> bool:
    at = bisect_left(sizes, n)
    return at < len(sizes) and sizes[at] == n


def _canonical(also: set[int], start: int, modulus: int, residues: Sequence[int]) -> SizeSet:
    """The one form of a set: smallest modulus, then smallest start, then what lies outside. `also` is used up."""
    also = {size for size in also if size >= 1}
    if not residues:
        check_limit(len(also), "single entries:")
        return SizeSet(tuple(sorted(also)), None, 1, ())
    if len(residues) == modulus:
        modulus, residues = 1, (0,)
    elif modulus > 1:
        inside = set(residues)
        base, _ = shortest([0 if rest in inside else None for rest in range(modulus)], 0)
        modulus, residues = len(base), [rest for rest, value in enumerate(base) if value == 0]
    regular = SizeSet((), max(start, 1), modulus, tuple(residues))
    first = regular._next(max(start, 1))
    while (before := replace(regular, start=1)._previous(first - 1)) is not None and before in also:
        first = before
    exceptions = tuple(sorted(size for size in also if size < first or not _found(residues, size % modulus)))
    check_limit(len(exceptions), "single entries:")
    return replace(regular, exceptions=exceptions, start=first)


def _intersection(one: SizeSet, other: SizeSet) -> SizeSet:
    also = {size for size in one.exceptions if size in other} | {size for size in other.exceptions if size in one}
    if one.start is None or other.start is None:
        return _canonical(also, 1, 1, ())
    start = max(one.start, other.start)
    if one.modulus == other.modulus:
        return _canonical(also, start, one.modulus, sorted(set(one.residues) & set(other.residues)))
    modulus = common_period(one.modulus, other.modulus)
    allowed = set(other.residues)
    return _canonical(also, start, modulus, [n for n in _spread(one, modulus) if n % other.modulus in allowed])


def _spread(sizes: SizeSet, modulus: int) -> list[int]:
    """The residues modulo a multiple of the modulus, in order."""
    return [start + residue for start in range(0, modulus, sizes.modulus) for residue in sizes.residues]


def _union(one: SizeSet, other: SizeSet) -> SizeSet:
    if one.start is None or (other.start is not None and other.start < one.start):
        one, other = other, one
    also = {*one.exceptions, *other.exceptions}
    if one.start is None:
        return _canonical(also, 1, 1, ())
    if other.start is None:
        return _canonical(also, one.start, one.modulus, one.residues)
    modulus = common_period(one.modulus, other.modulus)
    early, late = _spread(one, modulus), _spread(other, modulus)
    if set(late) <= set(early):
        return _canonical(also, one.start, modulus, early)
    check_limit((other.start - one.start) // modulus * len(early), "single entries:")
    also.update(one.between(0, other.start))
    return _canonical(also, other.start, modulus, sorted({*early, *late}))


def _essential(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """The reasons in order, without repetitions and without those that the others together imply; of equals the first stays."""
    kept = list(dict.fromkeys(reasons))
    for reason in reversed(kept[:]):
        others = [other.sizes for other in kept if other is not reason and other.sizes is not None]
        if reason.sizes is not None and others and _implied(reason.sizes, others):
            kept.remove(reason)
    return tuple(kept)


def _implied(sizes: SizeSet, others: list[SizeSet]) -> bool:
    try:
        return reduce(_intersection, others, _EVERY).issubset(sizes)
    except TooComplex:
        return False


_EVERY = SizeSet()
