"""The register tiles of the direct kernels: pixels times vectors of output channels."""

from __future__ import annotations

from convwise.engine.isa import Isa


def direct_tiles(isa: Isa) -> tuple[tuple[int, int], ...]:
    """Accumulators, one row of weights and one broadcast pixel fit the registers together; several, for widths that one does not divide."""
    if isa.registers == 32:
        return (14, 2), (7, 2), (8, 2), (6, 4), (4, 4), (7, 3), (7, 1)
    return (6, 2), (4, 3), (4, 2), (10, 1)


RUN = (4, 2)
"""Depthwise, few channels last: rows, and vectors of a row's run, of outputs that one register tile holds."""


def plane_tiles(isa: Isa) -> tuple[tuple[int, int], ...]:
    """The same with the roles swapped: output channels times vectors of pixels."""
    if isa.registers == 32:
        return (8, 3), (14, 2), (16, 1)
    return ((4, 3),)
