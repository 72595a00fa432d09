"""The pieces of an axis of open size: how many there are depends on the size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from convwise.ops.several import Arithmetic, Chunk, Split, Term
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import Tensor


class Pieces(tuple[Tensor, ...]):
    """What `chunk` gives of an axis of open size; nodes are made for what is asked of it, since small sizes give fewer pieces.

    One piece by its number holds where that piece is; going through all of them is followed with as many as were asked for.
    """

    place: Place
    tensor: Tensor
    axis: int
    parts: int
    whole: tuple[Tensor, ...] | None
    written: Callable[[], None]
    """Called when nodes were made."""

    def __new__(cls, place: Place, tensor: Tensor, axis: int, parts: int) -> Pieces:
        made = super().__new__(cls)
        made.place, made.tensor, made.axis, made.parts, made.whole = place, tensor, axis, parts, None
        made.written = lambda: None
        return made

    def piece(self, number: int) -> Tensor:
        found = self.place.one(Chunk(self.axis, self.parts, number), self.tensor)
        self.written()
        return found

    def unpacked(self) -> tuple[Tensor, ...]:
        """All of them, as `a, b = x.chunk(2, 2)` asks for."""
        if self.whole is None:
            self.whole = self.place.emit(Split(self.axis, None, self.parts), (self.tensor,), outputs=self.parts)
            self.written()
        return self.whole

    @property
    def many(self) -> Term:
        """How many there are."""
        size = self.place.building.size(self.tensor, self.axis)
        return Arithmetic("ceil_divide", size, Arithmetic("ceil_divide", size, self.parts))

    def _gone_through(self) -> tuple[Tensor, ...]:
        self.place.building.note(
            "CW422", f"chunk is followed with {self.parts} pieces of axis {self.axis}; small sizes give fewer"
        )
        return self.unpacked()

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._gone_through())

    def __len__(self) -> int:
        return len(self._gone_through())

    def __getitem__(self, index: Any) -> Any:
        return self._gone_through()[index]
