"""The inputs of a model: what they declare, and which of their axes are batch, channels, height and width."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from convwise.errors import ArgumentError, ModelError, ShapeError
from convwise.graph import CHANNELS_FIRST, Declared, Source
from convwise.ops import Layout, Shape
from convwise.ops.shape import LARGEST
from convwise.readers.echo import shown
from convwise.readers.onnx import OnnxGraph, OnnxNode, OnnxValue
from convwise.readers.onnx_network.ordering import Step

ALIKE = frozenset(
    [
        "Abs",
        "Add",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Div",
        "Dropout",
        "Exp",
        "Identity",
        "LeakyRelu",
        "Mul",
        "Pad",
        "Pow",
        "QuantizeLinear",
        "DequantizeLinear",
        "Relu",
        "Slice",
        "Sub",
    ]
)
"""Operators behind which the axes mean what they meant before."""

SPATIAL = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "DepthToSpace",
        "SpaceToDepth",
    ]
)
MOST_LOOKED_AT = 2000

InputShapes = Shape | Mapping[str, Shape] | None


def declared_inputs(graph: OnnxGraph, shapes: InputShapes, steps: list[Step]) -> tuple[Source, ...]:
    """A source for every input that is a tensor and no initializer; `shapes` replaces what they declare.

    Raises:
        ArgumentError: CW601, CW606 where `shapes` does not fit the inputs.
        ModelError: CW410 where an input does not even declare how many axes it has.
        ShapeError: CW107 where a declared size is so large that windows over it overflow int64.
    """
    values = [one for one in graph.inputs if one.name not in graph.initializers and one.kind in ("tensor", "")]
    given = by_name(shapes, [value.name for value in values])
    readers = _readers(values, steps)
    found = []
    for value in values:
        dims = _dims(value, given.get(value.name), readers, graph)
        for size in dims:
            if isinstance(size, int) and size > LARGEST // 2:
                raise ShapeError("CW107", f"input '{shown(value.name)}' declares a size of {size:,}", received=size)
        found.append(Source(value.name, dims, _layout(value.name, len(dims), readers), value.dims or ()))
    return tuple(found)


def _readers(values: list[OnnxValue], steps: list[Step]) -> dict[str, list[OnnxNode]]:
    """Who reads each tensor; where the first reader of every input tells all, the others are left out."""
    readers: dict[str, list[OnnxNode]] = defaultdict(list)
    for value in values:
        first = next((step.node for step in steps if value.name in step.node.inputs), None)
        if first is None or first.op_type not in SPATIAL or value.dims is None:
            break
        readers[value.name].append(first)
    else:
        return readers
    readers.clear()
    for step in steps:
        for name in step.node.inputs:
            readers[name].append(step.node)
    return readers


def by_name(shapes: InputShapes, names: Sequence[str]) -> Mapping[str, Shape]:
    """The shapes that are given for the inputs of these names.

    Raises:
        ArgumentError: CW606 for a name that no input has, and for one shape where there are several inputs.
    """
    if shapes is None:
        return {}
    told = ", ".join(map(shown, names))
    if isinstance(shapes, Mapping):
        strange = next((name for name in shapes if name not in names), None)
        if strange is not None:
            raise ArgumentError("CW606", f"the model has no input {strange!r}", hint=f"its inputs are {told}")
        return shapes
    if len(names) != 1:
        fact = f"the model has {len(names)} inputs, and one shape is given"
        raise ArgumentError("CW606", fact, hint=f"give a shape for each of {told}")
    return {names[0]: tuple(shapes)}


def fitted(name: str, dims: Declared | None, given: Shape | None) -> Declared:
    """The shape of an input: the one that is given, with a batch of 1 where it has an axis less than the file declares, or else the declared one.

    Raises:
        ArgumentError: CW601 for another number of axes.
        ModelError: CW410 where nobody says how many there are.
    """
    if given is None:
        if dims is None:
            fact = f"input '{shown(name)}' does not say how many axes it has"
            raise ModelError("CW410", fact, hint="give its shape as input_shape")
        return dims
    if dims is not None and len(given) == len(dims) - 1:
        given = (1, *given)
    if dims is not None and len(given) != len(dims):
        fact = f"{len(given)} axes for the input '{shown(name)}', which has {len(dims)}"
        raise ArgumentError("CW601", fact, received=given)
    return tuple(given)


def _dims(value: OnnxValue, given: Shape | None, readers: Mapping[str, list[OnnxNode]], graph: OnnxGraph) -> Declared:
    dims = value.dims
    if dims is None:
        weights = [
            graph.initializers[node.inputs[1]]
            for node in readers[value.name]
            if node.op_type == "Conv" and len(node.inputs) > 1 and node.inputs[1] in graph.initializers
        ]
        if weights:
            dims = (None,) * len(weights[0].dims)
    return fitted(value.name, dims, given)


def _layout(name: str, rank: int, readers: Mapping[str, list[OnnxNode]]) -> Layout:
    """Channels first, unless the first thing that tells moves the last axis to the second place, as converters from TensorFlow write it."""
    if rank < 3:
        return CHANNELS_FIRST
    waiting, seen = [name], {name}
    for tensor in waiting:
        for node in readers.get(tensor, ()):
            if node.op_type in SPATIAL:
                return CHANNELS_FIRST
            order = node.attributes.get("perm")
            if node.op_type == "Transpose" and order == (0, rank - 1, *range(1, rank - 1)):
                return Layout(channels_last=True)
            if node.op_type == "Unsqueeze" and rank == 3:
                return Layout(batched=False)
            if node.op_type in ALIKE and len(seen) < MOST_LOOKED_AT:
                new = [one for one in node.outputs if one not in seen]
                waiting += new
                seen.update(new)
    return CHANNELS_FIRST


def free(source: Source) -> Shape:
    """The shape as the graph is read with it: batch and spatial sizes stay free, channels are as declared."""
    rank, layout = len(source.declared), source.layout
    numbers = tuple(size if isinstance(size, int) else None for size in source.declared)
    if rank < 2:
        return numbers
    kept = rank - 1 if layout.channels_last else int(layout.batched)
    return tuple(size if axis == kept else None for axis, size in enumerate(numbers))
