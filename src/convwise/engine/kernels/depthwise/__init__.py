"""Depthwise convolution: one filter a channel, or, with channels last, two or four.

Channels last: register tiles of one vector of channels (`last`, and `near` from registers), or rows of cells and their channels
as one run where these are few (`runs`). Channels first: lanes of pixels, or small planes turned (`planes`), and steps of two from
registers (`near_planes`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from convwise.engine.families.depthwise import flat_tiles, last_tiles
from convwise.engine.isa import Isa
from convwise.engine.kernels.common import Variants
from convwise.engine.kernels.depthwise import last, near, near_planes, planes, runs


def variants(isa: Isa) -> Variants:
    found: dict[str, Any] = {
        f"{tile.name}_nhwc": partial(near.near if tile.near else last.tall if tile.rows > 1 else last.single, isa, tile)
        for tile in last_tiles(isa)
    }
    return {
        **found,
        "runs_nhwc": partial(runs.by_runs, isa),
        **{f"{tile.name}_nchw": partial(planes.flat, isa, tile) for tile in flat_tiles(isa)},
        "rows_nchw": partial(planes.by_rows, isa),
        "near_nchw": partial(near_planes.near_planes, isa),
        "plain_nchw": partial(planes.plain, isa, "plain_nchw"),
    }
