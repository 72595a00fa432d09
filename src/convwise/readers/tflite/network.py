"""From the structure of a .tflite file to a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convwise.errors import ArgumentError, ConvwiseError, ModelError
from convwise.graph import Network, Source
from convwise.ops import Layout, Shape
from convwise.readers.echo import shown
from convwise.readers.onnx.wire import Buffer
from convwise.readers.tflite import others, windows
from convwise.readers.tflite.arithmetic import fold, shape_of
from convwise.readers.tflite.graph import Graph, Step
from convwise.readers.tflite.model import TfliteModel, TfliteOperator, contradicting, read_model
from convwise.readers.torch_live.building import Building
from convwise.readers.torch_live.values import NotFollowed

RULES = {**others.RULES, **windows.RULES}
COPIED = frozenset({"DEQUANTIZE", "QUANTIZE", "CAST", "DENSIFY"})
"""Operators that give stored numbers in another type."""

Shapes = Mapping[str, Shape] | Shape | None


def read_tflite(buffer: Buffer, input_shape: Shapes = None) -> Network:
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
        graph.wires[number] = graph.building.source(source.name, _free(source), _seen(source))
    for number, operator in enumerate(model.operators):
        step = Step(graph, operator, _name(model, operator, number))
        try:
            _add(step)
        except ConvwiseError as error:
            error.layer = error.layer or f"'{shown(step.name, 60)}' ({operator.kind}), operator {number}"
            raise
        except NotFollowed as unknown:
            _give(step, step.lost(str(unknown)))
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


def _add(step: Step) -> None:
    """Read one operator: sizes, stored numbers in another type, or a step of the network."""
    graph, operator = step.graph, step.operator
    if not operator.outputs:
        return
    for number in operator.outputs:
        if number in graph.wires or number in graph.known or graph.model.tensors[number].stored is not None:
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


def _sources(model: TfliteModel, given: Shapes) -> tuple[Source, ...]:
    """A source for each input.

    Raises:
        ArgumentError: CW601, CW606.  ModelError: CW410.
    """
    tensors = [model.tensors[number] for number in model.inputs]
    names = [one.name for one in tensors]
    if isinstance(given, Mapping):
        strange = next((name for name in given if name not in names), None)
        if strange is not None:
            hint = f"its inputs are {', '.join(map(shown, names))}"
            raise ArgumentError("CW606", f"the model has no input {strange!r}", hint=hint)
        shapes = dict(given)
    elif given is not None:
        if len(names) != 1:
            hint = f"give a shape for each of {', '.join(map(shown, names))}"
            raise ArgumentError("CW606", f"the model has {len(names)} inputs, and one shape is given", hint=hint)
        shapes = {names[0]: tuple(given)}
    else:
        shapes = {}
    found = []
    for tensor in tensors:
        declared, wanted = tensor.shape, shapes.get(tensor.name)
        if wanted is not None and declared is not None and len(wanted) == len(declared) - 1:
            wanted = (1, *wanted)
        if wanted is not None and declared is not None and len(wanted) != len(declared):
            fact = f"{len(wanted)} axes for the input '{shown(tensor.name)}', which has {len(declared)}"
            raise ArgumentError("CW601", fact, received=wanted)
        shape = wanted if wanted is not None else declared
        if shape is None:
            fact = f"input '{shown(tensor.name)}' does not say how many axes it has"
            raise ModelError("CW410", fact, hint="give its shape as input_shape")
        found.append(Source(tensor.name, tuple(shape), Layout(channels_last=True)))
    return tuple(found)


def _free(source: Source) -> Shape:
    """The shape as the graph is read with it: every size stays free but the channels, as `resize_tensor_input` leaves them."""
    sizes = _seen(source)
    return sizes if len(sizes) < 3 else (*(None,) * (len(sizes) - 1), sizes[-1])


def _seen(source: Source) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in source.declared)
