"""What a port is made of: stages in the target's words, each with the ops it stands for and where its weights come from."""

from __future__ import annotations

from dataclasses import dataclass, field

from convwise.dialects.base import Layer
from convwise.ops import Op


@dataclass(frozen=True, slots=True)
class Move:
    """One step on the way of a weight; the array work stands in `convwise.proofs.weights`.

    rows: the last axis reordered, `numbers` are the flattened axes' sizes and then the order of the target.
    window: a matrix (out, in) as a kernel of one cell on `numbers[0]` axes. blocks: (in, out / groups, *k) or (out, in / groups, *k) as one group, zeros
    between. spread: a kernel dilated by `numbers`, zeros between. grow: `numbers` zeros behind a kernel's axes. ones, zeros: `numbers[0]` of them, read from nowhere.
    reshape: to `numbers`.
    """

    kind: str
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetch:
    """Where one weight of the target comes from: the source's layer, the op in it and the op's name for it (weight, bias, scale ...)."""

    layer: int
    op: int
    role: str
    moves: tuple[Move, ...] = ()

    def then(self, *moves: Move) -> Fetch:
        return Fetch(self.layer, self.op, self.role, (*self.moves, *moves))


Feeds = tuple[tuple[str, Fetch], ...]
"""(the engine's name of the weight, where it comes from) of one op."""


@dataclass(frozen=True, slots=True)
class Part:
    """One op on its way into the target's words, with its weights."""

    op: Op
    feeds: Feeds = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the emitted code.

    `text` is the target's own call and `layer` that call read back by the dialect; where no layer says it, `layer` is None and `text` is a function's body of `x`.
    `ops` are what the text means; the weights of op number i are fed by `feeds[i]`. `channels_last` says in which order the target's maps
    are; `source` is the number of the source's layer it serves.
    """

    text: str
    ops: tuple[Op, ...]
    feeds: tuple[Feeds, ...]
    source: int
    channels_last: bool
    layer: Layer | None = None
    comment: str = ""
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a user of the port must know."""

    text: str
    sized: bool = field(default=False)
