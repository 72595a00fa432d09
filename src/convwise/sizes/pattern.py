"""The canonical form of what is regular from some size on, shared by maps and sets of sizes.

A pattern of `period` P and `step` Q gives size n the value base[n mod P] + Q floor(n / P), or nothing where base is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from convwise.errors import ConvwiseError

LIMIT = 65_536
"""The longest period, and the most single entries below the regular part, that a map or set of sizes may have."""

Value = int | None


class TooComplex(ConvwiseError, ValueError):  # noqa: N818 (it is what the sizes are)
    """The sizes follow a rule with a period or a table beyond `LIMIT`, so the exact answer is not given."""


def check_limit(count: int, what: str) -> None:
    """Raise TooComplex (CW308) where `count` is more than `LIMIT`."""
    if count > LIMIT:
        raise TooComplex(
            "CW308",
            f"the sizes have {what} {count:,}, more than {LIMIT:,}",
            received=count,
            hint="ask about one input size instead",
        )


def common_period(first: int, second: int) -> int:
    """The least common multiple of two periods; raises TooComplex where it is too long."""
    period = first // gcd(first, second) * second
    check_limit(period, "a period of")
    return period


def primes(number: int) -> Iterator[int]:
    """The prime factors of `number`, each once, by trial division."""
    prime = 2
    while prime * prime <= number:
        if number % prime == 0:
            yield prime
            while number % prime == 0:
                number //= prime
        prime += 1
    if number > 1:
        yield number


def stretched(base: Sequence[Value], step: int, period: int) -> Sequence[Value]:
    """The same pattern written with a multiple of its period."""
    if len(base) == period:
        return base
    rises = range(0, period // len(base) * step, step) if step else [0] * (period // len(base))
    return [None if value is None else value + rise for rise in rises for value in base]


def shortest(base: Sequence[Value], step: int) -> tuple[tuple[Value, ...], int]:
    """The same pattern with its smallest period, and the step that goes with it."""
    base = tuple(base)
    for prime in primes(len(base)):
        while len(base) % prime == 0 and step % prime == 0:
            period, rise = len(base) // prime, step // prime
            shifted = (
                base[:-period] if rise == 0 else [None if value is None else value + rise for value in base[:-period]]
            )
            if tuple(shifted) != base[period:]:
                break
            base, step = base[:period], rise
    return base, step


def canonical(
    head: dict[int, int], start: int, step: int, base: Sequence[Value]
) -> tuple[tuple[tuple[int, int], ...], int, int, tuple[Value, ...]]:
    """(head, start, step, base) in the one form that equal maps share; `head` is used up.

    `head` holds the legal sizes below `start`. The period becomes the smallest, then the start; it stands on the first
    legal size of the regular part, and after the last of the head where there is no regular part.
    """
    if all(value is None for value in base):
        return tuple(sorted(head.items())), max(head, default=0) + 1, 0, (None,)
    base, step = shortest(base, step)
    period = len(base)
    while start > 1:
        whole, rest = divmod(start - 1, period)
        value = base[rest]
        if head.get(start - 1) != (None if value is None else value + step * whole):
            break
        start -= 1
        head.pop(start, None)
    while base[start % period] is None:
        start += 1
    check_limit(len(head), "single entries:")
    return tuple(sorted(head.items())), start, step, base
