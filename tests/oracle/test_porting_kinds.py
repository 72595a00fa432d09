"""Every kind of layer, executed where it came from and where it was ported to."""

from __future__ import annotations

import pytest
from porting_cases import Case
from porting_kinds import MAKERS, REFUSED, kinds
from porting_run import compared

PAIRS = [(source, target) for source in MAKERS for target in MAKERS if source != target]
RANDOM = ("nn.Dropout", "nnx.Dropout")
TOLERANCE = 1e-4


@pytest.mark.oracle
@pytest.mark.parametrize(("source", "to"), PAIRS)
def test_every_kind_keeps_its_values(source: str, to: str) -> None:
    failed = []
    for number, (text, shape) in enumerate(kinds(source)):
        if to in REFUSED.get(text, ()):
            continue
        port, gap = compared(Case(source, text, shape), to, number)
        if gap > TOLERANCE:
            failed.append((text, gap, port.code))
    assert not failed, failed
