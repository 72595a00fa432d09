"""The sizes of a whole network as expressions of its input's height and width, the simplest that hold for all legal sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from convwise.answers.network.dims import Dim, Dims, Key, text
from convwise.answers.network.legal import legal_of
from convwise.answers.network.nearest import together
from convwise.answers.network.symbolic import Symbolic, follow
from convwise.graph import Network
from convwise.readers.echo import shown
from convwise.sizes import SizeSet

Size = int | str | None
"""A number, an expression such as `floor((H - 1) / 32) + 1`, or None where the size is not known."""


@dataclass(frozen=True, slots=True)
class Expressions(Mapping[str, tuple[Size, ...] | None]):
    """Node name -> the shape of its first output; sizes that follow from the input's are expressions of `letters`.

    `rows` are the shapes in the order of the nodes, `inputs` and `outputs` those of the network. `letters` maps a letter
    to what it stands for ("H" -> "height"), `legal` to the sizes for which every expression is exact. An input whose
    batch is open is taken as one sample. `limit` is how far sets in `legal` go that are not exact, `joint` what sizes
    must meet together, in words.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Size, ...] | None, ...]
    inputs: dict[str, tuple[Size, ...] | None]
    outputs: dict[str, tuple[Size, ...] | None]
    letters: dict[str, str]
    legal: dict[str, SizeSet]
    limit: str = "at most"
    joint: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> tuple[Size, ...] | None:
        if name not in self.names:
            raise KeyError(name)
        return self.rows[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def where(self) -> list[str]:
        """What the letters stand for, and for which sizes the expressions hold: `H, W: height, width; every multiple of 8`."""
        alike: dict[str, list[str]] = {}
        for letter, sizes in self.legal.items():
            alike.setdefault(sizes.text() + ("" if sizes.exact else f" {self.limit}"), []).append(letter)
        alone = [
            f"{' and '.join(f'{letter} ({self.letters[letter]})' for letter in letters)}: {sizes}"
            for sizes, letters in alike.items()
        ]
        return [*alone, *self.joint]

    def __str__(self) -> str:
        lines = [f"{shown(name)}: {words(shape)}" for name, shape in zip(self.names, self.rows, strict=True)]
        return "\n".join([*lines, *(shown(line, 200) for line in self.where())])

    def to_dict(self) -> dict[str, Any]:
        return {
            "letters": dict(self.letters),
            "legal": {letter: sizes.text() for letter, sizes in self.legal.items()},
            "joint": list(self.joint),
            "inputs": {name: listed(shape) for name, shape in self.inputs.items()},
            "outputs": {name: listed(shape) for name, shape in self.outputs.items()},
        }


def listed(shape: tuple[Size, ...] | None) -> list[Size] | None:
    """A shape as JSON has it."""
    return None if shape is None else list(shape)


def words(shape: tuple[Size, ...] | None) -> str:
    """A shape in one line: sums and products stand in brackets.

    >>> words((1, 64, "floor(H / 2) + 1", "W / 2"))
    '1 x 64 x (floor(H/2)+1) x W/2'
    """
    return "?" if shape is None else " x ".join(_word(size) for size in shape)


def _word(size: Size) -> str:
    if size is None:
        return "?"
    text = str(size)
    for sign in "+-/":
        text = text.replace(f" {sign} ", sign)
    inside = depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        inside += not depth and sign in "+- "
    return f"({text})" if inside else text


def expressions(network: Network) -> Expressions:
    """The first output of every node as expressions of the inputs' spatial sizes."""
    symbolic = follow(network)
    letters = _letters(symbolic)
    legal: dict[Key, SizeSet] = {}
    limit, joint = "at most", []
    for source in dict.fromkeys(axis.source for axis in symbolic.keys):
        sets = legal_of(symbolic, source)
        limit = sets.limit
        joint += [] if sets.joint is None else [together(sets)]
        legal.update((key, sets[axis.name]) for key, axis in enumerate(symbolic.keys) if axis.source == source)
    told: dict[Dim, Size] = {}

    def size(dim: Dim) -> Size:
        if dim not in told:
            told[dim] = dim if isinstance(dim, int | None) else text(dim, letters, legal)
        return told[dim]

    def shape(dims: Dims | None) -> tuple[Size, ...] | None:
        return None if dims is None else tuple(size(dim) for dim in dims)

    several = len({axis.source for axis in symbolic.keys}) > 1
    return Expressions(
        tuple(node.name for node in network.nodes),
        tuple(shape(symbolic.shapes.get(node.outputs[0])) if node.outputs else None for node in network.nodes),
        {source.name: shape(symbolic.shapes.get(source.name)) for source in network.sources},
        {name: shape(symbolic.shapes.get(name)) for name in network.outputs},
        {
            letters[key]: f"{axis.name} of {axis.source}" if several else axis.name
            for key, axis in enumerate(symbolic.keys)
        },
        {letters[key]: sizes for key, sizes in legal.items()},
        limit,
        tuple(joint),
    )


def _letters(symbolic: Symbolic) -> dict[Key, str]:
    """H, W, D or L; with a number behind where several inputs have such an axis."""
    firsts = [axis.name[0].upper() for axis in symbolic.keys]
    sources = list(dict.fromkeys(axis.source for axis in symbolic.keys))
    return {
        key: first if firsts.count(first) == 1 else f"{first}{sources.index(symbolic.keys[key].source) + 1}"
        for key, first in enumerate(firsts)
    }
