"""Random layers, answered by JAX and flax: the same shape, or both refuse."""

from __future__ import annotations

import os

import pytest
from dialect_agreement import PIECES, compare

pytestmark = pytest.mark.oracle

COUNT = int(os.environ.get("CONVWISE_ORACLE_CASES", "3000"))
SEED = int(os.environ.get("CONVWISE_ORACLE_SEED", "20261121"))


@pytest.mark.parametrize("piece", range(PIECES))
def test_shapes_parameters_and_refusals_agree(piece: int) -> None:
    compare("jax", COUNT // PIECES, SEED + piece)
