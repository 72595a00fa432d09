"""A rectangle of tiles, and what a window with gaps sees: for each phase of its dilation every so many-th row and column of the input.

The phases down are images of their own. Those across lie between each other in the same rows, which are read and written whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import halide as hl

from convwise.engine.kernels.common import whole


@dataclass(frozen=True)
class Image:
    """One phase of one image of the batch: every `down`-th row from `top` on."""

    down: Any
    top: Any
    batch: Any

    def row(self, y: Any) -> Any:
        """Where its row y lies."""
        return y * self.down + self.top

    def rows(self, height: Any) -> Any:
        """How many of the first `height` rows are its own."""
        return (height - self.top + self.down - 1) / self.down


@dataclass(frozen=True)
class Rectangle:
    """The run-time numbers of `wide` x `tall` tiles of each phase across of `images` images: the x-th across, the y-th down, of
    the n-th so many images.

    With `gaps` a dilation makes several images of each of the batch; programs without are built for one, because dividing
    takes time.
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
    def phases(self) -> Any:
        """Across."""
        return self.dilation_x if self.gaps else hl.Expr(1)

    @property
    def images_each(self) -> Any:
        """Of an image of the batch: the phases down."""
        return self.dilation_y if self.gaps else hl.Expr(1)

    def tile(self, phase: Any, x: Any, y: Any, n: Any) -> Any:
        """The number of a tile among those of the rectangle."""
        return ((n * self.tall + y) * self.wide + x) * self.phases + phase

    def images_of(self, batch: Any) -> Any:
        return batch * self.images_each

    def image(self, number: Any, batch: Any) -> Image:
        """The rectangle's image of that number, or the last one of the batch where there are not as many."""
        down = self.images_each
        one = hl.min(self.n * self.images + number, self.images_of(batch) - 1)
        return Image(down, one % down, one / down)
