"""A rectangle of tiles, and the images that a window with gaps sees: for each phase of its dilation every so many-th row and
column of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.kernels.common import whole


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
class Rectangle:
    """The run-time numbers of `wide` x `tall` tiles of `images` images: the x-th across, the y-th down, of the n-th so many images.

    With `gaps` a dilation makes across x down images of each of the batch; programs without are built for one, because
    dividing takes time.
    """

    wide: Any
    tall: Any
    images: Any
    x: Any
    y: Any
    n: Any
    dilation_x: Any
    dilation_y: Any
    gaps: bool

    @classmethod
    def of(cls, gaps: bool) -> Rectangle:
        names = ("wide", "tall", "images", "x", "y", "n", "dilation_x", "dilation_y")
        return cls(**{name: whole(f"rectangle_{name}") for name in names}, gaps=gaps)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order of a program's call."""
        place = (self.x, self.y, self.n)
        return self.wide, self.tall, self.images, *place, self.dilation_x, self.dilation_y

    @property
    def phases(self) -> tuple[Any, Any]:
        """Across and down."""
        return (self.dilation_x, self.dilation_y) if self.gaps else (hl.Expr(1), hl.Expr(1))

    def images_of(self, batch: Any) -> Any:
        across, down = self.phases
        return batch * (across * down)

    def image(self, number: Any, batch: Any) -> Image:
        """The rectangle's image of that number, or the last one of the batch where there are not as many."""
        across, down = self.phases
        one = hl.min(self.n * self.images + number, self.images_of(batch) - 1)
        return Image(across, down, one % across, one / across % down, one / (across * down))
