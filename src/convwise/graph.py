"""Layers wired into a network: named nodes and tensors, any graph without cycles.

A reader makes a `Network`; shapes flow through it in the framework's own order. What one node does to sizes is asked of
its op, or of the dialect where a node is a framework's layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convwise.dialects.base import Layer, Note
from convwise.ops import Layout, Op, Shape
from convwise.ops.guards import Guard
from convwise.ops.several import Several

if TYPE_CHECKING:
    from convwise.answers.explanation import Finding
    from convwise.answers.network.expressions import Expressions
    from convwise.answers.network.legal import LegalSizes
    from convwise.answers.network.trace import Trace

CHANNELS_FIRST = Layout()
Work = tuple[Op, ...] | Layer | Several
"""What a node does: ops one after the other (ONNX, functions), a layer of a dialect, or an op on several tensors."""

Given = Shape | str | Mapping[str, Shape | str] | None
"""An input's shape as it may be given: sizes, text such as "1x3x224x224", or one of these for each input by name."""

Declared = tuple[int | str | None, ...]
"""A shape as a file declares it: a number, a name ("batch", "height") or None for each axis."""


UNTOLD = "how many parameters are trained is not told"
"""What the note of an `untold` network says."""


@dataclass(frozen=True, slots=True)
class Source:
    """An input of the network: its tensor's name, the declared shape, and where its batch and channels stand.

    `fixed` is the shape that an ONNX file declares, also where another one is followed: its runtime takes no other.
    """

    name: str
    declared: Declared
    layout: Layout = CHANNELS_FIRST
    fixed: Declared = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One step: the name as in the file, the framework's own word for the op, what it reads and what it gives.

    `params` and `trainable` count what is stored for it where the reader knows that better than the op (shared layers are counted once,
    at their first node). `module` is the dotted path of the layer it belongs to, for folding rows.
    """

    name: str
    kind: str
    work: Work
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layout: Layout = CHANNELS_FIRST
    place: str = ""
    module: str = ""
    params: int | None = None
    trainable: int | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A network: sources, nodes in an order in which they can run, and the tensors that are its outputs."""

    title: str
    dialect: str
    sources: tuple[Source, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    shapes: dict[str, Shape] = field(default_factory=dict, compare=False)
    """Shapes of stored tensors (weights, constants) that nodes read, by name."""
    unordered: str = ""
    """The class of a printed module: its layers were taken to run once each in the printed order, which nothing shows."""
    untold: bool = False
    """Whether a text changes which parameters are trained where nobody can follow it: their number is not told."""
    guards: tuple[Guard, ...] = ()
    """What an exported program checks of its inputs before it runs."""
    kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What follows from the network alone and is worked out once, when it is first asked for."""

    def __repr__(self) -> str:
        return f"Network({self.title!r}, {self.dialect!r}, {len(self.nodes)} nodes)"

    def __str__(self) -> str:
        from convwise.answers.present import network_text

        return network_text(self)

    def _repr_html_(self) -> str:
        from convwise.answers.present import network_html

        return network_html(self)

    def trace(self, input_shape: Given = None) -> Trace:
        """A row for every node, with shapes, counts and receptive fields; None: the shape that the file declares.

        Raises:
            ShapeError: at the first node that does not take what reaches it.
        """
        from convwise.answers.network.trace import trace

        return trace(self, input_shape)

    def legal_sizes(self, input: str | None = None) -> LegalSizes:
        """The sizes of the input called `input` (None: the first) that the whole network takes, by axis name."""
        from convwise.answers.network.legal import legal_sizes

        return legal_sizes(self, input)

    def symbolic(self) -> Expressions:
        """The shape of every node's output as expressions of the input's height and width, exact for all legal sizes.

        `net.symbolic()["layer4.1.conv2"]` is such as `(1, 512, "floor((H - 1) / 32) + 1", "floor((W - 1) / 32) + 1")`.
        """
        from convwise.answers.network.expressions import expressions

        return expressions(self)

    def check(self, input_shape: Given = None, levels: Mapping[str, str] | None = None) -> list[Finding]:
        """What is wrong or worth knowing at this input; `levels` maps codes to error, warning, note or off."""
        from convwise.answers.network.checking import check

        return check(self, input_shape, levels)
