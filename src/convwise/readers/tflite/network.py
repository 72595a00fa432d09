"""From the structure of a .tflite file to a network."""

from __future__ import annotations

from dataclasses import replace

from convwise.errors import ConvwiseError, ModelError
from convwise.graph import Network, Source
from convwise.ops import Layout, Shape
from convwise.readers.echo import shown
from convwise.readers.onnx.wire import Buffer
from convwise.readers.onnx_network.sources import InputShapes, by_name, fitted, free
from convwise.readers.tflite import others, windows
from convwise.readers.tflite.arithmetic import fold, shape_of
from convwise.readers.tflite.graph import Graph, Step
from convwise.readers.tflite.model import TfliteModel, TfliteOperator, contradicting, read_model
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.values import NotFollowed

RULES = {**others.RULES, **windows.RULES}
COPIED = frozenset({"DEQUANTIZE", "QUANTIZE", "CAST", "DENSIFY"})
"""Operators that give stored numbers in another type."""


def read_tflite(buffer: Buffer, input_shape: InputShapes = None) -> Network:
    """The network in a .tflite file's bytes, with channels last, as TensorFlow Lite has them.

    `input_shape` replaces the declared shape of the input (of each, as a mapping by name), as `resize_tensor_input` does. An operator that
    is several ops becomes several nodes. Parameters are stored floating-point or quantised numbers, each counted at the first node that reads it.

    Raises:
        ModelError: CW403 to CW407 for a file that cannot be read, CW410 for an input whose number of axes nobody knows.
        ArgumentError: CW601, CW606 for an `input_shape` that does not fit.
        ShapeError: where an operator cannot be what the file says.
    """
    model = read_model(buffer)
    sources = _sources(model, input_shape)
    graph = Graph(model, Building(guided=True, layout=Layout(channels_last=True)))
    for number, source in zip(model.inputs, sources, strict=True):
        graph.wires[number] = graph.building.source(source.name, free(source), _seen(source))
    for number, operator in enumerate(model.operators):
        step = Step(graph, operator, _name(model, operator, number))
        try:
            _read(step)
        except ConvwiseError as error:
            error.layer = error.layer or f"'{shown(step.name, 60)}' ({operator.kind}), operator {number}"
            raise
    building = graph.building
    read = {name for node in building.nodes for name in node.inputs}
    stored = {known.name: known.free or () for known in building.tensors if known.is_stored and known.name in read}
    outputs = tuple(dict.fromkeys(building.tensors[graph.wire(number).number].name for number in model.outputs))
    named = tuple(
        replace(source, name=building.tensors[graph.wires[number].number].name)
        for number, source in zip(model.inputs, sources, strict=True)
    )
    return Network(
        model.title, "tensorflow", named, tuple(building.nodes), outputs, tuple(building.notes), dict(stored)
    )


def _read(step: Step) -> None:
    try:
        _add(step)
    except NotFollowed as unknown:
        try:
            _give(step, step.lost(str(unknown)))
        except NotFollowed as reason:
            raise ModelError("CW405", str(reason), hint="give a part of the model") from None


def _add(step: Step) -> None:
    """Read one operator: sizes, stored numbers in another type, or a step of the network."""
    graph, operator = step.graph, step.operator
    if not operator.outputs:
        return
    for number in operator.outputs:
        given = number in graph.wires or number in graph.known or number in graph.copies
        if given or graph.model.tensors[number].stored is not None:
            raise contradicting(f"'{shown(graph.model.tensors[number].name, 60)}' is given twice")
    if operator.kind == "SHAPE" and step.has(0):
        graph.known[operator.outputs[0]] = shape_of(graph.building.sizes(step.input(0)))
        return
    if operator.kind in COPIED and step.has(0) and graph.stored(operator.inputs[0]) is not None:
        graph.copies[operator.outputs[0]] = operator.inputs[0]
        if (copied := graph.sizes(operator.inputs[0])) is not None:
            graph.known[operator.outputs[0]] = copied
        return
    sizes = [graph.sizes(number) for number in operator.inputs if number >= 0]
    found = fold(operator, sizes)
    if found is not None and len(found) == len(operator.outputs):
        graph.known.update(zip(operator.outputs, found, strict=True))
        return
    rule = RULES.get(operator.kind)
    _give(step, step.lost("this operator is not known") if rule is None else rule(step))


def _give(step: Step, made: tuple[object, ...]) -> None:
    outputs = step.operator.outputs
    if len(made) != len(outputs):
        raise contradicting(f"{step.operator.kind} gives {len(made)} tensors, and the file names {len(outputs)}")
    step.graph.wires.update(zip(outputs, made, strict=True))  # type: ignore[arg-type]


def _name(model: TfliteModel, operator: TfliteOperator, number: int) -> str:
    """Operators have no names; their first output's is told, which a converter makes of all layers that it put together."""
    if not operator.outputs:
        return f"{operator.kind.lower()}_{number}"
    return model.tensors[operator.outputs[0]].name.partition(";")[0] or f"{operator.kind.lower()}_{number}"


def _sources(model: TfliteModel, given: InputShapes) -> tuple[Source, ...]:
    """A source for each input; raises as `by_name` and `fitted`."""
    tensors = [model.tensors[number] for number in model.inputs]
    shapes = by_name(given, [one.name for one in tensors])
    found = ((one.name, fitted(one.name, one.shape, shapes.get(one.name))) for one in tensors)
    return tuple(Source(name, shape, Layout(channels_last=True)) for name, shape in found)


def _seen(source: Source) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in source.declared)
