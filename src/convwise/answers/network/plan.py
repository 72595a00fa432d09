"""What does not depend on the input's size: which nodes surely do the same to the same shapes, and how long each tensor lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Any

from convwise.dialects.base import Layer
from convwise.graph import Network, Work
from convwise.ops import Layout, Norm, Pointwise, Shape
from convwise.ops.outline import Rule
from convwise.ops.several import Elementwise
from convwise.ops.shape import total

NOWHERE = 0
"""The kind of a tensor that nothing gives."""


@dataclass(slots=True)
class Deed:
    """What works with one `mark` do, which is the same to the same shapes, in this network and in others, as long as `work` and `layout` are alive.

    `rule` outlines the ops of the work; None until it is first asked for.
    """

    work: Work
    layout: Layout
    mark: tuple[int, int]
    rule: Rule | None = None


Site = tuple[int, tuple[int, ...], tuple[int, ...]]
"""A deed's number, and the kinds of its inputs and outputs: one for all nodes that do it to them. Plain, so that the garbage collector lets go of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Tensors of one kind have the same shape, whatever the size of the input is.

    `kinds` are those of all tensors by name, `start` the shapes of the kinds that are known before anything runs, `sources` the
    kinds of the inputs, `of` the number of every node's site. `lives` are kinds in the order in which tensors come and go: k for one that
    comes, -1 - k for one that goes. `params` and `trainable` are the sums over all nodes where the reader knows each.
    """

    kinds: dict[str, int]
    start: tuple[Shape | None, ...]
    sources: tuple[int, ...]
    deeds: tuple[Deed, ...]
    sites: tuple[Site, ...]
    of: tuple[int, ...]
    lives: tuple[int, ...]
    params: int | None
    trainable: int | None

    def peak(self, sizes: Sequence[int]) -> int:
        """The most that tensors alive at once take, given what a tensor of each kind takes."""
        signed = [*sizes, *[-size for size in reversed(sizes)]]
        return max(accumulate(map(signed.__getitem__, self.lives)), default=0)


def planned(network: Network) -> Plan:
    """The plan of a network, made once."""
    found: Plan | None = network.kept.get("plan")
    if found is None:
        found = network.kept["plan"] = _plan(network)
    return found


def _plan(network: Network) -> Plan:
    kinds: dict[str, int] = {}
    start: list[Shape | None] = [None]
    fixed: dict[Shape, int] = {}
    for name, shape in network.shapes.items():
        kind = fixed.get(shape)
        if kind is None:
            kind = fixed[shape] = len(start)
            start.append(shape)
        kinds[name] = kind
    sources = tuple(range(len(start), len(start) + len(network.sources)))
    kinds.update((source.name, kind) for source, kind in zip(network.sources, sources, strict=True))
    start += [None] * len(sources)
    deeds: list[Deed] = []
    sites: list[Site] = []
    of: list[int] = []
    marks: dict[tuple[int, int], int] = {}
    numbers: dict[tuple[int, tuple[int, ...], int], int] = {}
    last: dict[str, int] = {}
    counted, kind_of = len(start), kinds.get
    for place, node in enumerate(network.nodes):
        work = node.work
        kinds_in = []
        for name in node.inputs:
            kinds_in.append(kind_of(name, NOWHERE))
            last[name] = place
        inputs = tuple(kinds_in)
        mark = (_alike(work), 0) if isinstance(work, Layer) else (id(work), id(node.layout))
        deed = marks.get(mark)
        if deed is None:
            deed = marks[mark] = len(deeds)
            deeds.append(Deed(work, node.layout, mark))
        key = (deed, inputs, len(node.outputs))
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(sites)
            if len(node.outputs) == 1 and _keeps(work, inputs):
                outputs = inputs[:1]
            else:
                outputs = tuple(range(counted, counted + len(node.outputs)))
                counted += len(outputs)
            sites.append((deed, inputs, outputs))
        of.append(number)
        for name, kind in zip(node.outputs, sites[number][2], strict=True):
            kinds[name] = kind
    start += [None] * (counted - len(start))
    lives = _lives(network, sources, sites, of, last)
    params = total([node.params for node in network.nodes])
    trainable = total([node.trainable for node in network.nodes])
    return Plan(kinds, tuple(start), sources, tuple(deeds), tuple(sites), tuple(of), lives, params, trainable)


MOST_LAYERS = 8192

_LAYERS: dict[tuple[Any, ...], int] = {}
"""Numbers below 0 for what layers are; emptied when it is full, and no number comes twice."""

_NUMBERS = count(1)


def _alike(layer: Layer) -> int:
    """The number of layers that are equal to this one but for their names; its identity where settings cannot be compared."""
    settings = tuple([pair for pair in layer.arguments.items() if pair[0] != "name"])
    key = (layer.dialect, layer.release, layer.kind, settings, layer.ops, layer.channels_last, layer.rank)
    try:
        found = _LAYERS.get(key)
    except TypeError:  # an argument that cannot be compared, such as a mapping
        return id(layer)
    if found is None:
        if len(_LAYERS) >= MOST_LAYERS:
            _LAYERS.clear()
        found = _LAYERS[key] = -next(_NUMBERS)
    return found


UNPLAIN = frozenset({"prelu", "rescaling", "softmax"})
"""Pointwise ops of which Keras asks more than their shape."""


def plain(layer: Layer, shape: Shape) -> bool:
    """Whether a layer takes this shape as soon as its ops do: Keras has no more to check. `False` says nothing."""
    if layer.dialect != "keras" or 0 in shape or (layer.rank is not None and len(shape) != layer.rank + 2):
        return False
    for op in layer.ops:
        if isinstance(op, Pointwise):
            if op.kind in UNPLAIN:
                return False
        elif isinstance(op, Norm) and (
            op.kind not in ("batch", "layer") or isinstance(op.axes, str) or len(op.axes) != 1
        ):
            return False
    return bool(shape)


def _keeps(work: Work, inputs: tuple[int, ...]) -> bool:
    """Whether the output has the shape of the first input, whatever that is."""
    if isinstance(work, tuple):
        return len(work) == 1 and isinstance(work[0], Pointwise) and bool(inputs)
    return isinstance(work, Elementwise) and len(set(inputs)) == 1


def _lives(
    network: Network, sources: tuple[int, ...], sites: list[Site], of: list[int], last: dict[str, int]
) -> tuple[int, ...]:
    """Kinds as tensors come and go: each lives from the node that makes it to the last that reads it."""
    last.update(dict.fromkeys(network.outputs, len(network.nodes)))
    alive = {source.name: kind for source, kind in zip(network.sources, sources, strict=True)}
    lives = list(sources)
    for number, node in enumerate(network.nodes):
        for name, kind in zip(node.outputs, sites[of[number]][2], strict=True):
            alive[name] = kind
            lives.append(kind)
        # A name that stands there twice is gone the second time.
        for name in node.inputs:
            if last[name] == number and name in alive:
                lives.append(-1 - alive.pop(name))
        for name in node.outputs:
            if last.get(name, number) == number and name in alive:
                lives.append(-1 - alive.pop(name))
    return tuple(lives)
