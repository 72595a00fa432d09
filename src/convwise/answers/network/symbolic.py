"""Sizes that stay free through a whole network: every size an exact map of the input's height, width or length.

For every legal input size the maps give the very numbers that `flowing.run` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from convwise.answers.network import symbolic_ops, symbolic_several
from convwise.answers.network.conditions import Conditions
from convwise.answers.network.dims import Dims, Key, at, of, text
from convwise.dialects.base import Layer, Unknown
from convwise.graph import Network, Node, Source
from convwise.ops import Layout, Op, Resize, Shape, spatial_names
from convwise.sizes import SizeSet, TooComplex, identity

ONE_IMAGE = ("Resizing", "CenterCrop")
"""Layers of Keras that take three axes as one image without a batch."""


@dataclass(frozen=True, slots=True)
class AxisKey:
    """A spatial axis of an input: the input's name, the axis's name, and its place in the shape."""

    source: str
    name: str
    place: int


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A network with free sizes. `shapes` holds every tensor's sizes by name; `conditions` what the nodes ask."""

    network: Network
    keys: tuple[AxisKey, ...]
    shapes: dict[str, Dims | None] = field(repr=False)
    conditions: Conditions = field(repr=False)

    def at(self, tensor: str, sizes: Mapping[Key, int]) -> Shape | None:
        """The tensor's shape for these sizes of the input's axes."""
        dims = self.shapes.get(tensor)
        return None if dims is None else tuple(at(dim, sizes) for dim in dims)

    def words(self, tensor: str, legal: Mapping[Key, SizeSet] | None = None) -> tuple[str, ...] | None:
        """The tensor's shape as expressions of H, W ...; with `legal`, the simplest that are exact on those sizes."""
        dims = self.shapes.get(tensor)
        if dims is None:
            return None
        names = {key: axis.name[0].upper() for key, axis in enumerate(self.keys)}
        return tuple(text(dim, names, legal) for dim in dims)


def follow(network: Network) -> Symbolic:
    """The network with free sizes. The batch is what is declared, else one sample; channels are as declared."""
    keys: list[AxisKey] = []
    shapes: dict[str, Dims | None] = {name: tuple(shape) for name, shape in network.shapes.items()}
    for source in network.sources:
        shapes[source.name] = _free(source, keys)
    asks = Conditions({key: SizeSet.every() for key in range(len(keys))})
    for node in network.nodes:
        asks.node = node.name or node.kind
        inputs = tuple(shapes.get(name) for name in node.inputs)
        outputs: tuple[Dims | None, ...] = (None,) * len(node.outputs)
        known = tuple(shape for shape in inputs if shape is not None)
        if len(known) == len(inputs):
            refused = len(asks.never)
            found = _node(node, known, asks)
            # Behind a node that takes no size at all nothing is asked any more.
            outputs = found if len(asks.never) == refused else outputs
        elif known:
            asks.unclear("reads a tensor whose shape is not known", *(dim for shape in known for dim in shape))
        shapes.update(zip(node.outputs, outputs, strict=False))
    return Symbolic(network, tuple(keys), shapes, asks)


def _free(source: Source, keys: list[AxisKey]) -> Dims:
    layout, declared = source.layout, source.declared
    numbers: list[int | None] = [size if isinstance(size, int) else None for size in declared]
    first = int(layout.batched)
    if layout.batched and numbers and numbers[0] is None:
        numbers[0] = 1
    dims: list[object] = list(numbers)
    if len(declared) > first + 1:
        places = range(first, len(declared) - 1) if layout.channels_last else range(first + 1, len(declared))
        for name, place in zip(spatial_names(len(places)), places, strict=True):
            keys.append(AxisKey(source.name, name, place))
            dims[place] = of(len(keys) - 1, identity())
    return tuple(dims)  # type: ignore[arg-type]


def _node(node: Node, shapes: tuple[Dims, ...], asks: Conditions) -> tuple[Dims | None, ...]:
    work = node.work
    try:
        if isinstance(work, Layer):
            if isinstance(work.arguments.get("in_features"), Unknown):
                asks.unclear("the text does not say how many features it takes", shapes[0][-1])
            layout = layer_layout(work, shapes[0])
            if work.dialect == "torch" and len(work.ops) == 1:
                symbolic_ops.spread(work.ops[0], shapes[0], layout, asks)
            return (_ops(fitted(work, shapes[0]), shapes[0], layout, asks),)
        if isinstance(work, tuple):
            return (_ops(work, shapes[0], node.layout, asks),)
        return symbolic_several.apply(work, shapes, asks)
    except TooComplex as error:
        reason = f"is not followed: {error.fact}"
    except (LookupError, ValueError, ArithmeticError, AssertionError):
        # Ops of a malformed file: too few inputs, or axes that the op does not have. Claiming nothing is never wrong.
        reason = "does not take these tensors"
    asks.unclear(reason, *(dim for shape in shapes for dim in shape))
    return (None,) * len(node.outputs)


def _ops(ops: tuple[Op, ...], shape: Dims, layout: Layout, asks: Conditions) -> Dims | None:
    current: Dims | None = shape
    for op in ops:
        if current is None:
            return None
        current = symbolic_ops.apply(op, current, layout, asks)
    return current


def layer_layout(layer: Layer, shape: Dims) -> Layout:
    """Where the batch stands: PyTorch's layers tell it by the number of axes, and Keras's of one image do."""
    single = layer.dialect == "torch" or (layer.dialect == "keras" and layer.kind in ONE_IMAGE)
    unbatched = single and layer.rank is not None and len(shape) == layer.rank + 1
    return Layout(layer.channels_last, batched=not unbatched)


def fitted(layer: Layer, shape: Dims) -> tuple[Op, ...]:
    """The layer's ops for so many axes: PyTorch's Upsample with one number takes it for every axis."""
    op = layer.ops[0] if len(layer.ops) == 1 else None
    rank = len(shape) - 2
    if isinstance(op, Resize) and layer.dialect == "torch" and op.rank == 1 != rank and rank > 0:
        sizes, scales = op.sizes, op.scales
        return (replace(op, sizes=sizes and sizes * rank, scales=scales and scales * rank),)
    return layer.ops
