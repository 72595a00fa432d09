"""Concrete shapes through any network: every node once, in order; a break is told with the history that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from convwise import dialects
from convwise.dialects.base import Layer, run_ops
from convwise.errors import ArgumentError, ConvwiseError, ShapeError
from convwise.graph import Declared, Network, Node, Source
from convwise.ops import AxisFlow, Flow, Layout, Norm, Op, Shape
from convwise.ops.several import Opaque

Shapes = tuple[Shape | None, ...]
InputShapes = Shape | Sequence[int | None] | Mapping[str, Shape] | None

HISTORY = 8
"""How many steps of the path to a broken node are told."""


@dataclass(frozen=True, slots=True)
class Done:
    """What some work did to some shapes: the outputs (None: not known), each op's flow, and the op it really was."""

    outputs: Shapes
    flows: tuple[Flow, ...] = ()
    ops: tuple[Op, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """One node with its numbers; `error` where it broke, `outputs` hold None where a shape is not known."""

    node: Node
    inputs: Shapes
    outputs: Shapes
    flows: tuple[Flow, ...] = ()
    ops: tuple[Op, ...] = ()
    error: ShapeError | None = None

    @property
    def axes(self) -> tuple[AxisFlow, ...]:
        """The axes of the op whose windows slide; else of the first op that has any."""
        for flow in self.flows:
            if flow.axes and flow.axes[0].window is not None:
                return flow.axes
        return next((flow.axes for flow in self.flows if flow.axes), ())

    @property
    def params(self) -> int | None:
        return self.node.params if self.node.params is not None else total(flow.params for flow in self.flows)

    @property
    def trainable(self) -> int | None:
        if self.node.trainable is not None:
            return self.node.trainable
        return self.node.params if self.node.params == 0 else total(flow.trainable for flow in self.flows)

    @property
    def macs(self) -> int | None:
        return total(flow.macs for flow in self.flows)


@dataclass(frozen=True, slots=True)
class Run:
    """A network on one set of input shapes; `shapes` holds every tensor's shape by name, None where it is not known."""

    network: Network
    inputs: dict[str, Shape]
    nodes: tuple[NodeFlow, ...]
    shapes: dict[str, Shape | None] = field(repr=False)

    @property
    def errors(self) -> tuple[ShapeError, ...]:
        return tuple(step.error for step in self.nodes if step.error is not None)


def total(counts: Iterable[int | None]) -> int | None:
    """The sum; None where one is not known."""
    found = 0
    for count in counts:
        if count is None:
            return None
        found += count
    return found


def run(network: Network, input_shapes: InputShapes = None, *, strict: bool = True) -> Run:
    """Every shape in the network. Tensors behind a broken or unknown node are unknown, and nothing is said of them again.

    `input_shapes` is one shape for a network with one input, else a mapping by name; None: as declared.

    Raises:
        ShapeError: with `strict`, at the first node that does not take what reaches it; the node, its place and the sizes on the way are told.
        ArgumentError: CW601, CW606 where the input shapes do not fit the network's inputs.
    """
    inputs = given_shapes(network, input_shapes)
    shapes: dict[str, Shape | None] = dict(network.shapes)
    shapes.update(inputs)
    steps: list[NodeFlow] = []
    for node in network.nodes:
        step = _step(node, tuple(shapes.get(name) for name in node.inputs))
        if step.error is not None:
            _tell(step.error, network, node, steps, shapes)
            if strict:
                raise step.error
        shapes.update(zip(node.outputs, step.outputs, strict=False))
        steps.append(step)
    return Run(network, inputs, tuple(steps), shapes)


def _step(node: Node, inputs: Shapes) -> NodeFlow:
    work = node.work
    unknown = (None,) * len(node.outputs)
    if None in inputs:
        return NodeFlow(node, inputs, unknown)
    shapes = tuple(shape for shape in inputs if shape is not None)
    try:
        if isinstance(work, tuple):
            done = _through(work, node.layout, shapes[0])
        elif isinstance(work, Layer):
            done = layer_flow(work, shapes[0])
        else:
            outputs = work.flows(shapes)
            flow = Flow(shapes[0], outputs[0]) if shapes and outputs and outputs[0] is not None else None
            done = Done(outputs, () if flow is None else (flow,))
    except ShapeError as error:
        return NodeFlow(node, inputs, unknown, error=error)
    except ConvwiseError as error:
        return NodeFlow(node, inputs, unknown, error=_as_shape_error(error))
    return NodeFlow(node, inputs, done.outputs, done.flows, done.ops)


def _as_shape_error(error: ConvwiseError) -> ShapeError:
    return ShapeError(
        error.code,
        error.fact,
        detail=error.detail,
        hint=error.hint,
        axis=error.axis,
        received=error.received,
        quote=error.quote,
    )


@lru_cache(maxsize=8192)
def _through(ops: tuple[Op, ...], layout: Layout, shape: Shape) -> Done:
    """Ops one after the other; equal work on equal shapes is done once."""
    flows: list[Flow] = []
    for op in ops:
        flows.append(op.flow(flows[-1].output if flows else shape, layout))
    return Done((flows[-1].output if flows else shape,), tuple(flows), ops)


def layer_flow(layer: Layer, shape: Shape) -> Done:
    """A dialect's layer, as it runs in a trained network: normalisation with stored moments asks for no second value."""
    try:
        found = dialects.get(layer.dialect).flow(layer, shape)
    except ShapeError as error:
        if not (error.quote.startswith("Expected more than 1") and _stored(layer)):
            raise
        rank = layer.rank if layer.rank is not None and len(shape) == layer.rank + 1 else None
        found = run_ops(layer, shape, Layout(layer.channels_last, batched=rank is None))
    return Done((found.output,), found.flows, found.layer.ops)


def _stored(layer: Layer) -> bool:
    return all(isinstance(op, Norm) and op.moments for op in layer.ops)


def given_shapes(network: Network, shapes: InputShapes) -> dict[str, Shape]:
    """The shape of every source by name; a missing batch is taken as one sample.

    Raises:
        ArgumentError: CW601 where the number of axes is wrong, CW606 where an input is missing or not known.
    """
    sources = network.sources
    if shapes is None:
        return {source.name: _numbers(source.declared) for source in sources}
    if not isinstance(shapes, Mapping):
        if len(sources) != 1:
            names = ", ".join(source.name for source in sources)
            raise ArgumentError(
                "CW606",
                f"the network has {len(sources)} inputs, and one shape is given",
                received=tuple(shapes),
                hint=f"give a shape each for {names}",
            )
        shapes = {sources[0].name: tuple(shapes)}
    strange = [name for name in shapes if name not in {source.name for source in sources}]
    if strange:
        raise ArgumentError(
            "CW606",
            f"the network has no input {strange[0]!r}",
            received=strange[0],
            hint=f"its inputs are {', '.join(source.name for source in sources)}",
        )
    return {source.name: _fitted(source, shapes.get(source.name)) for source in sources}


def _numbers(declared: Declared) -> Shape:
    return tuple(size if isinstance(size, int) else None for size in declared)


def _fitted(source: Source, shape: Sequence[int | None] | None) -> Shape:
    if shape is None:
        return _numbers(source.declared)
    given = tuple(shape)
    for size in given:
        if size is not None and (type(size) is not int or size < 0):
            raise ArgumentError(
                "CW601", f"{size!r} is not a size", received=size, hint="sizes are whole numbers of 0 or more"
            )
    if len(given) == len(source.declared):
        return given
    if source.layout.batched and len(given) + 1 == len(source.declared):
        return (1, *given)
    raise ArgumentError(
        "CW601",
        f"{len(given)} axes for the input {source.name!r}, which has {len(source.declared)}",
        received=given,
        hint=f"it is declared as {show(source.declared)}",
    )


def show(shape: Iterable[int | str | None] | None) -> str:
    """`1x3x?x?`."""
    return "?" if shape is None else "x".join("?" if size is None else str(size) for size in shape)


def _tell(
    error: ShapeError, network: Network, node: Node, steps: list[NodeFlow], shapes: Mapping[str, Shape | None]
) -> None:
    """The error learns the node, its place and the sizes on the way; its own name for the layer gives way to the node's."""
    where = f"'{node.name}' ({node.kind})" if node.name else node.kind
    error.layer = f"{where} at {node.place}" if node.place else where
    lines = [error.detail] if error.detail else []
    if len(node.inputs) > 1:
        lines += ["its inputs: " + ", ".join(f"{name} {show(shapes.get(name))}" for name in node.inputs)]
    history = path_to(network, node, steps, shapes)
    if history:
        lines.append(f"the sizes on the way: {history}")
    error.detail = "\n".join(lines)


def path_to(network: Network, node: Node, steps: Sequence[NodeFlow], shapes: Mapping[str, Shape | None]) -> str:
    """The sizes on the way from an input to `node` along first inputs: only steps that change the shape, and of those the last."""
    made = {name: step for step in steps for name in step.node.outputs}
    told: list[str] = []
    name = node.inputs[0] if node.inputs else ""
    while name in made:
        step = made.pop(name)
        before = step.node.inputs[0] if step.node.inputs else ""
        if shapes.get(name) != shapes.get(before):
            told.append(f"{show(shapes.get(name))} ({step.node.name or step.node.kind})")
        name = before
    if shapes.get(name) is not None:
        told.append(f"{show(shapes[name])} ({name})")
    shown = told[:HISTORY]
    more = "... -> " if len(told) > HISTORY else ""
    return more + " -> ".join(reversed(shown))


def opaque(step: NodeFlow) -> Opaque | None:
    """The op that is not known, if the node is one."""
    return step.node.work if isinstance(step.node.work, Opaque) else None
