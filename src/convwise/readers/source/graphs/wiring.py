"""What a reading of a network carries along: the nodes so far, its inputs, and the models that the text makes of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convwise.dialects.base import Layer
from convwise.errors import CodeError, ConvwiseError
from convwise.ops import Shape
from convwise.ops.several import Arithmetic, Scale, SizeOf
from convwise.readers.echo import shown
from convwise.readers.source import tensors
from convwise.readers.source.held import shape_of
from convwise.readers.source.state import Run
from convwise.readers.source.values import Held, Instance, Made, Rest, Scope, Tensor
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.place import Place
from convwise.readers.torch_live.values import AllOf, Comparison, Real
from convwise.readers.torch_live.values import Tensor as Wire

MOST_NODES = 4_000
"""Nodes of one network in a text."""

DEEPEST_LISTS = 8
MOST_VALUES = 20_000
"""Values in the lists that one call is given."""


@dataclass(eq=False, slots=True)
class WiredModel:
    """`keras.Model(inputs, outputs)`: the wires between which it lies."""

    inputs: tuple[Wire, ...]
    outputs: Any
    line: int
    name: str | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """Something that the text applies as a whole: what it gives, and the nodes from `start` to `stop` that were made for it.

    `doubts` are those met on the way, whether what is given needs them or not.
    """

    target: Any
    value: Any
    start: int
    stop: int
    line: int
    doubts: tuple[ConvwiseError, ...] = ()

    @property
    def wires(self) -> tuple[Wire, ...]:
        return tuple(part for part in flat(self.value) if isinstance(part, Wire))

    @property
    def doubt(self) -> ConvwiseError | None:
        return next((found for found in map(doubt_of, flat(self.value)) if found is not None), None)


@dataclass(eq=False, slots=True)
class Wiring:
    """The network under construction. `better` are shapes of inputs that an earlier reading of the text has found out, by name; `given` is
    the caller's shape for the first input; `weights` says of a node, by its place, which layer it applies, `made` the layer itself where the text makes it; layers are kept `alive`, for the id of one that is gone may be another's; `made_up` are objects that the text itself does not make.
    """

    better: Mapping[str, Shape] = field(default_factory=dict)
    given: Shape | None = None
    building: Building = field(default_factory=lambda: Building(guided=True))
    sources: list[tuple[str, Wire, Shape]] = field(default_factory=list)
    roots: dict[int, tuple[Tensor, Wire]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)
    models: list[WiredModel] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    read: dict[int, Layer] = field(default_factory=dict)
    weights: dict[int, object] = field(default_factory=dict)
    made: dict[int, Made] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)
    made_up: list[Instance] = field(default_factory=list)
    paths: dict[int, dict[int, str]] = field(default_factory=dict)
    kept: dict[int, tuple[Any, Wire]] = field(default_factory=dict)
    inside: int = 0

    # What the walk asks, each answered by its own module; MISSING: the walk's own answer holds.

    def call(self, run: Run, target: Any, arguments: list[Any], keywords: Any, node: ast.Call) -> Any:
        from convwise.readers.source.graphs import calling

        return calling.call(run, self, target, arguments, keywords, node)

    def applied(self, run: Run, target: Any, arguments: list[Any], keywords: Any, node: ast.AST) -> Any:
        from convwise.readers.source.graphs import applying

        return applying.applied(run, self, target, arguments, keywords, node)

    def apply(self, run: Run, target: Any, tensor: Tensor, line: int) -> Any:
        from convwise.readers.source.graphs import applying

        return applying.alone(run, self, target, tensor, line)

    def builtin(self, run: Run, name: str, arguments: list[Any], node: ast.Call) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.builtin(run, self, name, arguments, node)

    def attribute(self, run: Run, owner: Any, node: ast.Attribute) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.attribute(run, self, owner, node)

    def subscript(self, run: Run, owner: Any, node: ast.Subscript, scope: Scope) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.subscript(run, self, owner, node, scope)

    def written_into(self, run: Run, owner: Any, key: Any, value: Any, node: ast.Subscript) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.written_into(run, self, owner, key, value, node)

    def unpacked(self, run: Run, value: Any, node: ast.Tuple | ast.List) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.unpacked(run, self, value, node)

    def required(self, run: Run, value: Any, negated: bool, node: ast.stmt, what: str, depends: bool) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.required(run, self, value, negated, node, what, depends)

    def binary(self, run: Run, left: Any, right: Any, node: ast.BinOp) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.binary(run, self, left, right, node)

    def unary(self, run: Run, value: Any, node: ast.UnaryOp) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.unary(run, self, value, node)

    def compared(self, run: Run, kind: type[ast.cmpop], left: Any, right: Any) -> Any:
        from convwise.readers.source.graphs import asking

        return asking.compared(run, kind, left, right)

    def truth(self, run: Run, value: Any) -> bool | None:
        from convwise.readers.source.graphs import asking

        return asking.decided(self, value)

    def christen(self, value: Any, name: str) -> None:
        """A variable names the input or the model that it is the first to hold."""
        if isinstance(value, Tensor) and value.entry:
            self.names.setdefault(id(value), name)
        elif isinstance(value, WiredModel) and value.name is None:
            value.name = name

    def is_wire(self, value: object) -> bool:
        return isinstance(value, Wire)

    def is_model(self, value: object) -> bool:
        return isinstance(value, WiredModel)

    def layers_of(self, model: Any) -> list[Made]:
        from convwise.readers.source.graphs import members

        return members.layers_of(self, model)

    def layers_in_order(self, model: Any) -> list[Any] | None:
        from convwise.readers.source.graphs import members

        return members.in_order(self, model)

    def is_size(self, value: object) -> bool:
        return is_size(value)

    def follows(self, value: object) -> bool:
        """Whether wires or sizes are in the value."""
        return any(isinstance(part, Wire) or is_size(part) for part in flat(value))

    # Nodes

    def place(self, run: Run, name: str, kind: str) -> Place:
        """Where a function's node stands; it carries the path of the module around it."""
        around = ".".join(run.prefix)
        return Place(self.building, f"{around}.{name}" if around else name, kind, around)

    def written(self, node: ast.AST | int) -> None:
        """The nodes that have been added since belong to this line.

        Raises:
            CodeError: CW308 where there are too many.
        """
        line = node if isinstance(node, int) else getattr(node, "lineno", 0)
        self.lines += [line] * (len(self.building.nodes) - len(self.lines))
        if len(self.lines) > MOST_NODES:
            raise CodeError(
                "CW308",
                f"the text applies more than {MOST_NODES:,} layers and functions",
                received=MOST_NODES,
                hint="give the part that matters",
            )

    # Inputs

    def wire(self, run: Run, tensor: Tensor, name: str | None = None) -> Wire:
        """The wire of an array that no layer has been applied to yet: an input of the network."""
        known = self.roots.get(id(tensor))
        if known is not None:
            return known[1]
        title = self.names.get(id(tensor)) or name or "input"
        declared = self._declared(run, tensor, title)
        seen = declared if declared is not None and None not in declared[1:] else None
        wire = self.building.source(title, _free(run, declared), seen)
        self.roots[id(tensor)] = (tensor, wire)
        self.sources.append((self.building.tensors[wire.number].name, wire, declared or ()))
        return wire

    def stored(self, run: Run, array: Held | Tensor) -> Wire:
        """The wire of an array that the model keeps or makes up, whose shape the text gives."""
        known = self.kept.get(id(array))
        if known is None:
            value = array if isinstance(array, Held) else Held(shape_of(array), "", False)
            name = ".".join([*run.prefix, value.name or "constant"])
            known = self.kept[id(array)] = (array, self.building.stored(name, value, value.counted))
        return known[1]

    def _declared(self, run: Run, tensor: Tensor, title: str) -> Shape | None:
        if title in self.better:
            return self.better[title]
        shape = tensor.shape
        if self.given is not None and not self.sources:
            shape = self.given
        elif shape is not None and tensor.entry and not tensor.batched:
            shape = (None, *shape)
        return guessed(run) if shape is None else tuple(shape)


def _free(run: Run, shape: Shape | None) -> Shape | None:
    """The shape with the batch and the sizes of its image open; the channels stay."""
    if shape is None or len(shape) < 3:
        return shape and (None, *shape[1:])
    middle = (None,) * (len(shape) - 2)
    if run.dialect == "jax" or (run.dialect == "keras" and "channels_first" not in run.text):
        return (None, *middle, shape[-1])
    return (None, shape[1], *middle)


def guessed(run: Run) -> Shape | None:
    """As many axes as the first layer with windows reads; a matrix where there is none but a dense one."""
    kinds = [made.kind for made in run.objects if isinstance(made, Made)]
    for kind in kinds:
        found = re.search(r"([123])[dD]$", kind)
        if found:
            return (None,) * (int(found.group(1)) + 2)
    return (None, None) if any(kind in ("Linear", "Dense") for kind in kinds) else None


# Values


def flat(value: Any) -> Iterator[Any]:
    """What stands in nested lists and dictionaries; a list that stands there again is not gone through again.

    Raises:
        CodeError: CW308 where that is too much.
    """
    pending = [(value, 0)]
    gone_through: set[int] = set()
    left = MOST_VALUES
    while pending:
        part, depth = pending.pop()
        if isinstance(part, list | tuple | dict) and depth < DEEPEST_LISTS:
            if id(part) in gone_through:
                continue
            gone_through.add(id(part))
            inner = list(part.values()) if isinstance(part, dict) else part
            left -= len(inner)
            if left < 0:
                raise CodeError(
                    "CW308", f"a list of more than {MOST_VALUES:,} values", hint="give the part that defines the layers"
                )
            pending += [(one, depth + 1) for one in reversed(inner)]
        else:
            yield part


def is_size(value: object) -> bool:
    """Whether the value follows from the sizes of a wire."""
    return isinstance(value, SizeOf | Scale | Arithmetic | Real | Comparison | AllOf)


def doubt_of(value: Any) -> ConvwiseError | None:
    """Why nobody can follow the value."""
    if isinstance(value, Tensor):
        return value.doubt
    if isinstance(value, Rest):
        return CodeError("CW314", f"the text does not say what {shown(value.text, 60)} holds", received=value.text)
    return value if isinstance(value, ConvwiseError) else None


def touches(run: Run, values: Any) -> bool:
    """Whether a wire, a model's input, in a forward what the model keeps, or something in doubt is among the values."""
    return any(
        isinstance(part, Wire)
        or (isinstance(part, Tensor) and (part.entry or part.doubt is not None))
        or (isinstance(part, Held) and run.within > 0)
        for part in flat(values)
    )


def lost(run: Run, node: ast.AST, reason: str) -> Tensor:
    """The array of a statement that cannot be followed; it is an error as soon as the network needs it."""
    doubt = CodeError(
        "CW315",
        f"`{shown(run.source(node, 400), 60)}` cannot be followed: {shown(reason, 160)}",
        detail=run.place(node),
        hint=f"write what the text leaves open as numbers{'' if run.dialect == 'jax' else ', or read the live model'}",
    )
    return tensors.doubtful(run, (), doubt)


def doubted(run: Run, error: ConvwiseError) -> Tensor:
    return tensors.doubtful(run, (), error)


def entered(run: Run, graph: Wiring, value: Any) -> Any:
    """The value with the arrays in it as wires."""
    return _entered(run, graph, value, {}) if any(isinstance(part, Tensor | Held) for part in flat(value)) else value


def wired(run: Run, graph: Wiring, array: Tensor | Held) -> Any:
    """The wire of an array: an input, or within a forward what it keeps or makes up; in doubt without a shape."""
    if isinstance(array, Tensor):
        if array.doubt is not None:
            return array
        made_up = run.trying and not array.entry and shape_of(array) is not None
        if id(array) in graph.roots or not (made_up or (run.within and not array.entry)):
            return graph.wire(run, array)
    if shape_of(array) is None:
        text = array.text if isinstance(array, Held) else f"an array of line {array.line}"
        doubt = CodeError(
            "CW314",
            f"the text does not give the shape of {text}",
            hint="write its sizes as numbers, or read the live model",
        )
        return tensors.doubtful(run, (), doubt)
    return graph.stored(run, array)


def beside(run: Run, graph: Wiring, value: Any) -> Any:
    """An array that is made up for as many rows as a wire has, `tf.random.normal((tf.shape(x)[0], 8))`, where it meets one: a row of it."""
    made_up = isinstance(value, Tensor) and run.within and tensors.is_raw(value) and not value.entry
    shape = value.shape if made_up else None
    if run.dialect != "keras" or not shape or shape[0] is not None or None in shape[1:]:
        return value
    return graph.stored(run, Held((1, *(size or 0 for size in shape[1:])), "", False))


def _entered(run: Run, graph: Wiring, value: Any, known: dict[int, Any], depth: int = 0) -> Any:
    if isinstance(value, Tensor | Held):
        return wired(run, graph, value)
    if not isinstance(value, list | tuple | dict) or depth >= DEEPEST_LISTS:
        return value
    if id(value) not in known:
        if isinstance(value, dict):
            known[id(value)] = {key: _entered(run, graph, part, known, depth + 1) for key, part in value.items()}
        else:
            inner = [_entered(run, graph, part, known, depth + 1) for part in value]
            known[id(value)] = inner if isinstance(value, list) else tuple(inner)
    return known[id(value)]


def around(run: Run) -> Instance | None:
    """The object whose method is being followed."""
    return run.following[-1] if run.following else None
