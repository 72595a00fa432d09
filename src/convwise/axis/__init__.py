"""A window that slides over one axis: the only window arithmetic in the project.

A layer says a `Window` (kernel, stride, dilation, padding rule) and knows no size; `window.over(size)` gives an
`Axis`, where every rule has become a number. All integers are exact and every division floors towards minus
infinity, so a window longer than its padded data gives `out <= 0` and never, as truncation would, a false 1.

    span   = dilation (kernel - 1) + 1               cells from a window's first tap to its last
    places = size + pad_low + pad_high - span + 1    where a window fits
    out    = ceil(places / stride)                   every stride-th place

The last line equals floor((size + pads - span) / stride) + 1, the form in most books (Dumoulin & Visin,
arXiv 1603.07285, relationship 6): the stride thins out the places.

Each stands in a file of its name, the rules of padding in `padding`; `counting` is below them all. `adaptive` has the
windows that follow from the output's size.
"""

from __future__ import annotations

from convwise.axis.adaptive import share, sliding_share
from convwise.axis.axis import Axis, Unread
from convwise.axis.padding import NO_PADS, SAME_LOWER, SAME_UPPER, Padding, Pads, Same, split_total
from convwise.axis.window import Window, causal_pads, keeping_pads, uncovered

__all__ = [
    "NO_PADS",
    "SAME_LOWER",
    "SAME_UPPER",
    "Axis",
    "Padding",
    "Pads",
    "Same",
    "Unread",
    "Window",
    "causal_pads",
    "keeping_pads",
    "share",
    "sliding_share",
    "split_total",
    "uncovered",
]
