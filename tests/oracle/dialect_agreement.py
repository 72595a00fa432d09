"""Our answers beside a framework's, for the dialects whose cases are calls of functions."""

from __future__ import annotations

import collections
import importlib
from random import Random

from dialect_cases import OURS_ALONE, ask, disagreement, quoted

PIECES = 6
"""Parts of the whole that run beside each other."""


def compare(dialect: str, count: int, seed: int) -> None:
    """No difference among `count` random cases; most are taken, many refused, few ours alone, and quotes are theirs."""
    cases = importlib.import_module(f"{dialect}_cases")
    truth = importlib.import_module(f"{dialect}_truth")
    release = getattr(cases, "RELEASE_OF", lambda case: None)
    rng = Random(seed)
    differences, misquoted = [], []
    tally: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        case = cases.random_case(rng)
        theirs, ours = truth.run(case), ask(dialect, case, release(case))
        tally["refused" if theirs.shape is None else "taken"] += 1
        tally["ours alone"] += ours.error is not None and ours.error.code in OURS_ALONE
        found = disagreement(case, theirs, ours)
        if found:
            differences.append(f"{case.text} on {case.shape} ({release(case)}): {found}")
        elif theirs.shape is None and not quoted(ours, theirs.words):
            misquoted.append(
                f"{case.text} on {case.shape}: {ours.error and ours.error.quote!r} not in {theirs.words[:200]!r}"
            )
    assert not differences, f"{len(differences)} of {count} differ:\n" + "\n".join(differences[:20])
    assert tally["taken"] > 0.6 * count
    assert tally["refused"] > 0.06 * count
    assert tally["ours alone"] < 0.03 * count
    # Which of two faults is named first depends on the input too, and a refusal is told before there is one.
    assert len(misquoted) < max(0.12 * tally["refused"], 5), "\n".join(misquoted[:20])
