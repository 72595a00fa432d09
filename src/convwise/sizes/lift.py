"""One map after another rule on integers: how sizes flow through an op."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from convwise.sizes.pattern import Value, check_limit, stretched

Parts = tuple[tuple[tuple[int, int], ...], int, int, Sequence[Value]]
"""(head, start, step, base) of a map."""


def lift(
    source: Parts, rule: Sequence[Value], rise: int, least: int | None, least_out: int | None
) -> tuple[dict[int, int], int, int, Sequence[Value]]:
    """Head, start, step and base of n -> rule[v mod m] + rise floor(v / m), where v is the source's value and m = len(rule).

    Not legal where v is below `least`, where the rule has None, and where the result is below `least_out`.
    The rule may fall (rise < 0) only where nothing is asked of the result.
    """
    head, start, slope, base = source
    modulus = len(rule)
    factor = modulus // gcd(slope, modulus)
    check_limit(len(base) * factor, "a period of")
    values = stretched(base, slope, len(base) * factor)
    slope *= factor
    outs = [None if v is None else _applied(rule, rise, modulus, v) for v in values]
    step = slope // modulus * rise
    table = {
        n: out
        for n, v in head
        if (least is None or v >= least)
        and (out := _applied(rule, rise, modulus, v)) is not None
        and (least_out is None or out >= least_out)
    }
    if least is None and least_out is None:
        return table, start, step, outs
    if slope < 0:
        _fade(table, start, (values, slope, least), (outs, step, least_out))
        return table, start, 0, (None,)
    start = _cut(table, start, (values, slope, least), (outs, step, least_out))
    return table, start, step, outs


def _applied(rule: Sequence[Value], rise: int, modulus: int, value: int) -> Value:
    whole, rest = divmod(value, modulus)
    out = rule[rest]
    return None if out is None else out + rise * whole


Bounded = tuple[Sequence[Value], int, int | None]
"""Values of one period, what they grow by in a period, and the least one that is legal."""


def _cut(table: dict[int, int], start: int, inner: Bounded, outer: tuple[list[Value], int, int | None]) -> int:
    """Where the regular part starts once small values are cut off; legal sizes before it go into `table`.

    A residue whose values never grow to the least loses its place in `outs`.
    """
    values, slope, least = inner
    outs, step, least_out = outer
    period = len(outs)
    firsts: dict[int, int] = {}
    for rest, (value, out) in enumerate(zip(values, outs, strict=True)):
        if value is None or out is None:
            continue
        whole = -((rest - start) // period)
        for number, grows, needed in ((value, slope, least), (out, step, least_out)):
            if needed is None or number + grows * whole >= needed:
                continue
            if grows <= 0:
                outs[rest] = None
                break
            whole = -((number - needed) // grows)
        else:
            firsts[rest] = rest + whole * period
    settled = max(start, *(first - period + 1 for first in firsts.values())) if firsts else start
    check_limit(sum((settled - first) // period for first in firsts.values() if first < settled), "single entries:")
    for rest, first in firsts.items():
        out = outs[rest]
        assert out is not None
        for n in range(first, settled, period):
            table[n] = out + step * ((n - rest) // period)
    return settled


def _fade(table: dict[int, int], start: int, inner: Bounded, outer: Bounded) -> None:
    """Falling values: the few legal sizes go into `table`, and none is left from some size on."""
    values, slope, least = inner
    outs, step, least_out = outer
    period, total = len(outs), 0
    for rest, (value, out) in enumerate(zip(values, outs, strict=True)):
        if value is None or out is None:
            continue
        first = -((rest - start) // period)
        ends = [
            (number - needed) // -grows
            for number, grows, needed in ((value, slope, least), (out, step, least_out))
            if needed is not None and grows < 0
        ]
        if not ends or (least_out is not None and step == 0 and out < least_out):
            continue
        total += max(min(ends) - first + 1, 0)
        check_limit(total, "single entries:")
        for whole in range(first, min(ends) + 1):
            table[rest + whole * period] = out + step * whole
