"""Concrete shapes through any network: every node once, in order; a break is told with the history that led to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from convwise import dialects
from convwise.dialects.base import Layer, run_ops
from convwise.errors import ArgumentError, ConvwiseError, ShapeError
from convwise.graph import Declared, Network, Node, Source, Work
from convwise.ops import AxisFlow, Flow, Layout, Norm, Op, Shape, elements
from convwise.ops.several import Several
from convwise.readers.echo import shown

Shapes = tuple[Shape | None, ...]
InputShapes = Shape | Sequence[int | None] | Mapping[str, Shape] | None

HISTORY = 8
"""How many steps of the path to a broken node are told."""


def total(counts: Iterable[int | None]) -> int | None:
    """The sum; None where one is not known."""
    found = 0
    for count in counts:
        if count is None:
            return None
        found += count
    return found


@dataclass(frozen=True, slots=True)
class Done:
    """What some work did to some shapes: the outputs (None: not known), each op's flow, the op it really was, and the counts.

    `moments` are stored numbers that training does not change by gradient; `values` are the elements of all outputs.
    """

    outputs: Shapes
    flows: tuple[Flow, ...] = ()
    ops: tuple[Op, ...] = ()
    params: int | None = 0
    trainable: int | None = 0
    macs: int | None = 0
    moments: int = 0
    values: tuple[int | None, ...] = ()
    axes: tuple[AxisFlow, ...] = ()


def done(outputs: Shapes, flows: tuple[Flow, ...] = (), ops: tuple[Op, ...] = ()) -> Done:
    """The counts are made once, because equal work on equal shapes is remembered."""
    moments = 0
    for op, flow in zip(ops, flows, strict=False):
        if isinstance(op, Norm) and op.moments and flow.params is not None and flow.trainable is not None:
            moments += flow.params - flow.trainable
    axes = next((flow.axes for flow in flows if flow.axes and flow.axes[0].window is not None), None)
    if axes is None:
        axes = next((flow.axes for flow in flows if flow.axes), ())
    return Done(
        outputs,
        flows,
        ops,
        total(flow.params for flow in flows),
        total(flow.trainable for flow in flows),
        total(flow.macs for flow in flows),
        moments,
        tuple(None if shape is None else elements(shape) for shape in outputs),
        axes,
    )


@dataclass(frozen=True, slots=True)
class NodeFlow:
    """One node with its numbers; `error` where it broke, `outputs` hold None where a shape is not known."""

    node: Node
    inputs: Shapes
    done: Done
    error: ShapeError | None = None

    @property
    def outputs(self) -> Shapes:
        return self.done.outputs

    @property
    def flows(self) -> tuple[Flow, ...]:
        return self.done.flows

    @property
    def ops(self) -> tuple[Op, ...]:
        return self.done.ops

    @property
    def axes(self) -> tuple[AxisFlow, ...]:
        """The axes of the op whose windows slide; else of the first op that has any."""
        return self.done.axes

    @property
    def params(self) -> int | None:
        """All stored numbers, as the reader knows them or else as the ops say."""
        return self.done.params if self.node.params is None else self.node.params

    @property
    def trainable(self) -> int | None:
        if self.node.trainable is not None:
            return self.node.trainable
        return 0 if self.node.params == 0 else self.done.trainable

    @property
    def macs(self) -> int | None:
        return self.done.macs


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
    memo: Memo = {}
    for node in network.nodes:
        step = _step(node, tuple([shapes.get(name) for name in node.inputs]), memo)
        if step.error is not None:
            _tell(step.error, network, node, steps, shapes)
            if strict:
                raise step.error
        shapes.update(zip(node.outputs, step.outputs, strict=False))
        steps.append(step)
    return Run(network, inputs, tuple(steps), shapes)


Memo = dict[tuple[int, int, Shapes], Done]
"""What one run has worked out, works and layouts known by identity, which is quicker than by their values."""


def _step(node: Node, inputs: Shapes, memo: Memo) -> NodeFlow:
    work = node.work
    key = (id(work), id(node.layout), inputs)
    found = memo.get(key)
    if found is not None:
        return NodeFlow(node, inputs, found)
    if None in inputs:
        return NodeFlow(node, inputs, _unknown(len(node.outputs)))
    shapes: tuple[Shape, ...] = inputs  # type: ignore[assignment]
    try:
        found = memo[key] = _work(work, node, shapes)
        return NodeFlow(node, inputs, found)
    except ShapeError as error:
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), error)
    except ConvwiseError as error:
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), _as_shape_error(error))
    except (LookupError, ValueError, ArithmeticError, AssertionError):
        # Ops of a malformed file: too few inputs, or axes that the op does not have.
        given = ", ".join(show(shape) for shape in shapes) or "no inputs"
        refused = ShapeError("CW101", f"{node.kind} does not take {given}", received=shapes)
        return NodeFlow(node, inputs, _unknown(len(node.outputs)), refused)


def _work(work: Work, node: Node, shapes: tuple[Shape, ...]) -> Done:
    if isinstance(work, Layer):
        return layer_flow(work, shapes[0])
    try:
        hash(work)
    except TypeError:  # a setting that cannot be compared
        if isinstance(work, tuple):
            return _through.__wrapped__(work, node.layout, shapes[0])
        return _several.__wrapped__(work, shapes)
    return _through(work, node.layout, shapes[0]) if isinstance(work, tuple) else _several(work, shapes)


@lru_cache(maxsize=64)
def _unknown(outputs: int) -> Done:
    return Done((None,) * outputs, values=(None,) * outputs)


@lru_cache(maxsize=8192)
def _several(work: Several, shapes: tuple[Shape, ...]) -> Done:
    return done(work.flows(shapes))


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
        for axis in flows[-1].axes:
            if axis.size == 0 and axis.window is not None:
                raise ShapeError("CW103", "the size is 0: there is no cell to read", axis=axis.name, received=0)
    return done((flows[-1].output if flows else shape,), tuple(flows), ops)


_LAYERS: dict[object, Done] = {}
"""What equal layers did to equal shapes; emptied when it is full."""

_MOST_LAYERS = 8192


def layer_flow(layer: Layer, shape: Shape) -> Done:
    """A dialect's layer, as it runs in a trained network: normalisation with stored moments asks for no second value."""
    settings = tuple(pair for pair in layer.arguments.items() if pair[0] != "name")
    key = (layer.dialect, layer.release, layer.kind, settings, layer.ops, layer.channels_last, shape)
    try:
        found = _LAYERS.get(key)
    except TypeError:  # an argument that cannot be compared, such as a mapping
        return _layer_flow(layer, shape)
    if found is None:
        found = _layer_flow(layer, shape)
        if len(_LAYERS) >= _MOST_LAYERS:
            _LAYERS.clear()
        _LAYERS[key] = found
    return found


def _layer_flow(layer: Layer, shape: Shape) -> Done:
    try:
        found = dialects.get(layer.dialect).flow(layer, shape)
    except ShapeError as error:
        if not (error.quote.startswith("Expected more than 1") and _stored(layer)):
            raise
        unbatched = layer.rank is not None and len(shape) == layer.rank + 1
        found = run_ops(layer, shape, Layout(layer.channels_last, batched=not unbatched))
    return done((found.output,), found.flows, found.layer.ops)


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
    where = f"'{shown(node.name)}' ({shown(node.kind)})" if node.name else shown(node.kind)
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
            told.append(f"{show(shapes.get(name))} ({shown(step.node.name or step.node.kind)})")
        name = before
    if shapes.get(name) is not None:
        told.append(f"{show(shapes[name])} ({shown(name)})")
    last = told[:HISTORY]
    more = "... -> " if len(told) > HISTORY else ""
    return more + " -> ".join(reversed(last))
