"""With which shapes the inputs of a text are read: as given, or with a batch before it; where none is given, with as many axes as fit."""

from __future__ import annotations

from dataclasses import dataclass, field

from convwise.dialects.base import Layer
from convwise.ops import Shape
from convwise.readers.source.graphs.wiring import Wiring
from convwise.readers.source.state import Run
from convwise.readers.torch_live.sources import wanted

MOST_READINGS = 8
"""How often one text is read, each time with other shapes of its inputs."""


@dataclass(slots=True)
class Trials:
    """The shapes that the inputs are read with, by name, and those that are still to be tried."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    first: dict[str, Shape] = field(default_factory=dict)
    left: dict[str, list[Shape]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    def next(self, run: Run, graph: Wiring, followed: bool) -> bool:
        """Whether the text is to be read again, after what this reading has told; `followed`: nothing in it is in doubt."""
        before = dict(self.shapes)
        for name, _, declared in graph.sources:
            if name in self.settled:
                continue
            first = self.first.setdefault(name, declared)
            left = self.left.setdefault(name, _others(declared))
            fits = not declared or (followed and _fits(graph, name, len(declared)))
            shape = _channels(run, graph, name, declared) if fits else left.pop(0) if left else first
            if fits or shape == first:
                self.settled.add(name)
            if shape != declared:
                self.shapes[name] = shape
        return self.shapes != before


def _fits(graph: Wiring, name: str, axes: int) -> bool:
    """Whether every layer with windows behind the input reads a batch of maps; PyTorch's also a single one that was cut out of the input."""
    known = {tensor.name: tensor for tensor in graph.building.tensors}
    behind = {name}
    for node in graph.building.nodes:
        if behind.isdisjoint(node.inputs):
            continue
        behind.update(node.outputs)
        if isinstance(node.work, Layer) and node.work.rank is not None:
            read, maps = known.get(node.inputs[0]), node.work.rank + 2
            if read is None:
                continue  # something was written into it since
            shape = read.free if read.free is not None else read.seen
            cut = node.work.dialect == "torch" and axes != maps - 1
            if shape is None or len(shape) not in ((maps - 1, maps) if cut else (maps,)):
                return False
    return True


def _others(declared: Shape) -> list[Shape]:
    """What else an input may be: one given without its batch with one, an open one of fewer or more axes."""
    if any(size is not None for size in declared[1:]):
        return [(1, *declared)]
    axes = len(declared)
    counts = dict.fromkeys((axes - 1, axes + 1, axes - 2, 2))
    return [(None,) * count for count in counts if declared and count > 1 and count != axes]


def _channels(run: Run, graph: Wiring, name: str, declared: Shape) -> Shape:
    """An open shape with what the first layers that read the input take."""
    if run.dialect == "keras" or any(size is not None for size in declared):
        return declared
    found = wanted(graph.building.nodes, name)
    if run.dialect == "jax" and found is not None:
        # What PyTorch would want, which has its channels behind the batch: they are known where a layer reads the input itself.
        first = next(node.work for node in graph.building.nodes if name in node.inputs)
        channels = found[1] if isinstance(first, Layer) and first.rank is not None and len(found) > 2 else None
        return (*(None,) * (len(found) - 1), channels) if len(found) > 2 else found
    return found or declared
