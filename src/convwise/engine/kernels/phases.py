"""The images that a window with gaps sees: for each phase of its dilation every so many-th row and column of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.kernels.common import Shared


@dataclass(frozen=True)
class Image:
    """One phase of one image of the batch: every `across`-th column from `left` on, every `down`-th row from `top` on."""

    across: Any
    down: Any
    left: Any
    top: Any
    batch: Any

    def column(self, x: Any) -> Any:
        """Where its column x lies."""
        return x * self.across + self.left

    def row(self, y: Any) -> Any:
        return y * self.down + self.top

    def columns(self, width: Any) -> Any:
        """How many of the first `width` columns are its own."""
        return (width - self.left + self.across - 1) / self.across

    def rows(self, height: Any) -> Any:
        return (height - self.top + self.down - 1) / self.down


@dataclass(frozen=True)
class Phases:
    """The images that a dilation makes of each of the batch, `each` of which a rectangle takes; without `gaps` a program is
    built for one, because dividing takes time.
    """

    across: Any
    down: Any
    each: Any
    gaps: bool

    @classmethod
    def of(cls, shared: Shared, gaps: bool, each: Any) -> Phases:
        down, across = (shared.dilation_y, shared.dilation_x) if gaps else (hl.Expr(1), hl.Expr(1))
        return cls(across, down, each, gaps)

    @property
    def count(self) -> Any:
        return self.across * self.down

    def image(self, shared: Shared, n: Any, rect: Sequence[Any]) -> Image:
        """The n-th of a rectangle, or the last one where there are not as many."""
        number = hl.min(rect[2] * self.each + n, shared.inp.dim(3).extent() * self.count - 1)
        return Image(
            self.across, self.down, number % self.across, number / self.across % self.down, number / self.count
        )
