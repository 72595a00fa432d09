"""The rules of padding: explicit cells, or those that follow from the size."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Pads:
    """Cells added before (`low`) and after (`high`) the data; negative ones crop."""

    low: int = 0
    high: int = 0

    @property
    def total(self) -> int:
        return self.low + self.high


class Same(Enum):
    """Padding that depends on the size, so that out = ceil(size / stride) (TensorFlow's and ONNX's rule)."""

    UPPER = "upper"
    """The odd cell goes after the data: TensorFlow, Keras, ONNX SAME_UPPER."""
    LOWER = "lower"
    """The odd cell goes before the data: ONNX SAME_LOWER."""


SAME_UPPER = Same.UPPER
SAME_LOWER = Same.LOWER
Padding = Pads | Same
NO_PADS = Pads(0, 0)


def split_total(total: int, rule: Same) -> Pads:
    """Pads that add up to `total`, the odd cell where `rule` puts it."""
    small = total // 2
    return Pads(small, total - small) if rule is SAME_UPPER else Pads(total - small, small)
