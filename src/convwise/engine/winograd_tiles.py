"""What the Winograd programs and their planner both know: variants, blocks of channels, register tiles."""

from __future__ import annotations

from collections.abc import Iterator

from convwise.engine.isa import Isa

SCHEDULES = ("rows", "deep", "thin")
"""rows: rectangles of tiles in parallel, each with its transformed input in a core's cache. deep: one rectangle after the
other, in parallel first over its input channels and then over blocks of output channels. thin: as deep, of weights that are
transformed while they are used: for few tiles, which would wait for transformed ones."""
SIZES = {"f4x3": (4, 3), "f3x3": (3, 3), "f3x4": (3, 4)}
"""Along one axis, the outputs of a tile and the taps of a part of the window: larger windows are cut into such parts."""
USUAL = SCHEDULES[:2]
LAYOUTS = ("nhwc", "nchw", "nhwc_gaps", "nchw_gaps")
"""Of the output; gaps: for windows with a dilation."""
THIN = 4
"""Tiles of a register tile of thin: a row of their frequencies, six, makes 24 accumulators."""
TOGETHER = 4
"""Vectors of input channels that are copied together: what lies side by side in the input is read at once."""
SUMMED = 64
"""Input channels that are added up before they join the others: long sums lose digits."""


def named(size: str, schedule: str, layout: str) -> str:
    """The variant; `size_of` gives back the first part.

    >>> named("f4x3", "deep", "nhwc"), size_of("f4x3_deep_nhwc")
    ('f4x3_deep_nhwc', (4, 3))
    """
    return f"{size}_{schedule}_{layout}"


def size_of(variant: str) -> tuple[int, int]:
    """Outputs of a tile and taps of a part, along one axis."""
    return SIZES[variant.partition("_")[0]]


def built(isa: Isa) -> Iterator[tuple[str, str, str]]:
    """Size, schedule and layout of the programs; thin where vectors are so wide that memory cannot keep up with them."""
    plain = LAYOUTS[:2]
    for size in SIZES:
        # Parts of four taps were not the fastest for any window with gaps.
        layouts = plain if size == "f3x4" else LAYOUTS
        yield from ((size, schedule, layout) for schedule in USUAL for layout in layouts)
    if isa.lanes == 16:
        yield from (("f4x3", "thin", layout) for layout in plain)


def pixels(isa: Isa, vectors: int) -> tuple[int, ...]:
    """Tiles of one register tile, best first: with so many vectors each, those of weights and one broadcast, they fit the registers.

    Two vectors of output channels share a broadcast; one alone, for numbers of vectors that are not even, needs fewer forms.
    """
    if vectors == 2:
        return (14, 12, 10, 8, 7, 6, 5, 4, 2) if isa.registers == 32 else (6, 5, 4, 3, 2)
    return (14, 10, 7, 4) if isa.registers == 32 else (12, 8, 6, 4)
