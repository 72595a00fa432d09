"""A wanted size of a layer whose arguments say its output's size, or how many cells to add or to cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convwise.answers.explanation import Fix
from convwise.answers.fixes import pairs
from convwise.answers.respelled import Reader, collapse, labelled, respelled, spatial
from convwise.axis import SAME_UPPER, split_total
from convwise.dialects.base import Layer
from convwise.ops import AdaptivePool, Crop, Op, Pad, Resize, Shape


def sized(layer: Layer, shape: Shape, want: tuple[int, ...] | None, read: Reader) -> tuple[Fix, ...]:
    """The layer with the arguments that give the wanted size, read back and run; nothing for layers of other kinds."""
    if want is None or len(layer.ops) != 1:
        return ()
    # An Upsample has the axes that its input has.
    sizes = spatial(replace(layer, rank=len(want)), shape)
    values = _values(layer, layer.ops[0], sizes, want) if sizes is not None else {}
    found = respelled(layer, values, shape, read)
    if found is None:
        return ()
    fix, changed = found
    if changed.ops == layer.ops or spatial(replace(changed, rank=len(want)), fix.output) != want:
        return ()
    # A scale that is None is left out of the call.
    return (
        replace(
            fix, label=labelled({name: value for name, value in values.items() if value is not None}, layer.dialect)
        ),
    )


def _values(layer: Layer, op: Op, sizes: tuple[int, ...], want: tuple[int, ...]) -> Mapping[str, Any]:
    added = [out - size for size, out in zip(sizes, want, strict=True)]
    match op:
        case AdaptivePool():
            return {"output_size": collapse(want)}
        case Resize() if "height" in layer.arguments:
            return {"height": want[0], "width": want[-1]}
        case Resize() if "scale_factor" in layer.arguments:
            return {"size": collapse(want), "scale_factor": None}
        case Resize() if all(size and out % size == 0 for size, out in zip(sizes, want, strict=True)):
            return {"size": collapse([out // size for size, out in zip(sizes, want, strict=True)])}
        case Pad() if min(added) >= 0:
            return {"padding": _around(layer, added)}
        case Crop() if max(added) <= 0:
            return {"cropping": _around(layer, [-cells for cells in added])}
    return {}


def _around(layer: Layer, cells: list[int]) -> Any:
    if len(set(cells)) == 1 and cells[0] % 2 == 0:
        return cells[0] // 2
    return pairs(layer.dialect, [split_total(count, SAME_UPPER) for count in cells])
