"""Random layers, run by Keras: same shape and as many parameters, or both refuse, and the words we quote are its words."""

from __future__ import annotations

import collections
import os

import pytest

pytestmark = pytest.mark.oracle

COUNT = int(os.environ.get("CONVWISE_ORACLE_CASES", "3000"))
SEED = int(os.environ.get("CONVWISE_ORACLE_SEED", "20251120"))


def test_keras_loaded():
    """A missing framework must not look like agreement."""
    import keras

    assert keras.backend.backend() == "tensorflow"
    assert keras.__version__.split(".")[:2] == ["3", "15"]


def test_shapes_parameters_and_refusals_agree():
    from keras_cases import cases
    from keras_compare import ask, disagreement, run_all

    differences = []
    tally: collections.Counter[str] = collections.Counter()
    for case, theirs in zip(cases(COUNT, SEED), run_all(COUNT, SEED), strict=True):
        ours = ask(case)
        tally["killed" if theirs.killed else "refused" if theirs.output is None else "accepted"] += 1
        found = disagreement(case, theirs, ours)
        if found:
            differences.append(f"{case.text} on {case.input}: {found}")
    assert tally["accepted"] > COUNT // 2
    assert tally["refused"] > COUNT // 20
    assert tally["killed"] < COUNT // 100
    assert not differences, f"{len(differences)} of {COUNT} differ:\n" + "\n".join(differences[:40])
