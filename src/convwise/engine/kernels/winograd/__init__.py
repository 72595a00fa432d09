"""Winograd convolution for windows that step by one: F(4 x 4, 3 x 3), F(3 x 3, 3 x 3) and F(3 x 3, 4 x 4).

The output is cut into tiles of m x m, and these into rectangles. For each rectangle its input is transformed (`input`, vectors
over channels), then for each of the (m + taps - 1)**2 frequencies follows a matrix product over the channels (`products`), for a group
of output channels after the other, and their results are transformed back (`output`).

The three are Halide programs of their own, and `winograd.c` calls them: rectangle by rectangle, each with its transformed
input in a core's cache, or one rectangle by all threads. A whole program is an entry of a table that names its three.
"""

from __future__ import annotations

from convwise.engine.isa import Isa, symbol
from convwise.engine.kernels.winograd import input, output, products
from convwise.engine.winograd_tiles import SIZES, THIN, TOGETHER, built, named

NAME = "winograd"
STAGES = {module.FAMILY: module.variants for module in (input, products, output)}


NUMBERS = f"#define TOGETHER {TOGETHER}\n#define THIN_TILES {THIN}\n"
"""What winograd.c has to know of the stages beside their names."""


def entries(isa: Isa) -> dict[str, str]:
    """By the symbol of a whole program its line for winograd.c, which makes a function that is called as programs are."""
    return {symbol(NAME, named(*each), isa): _entry(isa, *each) for each in built(isa)}


def _entry(isa: Isa, size: str, schedule: str, layout: str) -> str:
    outputs, taps = SIZES[size]
    stages = (
        symbol(input.FAMILY, input.stage_of(size, schedule, layout), isa),
        symbol(products.FAMILY, products.stage_of(schedule), isa),
        symbol(output.FAMILY, output.stage_of(size, schedule, layout), isa),
    )
    name = symbol(NAME, named(size, schedule, layout), isa)
    return f"ENTRY({name}, {outputs}, {taps}, {isa.lanes}, {schedule.upper()}, {', '.join(stages)})"
