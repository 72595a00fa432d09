"""What grows while a configuration becomes a network: nodes, sources, the names that are taken, and the work that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convwise import dialects
from convwise.dialects.base import Layer
from convwise.errors import ConvwiseError, ModelError
from convwise.graph import Declared, Node, Source, Work
from convwise.ops import Layout, Shape
from convwise.readers.keras_files.limits import MODELS, NODES

CHANNELS_LAST = Layout(channels_last=True)
CHANNELS_FIRST = Layout(channels_last=False)


@dataclass(slots=True)
class Growing:
    """One network in the making; `done` keeps what was read of a layer or model, which may be called many times."""

    nodes: list[Node] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    counted: set[object] = field(default_factory=set)
    done: dict[int, Any] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    """Layers by their words, for networks repeat them."""

    known: dict[str, Shape | None] = field(default_factory=dict)
    """The shapes of tensors for the declared input, as far as they were asked for."""

    walked: int = 0
    unbuilt: bool = False
    """Whether the file declares no input: what its layers are made for is then open."""

    spent: int = 0
    input_shape: Shape | None = None
    """For a model that was saved before it was built, what the caller says."""

    def spend(self, place: str, depth: int) -> None:
        """One call more, in a model `depth` levels down, where names and places are that much longer.

        Raises:
            ModelError: CW416 where there are too many.
        """
        self.spent += 1 + depth
        if self.spent > NODES:
            raise too_large(place, f"the models called in it have more than {NODES:,} layers together", NODES)

    def free(self, name: str) -> str:
        """`name`, or with a number behind it where it is taken."""
        while name in self.taken:
            self.taken[name] += 1
            name = f"{name}:{self.taken[name]}"
        self.taken[name] = 0
        return name

    def source(self, name: str, declared: Declared) -> str:
        name = self.free(name)
        self.sources.append(Source(name, declared, CHANNELS_LAST))
        return name

    def stored(self, shape: Shape) -> str:
        """The name of a constant of this shape."""
        name = self.free("constant")
        self.shapes[name] = shape
        return name

    def open_shape(self, work: Work, place: str) -> Declared:
        """The input's shape where the file tells none: what the caller says, or as many open sizes as the first layer takes.

        Raises:
            ModelError: CW417 where nothing tells even the number of axes.
        """
        self.unbuilt = True
        rank = work.rank if isinstance(work, Layer) else None
        if self.input_shape is not None:
            return (None, *self.input_shape) if rank and len(self.input_shape) == rank + 1 else self.input_shape
        if rank:
            return (None,) * (rank + 2)
        fact = f"{place}: the model was saved before it was built, so its input's shape is not in the file"
        raise ModelError("CW417", fact, hint="give input_shape=, with the batch, or save the model after building it")

    def seen(self, name: str) -> Shape | None:
        """The tensor's shape for the input that the file declares, for which its layers were built; None where that is not known."""
        if self.unbuilt:
            return None
        for source in self.sources:
            self.known[source.name] = tuple(size if isinstance(size, int) else None for size in source.declared)
        self.known.update(self.shapes)
        for node in self.nodes[self.walked :]:
            self.known.update(zip(node.outputs, _flowed(node, self.known), strict=False))
        self.walked = len(self.nodes)
        return self.known.get(name)

    def first_count(self, entry: Mapping[str, Any]) -> bool:
        """Whether the layer's numbers are counted now: once, however often it is called."""
        shared = entry.get("shared_object_id")
        key: object = ("shared", shared) if type(shared) is int else id(entry)
        first = key not in self.counted
        self.counted.add(key)
        return first


def _flowed(node: Node, known: Mapping[str, Shape | None]) -> tuple[Shape | None, ...]:
    """What the node gives; nothing where it does not take these shapes, or one is not known."""
    shapes = tuple(shape for name in node.inputs if (shape := known.get(name)) is not None)
    if len(shapes) != len(node.inputs) or not shapes:
        return ()
    try:
        if isinstance(node.work, Layer):
            return (dialects.get(node.work.dialect).flow(node.work, shapes[0]).output,)
        if not isinstance(node.work, tuple):
            return node.work.flows(shapes)
        shape = shapes[0]
        for op in node.work:
            shape = op.flow(shape, node.layout).output
        return (shape,)
    except (ConvwiseError, LookupError, ValueError, ArithmeticError, AssertionError):
        return ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the configuration a model stands: its path of keys, the names of the models around, how deep, whether frozen."""

    keys: str = ""
    path: str = ""
    depth: int = 0
    frozen: bool = False

    def below(self, name: str, keys: str, frozen: bool) -> Place:
        """The model called `name` in this one.

        Raises:
            ModelError: CW416 where models are nested too deep.
        """
        if self.depth >= MODELS:
            raise too_large(self.keys, f"models are nested more than {MODELS} deep", MODELS)
        return Place(f"{keys}.config", self.named(name), self.depth + 1, self.frozen or frozen)

    def named(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def row(self, number: int) -> str:
        """`config.layers[3]`."""
        return f"{self.keys}.layers[{number}]"


def too_large(place: str, fact: str, received: int) -> ModelError:
    """CW416."""
    fact = f"{place}: {fact}" if place else fact
    return ModelError("CW416", fact, received=received, hint="give a part of the model")


def unwired(place: str, fact: str, *, received: object = None, layer: str | None = None) -> ModelError:
    """CW415: the layers do not fit together."""
    fact = f"{place}: {fact}" if place else fact
    return ModelError(
        "CW415", fact, received=received, layer=layer, hint="the file was changed or cut; save the model again"
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One layer call, ready to become nodes: its works run one after the other."""

    name: str
    kind: str
    works: tuple[Work, ...]
    inputs: tuple[str, ...]
    place: str
    module: str
    outputs: int = 1
    params: int | None = None
    trainable: int | None = None


def add(growing: Growing, step: Step) -> tuple[str, ...]:
    """The step's nodes; gives the names of the tensors that the last of them makes."""
    inputs = step.inputs
    for number, work in enumerate(step.works):
        last = number == len(step.works) - 1
        name = growing.free(step.name if last else f"{step.name}.{number}")
        count = step.outputs if last else 1
        outputs = (name,) if count == 1 else tuple(growing.free(f"{name}.{place}") for place in range(count))
        layout = CHANNELS_FIRST if isinstance(work, Layer) and not work.channels_last else CHANNELS_LAST
        growing.nodes.append(
            Node(
                name,
                step.kind,
                work,
                inputs,
                outputs,
                layout=layout,
                place=step.place,
                module=step.module,
                params=step.params,
                trainable=step.trainable,
            )
        )
        inputs = outputs
    return inputs
