"""The conditions that ops put on input sizes, as exact sets.

Every condition holds only where its maps are legal. A `reason` is a node's name (the text is then made here) or a
ready `Reason`; its own `sizes` leave out what the maps' own legality forces, which has reasons of its own.
"""

from __future__ import annotations

from dataclasses import replace

from convwise.sizes.formula import expression
from convwise.sizes.maps import SizeMap, constant, shared_head
from convwise.sizes.pattern import TooComplex, check_limit, common_period, stretched
from convwise.sizes.sets import Reason, SizeSet


def legal(f: SizeMap, reason: Reason | str | None = None, name: str = "n") -> SizeSet:
    """The input sizes that get through to `f`."""
    sizes = f.legal
    if reason is None:
        return sizes
    if isinstance(reason, str):
        reason = Reason(reason, f"needs {sizes.text(name)}")
    return sizes.because(replace(reason, sizes=sizes))


def equal(f: SizeMap, g: SizeMap | int, reason: Reason | str | None = None, name: str = "n") -> SizeSet:
    """The input sizes where f(n) = g(n).

    >>> from convwise.sizes.maps import identity
    >>> str(equal((identity() // 2) * 2, identity()))
    'every even n'
    """
    other = constant(g) if isinstance(g, int) else g
    sizes = f.legal if f == other else _solutions(f, other)
    if reason is None:
        return sizes
    if isinstance(reason, str):
        reason = Reason(reason, f"needs {_side(f, name)} = {_side(other, name)}")
    return _because(sizes, reason, f, other)


def divisible(f: SizeMap, divisor: int, reason: Reason | str | None = None, name: str = "n") -> SizeSet:
    """The input sizes where `divisor` divides f(n)."""
    sizes = equal(f % divisor, 0)
    if reason is None:
        return sizes
    if isinstance(reason, str):
        reason = Reason(reason, f"needs {divisor} to divide {_side(f, name)}")
    return _because(sizes, reason, f, f)


def at_least(f: SizeMap, g: SizeMap | int, reason: Reason | str | None = None, name: str = "n") -> SizeSet:
    """The input sizes where f(n) >= g(n)."""
    other = constant(g) if isinstance(g, int) else g
    sizes = (f - other).at_least(0).legal
    if reason is None:
        return sizes
    if isinstance(reason, str):
        reason = Reason(reason, f"needs {_side(f, name)} >= {_side(other, name)}")
    return _because(sizes, reason, f, other)


def broadcastable(f: SizeMap, g: SizeMap | int, reason: Reason | str | None = None, name: str = "n") -> SizeSet:
    """The input sizes where an elementwise op takes f(n) and g(n): equal, or one of them 1."""
    other = constant(g) if isinstance(g, int) else g
    both = f.legal & other.legal
    sizes = equal(f, other) | (equal(f, 1) & both) | (equal(other, 1) & both)
    if reason is None:
        return sizes
    if isinstance(reason, str):
        reason = Reason(reason, f"needs {_side(f, name)} = {_side(other, name)}, or one of them 1")
    return _because(sizes, reason, f, other)


def _solutions(f: SizeMap, g: SizeMap) -> SizeSet:
    period = common_period(f.period, g.period)
    first, second = stretched(f.base, f.step, period), stretched(g.base, g.step, period)
    rise = f.step * (period // f.period) - g.step * (period // g.period)
    start = max(f.start, g.start)
    single = {n for n, x, y in shared_head(f, g) if x == y}
    gaps = {
        rest: y - x for rest, (x, y) in enumerate(zip(first, second, strict=True)) if x is not None and y is not None
    }
    if rise == 0:
        return SizeSet.from_start(start, period, (rest for rest, gap in gaps.items() if gap == 0), single)
    # With different slopes every residue has one crossing at most.
    for rest, gap in gaps.items():
        whole, left = divmod(gap, rise)
        if left == 0 and rest + whole * period >= start:
            single.add(rest + whole * period)
    check_limit(len(single), "single entries:")
    return SizeSet.of(single)


def _because(sizes: SizeSet, reason: Reason, f: SizeMap, g: SizeMap) -> SizeSet:
    """The sizes with their reason, whose own sizes are also those for which a map is not legal anyway."""
    try:
        alone: SizeSet | None = sizes | ~(f.legal & g.legal)
    except TooComplex:
        alone = None
    return sizes.because(replace(reason, sizes=alone))


def _side(f: SizeMap, name: str) -> str:
    return expression(f).text(name)
