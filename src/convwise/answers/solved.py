"""What `solve` answers with: kept apart from how it is found, so that a command that does not solve need not load that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convwise import dialects

if TYPE_CHECKING:
    from convwise.answers.solve.mirror import Mirror


@dataclass(frozen=True, slots=True)
class Solution:
    """Layer texts that give every wanted output, the most usual first; `mirrored` where a decoder was asked for."""

    dialect: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    layers: tuple[str, ...]
    bounds: str = ""
    """What was searched; empty where nothing had to be."""
    mirrored: Mirror | None = None

    @property
    def note(self) -> str:
        """What to know of sizes of three axes that are not alike, for two and the channels look the same."""
        three = {pair for a, b in zip(self.inputs, self.outputs, strict=True) for pair in zip(a, b, strict=True)}
        if len(self.inputs[0]) < 3 or len(three) == 1 or self.mirrored is not None:
            return ""
        return "three sizes are depth, height and width; channels are no size: leave them out"

    @property
    def title(self) -> str:
        spoken = dialects.get(self.dialect)
        return f"{spoken.title} {spoken.release}"

    def to_dict(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "dialect": self.dialect,
            "release": dialects.get(self.dialect).release,
            "input": [list(one) for one in self.inputs],
            "output": [list(one) for one in self.outputs],
            "layers": list(self.layers),
        }
        if self.mirrored is None:
            return {**told, "bounds": self.bounds}
        parts = [{"undoes": part.kind, "layers": list(part.texts)} for part in self.mirrored.parts]
        return {**told, "decoder": parts}
